"""Functions of the namespace `ta` on values: math, `where`, `minimum`, arrays, scalars, constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tracealloc.trace.diagnostics.cures import SCALAR_CURES, numpy_cure
from tracealloc.trace.ir.dtype import DType, Float, Struct, answer_calls_with, float64
from tracealloc.trace.ir.expr import Const, Expr, MakeStruct
from tracealloc.trace.ir.program import Alloc
from tracealloc.trace.proxies.arrays import ArrayProxy, MutableScalar
from tracealloc.trace.proxies.elements import element_type
from tracealloc.trace.proxies.lifting import numpy_dtype, typed
from tracealloc.trace.proxies.refusals import article, describe
from tracealloc.trace.proxies.scalars import Scalar, is_number, number_expr
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.record.python_state import Carried
from tracealloc.trace.record.recorder import Recorder, active, fail, recorder_for

__all__ = [
    "called",
    "constant",
    "empty",
    "full",
    "maximum",
    "minimum",
    "numpy_ufunc",
    "record",
    "scalar",
    "state",
    "where",
    "zeros",
]


# ------------------------------------------------------------------------------------------------- arrays


def extents_of(shape: Any, what: str) -> tuple[int, ...]:
    parts = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    for part in parts:
        if isinstance(part, Carried):
            bool(part)
        plain = hasattr(part, "__index__") and not isinstance(part, Scalar | ArrayProxy | bool)
        if not plain or int(part) < 1:
            shown = describe(part) if isinstance(part, Scalar) else repr(part)
            fail(
                "TA125",
                f"an extent of {what} is a positive int known while tracing, not {shown}",
                "hardware has the array, whatever the data are",
                hint=f"{what}((M, N), float32) with M, N from Python",
            )
    return tuple(int(part) for part in parts)


def _array(what: str, shape: Any, dtype: Any, fill: Any) -> ArrayProxy:
    recorder = recorder_for(f"ta.{what}")
    extents, element = extents_of(shape, f"ta.{what}"), element_type(dtype, f"ta.{what}")
    spot = recorder.spot()
    value: Expr | None = None
    if fill is not None:
        if not is_number(fill):
            fail("TA125", f"ta.{what} fills with a number, not {fill!r}", "every element gets the same value",
                 hint="ta.full((M, N), 0, int32); a loop stores different values")  # fmt: skip
        if isinstance(element, Struct):
            if fill != 0:
                fail("TA125", "an array of records can only be filled with 0", "a record is no number",
                     hint="store the fields in a loop: P[i].x = 1")  # fmt: skip
            value = Const(0, typing_rules.lift(0).type)
        else:
            value = typed(typing_rules.convert, number_expr(fill, element), element)
    array = recorder.array("local", element, extents, name=spot.target, place=spot.place)
    recorder.emit(Alloc(array, value, spot.place))
    proxy = ArrayProxy(array, recorder, place=spot.place)
    if not array.name:
        recorder.unnamed.append((array, proxy, 4))
    return proxy


def zeros(shape: int | tuple[int, ...], dtype: DType) -> ArrayProxy:
    """A new array of zeros, one for each execution of this line."""
    return _array("zeros", shape, dtype, 0)


def empty(shape: int | tuple[int, ...], dtype: DType) -> ArrayProxy:
    """A new array without initial values; an element must be written before it is read."""
    return _array("empty", shape, dtype, None)


def full(shape: int | tuple[int, ...], fill: Any, dtype: DType) -> ArrayProxy:
    """A new array with every element set to `fill`."""
    return _array("full", shape, dtype, fill)


def scalar(dtype: DType, init: Any = 0) -> MutableScalar:
    """A variable of the kernel: ``acc += v`` updates it, ``acc.set(v)`` and ``acc[...] = v`` store."""
    recorder = recorder_for("ta.scalar")
    element = element_type(dtype, "ta.scalar")
    if not is_number(init):
        if isinstance(init, Carried):
            bool(init)
        fail(
            "TA125",
            f"ta.scalar starts with a number, not {init!r}",
            "it holds one value",
            hint="ta.scalar(float32, 0)",
        )
    spot = recorder.spot()
    if isinstance(element, Struct) and not isinstance(init, Scalar):
        if init != 0:
            fail("TA125", "a scalar of a record can only start with 0")
        start = _zero(element)
    else:
        start = typed(typing_rules.convert, number_expr(init, element), element)
    array = recorder.array("local", element, (), name=spot.target, place=spot.place)
    recorder.emit(Alloc(array, start, spot.place))
    proxy = MutableScalar(array, recorder, spot.place)
    if not array.name:
        recorder.unnamed.append((array, proxy, 4))
    return proxy


def _zero(dtype: DType) -> Expr:
    """Zero of a type: of each field of a record."""
    if isinstance(dtype, Struct):
        return MakeStruct(tuple(_zero(inner) for _, inner in dtype.fields), dtype)
    return typed(typing_rules.convert, typing_rules.lift(0), dtype)


def constant(data: Any, dtype: DType | None = None) -> ArrayProxy:
    """A table that the kernel only reads (weights, ROM): a NumPy array or a list, copied now."""
    recorder = recorder_for("ta.constant")
    return _table(recorder, "constant", data, dtype)


def state(data: Any, dtype: DType | None = None) -> ArrayProxy:
    """An array that lives across calls of the kernel; `data` is the first content, or a shape of zeros."""
    recorder = recorder_for("ta.state")
    if recorder.loops:
        fail("TA125", "ta.state was called in a loop", "one array lives across all calls",
             hint="call it at the top of the kernel")  # fmt: skip
    if isinstance(data, int | tuple):
        import numpy as np

        from tracealloc.trace.ir.stored import stored_type

        element = element_type(dtype, "ta.state")
        return _held(recorder, "state", np.zeros(extents_of(data, "ta.state"), stored_type(element)), element)
    return _table(recorder, "state", data, dtype)


def _table(recorder: Recorder, kind: str, data: Any, dtype: DType | None) -> ArrayProxy:
    from tracealloc.trace.proxies.tables import to_elements

    if isinstance(data, Scalar | ArrayProxy):
        fail("TA125", f"ta.{kind} takes data known while tracing, not a traced value",
             "its contents are part of the hardware",
             hint=f"ta.{kind}(np.array([...]), int32); a loop copies an array")  # fmt: skip
    element = None if dtype is None else element_type(dtype, f"ta.{kind}")
    raw = _as_array(data, kind)
    if raw.dtype.kind not in "iufbOV":
        fail("TA125", f"ta.{kind} was given an array of {raw.dtype}, not of numbers",
             "its contents are part of the hardware",
             hint=f"ta.{kind}(np.array([...]), int32)")  # fmt: skip
    if element is None:
        element = numpy_dtype(raw.dtype)
    if element is None:
        fail("TA125", f"ta.{kind} finds no element type for an array of {raw.dtype}",
             "its contents are part of the hardware",
             hint=f"say it: ta.{kind}(np.array([...]), int32)")  # fmt: skip
    return _held(recorder, kind, to_elements(raw, element, kind), element)


def _as_array(data: Any, kind: str) -> Any:
    """Data as a NumPy array of its own, in this machine's byte order."""
    import numpy as np

    try:
        raw = np.array(data, order="C")
    except (TypeError, ValueError) as error:
        fail("TA125", f"ta.{kind} needs an array of numbers: {error}",
             "its contents are part of the hardware",
             hint=f"ta.{kind}(np.array([...]), int32)")  # fmt: skip
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        fail("TA125", f"ta.{kind} was given an array with masked elements, which have no value",
             "its contents are part of the hardware",
             hint=f"say which: ta.{kind}(data.filled(0))")  # fmt: skip
    if raw.ndim == 0 or raw.size == 0:
        shown = "a single value" if raw.ndim == 0 else f"an array of shape {raw.shape}"
        fail("TA125", f"ta.{kind} needs an array of numbers with at least one element, not {shown}",
             "its contents are part of the hardware",
             hint=f"ta.{kind}(np.array([...]), int32)")  # fmt: skip
    return raw.astype(raw.dtype.newbyteorder("="))


