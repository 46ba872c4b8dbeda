"""Random loop nests of every kind: four deep, with steps in triangles, blocks guarded by data, values, calls,
types of odd widths, least and greatest values."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from nests import SIZE, Maker, int32, plus

from tracealloc.trace.ir.dtype import DType, Integer, float32
from tracealloc.trace.ir.expr import Const, Expr, Iter, IterRef, Load
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
)
from tracealloc.trace.queries.affine import Ranges, constant, range_of
from tracealloc.trace.queries.typing_rules import binary, compare, convert, lift, minmax

TYPES: tuple[tuple[DType, ...], ...] = (
    (int32, float32),
    (Integer(8, True), Integer(16, False)),
    (Integer(5, True), Integer(12, False), int32),
    (Integer(4, False), float32, Integer(23, True)),
    (float32,),
)


@dataclass
class Rich(Maker):
    """Makes one random program of more kinds of statements than `Maker` does."""

    def program(self) -> Program:
        self.types = self.rng.choice(TYPES)
        return super().program()

    def loop(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array], band: str | None) -> Loop:
        rng = self.rng
        if not its and rng.random() < 0.2:
            self.depth = 4
        it = Iter(f"it{self.fresh()}", f"{'ijkl'[len(its)]}{self.count}")
        low, extent = rng.choice([0, 0, 0, 1, 2]), rng.choice([0, 1, 1, 2, 3, 3, 4, 5])
        if len(its) > 1:
            extent = min(extent, 3)
        start: Expr = constant(low)
        stop: Expr = constant(low + extent)
        if its and rng.random() < 0.4:
            outer = IterRef(rng.choice(its))
            kind = rng.randrange(3)
            if kind == 0:
                start = plus(outer, rng.choice([0, 1]))
            elif kind == 1:
                stop = plus(outer, rng.choice([0, 1, 2]))
            else:
                start, stop = outer, plus(outer, rng.choice([1, 2, 3]))
        first, last = range_of(start, ranges), range_of(stop, ranges)
        assert first is not None and last is not None
        ends = (first[0], max(first[0], last[1] - 1))
        step = rng.choice([1, 1, 1, 2, 2, 3])
        if rng.random() < 0.2:
            start, stop, step = plus(stop, -1), plus(start, -1), -step
        ranges = {**ranges, it: ends}
        return Loop(it, start, stop, step, self.body((*its, it), ranges, list(scalars)), band=band)

    def body(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Block:
        rng = self.rng
        nodes: list[Node] = []
        if rng.random() < 0.2:
            load = self.load(its, ranges, scalars)
            value = Array(f"v{self.fresh()}", f"v{self.count}", load.dtype, (), "value")
            nodes.append(Store(value, (), load))
            nodes.append(self.using(value, its, ranges, scalars))
        if rng.random() < 0.1:
            nodes.append(self.call(its, ranges))
        nodes += super().body(its, ranges, scalars)
        if len(its) > 1 and rng.random() < 0.12 and not any(isinstance(n, Alloc) for n in nodes):
            probe = self.load(its, ranges, scalars)
            cond = compare(">", probe, convert(lift(0), probe.dtype))
            return (If(cond, tuple(nodes)),)
        return tuple(nodes)

    def using(self, value: Array, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Node:
        """A statement that uses a value."""
        rng = self.rng
        target = rng.choice(self.arrays)
        operand = binary("+", Load(value, ()), self.load(its, ranges, scalars))
        return Store(target, self.indices(target, its, ranges), convert(operand, target.dtype))

    def statement(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Node:
        rng = self.rng
        if rng.random() < 0.12:
            target = rng.choice(self.arrays)
            indices = self.indices(target, its, ranges)
            operand = convert(self.load(its, ranges, scalars), target.dtype)
            value = minmax(rng.choice(["min", "max"]), Load(target, indices), operand)
            return Store(target, indices, convert(value, target.dtype))
        if rng.random() < 0.08:
            cond = compare("<=", IterRef(rng.choice(its)), IterRef(rng.choice(its)))
            if not isinstance(cond, Const):
                block = tuple(self.store(its, ranges, scalars) for _ in range(2))
                return If(cond, block, block[:1] if rng.random() < 0.3 else ())
        return super().statement(its, ranges, scalars)

    def call(self, its: tuple[Iter, ...], ranges: Ranges) -> Call:
        """A call that adds a row or an element's neighbours of one array to those of another."""
        rng = self.rng
        x, y = rng.choice(self.arrays), rng.choice(self.arrays)
        program = _adder(x.dtype, y.dtype)
        site = f"{program.name}_{self.fresh()}"
        return Call(program, (self.part(x, its, ranges), self.part(y, its, ranges)), (), site)

    def part(self, array: Array, its: tuple[Iter, ...], ranges: Ranges) -> Region:
        """Two neighbouring elements of the last dimension."""
        *outer, last = self.indices(array, its, ranges)
        bounds = range_of(last, ranges)
        inside = bounds is not None and bounds[1] + 2 <= SIZE
        return Region(array, (*outer, Slice(last if inside else constant(0), 2)))


_ADDERS: dict[tuple[DType, DType], Program] = {}


def _adder(x: DType, y: DType) -> Program:
    """``Y[i] = Y[i] + X[i]`` for two elements; the same program for the same types."""
    known = _ADDERS.get((x, y))
    if known is None:
        a, b = Array("X", "X", x, (2,), "argument"), Array("Y", "Y", y, (2,), "argument")
        it = Iter("n", "n")
        at = (IterRef(it),)
        value = convert(binary("+", Load(b, at), Load(a, at)), y)
        loop = Loop(it, constant(0), constant(2), 1, (Store(b, at, value),), band="L0")
        known = _ADDERS[x, y] = Program(f"add{len(_ADDERS)}", (a, b), (loop,))
    return known


def rich_program(seed: int) -> Program:
    """The random program with a number."""
    return Rich(Random(seed)).program()
