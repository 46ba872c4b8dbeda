"""Random loop nests that put into queues and take from them: under conditions, in calls, in loops whose
bounds are data, in queues that are chosen by a subscript."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from deep_nests import Rich
from nests import SIZE, int32

from tracealloc.trace.ir.dtype import DType, index
from tracealloc.trace.ir.expr import Const, Expr, Iter, IterRef, Load
from tracealloc.trace.ir.program import Array, Block, Call, If, Loop, Node, Program, Region, Store
from tracealloc.trace.queries.affine import Ranges, constant
from tracealloc.trace.queries.typing_rules import binary, compare, convert, lift


@dataclass
class Queued(Rich):
    """Makes one random program with queues."""

    queues: list[Array] = field(default_factory=list)

    def program(self) -> Program:
        rng = self.rng
        for number in range(rng.choice([1, 1, 2, 3])):
            shape = (SIZE,) if rng.random() < 0.15 else ()
            self.queues.append(Array(f"q{number}", f"q{number}", rng.choice(self.types), shape, "stream"))
        made = super().program()
        return Program("random", (*made.args, *self.queues), made.body)

    def body(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Block:
        rng = self.rng
        nodes = list(super().body(its, ranges, scalars))
        if rng.random() < (0.7 if len(its) >= self.depth else 0.25):
            # At either end, not among the rest: there what is before an `Alloc` may be used.
            moves = self.moves(its, ranges, scalars)
            nodes = [*nodes, *moves] if rng.random() < 0.6 else [*moves, *nodes]
        return tuple(nodes)

    def moves(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> list[Node]:
        """Some puts and gets, perhaps under a condition."""
        rng = self.rng
        scalars = []  # those made in this body may not be there yet
        found: list[Node] = []
        for _ in range(rng.choice([1, 1, 1, 2])):
            found += self.move(its, ranges, scalars)
        kind = rng.random()
        if kind < 0.15:
            cond = compare(rng.choice(["<=", "!="]), IterRef(rng.choice(its)), IterRef(rng.choice(its)))
            if not isinstance(cond, Const):
                return [If(cond, tuple(found), tuple(self.move(its, ranges, scalars)))]
        if kind < 0.3:
            probe = self.load(its, ranges, scalars)
            cond = compare(">", probe, convert(lift(0), probe.dtype))
            return [If(cond, tuple(found), tuple(self.move(its, ranges, scalars)) if kind < 0.2 else ())]
        return found

    def move(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> list[Node]:
        """A put, a get and what uses it, a call that does such a thing, or a loop as long as data say."""
        rng = self.rng
        queue = rng.choice(self.queues)
        at = self.indices(queue, its, ranges)
        kind = rng.random()
        put = Store(queue, at, convert(self.load(its, ranges, scalars), queue.dtype))
        if kind < 0.45:
            return [put]
        if kind < 0.75:
            value = Array(f"g{self.fresh()}", f"g{self.count}", queue.dtype, (), "value")
            return [Store(value, (), Load(queue, at)), self.using(value, its, ranges, scalars)]
        if kind < 0.9:
            array = rng.choice(self.arrays)
            program = rng.choice([_sender, _receiver])(array.dtype, queue.dtype)
            part = Region(queue, at)
            return [
                Call(program, (self.part(array, its, ranges), part), (), f"{program.name}_{self.fresh()}")
            ]
        probe = binary("&", convert(self.load(its, ranges, scalars), int32), lift(1))
        it = Iter(f"it{self.fresh()}", f"n{self.count}")
        return [Loop(it, constant(0), convert(probe, index), 1, (put,))]


_CALLEES: dict[tuple[str, DType, DType], Program] = {}


def _callee(kind: str, x: DType, q: DType) -> Program:
    """``q.put(X[n])`` or ``X[n] = q.get()`` for two elements; the same program for the same types."""
    known = _CALLEES.get((kind, x, q))
    if known is None:
        a, b = Array("X", "X", x, (2,), "argument"), Array("q", "q", q, (), "stream")
        it = Iter("n", "n")
        at: tuple[Expr, ...] = (IterRef(it),)
        value = Array("g", "g", q, (), "value")
        body: Block = (Store(b, (), convert(Load(a, at), q)),)
        if kind == "receive":
            body = (Store(value, (), Load(b, ())), Store(a, at, convert(Load(value, ()), x)))
        loop = Loop(it, constant(0), constant(2), 1, body, band="L0")
        known = Program(f"{kind}{len(_CALLEES)}", (a, b), (loop,))
        _CALLEES[kind, x, q] = known
    return known


def _sender(x: DType, q: DType) -> Program:
    return _callee("send", x, q)


def _receiver(x: DType, q: DType) -> Program:
    return _callee("receive", x, q)


def queue_program(seed: int) -> Program:
    """The random program with a number."""
    return Queued(Random(seed)).program()
