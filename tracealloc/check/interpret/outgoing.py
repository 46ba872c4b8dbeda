"""Which array arguments come back: all that may be stored to, and nothing of those that no iteration stores.

For fixed point the two differ, where the caller's array holds numbers that its type does not have:
`schedule.core.stores` says of those whether some iteration stores.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracealloc.check.interpret.values import to_numpy
from tracealloc.trace.ir.dtype import has_fixed
from tracealloc.trace.ir.program import Array

__all__ = ["is_rounded"]


def is_rounded(array: Array, cells: list[Any], value: np.ndarray) -> bool:
    """Whether `value`, an argument, holds numbers that the cells, which are of its type, do not."""
    return has_fixed(array.dtype) and not _holds(value, to_numpy(cells, array.dtype, array.shape))


def _holds(value: np.ndarray, numbers: np.ndarray) -> bool:
    if numbers.dtype.names:
        return all(_holds(value[name], numbers[name]) for name in numbers.dtype.names)
    return bool(np.array_equal(value, numbers))
