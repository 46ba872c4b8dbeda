"""One function of HLS C++: parameters, ports, what is required, results."""

from __future__ import annotations

from tracealloc.emit.common.scope import Scope, comment_text
from tracealloc.emit.common.walk import Walk
from tracealloc.emit.vitis.text.arrays import Arrays
from tracealloc.emit.vitis.text.loops import Loops
from tracealloc.emit.vitis.text.nests import dimensions, element_loops
from tracealloc.emit.vitis.text.pragmas import port_pragma
from tracealloc.emit.vitis.text.processes import Processes, without_single_trips
from tracealloc.emit.vitis.text.statements import Statements
from tracealloc.emit.vitis.text.unit import Unit
from tracealloc.emit.vitis.values.expressions import Expressions
from tracealloc.emit.vitis.values.simulated import axis_type, is_axis
from tracealloc.emit.vitis.values.types import INT, inside
from tracealloc.trace.ir.dtype import Index
from tracealloc.trace.ir.layout import Layout, Port
from tracealloc.trace.ir.program import Alloc, Array, Program
from tracealloc.trace.ir.text import expr_text
from tracealloc.trace.queries.intervals import INT64 as INT64_RANGE
from tracealloc.trace.queries.intervals import ZeroDivisorRanges
from tracealloc.trace.queries.summary import returned, summary_of

__all__ = ["FunctionWriter"]

_COLUMNS = 100


