"""Statements after an array's element type has changed: every expression typed again by the width rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tracealloc.trace.ir.expr import (
    Binary,
    Bitcast,
    Bits,
    Cast,
    Compare,
    Const,
    Expr,
    GetField,
    Intrinsic,
    IterRef,
    Load,
    Logical,
    MakeStruct,
    Select,
    SetBits,
    Unary,
)
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Region,
    Store,
    While,
)
from tracealloc.trace.ir.rewrite import map_subscript
from tracealloc.trace.queries import typing_rules

__all__ = ["retyped", "retyped_condition", "retyped_part"]


def retyped_expr(expr: Expr, old: Array, new: Array) -> Expr:
    """`expr` with loads of `old` sent to `new`, and the types of everything above worked out again."""

    def go(part: Expr) -> Expr:
        return retyped_expr(part, old, new)

    def truth(part: Expr) -> Expr:
        return retyped_condition(part, old, new)

    match expr:
        case Const() | IterRef():
            return expr
        case Load(array=array, indices=indices):
            return replace(expr, array=new if array == old else array, indices=tuple(go(i) for i in indices))
        case Unary(op="not", operand=operand):
            return _kept(expr, (operand,), typing_rules.negate, truth)
        case Unary(op=op, operand=operand):
            return _kept(expr, (operand,), lambda a: typing_rules.unary(op, a), go)
        case Binary(op=("min" | "max") as op, left=left, right=right):
            return _kept(expr, (left, right), lambda a, b: typing_rules.minmax(op, a, b), go)
        case Binary(op=op, left=left, right=right):
            return _kept(expr, (left, right), lambda a, b: typing_rules.binary(op, a, b), go)
        case Compare(op=op, left=left, right=right):
            return _kept(expr, (left, right), lambda a, b: typing_rules.compare(op, a, b), go)
        case Logical(op=op, operands=operands):
            return _kept(expr, operands, lambda *parts: typing_rules.logical(op, *parts), truth)
        case Select(cond=cond, then=then, orelse=orelse):
            changed = (truth(cond), go(then), go(orelse))
            same = all(a is b for a, b in zip(changed, (cond, then, orelse), strict=True))
            return expr if same else typing_rules.select(*changed)
        case Intrinsic(name=name, args=args):
            return _kept(expr, args, lambda *parts: typing_rules.intrinsic(name, *parts), go)
        case Cast(operand=operand, type=dtype):
            return _kept(expr, (operand,), lambda a: typing_rules.convert(a, dtype), go)
        case Bitcast() | Bits() | SetBits() | MakeStruct() | GetField():
            raise typing_rules.Mistyped("TA236", "bits and fields of a value have no meaning in another type")
        case _:
            raise AssertionError(f"unknown expression {expr!r}")


def retyped_part(part: Expr | Region | Array, old: Array, new: Array) -> Expr | Region | Array:
    """An expression, what is passed, or an array as a whole, with `old` replaced by `new`."""

    def go(expr: Expr) -> Expr:
        return retyped_expr(expr, old, new)

    if isinstance(part, Array):
        return new if part == old else part
    if isinstance(part, Region):
        array = new if part.array == old else part.array
        return Region(array, tuple(map_subscript(index, go) for index in part.indices))
    return go(part)


def retyped_condition(expr: Expr, old: Array, new: Array) -> Expr:
    """A condition likewise: a number in it holds where it is not zero."""
    return typing_rules.as_condition(retyped_expr(expr, old, new))


def _kept(expr: Expr, parts: tuple[Expr, ...], make: Callable[..., Expr], go: Callable[[Expr], Expr]) -> Expr:
    changed = tuple(go(part) for part in parts)
    return expr if all(a is b for a, b in zip(changed, parts, strict=True)) else make(*changed)


def retyped(node: Node, old: Array, new: Array) -> Node:
    """A node with `old` replaced by `new`, an array of another element type."""

    def expr(part: Expr) -> Expr:
        return retyped_expr(part, old, new)

    def truth(part: Expr) -> Expr:
        return retyped_condition(part, old, new)

    def block(nodes: Block) -> Block:
        return tuple(retyped(inner, old, new) for inner in nodes)

    def region(part: Region) -> Region:
        if part.array == old:
            raise typing_rules.Mistyped("TA236", f"a kernel that is called takes {old.name!r} as {old.dtype}")
        return Region(part.array, tuple(map_subscript(i, expr) for i in part.indices))

    match node:
        case Alloc(array=array, fill=fill):
            array = new if array == old else array
            return replace(
                node, array=array, fill=None if fill is None else typing_rules.convert(fill, array.dtype)
            )
        case Store(array=array, indices=indices, value=value):
            target = new if array == old else array
            changed = expr(value)
            if changed is not value or target is not array:
                changed = typing_rules.convert(_stripped(changed, array), target.field_type(node.path))
            return replace(node, array=target, indices=tuple(expr(i) for i in indices), value=changed)
        case Loop(start=start, stop=stop, body=body):
            return replace(node, start=expr(start), stop=expr(stop), body=block(body))
        case While(prologue=prologue, cond=cond, body=body):
            return replace(node, prologue=block(prologue), cond=truth(cond), body=block(body))
        case If(cond=cond, then=then, orelse=orelse):
            return replace(node, cond=truth(cond), then=block(then), orelse=block(orelse))
        case Call(args=args, results=results):
            passed = tuple(region(a) if isinstance(a, Region) else expr(a) for a in args)
            return replace(node, args=passed, results=tuple(region(r) for r in results))


def _stripped(value: Expr, array: Array) -> Expr:
    """A stored value without the conversion to the type that the array had."""
    return value.operand if isinstance(value, Cast) and value.type == array.dtype else value
