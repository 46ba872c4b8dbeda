"""How a function says what went wrong: its locals ``status`` and ``fault``, and what it returns.

``status`` has a bit for each thing that may happen (1: memory ran out, 2: a queue was empty, 4: one
ended with something in it, 8: processes wait for one another); ``fault`` is
the number of the first access outside its array, or nothing positive. A thread or a vector lane has its own
``fault``, joined by ``reduction(max:fault)``.
"""

from __future__ import annotations

from typing import Literal

from tracealloc.emit.common.access_checks import FAULT_SHIFT
from tracealloc.emit.common.scope import Scope

__all__ = ["Status", "returned_status"]


class Status:
    """The two locals of a function, while it is written.

    Attributes:
        used: which of them the text uses that was written since this was set.
        parallel: how many parallel loops are around.
        own: whether ``status`` is that of one iteration of a parallel loop.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.used: set[str] = set()
        self.parallel = 0
        self.own = False

    def name(self, local: Literal["status", "fault"]) -> str:
        """The name of a local, which is used."""
        self.used.add(local)
        return local

    def ended(self, text: str, runs_out: bool, leaves: bool, comment: str = "") -> None:
        """Call a function of this file, and note how it ended."""
        line = self.scope.line
        if not (runs_out or leaves):
            line(f"{text};{comment}")
            return
        if leaves:
            fault = self.name("fault")
            line("{")
            self.scope.depth += 1
            line(f"const int ended = {text};{comment}")
            line(f"if ({fault} <= 0 && ended >> {FAULT_SHIFT}) {fault} = ended >> {FAULT_SHIFT};")
            text, comment = f"ended & {(1 << FAULT_SHIFT) - 1}", ""
        if runs_out:
            if self.parallel and not self.own:
                line("#pragma omp atomic")
            line(f"{self.name('status')} |= {text};{comment}")
        if leaves:
            self.scope.depth -= 1
            line("}")

    def ran_out(self) -> list[str]:
        """The statements that note that memory ran out in an iteration of a parallel loop."""
        if self.own:
            return ["return 1;"]
        atomic = ["#pragma omp atomic"] if self.parallel else []
        return [*atomic, f"{self.name('status')} |= 1;", "continue;"]


def returned_status(status: bool, fault: bool) -> str:
    """What a function returns that may run out of memory, or find an access outside its array."""
    found = ["status"] if status else []
    if fault:
        found.append(f"(fault << {FAULT_SHIFT})" if found else f"fault << {FAULT_SHIFT}")
    return " | ".join(found) or "0"
