"""Conversions between NumPy's memory and the types of HLS C++, as C++ overloads of ``get`` and ``put``."""

from __future__ import annotations

from collections.abc import Iterable

from tracealloc.emit.interface import element_bytes
from tracealloc.emit.vitis import VitisText, member
from tracealloc.emit.vitis_types import carrier_of, spelling
from tracealloc.trace.dtype import Boolean, DType, Fixed, Float, Integer, Struct, as_integer

__all__ = ["cpp_type", "memory_functions", "same_memory"]


def cpp_type(text: VitisText, dtype: DType) -> str:
    """The C++ type of an element in an emitted text."""
    return text.structs[dtype] if isinstance(dtype, Struct) else spelling(carrier_of(dtype))


def same_memory(dtype: DType) -> bool:
    """Whether an element of HLS C++ lies in memory as the C build's does."""
    if isinstance(dtype, Boolean | Float):
        return True
    return as_integer(dtype) is not None and carrier_of(dtype).kind == "native"


def memory_functions(text: VitisText, dtypes: Iterable[DType]) -> list[str]:
    """The overloads that elements of `dtypes` need, fields of structs first."""
    lines: list[str] = []
    done: set[str] = set()

    def visit(dtype: DType) -> None:
        name = cpp_type(text, dtype)
        if name in done or (same_memory(dtype) and not isinstance(dtype, Struct)):
            return
        done.add(name)
        if isinstance(dtype, Struct):
            for _, inner in dtype.fields:
                visit(inner)
            lines.extend(_record(dtype, name))
            return
        assert isinstance(dtype, Integer | Fixed)
        bits, size, signed = dtype.bits, element_bytes(dtype), "true" if dtype.signed else "false"
        get, put = f"get_bits<{bits}, {size}>(x, from)", f"put_bits<{bits}, {size}, {signed}>(x, to)"
        lines.append(f"inline void get({name} &x, const unsigned char *from) {{ {get}; }}")
        lines.append(f"inline void put(const {name} &x, unsigned char *to) {{ {put}; }}")

    for dtype in dtypes:
        visit(dtype)
    return ["namespace tracealloc {", *lines, "}  // namespace tracealloc"] if lines else []


def _record(dtype: Struct, name: str) -> list[str]:
    getters, putters, offset = [], [], 0
    for field, inner in dtype.fields:
        getters.append(f"  get(x.{member(field)}, from + {offset});")
        putters.append(f"  put(x.{member(field)}, to + {offset});")
        offset += element_bytes(inner)
    return [
        f"inline void get({name} &x, const unsigned char *from) {{",
        *getters,
        "}",
        f"inline void put(const {name} &x, unsigned char *to) {{",
        *putters,
        "}",
    ]
