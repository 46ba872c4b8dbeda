"""Arrays that several processes of a network store to, or read, through one bank.

Between processes an array has one producer and one consumer, for each of its banks; so has an array behind
a port. Processes of a grid that have elements of their own need banks of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.facts import Refusal
from tracealloc.trace.ir.layout import Banks, effective_banks
from tracealloc.trace.ir.program import Alloc, Array, Program
from tracealloc.trace.network.footprints import Box, Use, uses_of
from tracealloc.trace.network.ownership import network_of

__all__ = ["Users", "refusals", "users_of"]

_LARGEST = 1 << 22  # banks whose users are noted one by one
_COMPLETE = Banks("complete")
_ROLES = {True: "store to", False: "read"}


@dataclass
class Users:
    """The processes that store to (or read) an array: where, and the place of the first use.

    `boxes`: the number of a process, and for each dimension the least and greatest subscript and the step.
    """

    array: Array
    stores: bool
    place: Place | None
    boxes: list[tuple[int, tuple[tuple[int, int, int], ...]]] = field(default_factory=list)

    def add(self, use: Use, row: int, process: int) -> None:
        self.boxes.append((process, tuple(_ends(box, row) for box in use.boxes)))

    def meeting(self, banks: Sequence[Banks]) -> tuple[int, int] | None:
        """Two processes that use one bank."""
        return self._owned(banks)[1]

    def share(self, dims: Sequence[int]) -> bool:
        """Whether each place in some dimensions is one process's, its only one, and all are somebody's."""
        if any(boxes[dim][0] != boxes[dim][1] for _, boxes in self.boxes for dim in dims):
            return False
        banks = [_COMPLETE if dim in dims else Banks() for dim in range(self.array.rank)]
        owner, met = self._owned(banks)
        return met is None and owner.size > 0 and bool((owner >= 0).all())

    def _owned(self, banks: Sequence[Banks]) -> tuple[np.ndarray, tuple[int, int] | None]:
        """The process that uses each bank, and two that use one."""
        shape = tuple(_count(bank, extent) for bank, extent in zip(banks, self.array.shape, strict=True))
        if np.prod(shape, dtype=object) > _LARGEST:
            return np.zeros(0, np.int64), None
        owner = np.full(shape, -1, np.int64)
        for process, boxes in self.boxes:
            parts = zip(banks, boxes, self.array.shape, strict=True)
            at = np.ix_(*(_banks_of(bank, box, extent) for bank, box, extent in parts))
            now = owner[at]
            others = now[(now >= 0) & (now != process)]
            if others.size:
                return owner, (int(others.flat[0]), process)
            owner[at] = process
        return owner, None

    def selecting(self) -> list[int]:
        """The dimensions in which the processes use different parts."""
        dims = range(self.array.rank)
        return [dim for dim in dims if len({boxes[dim] for _, boxes in self.boxes}) > 1]


def _ends(box: Box, row: int) -> tuple[int, int, int]:
    return int(box.low[row]), int(box.high[row]), box.step


def _count(bank: Banks, extent: int) -> int:
    return {"whole": 1, "complete": extent}.get(bank.kind, bank.factor)


def _banks_of(bank: Banks, box: tuple[int, int, int], extent: int) -> np.ndarray:
    at = np.arange(box[0], box[1] + 1, box[2])
    match bank.kind:
        case "whole":
            return at[:1] * 0
        case "complete":
            return at
        case "cyclic":
            return np.unique(at % bank.factor)
        case _:
            return np.unique(at // -(-extent // bank.factor))


def users_of(program: Program) -> tuple[dict[tuple[Array, bool], Users], list[str]]:
    """Who stores to (True) and who reads (False) each array of a network; the names of the processes."""
    network = network_of(program)
    labels: list[str] = []
    users: dict[tuple[Array, bool], Users] = {}
    for members in network.families:
        for family in members:
            uses = [use for use in uses_of(family, frozenset()) if use.array.rank]
            for position, row in enumerate(family.rows.tolist()):
                for use in uses:
                    if use.array.kind != "stream":
                        key = use.array, use.stores
                        found = users.setdefault(key, Users(use.array, use.stores, use.place))
                        found.add(use, position, len(labels))
                labels.append(family.stage.label(row))
    return users, labels


def refusals(program: Program, top: bool) -> Iterator[Refusal]:
    """What HLS would refuse of a network, and what makes it right."""
    users, labels = users_of(program)
    yield from _filled(program, users, labels)
    for (array, stores), each in users.items():
        writer = users.get((array, True))
        if not stores and writer is not None:  # who stores an element may read it, too
            own = {process for process, _ in writer.boxes}
            each = replace(each, boxes=[part for part in each.boxes if part[0] not in own])
        yield from _shared(program, each, labels, top)


def _filled(program: Program, users: dict[tuple[Array, bool], Users], labels: list[str]) -> Iterator[Refusal]:
    for node in program.body:
        if isinstance(node, Alloc) and node.fill is not None and node.array.rank:
            found = users.get((node.array, True))
            if found is not None:
                yield Refusal(
                    f"{node.array.name!r} has two producers, {labels[found.boxes[0][0]]} and what fills it "
                    "where it is made: make it with ta.empty, and let the process store all of it",
                    node.place,
                )


def _shared(program: Program, users: Users, labels: list[str], top: bool) -> Iterator[Refusal]:
    array = users.array
    banks = effective_banks(program.layout(array), array.shape)
    met = users.meeting(banks)
    if met is None:
        return
    dims = users.selecting()
    better = [_COMPLETE if dim in dims else bank for dim, bank in enumerate(banks)]
    first, second = (labels[process] for process in met)
    name = array.origin if array.key.endswith(" at its port") else array.name
    said = f"{first} and {second} {_ROLES[users.stores]} one bank of {name!r}"
    if dims and users.meeting(better) is None:
        given = f'"{name}"' if top else f'"{program.name}:{name}"'
        dim = str(dims[0]) if len(dims) == 1 else str(dims)
        yield Refusal(f"{said}: s.partition({given}, dim={dim}) gives each its own", users.place)
    else:
        yield Refusal(f"{said}, and need one each: pass what they share through a ta.stream", users.place)
