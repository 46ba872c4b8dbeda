"""The arguments of a step that are neither loops nor arrays: plain values that Python source can repeat."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from tracealloc.trace.ir.dtype import DType

__all__ = ["NotPlain", "plain_value", "shown"]

_MOST_ITEMS = 1024
_LARGEST = 2**31  # sums and products of a few such numbers fit in the 64 bits of a C loop


class NotPlain(Exception):
    """A value that no recorded step can hold; the argument says which."""


def plain_value(value: Any) -> Any:
    """A number, word, type or None, or a list of such, free of NumPy's and other subclasses.

    Raises:
        NotPlain: `value` is something else.
    """
    match value:
        case None | DType():
            return value
        case bool() | np.bool_():
            return bool(value)
        case int() | np.integer() if abs(int(value)) < _LARGEST:
            return int(value)
        case float() | np.floating():
            return float(value)
        case str():
            return str.__str__(value)
        case list() | tuple() | range() if len(value) <= _MOST_ITEMS:
            return [plain_value(item) for item in value]
        case np.ndarray(ndim=0 | 1) if value.dtype.kind in "biuf" and value.size <= _MOST_ITEMS:
            return value.tolist()
        case _:
            raise NotPlain(shown(value))


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 60

    def repr_instance(self, x: Any, level: int) -> str:
        if isinstance(x, np.ndarray):
            return f"a NumPy array of shape {x.shape}" if x.ndim else f"a NumPy array of one {x.dtype}"
        try:
            text = repr(x)
        except Exception:
            return f"an object of {type(x).__name__}"
        tells = len(text) <= self.maxother and "\n" not in text and " at 0x" not in text
        return text if tells else f"an object of {type(x).__name__}"

    repr_ndarray = repr_instance


_SHORT = _Short()


def shown(value: Any) -> str:
    """`value` as a message shows it: short, on one line, whatever it is."""
    text = _SHORT.repr(value)
    return text if "\n" not in text else f"an object of {type(value).__name__}"
