"""What the text of one pair of files uses: types of records, helper functions, headers."""

from __future__ import annotations

from collections.abc import Iterable

from tracealloc.emit.common.names import Names
from tracealloc.emit.vitis.values.helpers import headers_of
from tracealloc.emit.vitis.values.types import Carrier, carrier_of, header_of, spelling
from tracealloc.trace.ir.dtype import DType, Struct
from tracealloc.trace.ir.program import Program

__all__ = ["Vocabulary"]


class Vocabulary:
    """Spells types, and notes what of them the text has.

    Args:
        names: those of the whole file.
        programs: whose arrays name their records.

    Attributes:
        helpers: the helper functions that are called.
        structs: the names of records. `definitions`: their types, in order.
        widest: the widest ``ap_int`` or ``ap_fixed``, in bits.
    """

    def __init__(self, names: Names, programs: Iterable[Program]) -> None:
        self.names = names
        self.helpers: set[str] = set()
        self.structs: dict[Struct, str] = {}
        self.definitions: list[str] = []
        self.widest = 0
        self._headers: set[str] = set()
        self._first_use: dict[DType, str] = {}  # the first array of each struct type names it
        for program in programs:
            for array in program.arrays():
                if isinstance(array.dtype, Struct):
                    self._first_use.setdefault(array.dtype, array.name)

    def headers(self) -> set[str]:
        """The headers that the text needs, those of its helpers included."""
        return self._headers.union(headers_of(self.helpers))

    def type_name(self, dtype: DType) -> str:
        """The C++ type in which an element is stored."""
        return self.spell(carrier_of(dtype))

    def spell(self, carrier: Carrier) -> str:
        """How a type is written."""
        if isinstance(carrier.dtype, Struct):
            return self._struct_name(carrier.dtype)
        header = header_of(carrier)
        if header is not None:
            self._headers.add(header)
        if carrier.kind in ("ap", "fixed"):
            self.widest = max(self.widest, carrier.width)
        return spelling(carrier)

    def stream_of(self, dtype: DType) -> str:
        """The type of queues of an element type."""
        self._headers.add("hls_stream.h")
        return f"hls::stream<{self.type_name(dtype)}>"

    def _struct_name(self, dtype: Struct) -> str:
        """The name of a struct type; its definition goes to the header."""
        found = self.structs.get(dtype)
        if found is not None:
            return found
        lines = []
        fields = self.names.fields(name for name, _ in dtype.fields)
        for field_name, inner in dtype.fields:
            lines.append(f"  {self.type_name(inner)} {fields[field_name]};")
        name = self.names.declare_global(f"{self._first_use.get(dtype, 'record')}_t")
        self.structs[dtype] = name
        self.definitions.append("\n".join([f"struct {name} {{", *lines, "};"]))
        return name
