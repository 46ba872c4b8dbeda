"""A program without its values: what it takes from queues and puts, when, and nothing else.

    for i, k: x = A_in.get(); A_out.put(x); C[i] += x * B[k]   ->   for n: A_in.get(); A_out.put(0)

Cycles are those of the program; it runs faster, and a pipeline whose iterations are all alike is one counted
loop: where a network does the same over and over, a simulation may leap over that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.clocks import Clocks, FunctionClock, Pipe
from tracealloc.trace.ir.dtype import Integer
from tracealloc.trace.ir.expr import Const, Expr, Iter, Load, iters_of, loads_of
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
    read_by,
    walk_nodes,
)
from tracealloc.trace.queries.affine import constant
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = ["skeleton_of"]

int8 = Integer(8, True)


class _ByData(Exception):
    """Data choose what is taken and put."""


def skeleton_of(clocks: Clocks) -> Clocks | None:
    """The program's skeleton with its clocks; None where data choose what is taken or put, or when."""
    done: dict[int, Program] = {}
    functions: dict[int, FunctionClock] = {}
    try:
        for each in (*clocks.program.callees(), clocks.program):
            calls = [node for node in walk_nodes(each.body) if isinstance(node, Call)]
            parts = [part for call in calls for part in (*call.args, *call.results)]
            passed = frozenset(part.array for part in parts if isinstance(part, Region))
            bare = _Bare(clocks.functions[id(each)], done, passed)
            body = bare.block(each.body)
            args = tuple(map(_queue, each.args))
            new = done[id(each)] = replace(each, args=args, body=body)
            functions[id(new)] = bare.clock()
    except _ByData:
        return None
    return Clocks(done[id(clocks.program)], functions, clocks.clock_ns, clocks.style, bare=True)


def _queue(array: Array) -> Array:
    """A queue, of bytes."""
    return replace(array, dtype=int8) if array.kind == "stream" else array


def _fixed(expr: Expr) -> Expr:
    """An expression that decides what happens.

    Raises:
        _ByData: it reads what is computed.
    """
    if any(load.array.kind != "constant" and load.array.parameter is None for load in loads_of(expr)):
        raise _ByData
    return expr


