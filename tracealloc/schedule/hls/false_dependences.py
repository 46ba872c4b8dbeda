"""Dependences that Vitis HLS would assume although there are none, in pipelined loops.

HLS tells iterations apart where two subscripts differ by a constant. Where they hold divisions, or other
iterators (``B[i] += A[k][i] * B[k]`` for ``i < k``), it assumes that an iteration may need the one before.
What the polyhedral model proves independent, or so many iterations apart (``s[k % 8] += x[k]``), is said
in a pragma.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracealloc.schedule.hls.pipelined import pipelined_nests
from tracealloc.schedule.hls.port_copies import key_at_port
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, loads_of
from tracealloc.trace.ir.facts import Distance
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.layout import PLAIN, Layout
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    Loop,
    Node,
    Program,
    Store,
    While,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.queries.affine import linear
from tracealloc.trace.queries.intervals import fixed_trips

if TYPE_CHECKING:
    from tracealloc.poly.model.model import Model
    from tracealloc.poly.model.tree import LoopNode, Tree

__all__ = ["distances_between"]

_Indices = tuple[Expr, ...]


def _may_move(node: Node) -> bool:
    """Whether a tool may flatten the loops that a node is between: it moves statements inside, under a test.

    (Reports of Vitis HLS 2023.2 have such nests as one loop: ``q[i] = 0`` before the inner loop of bicg.)
    """
    return not any(isinstance(inner, Loop | While) for inner in walk_nodes((node,)))


def distances_between(program: Program, hardware: Hardware) -> dict[Iter, tuple[Distance, ...]]:
    """For pipelined loops, by iterator, how far apart iterations are that use one element.

    Arrays of which HLS knows, or neighbours depend, are left out. Where HLS may flatten a loop or may not,
    it is looked at as if: then there are more iterations that might need one another, and no fewer.
    """
    suspects = []
    layouts = dict(program.layouts)
    for nest in pipelined_nests(hardware, program.body, _may_move):
        marks = nest[-1].marks
        if marks.rewind or marks.copies == 0:
            continue  # where runs overlap, iterations of other runs count too; of copies no loop is left
        claimed = {claim.array for loop in nest for claim in loop.marks.claims}
        said = (array for array in _stored(nest[-1]) if key_at_port(array) in claimed)
        arrays = tuple(dict.fromkeys((*_unclear(nest[-1], layouts), *said)))
        if arrays:
            suspects.append(_Suspect(nest, arrays))
    return _proved(program, suspects) if suspects else {}


def _stored(loop: Loop) -> Iterator[Array]:
    """The arrays that a loop stores to."""
    for node in walk_nodes(loop.body):
        if isinstance(node, Store) and node.array.rank and node.array.kind != "stream":
            yield node.array


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A pipelined nest, and the arrays of which HLS may assume too much."""

    nest: tuple[Loop, ...]
    arrays: tuple[Array, ...]


def _unclear(loop: Loop, layouts: Mapping[Array, Layout]) -> Iterator[Array]:
    """The arrays stored in a loop where subscripts do not tell HLS that iterations are apart.

    Those of which several elements or fields share a word are none: elements are apart, words are not.
    """
    inner = {node.iter for node in walk_nodes(loop.body) if isinstance(node, Loop)}
    made = {node.array for node in walk_nodes(loop.body) if isinstance(node, Alloc)}
    stores: dict[Array, list[_Indices]] = {}
    loads: dict[Array, list[_Indices]] = {}
    fields: dict[Array, set[tuple[str, ...]]] = {}
    for node in walk_nodes(loop.body):
        if isinstance(node, Call):
            return  # what is inside is not looked at
        if isinstance(node, Store):
            stores.setdefault(node.array, []).append(node.indices)
            fields.setdefault(node.array, set()).add(node.path)
        for expr in expressions_of(node):
            for load in loads_of(expr):
                loads.setdefault(load.array, []).append(load.indices)
                fields.setdefault(load.array, set()).add(load.path)
    for array, written in stores.items():
        if array in made or array.rank == 0 or array.kind == "stream":
            continue
        if len(fields[array]) > 1 or layouts.get(array, PLAIN).pack is not None:
            continue  # neighbours in a word: to write one is to read and write them all
        others = [*written, *loads.get(array, [])]
        if any(not _is_clear(one, other, inner) for one in written for other in others):
            yield array


