"""Is an order of the statements right? Exact, with the least pair of instances as witness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dependence import Dependence, Paths, common_loops, paths_of, time_map
from tracealloc.poly.model import Access, Model, Statement
from tracealloc.poly.named import (
    fix_to_zero,
    is_lex_negative_possible,
    is_zero_at,
    lex_less,
    point_values,
    tuple_text,
)
from tracealloc.poly.tree import LoopNode, Tree
from tracealloc.trace.program import Array

__all__ = [
    "Instance",
    "Violation",
    "carried",
    "carried_pair",
    "distance_map",
    "distances",
    "element_text",
    "first_violation",
    "violations",
]


@dataclass(frozen=True)
class Instance:
    """One execution of a statement: the values of its iterators and where it is written."""

    statement: Statement
    values: tuple[int, ...]

    @property
    def iteration(self) -> str:
        """``(i=1, j=2)``."""
        pairs = zip(self.statement.dims, self.values, strict=True)
        return "(" + ", ".join(f"{it.name}={value}" for it, value in pairs) + ")"

    def time(self, loops: tuple[LoopNode, ...]) -> list[int]:
        """The values of the given loops when it runs."""
        at = isl.Set(f"{{ {tuple_text(self.statement.name, map(str, self.values))} }}")
        return point_values(at.apply(time_map(self.statement, loops))) or []

    def touched(self, access: Access) -> isl.Set:
        """The elements that one of the statement's accesses touches in this execution."""
        at = isl.Set(f"{{ {tuple_text(self.statement.name, map(str, self.values))} }}")
        return at.apply(access.relation)

    @property
    def where(self) -> str:
        """``file.py:12``, or the statement's name."""
        place = self.statement.place
        return place.short if place is not None else self.statement.name


@dataclass(frozen=True)
class Violation:
    """Two instances that an order would run the wrong way round (or at once)."""

    dependence: Dependence
    source: Instance
    sink: Instance

    def __str__(self) -> str:
        before, after = self.dependence.before, self.dependence.after
        first, second = (_verb(access) for access in (before, after))
        return (
            f"iteration {self.source.iteration} {first} {self.element()} ({self.source.where}), "
            f"which iteration {self.sink.iteration} {second} as {after.text} ({self.sink.where})"
        )

    def element(self) -> str:
        """The array element that both touch, in the values of the source instance."""
        access = self.dependence.before
        return element_text(access.array, self.source.touched(access))


def element_text(array: Array, elements: isl.Set) -> str:
    """``A[1, 2]``: the first of some elements of an array."""
    values = point_values(elements) or []
    own = values[len(values) - array.rank :] if array.rank else []
    return f"{array.name}[{', '.join(map(str, own))}]" if own else array.name


def _verb(access: Access) -> str:
    """What an instance does to the element; what depends on data it only may do."""
    if access.exact:
        return "writes" if access.write else "reads"
    return "may write" if access.write else "may read"


def distances(
    model: Model, dependence: Dependence, paths: Paths
) -> tuple[isl.Set, tuple[LoopNode, ...], int]:
    """Distance vectors over the shared loops (sink minus source), these loops, and the order after them."""
    loops, position = common_loops(paths[dependence.source], paths[dependence.sink])
    source, sink = model.statement(dependence.source), model.statement(dependence.sink)
    shifted = dependence.relation.apply_domain(time_map(source, loops)).apply_range(time_map(sink, loops))
    return shifted.deltas(), loops, position


def distance_map(fixed: int, nest: Sequence[tuple[int, int]]) -> isl.Map:
    """Distance vectors -> how many iterations of a flattened nest they are.

    The first `fixed` coordinates must be zero; `nest` has (iterations, step) of the others, outermost first.
    Loops of one iteration count for nothing.
    """
    names = [f"d{k}" for k in range(fixed + len(nest))]
    terms = []
    size = 1
    for name, (trips, step) in zip(reversed(names[fixed:]), reversed(nest), strict=True):
        if trips > 1:
            terms.append(f"{size}*floor({name}/{step})" if step != 1 else f"{size}*{name}")
        size *= trips
    zero = " and ".join(f"{name} = 0" for name in names[:fixed])
    return isl.Map(
        f"{{ T[{', '.join(names)}] -> [{' + '.join(terms) or '0'}]{' : ' + zero if zero else ''} }}"
    )


def violations(model: Model, deps: Iterable[Dependence], tree: Tree) -> Iterable[Dependence]:
    """The dependences that `tree` does not respect."""
    paths = paths_of(tree)
    for dependence in deps:
        deltas, _, position = distances(model, dependence, paths)
        if is_lex_negative_possible(deltas, zero_counts=position > 0):
            yield dependence


def first_violation(model: Model, deps: Sequence[Dependence], tree: Tree) -> Violation | None:
    """The lexicographically least pair of instances that `tree` runs in the wrong order, if any."""
    broken = list(violations(model, deps, tree))
    if not broken:
        return None
    paths = paths_of(tree)
    found = [_witness(model, dependence, paths) for dependence in broken]
    return min(found, key=lambda v: (v.source.values, v.sink.values))


def _witness(model: Model, dependence: Dependence, paths: Paths) -> Violation:
    loops, position = common_loops(paths[dependence.source], paths[dependence.sink])
    source, sink = model.statement(dependence.source), model.statement(dependence.sink)
    # In the new order the sink comes first: time(sink) < time(source), or a tie with the sink above.
    wrong = lex_less("T", "T", len(loops), len(loops), len(loops), tie=position > 0)
    pairs = time_map(source, loops).apply_range(wrong.reverse()).apply_range(time_map(sink, loops).reverse())
    values = point_values(dependence.relation.intersect(pairs).wrap())
    assert values is not None
    split = len(source.dims)
    return Violation(
        dependence, Instance(source, tuple(values[:split])), Instance(sink, tuple(values[split:]))
    )


def carried(model: Model, deps: Iterable[Dependence], tree: Tree, key: str) -> list[Dependence]:
    """The dependences that the loop `key` carries: equal outside it, different in it."""
    paths = paths_of(tree)
    found = []
    for dependence in deps:
        loops, _ = common_loops(paths[dependence.source], paths[dependence.sink])
        depth = next((d for d, loop in enumerate(loops) if loop.key == key), None)
        if depth is None:
            continue
        deltas, _, _ = distances(model, dependence, paths)
        if _nonzero_at(deltas, depth):
            found.append(dependence)
    return found


def carried_pair(model: Model, dependence: Dependence, tree: Tree, key: str) -> Violation:
    """The least pair of instances in different iterations of the loop `key` that depend on one another."""
    paths = paths_of(tree)
    loops, _ = common_loops(paths[dependence.source], paths[dependence.sink])
    depth = next(d for d, loop in enumerate(loops) if loop.key == key)
    source, sink = model.statement(dependence.source), model.statement(dependence.sink)
    same = time_map(source, loops[:depth]).apply_range(time_map(sink, loops[:depth]).reverse())
    here = time_map(source, loops[: depth + 1]).apply_range(time_map(sink, loops[: depth + 1]).reverse())
    values = point_values(dependence.relation.intersect(same).subtract(here).wrap())
    assert values is not None
    split = len(source.dims)
    return Violation(
        dependence, Instance(source, tuple(values[:split])), Instance(sink, tuple(values[split:]))
    )


def _nonzero_at(deltas: isl.Set, depth: int) -> bool:
    return not is_zero_at(fix_to_zero(deltas, depth), depth)
