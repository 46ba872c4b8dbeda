"""Where a user names an element type: ours, or NumPy's of the same meaning."""

from __future__ import annotations

from typing import Any

from tracealloc.trace.diagnostics.errors import nearest
from tracealloc.trace.ir.dtype import DType, Integer, bfloat16, boolean, float16, float32, float64, index
from tracealloc.trace.proxies.lifting import numpy_dtype
from tracealloc.trace.record.recorder import fail

__all__ = ["as_element", "element_type"]

_BY_NAME: dict[str, DType] = {
    "bfloat16": bfloat16, "boolean": boolean, "bool": boolean, "float16": float16, "float32": float32,
    "float64": float64, "index": index,
}  # fmt: skip
_BY_NAME |= {f"int{bits}": Integer(bits, True) for bits in (1, 2, 4, 8, 16, 32, 64)}
_BY_NAME |= {f"uint{bits}": Integer(bits, False) for bits in (1, 2, 4, 8, 16, 32, 64)}
# Python's own types have no width in hardware; NumPy's 64 bits would be a costly guess.
_WIDTHLESS = {float: "float32", int: "int32", bool: "boolean", complex: "Struct(re=float32, im=float32)"}


def as_element(item: Any) -> DType | None:
    """The element type that `item` names, or None: ours, ``np.float32``, ``np.dtype("int8")``, ``"int8"``."""
    if isinstance(item, DType):
        return item
    if isinstance(item, str):
        return _BY_NAME.get(item)
    if isinstance(item, type) and item not in _WIDTHLESS and hasattr(item, "dtype"):
        import numpy as np

        try:
            return numpy_dtype(np.dtype(item))
        except TypeError:
            return None
    kind = getattr(item, "kind", None)
    return numpy_dtype(item) if isinstance(kind, str) and hasattr(item, "itemsize") else None


def element_type(item: Any, what: str) -> DType:
    """The element type that `item` names.

    Raises:
        TraceError: it names none.
    """
    found = as_element(item)
    if found is None:
        because, hint = _cure(item)
        fail("TA122", f"{what} needs an element type such as float32, not {_shown(item)}", because, hint=hint)
    return found


def _shown(item: Any) -> str:
    return item.__name__ if isinstance(item, type) else repr(item)


def _cure(item: Any) -> tuple[str, str]:
    """Why `item` is no element type, and what to write."""
    if isinstance(item, type) and item in _WIDTHLESS:
        return f"Python's {item.__name__} says no width, and hardware has one", _WIDTHLESS[item]
    names = "int8, uint16, float32, boolean, ta.Int(12), ta.Fixed(16, 8)"
    if hasattr(item, "shape") and isinstance(getattr(item, "dtype", None), DType):
        return f"{item!r} is the type of an array; its elements have the type {item.dtype}", f"{item.dtype}"
    near = nearest(item, _BY_NAME) if isinstance(item, str) else None
    return "every element has one type, known while tracing", near or f"one of {names}, ..."
