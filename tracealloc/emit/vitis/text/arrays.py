"""Arrays in HLS C++: declarations, tables, and the pragmas of their banks, words and memories."""

from __future__ import annotations

from tracealloc.emit.common.scope import Scope
from tracealloc.emit.vitis.text.nests import dimensions
from tracealloc.emit.vitis.text.pragmas import array_pragmas
from tracealloc.emit.vitis.text.processes import Processes
from tracealloc.emit.vitis.text.unit import Unit
from tracealloc.emit.vitis.values.convert import Conversions
from tracealloc.emit.vitis.values.tables import initialiser
from tracealloc.trace.ir.facts import FunctionFacts
from tracealloc.trace.ir.layout import PLAIN, Layout
from tracealloc.trace.ir.program import Array

__all__ = ["Arrays"]


class Arrays:
    """Declares the arrays of one function.

    Args:
        scope: the function. `unit`: its file. `facts`: what is known of it.
        convert: prints the elements of tables. `processes`: of a network, bounds its queues in simulation.
    """

    def __init__(
        self, scope: Scope, unit: Unit, facts: FunctionFacts, convert: Conversions, processes: Processes
    ) -> None:
        self.scope = scope
        self.unit = unit
        self.words = unit.words
        self.facts = facts
        self.convert = convert
        self.processes = processes
        self._layouts = dict(scope.program.layouts)

    def layout(self, array: Array) -> Layout:
        """The layout of an array of this function."""
        return self._layouts.get(array, PLAIN)

    def declare(self, array: Array) -> None:
        """Write the declaration of an array, a queue or a scalar; its name is in scope already."""
        scope, name, shape = self.scope, self.scope.array_name(array), dimensions(array.shape)
        if array.kind == "stream":
            title = f'("{name}")' if array.rank == 0 else ""
            scope.line(f"{self.words.stream_of(array.dtype)} {name}{shape}{title};{scope.origin(array)}")
            if array.rank and self.unit.simulation is not None:
                scope.line(self._title(array, name))
            depth = self.depth(array)
            bounded = self.processes.bounded(array, depth)
            if bounded is not None:
                scope.line(bounded)
            if depth is not None:
                scope.line(f"#pragma HLS stream variable={name} depth={depth}")
            else:
                scope.line(f"// {name} waits for ever when it is full: data say how much it must hold.")
        else:
            scope.line(f"{self.words.type_name(array.dtype)} {name}{shape};{scope.origin(array)}")
        self.write_pragmas(array)

    def _title(self, array: Array, name: str) -> str:
        """The statement that names an array of queues, for what the simulation says of them."""
        parts, size = list[str](), 1
        for extent in reversed(array.shape):
            parts.insert(0, f"std::to_string(e / {size} % {extent})")
            size *= extent
        told = ' + ", " + '.join(parts)
        first = f"&{name}{'[0]' * array.rank}"
        return (
            f"for (long e = 0; e < {size}; ++e) "
            f'({first})[e].set_name(("{array.name}[" + {told} + "]").c_str());'
        )

    def depth(self, array: Array) -> int | None:
        """The capacity of a FIFO, in elements; None: nobody knows what it needs."""
        port = self.layout(array).port
        depth = dict(port.options).get("depth") if port is not None else None
        return int(depth) if depth is not None else self.facts.room.get(array)

    def declare_kept(self, array: Array) -> None:
        """A table, or an array that lives across calls."""
        assert array.data is not None
        scope, name = self.scope, self.scope.name_array(array)
        const = "static const" if array.kind == "constant" else "static"
        text = initialiser(self.convert, array.data, array.dtype)
        type_ = self.words.type_name(array.dtype)
        scope.line(f"{const} {type_} {name}{dimensions(array.shape)} = {text};")
        if array.kind == "state" and self.unit.simulation is not None:
            noted = scope.names.declare(("noted", array.key), f"{name}_noted")
            scope.line(f"static tracealloc::state {noted}(&{name}, sizeof {name});")
        self.write_pragmas(array)

    def write_pragmas(self, array: Array) -> None:
        """Write the pragmas of a local array."""
        for line in self.pragmas(array, local=True):
            self.scope.line(line)

    def pragmas(self, array: Array, *, local: bool) -> list[str]:
        """The pragmas of an array's banks, words and storage."""
        banks = self.facts.banks.get(array, ())
        return array_pragmas(self.scope.array_name(array), array, self.layout(array), banks, local=local)
