"""The systolic arrays of filters: proved, the same numbers as NumPy, for HLS too, whatever the sizes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.emit.test_vitis import needs_headers
from tests.examples.suite import example
from tracealloc import Int

FIR = [(16, 5), (1, 1), (1, 4), (5, 1), (2, 2), (3, 7)]
CONV2D = [(6, 7, 3, 3), (1, 1, 1, 1), (1, 5, 1, 3), (5, 1, 3, 1), (4, 3, 2, 3), (2, 2, 3, 3), (3, 8, 5, 1)]
SIMULATED = {(16, 5), (5, 1), (6, 7, 3, 3), (1, 1, 1, 1)}  # each compiles for a second or two


def check(s: Any, args: tuple[Any, ...], expected: np.ndarray, simulated: bool) -> None:
    assert s.verify()
    assert s.module.state(s.name).concurrent
    builds = [s.build()]
    if simulated:
        builds.append(s.build(target="vitis_hls", mode="csim"))
    for build in builds:
        np.testing.assert_array_equal(build(*args), expected)


@needs_headers
@pytest.mark.parametrize("size", FIR)
@pytest.mark.parametrize("name", ["fir_weights", "fir_outputs"])
def test_fir(name: str, size: tuple[int, int]) -> None:
    N, T = size
    module = example("", "filter_arrays")
    rng = np.random.default_rng(sum(size))
    x = rng.integers(-(2**15), 2**15, N + T - 1).astype(np.int16)
    w = rng.integers(-(2**10), 2**10, T).astype(np.int16)
    expected = np.convolve(x.astype(np.int64), w[::-1].astype(np.int64))[T - 1 : T - 1 + N]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = getattr(module, name)(module.make_fir(N=N, T=T))
        check(s, (x, w), expected.astype(np.int32), size in SIMULATED)


@needs_headers
@pytest.mark.parametrize("size", CONV2D)
def test_conv2d(size: tuple[int, int, int, int]) -> None:
    H, W, R, S = size
    module = example("", "filter_arrays")
    rng = np.random.default_rng(sum(size))
    x = rng.integers(-128, 128, (H + R - 1, W + S - 1)).astype(np.int8)
    w = rng.integers(-128, 128, (R, S)).astype(np.int8)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.int32), (R, S))
    expected = np.einsum("ijrs,rs->ij", windows, w.astype(np.int32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = module.conv2d_weights(module.make_conv2d(H=H, W=W, R=R, S=S))
        check(s, (x, w), expected, size in SIMULATED)


@needs_headers
def test_odd_widths() -> None:
    module = example("", "filter_arrays")
    rng = np.random.default_rng(3)
    x, w = rng.integers(-16, 16, 8).astype(np.int8), rng.integers(-16, 16, 3).astype(np.int8)
    expected = np.convolve(x.astype(np.int32), w[::-1].astype(np.int32), "valid")
    s = module.fir_weights(module.make_fir(N=6, T=3, dtype=Int(5), out=Int(13)))
    check(s, (x, w), expected, True)


def test_main(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("", "filter_arrays").main(str(tmp_path))
    said = capsys.readouterr().out
    assert said.count("the same bits") == 3
    assert "DIFFERENT" not in said
    assert (tmp_path / "conv2d_weights" / "conv2d.cpp").exists()
