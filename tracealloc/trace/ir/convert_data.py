"""Contents of a table in another element type, each element converted as a store converts it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, assert_never

from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Index, Integer, Struct, as_fixed
from tracealloc.trace.ir.quantise import is_finite, quantised, value_of
from tracealloc.trace.ir.stored import floats, stored_type

if TYPE_CHECKING:
    import numpy as np

__all__ = ["converted"]


def converted(data: np.ndarray, source: DType, target: DType) -> np.ndarray:
    """Stored elements of `source` as stored elements of `target`."""
    import numpy as np

    held = stored_type(target)
    match target:
        case Boolean():
            return np.asarray(data != 0, held)
        case Float():
            return floats(_values(data, source), target)
        case Fixed():
            return quantised(_finite(data, source), target).astype(held)
        case Integer() | Index():
            box = Integer(target.bits, isinstance(target, Index) or target.signed)
            found = np.empty(data.shape, object)
            for at, value in np.ndenumerate(_finite(data, source)):
                found[at] = box.wrap(math.trunc(value))
            return found.astype(held)
        case Struct():
            raise TypeError(f"no conversion from {source} to {target}")
        case DType():
            raise TypeError(f"unknown type {target!r}")
        case _:
            assert_never(target)


def _values(data: np.ndarray, source: DType) -> np.ndarray:
    """Stored elements as the numbers that they stand for."""
    import numpy as np

    if isinstance(source, Float):
        return data
    fixed = as_fixed(source)
    assert fixed is not None, source
    found = np.empty(data.shape, object)
    for at, value in np.ndenumerate(data):
        found[at] = value_of(int(value), fixed)
    return found


def _finite(data: np.ndarray, source: DType) -> np.ndarray:
    """The numbers, exact; what has no value counts as zero, as it does in a store."""
    import numpy as np

    found = np.empty(data.shape, object)
    for at, value in np.ndenumerate(_values(data, source)):
        exact: Any = float(value) if isinstance(source, Float) else value
        found[at] = Fraction(exact) if is_finite(exact) else Fraction(0)
    return found
