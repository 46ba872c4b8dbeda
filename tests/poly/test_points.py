"""Points of sets and maps, and boxes of points."""

from __future__ import annotations

from random import Random

import islpy as isl
import pytest

from tracealloc.poly.isl.points import Pair, boxes_of, map_of_boxes, pairs_of, points_of_set


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
