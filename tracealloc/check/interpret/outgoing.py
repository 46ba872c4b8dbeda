"""Which array arguments come back: all that may be stored to, and nothing of those that no iteration stores.

For fixed point the two differ, where the caller's array holds numbers that its type does not have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracealloc.check.interpret.values import to_numpy
from tracealloc.poly.isl.named import LOCK
from tracealloc.poly.model.build import effects_of
from tracealloc.trace.ir.dtype import DType, Fixed, Struct
from tracealloc.trace.ir.program import Array, Program
from tracealloc.trace.ir.summary import summary_of

__all__ = ["has_fixed", "is_rounded", "may_store"]


def is_rounded(array: Array, cells: list[Any], value: np.ndarray) -> bool:
    """Whether `value`, an argument, holds numbers that the cells, which are of its type, do not."""
    return has_fixed(array.dtype) and not _holds(value, to_numpy(cells, array.dtype, array.shape))


def may_store(program: Program, name: str) -> bool:
    """Whether some iteration of a program may store to its argument `name`."""
    if name not in {array.name for array in summary_of(program).writes}:
        return False
    with LOCK:
        parts = effects_of(program).parts
        found = [part for (array, _), part in parts.items() if array.name == name]
        return any(not (part.stores.is_empty() and part.updates.is_empty()) for part in found)


def has_fixed(dtype: DType) -> bool:
    """Whether a type is fixed point, or a record with such a field."""
    if isinstance(dtype, Struct):
        return any(has_fixed(inner) for _, inner in dtype.fields)
    return isinstance(dtype, Fixed)


def _holds(value: np.ndarray, numbers: np.ndarray) -> bool:
    if numbers.dtype.names:
        return all(_holds(value[name], numbers[name]) for name in numbers.dtype.names)
    return bool(np.array_equal(value, numbers))