def _held(recorder: Recorder, kind: str, held: Any, element: DType) -> ArrayProxy:
    from tracealloc.trace.ir.stored import same_elements

    spot = recorder.spot()
    held.flags.writeable = False
    array = recorder.array(kind, element, held.shape, name=spot.target, place=spot.place, data=held)
    if array.data is not held and not same_elements(array.data, held):
        recorder._differs(spot.place)
    return ArrayProxy(array, recorder, place=spot.place)


def called(dtype: DType, items: tuple[Any, ...], named: dict[str, Any]) -> Scalar:
    """``float32(x)``: a traced value or a number, converted to `dtype` as a store does; a struct's fields."""
    if isinstance(dtype, Struct):
        return _made(dtype, items, named)
    recorder = recorder_for(f"{dtype}(...)")
    item = items[0] if len(items) == 1 else items
    if named or not is_number(item):
        if isinstance(item, Carried):
            bool(item)
        count = len(items) + len(named)
        what = f"a named {next(iter(named))!r}" if named and count == 1 else f"{count} arguments"
        what = article(item) if len(items) == 1 and not named else what
        fail("TA109", f"{dtype}(...) converts one number, not {what}", "a type called on a value converts it",
             hint=numpy_cure("astype", item) if isinstance(item, ArrayProxy) else f"{dtype}(A[i]), {dtype}(3)"
             )  # fmt: skip
    return Scalar(recorder.name_value(typed(typing_rules.convert, number_expr(item, dtype), dtype)), recorder)


