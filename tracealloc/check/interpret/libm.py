"""Mathematical functions as the system's C library computes them.

NumPy's own versions of ``exp`` and the like differ from the C library's in the last bit now and then,
so the interpreter calls the functions that the compiled C calls. Half precision and bfloat16 compute in
float32 and round once.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from functools import cache
from typing import Any

from tracealloc.check.interpret.arith import conversion, float_class
from tracealloc.trace.ir.dtype import DType, Float, float32, float64

__all__ = ["INTRINSICS", "intrinsic"]

_NAMES = "exp log log2 log10 sqrt rsqrt sin cos tan tanh pow floor ceil abs erf"
_MORE = "sinh cosh asin acos atan round trunc exp2 expm1 log1p"
# Functions and their numbers of operands.
INTRINSICS = {name: 2 if name == "pow" else 1 for name in f"{_NAMES} {_MORE}".split()}


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(ctypes.util.find_library("m") or None)


@cache
def _function(name: str, double: bool) -> Callable[..., float]:
    name = {"abs": "fabs"}.get(name, name)
    function = getattr(_library(), name if double else name + "f")
    number = ctypes.c_double if double else ctypes.c_float
    function.restype = number
    function.argtypes = [number] * INTRINSICS.get({"fabs": "abs"}.get(name, name), 1)
    found: Callable[..., float] = function
    return found


def intrinsic(name: str, operands: tuple[DType, ...], result: DType) -> Callable[..., Any]:
    """The function that computes an `Intrinsic` on values."""
    if name not in INTRINSICS or not isinstance(result, Float) or any(o != result for o in operands):
        raise TypeError(f"no function {name} of {', '.join(map(str, operands))} giving {result}")
    wide = result == float64
    scalar = float_class(result)
    if name == "rsqrt":
        root = _function("sqrt", wide)
        return _reciprocal_root(root, result)
    function = _function(name, wide)
    if wide:
        return function
    if result == float32:
        return lambda *args: scalar(function(*args))
    narrow = conversion(float32, result)
    single = float_class(float32)
    assert narrow is not None
    return lambda *args: narrow(single(function(*map(float, args))))


def _reciprocal_root(root: Callable[[float], float], result: Float) -> Callable[[Any], Any]:
    """``1 / sqrt(x)``: two roundings, as in C."""
    from tracealloc.check.interpret.operators import binary_operator

    work = float64 if result == float64 else float32
    divide = binary_operator("/", work, work, work)
    scalar = float_class(work)
    narrow = conversion(work, result)

    def function(value: Any) -> Any:
        quotient = divide(scalar(1.0), scalar(root(float(value))))
        return quotient if narrow is None else narrow(quotient)

    return function
