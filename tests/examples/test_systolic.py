"""The systolic arrays of the examples: proved, the same numbers as NumPy, HLS takes them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.emit.test_vitis import needs_headers
from tests.examples.suite import example

ARRAYS = ("output", "weight", "one")
SIZES = [(3, 4, 5), (1, 1, 1), (5, 2, 1)]


@needs_headers
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name: str, size: tuple[int, int, int]) -> None:
    M, N, K = size
    module = example("", "systolic")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = module.ARRAYS[name](module.make(M=M, N=N, K=K))
        simulated = s.build(target="vitis_hls", mode="csim")
    assert s.verify()
    rng = np.random.default_rng(sum(size))
    A = rng.integers(-128, 128, (M, K)).astype(np.int8)
    B = rng.integers(-128, 128, (K, N)).astype(np.int8)
    for build in (s.build(), simulated):
        np.testing.assert_array_equal(build(A, B), A.astype(np.int32) @ B)


def test_main(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("", "systolic").main(str(tmp_path))
    said = capsys.readouterr().out
    assert said.count("the same bits") == len(ARRAYS)
    assert "DIFFERENT" not in said
    assert all((tmp_path / name / "matmul.cpp").exists() for name in ARRAYS)
