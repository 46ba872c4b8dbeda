"""The clock of a function in C: how much later it is behind a node, an iteration, an access to a queue."""

from __future__ import annotations

from collections.abc import Callable

from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.scope import Scope
from tracealloc.trace.ir.clocks import FunctionClock
from tracealloc.trace.ir.expr import Const
from tracealloc.trace.ir.program import Loop, Node, While

__all__ = ["Clock"]

_NAME = "clock", "here"


class Clock:
    """Writes what a function does to its clock; nothing where its file runs without one.

    Args:
        scope: the function. `unit`: its file.
    """

    def __init__(self, scope: Scope, unit: Unit) -> None:
        self.scope = scope
        clocks = unit.clocks
        self.on = clocks is not None
        self.stiff = clocks is not None and clocks.style == "stp"
        self.found = FunctionClock() if clocks is None else clocks.functions[id(scope.program)]
        self.leaps = clocks is not None and clocks.bare and not self.stiff
        self._nodes: list[Node] = []
        self._pipes: dict[int, str] = {}  # the local that counts a pipeline's iterations, by its inner loop

    @property
    def name(self) -> str:
        """The clock's name, a pointer."""
        found = self.scope.names.find(_NAME)
        assert found is not None
        return found

    def parameter(self) -> str:
        """The clock as the first parameter."""
        return f"ta_clock *{self.scope.names.declare(_NAME, 'clock')}"

    def own(self) -> None:
        """The clock of the function that is called from outside."""
        names, line = self.scope.names, self.scope.line
        name, memory = names.declare(_NAME, "clock"), names.declare("", "clock_memory")
        line("ta_start();")
        if self.leaps:
            line("ta_look_anew();")
        line(f"ta_clock {memory} = {{0}}, *const {name} = &{memory};")

    def end(self, top: bool) -> None:
        """The function has ended."""
        self._pass(self.found.alone)
        if top:
            cycles = f"(long long){self.name}->now, (long long)ta_leapt"
            self.scope.line(f'ta_say("cycles\\t%lld\\t%lld\\n", {cycles});')

    def node(self, node: Node, write: Callable[[], None]) -> None:
        """Write a node by `write`, and the time that passes before and after it."""
        if not self.on:
            write()
            return
        self._nodes.append(node)
        self._pass(self.found.before.get(id(node), 0))
        write()
        self._pass(self.found.after.get(id(node), 0))
        self._nodes.pop()

    def _pass(self, cycles: int) -> None:
        if cycles:
            self.scope.line(f"{self.name}->now += {cycles};")

    def access(self, put: bool) -> str:
        """The arguments of a put or a get: the clock, and the stage in which it happens."""
        if not self.on:
            return ""
        stages = self.found.puts if put else self.found.gets
        return f", {self.name}, {stages.get(id(self._nodes[-1]), 0)}"

    # Pipelines.

    def loop(self, loop: Loop, write: Callable[[], None]) -> None:
        """Write a loop by `write`, and what counts iterations where a pipeline begins with it."""
        inner = self.found.nests.get(id(loop))
        if inner is None:
            write()
            return
        pipe = self.found.pipes[inner]
        names, line = self.scope.names, self.scope.line
        local, began = (
            names.declare("", f"{loop.iter.name}_pipe"),
            names.declare("", f"{loop.iter.name}_began"),
        )
        self._pipes[inner] = local
        span = pipe.last - pipe.first + 1
        line("{")
        with self.scope.deeper():
            line(f"int64_t {began}[{pipe.flight}];")
            begins = f"{self.name}->now, {self.name}->now"
            line(f"ta_pipe {local} = {{{begins}, {pipe.interval}, {span}, {pipe.flight}, 0, 0, {began}}};")
            line(f"{self.name}->first = {'INT64_MAX' if self.stiff else pipe.first};")
            if self.stiff:
                line(f"{self.name}->stiff = true;")
            write()
            line(f"ta_leave(&{local}, {self.name}, {pipe.tail});")
        line("}")

    def iteration(self, node: Loop | While, write: Callable[[], None]) -> None:
        """Write the body of a loop by `write`: of a pipeline, an iteration."""
        local = self._pipes.get(id(node))
        if local is None:
            write()
            return
        if self.found.pipes[id(node)].counted and not self.stiff and isinstance(node, Loop):
            name, stop = self.scope.iter_name(node.iter), node.stop
            assert isinstance(stop, Const)
            self.scope.line(f"{local}.counter = &{name}, {local}.stop = {stop.value};")
            self.scope.line(f"{self.name}->pipe = &{local};")
            self.scope.line(f"ta_again({self.name});")
        self.scope.line(f"ta_iteration(&{local}, {self.name});")
        write()
        self.scope.line(f"ta_next(&{local}, {self.name});")
