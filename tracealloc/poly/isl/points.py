"""Sets and maps as their points: for small ones, where isl's closed forms take long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import islpy as isl
import numpy as np

from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.budget import LISTED, limited
from tracealloc.poly.isl.evaluate import Column
from tracealloc.poly.isl.named import dims_of, parameters_in
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import tuple_text

__all__ = [
    "Point",
    "boxes_of",
    "called_back",
    "few_columns",
    "few_pairs",
    "map_of_boxes",
    "pairs_of",
    "points_of_set",
]

_Item = TypeVar("_Item")
Point: TypeAlias = tuple[int, ...]


def called_back(walk: Callable[[Callable[[_Item], Any]], Any], each: Callable[[_Item], Any]) -> None:
    """Let isl call a function for each of something; what that raises is raised when isl has returned.

    An exception must not go through isl: islpy prints it and goes on.
    """
    raised: list[BaseException] = []

    def kept(item: _Item) -> Any:
        try:
            return None if raised else each(item)
        except BaseException as error:
            raised.append(error)
            return None

    try:
        walk(kept)
    finally:
        if raised:
            raise raised[0]


def points_of_set(s: isl.Set) -> list[Point]:
    """The elements of a bounded set without parameters, in no order."""
    texts: list[str] = []
    flat = s.flatten()
    called_back(flat.foreach_point, lambda point: texts.append(str(point)))
    if not dims_of(flat):
        return [()] * len(texts)
    # The text of a point is ``{ S[1, 2] }``; asking isl for each coordinate takes three times as long.
    return [tuple(map(int, text[text.index("[") + 1 : text.index("]")].split(","))) for text in texts]


def pairs_of(m: isl.Map) -> list[tuple[Point, Point]]:
    """The pairs of a bounded map without parameters, in no order."""
    split = dims_of(isl.Map.universe(m.get_space()).domain())
    return [(point[:split], point[split:]) for point in points_of_set(m.wrap())]


def few_pairs(m: isl.Map) -> list[tuple[Point, Point]] | None:
    """The pairs of a map, in no order: None where isl takes long to list them, or cannot."""
    every = m.wrap()
    if parameters_in(every, isl.Set("{ : }")) or not every.is_bounded():
        return None
    try:
        with limited(LISTED):
            return pairs_of(m)
    except isl.Error:
        return None


def few_columns(s: isl.Set) -> tuple[Column, ...] | None:
    """The elements of a set, coordinate by coordinate: None where isl takes long to list them, or cannot."""
    return _columns(Same(s))


@remembered(256)
def _columns(s: Same) -> tuple[Column, ...] | None:
    assert isinstance(s.value, isl.Set)
    pairs = few_pairs(isl.Map.from_range(s.value))
    if pairs is None:
        return None
    return tuple(np.array([point for _, point in pairs], np.int64).reshape(len(pairs), dims_of(s.value)).T)


Pair: TypeAlias = tuple[Point, Point]


def boxes_of(pairs: Iterable[Pair]) -> list[tuple[Pair, Pair]]:
    """Disjoint boxes (least and greatest corner) that together hold just some pairs.

    Runs along the last coordinate are joined first, then equal runs along the one before, and so on.
    """
    every = list(pairs)
    split = len(every[0][0]) if every else 0
    boxes = [(point, point) for point in sorted({first + second for first, second in every})]
    for at in reversed(range(len(boxes[0][0]) if boxes else 0)):
        boxes = _joined(boxes, at)
    return [((low[:split], low[split:]), (high[:split], high[split:])) for low, high in boxes]


def _joined(boxes: list[tuple[Point, Point]], at: int) -> list[tuple[Point, Point]]:
    """Boxes that differ in one coordinate alone, where they meet in it, as one."""
    open_: dict[tuple[Point, Point], tuple[Point, Point]] = {}
    found: list[tuple[Point, Point]] = []
    for low, high in sorted(boxes, key=lambda box: box[0][at]):
        key = _without(low, at), _without(high, at)
        known = open_.get(key)
        if known is not None and known[1][at] + 1 == low[at]:
            open_[key] = known[0], high
            continue
        if known is not None:
            found.append(known)
        open_[key] = low, high
    return found + list(open_.values())


def _without(point: Point, at: int) -> Point:
    return point[:at] + point[at + 1 :]


def map_of_boxes(source: str, target: str, boxes: Sequence[tuple[Pair, Pair]]) -> isl.Map:
    """The pairs in some boxes (of one rank, at least one)."""
    (first, second), _ = boxes[0]
    left, right = ([f"{side}{k}" for k in range(len(end))] for side, end in (("a", first), ("b", second)))
    parts = []
    for low, high in boxes:
        ends = zip([*left, *right], (*low[0], *low[1]), (*high[0], *high[1]), strict=True)
        parts.append(" and ".join(f"{least} <= {name} <= {most}" for name, least, most in ends) or "true")
    where = " or ".join(f"({part})" for part in parts)
    return isl.Map(f"{{ {tuple_text(source, left)} -> {tuple_text(target, right)} : {where} }}").coalesce()
