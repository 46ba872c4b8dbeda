"""isl's AST expressions as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import islpy as isl

from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Compare, Expr, Logical, Select, Unary
from tracealloc.trace.queries.affine import constant

__all__ = ["as_expr"]

_OPS: Any = isl.ast_expr_op_type  # islpy's annotations do not match its enumerations
_KINDS: Any = isl.ast_expr_type
_BINARY: dict[Any, str] = {
    _OPS.add: "+",
    _OPS.sub: "-",
    _OPS.mul: "*",
    _OPS.div: "//",
    _OPS.fdiv_q: "//",
    _OPS.pdiv_q: "//",
    _OPS.pdiv_r: "%",
    _OPS.zdiv_r: "%",
}
_RELATIONS: dict[Any, str] = {_OPS.eq: "==", _OPS.le: "<=", _OPS.lt: "<", _OPS.ge: ">=", _OPS.gt: ">"}


def as_expr(ast: isl.AstExpr, values: Mapping[str, Expr]) -> Expr:
    """An isl AST expression as ours; `values` gives the expressions of isl's loop variables."""
    kind: Any = ast.get_type()
    if kind == _KINDS.id:
        return values[ast.id_get_id().get_name()]
    if kind == _KINDS.int:
        return constant(int(ast.int_get_val().to_python()))
    op: Any = ast.op_get_type()
    args = [as_expr(ast.op_get_arg(k), values) for k in range(ast.op_get_n_arg())]
    if op in _BINARY:
        return Binary(_BINARY[op], args[0], args[1], index)
    if op in _RELATIONS:
        return Compare(_RELATIONS[op], args[0], args[1])
    if op == _OPS.minus:
        return Unary("-", args[0], index)
    if op in (_OPS.min, _OPS.max):
        result = args[0]
        for other in args[1:]:
            result = Binary("min" if op == _OPS.min else "max", result, other, index)
        return result
    if op in (_OPS.and_, _OPS.and_then, _OPS.or_, _OPS.or_else):
        return Logical("and" if op in (_OPS.and_, _OPS.and_then) else "or", tuple(args))
    if op in (_OPS.cond, _OPS.select):
        return Select(args[0], args[1], args[2])
    raise AssertionError(f"unknown operator in isl's expression {ast.to_C_str()}")
