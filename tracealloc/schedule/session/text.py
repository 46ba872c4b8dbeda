"""The printed form of a schedule: the loops as they stand, then layouts, history and proof."""

from __future__ import annotations

from collections.abc import Sequence

from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.boundaries import scopes_of
from tracealloc.schedule.core.state import Module, OpaqueLoop, State
from tracealloc.schedule.session.history import Step
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.layout import Layout
from tracealloc.trace.ir.program import Array, Loop, Program, While, walk_nodes
from tracealloc.trace.ir.text import program_lines, program_text, range_text

__all__ = ["function_of", "iterator_key", "layout_text", "marked_text", "ranges", "schedule_text"]

_LABEL = 10
_WIDTH = 110


def layout_text(array: Array, layout: Layout, hardware: Hardware) -> str:
    """``B: dim 1 cyclic 8``."""
    parts = [f"dim {d} {banks}" for d, banks in enumerate(layout.banks) if banks.kind != "whole"]
    if layout.pack is not None:
        parts.append(str(layout.pack))
    if text := str(layout.storage):
        parts.append(text)
    if layout.port is not None:
        # To where a port has no banks, HLS C++ moves the array in bursts to a copy that has them.
        copied = parts and not hardware.has_banks(layout.port)
        parts.append(f"{layout.port.kind} (local copy)" if copied else layout.port.kind)
    return f"{array.name}: {', '.join(parts)}"


def _layouts(program: Program, module: Module) -> list[str]:
    """The layouts of all functions, of arrays as they are stored."""
    found = []
    for each in (*program.callees(), program):
        prefix = "" if each.name == module.top else f"{each.name}:"
        found += [
            prefix + layout_text(a, layout, module.hardware) for a, layout in each.layouts if not layout.plain
        ]
    return found


def _proof(module: Module) -> str:
    state: State = module.state(module.top)
    text = f"every read gets its value from the same write as in {module.top}"
    if notes := dict.fromkeys(map(str, state.proof.assumptions)):
        text += f" ({'; '.join(notes)})"
    return text


def schedule_text(program: Program, module: Module, history: Sequence[Step]) -> str:
    """What ``print(s)`` shows."""
    lines = [program_text(program)]
    layouts = _layouts(program, module)
    if layouts:
        lines += _labelled("layouts", layouts)
    if history:
        lines += _labelled("history", _wrapped(list(map(str, history))))
        lines.append("proof".ljust(_LABEL) + _proof(module))
    return "\n".join(lines)


def _wrapped(items: Sequence[str]) -> list[str]:
    """Items one after another, in lines that a terminal holds."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) < _WIDTH - _LABEL:
            lines[-1] += f" · {item}"
        else:
            lines.append(item)
    return [f"{line} ·" for line in lines[:-1]] + lines[-1:]


def _labelled(label: str, items: Sequence[str]) -> list[str]:
    return [(label if number == 0 else "").ljust(_LABEL) + item for number, item in enumerate(items)]


def marked_text(program: Program, module: Module, function: str, keys: Sequence[str]) -> str:
    """The loops of a function, some of them marked ``# <-- here``."""
    first, loops = function, [module.loop(function, key) for key in keys]
    if None in loops:
        homes = [module.home(function, key) for key in keys]
        function = homes[0][0]
        loops = [module.loop(*home) for home in homes]
    target = _function_with(program, module, function, loops)
    printed, notes = program_lines(target), []
    lines = [line.text for line in printed]
    numbers: dict[str, int] = {}
    for number, line in enumerate(printed):
        if line.loop is not None:
            numbers.setdefault(line.loop.iter.key, number)
    for loop in loops:
        if loop is not None and (key := iterator_key(loop)) in numbers:
            lines[numbers[key]] = f"{lines[numbers[key]].rstrip()}  # <-- here"
        elif loop is not None:
            notes.append(f"# loop {loop.name!r} runs once or never, and so is not shown")
        else:
            notes.append(f"<loop that is no longer in {first}>")
    return "\n".join(notes if not any(loops) else [*lines, *notes])


def _function_with(
    program: Program, module: Module, function: str, loops: Sequence[LoopNode | OpaqueLoop | None]
) -> Program:
    """The program that has some loops of a function: its own, or that of one outlined from it."""
    scopes = scopes_of(module.state(function)) if function in module.names() else {}
    inside = next((scopes[loop.key] for loop in loops if loop is not None and loop.key in scopes), function)
    return function_of(program, inside)


def function_of(program: Program, function: str) -> Program:
    """The lowered program of one function of a module."""
    return next((each for each in program.callees() if each.name == function), program)


def iterator_key(loop: LoopNode | OpaqueLoop) -> str:
    """The key of the iterator that a loop has once it is lowered."""
    return loop.loop.iter.key if isinstance(loop, OpaqueLoop) else loop.key


def ranges(program: Program) -> dict[str, str]:
    """What each loop of a lowered program runs over, as printed: ``0:64``."""
    found: dict[str, str] = {}
    for node in walk_nodes(program.body):
        if isinstance(node, Loop | While):
            found.setdefault(node.iter.key, range_text(node))
    return found
