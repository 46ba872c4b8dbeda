"""Two products of one factor in one multiplication, exact for all values ("INT8 packing": WP486).

    for u in 0:2: C[u] += a * b[u]   ->   p = a * ((b[1] << 16) + b[0])
                                          C[0] += int16(p); C[1] += (p >> 16) + (int16(p) < 0)

The low product fits into the bits below the high one, with its sign. Where it is negative, it took one from
the high one, which is put back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count

from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import Integer, as_integer, index
from tracealloc.trace.ir.expr import (
    Binary,
    Cast,
    Compare,
    Const,
    Expr,
    Iter,
    Load,
    Logical,
    Select,
    children,
    iters_of,
    loads_of,
    rewrite,
    substitute,
)
from tracealloc.trace.ir.program import Array, Block, Call, Loop, Node, Program, Store, map_blocks, walk_nodes
from tracealloc.trace.ir.rewrite import map_expressions
from tracealloc.trace.queries.affine import constant, linear, simplify
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = ["Multiplier", "check_packed", "packed_products"]

Multiplier = tuple[int, int]
"""The bits of both operands of a multiplier, with their signs."""


@dataclass(frozen=True)
class _Product:
    """A product, its factor that is the same in all iterations of a loop, and the other one."""

    node: Binary
    same: Expr
    other: Expr


def packed_products(program: Program, multiplier: Multiplier) -> Program:
    """The program in which loops that are marked ``packed`` are pairs of iterations that share products.

    Where later steps left a loop no such products, it is unrolled, and keeps its mark.
    """
    if not any(isinstance(node, Loop) and node.marks.packed for node in walk_nodes(program.body)):
        return program

    fresh = count()  # a loop may stand there several times

    def block(nodes: Block) -> Block:
        return tuple(new for node in nodes for new in changed(node))

    def changed(node: Node) -> Block:
        if isinstance(node, Loop) and node.marks.packed:
            with suppress(ScheduleError):
                return _pairs(node, multiplier, fresh)
            node = replace(node, marks=replace(node.marks, unroll=0))
        return (map_blocks(node, block),)

    return replace(program, body=block(program.body))


def check_packed(program: Program, multiplier: Multiplier) -> None:
    """Refuse loops that are marked ``packed`` and have no products to share.

    Raises:
        ScheduleError: such a loop has no such products, or they do not fit a multiplier.
    """
    for node in walk_nodes(program.body):
        if isinstance(node, Call):
            check_packed(node.program, multiplier)
        elif isinstance(node, Loop) and node.marks.packed:
            _pairs(node, multiplier, count())


def _refuse(loop: Loop, what: str, because: str | None = None, hint: str | None = None) -> ScheduleError:
    reasons = [because] if because else []
    return ScheduleError("TA293", what, place=loop.place, because=reasons, hint=hint)


def _pairs(loop: Loop, multiplier: Multiplier, fresh: Iterator[int]) -> Block:
    trips, start = fixed_trips(loop), linear(loop.start)
    if trips is None or start is None:
        raise _refuse(
            loop, f"loop {loop.iter.name!r} does not run equally often each time",
            hint="a factor that divides its extent, or s.peel",
        )  # fmt: skip
    others = [node for node in loop.body if not isinstance(node, Store)]
    if others:
        raise _refuse(loop, f"loop {loop.iter.name!r} holds more than stores")
    found: list[Node] = []
    steps = [constant(k * loop.step) for k in range(trips)]
    values = [simplify(Binary("+", loop.start, step, index)) for step in steps]
    for number in range(0, trips - 1, 2):
        found += _pair(loop, values[number : number + 2], multiplier, fresh)
    if trips % 2:
        found += [_at(node, loop.iter, values[-1]) for node in loop.body]
    return tuple(found)


def _at(node: Node, it: Iter, value: Expr) -> Node:
    return map_expressions(node, lambda expr: _short(substitute(expr, {it: value})))


def _short(expr: Expr) -> Expr:
    return simplify(expr) if linear(expr) is not None else expr


def _pair(loop: Loop, values: list[Expr], multiplier: Multiplier, fresh: Iterator[int]) -> list[Node]:
    stores = [node for node in loop.body if isinstance(node, Store)]
    products = list(_products(loop, stores))
    if not products:
        raise _refuse(
            loop, f"no product of integers in loop {loop.iter.name!r} has one factor that is always the same",
            because="one multiplication gives the products of two numbers with a third",
        )  # fmt: skip
    before: list[Node] = []
    instead: list[dict[int, Expr]] = [{}, {}]
    for product in products:
        nodes, low, high = _multiplied(loop, product, values, multiplier, next(fresh))
        before += nodes
        for found, value in zip(instead, (low, high), strict=True):
            wanted = product.node.type
            found[id(product.node)] = value if value.dtype == wanted else Cast(value, wanted)
    done: list[Node] = []
    for value, parts in zip(values, instead, strict=True):
        for store in stores:
            done.append(_at(replace(store, value=_instead(store.value, parts)), loop.iter, value))
    return [*before, *done]


def _instead(expr: Expr, parts: dict[int, Expr]) -> Expr:
    return rewrite(expr, lambda each: parts.get(id(each)))


def _always(expr: Expr) -> Iterator[Expr]:
    """The subexpressions that are computed whatever the data are."""
    yield expr
    parts = children(expr)
    if isinstance(expr, Select | Logical):
        parts = parts[:1]
    for part in parts:
        yield from _always(part)


def _products(loop: Loop, stores: list[Store]) -> Iterator[_Product]:
    stored = {store.array for store in stores}
    for store in stores:
        for node in _always(store.value):
            if not isinstance(node, Binary) or node.op != "*" or not isinstance(node.type, Integer):
                continue
            if any(load.array in stored or load.array.kind == "stream" for load in loads_of(node)):
                continue  # another iteration may change it, or each takes another element
            factors = (node.left, node.right)
            moving = [loop.iter in iters_of(factor) for factor in factors]
            if sorted(moving) == [False, True] and all(as_integer(factor.dtype) for factor in factors):
                same, other = factors if moving[1] else factors[::-1]
                yield _Product(node, _narrow(same), _narrow(other))


def _narrow(expr: Expr) -> Expr:
    """A factor without conversions that keep its value."""
    while isinstance(expr, Cast):
        inner, outer = as_integer(expr.operand.dtype), as_integer(expr.dtype)
        if inner is None or outer is None or inner.low < outer.low or inner.high > outer.high:
            break
        expr = expr.operand
    return expr


def _integer(expr: Expr) -> Integer:
    found = as_integer(expr.dtype)
    assert found is not None
    return found


def _multiplied(
    loop: Loop, product: _Product, values: list[Expr], multiplier: Multiplier, number: int
) -> tuple[list[Node], Expr, Expr]:
    """The multiplication, and both products."""
    signed = any(_integer(factor).signed for factor in (product.same, product.other))
    one, two = (
        _integer(factor).width + (signed and not _integer(factor).signed)
        for factor in (product.same, product.other)
    )
    shift = one + two  # a product fits into it, with its sign
    wide = shift + two + signed  # a negative number at its end takes one more
    if wide + (not signed) > multiplier[0] or one + (not signed) > multiplier[1]:
        raise _refuse(
            loop, f"the products of loop {loop.iter.name!r} do not fit one multiplication",
            because=f"two factors of {two} bits beside one another take {wide}, and the other one {one}; "
            f"a multiplier takes {multiplier[0]} by {multiplier[1]}",
        )  # fmt: skip
    packed, whole = Integer(wide, signed), Integer(wide + one, signed)
    key, name = f"{loop.iter.key}:{number}", loop.iter.name.replace(".", "_")
    more = f"_{number}" if number else ""
    factors = Array(f"{key}:factors", f"{name}_factors{more}", packed, (), "value")
    both = Array(f"{key}:both", f"{name}_both{more}", whole, (), "value")
    low, high = (Cast(_short(substitute(product.other, {loop.iter: value})), packed) for value in values)
    place = Const(shift, packed)
    made = Binary("+", Binary("<<", high, place, packed), low, packed)
    same = product.same if _integer(product.same).signed == signed else Cast(product.same, Integer(one, True))
    times = Binary("*", Load(factors), same, whole)
    first = Cast(Load(both), Integer(shift, signed))
    second: Expr = Binary(">>", Load(both), Const(shift, whole), whole)
    if signed:
        negative = Compare("<", first, Const(0, first.type))
        second = Binary("+", second, Select(negative, Const(1, whole), Const(0, whole)), whole)
    where = loop.place
    return [Store(factors, (), made, (), where), Store(both, (), times, (), where)], first, second
