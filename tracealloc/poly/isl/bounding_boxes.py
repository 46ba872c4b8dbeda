"""Boxes around what accesses touch: whole numbers, by which most pairs of accesses are told apart."""

from __future__ import annotations

from collections.abc import Sequence

import islpy as isl
import numpy as np
import numpy.typing as npt

from tracealloc.poly.isl.named import dim_bounds, dims_of, renamed
from tracealloc.poly.isl.remembered import remembered

__all__ = ["Box", "Same", "box_around", "box_touched", "meeting", "narrowed"]

_FAR = 1 << 62
_FEW_PIECES = 8  # of an access, which are met with each other as they are

Box = tuple[tuple[int, int], ...]
"""The least and greatest index in each dimension."""


class Same:
    """A value that is equal to itself alone, as the key of a cache (isl's own equality is slow)."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value


def box_touched(access: isl.Map) -> Box | None:
    """The box around the elements of an access (None: there are none)."""
    return _box(Same(access))


@remembered(1 << 14)
def _box(access: Same) -> Box | None:
    assert isinstance(access.value, isl.Map)
    return _box_of(renamed(access.value.range(), "E"))


@remembered(1 << 12)
def _box_of(touched: isl.Set) -> Box | None:
    """Looked for once for all arrays and statements."""
    return None if touched.is_empty() else box_around(touched)


def box_around(elements: isl.Set) -> Box:
    """The box around a set with elements; what a machine's integers do not hold counts as their end.

    (Boxes that meet still do, so nothing is taken to be apart that is not.)
    """
    ends = (dim_bounds(elements, k) for k in range(dims_of(elements)))
    return tuple((max(-_FAR, min(low, _FAR)), max(-_FAR, min(high, _FAR))) for low, high in ends)


def narrowed(access: isl.Map, box: Box) -> isl.Map:
    """An access with those of its pieces that may touch a box, where it has very many.

    (What a copy brings in may be a piece for each statement that uses it, which then meets one of them.)
    """
    if access.n_basic_map() <= _FEW_PIECES:
        return access
    ends, pieces = _pieces(Same(access))
    asked = np.array(box, np.int64).reshape(-1, 2)
    meet = ((ends[:, :, 0] <= asked[:, 1]) & (asked[:, 0] <= ends[:, :, 1])).all(axis=1)
    chosen = np.flatnonzero(meet).tolist()
    if len(chosen) == len(pieces):
        return access
    found = isl.Map.empty(access.get_space())
    for position in chosen:
        found = found.union(pieces[position])
    return found


@remembered(1024)
def _pieces(access: Same) -> tuple[npt.NDArray[np.int64], list[isl.Map]]:
    """The pieces of an access that touch anything, and the ends of what each touches."""
    assert isinstance(access.value, isl.Map)
    pieces = [isl.Map.from_basic_map(piece) for piece in access.value.get_basic_maps()]
    boxes = [box_touched(piece) for piece in pieces]
    kept = [(box, piece) for box, piece in zip(boxes, pieces, strict=True) if box is not None]
    ends = np.array([box for box, _ in kept], np.int64).reshape(len(kept), -1, 2)
    return ends, [piece for _, piece in kept]


def meeting(boxes: Sequence[Box | None]) -> npt.NDArray[np.bool_]:
    """Which of some boxes of one rank share an element, as a matrix."""
    count = len(boxes)
    full = [k for k, box in enumerate(boxes) if box is not None]
    found = np.zeros((count, count), bool)
    if not full:
        return found
    ends = np.array([boxes[k] for k in full], np.int64).reshape(len(full), -1, 2)
    lows, highs = ends[:, :, 0], ends[:, :, 1]
    meet = (lows[:, None] <= highs[None]) & (lows[None] <= highs[:, None])
    found[np.ix_(full, full)] = meet.all(axis=2)
    return found