def _made(dtype: Struct, items: tuple[Any, ...], named: dict[str, Any]) -> Scalar:
    """``Point(1, y=a)``: a record of type `dtype`, fields in order or by name, converted as a store does."""
    recorder = recorder_for(f"{dtype}(...)")
    names = [name for name, _ in dtype.fields]
    given = dict(zip(names, items, strict=False))
    wrong = [f"{name!r} is given twice" for name in named if name in given]
    wrong += [f"{name!r} is no field" for name in named if name not in names]
    wrong += [f"{name!r} has none" for name in names if name not in given and name not in named]
    if len(items) > len(names):
        wrong.append(f"these are {len(items)}")
    if wrong:
        fail("TA109", f"a record of {dtype} takes one value for each field: {' and '.join(wrong)}",
             f"its fields are {', '.join(names)}",
             hint=f"Point({', '.join(f'{name}=...' for name in names)}) with Point = ta.Struct(...)"
             )  # fmt: skip
    given |= named
    parts = tuple(_field(given[name], kind, f"field {name!r} of {dtype}") for name, kind in dtype.fields)
    return Scalar(MakeStruct(parts, dtype), recorder)


def _field(item: Any, dtype: DType, what: str) -> Expr:
    _operand(item, what)
    return typed(typing_rules.convert, number_expr(item, dtype), dtype)


def record(values: dict[str, Any]) -> Scalar:
    """A record value from one value per field."""
    recorder = recorder_for("ta.Struct with values")
    for name, item in values.items():
        _operand(item, f"field {name!r} of ta.Struct")
    parts = tuple(number_expr(item) for item in values.values())
    dtype = Struct(tuple((name, part.dtype) for name, part in zip(values, parts, strict=True)))
    return Scalar(MakeStruct(parts, dtype), recorder)


answer_calls_with(called)


# ------------------------------------------------------------------------------------------------- values


def _operand(item: Any, what: str) -> None:
    if not is_number(item):
        if isinstance(item, Carried):
            bool(item)
        fail(
            "TA109",
            f"{what} takes numbers, not {item!r}",
            "it works on single values",
            hint="apply it to the elements of an array in a loop",
        )


