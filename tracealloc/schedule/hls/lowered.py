"""A program as HLS is to see it, with all that is decided and proved of it: what emission is handed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from tracealloc.schedule.hls.constant_bounds import Unrolled, unrolled
from tracealloc.schedule.hls.false_dependences import distances_between
from tracealloc.schedule.hls.instances import instances_of
from tracealloc.schedule.hls.pipelined import pipelined_nests
from tracealloc.schedule.hls.port_copies import with_port_copies
from tracealloc.schedule.hls.process_fills import FillMoves
from tracealloc.schedule.hls.queue_room import room_of
from tracealloc.schedule.hls.shared_banks import refusals
from tracealloc.trace.ir.dtype import Boolean, as_integer
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, substitute
from tracealloc.trace.ir.facts import Distance, Facts, FunctionFacts, LoopFacts, Lowered
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.layout import effective_banks
from tracealloc.trace.ir.program import (
    Array,
    Block,
    Call,
    Loop,
    Node,
    Program,
    Store,
    While,
    blocks_of,
    map_blocks,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_expressions
from tracealloc.trace.network.cut import networked
from tracealloc.trace.queries.intervals import Ranges, ZeroDivisorRanges, trips

__all__ = ["each_function", "for_hls"]


def for_hls(program: Program, hardware: Hardware) -> Lowered:
    """What is emitted of a traced or lowered program.

    Ports that are no memories get copies, loops that HLS unrolls constant bounds. Functions have names of
    their own, and so have the loops of each. Found once for each program and hardware.

    Raises:
        BuildError: a port cannot do what the program needs.
    """
    known: dict[Hardware, Lowered] = program.memo.setdefault("for HLS", {})
    if hardware not in known:
        known[hardware] = _lowered(program, hardware)
    return known[hardware]


def _lowered(program: Program, hardware: Hardware) -> Lowered:
    before = _told_apart(networked(program))
    copied, copies = with_port_copies(before, hardware)
    copied = networked(copied)  # in a network, the copies are processes
    fills = FillMoves(copied)
    copied = each_function(copied, fills.changed) if fills else copied
    found = {id(each.program): each for each in unrolled(copied, hardware)}
    functions = {each.program.name: _facts_of(each, hardware) for each in found.values()}
    instances = instances_of(copied)
    for each in found.values():
        own, name = each.program, each.program.name
        refused = tuple(refusals(own, own is copied)) if own.concurrent else ()
        functions[name] = replace(functions[name], instances=instances[id(own)], refused=refused)
    after = each_function(copied, lambda each: replace(each, body=found[id(each)].body))
    return Lowered(after, Facts(functions, copies), before)


def each_function(program: Program, change: Callable[[Program], Program]) -> Program:
    """The program with every function changed; calls go to the changed ones."""
    done: dict[int, Program] = {}

    def linked(node: Node) -> Node:
        if isinstance(node, Call):
            new = done[id(node.program)]
            return replace(node, program=new, callee=new.name if node.callee else "")
        return map_blocks(node, lambda block: tuple(linked(inner) for inner in block))

    for each in (*program.callees(), program):
        new = change(each)
        if any(isinstance(node, Call) for node in walk_nodes(new.body)):
            new = replace(new, body=tuple(linked(node) for node in new.body))
        done[id(each)] = new
    return done[id(program)]


def _told_apart(program: Program) -> Program:
    """The program with a name for each function, and an iterator of its own for each loop of one.

    Copies of a statement that has loops inside share their iterators: what is known of one is not of all.
    """
    programs = (program, *program.callees())
    names: dict[int, str] = {}
    for each in programs:
        name, count = each.name, 0
        while name in names.values():
            count += 1
            name = f"{each.name}_{count}"
        names[id(each)] = name
    if all(names[id(each)] == each.name and not _shares_iterators(each) for each in programs):
        return program

    def change(each: Program) -> Program:
        body = _own_iterators(each.body, set()) if _shares_iterators(each) else each.body
        return replace(each, name=names[id(each)], body=body)

    return each_function(program, change)


def _shares_iterators(program: Program) -> bool:
    iters = [node.iter for node in walk_nodes(program.body) if isinstance(node, Loop | While)]
    return len(set(iters)) < len(iters)


def _own_iterators(block: Block, taken: set[Iter]) -> Block:
    return tuple(_own_iterator(node, taken) for node in block)


def _own_iterator(node: Node, taken: set[Iter]) -> Node:
    if isinstance(node, Loop | While):
        old, own = node.iter, node.iter
        while own in taken:
            own = replace(own, key=f"{own.key} again")
        taken.add(own)
        if own != old:
            node = replace(node, iter=own)
            values: dict[Iter, Expr] = {old: IterRef(own)}
            node = map_blocks(
                node,
                lambda block: tuple(map_expressions(n, lambda e: substitute(e, values)) for n in block),
            )
    return map_blocks(node, lambda block: _own_iterators(block, taken))


def _facts_of(found: Unrolled, hardware: Hardware) -> FunctionFacts:
    """The facts of one function, the way it is emitted."""
    program = found.program
    # Where all is unrolled, what a pragma in a loop says might be taken for what is around it.
    apart = {} if found.inside else distances_between(program, hardware)
    nests = pipelined_nests(hardware, program.body)
    flat = {nest[-1].iter: tuple(loop.iter for loop in nest) for nest in nests}
    now = {old: new for new, old in found.origins.items()}
    ranges = ZeroDivisorRanges()
    ranges.of_value.update(found.values)
    stores = Counter(node.array for node in walk_nodes(found.body) if isinstance(node, Store))
    once = frozenset(a for a, count in stores.items() if count == 1 and a.kind == "value" and _is_counted(a))
    loops: dict[Iter, LoopFacts] = {}
    for loop, count in _counted(found.body, ranges, once):
        old = found.origins.get(loop.iter, loop.iter)
        pipelined = loop.marks.pipeline is not None
        nest = tuple(now.get(it, it) for it in flat.get(old, (old,))) if pipelined else ()
        near: tuple[Distance, ...] = apart.get(old, ()) if pipelined else ()
        loops[loop.iter] = LoopFacts(count, nest, near)
    banks = {array: effective_banks(layout, array.shape) for array, layout in program.layouts}
    rolled = {now.get(it, it): why for it, why in found.rolled.items()}
    return FunctionFacts(found.inside, found.values, loops, rolled, banks, room_of(program))


def _is_counted(array: Array) -> bool:
    return as_integer(array.dtype) is not None and not isinstance(array.dtype, Boolean)


def _counted(
    block: Block, ranges: Ranges, once: frozenset[Array]
) -> Iterator[tuple[Loop, tuple[int, int] | None]]:
    """The loops of a block with their trip counts; `once` are values that one statement gives."""
    for node in block:
        if isinstance(node, Loop):
            yield node, trips(node, ranges)
            ranges.enter(node)
        elif isinstance(node, Store) and node.array in once:
            ranges.of_value[node.array] = ranges.of(node.value)
        for inner in blocks_of(node):
            yield from _counted(inner, ranges, once)
