"""The printed form of a schedule: the loops as they stand, then layouts, history and proof."""

from __future__ import annotations

from collections.abc import Sequence

from tracealloc.schedule.history import Step
from tracealloc.schedule.state import Module, State
from tracealloc.trace.layout import Layout
from tracealloc.trace.program import Array, Program
from tracealloc.trace.text import program_text

__all__ = ["layout_text", "marked_text", "schedule_text"]

_LABEL = 10


def layout_text(array: Array, layout: Layout) -> str:
    """``B: dim 1 cyclic 8``."""
    parts = [f"dim {d} {banks}" for d, banks in enumerate(layout.banks) if banks.kind != "whole"]
    if layout.pack > 1:
        where = "" if layout.pack_dim is None else f"dim {layout.pack_dim} "
        parts.append(f"{where}pack {layout.pack}")
    if layout.resource != "auto":
        parts.append(layout.resource)
    if layout.ports is not None:
        parts.append(f"{layout.ports} ports")
    if layout.port is not None:
        # An m_axi port has no banks: HLS C++ moves the array in bursts to a copy that has them.
        parts.append("m_axi (local copy)" if layout.port.kind == "m_axi" and parts else layout.port.kind)
    return f"{array.name}: {', '.join(parts)}"


def _layouts(program: Program, module: Module) -> list[str]:
    """The layouts of all functions, of arrays as they are stored."""
    programs = {each.name: each for each in (*program.callees(), program)}
    found = []
    for name, state in module.states:
        prefix = "" if name == module.top else f"{name}:"
        layouts = programs[name].layouts if name in programs else state.layouts
        found += [prefix + layout_text(a, layout) for a, layout in layouts if not layout.plain]
    return found


def _proof(module: Module) -> str:
    state: State = module.state(module.top)
    text = f"every read gets its value from the same write as in {module.top}"
    if state.assumptions:
        text += f" ({'; '.join(state.assumptions)})"
    return text


def schedule_text(program: Program, module: Module, history: Sequence[Step]) -> str:
    """What ``print(s)`` shows."""
    lines = [program_text(program)]
    layouts = _layouts(program, module)
    if layouts:
        lines += _labelled("layouts", layouts)
    if history:
        lines.append("history".ljust(_LABEL) + " · ".join(map(str, history)))
        lines.append("proof".ljust(_LABEL) + _proof(module))
    return "\n".join(lines)


def _labelled(label: str, items: Sequence[str]) -> list[str]:
    return [(label if number == 0 else "").ljust(_LABEL) + item for number, item in enumerate(items)]


def marked_text(program: Program, module: Module, function: str, key: str) -> str:
    """The loops of a function, one of them marked ``# <-- here``."""
    target = next((p for p in (*program.callees(), program) if p.name == function), program)
    loops = module.state(function).loops() if function in module.names() else ()
    loop = next((loop for loop in loops if loop.key == key), None)
    if loop is None:
        return f"<loop that is no longer in {function}>"
    lines = program_text(target).splitlines()
    for number, line in enumerate(lines):
        if f"for {loop.name} in" in line:
            lines[number] = f"{line.rstrip()}  # <-- here"
            break
    return "\n".join(lines)
