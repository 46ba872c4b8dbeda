"""Arrays that get another shape inside, where called kernels see views of them."""

from __future__ import annotations

import pytest

import tracealloc as ta
from tracealloc import int32


def _caller() -> ta.Schedule:
    @ta.kernel
    def addrow(x: int32[5], y: int32[5]):  # type: ignore[no-untyped-def]
        for j in ta.range(5):
            y[j] += x[j]

    @ta.kernel
    def caller(A: int32[7, 5]):  # type: ignore[no-untyped-def]
        for i in ta.range(6):
            addrow(A[i], A[i + 1])

    return ta.customize(caller)


@pytest.mark.parametrize(
    ("name", "args"), [("permute", ([0, 1],)), ("permute", ([1, 0],)), ("reshape", (35,))]
)
def test_an_argument_whose_rows_are_passed_on_keeps_its_shape(name: str, args: tuple[object, ...]) -> None:
    s = _caller()
    before = s.module
    with pytest.raises(ta.ScheduleError, match="cannot change the subscripts of 'A', which test_relayout"):
        getattr(s, name)("A", *args)
    assert s.module is before