def _is_clear(one: Sequence[Expr], other: Sequence[Expr], inner: set[Iter]) -> bool:
    """Whether two subscripts differ by a constant in each copy of the unrolled loops inside."""
    for left, right in zip(one, other, strict=True):
        a, b = linear(left), linear(right)
        if a is None or b is None:
            return False
        parts = {part for part, _ in (*a.terms, *b.terms)}
        if not all(isinstance(part, IterRef) for part in parts):
            return False
        if any(isinstance(part, IterRef) and part.iter not in inner for part, _ in a.plus(b, -1).terms):
            return False
    return True


def _proved(program: Program, suspects: Sequence[_Suspect]) -> dict[Iter, tuple[Distance, ...]]:
    """The distances of each nest; of what takes isl too long nothing is said, and HLS assumes the worst."""
    from tracealloc.poly.dataflow.effects import model_of
    from tracealloc.poly.isl.budget import STEP, Spent, limited
    from tracealloc.poly.isl.named import LOCK
    from tracealloc.poly.model.tree import loops_in

    found: dict[Iter, tuple[Distance, ...]] = {}
    with LOCK:
        try:
            with limited(STEP):
                model, tree = model_of(program)
        except Spent:
            return {}
        nodes = {
            expr.iter: loop for loop in loops_in(tree) for _, expr in loop.exprs if isinstance(expr, IterRef)
        }
        for suspect in suspects:
            it = suspect.nest[-1].iter
            if it not in nodes:  # it is inside something that depends on data
                continue
            try:
                with limited(STEP):
                    kept = _said(suspect, _nearest(model, tree, nodes[it], suspect.nest))
            except Spent:
                continue
            if kept:
                found[it] = kept
    return found


def _said(suspect: _Suspect, near: Mapping[Array, int]) -> tuple[Distance, ...]:
    """What a pragma is to say; of a loop whose body is copied, rounds of copies are what HLS counts."""
    copies = suspect.nest[-1].marks.copies
    said = []
    for array in suspect.arrays:
        least = near.get(array)
        if least is not None and copies is not None:
            least //= copies
        if least is None or least > 1:
            said.append(Distance(array, least))
    return tuple(said)


def _nearest(model: Model, tree: Tree, inner: LoopNode, nest: tuple[Loop, ...]) -> dict[Array, int]:
    """The least distance of iterations of a nest that touch one element of an array, where two do."""
    from tracealloc.poly.dependence.dependence import dependences_of, paths_of, time_map
    from tracealloc.poly.dependence.legality import distance_map
    from tracealloc.poly.isl.named import least_at
    from tracealloc.poly.model.tree import statements_of

    names = statements_of(inner)
    path = paths_of(tree)[next(iter(names))]
    above = [step.loop for step in path if step.loop is not None]
    chain = tuple(above[: 1 + next(k for k, loop in enumerate(above) if loop.key == inner.key)])
    counts = [fixed_trips(loop) for loop in nest]
    # Only the outermost may run so often or so often: more than once is all that counts of it.
    trips = [2 if found is None else found for found in counts]
    steps = [abs(loop.step) for loop in nest]
    count = distance_map(len(chain) - len(nest), list(zip(trips, steps, strict=True)))
    found: dict[Array, int] = {}
    for dependence in dependences_of(model, names):
        ends = (model.statement(dependence.source), model.statement(dependence.sink))
        times = [time_map(statement, chain) for statement in ends]
        moved = dependence.relation.apply_domain(times[0]).apply_range(times[1])
        least = least_at(moved.deltas().apply(count), 0, 1)
        if least is not None:
            array = dependence.before.array
            found[array] = min(least, found.get(array, least))
    return found
