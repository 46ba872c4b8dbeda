"""Layouts of arrays, derived from the requests of a schedule: collect, solve, attach.

Dimensions are counted as the array is declared: one that lives inside loops and has an element for each of
their iterations has dimensions in front for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TypeVar

from tracealloc.poly.codegen.contraction import Declaration, storage_of
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import Tree
from tracealloc.schedule.layout.lattice import equal, join_banks, join_packs, join_storage
from tracealloc.schedule.layout.requests import Asked, Dim, Request, ScopeDim, moved
from tracealloc.schedule.layout.solve import Solved, solve
from tracealloc.trace.ir.layout import Banks, BoundOp, Layout, Pack, Port, Storage, normal_banks
from tracealloc.trace.ir.program import Array

__all__ = ["Clash", "Derived", "Reason", "as_declared", "derived"]

Part = TypeVar("Part", Banks, Pack, Storage, Port)


@dataclass(frozen=True, slots=True)
class Reason:
    """What a request asks of an array as it is declared; `dim` is the dimension of banks."""

    asks: Asked
    request: Request
    dim: int | None = None

    def __str__(self) -> str:
        return str(self.asks) if self.dim is None else f"dim {self.dim} {self.asks}"

    def sentence(self, array: Array) -> str:
        """``dimension 1 of 'A' is packed by 4, as pack("A", 1, 4) asks (gemm.py:31)``."""
        match self.asks:
            case Banks() as banks:
                text = f"dimension {self.dim} of {array.name!r} is {banks}"
            case Pack(dim, factor):
                text = f"dimension {dim} of {array.name!r} is packed by {factor}"
            case Storage() | Port() as asks:
                text = f"{array.name!r} is {asks}"
            case BoundOp() as asks:
                text = f"the result {array.name!r} is of {asks}"
        place = f" ({self.request.place.short})" if self.request.place is not None else ""
        return f"{text}, as {self.request.call} asks{place}"


@dataclass(frozen=True)
class Clash:
    """Two requests that no layout serves, why, and what would go."""

    first: Reason
    second: Reason
    because: str
    hint: str


@dataclass(frozen=True)
class Derived:
    """The layout of one array as it is declared, with the requests that forced each part of it."""

    array: Array
    layout: Layout
    banks: dict[int, Solved[Banks, Request]]
    pack: Solved[Pack, Request] | None
    storage: Solved[Storage, Request] | None
    port: Solved[Port, Request] | None
    operators: tuple[tuple[BoundOp, Request], ...] = ()

    def reasons(self) -> list[Reason]:
        """What was asked that forced the layout, first to last."""
        found = [Reason(asks, r, dim) for dim, part in self.banks.items() for asks, r in part.asked]
        found += [*_reasons(self.pack), *_reasons(self.storage), *_reasons(self.port)]
        found += [Reason(asks, request) for asks, request in self.operators]
        return sorted(found, key=lambda reason: reason.request.step)

    def clash(self) -> Clash | None:
        """Two requests that no layout serves."""
        if self.storage is not None and self.storage.value is None:
            return _between(self.storage, join_storage, "an array is in one memory", "s.bind(...) both alike")
        if self.port is not None and self.port.value is None:
            return _between(self.port, equal, "an array has one port", "s.interface(...) once")
        if self.pack is None:
            return None
        if self.pack.value is None:
            because = "the words of an array are along one dimension"
            return _between(self.pack, join_packs, because, "both along the same dimension")
        words = _reasons(self.pack)
        if all(reason.asks != self.pack.value for reason in words):
            because = "neither word holds a whole number of the other"
            return Clash(words[0], words[1], because, f"words of {self.pack.value.factor}")
        dim = self.pack.value.dim
        if dim not in self.banks:
            return None
        banks = next(Reason(asks, request, dim) for asks, request in self.banks[dim].asked)
        first, second = sorted((banks, words[0]), key=lambda reason: reason.request.step)
        because = "a dimension that is packed is not partitioned"
        return Clash(first, second, because, "pack one dimension and partition another")


def _reasons(part: Solved[Part, Request] | None) -> list[Reason]:
    return [] if part is None else [Reason(asks, request) for asks, request in part.asked]


def _between(
    part: Solved[Part, Request], join: Callable[[Part, Part], Part | None], because: str, hint: str
) -> Clash:
    """The first two that do not go together."""
    pairs = combinations(part.asked, 2)
    (first, request), (second, other) = next(pair for pair in pairs if join(pair[0][0], pair[1][0]) is None)
    return Clash(Reason(first, request), Reason(second, other), because, hint)


def derived(model: Model, tree: Tree, requests: Sequence[Request]) -> dict[Array, Derived]:
    """The layouts of all arrays of which something was asked, in the order of the first requests."""
    last = model.memo.get("layouts")
    if last is not None and last[0] is tree and last[1] is requests:
        known: dict[Array, Derived] = last[2]
        return known
    by_array: dict[str, list[Request]] = {}
    for request in requests:
        by_array.setdefault(request.array, []).append(request)
    arrays = {array.key: array for array in model.arrays}
    found = {
        arrays[key]: _derived(storage_of(model, tree, arrays[key]), asked)
        for key, asked in by_array.items()
        if key in arrays
    }
    model.memo["layouts"] = (tree, requests, found)
    return found


def as_declared(requests: Iterable[Request], declared: Declaration) -> tuple[Request, ...]:
    """The requests of an array in its dimensions as declared; without those that it has not."""
    places = {depth: place for place, (depth, _) in enumerate(declared.kept)}

    def dim(asked: Dim) -> int | None:
        return places.get(asked.depth) if isinstance(asked, ScopeDim) else len(places) + asked

    return moved(requests, declared.array.key, declared.array.key, dim)


def _derived(declared: Declaration, requests: Iterable[Request]) -> Derived:
    shape, requests = declared.array.shape, as_declared(requests, declared)
    dims = solve(_banks(requests, shape), lambda dim: partial(join_banks, extent=shape[dim]))
    pack = _one(_of(requests, Pack, lambda asks: asks.factor > 1), join_packs)
    storage = _one(_of(requests, Storage, lambda asks: asks != Storage()), join_storage)
    port = _one(_of(requests, Port, lambda _: True), equal)
    banks = tuple(_value(dims.get(dim)) or Banks() for dim in range(len(shape)))
    operators = tuple((r.asks, r) for r in requests if isinstance(r.asks, BoundOp))
    bound = tuple(asks for asks, _ in operators)
    layout = Layout(banks, _value(pack), _value(storage) or Storage(), _value(port), bound)
    return Derived(declared.array, layout, dims, pack, storage, port, operators)


def _banks(requests: Sequence[Request], shape: Sequence[int]) -> Iterator[tuple[int, Banks, Request]]:
    for request in requests:
        if isinstance(request.asks, Banks) and isinstance(request.dim, int):
            banks = normal_banks(request.asks, shape[request.dim])
            if banks.kind != "whole":
                yield request.dim, banks, request


def _of(
    requests: Sequence[Request], kind: type[Part], asks: Callable[[Part], bool]
) -> list[tuple[Part, Request]]:
    """The requests of one kind that ask for something."""
    return [(r.asks, r) for r in requests if isinstance(r.asks, kind) and asks(r.asks)]


def _one(
    asked: Iterable[tuple[Part, Request]], join: Callable[[Part, Part], Part | None]
) -> Solved[Part, Request] | None:
    """The answer for a part that an array has once."""
    return solve(((None, asks, request) for asks, request in asked), lambda _: join).get(None)


def _value(part: Solved[Part, Request] | None) -> Part | None:
    return None if part is None else part.value