def _combine(what: str, make: Callable[..., Expr], *items: Any) -> Scalar:
    recorder = recorder_for(what)
    for item in items:
        _operand(item, what)
    partner = next((item.dtype for item in items if isinstance(item, Scalar)), None)
    floating = next((i.dtype for i in items if isinstance(i, Scalar) and isinstance(i.dtype, Float)), partner)
    exprs = [number_expr(item, floating) for item in items]
    return Scalar(recorder.name_value(typed(make, *exprs)), recorder)


def where(cond: Any, then: Any, orelse: Any) -> Scalar:
    """`then` where `cond` holds, else `orelse`, recorded as one value; both are evaluated."""
    recorder = recorder_for("ta.where")
    for item in (cond, then, orelse):
        _operand(item, "ta.where")
    test = typed(typing_rules.as_condition, number_expr(cond))
    floats = [i.dtype for i in (then, orelse) if isinstance(i, Scalar)]
    partner = next((t for t in floats if isinstance(t, Float)), floats[0] if floats else None)
    a, b = number_expr(then, partner), number_expr(orelse, partner)
    return Scalar(recorder.name_value(typed(typing_rules.select, test, a, b)), recorder)


def minimum(a: Any, b: Any) -> Scalar:
    """The lesser of two values, recorded as one operation; NaN where either is NaN, as in NumPy."""
    return _combine("ta.minimum", lambda x, y: typing_rules.minmax("min", x, y), a, b)


def maximum(a: Any, b: Any) -> Scalar:
    """The greater of two values, recorded as one operation; NaN where either is NaN, as in NumPy."""
    return _combine("ta.maximum", lambda x, y: typing_rules.minmax("max", x, y), a, b)


def fmin(a: Any, b: Any) -> Scalar:
    """NumPy's ``fmin``: the lesser of two values, of a number and a NaN the number."""
    return _of_numbers("min", a, b)


def fmax(a: Any, b: Any) -> Scalar:
    """NumPy's ``fmax``: the greater of two values, of a number and a NaN the number."""
    return _of_numbers("max", a, b)


def _of_numbers(op: str, a: Any, b: Any) -> Scalar:
    name = active().name_value  # type: ignore[union-attr]
    return _combine(f"np.f{op}", lambda x, y: typing_rules.minmax_of_numbers(op, name(x), name(y)), a, b)


def clip(x: Any, low: Any, high: Any) -> Any:
    """NumPy's ``clip``: `x`, but not below `low` and not above `high` (None: no such end)."""
    x = x if low is None else maximum(x, low)
    return x if high is None else minimum(x, high)


_STAGED: dict[str, Callable[..., float]] = {
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "abs": abs,
    "pow": pow,
}


def _function(name: str, doc: str) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        if args and not any(isinstance(arg, Scalar) for arg in args):
            if active() is None:
                recorder_for(f"ta.{name}")
            if all(isinstance(arg, int | float) for arg in args):
                # Known while tracing: computed by Python in float64, as a weak literal.
                try:
                    return (_STAGED.get(name) or getattr(math, name))(*args)
                except (TypeError, ArithmeticError, ValueError) as error:
                    fail("TA109", f"ta.{name}({', '.join(map(repr, args))}) has no value: {error}",
                         "its arguments are known while tracing, so Python computes it",
                         hint="float('nan') and float('inf') can be written")  # fmt: skip
        if len(args) != (2 if name == "pow" else 1):
            fail(
                "TA109",
                f"ta.{name} takes {'two numbers' if name == 'pow' else 'one number'}, not {len(args)}",
                "it works on single values",
                hint=f"ta.{name}(x, y)" if name == "pow" else f"ta.{name}(x)",
            )
        if name == "abs":
            return _combine("ta.abs", lambda x: typing_rules.unary("abs", x), *args)
        return _combine(f"ta.{name}", lambda *xs: typing_rules.intrinsic(name, *xs), *args)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


