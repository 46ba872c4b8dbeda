"""What an array of each element type holds: NumPy's types of stored elements, and elements compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tracealloc.trace.ir.dtype import Boolean, DType, Float, Struct
from tracealloc.trace.ir.quantise import is_finite, is_real, nearest

if TYPE_CHECKING:
    import numpy as np

__all__ = ["contents", "each", "float_type", "floats", "not_a_number", "same_elements", "stored_type"]


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


def each(data: np.ndarray, change: Callable[[Any], Any]) -> np.ndarray:
    import numpy as np

    found = np.empty(data.shape, object)
    for at, value in np.ndenumerate(data):
        found[at] = change(value)
    return found
