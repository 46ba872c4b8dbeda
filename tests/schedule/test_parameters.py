"""Every step on loops up to a run-time size: right for every size, 0 and negative ones too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel

SIZES = [(0, 0), (1, 1), (9, 7), (16, 12), (16, 0), (0, 12), (-3, 5), (5, -(2**31)), (13, 12)]


@kernel
def product(n: int32, m: int32, A: float32[16, 12], x: float32[12], y: float32[16]):
    for i in ta.range(n):
        y[i] = 0
        for j in ta.range(m):
            y[i] += A[i, j] * x[j]


@kernel
def stencil(n: int32, m: int32, A: float32[16, 12], x: float32[12], y: float32[16]):
    for i in ta.range(1, n - 1, name="a"):
        y[i] = A[i - 1, 0] + A[i + 1, 0]
    for i in ta.range(2, n - 2, name="b"):
        A[i, 1] = y[i - 1] + y[i] + y[i + 1]


@kernel
def triangle(n: int32, m: int32, A: float32[16, 12], x: float32[12], y: float32[16]):
    for i, j in grid(n, 12):
        if j < m and j <= i:
            A[i, j] += x[j] * y[n - 1 - i]


def run(f: Callable[..., object], n: int, m: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((16, 12), 12, 16)]
    f(n, m, *arrays)
    return arrays


STEPS: list[tuple[ta.Kernel, str]] = [
    (product, 's.split("i", 8)'),
    (product, 's.split("j", 5); s.unroll("j.inner")'),
    (product, 's.distribute("i"); s.tile(["i_2", "j"], [4, 4])'),
    (product, 's.distribute("i"); s.reorder("j", "i_2")'),
    (product, 's.buffer_at(s.A, "i")'),
    (product, 's.buffer_at(s.x, "i"); s.buffer_at(s.y, "i")'),
    (product, 's.peel("i", 2)'),
    (product, 's.peel("i", -1); s.peel("j", 3)'),
    (product, 's.parallel("i")'),
    (product, 's.unroll("j")'),
    (product, 's.pipeline("i")'),
    (product, 's.reverse("i")'),
    (product, 's.shift("i", 3); s.skew("j", "i")'),
    (product, 's.reassociate(); s.rfactor(s.y, "j", factor=4)'),
    (product, 's.outline("j", "row"); s.split("row:j", 3)'),
    (product, 's.outline("j", "row"); s.buffer_at("row:x", "row:j"); s.inline("row")'),
    (stencil, 's.shift("b.i", 1); s.merge("a.i", "b.i")'),
    (stencil, 's.compute_at(s.y, "b.i")'),
    (stencil, 's.reuse_at(s.A, "a.i")'),
    (stencil, 's.reuse_at(s.y, "b.i")'),
    (triangle, 's.reorder("j", "i")'),
    (triangle, 's.fuse("i", "j")'),
    (triangle, 's.tile(["i", "j"], [5, 4]); s.buffer_at(s.A, "j.outer")'),
    (triangle, 's.partition(s.A, dim=1); s.vectorize("j")'),
]


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
@pytest.mark.parametrize(("used", "steps"), STEPS, ids=[steps for _, steps in STEPS])
def test_steps(used: ta.Kernel, steps: str) -> None:
    s = ta.customize(used)
    exec(steps, {"s": s})
    assert s.verify()
    again = ta.customize(used)
    exec(s.script().split("\n", 1)[1], {"s": again})
    assert str(again) == str(s)
    free = "rfactor" in steps
    built = s.build()
    for n, m in SIZES:
        expected = run(lambda *a: ta.interpret(used, *a), n, m)
        for f in (built, lambda *a: ta.interpret(s, *a)):
            for a, b in zip(run(f, n, m), expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5 if free else 0)
    for f in (built, used):
        with pytest.raises(ta.BoundsError, match=r"requires n <= 1[67], not n = 18"):
            run(f, 18, 3)


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
def test_hls_text() -> None:
    """Trip counts come from what is required; a size unrolls to its most, with guards."""
    s = ta.customize(product)
    s.pipeline("i")
    text = s.build(target="vitis_hls").source
    assert "// requires n <= 16: y[i]" in text and "// requires m <= 12: A[i, j]" in text
    assert "#pragma HLS loop_tripcount min=0 max=16" in text
    assert "j < 12; ++j) {\n      if (j < m) {" in text
    simulated = s.build(target="vitis_hls", mode="csim")
    for n, m in SIZES:
        for a, b in zip(run(simulated, n, m), run(product, n, m), strict=True):
            assert np.array_equal(a, b)
    with pytest.raises(ta.BoundsError, match="product requires m <= 12, not m = 13"):
        run(simulated, 2, 13)


def test_refusals_name_the_size() -> None:
    @kernel
    def long(n: int32, x: float32[4]):
        for i in ta.range(n):
            for j in ta.range(4):
                x[j] += i

    s = ta.customize(long)
    with pytest.raises(ta.ScheduleError) as found:
        s.unroll("i")
    assert found.value.code == "TA227"
    assert found.value.summary == "unroll(\"i\") cannot unroll 'i' completely: its extent depends on n"
    s = ta.customize(product)
    s.distribute("i")
    with pytest.raises(ta.ScheduleError) as found:
        s.fuse("i_2", "j")
    assert found.value.code == "TA226"
    assert "that of 'j' depends on m" in found.value.summary
