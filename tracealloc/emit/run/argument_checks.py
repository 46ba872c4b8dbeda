"""What one argument of a call must be, and the words that say so when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracealloc.emit.common.numpy_types import accepted, container, integer_limits, memory_type
from tracealloc.emit.common.parameters import Parameter
from tracealloc.trace.diagnostics.errors import ArgumentError
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Struct, has_fixed
from tracealloc.trace.ir.program import Program
from tracealloc.trace.ir.quantise import is_real
from tracealloc.trace.ir.stored import not_a_number
from tracealloc.trace.queries.stores import may_store

__all__ = ["Slot", "check_array", "check_values", "kind_text", "make_slot"]


@dataclass(slots=True)
class Slot:
    """What one argument must be. `plain`: memory is as C wants it, no value needs a look."""

    parameter: Parameter
    name: str
    dtype: DType
    shape: tuple[int, ...]
    container: np.dtype[Any]
    written: bool
    read: bool
    plain: bool
    nbytes: int

    @property
    def expected(self) -> str:
        """What the argument must be, in words."""
        if not self.shape and self.parameter.array.rank == 0:
            return f"a scalar of type {self.dtype}"
        return f"a NumPy array of {self.container} of shape {shape_text(self.shape)}"


def make_slot(parameter: Parameter, read: bool, program: Program) -> Slot:
    array = parameter.array
    dtype = container(array.dtype)
    memory = memory_type(array.dtype)
    limited = any(integer_limits(inner) is not None for inner in _leaf_types(array.dtype))
    return Slot(
        parameter,
        array.name,
        array.dtype,
        array.shape,
        dtype,
        _is_written(parameter, program),
        read,
        memory == dtype and not (limited and read) and array.kind != "stream",
        array.size * memory.itemsize,
    )


def _is_written(parameter: Parameter, program: Program) -> bool:
    """Whether an argument comes back: of fixed point, as every way of running it says (see `may_store`)."""
    array = parameter.array
    if not (parameter.written and array.rank and has_fixed(array.dtype)):
        return parameter.written
    return may_store(program, array.name)


def check_array(kernel: str, slot: Slot, value: Any) -> None:
    what = f"{kernel}: argument {slot.name!r}"
    if not isinstance(value, np.ndarray):
        made = f"np.asarray({slot.name}, {_dtype_text(slot.dtype)})"
        like = isinstance(value, list | tuple) or hasattr(value, "__array__")
        hint = f"pass {made}" if like and not isinstance(value, np.generic) else None
        raise ArgumentError("TA702", f"{what} is {kind_text(value)}, expected {slot.expected}", hint=hint)
    if isinstance(value, np.ma.MaskedArray) and (slot.written or np.ma.is_masked(value)):
        raise ArgumentError(
            "TA703",
            f"{what} is a masked array, and what is masked has no value",
            hint=f"pass {slot.name}.filled(0)" if not slot.written else f"pass {slot.name}.data",
        )
    if not accepted(slot.dtype, value.dtype, slot.written):
        because, hint = [], f"pass {slot.name}.astype({_dtype_text(slot.dtype)})"
        if value.dtype.newbyteorder("=") == slot.container:
            because = ["its bytes are in the other order than this machine's"]
        if isinstance(slot.dtype, Fixed) and value.dtype.kind in "iu":
            because = ["integers are numbers, not bits, and cannot hold the fractions that come out"]
        if slot.written:
            hint = f"make it with dtype {_dtype_text(slot.dtype)}: the kernel writes to it"
        raise ArgumentError(
            "TA703",
            f"{what} has dtype {value.dtype}, expected {slot.container}"
            + (f" (for {slot.dtype})" if str(slot.dtype) != str(slot.container) else ""),
            because=because,
            hint=hint,
        )
    if value.ndim != len(slot.shape):
        raise ArgumentError(
            "TA704",
            f"{what} has {_dimensions(value.ndim)} (shape {shape_text(value.shape)}), "
            f"expected {len(slot.shape)} (shape {shape_text(slot.shape)})",
        )
    if value.shape != slot.shape:
        raise ArgumentError(
            "TA704", f"{what} has shape {shape_text(value.shape)}, expected {shape_text(slot.shape)}"
        )
    if slot.written:
        _check_writable(slot, value, what)


def _check_writable(slot: Slot, value: np.ndarray, what: str) -> None:
    reason = None
    if not value.flags.writeable:
        reason = "is read-only"
    elif not value.flags.c_contiguous:
        reason = "is in Fortran order" if value.flags.f_contiguous else "is not contiguous"
    elif not value.flags.aligned:
        reason = "is not aligned"
    if reason:
        raise ArgumentError(
            "TA705",
            f"{what} {reason}, and the kernel writes to it: expected a writable array in C order",
            hint=f"pass np.array({slot.name}, order='C') and use that array afterwards",
        )


def check_values(kernel: str, slot: Slot, value: np.ndarray) -> None:
    for path, data, dtype in leaves(value, slot.dtype, ""):
        if isinstance(dtype, Fixed):
            _check_real(kernel, slot, data, dtype, path)
        limits = integer_limits(dtype)
        if limits is None or data.size == 0:
            continue
        plain = data.astype(np.int8) if data.dtype.kind == "V" else data
        if plain.dtype.hasobject:
            _check_objects(kernel, slot, plain, dtype, path)
        bad = np.argwhere((plain < limits[0]) | (plain > limits[1]))
        if bad.size or (data.ndim == 0 and not limits[0] <= int(plain[()]) <= limits[1]):
            at = tuple(int(i) for i in bad[0]) if data.ndim else ()
            raise ArgumentError(
                "TA707",
                f"{_element(kernel, slot, plain[at], at, path)}, which {dtype} does not: expected values "
                f"from {limits[0]} to {limits[1]}",
            )


def _element(kernel: str, slot: Slot, item: object, at: tuple[int, ...], path: str) -> str:
    return f"{kernel}: argument {slot.name!r} holds {item} at index [{', '.join(map(str, at))}]{path}"


def _check_real(kernel: str, slot: Slot, data: np.ndarray, dtype: Fixed, path: str) -> None:
    bad = not_a_number(data, finite=True)
    if bad is not None:
        at, item = bad
        shown = item if is_real(item) else repr(item)
        text = _element(kernel, slot, shown, at, path)
        raise ArgumentError("TA707", f"{text}, which {dtype} does not: expected a finite number")


def _check_objects(kernel: str, slot: Slot, data: np.ndarray, dtype: DType, path: str) -> None:
    for at, item in np.ndenumerate(data):
        if isinstance(item, int | np.integer) and not isinstance(item, bool):
            continue
        text = _element(kernel, slot, repr(item), at, path)
        raise ArgumentError("TA703", f"{text}, expected Python integers (for {dtype})")


def _leaf_types(dtype: DType) -> list[DType]:
    if isinstance(dtype, Struct):
        return [leaf for _, inner in dtype.fields for leaf in _leaf_types(inner)]
    return [dtype]


def leaves(data: np.ndarray, dtype: DType, path: str) -> list[tuple[str, np.ndarray, DType]]:
    if isinstance(dtype, Struct):
        return [leaf for name, inner in dtype.fields for leaf in leaves(data[name], inner, f"{path}.{name}")]
    return [(path, data, dtype)]


def shape_text(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _dimensions(number: int) -> str:
    return f"{number} dimension{'' if number == 1 else 's'}"


def _dtype_text(dtype: DType) -> str:
    if isinstance(dtype, Struct):
        return "that structured dtype"
    if isinstance(dtype, Boolean):
        return "np.bool_"
    name = str(container(dtype))
    return "ml_dtypes.bfloat16" if isinstance(dtype, Float) and name == "bfloat16" else f"np.{name}"


def kind_text(value: Any) -> str:
    name = type(value).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{article} {name}" if value is not None else "None"
