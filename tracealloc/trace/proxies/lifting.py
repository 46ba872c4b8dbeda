"""From builders and NumPy types to the recorder: refusals get the user's place, dtypes become types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from tracealloc.trace.diagnostics.errors import BoundsError, TraceError
from tracealloc.trace.ir.dtype import (
    DType,
    Integer,
    Struct,
    bfloat16,
    boolean,
    float16,
    float32,
    float64,
)
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.queries.typing_rules import Mistyped
from tracealloc.trace.record.recorder import fail

__all__ = ["mistyped", "numpy_dtype", "typed"]


def typed(make: Callable[..., Expr], *args: Any) -> Expr:
    """Call a builder; what has no type becomes a `TraceError` at the user's place."""
    try:
        return make(*args)
    except Mistyped as error:
        mistyped(error)


def mistyped(error: Mistyped) -> NoReturn:
    """Raise a builder's refusal at the user's place."""
    cls = BoundsError if error.code == "TA111" else TraceError
    fail(error.code, error.summary, *error.because, hint=error.hint, error=cls)


def numpy_dtype(dtype: Any) -> DType | None:
    """The element type of a NumPy dtype, or None."""
    if dtype.kind in "iu":
        return Integer(8 * dtype.itemsize, dtype.kind == "i")
    if dtype.kind == "b":
        return boolean
    if dtype.kind == "V" and dtype.names:
        inner = [(name, numpy_dtype(dtype.fields[name][0])) for name in dtype.names]
        return Struct(tuple((n, t) for n, t in inner if t is not None)) if all(t for _, t in inner) else None
    names = {"float16": float16, "float32": float32, "float64": float64, "bfloat16": bfloat16}
    names_small = {"int4": Integer(4, True), "uint4": Integer(4, False)}
    return names.get(str(dtype)) or names_small.get(str(dtype))
