"""The clocks of a scheduled program: what `simulate` runs beside the values."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import replace

from tracealloc.schedule.core.state import Module
from tracealloc.schedule.timing.timing import timer_of
from tracealloc.trace.ir.clocks import Clocks, FunctionClock, Style

__all__ = ["clocks_of"]


def clocks_of(module: Module, clock_ns: float | None = None, style: Style = "frp") -> Clocks:
    """The program as the target takes it, and when its functions do what.

    Args:
        module: a schedule as it stands.
        clock_ns: the clock period (None: the one of the table of operators).
        style: how pipelines stand still.

    Raises:
        BuildError: a port cannot do what the program needs.
    """
    if clock_ns is not None:
        operators = module.hardware.operators.at(clock_ns)
        module = replace(module, hardware=replace(module.hardware, operators=operators))
    timer = timer_of(module)
    program = timer.found.program
    programs = (*program.callees(), program)
    for each in programs:
        timer.function(each)
    functions = {id(each): timer.clocks[each.name] for each in programs}
    # What a pipelined loop calls is part of its iteration: the stages are those that it has there.
    outer = [clock for clock in functions.values() if not clock.inside]
    gets, puts = (dict(ChainMap(*(dict(side) for side in sides))) for sides in (
        [clock.gets for clock in outer], [clock.puts for clock in outer]))  # fmt: skip
    inner = FunctionClock(gets=gets, puts=puts, inside=True)
    functions = {key: inner if clock.inside else clock for key, clock in functions.items()}
    return Clocks(program, functions, module.hardware.operators.clock_ns, style)
