"""The contents of `ta.constant` and `ta.state`, made of what the user gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Index, Integer, Struct
from tracealloc.trace.ir.quantise import is_real, quantised
from tracealloc.trace.ir.stored import (
    each,
    floats,
    not_a_number,
    stored_type,
)
from tracealloc.trace.record.recorder import fail

if TYPE_CHECKING:
    import numpy as np

__all__ = ["to_elements"]


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
        whole = each(raw, int)
        for at, value in np.ndenumerate(raw):
            if value != whole[at]:
                _refuse((at, value), what, f"expected a whole number for {dtype}",
                        "round it first, or use a Fixed or floating-point type")  # fmt: skip
    if not box.low <= int(whole.min()) <= int(whole.max()) <= box.high:
        for at, value in np.ndenumerate(whole):
            if not box.low <= int(value) <= box.high:
                _refuse((at, int(value)), what, f"{dtype} holds {box.low} to {box.high}")
    return whole.astype(stored_type(dtype))


def _refuse(bad: tuple[tuple[int, ...], Any], what: str, expected: str, hint: str | None = None) -> NoReturn:
    at, value = bad
    shown = f"{value}" if is_real(value) else f"{value!r} ({type(value).__name__})"
    hint = hint or "put a number of that type in its place"
    fail("TA125", f"element [{', '.join(map(str, at))}] of {what} is {shown}", expected, hint=hint)
