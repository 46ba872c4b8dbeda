"""What a refused step says to write instead: the nearest keyword, word, loop, array, number."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int32, kernel


@kernel
def inner(X: int32[8]):
    for ii in grid(8, name="IN"):
        X[ii] += 1


@kernel
def top(A: int32[8, 8], B: int32[8]):
    for i, j in grid(8, 8, name="PE"):
        A[i, j] += 1
    inner(B)


HINTS = {
    "s.pipeline('j', II=2)": "ii=",
    "s.pipeline('j', Initiation_Interval=2)": "initiation_interval=",
    "s.pipeline('j', interval=2)": "ii=",
    "s.partition(s.A, axis=1)": "dim=",
    "s.partition(s.A, dims=1)": "dim=",
    "s.partition('A', knd='cyclic')": "kind=",
    "s.bind(s.A, 'BRAM')": "'bram'",
    "s.bind(s.A, 'Uram')": "'uram'",
    "s.interface(s.A, 'M_AXI')": "'m_axi'",
    "s.partition(s.A, kind='Cyclic', factor=2)": "'complete' or 'cyclic' or 'block'",
    "s.pipeline('ii')": "'inner:ii'",
    "s.pipeline('IN.ii')": "'inner:IN.ii'",
    "s.partition('X')": "'inner:X'",
    "s.buffer_at('X', 'inner:ii')": "'inner:X'",
    "s.pipeline('jj')": "'j'",
    "s.pipeline('J')": "'j'",
    "s.pipeline('PE.jj')": "'j'",
    "s.pipeline('PEE.j')": "'j'",
    "s.partition('a')": "'A'",
    "s.split('i', 2.0)": 's.split("i", 2)',
    "s.split(loop='i', factor=4.0)": 's.split(loop="i", factor=4)',
    "s.tile(['i', 'j'], [2.0, 2])": 's.tile(["i", "j"], [2, 2])',
    "s.unroll('i', factor=np.float64(2))": 's.unroll("i", factor=2)',
    "s.partition(s.A, dim=1.0)": 's.partition("A", dim=1)',
    "s.peel('i', 1.0)": 's.peel("i", 1)',
    "s.pipelin('j')": "s.pipeline",
    "s.Pipeline('j')": "s.pipeline",
    "s.unrol('j')": "s.unroll",
    "s.a": "'A'",
    "s['b']": "'B'",
}


@pytest.mark.parametrize("call", HINTS)
def test_hint(call: str) -> None:
    s = ta.customize(top)
    before = str(s)
    with pytest.raises(ta.ScheduleError) as found:
        eval(call, {"s": s, "np": np})
    assert found.value.hint == HINTS[call]
    assert str(s) == before


def test_no_hint_where_nothing_is_near() -> None:
    for call in (
        "s.pipeline('zebra')",
        "s.split('i', 2.5)",
        "s.pipeline('j', zebra=2)",
        "s.partition('zebra')",
    ):
        with pytest.raises(ta.ScheduleError) as found:
            eval(call, {"s": ta.customize(top)})
        assert found.value.hint is None


@pytest.mark.parametrize("dtype", [np.int8, np.dtype("int8"), "int8", ta.int8])
def test_cast_takes_numpys_types(dtype: object) -> None:
    s = ta.customize(top)
    s.cast(s.A, dtype)
    assert str(s.lowered.args[0].dtype) == "int8"
    scope = {"ta": ta, "top": top}
    exec(s.script(), scope)
    assert str(scope["s"]) == str(s)
