"""Random loop nests at the edges: loops of no, one and two iterations, guarded rectangles, loops that run up
and down side by side, loops with bounds on data, and while loops."""

from __future__ import annotations

from random import Random

from deep_nests import Rich
from nests import SIZE, int32, plus

from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Const, Expr, Iter, IterRef, Load
from tracealloc.trace.ir.program import Alloc, Array, Block, If, Loop, Node, Program, Store, While
from tracealloc.trace.queries.affine import Ranges, constant
from tracealloc.trace.queries.typing_rules import binary, compare, convert, lift, minmax

MOST = 3  # iterations of a loop that data ends


class Short(Rich):
    """Makes one random program whose loops are short."""

    def loop(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array], band: str | None) -> Loop:
        rng = self.rng
        it = Iter(f"it{self.fresh()}", f"{'ijkl'[len(its)]}{self.count}")
        low, extent = rng.choice([0, 0, 1]), rng.choice([0, 1, 1, 1, 2, 2, 3, 4])
        start: Expr = constant(low)
        stop: Expr = constant(low + extent)
        if its and rng.random() < 0.25:
            outer = IterRef(rng.choice(its))
            start, stop = rng.choice([(outer, plus(outer, 1)), (start, plus(outer, 1)), (outer, stop)])
        step = rng.choice([1, 1, 1, 2])
        if rng.random() < 0.35:
            start, stop, step = plus(stop, -1), plus(start, -1), -step
        ranges = {**ranges, it: (0, 6)}
        body = self.body((*its, it), ranges, list(scalars))
        if rng.random() < 0.25:  # a rectangle with a condition on it
            sum_ = plus(IterRef(it), IterRef(rng.choice((*its, it))), rng.choice([1, 2, -1]))
            cond = compare(rng.choice(["<", ">=", "=="]), sum_, constant(rng.randint(0, 4)))
            if not isinstance(cond, Const) and not any(isinstance(node, Alloc) for node in body):
                body = (If(cond, body),)
        return Loop(it, start, stop, step, body, band=band)

    def statement(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Node:
        rng = self.rng
        if rng.random() < 0.12 and any(array.dtype == int32 for array in self.arrays):
            return self.to_data(its, ranges, scalars)
        return super().statement(its, ranges, scalars)

    def to_data(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Loop:
        """A loop to a stored number, between 0 and `MOST`."""
        array = self.rng.choice([array for array in self.arrays if array.dtype == int32])
        number = Load(array, self.indices(array, its, ranges))
        most = minmax("min", minmax("max", number, lift(0, int32)), lift(MOST, int32))
        it = Iter(f"it{self.fresh()}", f"d{self.count}")
        ranges = {**ranges, it: (0, MOST - 1)}
        body = tuple(self.store((*its, it), ranges, scalars) for _ in range(self.rng.choice([1, 1, 2])))
        return Loop(it, constant(0), convert(most, index), self.rng.choice([1, 1, 2]), body)

    def body(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Block:
        nodes = super().body(its, ranges, scalars)
        if self.rng.random() < 0.08:
            nodes = (*nodes, *self.until(its, ranges, scalars))
        return nodes

    def until(self, its: tuple[Iter, ...], ranges: Ranges, scalars: list[Array]) -> Block:
        """A while loop that counts a scalar down."""
        left = Array(f"w{self.fresh()}", f"w{self.count}", int32, (), "local")
        count = Load(left, ())
        less = Store(left, (), convert(binary("-", count, lift(1, int32)), int32))
        inside = (less, *(self.store(its, ranges, scalars) for _ in range(self.rng.choice([1, 2]))))
        it = Iter(f"it{self.fresh()}", f"while{self.count}")
        loop = While(it, (), compare(">", count, lift(0, int32)), inside)
        return Alloc(left, convert(lift(self.rng.randint(0, 3)), int32)), loop


def short_program(seed: int) -> Program:
    """The random program with a number."""
    assert SIZE > 12  # of subscripts up to 6 + 6
    return Short(Random(seed)).program()
