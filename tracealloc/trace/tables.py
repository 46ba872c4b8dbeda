"""Contents of `ta.constant` and `ta.state`: NumPy data converted to an element type, checked for range."""

from __future__ import annotations

from typing import Any

from tracealloc.trace.dtype import DType, Fixed, Float, Integer, Struct, boolean
from tracealloc.trace.recorder import fail

__all__ = ["container_of", "to_elements"]


def container_of(dtype: DType) -> Any:
    """The NumPy dtype that holds elements of `dtype` in a table."""
    import numpy as np

    if isinstance(dtype, Float):
        if dtype.name == "bfloat16":
            import ml_dtypes

            return np.dtype(ml_dtypes.bfloat16)
        return np.dtype(dtype.name)
    if isinstance(dtype, Struct):
        return np.dtype([(name, container_of(inner)) for name, inner in dtype.fields])
    if dtype == boolean:
        return np.dtype(np.bool_)
    signed = getattr(dtype, "signed", True)
    width = next((bits for bits in (8, 16, 32, 64) if dtype.bits <= bits), None)
    return np.dtype(object) if width is None else np.dtype(f"{'int' if signed else 'uint'}{width}")


def to_elements(raw: Any, dtype: DType, container: Any, kind: str) -> Any:
    """`raw` as elements of `dtype` (fixed point: scaled integers), or a refusal that names the element."""
    import numpy as np

    if isinstance(dtype, Fixed):
        scaled = np.vectorize(lambda value: _scaled(value, dtype), otypes=[object])(raw)
        _check_range(scaled, Integer(dtype.width, dtype.signed), dtype, kind)
        return scaled.astype(container)
    if isinstance(dtype, Integer) and raw.dtype.kind in "iub":
        low, high = raw.min(), raw.max()
        if not dtype.low <= int(low) <= int(high) <= dtype.high:
            _check_range(raw, dtype, dtype, kind)
        return raw.astype(container)
    if isinstance(dtype, Integer):
        whole = np.vectorize(int, otypes=[object])(raw)
        if not np.array_equal(whole, raw.astype(object)):
            fail("TA125", f"ta.{kind} of {dtype} was given numbers that are not whole",
                 hint="round them first, or use a Fixed or floating-point type")  # fmt: skip
        _check_range(whole, dtype, dtype, kind)
        return whole.astype(container)
    return raw.astype(container)


def _scaled(value: Any, dtype: Fixed) -> int:
    """The nearest multiple of the least step, ties away from zero below."""
    from fractions import Fraction

    exact = Fraction(value if isinstance(value, int) else float(value))
    return round(exact * Fraction(2) ** dtype.frac)


def _check_range(values: Any, box: Integer, dtype: DType, kind: str) -> None:
    import numpy as np

    for position, value in np.ndenumerate(values):
        if not box.low <= value <= box.high:
            fail(
                "TA125",
                f"element {', '.join(map(str, position))} of ta.{kind} does not fit into {dtype}",
                f"it is {int(value)} and the type holds {box.low} to {box.high}",
            )
