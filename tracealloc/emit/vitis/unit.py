"""What the functions of one pair of files share: names, helpers, types of records, facts, checks."""

from __future__ import annotations

from tracealloc.emit.common.names import Names, file_stem
from tracealloc.emit.vitis.simulated import AccessChecks, Simulation
from tracealloc.emit.vitis.types import carrier_of, spelling
from tracealloc.trace.ir.dtype import DType, Struct
from tracealloc.trace.ir.facts import Facts
from tracealloc.trace.ir.program import Program

__all__ = ["Unit"]


class Unit:
    """One pair of files while its functions are written.

    Args:
        program: the program of the top function.
        facts: what is known of it and of its callees.
        top: the name of the top function; None: the program's.
        simulation: collects the checks of a text that is simulated.
    """

    def __init__(
        self, program: Program, facts: Facts, top: str | None = None, simulation: Simulation | None = None
    ) -> None:
        self.program = program
        self.facts = facts
        self.simulation = simulation
        self.names = Names()
        self.helpers: set[str] = set()
        self.structs: dict[Struct, str] = {}
        self.struct_text: list[str] = []
        self.functions: dict[int, str] = {}
        self.first_use: dict[DType, str] = {}  # the first array of each struct type names it
        for item in (program, *program.callees()):
            for array in item.arrays():
                if isinstance(array.dtype, Struct):
                    self.first_use.setdefault(array.dtype, array.name)
        self.top = self._declare(program, top or program.name)
        self.base = file_stem(self.top)
        for callee in program.callees():
            self._declare(callee, callee.name)

    def _declare(self, program: Program, name: str) -> str:
        found = self.names.declare_function(("function", id(program)), name)
        self.functions[id(program)] = found
        return found

    def function_name(self, program: Program) -> str:
        """The name of the function of a program."""
        return self.functions[id(program)]

    def checks_of(self, program: Program) -> AccessChecks | None:
        """The checks of a function, in a text that is simulated; numbered as functions are written."""
        return None if self.simulation is None else self.simulation.of(program, program is self.program)

    def struct_name(self, dtype: Struct) -> str:
        """The name of a struct type; its definition goes to the header."""
        found = self.structs.get(dtype)
        if found is not None:
            return found
        lines = []
        fields = self.names.fields(name for name, _ in dtype.fields)
        for field_name, inner in dtype.fields:
            type_ = self.struct_name(inner) if isinstance(inner, Struct) else spelling(carrier_of(inner))
            lines.append(f"  {type_} {fields[field_name]};")
        name = self.names.declare_global(f"{self.first_use.get(dtype, 'record')}_t")
        self.structs[dtype] = name
        self.struct_text.append("\n".join([f"struct {name} {{", *lines, "};"]))
        return name
