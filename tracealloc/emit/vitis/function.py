"""One function of HLS C++: parameters, declarations, statements, labels, pragmas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracealloc.emit.common.backend import Where, identifier_comment
from tracealloc.emit.common.expr import Text, atom
from tracealloc.emit.common.names import member
from tracealloc.emit.vitis.calls import CallPrinter
from tracealloc.emit.vitis.convert import Value
from tracealloc.emit.vitis.expr import VitisExpr
from tracealloc.emit.vitis.nests import element_loops
from tracealloc.emit.vitis.pragmas import (
    array_pragmas,
    distance_pragma,
    loop_mark_pragmas,
    port_pragma,
    tripcount_pragma,
)
from tracealloc.emit.vitis.rom import initialiser
from tracealloc.emit.vitis.simulated import axis_type, is_axis
from tracealloc.emit.vitis.types import INT, INT64, UINT64, carrier_of, inside
from tracealloc.emit.vitis.unit import Unit
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Boolean, Fixed, Float, Index, Struct, as_integer
from tracealloc.trace.ir.expr import Cast, Expr, Load
from tracealloc.trace.ir.intervals import INT32
from tracealloc.trace.ir.intervals import INT64 as INT64_RANGE
from tracealloc.trace.ir.layout import PLAIN, Layout, Port
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    Loop,
    Program,
    Region,
    Slice,
    Store,
    While,
    reduction_of,
)
from tracealloc.trace.ir.summary import returned, summary_of
from tracealloc.trace.ir.text import expr_text

__all__ = ["VitisFunction"]

_IN_PLACE = frozenset({"+", "-", "*", "/", "&", "|", "^"})
_COLUMNS = 100


class VitisFunction(VitisExpr):
    """The Vitis HLS back end: emits one function."""

    PRAGMAS_INSIDE = True

    def __init__(self, program: Program, unit: Unit) -> None:
        super().__init__(program, unit.names.fork())
        self.unit = unit
        self.helpers = unit.helpers
        self.is_top = program is unit.program
        self.written = summary_of(program).writes
        self.layouts = dict(program.layouts)
        self.outputs: dict[Array, str] = {}  # results that are copied out at the end
        self.prototype = ""
        self.facts = unit.facts.functions[program.name]
        self.pipelined = self.facts.unrolled  # whether a pipelined loop is around
        self.ranges.of_value.update(self.facts.values)
        self.checks = unit.checks_of(program)

    # The function.

    def lines(self) -> list[str]:
        """The function's text; `prototype` holds its head afterwards."""
        head = [self._parameter(array) for array in self.program.args]
        head += [self._result(array) for array in returned(self.program)]
        name = self.unit.function_name(self.program)
        kind = "" if self.is_top else "static "
        self.prototype = _wrapped(f"void {name}(", head)
        self.out.append(f"{_wrapped(f'{kind}void {name}(', head)} {{")
        self.depth = 1
        for pragma in self.function_pragmas():
            self.line(pragma)
        self._require()
        self._declare_kept()
        self.block(self.program.body, ())
        for array in self.outputs:
            self._copy_out(array)
        self.out.append("}")
        return self.out

    def _require(self) -> None:
        """What the function requires of its sizes: a comment, which the simulation checks."""
        for each in self.program.requires:
            text = identifier_comment(f"requires {expr_text(each.cond)}: {each.text}")
            self.line(f"// {text}")
        for number, each in self.checks.requirements() if self.checks is not None else ():
            self.line(f"::tracealloc::require({self.text(each.cond)}, {number});")

    def function_pragmas(self) -> list[str]:
        """The pragmas at the function's head: ports, banks of the arguments, ``inline off``."""
        lines = [] if self.is_top else ["#pragma HLS inline off"]
        arrays = (*self.program.args, *returned(self.program))
        ports = [self.layout(array).port for array in arrays] if self.is_top else []
        kinds = {port.kind for port in ports if port is not None}
        for array, port in zip(arrays, ports, strict=False):
            found = port if port is not None else self._usual_port(array, kinds, self.layout(array))
            if found is not None:
                lines.append(port_pragma(self._port_name(array), array, found, self.layout(array)))
        if kinds & {"m_axi", "s_axilite"}:
            lines.append("#pragma HLS interface mode=s_axilite port=return")
        for array in arrays:
            if array not in self.outputs:
                lines += self.array_pragmas(array, local=False)
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

    def layout(self, array: Array) -> Layout:
        """The layout of an array of this function."""
        return self.layouts.get(array, PLAIN)

    def _port_name(self, array: Array) -> str:
        return self.outputs.get(array) or self.array_name(array)

    def _parameter(self, array: Array) -> str:
        name = self.name_array(array)
        type_ = self.type_name(array.dtype)
        if array.kind == "stream":
            return (
                f"hls::stream<{type_}> {name}{_dimensions(array.shape)}"
                if array.rank
                else (f"hls::stream<{type_}> &{name}")
            )
        if array.rank == 0:
            if isinstance(array.dtype, Index) and inside(self.ranges.of_value.get(array, INT64_RANGE), INT):
                self.carriers[array], type_ = INT, "int"
            return f"{type_} {name}"
        return self._array(array, name, "" if array in self.written else "const ")

    def _array(self, array: Array, name: str, const: str) -> str:
        """An array as a parameter; in simulation, a port of one direction is of a type that has no other."""
        type_ = const + self.type_name(array.dtype)
        if self.is_top and self.unit.simulation is not None and is_axis(self.program, array):
            return f"{axis_type(type_, array)} &{name}"
        return f"{type_} {name}{_dimensions(array.shape)}"

    def _result(self, array: Array) -> str:
        type_ = self.type_name(array.dtype)
        if array.kind == "result" and array.rank > 0:
            return self._array(array, self.name_array(array), "")
        name = self.names.declare(("out", array.key), f"{array.name}_result")
        self.outputs[array] = name
        return f"{type_} *{name}" if array.rank == 0 else self._array(array, name, "")

    def _declare_kept(self) -> None:
        """Tables and arrays that live across calls, and scalar results that no statement declares first."""
        for array in self.program.arrays():
            if array.kind in ("constant", "state"):
                assert array.data is not None
                name = self.name_array(array)
                const = "static const" if array.kind == "constant" else "static"
                text = initialiser(self, array.data, array.dtype)
                dimensions = _dimensions(array.shape)
                self.line(f"{const} {self.type_name(array.dtype)} {name}{dimensions} = {text};")
                if array.kind == "state" and self.unit.simulation is not None:
                    noted = self.names.declare(("noted", array.key), f"{name}_noted")
                    self.line(f"static tracealloc::state {noted}(&{name}, sizeof {name});")
                self._array_pragmas(array)
        at_top = {node.array for node in self.program.body if isinstance(node, Alloc)}
        for array in self.outputs:
            if array.kind == "result" and array not in at_top:
                self.name_array(array)
                self.declare(array)

    def _copy_out(self, array: Array) -> None:
        name, out = self.array_name(array), self.outputs[array]
        if array.rank == 0:
            self.line(f"*{out} = {name};")
        else:
            self.element_loops(array.shape, f"copy_{name}", lambda at: f"{out}{at} = {name}{at};")

    # Arrays.

    def needs_declaration(self, array: Array) -> bool:
        return self.names.find(("array", array.key)) is None

    def declare(self, array: Array) -> None:
        name, type_ = self.array_name(array), self.type_name(array.dtype)
        if array.kind == "stream":
            title = f'("{name}")' if array.rank == 0 else ""
            self.line(f"hls::stream<{type_}> {name}{_dimensions(array.shape)}{title};{self._origin(array)}")
            depth = self.stream_depth(array)
            if depth is not None:
                self.line(f"#pragma HLS stream variable={name} depth={depth}")
        else:
            self.line(f"{type_} {name}{_dimensions(array.shape)};{self._origin(array)}")
        self._array_pragmas(array)

    def stream_depth(self, array: Array) -> int | None:
        """The capacity of a FIFO, in elements; None: the tool's default."""
        port = self.layout(array).port
        depth = dict(port.options).get("depth") if port is not None else None
        return int(depth) if depth is not None else None

    def _array_pragmas(self, array: Array) -> None:
        for line in self.array_pragmas(array, local=True):
            self.line(line)

    def array_pragmas(self, array: Array, *, local: bool) -> list[str]:
        """The pragmas of an array's banks, words and storage."""
        banks = self.facts.banks.get(array, ())
        return array_pragmas(self.array_name(array), array, self.layout(array), banks, local=local)

    def _origin(self, array: Array) -> str:
        return f"  // buffer of {identifier_comment(array.origin)}" if array.origin else ""

    def alloc(self, node: Alloc) -> None:
        array = node.array
        if node.fill is None or array.rank > 0 or not self.needs_declaration(array):
            super().alloc(node)
            return
        value = self.stored_as(node.fill, array.dtype)
        name = self.name_array(array)
        comment = self._origin(array) or self.comment(node.place)
        self.line(f"{self.type_name(array.dtype)} {name} = {value.text.text};{comment}")
        self._array_pragmas(array)

    def fill(self, node: Alloc) -> None:
        assert node.fill is not None
        array, name = node.array, self.array_name(node.array)
        value = self.stored_as(node.fill, array.dtype).text.text
        comment = self.comment(node.place)
        if array.rank == 0:
            self.line(f"{name} = {value};{comment}")
            return
        self.element_loops(array.shape, f"fill_{name}", lambda at: f"{name}{at} = {value};{comment}")

    def element_loops(self, shape: Sequence[int], label: str, statement: Callable[[str], str]) -> None:
        """A nest over all elements; `statement` gives the line for the subscripts."""
        element_loops(self, shape, label, statement, pipelined=self.pipelined)

    # Statements.

    def subscripts(
        self, array: Array, indices: Sequence[Expr | Slice], place: Place | None, stored: bool
    ) -> list[str]:
        """The subscripts of an access, of a slice its start; in simulation they are checked."""
        limits = self.checks.limits(array, indices, place, stored) if self.checks is not None else {}
        starts = [part.start if isinstance(part, Slice) else part for part in indices]
        return [
            f"::tracealloc::at({self.text(_whole(start))}, {limits[dim]})"
            if dim in limits
            else self.subscript(start)
            for dim, start in enumerate(starts)
        ]

    def region_checks(self, region: Region, place: Place | None) -> list[str]:
        """The statements before a call that check a view in simulation."""
        texts = self.subscripts(region.array, region.indices, place, True)
        return [f"{text};" for text in texts if text.startswith("::tracealloc::at(")]

    def load(self, load: Load) -> Text:
        subscripts = self.subscripts(load.array, load.indices, load.place, False)
        if load.array.kind == "stream":
            fields = "".join(f".{member(name)}" for name in load.path)
            return atom(f"{self.at(load.array, subscripts).text}.read(){fields}")
        return self.at(load.array, subscripts, load.path)

    def target(self, node: Store) -> Text:
        subscripts = self.subscripts(node.array, node.indices, node.place, True)
        return self.at(node.array, subscripts, node.path)

    def store(self, node: Store) -> None:
        array = node.array
        if array.kind == "stream":
            value = self.converted(self.stored_as(node.value, array.dtype), carrier_of(array.dtype))
            target = self.target(node).text
            self.line(f"{target}.write({value.text.text});{self.comment(node.place)}")
        elif self.names.find(("array", array.key)) is None:
            self._named_value(node)
        else:
            super().store(node)

    def _named_value(self, node: Store) -> None:
        array = node.array
        value = self._stored_value(node)
        type_ = self.type_name(array.dtype)
        if as_integer(array.dtype) is not None and not isinstance(array.dtype, Boolean):
            found = self.range_of(node.value)
            self.ranges.of_value[array] = found
            usual = carrier_of(array.dtype)
            odd = usual.kind == "ap" and (value.carrier.builtin or usual.width > 64)
            if isinstance(array.dtype, Index) or odd:
                narrow = (INT, INT64, UINT64)
                self.carriers[array] = usual = next((c for c in narrow if inside(found, c)), usual)
                type_ = "int" if usual == INT else self.spell(usual)
        name = self.name_array(array)
        self.line(f"const {type_} {name} = {value.text.text};{self.comment(node.place)}")

    def stored(self, node: Store) -> Text:
        return self._stored_value(node).text

    def _stored_value(self, node: Store) -> Value:
        dtype = node.array.field_type(node.path)
        value = self.stored_as(node.value, dtype)
        if isinstance(dtype, Fixed) and value.carrier.kind == "ap":
            value = self.converted(value, carrier_of(dtype))
        return value

    def in_place(self, node: Store) -> tuple[str, Text] | None:
        found = reduction_of(node)
        if found is None or found[0] not in _IN_PLACE:
            return None
        op, operand = found
        dtype = node.array.field_type(node.path)
        target = Load(node.array, node.indices, node.path)
        integer = as_integer(dtype)
        if integer is None:
            if op == "/" and not isinstance(dtype, Float):
                return None
            return (op, self.value(operand).text) if operand.dtype == dtype else None
        if op == "/" or as_integer(operand.dtype) is None or carrier_of(dtype).kind == "bool":
            return None
        mine, other = self.value(target, integer.width), self.value(operand, integer.width)
        ranges = self.range_of(target), self.range_of(operand)
        _, left, right = self.operate(op, mine, other, *ranges, integer.width, keep_left=True)
        return (op, right) if left == mine.text else None

    # Loops.

    def loop_label(self, loop: Loop | While) -> str:
        return f"{self.names.label(loop.iter.name)}: "

    def iter_type(self, loop: Loop, low: int, high: int) -> str:
        small = INT32[0] <= low and high <= INT32[1]
        self.carriers[loop.iter] = INT if small else INT64
        return "int" if small else "int64_t"

    def loop(self, loop: Loop, where: Where) -> None:
        around = self.pipelined
        self.pipelined = around or loop.marks.pipeline is not None
        super().loop(loop, where)
        self.pipelined = around

    def loop_pragmas(self, loop: Loop) -> list[str]:
        facts = self.facts.loop(loop.iter)
        lines = self._mark_pragmas(loop)
        lines += [distance_pragma(self.array_name(d.array), d.iterations) for d in facts.distances]
        if facts.trips is not None and facts.trips[0] != facts.trips[1]:
            lines.append(tripcount_pragma(*facts.trips))
        return lines

    def _mark_pragmas(self, loop: Loop | While) -> list[str]:
        rolled = self.facts.rolled.get(loop.iter)
        why = [] if rolled is None else [f"{self.INDENT}// Not pipelined: {identifier_comment(rolled)}."]
        return [*loop_mark_pragmas(loop.marks), *why]

    def while_(self, node: While, where: Where) -> None:
        label = self.loop_label(node)
        before, around = len(self.out), self.pipelined
        self.pipelined = around or node.marks.pipeline is not None
        super().while_(node, where)
        self.pipelined = around
        head = self.out[before]
        blanks = len(head) - len(head.lstrip())
        head = f"{head[:blanks]}{label}{head[blanks:]}"
        after, self.out = self.out[before + 1 :], [*self.out[:before], head]
        for line in self._mark_pragmas(node):
            self.line(line)
        self.out += after

    # Calls and types.

    def call_node(self, node: Call) -> None:
        CallPrinter(self, self.unit, node, self.element_loops, self.region_checks).emit()

    def struct_name(self, dtype: Struct) -> str:
        return self.unit.struct_name(dtype)


def _whole(subscript: Expr) -> Expr:
    """A subscript before its conversion to an address, which would drop high bits."""
    if isinstance(subscript, Cast) and isinstance(subscript.type, Index):
        return subscript.operand if as_integer(subscript.operand.dtype) is not None else subscript
    return subscript


def _dimensions(shape: Sequence[int]) -> str:
    return "".join(f"[{extent}]" for extent in shape)


def _wrapped(head: str, parts: list[str]) -> str:
    text = f"{head}{', '.join(parts)})"
    if len(text) <= _COLUMNS:
        return text
    return head + "\n    " + ",\n    ".join(parts) + ")"
