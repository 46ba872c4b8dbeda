"""isl looks for hidden variables in place: what is subtracted or compared stays as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import islpy as isl
import pytest

import tracealloc
import tracealloc as ta
from tests.poly.test_extreme import last_before, pairs_by_size
from tracealloc import int32, kernel
from tracealloc.poly.isl.compared import is_same, is_within, minus, own
from tracealloc.poly.isl.named import unshared

PIECES: dict[str, Callable[[isl.Map], isl.Map]] = {
    "map": own,
    "union": lambda m: own(isl.UnionMap.from_map(m)).get_map_list().get_at(0),
}


@pytest.mark.parametrize("kind", PIECES)
def test_what_is_done_to_a_copy_is_not_done_to_the_other(kind: str) -> None:
    """``lexmax`` ruins what it is asked of: see `test_extreme`."""
    pairs = last_before("-4 <= p <= 3 and -16 <= q <= 15")
    before = pairs_by_size(unshared(pairs))
    PIECES[kind](pairs).lexmax()
    assert pairs_by_size(pairs) == before


def test_answers() -> None:
    some = isl.Set("{ [i] : 0 <= i < 9 and exists e: i = 3e }")
    assert is_within(some, isl.Set("{ [i] : 0 <= i < 7 }"))
    assert is_same(minus(isl.Set("{ [i] : 0 <= i < 4 }"), some), isl.Set("{ [1]; [2] }"))
    sizes = isl.Set("[n] -> { : 0 <= n < 4 }")
    assert own(sizes).is_params()
    assert is_same(minus(sizes, isl.Set("[n] -> { : n >= 2 }")), isl.Set("[n] -> { : 0 <= n < 2 }"))


def test_nothing_else_compares() -> None:
    asks = re.compile(r"\.(subtract(_domain)?|is_subset|transitive_closure|complement)\(")
    found = {
        f"{path.parent.name}/{path.name}: {line.strip()}"
        for path in Path(tracealloc.__file__).parent.rglob("*.py")
        if path.name not in ("compared.py", "named.py")
        for line in path.read_text().splitlines()
        if asks.search(line) and "own(" not in line
    }
    assert not found


@kernel
def by_remainders(p: int32[5, 1, 3], q: int32[3]):
    for i in ta.range(7):
        p[(i + 1) % 5, 0, (i + i) % 3] += q[p[2, 0, 1] % 2]
        for k in ta.range(i + 1):
            p[(k + i) % 5, (k - i) % 1, (2 * i + 1) % 3] = i - (k // 3)


def test_equal_programs_are_equal() -> None:
    s = ta.customize(by_remainders)
    s.tile(["i", "k"], [4, 4])
    s.reorder("i.inner", "k.inner", "k.outer")
    assert s.verify(), s.verify()


@kernel
def looks(p: int32[4]):
    t = ta.scalar(int32, 0)
    t += p[0]


@kernel
def only_reads(A: int32[4]):
    for i in ta.range(4):
        for _ in ta.range(2):
            A[i] += 1
            looks(A)


def test_a_call_that_only_reads_in_a_pipelined_loop() -> None:
    s = ta.customize(only_reads)
    s.pipeline("i")
    assert s.verify()
