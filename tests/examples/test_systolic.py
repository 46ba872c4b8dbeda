"""The systolic arrays of the examples: proved, the same numbers as NumPy, HLS takes them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.emit.test_vitis import needs_headers
from tests.examples.suite import example

ARRAYS = ("output", "weight", "one", "tiled")
SIZES = [(3, 4, 5), (1, 1, 1), (5, 2, 1)]
TILED = [(4, 6, 5), (5, 7, 3), (1, 8, 2), (8, 1, 2), (3, 4, 1)]


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


@needs_headers
@pytest.mark.parametrize("size", TILED)
def test_tiles(size: tuple[int, int, int]) -> None:
    """Tiles that do not divide the sizes: every row and column of PEs passes on what any of it needs."""
    test_arrays("tiled", size)


def test_a_tiled_array_is_one_pipeline() -> None:
    module = example("", "systolic")
    s = module.tiled(module.make(M=8, N=12, K=20), 4, 4)
    (pe,) = [line for line in str(s).split("PE: ")[1].splitlines() if "pipeline" in line]
    assert pe.strip().startswith("for k in 0:20")
    report = s.simulate(np.ones((8, 20), np.int8), np.ones((20, 12), np.int8))
    assert 6 * 20 <= report.cycles <= 6 * 20 + 40  # six tiles, one after the other without a gap


def test_main(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("", "systolic").main(str(tmp_path))
    said = capsys.readouterr().out
    assert said.count("the same bits") == len(ARRAYS)
    assert "DIFFERENT" not in said
    assert all((tmp_path / name / "matmul.cpp").exists() for name in ARRAYS)
