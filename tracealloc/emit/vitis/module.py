"""HLS C++ for people: a program as the text that a Vitis HLS user would have written.

The user's names, a label on each loop, the Python place of each statement, one function per kernel, arrays
with their dimensions, pragmas where the schedule asked for something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tracealloc.emit.c.access_checks import Check
from tracealloc.emit.common.backend import identifier_comment
from tracealloc.emit.common.names import change_comment
from tracealloc.emit.vitis.frames import template_text
from tracealloc.emit.vitis.function import VitisFunction
from tracealloc.emit.vitis.helpers import helper_text
from tracealloc.emit.vitis.simulated import Simulation
from tracealloc.emit.vitis.unit import Unit
from tracealloc.trace.ir.dtype import Struct
from tracealloc.trace.ir.facts import Facts, Lowered
from tracealloc.trace.ir.program import Program, Requirement

__all__ = ["VitisText", "simulated", "vitis_source"]

_BFLOAT16 = "tracealloc_bfloat16.h"


@dataclass(frozen=True, slots=True)
class VitisText:
    """The emitted files. `top` is the top function, `base` the files' name without suffix.

    `others` are headers of ours that the text includes (name and text).
    """

    program: Program
    facts: Facts
    top: str
    base: str
    source: str
    header: str
    structs: dict[Struct, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    wide: int = 0  # the widest ap_int of the text, in bits
    checks: tuple[Check | Requirement, ...] = ()  # what a simulated text checks, by number from 1
    changed: dict[str, str] = field(default_factory=dict)  # names of the user's that are others in the text

    def __str__(self) -> str:
        return self.source


def simulated(text: VitisText) -> VitisText:
    """The text as the C simulation compiles it: what depends on data is checked (see `simulated`)."""
    return _written(Unit(text.program, text.facts, text.top, Simulation()))


def vitis_source(lowered: Lowered, top: str | None = None) -> VitisText:
    """The HLS C++ of a program and of everything that it calls; the same text for the same program.

    Args:
        lowered: what lowering for HLS hands over (`schedule.hls.lowered`).
        top: the name of the top function; None: the program's.
    """
    return _written(Unit(lowered.program, lowered.facts, top))


def _written(unit: Unit) -> VitisText:
    """Both files."""
    functions: list[str] = []
    prototype = ""
    for item in (*unit.program.callees(), unit.program):
        function = VitisFunction(item, unit)
        functions += ["", *function.lines()]
        prototype = function.prototype
    body = "\n".join(functions)
    helpers = "\n\n".join(helper_text(unit.helpers))
    code = "\n".join([helpers, body, prototype, *unit.struct_text])
    header, others = _header(unit, prototype, code)
    return VitisText(
        unit.program,
        unit.facts,
        unit.top,
        unit.base,
        _source(unit, helpers, body),
        header,
        dict(unit.structs),
        others,
        _widest(code),
        tuple(unit.simulation.checks) if unit.simulation is not None else (),
        dict(unit.names.changed),
    )


def _origin(program: Program) -> str:
    place = program.place
    origin = f" from {identifier_comment(place.short)}" if place is not None else ""
    return f"// {identifier_comment(program.name)}: HLS C++ written by tracealloc{origin}."


def _source(unit: Unit, helpers: str, body: str) -> str:
    parts = [_origin(unit.program), *change_comment(unit.names.changed), f'#include "{unit.base}.h"']
    if helpers:
        parts += ["", helpers]
    return "\n".join(parts) + "\n" + body + "\n"


def _header(unit: Unit, prototype: str, code: str) -> tuple[str, dict[str, str]]:
    """The header's text, and the headers of ours that it includes, by name."""
    lines = [_origin(unit.program), "#pragma once", ""]  # a guard's name might be the user's, too
    wide = _widest(code)
    if wide > 1024:
        lines += [f"#define AP_INT_MAX_W {-(-wide // 1024) * 1024}"]
    if re.search(r"\bu?int\d+_t\b", code):
        lines.append("#include <cstdint>")
    for pattern, name in (
        (r"\bap_u?int<", "ap_int.h"),
        (r"\bap_u?fixed<", "ap_fixed.h"),
        (r"\bhalf\b", "hls_half.h"),
        (r"\bhls::stream<", "hls_stream.h"),
        (r"\bbfloat16\b", _BFLOAT16),
    ):
        if re.search(pattern, code):
            lines.append(f'#include "{name}"')
    others = {_BFLOAT16: template_text(_BFLOAT16)} if f'#include "{_BFLOAT16}"' in lines else {}
    if not lines[-1]:
        lines.pop()
    for text in unit.struct_text:
        lines += ["", text]
    lines += ["", f'extern "C" {prototype};', ""]
    return "\n".join(lines), others


def _widest(code: str) -> int:
    found = [int(width) for width in re.findall(r"\bap_u?(?:int|fixed)<(\d+)", code)]
    # Intermediate results grow: products double, and each sum adds a bit.
    return 4 * max(found) if found and max(found) > 256 else max(found, default=0)