class FunctionWriter:
    """Writes one function: makes the parts, hands each what it needs, and writes what is around the body."""

    def __init__(self, program: Program, unit: Unit) -> None:
        self.program = program
        self.unit = unit
        self.is_top = program is unit.program
        self.written = summary_of(program).writes
        self.outputs: dict[Array, str] = {}  # results that are copied out at the end
        self.prototype = ""
        facts = self.facts = unit.facts.functions[program.name]
        scope = self.scope = Scope(program, unit.names.fork(), ZeroDivisorRanges())
        scope.ranges.of_value.update(facts.values)
        self.checks = unit.checks_of(program)
        expressions = self.expressions = Expressions(scope, unit.words, self.checks)
        self.processes = Processes(scope, unit)
        self.arrays = Arrays(scope, unit, facts, expressions.convert, self.processes)
        self.loops = Loops(scope, facts, expressions)
        statements = Statements(scope, unit, expressions, self.arrays, self.loops, self.processes)
        self.walk = Walk(scope, expressions.expr, statements, self.loops)

    def lines(self) -> list[str]:
        """The function's text; `prototype` holds its head afterwards."""
        scope = self.scope
        head = [self._parameter(array) for array in self.program.args]
        head += [self._result(array) for array in returned(self.program)]
        name = self.unit.function_name(self.program)
        kind = "" if self.is_top else "static "
        self.prototype = _wrapped(f"void {name}(", head)
        scope.out.append(f"{_wrapped(f'{kind}void {name}(', head)} {{")
        scope.depth = 1
        for pragma in self._pragmas():
            scope.line(pragma)
        self._require()
        self._declare_kept()
        self.processes.returns(self.outputs)
        self.processes.begin()
        plain = self.program.concurrent and self.unit.simulation is None
        self.walk.block(without_single_trips(self.program.body) if plain else self.program.body)
        self.processes.end()
        for array in self.outputs:
            if array not in self.processes.outputs:
                self._copy_out(array)
        scope.out.append("}")
        return scope.out

    def _require(self) -> None:
        """What the function requires of its sizes: a comment, which the simulation checks."""
        for each in self.program.requires:
            text = comment_text(f"requires {expr_text(each.cond)}: {each.text}")
            self.scope.line(f"// {text}")
        for number, each in self.checks.requirements() if self.checks is not None else ():
            self.scope.line(f"::tracealloc::require({self.expressions.text(each.cond)}, {number});")

    # Ports.

    def _pragmas(self) -> list[str]:
        """The pragmas at the function's head: ports, banks of the arguments, ``inline off``."""
        lines = [] if self.is_top else ["#pragma HLS inline off"]
        arrays = (*self.program.args, *returned(self.program))
        ports = [self.arrays.layout(array).port for array in arrays] if self.is_top else []
        kinds = {port.kind for port in ports if port is not None}
        for array, port in zip(arrays, ports, strict=False):
            layout = self.arrays.layout(array)
            found = port if port is not None else self._usual_port(array, kinds, layout)
            if found is not None:
                name = self.outputs.get(array) or self.scope.array_name(array)
                lines.append(port_pragma(name, array, found, layout))
        if kinds & {"m_axi", "s_axilite"}:
            lines.append("#pragma HLS interface mode=s_axilite port=return")
        for array in arrays:
            if array not in self.outputs:
                lines += self.arrays.pragmas(array, local=False)
        names = [self.scope.array_name(array) for array in self.program.args if array in self.facts.instances]
        lines += [f"#pragma HLS function_instantiate variable={name}" for name in names]
        if self.program.concurrent:
            lines.append("#pragma HLS dataflow")
        lines += [f"// HLS refuses this: {comment_text(each.text)}." for each in self.facts.refused]
        return lines

    @staticmethod
    def _usual_port(array: Array, kinds: set[str], layout: Layout) -> Port | None:
        """What the tool must be told of an argument without a port: where that depends on other ports, and
        in which memory it is.
        """
        if array.rank == 0 and array.kind != "stream" and kinds & {"m_axi", "s_axilite"}:
            return Port("s_axilite")
        if "m_axi" in kinds:
            return Port("axis" if array.kind == "stream" else "ap_memory")
        asked = layout.storage.ports is not None or layout.storage.resource in ("bram", "uram", "lutram")
        return Port("ap_memory") if asked and array.rank and array.kind != "stream" else None

    # Parameters and results.

    def _parameter(self, array: Array) -> str:
        name, words = self.scope.name_array(array), self.unit.words
        if array.kind == "stream":
            type_ = words.stream_of(array.dtype)
            return f"{type_} {name}{dimensions(array.shape)}" if array.rank else f"{type_} &{name}"
        if array.rank > 0:
            return self._array(array, name, "" if array in self.written else "const ")
        values = self.scope.ranges.of_value.get(array, INT64_RANGE)
        if isinstance(array.dtype, Index) and inside(values, INT):
            self.expressions.carriers[array] = INT
            return f"int {name}"
        return f"{words.type_name(array.dtype)} {name}"

    def _array(self, array: Array, name: str, const: str) -> str:
        """An array as a parameter; in simulation, a port of one direction is of a type that has no other."""
        type_ = const + self.unit.words.type_name(array.dtype)
        if self.is_top and self.unit.simulation is not None and is_axis(self.program, array):
            return f"{axis_type(type_, array)} &{name}"
        return f"{type_} {name}{dimensions(array.shape)}"

    def _result(self, array: Array) -> str:
        if array.kind == "result" and array.rank > 0:
            return self._array(array, self.scope.name_array(array), "")
        name = self.scope.names.declare(("out", array.key), f"{array.name}_result")
        self.outputs[array] = name
        if array.rank == 0:
            return f"{self.unit.words.type_name(array.dtype)} *{name}"
        return self._array(array, name, "")

    def _declare_kept(self) -> None:
        """Tables and arrays that live across calls, and scalar results that no statement declares first."""
        for array in self.program.arrays():
            if array.kind in ("constant", "state"):
                self.arrays.declare_kept(array)
        at_top = {node.array for node in self.program.body if isinstance(node, Alloc)}
        for array in self.outputs:
            if array.kind == "result" and array not in at_top:
                self.scope.name_array(array)
                self.arrays.declare(array)

    def _copy_out(self, array: Array) -> None:
        name, out = self.scope.array_name(array), self.outputs[array]
        if array.rank == 0:
            self.scope.line(f"*{out} = {name};")
            return
        element_loops(
            self.scope,
            array.shape,
            f"copy_{name}",
            lambda at: f"{out}{dimensions(at)} = {name}{dimensions(at)};",
            pipelined=self.loops.pipelined,
        )


def _wrapped(head: str, parts: list[str]) -> str:
    text = f"{head}{', '.join(parts)})"
    if len(text) <= _COLUMNS:
        return text
    return head + "\n    " + ",\n    ".join(parts) + ")"
