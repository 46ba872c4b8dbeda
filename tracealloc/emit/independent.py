"""Dependences that Vitis HLS would assume although there are none, in pipelined loops.

HLS tells iterations apart where two subscripts differ by a constant. Where they hold divisions, or other
iterators (``B[i] += A[k][i] * B[k]`` for ``i < k``), it assumes that an iteration may need the one before.
What the polyhedral model proves independent is said in a pragma.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tracealloc.trace.affine import linear
from tracealloc.trace.expr import Expr, Iter, IterRef, loads_of
from tracealloc.trace.program import (
    Alloc,
    Array,
    Block,
    Call,
    Loop,
    Program,
    Store,
    blocks_of,
    expressions_of,
    walk_nodes,
)

__all__ = ["independent_arrays"]

_Indices = tuple[Expr, ...]


def independent_arrays(program: Program) -> dict[Iter, tuple[Array, ...]]:
    """For the iterators of pipelined loops, the arrays of which no iteration needs what another does."""
    suspects = list(_suspects(program.body, ()))
    return _proved(program, suspects) if suspects else {}


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A pipelined loop after those that HLS may flatten it into, and its arrays."""

    nest: tuple[Loop, ...]
    arrays: tuple[Array, ...]


def _suspects(block: Block, nest: tuple[Loop, ...]) -> Iterator[_Suspect]:
    """`nest`: the loops around that HLS would flatten a loop of constant bounds into, outermost first."""
    for node in block:
        if not isinstance(node, Loop):
            for inner in blocks_of(node):
                yield from _suspects(inner, ())
            continue
        # A loop whose bounds vary is not flattened, nor one that is not alone.
        fixed = not any(form is None or form.terms for form in (linear(node.start), linear(node.stop)))
        around = (*nest, node) if len(block) == 1 and fixed else (node,)
        if node.marks.pipeline is None:
            yield from _suspects(node.body, around)
            continue
        arrays = tuple(_unclear(node))
        if arrays:
            yield _Suspect(around, arrays)


def _unclear(loop: Loop) -> Iterator[Array]:
    """The arrays stored in a loop where subscripts do not tell HLS that iterations are apart."""
    inner = {node.iter for node in walk_nodes(loop.body) if isinstance(node, Loop)}
    made = {node.array for node in walk_nodes(loop.body) if isinstance(node, Alloc)}
    stores: dict[Array, list[_Indices]] = {}
    loads: dict[Array, list[_Indices]] = {}
    for node in walk_nodes(loop.body):
        if isinstance(node, Call):
            return  # what is inside is not looked at
        if isinstance(node, Store):
            stores.setdefault(node.array, []).append(node.indices)
        for expr in expressions_of(node):
            for load in loads_of(expr):
                loads.setdefault(load.array, []).append(load.indices)
    for array, written in stores.items():
        if array in made or array.rank == 0 or array.kind == "stream":
            continue
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


def _proved(program: Program, suspects: Sequence[_Suspect]) -> dict[Iter, tuple[Array, ...]]:
    from tracealloc.poly.build import build_model
    from tracealloc.poly.dependence import dependences_of
    from tracealloc.poly.legality import carried
    from tracealloc.poly.named import LOCK
    from tracealloc.poly.tree import loops_in, statements_of

    found: dict[Iter, tuple[Array, ...]] = {}
    with LOCK:
        model, tree = build_model(program)
        nodes = {
            expr.iter: loop for loop in loops_in(tree) for _, expr in loop.exprs if isinstance(expr, IterRef)
        }
        for suspect in suspects:
            loops = [nodes.get(loop.iter) for loop in suspect.nest]
            if None in loops:  # it is inside something that depends on data
                continue
            known = [loop for loop in loops if loop is not None]
            dependences = dependences_of(model, statements_of(known[-1]))
            needed = {
                dependence.before.array
                for loop in known
                for dependence in carried(model, dependences, tree, loop.key)
            }
            arrays = tuple(array for array in suspect.arrays if array not in needed)
            if arrays:
                found[suspect.nest[-1].iter] = arrays
    return found