exp = _function("exp", "e to the power x.")
log = _function("log", "The natural logarithm.")
log2 = _function("log2", "The logarithm to base 2.")
log10 = _function("log10", "The logarithm to base 10.")
sqrt = _function("sqrt", "The square root.")
rsqrt = _function("rsqrt", "One over the square root.")
sin = _function("sin", "The sine of an angle in radians.")
cos = _function("cos", "The cosine of an angle in radians.")
tan = _function("tan", "The tangent of an angle in radians.")
tanh = _function("tanh", "The hyperbolic tangent.")
pow_ = _function("pow", "x to the power y.")
floor = _function("floor", "The greatest whole number that is not above x, as a floating-point number.")
ceil = _function("ceil", "The least whole number that is not below x, as a floating-point number.")
abs_ = _function("abs", "The absolute value.")
erf = _function("erf", "The error function.")

_UFUNCS: dict[str, Callable[..., Any]] = {
    "exp": exp, "log": log, "log2": log2, "log10": log10, "sqrt": sqrt, "sin": sin, "cos": cos, "tan": tan,
    "tanh": tanh, "power": lambda x, y: _lifted(x) ** y, "float_power": pow_, "floor": floor, "ceil": ceil,
    "absolute": abs_, "fabs": abs_, "minimum": minimum, "maximum": maximum, "fmin": fmin, "fmax": fmax,
    "add": lambda x, y: _lifted(x) + y, "subtract": lambda x, y: _lifted(x) - y,
    "multiply": lambda x, y: _lifted(x) * y, "divide": lambda x, y: _lifted(x) / y,
    "true_divide": lambda x, y: _lifted(x) / y, "floor_divide": lambda x, y: _lifted(x) // y,
    "remainder": lambda x, y: _lifted(x) % y, "mod": lambda x, y: _lifted(x) % y,
    "negative": lambda x: -x, "positive": lambda x: +x, "square": lambda x: x * x,
    "less": lambda x, y: _lifted(x) < y, "less_equal": lambda x, y: _lifted(x) <= y,
    "greater": lambda x, y: _lifted(x) > y, "greater_equal": lambda x, y: _lifted(x) >= y,
    "equal": lambda x, y: _lifted(x) == y, "not_equal": lambda x, y: _lifted(x) != y,
    "left_shift": lambda x, y: _lifted(x) << y, "right_shift": lambda x, y: _lifted(x) >> y,
    "bitwise_and": lambda x, y: _lifted(x) & y, "bitwise_or": lambda x, y: _lifted(x) | y,
    "bitwise_xor": lambda x, y: _lifted(x) ^ y, "invert": lambda x: ~x,
    "reciprocal": lambda x: 1 / x,
}  # fmt: skip


NUMPY_FUNCTIONS: dict[str, Callable[..., Any]] = {"clip": clip, "where": where}


def _lifted(item: Any) -> Scalar:
    """A NumPy scalar on the left of an operator, as a traced constant."""
    recorder = recorder_for("a NumPy function")
    return item if isinstance(item, Scalar) else Scalar(number_expr(item, float64), recorder)


def numpy_ufunc(
    item: Scalar, ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """A NumPy function called on traced values."""
    function = _UFUNCS.get(ufunc.__name__)
    item._check()
    known = all(is_number(part) for part in inputs)
    if function is None or method != "__call__" or kwargs or not known:
        call = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        fail(
            "TA121",
            f"{call} cannot be used on traced values" + ("" if known else " together with a whole array"),
            "NumPy would need the value, which exists only when the kernel runs",
            hint=SCALAR_CURES.get(ufunc.__name__)
            if known and method == "__call__" and not kwargs and ufunc.__name__ in SCALAR_CURES
            else "NumPy functions with a counterpart in ta work on single values: "
            "np.exp(x), np.sqrt(x), ...; loop over the elements of an array",
        )
    return function(*inputs)