@dataclass
class _Bare:
    """Takes the values out of one function."""

    old: FunctionClock
    done: dict[int, Program]
    passed: frozenset[Array]  # to processes: they are declared
    before: dict[int, int] = field(default_factory=dict)
    after: dict[int, int] = field(default_factory=dict)
    gets: dict[int, int] = field(default_factory=dict)
    puts: dict[int, int] = field(default_factory=dict)
    meets: dict[int, tuple[tuple[Load | Store, int], ...]] = field(default_factory=dict)
    pipes: dict[int, Pipe] = field(default_factory=dict)
    nests: dict[int, int] = field(default_factory=dict)
    made: list[Node] = field(default_factory=list)  # nodes go by identity: they have to live
    count: int = 0

    def clock(self) -> FunctionClock:
        """The clock of what was made."""
        return replace(
            self.old,
            before=self.before,
            after=self.after,
            gets=self.gets,
            puts=self.puts,
            meets=self.meets,
            pipes=self.pipes,
            nests=self.nests,
        )

    def block(self, block: Block) -> Block:
        """What is left of a block."""
        return tuple(new for node in block for new in self.node(node))

    def node(self, node: Node) -> list[Node]:
        """What is left of a node, with the cycles that pass around it."""
        found = self.bare(node)
        key = id(node)
        before, after = self.old.before.get(key, 0), self.old.after.get(key, 0)
        if not found and (before or after):
            found = [self.nothing()]
        if found:
            self.made += found
            for side, cycles, at in ((self.before, before, found[0]), (self.after, after, found[-1])):
                if cycles:
                    side[id(at)] = side.get(id(at), 0) + cycles
            if key in self.old.meets:
                self.meets[id(found[0])] = tuple((_access(a), stage) for a, stage in self.old.meets[key])
        return found

    def bare(self, node: Node) -> list[Node]:
        match node:
            case Alloc(array=array):
                kept = array.kind == "stream" or array in self.passed
                return [replace(node, array=_queue(array), fill=None)] if kept else []
            case Store():
                return self.store(node)
            case If(cond=cond, then=then, orelse=orelse):
                sides = self.block(then), self.block(orelse)
                taken = self.takes(node, read_by(replace(node, then=(), orelse=())))
                return [*taken, If(_fixed(cond), *sides, node.place)] if any(sides) else taken
            case Loop():
                return self.loop(node)
            case While():
                raise _ByData
            case Call():
                return [self.call(node)]
            case _:
                assert_never(node)

    def nothing(self) -> Store:
        """A statement that does nothing."""
        return self.into(Const(0, int8))

    def into(self, value: Expr, place: Place | None = None) -> Store:
        """A value that nobody uses."""
        self.count += 1
        array = Array(f"nothing {self.count}", f"t{self.count}", int8, (), "value")
        return Store(array, (), value, (), place)

    def takes(self, node: Node, loads: Iterable[Load]) -> list[Node]:
        """What is taken from queues, one after the other."""
        found: list[Node] = []
        for load in loads:
            if load.array.kind == "stream":
                found.append(self.into(_get(load), getattr(node, "place", None)))
                self.gets[id(found[-1])] = self.old.gets.get(id(node), 0)
        self.made += found
        return found

    def store(self, node: Store) -> list[Node]:
        found = self.takes(node, read_by(node))
        if node.array.kind == "stream":
            put = _put(node)
            self.puts[id(put)] = self.old.puts.get(id(node), 0)
            found.append(put)
        return found

    def loop(self, loop: Loop) -> list[Node]:
        inner = self.old.nests.get(id(loop))
        chain = [loop]
        while inner is not None and id(chain[-1]) != inner:
            (only,) = [node for node in chain[-1].body if isinstance(node, Loop)]
            chain.append(only)
        body = self.block(chain[-1].body)
        trips = [fixed_trips(each) for each in chain]
        if inner is None:
            if not body:
                return []
            new = replace(loop, start=_fixed(loop.start), stop=_fixed(loop.stop), body=body)
            return [new]
        pipe = self.old.pipes[inner]
        its = {each.iter for each in chain}
        if None not in trips and not its & _used(body):
            total = 1
            for count in trips:
                assert count is not None
                total *= count
            it = Iter(f"{loop.iter.key} counted", loop.iter.name)
            new = Loop(it, constant(0), constant(total), 1, body, place=loop.place)
            self.pipes[id(new)], self.nests[id(new)] = replace(pipe, counted=True), id(new)
            return [new]
        new = replace(chain[-1], start=_fixed(chain[-1].start), stop=_fixed(chain[-1].stop), body=body)
        self.pipes[id(new)] = pipe
        last = id(new)
        for each in reversed(chain[:-1]):
            self.made.append(new)
            new = replace(each, start=_fixed(each.start), stop=_fixed(each.stop), body=(new,))
        self.nests[id(new)] = last
        return [new]

    def call(self, node: Call) -> Call:
        callee = self.done[id(node.program)]
        used = {load.array for inner in walk_nodes(callee.body) for expr in expressions_of(inner)
                for load in loads_of(expr)}  # fmt: skip
        args: list[Region | Expr] = []
        for formal, part in zip(callee.args, node.args, strict=True):
            if isinstance(part, Region):
                args.append(_region(part))
            else:
                args.append(_fixed(part) if formal in used else Const(0, part.dtype))
        results = tuple(map(_region, node.results))
        return replace(node, program=callee, args=tuple(args), results=results)


def _region(part: Region) -> Region:
    for item in part.indices:
        _fixed(item.start if isinstance(item, Slice) else item)
    return replace(part, array=_queue(part.array))


def _get(load: Load) -> Load:
    return replace(load, array=_queue(load.array), indices=tuple(map(_fixed, load.indices)), path=())


def _put(store: Store) -> Store:
    indices = tuple(map(_fixed, store.indices))
    return replace(store, array=_queue(store.array), indices=indices, value=Const(0, int8), path=())


def _access(access: Load | Store) -> Load | Store:
    return _put(access) if isinstance(access, Store) else _get(access)


def _used(block: Block) -> set[Iter]:
    """The iterators that what a block does depends on."""
    found: set[Iter] = set()
    for node in walk_nodes(block):
        for expr in expressions_of(node):
            found |= iters_of(expr)
        if isinstance(node, Call):
            for part in (*node.args, *node.results):
                items = part.indices if isinstance(part, Region) else (part,)
                for item in items:
                    found |= iters_of(item.start if isinstance(item, Slice) else item)
    return found
