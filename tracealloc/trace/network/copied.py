"""How the processing elements (PEs) of a grid copy the parts of a buffer: which elements, in which order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import (
    Binary,
    Cast,
    Const,
    Expr,
    Iter,
    IterRef,
    Load,
    iters_of,
    loads_of,
    substitute,
)
from tracealloc.trace.ir.program import Alloc, Array, Block, If, Loop, Program, Store, walk_nodes
from tracealloc.trace.network.grids import grid_loop
from tracealloc.trace.network.orders import NotKnown, elements_of
from tracealloc.trace.queries.affine import linear, simplify
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = [
    "Copy",
    "Element",
    "check_same",
    "copied_elements",
    "element_of",
    "refuse",
    "same_copies",
    "straight",
]

_MOST = 1 << 22  # elements that are looked at one by one


@dataclass(frozen=True)
class Copy:
    """A store that copies to or from the buffer, in the loops and conditions of a PE around it."""

    store: Store
    path: tuple[Loop | If, ...]
    indices: tuple[Expr, ...]  # in the array that is copied


@dataclass(frozen=True)
class Element:
    """The grid, and how one of its elements copies."""

    position: int  # of the grid in the program's body
    loops: tuple[Loop, ...]
    block: Block
    into: Copy
    back: Copy | None
    source: Array
    buffer: Array


def refuse(
    what: str, found: Element | None = None, hint: str | None = None, because: Sequence[str] = ()
) -> NoReturn:
    """Refuse a relay."""
    place = None if found is None else found.into.store.place or found.loops[0].place
    raise ScheduleError("TA290", what, place=place, because=because, hint=hint)


def element_of(program: Program, key: str, travel: str | None) -> Element | None:
    """The grid that has the buffer; None where nothing is copied into it, and it has one PE along the way."""
    for position, node in enumerate(program.body):
        loops: list[Loop] = []
        block: Block = (node,)
        while (loop := grid_loop(block)) is not None:
            loops.append(loop)
            block = loop.body
        made = [n.array for n in walk_nodes(block) if isinstance(n, Alloc) and n.array.key == key]
        if loops and made:
            return _copies(position, tuple(loops), block, made[0], travel)
    refuse("no PE has the buffer: it is made in the loops of a grid of s.unfold", hint="s.unfold first")


def _copies(
    position: int, loops: tuple[Loop, ...], block: Block, buffer: Array, travel: str | None
) -> Element | None:
    own = {n.array for n in walk_nodes(block) if isinstance(n, Alloc)}
    into: list[tuple[Copy, Array]] = []
    back: list[tuple[Copy, Array]] = []
    for store, path in _stores(block, ()):
        value = store.value.operand if isinstance(store.value, Cast) else store.value
        if not isinstance(value, Load) or value.path or store.path or value.array.kind == "stream":
            continue  # a field is not an element, and each get gives another one
        if store.array == buffer and value.array not in own and value.array.rank:
            into.append((Copy(store, path, value.indices), value.array))
        elif value.array == buffer and store.array not in own and store.array.rank:
            back.append((Copy(store, path, store.indices), store.array))
    along = next((loop for loop in loops if loop.iter.key == travel), None)
    if not into and len(back) == 1 and along is not None and fixed_trips(along) == 1:
        return None
    if len({array for _, array in into}) == 1:  # what goes elsewhere is a value like any
        back = [(copy, array) for copy, array in back if array == into[0][1]]
    if len(into) != 1 or len(back) > 1:
        refuse(f"{buffer.name!r} is not copied once into each PE", hint="relay a buffer of s.buffer_at")
    (copy, source) = into[0]
    found = Element(position, loops, block, copy, back[0][0] if back else None, source, buffer)
    for loop in loops:
        if not (isinstance(loop.start, Const) and isinstance(loop.stop, Const) and loop.step == 1):
            refuse(f"{loop.iter.name!r} does not run upwards over the same values in all of the grid", found)
    return found


def _stores(block: Block, path: tuple[Loop | If, ...]) -> Iterator[tuple[Store, tuple[Loop | If, ...]]]:
    for node in block:
        if isinstance(node, Store):
            yield node, path
        elif isinstance(node, Loop):
            yield from _stores(node.body, (*path, node))
        elif isinstance(node, If):
            yield from _stores(node.then, (*path, node))


def check_same(copy: Copy, travel: Loop | None, found: Element) -> None:
    """All along the way the same elements are copied, in the same order."""
    parts: list[Expr] = list(copy.indices)
    for node in copy.path:
        parts += [node.start, node.stop] if isinstance(node, Loop) else [node.cond]
    if any(load.indices or load.array.parameter is None for part in parts for load in loads_of(part)):
        refuse(f"what is copied into {found.buffer.name!r} depends on data", found)
    if travel is None or not any(travel.iter in iters_of(part) for part in parts):
        return
    because = _differing(copy, travel, found)
    if because is not None:
        at = ", ".join(map(_shown, copy.indices))
        summary = f"neighbours along {travel.iter.name!r} copy different elements: {found.source.name}[{at}]"
        refuse(summary, found, _cure(copy, travel, found), because)


def _differing(copy: Copy, travel: Loop, found: Element) -> list[str] | None:
    """Where the neighbours' elements, written down one by one, first differ; None where they do not."""
    here = travel.iter.name
    try:
        first, *others = [_lanes(copy, turn, found) for turn in _turns(travel)]
    except NotKnown:
        return []
    for number, other in enumerate(others, int(_value(travel.start)) + 1):
        if len(first) == len(other) and np.array_equal(first, other):
            continue
        same = min(len(first), len(other))
        differ = np.flatnonzero(first[:same] != other[:same])
        at = int(differ[0]) if differ.size else same
        ends = [(first, _value(travel.start)), (other, number)]
        told = [_copied(found, each, at, f"{here} = {value}") for each, value in ends]
        return [f"copy number {at} is of {told[0]}, and of {told[1]}"]
    return None


