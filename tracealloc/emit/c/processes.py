"""Networks in C: each call of a concurrent function becomes a process, which runs in turn with the others."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tracealloc.emit.c.clock import Clock
from tracealloc.emit.c.plan.storage import can_run_out
from tracealloc.emit.c.status import Status
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.access_checks import FAULT_SHIFT, can_leave
from tracealloc.emit.common.processes import Spot, spots_of
from tracealloc.emit.common.scope import INDENT, Scope
from tracealloc.trace.ir.program import Call, Program, walk_nodes

__all__ = ["Processes"]


class Processes:
    """Writes the processes of one function, if it is a network.

    Args:
        scope: the function. `unit`: its file. `status`: notes how processes end.
        clock: that of the function; its processes begin then, and it goes on when they have ended.
    """

    def __init__(self, scope: Scope, unit: Unit, status: Status, clock: Clock) -> None:
        self.clock = clock
        self.scope = scope
        self.unit = unit
        self.status = status
        self.spots = spots_of(scope.program) if scope.program.concurrent else {}
        self.starters: list[str] = []
        self.kinds: dict[tuple[int, tuple[int, ...]], str] = {}  # by what is called and waited for

    def begin(self) -> None:
        """What stands before the processes."""
        names, line = self.scope.names, self.scope.line
        for local in ("turns", "network", "stages", "ended"):
            names.declare(("network", local), local)
        count = 1 + max((spot.stage for spot in self.spots.values()), default=0)
        line("// Processes that run beside one another.")
        line(f"ta_turns {self.name('turns')};")
        line(f"ta_group {self.name('network')} = {{0}}, {self.name('stages')}[{count}] = {{0}};")
        line(f"int {self.name('ended')} = 0;")
        if self.clock.on:
            network = self.name("network")
            line(f"{network}.started = {network}.ended = {self.clock.name}->now;")
        line(f"ta_begin(&{self.name('turns')}, &{self.name('network')});")

    def end(self) -> None:
        """What stands behind them: they run, until all have ended."""
        line, ended = self.scope.line, self.name("ended")
        line(f"{ended} |= ta_end(&{self.name('turns')}, &{self.name('network')});")
        if self.clock.on:
            line(f"{self.clock.name}->now = {self.name('network')}.ended;")
        line(f"{self.status.name('status')} |= {ended} & {(1 << FAULT_SHIFT) - 1};")
        calls = (node for node in walk_nodes(self.scope.program.body) if isinstance(node, Call))
        if any(can_leave(call.program, top=False) for call in calls):
            fault = self.status.name("fault")
            line(f"if ({fault} <= 0) {fault} = {ended} >> {FAULT_SHIFT};")

    def name(self, local: str) -> str:
        """The name of a local of the network."""
        found = self.scope.names.find(("network", local))
        assert found is not None
        return found

    def start(self, node: Call, parts: Sequence[str], comment: str) -> None:
        """Make a process that does what the call does."""
        spot, callee = self.spots[id(node)], node.program
        kind = self._starter(callee, spot)
        its = [self.scope.iter_name(it) for it in spot.grid]
        at = f"(const int64_t[]){{{', '.join(its)}}}" if its else "0"
        network, stages, ended = (self.name(local) for local in ("network", "stages", "ended"))
        new = f"ta_process_new(&{network}, &{stages}[{spot.stage}], {kind}_run, sizeof(struct {kind})"
        line = self.scope.line
        self.scope.names.open()
        made = self.scope.names.declare("", "made")
        line("{" + comment)
        with self.scope.deeper():
            line(f"struct {kind} *const {made} =")
            line(f'{INDENT}{new}, "{spot.name}", {len(its)}, {at}, &{ended});')
            fields = ", ".join([f"&{ended}", stages, *parts])
            line(f"if ({made}) *{made} = (struct {kind}){{{fields}}};")
        line("}")
        self.scope.names.close()

    def _starter(self, callee: Program, spot: Spot) -> str:
        """The function that a process begins with, and the type of its arguments."""
        known = self.kinds.get((id(callee), spot.waits))
        if known is not None:
            return known
        function = self.unit.function_name(callee)
        key = "process", id(self), id(callee), spot.waits
        kind = self.kinds[key[2:]] = self.unit.names.declare_function(key, f"{function}_process")
        fields = [_field(head) for head in self.unit.heads[id(callee)][self.clock.on :]]
        names = [_NAME.search(field)[1] for field in fields]  # type: ignore[index]
        text = ["", f"struct {kind} {{", "  int *ended;", "  ta_group *stages;"]
        text += [f"  {field};" for field in fields]
        text += ["};", f"static void {kind}_run(void *given) {{", f"  const struct {kind} *const p = given;"]
        text += [f"  ta_join(&p->stages[{stage}]);" for stage in spot.waits]
        parts = ["&ta_here->now->clock"] * self.clock.on + [f"p->{name}" for name in names]
        called = f"{function}({', '.join(parts)})"
        if can_run_out(callee) or can_leave(callee, top=False):
            low = (1 << FAULT_SHIFT) - 1
            text += [f"  const int ended = {called};", f"  *p->ended |= ended & {low};"]
            text += [f"  if (*p->ended <= {low}) *p->ended |= ended & ~{low};"]
        else:
            text.append(f"  {called};")
        self.starters += [*text, "}"]
        return kind


_NAME = re.compile(r"(\w+)(?:\)\[.*)?$")


def _field(head: str) -> str:
    """A parameter as a field, to which values are assigned."""
    return head if "*" in head else head.removeprefix("const ")
