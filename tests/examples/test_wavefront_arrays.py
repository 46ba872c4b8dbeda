"""The systolic arrays whose PEs hand on what they make: proved, the same bits as the loops, for HLS too."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.emit.test_vitis import needs_headers
from tests.examples.suite import example
from tracealloc import Int

SIZES = [2, 3, 6]


def check(s: Any, plain: Any, args: tuple[Any, ...]) -> None:
    assert s.verify()
    assert s.module.state(s.name).concurrent
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulated = s.build(target="vitis_hls", mode="csim")
    expected = [x.copy() for x in args]
    result = plain(*expected)
    for build in (s.build(), simulated):
        given = [x.copy() for x in args]
        np.testing.assert_array_equal(build(*given), result)
        for x, y in zip(given, expected, strict=True):
            np.testing.assert_array_equal(x, y)


@needs_headers
@pytest.mark.parametrize("n", [1, *SIZES])
def test_solve(n: int) -> None:
    module = example("", "wavefront_arrays")
    rng = np.random.default_rng(n)
    L = rng.random((n, n)).astype(np.float32) + np.eye(n, dtype=np.float32)
    b = rng.random(n).astype(np.float32)
    plain = module.make_solve(N=n)
    s = module.solve_rows(plain)
    check(s, plain, (L, b))
    np.testing.assert_allclose(np.tril(L) @ s.build()(L, b), b, rtol=1e-3, atol=1e-4)


@needs_headers
@pytest.mark.parametrize("n", SIZES)
def test_lu(n: int) -> None:
    module = example("", "wavefront_arrays")
    A = np.random.default_rng(n).random((n, n)).astype(np.float32) + n * np.eye(n, dtype=np.float32)
    plain = module.make_lu(N=n)
    s = module.lu_columns(plain)
    check(s, plain, (A,))
    done = A.copy()
    s.build()(done)
    both = (np.tril(done, -1) + np.eye(n)) @ np.triu(done)
    np.testing.assert_allclose(both, A, rtol=1e-4)


@needs_headers
@pytest.mark.parametrize("size", [(9, 6), (1, 1), (1, 4), (4, 1), (2, 3)])
@pytest.mark.parametrize("bits", [16, 11])
def test_align(size: tuple[int, int], bits: int) -> None:
    N, M = size
    module = example("", "wavefront_arrays")
    rng = np.random.default_rng(N * M)
    a, b = rng.integers(0, 3, N).astype(np.int8), rng.integers(0, 3, M).astype(np.int8)
    plain = module.make_align(N=N, M=M, dtype=Int(bits))
    check(module.align_columns(plain), plain, (a, b))


def test_main(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("", "wavefront_arrays").main(str(tmp_path))
    said = capsys.readouterr().out
    assert said.count("the same bits") == 3
    assert "DIFFERENT" not in said
    assert (tmp_path / "lu" / "lu.cpp").exists()
