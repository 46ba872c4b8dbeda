"""Random loop nests as programs: affine, triangular, steps up and down, imperfect, stencils, sums,
scalars inside loops, guards on iterators and on data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tracealloc.trace.ir.dtype import DType, Integer, float32, index
from tracealloc.trace.ir.expr import Binary, Const, Expr, Iter, IterRef, Load
from tracealloc.trace.ir.program import Alloc, Array, Block, If, Loop, Node, Program, Store
from tracealloc.trace.queries.affine import Ranges, constant, expression, linear, range_of
from tracealloc.trace.queries.typing_rules import binary, compare, convert, lift

SIZE = 14
int8, int32 = Integer(8, True), Integer(32, True)


def plus(a: Expr, b: Expr | int, factor: int = 1) -> Expr:
    other = constant(b) if isinstance(b, int) else b
    whole = Binary("+", a, Binary("*", constant(factor), other, index), index)
    form = linear(whole)
    assert form is not None
    return expression(form)


@dataclass
class Maker:
    """Makes one random program."""

    rng: Random
    count: int = 0
    arrays: list[Array] = field(default_factory=list)
    depth: int = 3
    statements: int = 0
    types: Sequence[DType] = (int32, float32)

    def program(self) -> Program:
        rng = self.rng
        kinds = [self.types[k % len(self.types)] for k in range(3)]
        self.arrays = [
            Array(name, name, kinds[k], (SIZE,) * rank, "argument")
            for k, (name, rank) in enumerate([("A", 2), ("F", rng.choice([1, 2])), ("B", 1)])
        ]
        locals_: list[Array] = []
        body: list[Node] = []
        if rng.random() < 0.3:
            local = Array("T", "T", rng.choice(self.types), (SIZE,), "local")
            locals_.append(local)
            body.append(Alloc(local, convert(lift(0), local.dtype)))
        arguments = tuple(self.arrays)
        self.arrays += locals_
        for number in range(rng.choice([1, 1, 2, 2, 3])):
            self.depth = rng.choice([1, 2, 2, 3])
            loop = self.loop((), {}, [], f"L{number}")
            body.append(loop)
        return Program("random", arguments, tuple(body))

    def fresh(self) -> int:
        self.count += 1
        return self.count

    def loop(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array], band: str | None) -> Loop:
        rng = self.rng
        it = Iter(f"it{self.fresh()}", f"{'ijk'[len(its)]}{self.count}")
        low, extent = rng.choice([0, 0, 0, 1, 2]), rng.randint(1, 5)
        start: Expr = constant(low)
        stop: Expr = constant(low + extent)
        if its and rng.random() < 0.3:
            outer = rng.choice(its)
            if rng.random() < 0.5:
                start = plus(IterRef(outer), rng.choice([0, 1]))
            else:
                stop = plus(IterRef(outer), rng.choice([0, 1, 2]))
        first, last = range_of(start, ranges), range_of(stop, ranges)
        assert first is not None and last is not None
        ends = (first[0], max(first[0], last[1] - 1))
        step = rng.choice([1, 1, 1, 1, 2, 3])
        if rng.random() < 0.2:
            start, stop, step = plus(stop, -1), plus(start, -1), -step
        ranges = {**ranges, it: ends}
        body = self.body((*its, it), ranges, list(scalars))
        return Loop(it, start, stop, step, body, band=band)

    def body(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Block:
        rng = self.rng
        nodes: list[Node] = []
        if rng.random() < 0.25:
            scalar = Array(f"t{self.fresh()}", f"t{self.count}", rng.choice(self.types), (), "local")
            nodes.append(Alloc(scalar, convert(lift(rng.choice([0, 1])), scalar.dtype)))
            scalars = [*scalars, scalar]
        deeper = len(its) < self.depth
        count = rng.choice([1, 1, 2]) if not deeper else rng.choice([0, 0, 1])
        nodes += [self.statement(its, ranges, scalars) for _ in range(count)]
        if deeper:
            for _ in range(rng.choice([1, 1, 1, 2])):
                nodes.append(self.loop(its, ranges, scalars, None))
                if rng.random() < 0.25:
                    nodes.append(self.statement(its, ranges, scalars))
        return tuple(nodes)

    def statement(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Node:
        rng = self.rng
        store = self.store(its, ranges, scalars)
        if rng.random() < 0.15:
            a, b = IterRef(rng.choice(its)), IterRef(rng.choice(its))
            cond = compare(rng.choice(["<", "<=", "==", "!="]), plus(a, rng.choice([-1, 0, 1])), b)
            if not isinstance(cond, Const):
                other: Block = (self.store(its, ranges, scalars),) if rng.random() < 0.4 else ()
                return If(cond, (store,), other)
        if rng.random() < 0.12:
            probe = self.load(its, ranges, scalars)
            cond = compare(">", probe, convert(lift(0), probe.dtype))
            rest: Block = (self.store(its, ranges, scalars),) if rng.random() < 0.4 else ()
            return If(cond, (store,), rest)
        return store

    def store(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Store:
        rng = self.rng
        target = rng.choice(scalars) if scalars and rng.random() < 0.5 else rng.choice(self.arrays)
        indices = self.indices(target, its, ranges)
        value: Expr = self.load(its, ranges, scalars)
        if rng.random() < 0.4:
            value = binary(rng.choice(["+", "-", "*"]), value, self.load(its, ranges, scalars))
        if value.dtype == int32 and rng.random() < 0.1:
            value = convert(value, int8)
        if rng.random() < 0.4:  # a sum, or something like one
            op = rng.choice(["+", "+", "-", "*"])
            own = Load(target, indices)
            value = convert(value, target.dtype) if rng.random() < 0.7 else value
            value = binary(op, own, value) if rng.random() < 0.8 else binary(op, value, own)
        return Store(target, indices, convert(value, target.dtype))

    def load(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Load:
        rng = self.rng
        array = rng.choice(scalars) if scalars and rng.random() < 0.4 else rng.choice(self.arrays)
        return Load(array, self.indices(array, its, ranges))

    def indices(self, array: Array, its: tuple[Iter, ...], ranges: Ranges) -> tuple[Expr, ...]:
        return tuple(self.index(its, ranges) for _ in range(array.rank))

    def index(self, its: tuple[Iter, ...], ranges: Ranges) -> Expr:
        rng = self.rng
        expr: Expr = IterRef(rng.choice(its))
        kind = rng.random()
        if kind < 0.12:
            expr = plus(expr, IterRef(rng.choice(its)), rng.choice([1, -1]))
        elif kind < 0.2:
            expr = constant(rng.randint(0, 3))
        expr = plus(expr, rng.choice([-1, 0, 0, 0, 1, 2]))
        bounds = range_of(expr, ranges)
        assert bounds is not None
        low, high = bounds
        if low < 0:
            expr = plus(expr, -low)
            high -= low
        return expr if high < SIZE else constant(rng.randint(0, SIZE - 1))


def random_program(seed: int) -> Program:
    """The random program with a number."""
    return Maker(Random(seed)).program()
