"""What an array of each element type holds, and the contents of `ta.constant` and `ta.state` made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Index, Integer, Struct
from tracealloc.trace.ir.quantise import is_finite, is_real, nearest, quantised
from tracealloc.trace.record.recorder import fail

if TYPE_CHECKING:
    import numpy as np

__all__ = ["contents", "float_type", "floats", "not_a_number", "same_elements", "stored_type", "to_elements"]


def float_type(dtype: Float) -> Any:
    """The NumPy type of a floating-point type."""
    import numpy as np

    if dtype.name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(dtype.name)


def stored_type(dtype: DType) -> Any:
    """The NumPy type of stored elements: fixed point as scaled integers, over 64 bits Python integers."""
    import numpy as np

    match dtype:
        case Float():
            return float_type(dtype)
        case Struct(fields=fields):
            return np.dtype([(name, stored_type(inner)) for name, inner in fields])
        case Boolean():
            return np.dtype(np.bool_)
        case _:
            signed = getattr(dtype, "signed", True)
            width = next((bits for bits in (8, 16, 32, 64) if dtype.bits <= bits), None)
            return np.dtype(object) if width is None else np.dtype(f"{'int' if signed else 'uint'}{width}")


def contents(data: np.ndarray) -> bytes:
    """What tells the stored elements of one table from those of another."""
    if not data.dtype.hasobject:
        return data.dtype.str.encode() + data.tobytes()
    return repr((data.shape, data.tolist())).encode()


def same_elements(a: Any, b: Any) -> bool:
    """Whether two tables store the same elements, NaNs and signs of zeros included."""
    return a is b or (a is not None and a.shape == b.shape and contents(a) == contents(b))


def floats(data: np.ndarray, dtype: Float) -> np.ndarray:
    """Real numbers in a floating-point type, each rounded once."""
    import numpy as np

    held = float_type(dtype)
    if data.dtype == held or (data.dtype.kind == "f" and dtype.name != "bfloat16"):
        with np.errstate(all="ignore"):
            return np.ascontiguousarray(data.astype(held)).reshape(data.shape)
    found = np.array([nearest(value, dtype) for value in data.ravel()], np.float64)
    return found.reshape(data.shape).astype(held)


def not_a_number(data: np.ndarray, finite: bool) -> tuple[tuple[int, ...], Any] | None:
    """The first element that is no real number (or, where `finite`, none with a value), or None."""
    import numpy as np

    if data.dtype.kind in "iub" or (data.dtype.kind == "f" and not finite):
        return None
    if data.dtype.kind == "f":
        bad = np.argwhere(~np.isfinite(data))
        at = tuple(int(i) for i in bad[0]) if len(bad) else None
        return None if at is None else (at, data[at])
    for at, value in np.ndenumerate(data):
        if not is_real(value) or (finite and not is_finite(value)):
            return at, value
    return None


def to_elements(raw: np.ndarray, dtype: DType, kind: str) -> np.ndarray:
    """An array of numbers as stored elements of `dtype`, as a store makes them; refusals name the element."""
    import numpy as np

    return np.ascontiguousarray(_elements(raw, dtype, f"ta.{kind}")).reshape(raw.shape)


def _elements(raw: np.ndarray, dtype: DType, what: str) -> np.ndarray:
    import numpy as np

    if isinstance(dtype, Struct):
        names = tuple(name for name, _ in dtype.fields)
        if raw.dtype.names != names:
            fail("TA125", f"{what} of {dtype} was given elements of {raw.dtype}",
                 "its contents are part of the hardware",
                 hint="make the array with a structured dtype of these fields, in this order")  # fmt: skip
        found = np.empty(raw.shape, stored_type(dtype))
        for name, inner in dtype.fields:
            found[name] = _elements(raw[name], inner, f"field {name!r} of {what}")
        return found
    finite = not isinstance(dtype, Float | Boolean)
    bad = not_a_number(raw, finite)
    if bad is not None:
        _refuse(bad, what, f"expected a number with a value for {dtype}" if finite else "expected a number")
    match dtype:
        case Fixed():
            return quantised(raw, dtype).astype(stored_type(dtype))
        case Float():
            return floats(raw, dtype)
        case Boolean():
            return np.asarray(raw != 0, np.bool_)
        case Integer() | Index():
            box = dtype if isinstance(dtype, Integer) else Integer(64, True)
            return _integers(raw, box, dtype, what)
        case _:
            raise TypeError(f"unknown type {dtype!r}")


def _integers(raw: np.ndarray, box: Integer, dtype: DType, what: str) -> np.ndarray:
    import numpy as np

    whole = raw
    if raw.dtype.kind not in "iub":
        whole = _each(raw, int)
        for at, value in np.ndenumerate(raw):
            if value != whole[at]:
                _refuse((at, value), what, f"expected a whole number for {dtype}",
                        "round it first, or use a Fixed or floating-point type")  # fmt: skip
    if not box.low <= int(whole.min()) <= int(whole.max()) <= box.high:
        for at, value in np.ndenumerate(whole):
            if not box.low <= int(value) <= box.high:
                _refuse((at, int(value)), what, f"{dtype} holds {box.low} to {box.high}")
    return whole.astype(stored_type(dtype))


def _each(data: np.ndarray, change: Callable[[Any], Any]) -> np.ndarray:
    import numpy as np

    found = np.empty(data.shape, object)
    for at, value in np.ndenumerate(data):
        found[at] = change(value)
    return found


def _refuse(bad: tuple[tuple[int, ...], Any], what: str, expected: str, hint: str | None = None) -> NoReturn:
    at, value = bad
    shown = f"{value}" if is_real(value) else f"{value!r} ({type(value).__name__})"
    hint = hint or "put a number of that type in its place"
    fail("TA125", f"element [{', '.join(map(str, at))}] of {what} is {shown}", expected, hint=hint)
