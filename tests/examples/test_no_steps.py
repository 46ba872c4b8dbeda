"""Kernels of time steps, of which there are none: nothing changes."""

from __future__ import annotations

import numpy as np
import pytest

from examples.polybench import adi, fdtd_2d


@pytest.mark.parametrize("make", [lambda: adi.make(TSTEPS=0, N=4), lambda: fdtd_2d.make(TMAX=0, NX=4, NY=5)])
def test_no_steps(make) -> None:
    kernel = make()
    shapes = [array.shape for array in kernel.trace().args]
    arrays = [np.arange(np.prod(shape), dtype=np.float64).reshape(shape) for shape in shapes]
    before = [array.copy() for array in arrays]
    kernel(*arrays)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))
