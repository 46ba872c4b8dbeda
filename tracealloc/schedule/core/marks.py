"""Changing how a loop is executed, wherever the loop is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tracealloc.poly.model.tree import LoopNode, leaves, loops_in, replace_loop
from tracealloc.schedule.core.chains import most_trips, same_trips, sizes_of
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.schedule.hls.pipelined import loops_on_data, stays_rolled
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import Loop, Node, While, blocks_of, map_blocks

__all__ = ["data_loops_inside", "fused", "halves", "long_loops_inside", "lost", "mark"]


def mark(state: State, loop: LoopNode | OpaqueLoop, change: Callable[[Marks], Marks]) -> State:
    """The state with the marks of one loop changed."""
    if isinstance(loop, LoopNode):
        tree = replace_loop(state.tree, loop.key, lambda found: replace(found, marks=change(found.marks)))
        return state.with_tree(tree)
    statements = [
        replace(s, node=_marked(s.node, loop, change)) if s.name == loop.statement else s
        for s in state.model.statements
    ]
    return replace(state, model=replace(state.model, statements=tuple(statements)))


def _marked(node: Node, wanted: OpaqueLoop, change: Callable[[Marks], Marks]) -> Node:
    node = map_blocks(node, lambda block: tuple(_marked(inner, wanted, change) for inner in block))
    if isinstance(node, Loop | While) and node.iter == wanted.loop.iter:
        return replace(node, marks=change(node.marks))
    return node


def halves(marks: Marks) -> tuple[Marks, Marks]:
    """The marks of the outer and the inner loop that a marked loop is split into.

    What is pipelined, run in lanes or copied is the body, which the inner loop repeats; threads take
    whole runs of it. Only a loop that is unrolled completely stays so in both.
    """
    outer = Marks(
        parallel=marks.parallel,
        dataflow=marks.dataflow,
        unroll=0 if marks.unroll == 0 else None,
        function=marks.function,
        apart=marks.apart,
        space=marks.space,
    )
    return outer, replace(marks, parallel=False, dataflow=False, function=None, apart=False)


def fused(loops: Sequence[Marks]) -> Marks:
    """The marks of the loop that marked loops, outermost first, are fused into: what is true of all of it."""
    last = loops[-1]
    whole = all(marks.unroll == 0 for marks in loops)
    return Marks(
        pipeline=last.pipeline,
        rewind=last.rewind,
        unroll=last.unroll if last.unroll or whole else None,
        parallel=all(marks.parallel for marks in loops),
        vectorize=all(marks.vectorize for marks in loops),
        function=loops[0].function if all(marks.function is None for marks in loops[1:]) else None,
        latency=last.latency,
        limits=last.limits,
        apart=loops[0].apart,
        space=all(marks.space for marks in loops),
    )


def lost(loops: Sequence[LoopNode], now: Marks) -> tuple[str, ...]:
    """Warnings for marks that loops had and that the loop made of them, with the marks `now`, has not."""
    left = set(now.words())
    return tuple(
        f"loop {loop.name!r} was marked {', '.join(gone)}, which the loop made of it is not"
        for loop in loops
        if (gone := [word for word in loop.marks.words() if word not in left])
    )


def data_loops_inside(state: State, loop: LoopNode | OpaqueLoop) -> list[str]:
    """The names of loops below `loop` whose bounds depend on data, in functions that it calls too."""
    if isinstance(loop, OpaqueLoop):
        blocks = blocks_of(loop.loop)
    else:
        blocks = (tuple(state.model.statement(name).node for name in leaves(loop.body)),)
    return [name for block in blocks for name in loops_on_data(block)]


def long_loops_inside(state: State, loop: LoopNode | OpaqueLoop, hardware: Hardware) -> list[tuple[str, str]]:
    """Loops below `loop` that are too long to be unrolled where they vary: names, and up to what they run."""
    if isinstance(loop, OpaqueLoop):
        return []
    found = []
    for inner in loops_in(loop.body):
        most = most_trips(state.model, inner)
        if most > hardware.most_unrolled and stays_rolled(hardware, same_trips(state, inner), most):
            sizes = sizes_of(state.model, inner)
            found.append((inner.name, " and ".join(sizes) or f"{most} times"))
    return found
