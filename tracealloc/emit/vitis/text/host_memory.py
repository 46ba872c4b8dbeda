"""Conversions between NumPy's memory and the types of HLS C++, as C++ overloads of ``get`` and ``put``.

Where an element's bytes are is asked of `memory_type` alone; C++'s own layout of a record (which has
padding) plays no part. Each call says how many bytes it means, and the overload asserts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tracealloc.emit.common.names import member
from tracealloc.emit.common.numpy_types import memory_type
from tracealloc.emit.common.parameters import element_bytes
from tracealloc.emit.vitis.text.module import VitisText
from tracealloc.emit.vitis.values.types import carrier_of, spelling
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Integer, Struct, as_integer

__all__ = ["Part", "cpp_type", "memory_functions", "on_card", "same_memory"]


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
        if name in done:
            return
        done.add(name)
        if isinstance(dtype, Struct):
            for _, inner in dtype.fields:
                visit(inner)
        get, put = _moves(dtype)
        if get:
            lines.extend(_function(f"get({name} &x, const unsigned char *from)", element_bytes(dtype), get))
            lines.extend(_function(f"put(const {name} &x, unsigned char *to)", element_bytes(dtype), put))

    for dtype in dtypes:
        visit(dtype)
    return ["namespace tracealloc {", *lines, "}  // namespace tracealloc"] if lines else []


def _function(head: str, size: int, body: list[str]) -> list[str]:
    check = f'  static_assert(BYTES == {size}, "the layout of an element");'
    return ["template <int BYTES>", f"inline void {head} {{", check, *(f"  {line}" for line in body), "}"]


def _moves(dtype: DType) -> tuple[list[str], list[str]]:
    """The bodies of ``get`` and ``put``; none for types that C++ itself has."""
    match dtype:
        case Struct(fields=fields):
            places = memory_type(dtype).fields
            assert places is not None
            parts = [(member(name), element_bytes(inner), places[name][1]) for name, inner in fields]
            return (
                [f"get<{size}>(x.{name}, from + {offset});" for name, size, offset in parts],
                [f"put<{size}>(x.{name}, to + {offset});" for name, size, offset in parts],
            )
        case Float(bits=16):
            return ["std::memcpy(&x, from, sizeof x);"], ["std::memcpy(to, &x, sizeof x);"]
        case Integer() | Fixed() if not same_memory(dtype):
            signed = "true" if dtype.signed else "false"
            return (
                [f"get_bits<{dtype.bits}, BYTES>(x, from);"],
                [f"put_bits<{dtype.bits}, BYTES, {signed}>(x, to);"],
            )
        case _:
            return [], []


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of an element that lie together, at these offsets in the card's memory and in NumPy's."""

    card: int
    packed: int
    bytes: int


def on_card(dtype: DType) -> tuple[int, tuple[Part, ...]]:
    """How an element lies in a card's memory: its bytes there, and its parts; records have C++'s padding."""
    size, _, parts = _on_card(dtype)
    return size, tuple(parts)


def _on_card(dtype: DType) -> tuple[int, int, list[Part]]:
    """Likewise, with the alignment between."""
    size = element_bytes(dtype)
    if not isinstance(dtype, Struct):
        card = 1 << (size - 1).bit_length()
        return card, card, [Part(0, 0, size)]
    places = memory_type(dtype).fields
    assert places is not None
    end, align, parts = 0, 1, []
    for name, inner in dtype.fields:
        card, step, inside = _on_card(inner)
        end = -(-end // step) * step
        parts += [Part(end + p.card, places[name][1] + p.packed, p.bytes) for p in inside]
        end, align = end + card, max(align, step)
    return -(-end // align) * align, align, parts
