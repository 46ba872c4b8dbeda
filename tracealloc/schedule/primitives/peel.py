"""``peel``: the first or last iterations of a loop on their own."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import islpy as isl

from tracealloc.poly.codegen.contraction import storages
from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.affine_bounds import split_first
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import minus
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.tree import (
    LoopNode,
    Tree,
    map_loops,
    renamed_leaves,
    replace_loop,
    restrict,
    sequence,
)
from tracealloc.schedule.core.chains import chain_above, loop_values
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Edit, LoopRef, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.schedule.loops.recompute import made_again, twin_arrays, twin_origins
from tracealloc.trace.ir.program import Array

__all__ = ["peel"]


@primitive(loop="loop")
def peel(edit: Edit, loop: LoopNode | OpaqueLoop, n: int) -> Result:
    """Run the first `n` iterations of `loop` on their own, before the others; the last, if `n` is negative.

    Rewrite:
        for i in 0:M: body   ->   for i_peel in 0:n: body; for i in n:M: body
        A single peeled iteration is no loop. Where the first (or last) value depends on outer loops, so
        does the part that is peeled.
    Legal when:
        always: the order of iterations stays.

    Returns:
        The loop over the peeled iterations (nothing for a single one).

    Raises:
        ScheduleError: `n` is 0, or the loop never has more iterations than are peeled.
    """
    loop = edit.affine(loop)
    if not isinstance(n, int) or isinstance(n, bool):
        raise edit.error("TA255", f"needs a whole number of iterations, not {n!r}")
    if n == 0:
        raise edit.error("TA255", "needs a number of iterations other than 0")
    state, (key,) = edit.keys(1)
    first, rest = _domains(state, loop, n)
    if all(domain.is_empty() for domain in rest.values()):
        low, high = loop_values(state.model, loop) or (0, -1)
        most = min(abs(n), (high - low) // loop.step + 1)
        raise edit.error(
            "TA255",
            f"would leave nothing in {loop.name!r}, which has at most {most} iteration{'s' * (most != 1)}",
            hint=f's.unroll("{user_name(edit, loop)}") replicates the whole loop',
        )
    names = {name: f"{name}_{key}" for name, domain in first.items() if not domain.is_empty()}
    model, twins = twin_arrays(state.model, _inside(state, loop), key)
    affected = [state.model.statement(name) for name, _ in loop.exprs]
    model = replace(model, origins=(*model.origins, *twin_origins(model, twins, affected)))
    statements: list[Statement] = []
    for s in state.model.statements:
        if s.name in names:
            domain = first[s.name].set_tuple_name(names[s.name])
            statements.append(made_again(model, s, names[s.name], domain, twins))
        if s.name not in rest:
            statements.append(s)
        elif not rest[s.name].is_empty():
            statements.append(s.within(rest[s.name]))
    peeled = _peeled_tree(edit, loop, key, names, abs(n) > 1)
    kept = restrict(loop, frozenset(s.name for s in statements))
    assert kept is not None

    def both(_: LoopNode) -> Tree:
        return sequence([peeled, kept] if n > 0 else [kept, peeled])

    tree = replace_loop(_with_outer(state, loop, names, statements), loop.key, both)
    model = model.with_statements(statements, tree)
    stale = {a.space for s in (*affected, *map(model.statement, names.values())) for a in s.accesses}
    done = state.with_twins(twins).with_model(model, tree, frozenset(stale))
    return Result(done, (LoopRef(key),) if abs(n) > 1 else ())


def _inside(state: State, loop: LoopNode) -> list[Array]:
    """Arrays that live within one iteration of the loop: a second copy keeps both as small as they were."""
    inside = {name for name, _ in loop.exprs}
    return [
        array
        for array, found in storages(state.model, state.tree).items()
        if {s.name for s in state.model.statements if s.scope(array)} <= inside
        and any(other.key == loop.key for other in found.loops)
    ]


def _domains(state: State, loop: LoopNode, n: int) -> tuple[dict[str, isl.Set], dict[str, isl.Set]]:
    """The first `n` iterations of the loop (or the last), and the others, as domains of its statements."""
    *outer, own = chain_above(state, loop.key)
    loops = (*outer, own if n > 0 else replace(own, descending=not own.descending))
    statements = [state.model.statement(name) for name, _ in loop.exprs]
    times = {s.name: time_map(s, loops).intersect_domain(s.domain) for s in statements}
    early = split_first([t.range() for t in times.values()], abs(n), loop.step)
    first = {name: coalesced(t.intersect_range(early).domain()) for name, t in times.items()}
    rest = {s.name: coalesced(minus(s.domain, first[s.name])) for s in statements}
    return first, rest


def _peeled_tree(edit: Edit, loop: LoopNode, key: str, names: dict[str, str], several: bool) -> Tree:
    """The tree of the peeled iterations, with loops and statements of their own names."""
    part = restrict(loop, frozenset(names))
    assert isinstance(part, LoopNode)
    number = count()
    taken: set[str] = set()

    def renamed(inner: LoopNode) -> Tree:
        exprs = tuple((names[name], expr) for name, expr in inner.exprs)
        own = inner.key == loop.key
        name = edit.fresh(f"{inner.name}_peel", taken)
        taken.add(name)
        band = None if inner.band is None else edit.fresh_band(f"{inner.band}_peel")
        inner_key = key if own else f"{key}_{next(number)}"
        return replace(inner, key=inner_key, name=name, exprs=exprs, band=band)

    result = renamed_leaves(map_loops(part, renamed), names)
    assert isinstance(result, LoopNode)
    return result if several else result.body


def _with_outer(state: State, loop: LoopNode, names: dict[str, str], statements: list[Statement]) -> Tree:
    """The state's tree with the twins known to the loops around `loop`."""
    outer = {other.key for other in chain_above(state, loop.key)[:-1]}
    present = {s.name for s in statements}

    def known(found: LoopNode) -> Tree:
        if found.key not in outer:
            return found
        more = tuple((names[name], expr) for name, expr in found.exprs if name in names)
        kept = tuple(pair for pair in found.exprs if pair[0] in present)
        return replace(found, exprs=(*kept, *more))

    return map_loops(state.tree, known)
