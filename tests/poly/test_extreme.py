"""The last write before a read where loops have steps: isl's own answer is wrong for some maps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import islpy as isl
import pytest

import tracealloc
import tracealloc as ta
from tracealloc import float32, kernel
from tracealloc.poly.isl.extremes import extreme, greatest, least
from tracealloc.poly.isl.named import unshared
from tracealloc.poly.isl.points import points_of_set

STEPS = isl.Map(
    "{ F[e0 = 2] -> S[t0, t1, k0 = -t0 + t1, k1, k2] : 3k1 = -1 + t0 and 2k2 = 1 - t0 + t1"
    " and 0 < t0 <= 4 and t0 < t1 <= 3 + t0 }"
)


def test_last_and_first_of_a_map_with_steps() -> None:
    assert extreme(STEPS, latest=True).is_equal(isl.Map("{ F[2] -> S[4, 7, 3, 1, 2] }"))
    assert extreme(STEPS, latest=False).is_equal(isl.Map("{ F[2] -> S[1, 2, 1, 0, 1] }"))


@kernel
def one(F: float32[14], B: float32[14]):
    for i in ta.range(1, 5, 3):
        for j in ta.range(1, 4, 2):
            F[2] = B[i + j] - F[2]


@kernel
def triangle(F: float32[40], B: float32[14]):
    for i in ta.range(1, 12, 3):
        for j in ta.range(i, 12, 2):
            for k in ta.range(0, -5, -3):
                F[2 * j - k] = B[j] - F[j]


@pytest.mark.parametrize("made", [one, triangle])
@pytest.mark.parametrize("factor", [1, 2, -1])
def test_skewed_loops_with_steps_are_proved(made: ta.Kernel, factor: int) -> None:
    s = ta.customize(made)
    s.skew("j", "i", factor)
    assert s.verify()


def last_before(sizes: str) -> isl.Map:
    """What is read and written at elements that two sizes choose: pairs of moments."""
    bounds = "t0 >= 0 and 0 <= t1 <= 3 - 3t0 and t1 <= 2"
    moment = "[t0, t1, k0 = 6t0 + 2t1, k1 = 3t0 + t1, k2 = 3t0 + t1]"
    read = isl.Map(
        f"[p, q] -> {{ A{moment} -> E[o0, o1, o2] : (2t0 + 2t1 + o0) mod 4 = 0 and (p + o1) mod 2 = 0 and"
        f" (-p - t1 + o2) mod 3 = 0 and {sizes} and {bounds} and -1 <= o0 <= 2 and 0 <= o1 <= 1 and"
        " 0 <= o2 <= 2 }"
    )
    write = isl.Map(
        f"[p, q] -> {{ B{moment} -> E[o0, 1, o2] : (1 - q + o0) mod 4 = 0 and (-1 + p + o2) mod 3 = 0 and"
        f" {sizes} and {bounds} and -1 <= o0 <= 2 and 0 <= o2 <= 2 }}"
    )
    order = isl.Map("{ A[a0, a1, a2, a3, a4] -> B[b0 = a0, b1, b2, b3, b4] : b1 < a1 }")
    return read.apply_range(write.reverse()).intersect(order)


def pairs_by_size(relation: isl.Map) -> set[tuple[int, int, str]]:
    found: set[tuple[int, int, str]] = set()
    for p in range(-4, 4):
        for q in range(-16, -12):
            alone = relation.intersect_params(isl.Set(f"[p, q] -> {{ : p = {p} and q = {q} }}"))
            texts = [str(point) for point in points_of_set(alone.wrap().project_out_all_params())]
            found |= {(p, q, text) for text in texts}
    return found


@pytest.mark.parametrize("of", [least, greatest, lambda pairs: extreme(pairs, latest=True)])
def test_what_is_asked_for_its_last_stays_as_it_was(of: Callable[[isl.Map], isl.Map]) -> None:
    """isl's lexmax takes constraints away from its own argument."""
    pairs = last_before("-4 <= p <= 3 and -16 <= q <= 15")
    before = pairs_by_size(unshared(pairs))
    assert len(before) == 4
    assert pairs_by_size(of(pairs)) <= before
    assert pairs_by_size(pairs) == before


@kernel
def by_sizes(A: float32[4, 2, 3], B: float32[2], p: ta.Int(3), q: ta.Int(5)):
    for k in ta.range(0, 7, 2):
        if B[0] == A[(k + 1) % 4, (k + p) % 2, (p - k) % 3]:
            A[q % 4, 1, (2 * p + 1) % 3] += A[(p - k) % 4, (k + 1) % 2, (p + 1) % 3]


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_elements_that_sizes_choose_are_told_apart(factor: int) -> None:
    s = ta.customize(by_sizes)
    s.split("k", factor)
    assert s.verify(), s.verify()


def test_nothing_else_asks_isl_for_the_last() -> None:
    users = {
        path.name
        for path in Path(tracealloc.__file__).parent.rglob("*.py")
        if re.search(r"\.lex(min|max)", path.read_text())
    }
    assert users == {"extremes.py", "named.py"}
