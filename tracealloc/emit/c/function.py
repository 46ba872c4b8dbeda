"""Readable C for a program: one function per kernel, static ones for callees."""

from __future__ import annotations

from collections.abc import Callable

from tracealloc.emit.c.arrays import Arrays
from tracealloc.emit.c.calls import Calls
from tracealloc.emit.c.clock import Clock
from tracealloc.emit.c.expressions import Expressions
from tracealloc.emit.c.guards import Guards
from tracealloc.emit.c.integers.helpers import preamble
from tracealloc.emit.c.loops import Loops, function_head
from tracealloc.emit.c.numbers import Machines
from tracealloc.emit.c.plan.storage import can_fail, can_run_out, heap_arrays, view_copies
from tracealloc.emit.c.processes import Processes
from tracealloc.emit.c.statements import Statements
from tracealloc.emit.c.status import Status, returned_status
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.access_checks import FAULT_SHIFT, can_leave, checks_of
from tracealloc.emit.common.names import change_comment
from tracealloc.emit.common.parameters import INLINE_CONSTANT, Parameter, by_value, parameters
from tracealloc.emit.common.scope import Scope, comment_text
from tracealloc.emit.common.walk import Walk
from tracealloc.trace.ir.clocks import Clocks
from tracealloc.trace.ir.program import Alloc, Array, Call, Loop, Node, Program, While, walk_nodes
from tracealloc.trace.queries.summary import returned, summary_of
from tracealloc.trace.queries.typing_rules import negate

__all__ = ["c_source", "clocked_source"]

_LIBM_ARITY = {"pow": 2, "powf": 2}


def c_source(program: Program) -> str:
    """The C text of `program` and of everything that it calls; the same text for the same program."""
    return _text(Unit(program))


def clocked_source(clocks: Clocks) -> tuple[str, tuple[tuple[Program, Array], ...]]:
    """The C text of a program that runs as hardware would, cycle by cycle, and tells of it.

    And the arrays of queues, each with its function, of whose depths its table speaks one after the other.
    """
    unit = Unit(clocks.program, clocks)
    return _text(unit), tuple(unit.queues)


def _text(unit: Unit) -> str:
    program = unit.program
    programs = (*program.callees(), program)
    bodies = [line for each in programs for line in ("", *FunctionWriter(each, unit).lines())]
    shared = [*unit.depths_table(), *unit.leaps()]
    return "\n".join([*_head(unit), *unit.types, *unit.constants, *shared, *bodies, ""])


def _head(unit: Unit) -> list[str]:
    program = unit.program
    origin = f", from {comment_text(program.place.short)}" if program.place is not None else ""
    threads = " and -fopenmp" if "openmp" in unit.needs else ""
    lines = [
        f"// {comment_text(program.name)}: written by tracealloc{origin}.",
        f"// Compile with -fwrapv -ffp-contract=off{threads}.",
        *change_comment(unit.names.changed),
        "#include <stdbool.h>",
        "#include <stdint.h>",
    ]
    lines += [
        f"#include <{name}.h>"
        for name in ("stdarg", "stdio", "stdlib", "string", "sys/mman")
        if name in unit.needs
    ]
    for name in sorted(unit.libm):
        kind = "float" if name.endswith("f") and name not in {"erf"} else "double"
        lines.append(f"{kind} {name}({', '.join([kind] * _LIBM_ARITY.get(name, 1))});")
    helpers = preamble(unit.helpers).rstrip("\n")
    return [*lines, "", *helpers.split("\n")] if helpers else lines


