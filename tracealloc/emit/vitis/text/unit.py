"""What the functions of one pair of files share: names, what the text uses, facts, checks."""

from __future__ import annotations

from tracealloc.emit.common.names import Names, file_stem
from tracealloc.emit.vitis.values.simulated import AccessChecks, Simulation
from tracealloc.emit.vitis.values.vocabulary import Vocabulary
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
        self.words = Vocabulary(self.names, (program, *program.callees()))
        self.functions: dict[int, str] = {}
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
