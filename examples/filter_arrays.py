"""Systolic arrays of filters: in each, a PE for a weight or for an output, and every input is read once.

python examples/filter_arrays.py [FOLDER]     FOLDER: where to write the Vitis HLS projects

Neighbours use parts of the input that are shifted against one another. `skew` lets an element come to
all of them in one iteration; then `relay` passes it on.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np

import tracealloc as ta
from tracealloc import grid, int8, int16, int32, kernel


def make_fir(*, N: int, T: int, dtype: object = int16, out: object = int32) -> ta.Kernel:
    @kernel
    def fir(x: dtype[N + T - 1], w: dtype[T]) -> out[N]:
        y = ta.zeros((N,), out)
        for n, t in grid(N, T, name="PE"):
            y[n] += w[t] * x[n + t]
        return y

    return fir


def make_conv2d(*, H: int, W: int, R: int, S: int, dtype: object = int8, out: object = int32) -> ta.Kernel:
    @kernel
    def conv2d(x: dtype[H + R - 1, W + S - 1], w: dtype[R, S]) -> out[H, W]:
        y = ta.zeros((H, W), out)
        for i, j, r, t in grid(H, W, R, S, name="PE"):
            y[i, j] += w[r, t] * x[i + r, j + t]
        return y

    return conv2d


def fir_weights(fir: ta.Kernel) -> ta.Schedule:
    """A PE for each weight: inputs and sums travel the same way, the sums one step ahead."""
    s = ta.customize(fir)
    (T,) = s.w.shape
    s.reorder("t", "n")
    s.skew("n", by="t")
    inputs = s.buffer_at(s.x, "t")
    sums = s.buffer_at(s.y, "t")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.TraceallocWarning)  # the PEs share sums until these are relayed
        pe = s.unfold("PE", axis=0, factor=T)
    s.partition(s.w)
    s.relay(sums, pe, axis=1)
    s.relay(inputs, pe, axis=1)
    return s


def fir_outputs(fir: ta.Kernel) -> ta.Schedule:
    """A PE for each output: inputs and weights travel the same way, the weights one step behind."""
    s = ta.customize(fir)
    (N,) = s.y.shape
    s.skew("t", by="n")
    weights = s.buffer_at(s.w, "n")
    inputs = s.buffer_at(s.x, "n")
    pe = s.unfold("PE", axis=0, factor=N)
    s.partition(s.y)
    s.relay(weights, pe, axis=1)
    s.relay(inputs, pe, axis=1)
    return s


def conv2d_weights(conv2d: ta.Kernel) -> ta.Schedule:
    """A chain of PEs, one for each weight; the image streams through, line by line."""
    s = ta.customize(conv2d)
    R, S = s.w.shape
    s.reorder("r", "t", "i", "j")
    s.skew("j", by="t")
    s.skew("i", by="r")
    tap = s.fuse("r", "t")
    inputs = s.buffer_at(s.x, tap)
    sums = s.buffer_at(s.y, tap)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.TraceallocWarning)
        pe = s.unfold("PE", axis=0, factor=R * S)
    s.partition(s.w)
    s.relay(sums, pe, axis=1)
    s.relay(inputs, pe, axis=1)
    return s


def main(folder: str | None = None) -> None:
    random = np.random.default_rng(0)
    x, w = random.integers(-999, 999, 20).astype(np.int16), random.integers(-999, 999, 5).astype(np.int16)
    image, taps = (
        random.integers(-99, 99, (8, 9)).astype(np.int8),
        random.integers(-99, 99, (3, 3)).astype(np.int8),
    )
    line = np.convolve(x.astype(np.int32), w[::-1].astype(np.int32), "valid")
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.int32), (3, 3))
    plane = np.einsum("ijrs,rs->ij", windows, taps.astype(np.int32))
    arrays = {
        "fir_weights": (fir_weights(make_fir(N=16, T=5)), (x, w), line),
        "fir_outputs": (fir_outputs(make_fir(N=16, T=5)), (x, w), line),
        "conv2d_weights": (conv2d_weights(make_conv2d(H=6, W=7, R=3, S=3)), (image, taps), plane),
    }
    for name, (s, args, expected) in arrays.items():
        print(f"{s}\ns.verify(): {s.verify()}")
        same = np.array_equal(s.build()(*args), expected)
        print(f"{name}: against NumPy: {'the same bits' if same else 'DIFFERENT'}\n")
        if folder is not None:
            s.build(target="vitis_hls").write(Path(folder) / name)


if __name__ == "__main__":
    main(*sys.argv[1:2])