class FunctionWriter:
    """Writes one function: makes the parts, hands each what it needs, and writes what is around the body."""

    def __init__(self, program: Program, unit: Unit) -> None:
        self.program = program
        self.unit = unit
        self.exported = program is unit.program
        self.written = summary_of(program).writes
        views = view_copies(program)
        self.heap = heap_arrays(program, views)
        self.fails = can_fail(program, top=self.exported)
        self.faults = can_leave(program, top=self.exported)

        scope = self.scope = Scope(program, unit.names.fork())
        status = self.status = Status(scope)
        machines = Machines()
        guards = self.guards = Guards(unit, checks_of(program, self.exported), self.faults, status)
        clock = self.clock = Clock(scope, unit)
        expressions = self.expressions = Expressions(scope, unit, guards, machines, clock)
        arrays = self.arrays = Arrays(scope, unit, expressions.printer, expressions.fifos, self._restrict())
        processes = self.processes = Processes(scope, unit, status, clock)
        calls = Calls(scope, unit, expressions, arrays, status, processes, views, clock)
        statements = Statements(scope, unit, expressions, guards, arrays, calls, machines)
        self.loops = Loops(scope, unit, expressions, guards, arrays, status, machines, self.heap, clock)
        around = self._timed if clock.on else None
        self.walk = Walk(scope, expressions.expr, statements, self.loops, around)

    def _timed(self, node: Node, write: Callable[[], None]) -> None:
        """Write a node, and what it does to the clock."""
        for access, stage in self.clock.found.meets.get(id(node), ()):
            self.expressions.fifos.meet(access, stage)
        self.clock.node(node, write)

    def _restrict(self) -> str:
        """Nothing where a store to one array may change another, and in what should be inlined."""
        loops = any(isinstance(node, Loop | While) for node in walk_nodes(self.program.body))
        small = not self.exported and not loops
        return "" if small or id(self.program) in self.unit.aliased else "restrict "

    def lines(self) -> list[str]:
        """The function's text."""
        scope = self.scope
        for local in ("status", "fault", "ended") if self.fails else ():
            scope.names.declare(("local", local), local)  # arrays of these names get others
        head = [self.clock.parameter()] if self.clock.on and not self.exported else []
        head += [self._parameter(parameter) for parameter in parameters(self.program)]
        self.unit.heads[id(self.program)] = head
        kind = "int" if self.fails else "void"
        before = "" if self.exported else "static "
        if self.arrays.restrict and not self.exported:
            # Inlined into a loop, gcc 12 moves loads through restrict over stores of earlier iterations.
            before += "__attribute__((noinline)) "
        name = self.unit.function_name(self.program)
        scope.out.append(function_head(f"{before}{kind} {name}(", head))
        scope.depth = 1
        if self.clock.on and self.exported:
            self.clock.own()
        self._unpack()
        if self._has_status():
            scope.line("int status = 0;")
        if self.faults:
            scope.line("int fault = 0;  // the number of the first access outside its array")
        self._require()
        self.arrays.allocate(self.heap.get((), []), ["return 1;"])
        if self.program.concurrent:
            self.processes.begin()
        self.walk.block(self.program.body)
        if self.program.concurrent:
            self.processes.end()
        self._finish()
        scope.out.append("}")
        apart = [*self.loops.apart, *self.processes.starters]
        return [*apart[1:], "", *scope.out] if apart else scope.out

    def _has_status(self) -> bool:
        if self.program.concurrent or any(array.kind == "stream" for array in self.program.arrays()):
            return True
        inner = any(isinstance(n, Call) and can_run_out(n.program) for n in walk_nodes(self.program.body))
        return inner or any(where for where in self.heap)

    # Parameters.

    def _parameter(self, parameter: Parameter) -> str:
        scope, array = self.scope, parameter.array
        if parameter.role == "result":
            own = array.kind == "result" and array.rank > 0
            name = scope.name_array(array) if own else scope.names.declare("", f"{array.name}_result")
            scope.names.bind(("out", array.key), name)
            return self.arrays.pointer(array, name, False)
        if parameter.role == "kept":
            name = scope.names.declare(("kept", id(parameter.owner), array.key), array.name)
            if parameter.owner is self.program:
                scope.names.bind(("array", array.key), name)
            return self.arrays.pointer(array, name, not parameter.written)
        name = scope.name_array(array)
        if array.kind == "stream":
            return self.expressions.fifos.parameter(array, name)
        const = "" if array in self.written else "const "
        if array.rank > 0:
            return self.arrays.pointer(array, name, array not in self.written)
        if self._is_behind_pointer(array):
            pointer = scope.names.declare(("pointer", array.key), f"{array.name}_pointer")
            return f"const {self.unit.type_name(array.dtype)} *{pointer}"
        return f"{const}{self.unit.type_name(array.dtype)} {name}"

    def _is_behind_pointer(self, array: Array) -> bool:
        """Whether an argument is a scalar that callers from outside cannot pass by value."""
        return array.rank == 0 and array.kind != "stream" and self.exported and not by_value(array)

    def _unpack(self) -> None:
        """Scalars from behind pointers, scalar results, and tables."""
        scope = self.scope
        for array in self.program.args:
            if self._is_behind_pointer(array):
                const = "" if array in self.written else "const "
                pointer = scope.names.find(("pointer", array.key))
                type_ = self.unit.type_name(array.dtype)
                scope.line(f"{const}{type_} {scope.array_name(array)} = *{pointer};")
        for array in self.program.args if self.exported else ():
            if array.kind == "stream":
                self.expressions.fifos.named(array)
        for array in returned(self.program):
            at_top = any(isinstance(n, Alloc) and n.array == array for n in self.program.body)
            if array.rank == 0 and array.kind == "result" and not at_top:
                scope.name_array(array)
                scope.line(f"{self.unit.type_name(array.dtype)} {scope.array_name(array)};")
        for array in self.program.arrays():
            if array.kind == "constant" and array.size <= INLINE_CONSTANT:
                self.arrays.constant(array)

    def _require(self) -> None:
        """Leave before anything is written where an access would go outside its array."""
        checks = self.guards.checks
        for number, each in enumerate(checks.required, self.guards.first + len(checks.found) + 1):
            unmet = self.expressions.condition(negate(each.cond)).text
            self.scope.line(f"if ({unmet}) return {number << FAULT_SHIFT};  // {comment_text(each.text)}")

    def _finish(self) -> None:
        """Results go out, the heap is given back, and the status is returned."""
        scope = self.scope
        if self.clock.on:
            self.clock.end(self.exported)
            for array in self.program.args if self.exported else ():
                if array.kind == "stream":
                    self.expressions.fifos.tell(array)
        for array in returned(self.program):
            name, out = scope.array_name(array), scope.names.find(("out", array.key))
            if array.rank == 0:
                scope.line(f"*{out} = {name};")
            elif out != name:
                self.unit.needs.add("string")
                scope.line(f"memcpy({out}, {name}, sizeof({self.arrays.type_of(array)}));")
        self.arrays.release(self.heap.get((), []))
        if self.fails:
            scope.line(f"return {returned_status(self._has_status(), self.faults)};")
