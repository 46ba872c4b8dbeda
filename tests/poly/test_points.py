"""Points of sets and maps, and boxes of points."""

from __future__ import annotations

from random import Random

import islpy as isl
import pytest

from tracealloc.poly.isl.named import point_values
from tracealloc.poly.isl.points import Pair, boxes_of, few_pairs, map_of_boxes, pairs_of, points_of_set


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("{ S[i] : -2 <= i < 1 }", [(-2,), (-1,), (0,)]),
        ("{ S[] }", [()]),
        ("{ S[i] : false }", []),
        ("{ A0_v1[i, j] : 0 <= i < 5 and i mod 2 = 0 and j = i // 3 }", [(0, 0), (2, 0), (4, 1)]),
        ("{ S[i] : 0 <= i < 2 or 1 <= i < 3 }", [(0,), (1,), (2,)]),
    ],
)
def test_the_points_of_a_set(text: str, points: list[tuple[int, ...]]) -> None:
    assert sorted(points_of_set(isl.Set(text))) == points


def test_the_pairs_of_a_map() -> None:
    pairs = pairs_of(isl.Map("{ S1[i] -> A2[i + 1, 7] : 0 <= i < 2 }"))
    assert sorted(pairs) == [((0,), (1, 7)), ((1,), (2, 7))]
    assert pairs_of(isl.Map("{ S[] -> A[] }")) == [((), ())]


@pytest.mark.parametrize("seed", range(20))
def test_boxes_hold_just_their_points(seed: int) -> None:
    rng = Random(seed)
    sizes = [rng.randint(1, 4) for _ in range(rng.randint(1, 4))]
    split = rng.randint(0, len(sizes))
    every: list[Pair] = []
    for _ in range(rng.randint(1, 60)):
        point = tuple(rng.randrange(size) - 1 for size in sizes)
        every.append((point[:split], point[split:]))
    boxes = boxes_of(every)
    assert len(boxes) <= len(set(every))
    assert sorted(pairs_of(map_of_boxes("P", "S", boxes))) == sorted(set(every))


def test_a_whole_box_is_one() -> None:
    every = [((a,), (b, c)) for a in range(3) for b in range(2, 5) for c in range(4)]
    assert boxes_of(every) == [(((0,), (2, 0)), ((2,), (4, 3)))]
    assert boxes_of([]) == []


def test_few_pairs_are_listed() -> None:
    triangle = isl.Map("{ A[i] -> E[j] : 0 <= i < 3 and 0 <= j <= i and (i + j) mod 2 = 0 }")
    assert sorted(few_pairs(triangle) or []) == [((0,), (0,)), ((1,), (1,)), ((2,), (0,)), ((2,), (2,))]
    assert few_pairs(isl.Map("{ A[] -> E[] }")) == [((), ())]
    assert few_pairs(isl.Map("{ A[i] -> E[i] : 0 <= i < 0 }")) == []


@pytest.mark.parametrize(
    "text",
    [
        "{ A[i] -> E[j] : 0 <= i < 3 and j >= i }",
        "{ A[i] -> E[j] : 0 <= i < 2000 and 0 <= j < 2000 }",
        "[n] -> { A[i] -> E[j] : 0 <= i < 3 and j = n }",
        "[n] -> { A[i] -> E[i] : 0 <= i < n < 3 }",
        "[n] -> { A[i] -> E[i] : 0 <= i < 3 }",
    ],
)
def test_pairs_without_end_or_of_parameters_are_not_listed(text: str) -> None:
    assert few_pairs(isl.Map(text)) is None


def test_the_least_element_is_found_where_isl_has_another() -> None:
    text = """{ [i0, i1, i2 = 1 + i0, i3] : i0 mod 2 = 0 and i0 <= 0 and 0 < i1 <= 1 + i0 and i0 <= i3 <= 1;
        [i0, i1, i2 = 1 + i0, i3 = i1] : i0 mod 2 = 0 and 0 <= i0 <= 2 and 0 <= i1 <= 1;
        [i0, i1 = 0, i2 = 1 + i0, i3 = 1] : i0 mod 2 = 0 and 0 <= i0 <= 2;
        [i0 = 0, i1, i2 = 1, i3 = 0] : 0 <= i1 <= 1 }"""
    some = isl.Set(text)
    assert point_values(some) == [0, 0, 1, 0] == list(min(points_of_set(some)))
    assert point_values(isl.Set("{ [i] : 1 <= i < 1 }")) is None
    assert point_values(isl.Set("{ [] }")) == []
