"""The processes of a network, in families: instances of a grid that do the same.

    for i, j in ta.processes(4, 4, name="PE"):          PE    i > 0:  x = q[i - 1, j].get(); ...
        x = A[j] if i == 0 else q[i - 1, j].get()   ->  PE_1  i == 0: x = A[j]; ...

What holds of an instance by its place in the grid alone is decided: conditions on the iterators of the grid,
and loops that never run. Instances that decide alike are one family, and do what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import boolean
from tracealloc.trace.ir.expr import (
    Cast,
    Compare,
    Const,
    Expr,
    Iter,
    IterRef,
    Load,
    Logical,
    Select,
    Unary,
    iters_of,
    loads_of,
    rewrite,
    walk,
)
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Program,
    Store,
    While,
    expressions_of,
    map_blocks,
    over_elements,
    touched_by,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_expressions
from tracealloc.trace.network.grids import grid_loop
from tracealloc.trace.network.numbers import Points, values_of

__all__ = ["Family", "Stage", "families_of", "stages_of"]

_TRUE = {False: Const(False, boolean), True: Const(True, boolean)}


@dataclass(frozen=True)
class Stage:
    """A part of a network's body: one process, or the grid of processes that loops in space make.

    `node` is the part as it was recorded; `loops` are the loops of the grid, outermost first; `points` has a
    row of their values for each process.
    """

    node: Node
    name: str
    loops: tuple[Loop, ...]
    points: np.ndarray
    body: Block
    place: Place | None

    def at(self, rows: Any = slice(None)) -> Points:
        """The iterators' values in some processes."""
        return {loop.iter: self.points[rows, axis] for axis, loop in enumerate(self.loops)}

    def label(self, row: int) -> str:
        """``PE[0, 1]``."""
        if not self.loops:
            return self.name
        return f"{self.name}[{', '.join(map(str, self.points[row].tolist()))}]"


@dataclass(frozen=True)
class Family:
    """Processes of one stage that do the same: `rows` of its points."""

    stage: Stage
    rows: np.ndarray
    body: Block

    @property
    def points(self) -> np.ndarray:
        """The iterators' values in each."""
        found: np.ndarray = self.stage.points[self.rows]
        return found


def stages_of(program: Program) -> tuple[Block, tuple[Stage, ...]]:
    """What a network makes first (arrays, queues, values that only arguments give), and its parts."""
    made: list[Node] = []
    stages: list[Stage] = []
    stored: set[Array] = set()
    for node in program.body:
        part = node
        if isinstance(node, Alloc):
            late = node.fill is not None and any(load.array in stored for load in loads_of(node.fill))
            made.append(replace(node, fill=None) if late else node)
            if not late:
                continue
            part = _fill(node)
        elif not stages and _is_known(node):
            made.append(node)
            continue
        stages.append(_stage(part, len(stages)))
        stored |= {array for inner in walk_nodes((part,)) for array in touched_by(inner)}
    return tuple(made), _named(stages, program)


def _fill(node: Alloc) -> Node:
    """The process that fills an array with what another process has stored."""
    array = node.array
    assert node.fill is not None
    its = tuple(Iter(f"{array.key}:fill{axis}", f"i{axis}") for axis in range(array.rank))
    value = node.fill if node.fill.dtype == array.dtype else Cast(node.fill, array.dtype)
    return over_elements(its, Store(array, tuple(map(IterRef, its)), value, place=node.place), array.shape)


def _named(stages: list[Stage], program: Program) -> tuple[Stage, ...]:
    """The stages; a call of a kernel that no other stage calls has its name."""
    calls = [stage.body[0] for stage in stages if len(stage.body) == 1]
    users = Counter(call.program.name for call in calls if isinstance(call, Call))
    found = []
    for stage in stages:
        call = stage.body[0] if len(stage.body) == 1 else None
        alone = isinstance(call, Call) and not stage.loops and users[call.program.name] == 1
        found.append(replace(stage, name=call.program.name) if alone and isinstance(call, Call) else stage)
    return tuple(found)


def _is_known(node: Node) -> bool:
    """Whether a node names a value before the processes begin."""
    if not isinstance(node, Store) or node.array.kind != "value":
        return False
    return not any(load.array.kind == "stream" for load in loads_of(node.value))


def _stage(node: Node, number: int) -> Stage:
    loops: list[Loop] = []
    body: Block = (node,)
    points = np.zeros((1, 0), np.int64)
    while (loop := grid_loop(body)) is not None:
        at = {other.iter: points[:, axis] for axis, other in enumerate(loops)}
        ends = values_of(loop.start, at), values_of(loop.stop, at)
        if ends[0] is None or ends[1] is None:
            break
        starts, stops = (np.broadcast_to(end, len(points)) for end in ends)
        rows = [
            (*point, value)
            for point, start, stop in zip(points.tolist(), starts.tolist(), stops.tolist(), strict=True)
            for value in range(start, stop, loop.step)
        ]
        points = np.array(rows, np.int64).reshape(len(rows), len(loops) + 1)
        loops.append(loop)
        body = loop.body
    known = _known_values(body, {loop.iter for loop in loops}) if loops else {}
    return Stage(node, _name(node, number), tuple(loops), points, _without(body, known), node.place)


