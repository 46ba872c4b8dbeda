"""Accesses of many pieces in the order of a tree: simplified no further than is cheap, and the same."""

from __future__ import annotations

import islpy as isl
import pytest

from tracealloc.poly.dataflow.timestamps import _MANY_PIECES, _plainer, _Timed
from tracealloc.poly.isl.compared import is_same


def in_pieces(count: int) -> isl.Map:
    """A single-valued access of so many pieces that do not join, with an equation hidden in each."""
    parts = (f"i = 3 * o + {k} and {7 * k} <= 2 * i <= {7 * k + 3}" for k in range(count))
    return isl.Map(f"{{ A[i, j] -> E[o, j] : 0 <= j < 4 and ({' or '.join(parts)}) }}")


@pytest.mark.parametrize("count", [2, _MANY_PIECES, 3 * _MANY_PIECES])
def test_pieces(count: int) -> None:
    access = in_pieces(count)
    assert is_same(_plainer(access), access)
    times = isl.Map("{ S[i, j] -> S[t, k] : t = i + j and k = j }")
    timed = _Timed(access, times)
    expected = isl.Map("{ A[i, j] -> A[t, k] : t = i + j and k = j }").reverse().apply_range(access)
    assert not timed.spread
    assert is_same(timed.relation, expected)


def test_many_pieces_are_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(m: isl.Map) -> isl.Map:
        raise AssertionError(f"{m.n_basic_map()} pieces")

    monkeypatch.setattr(isl.Map, "detect_equalities", asked)
    assert is_same(_plainer(in_pieces(3 * _MANY_PIECES)), in_pieces(3 * _MANY_PIECES))