def same_copies(one: Copy, other: Copy, travel: Loop, found: Element) -> bool:
    """Whether both are of the same elements, in the same order, in each PE."""
    if straight(one) == straight(other):
        return True
    try:
        return all(
            np.array_equal(_lanes(one, turn, found), _lanes(other, turn, found)) for turn in _turns(travel)
        )
    except NotKnown:
        return False


def is_one_element(places: Collection[tuple[Expr, ...]], path: Sequence[Loop | If], buffer: Array) -> bool:
    """Whether subscripts name the same element of a buffer in each iteration."""
    if len(places) == 1:
        return True
    try:
        first, *others = [elements_of(path, at, buffer.shape, _MOST) for at in places]
    except NotKnown:
        return False
    return all(np.array_equal(first, other) for other in others)


def _turns(travel: Loop) -> list[Loop]:
    """The loop in space as one that runs once, for each of its values."""
    ends = _value(travel.start), _value(travel.stop)
    return [replace(travel, start=Const(k, index), stop=Const(k + 1, index)) for k in range(*ends)]


def _value(end: Expr) -> int:
    assert isinstance(end, Const)
    return int(end.value)


def _lanes(copy: Copy, turn: Loop, found: Element) -> np.ndarray:
    """The elements, by number, that are copied in one place along the way: first those of the first lane."""
    lanes = [loop for loop in found.loops if loop.iter != turn.iter]
    shape = tuple(_value(loop.stop) for loop in lanes)
    indices = (*(IterRef(loop.iter) for loop in lanes), *copy.indices)
    return elements_of((turn, *lanes, *copy.path), indices, (*shape, *found.source.shape), _MOST)


def _copied(found: Element, elements: np.ndarray, at: int, where: str) -> str:
    what = _element(found, elements[at]) if at < len(elements) else "nothing"
    return f"{what} at {where}"


def _element(found: Element, number: int) -> str:
    """The name of an element that has a number among those of all lanes."""
    shape = found.source.shape
    at = np.unravel_index(int(number) % found.source.size, shape)
    return f"{found.source.name}[{', '.join(str(int(k)) for k in at)}]"


def _cure(copy: Copy, travel: Loop, found: Element) -> str:
    """What lines up neighbours that copy the same, some iterations later; else the other axis."""
    parts = [linear(part) for part in copy.indices]
    loops = {node.iter for node in copy.path if isinstance(node, Loop)}
    skews: list[str] = []
    for part in parts:
        terms = dict(part.terms) if part is not None else {}
        if not (step := terms.get(IterRef(travel.iter), 0)):
            continue
        over = [it for it in loops if terms.get(IterRef(it), 0)]
        own = terms[IterRef(over[0])] if len(over) == 1 else 0
        if own and step % own == 0:
            factor = "" if step == own else f", factor={step // own}"
            skews.append(f's.skew("{over[0].name}", by="{travel.iter.name}"{factor})')
    if skews:
        return f"{' and '.join(skews)} before s.unfold: then an element comes to all in one iteration"
    return "the values travel along the other axis: axis= is the one along which the elements vary"


def _shown(expr: Expr) -> str:
    from tracealloc.trace.ir.text import expr_text

    return expr_text(expr)


def copied_elements(found: Element, copy: Copy, travel: Loop) -> np.ndarray | None:
    """The elements, by number, that are copied in all lanes; None where that is not known."""
    lanes = [loop for loop in found.loops if loop is not travel]
    path = (_turns(travel)[0], *lanes, *copy.path)
    try:
        return elements_of(path, copy.indices, found.source.shape, _MOST)
    except NotKnown:
        return None


def straight(copy: Copy) -> tuple[object, ...]:
    """Loops and subscripts of a copy, loops that run once put in, iterators by their depth."""
    values: dict[Iter, Expr] = {}
    found: list[object] = []

    def now(expr: Expr) -> Expr:
        return simplify(substitute(expr, values))

    for node in copy.path:
        if isinstance(node, If):
            found.append(("if", now(node.cond)))
            continue
        start, stop = now(node.start), now(node.stop)
        length = linear(simplify(Binary("-", stop, start, index)))
        if length is not None and not length.terms and length.constant == 1:
            values[node.iter] = start
            continue
        values[node.iter] = IterRef(Iter(f"depth {len(found)}", node.iter.name))
        found.append((start, stop, node.step))
    return (*found, *map(now, copy.indices))