def _known_values(block: Block, grid: set[Iter]) -> dict[Array, Expr]:
    """The named values that the place in the grid gives: ``first = i == 0``."""
    found: dict[Array, Expr] = {}
    for node in walk_nodes(block):
        if isinstance(node, Store) and node.array.kind == "value":
            value = _put_in(node.value, found)
            if iters_of(value) <= grid and not loads_of(value):
                found[node.array] = value
    return found


def _put_in(expr: Expr, values: dict[Array, Expr]) -> Expr:
    return rewrite(expr, lambda part: values.get(part.array) if isinstance(part, Load) else None)


def _without(block: Block, values: dict[Array, Expr]) -> Block:
    """A block with named values put where they are used."""
    if not values:
        return block

    def kept(nodes: Block) -> Block:
        left = (n for n in nodes if not (isinstance(n, Store) and n.array in values))
        return tuple(map_blocks(node, kept) for node in left)

    return tuple(map_expressions(node, lambda expr: _put_in(expr, values)) for node in kept(block))


def _name(node: Node, number: int) -> str:
    match node:
        case Loop(band=band, iter=it):
            return band or it.name
        case While(iter=it):
            return it.name
        case Call(site=site, program=program):
            return site or program.name
        case _:
            return f"P{number}"


def families_of(stage: Stage) -> Iterator[Family]:
    """The families of a stage, in the order of their first processes; those with nothing to do are none."""
    if not len(stage.points):
        return
    grid = {loop.iter for loop in stage.loops}
    asked = list(dict.fromkeys(_questions(stage.body, grid))) if grid else []
    at = stage.at()
    answers = [(question, _holds(question, at, len(stage.points))) for question in asked]
    known = [(question, found) for question, found in answers if found is not None]
    if not known:
        yield Family(stage, np.arange(len(stage.points)), stage.body)
        return
    table = np.stack([found for _, found in known], axis=1)
    kinds, first, which = np.unique(table, axis=0, return_index=True, return_inverse=True)
    for kind in np.argsort(first):
        truths = {question: bool(kinds[kind, k]) for k, (question, _) in enumerate(known)}
        body = _decided_block(stage.body, truths)
        if body:
            yield Family(stage, np.flatnonzero(which.reshape(-1) == kind), body)


def _questions(block: Block, grid: set[Iter]) -> Iterator[Expr]:
    """The conditions of a block on iterators of the grid alone; a loop asks whether it runs."""
    for node in walk_nodes(block):
        if isinstance(node, Loop):
            asked = _runs(node)
            if _of_grid(asked, grid):
                yield asked
        for whole in expressions_of(node):
            for part in walk(whole):
                if isinstance(part, Compare) and _of_grid(part, grid):
                    yield part


def _runs(loop: Loop) -> Expr:
    return Compare("<" if loop.step > 0 else ">", loop.start, loop.stop)


def _of_grid(expr: Expr, grid: set[Iter]) -> bool:
    its = iters_of(expr)
    return bool(its) and its <= grid and not loads_of(expr)


def _holds(question: Expr, at: Points, count: int) -> np.ndarray | None:
    found = values_of(question, at)
    return None if found is None else np.broadcast_to(found != 0, count)


def _decided_block(block: Block, truths: dict[Expr, bool]) -> Block:
    return tuple(kept for node in block for kept in _decided(node, truths))


def _decided(node: Node, truths: dict[Expr, bool]) -> Block:
    """What is left of a node where some conditions are known."""
    if isinstance(node, Loop) and truths.get(_runs(node)) is False:
        return ()
    if isinstance(node, If):
        cond = decided(node.cond, truths)
        if isinstance(cond, Const):
            return _decided_block(node.then if cond.value else node.orelse, truths)
        then, orelse = (_decided_block(part, truths) for part in (node.then, node.orelse))
        if not then and not orelse:
            return ()
        return (replace(node, cond=cond, then=then, orelse=orelse),)
    blocks = map_blocks(node, lambda _: ())
    own = map_expressions(blocks, lambda expr: decided(expr, truths))
    parts = iter([_decided_block(part, truths) for part in _blocks(node)])
    found = map_blocks(own, lambda _: next(parts))
    return () if isinstance(found, Loop) and not found.body else (found,)


def _blocks(node: Node) -> list[Block]:
    found: list[Block] = []

    def note(block: Block) -> Block:
        found.append(block)
        return block

    map_blocks(node, note)
    return found


def decided(expr: Expr, truths: dict[Expr, bool]) -> Expr:
    """An expression in which some comparisons are known."""

    def change(part: Expr) -> Expr | None:
        if isinstance(part, Compare) and part in truths:
            return _TRUE[truths[part]]
        if isinstance(part, Unary) and part.op == "not":
            inner = decided(part.operand, truths)
            return _TRUE[not inner.value] if isinstance(inner, Const) else replace(part, operand=inner)
        if isinstance(part, Logical):
            return _logical(part, truths)
        if isinstance(part, Select):
            cond = decided(part.cond, truths)
            if isinstance(cond, Const):
                return decided(part.then if cond.value else part.orelse, truths)
        return None

    return rewrite(expr, change)


def _logical(expr: Logical, truths: dict[Expr, bool]) -> Expr:
    ends = expr.op == "or"  # the value that settles it
    left = []
    for operand in expr.operands:
        found = decided(operand, truths)
        if not isinstance(found, Const):
            left.append(found)
        elif bool(found.value) == ends:
            return _TRUE[ends]
    if not left:
        return _TRUE[not ends]
    return left[0] if len(left) == 1 else replace(expr, operands=tuple(left))
