"""HLS C++ for people: a program as the text that a Vitis HLS user would have written.

The user's names, a label on each loop, the Python place of each statement, one function per kernel, arrays
with their dimensions, pragmas where the schedule asked for something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tracealloc.emit.common.access_checks import Check
from tracealloc.emit.common.names import change_comment
from tracealloc.emit.common.scope import comment_text
from tracealloc.emit.vitis.text.frames import template_text
from tracealloc.emit.vitis.text.function import FunctionWriter
from tracealloc.emit.vitis.text.unit import Unit
from tracealloc.emit.vitis.values.helpers import helper_text
from tracealloc.emit.vitis.values.simulated import Simulation
from tracealloc.emit.vitis.values.types import BFLOAT16_HEADER
from tracealloc.trace.ir.dtype import Struct
from tracealloc.trace.ir.facts import Facts, Lowered
from tracealloc.trace.ir.program import Program, Requirement

__all__ = ["MOST_BITS", "VitisText", "simulated", "vitis_source", "word_limit"]

MOST_BITS = 1024  # that AMD's headers have unless told otherwise
_HEADERS = ("cstdint", "ap_int.h", "ap_fixed.h", "hls_half.h", "hls_stream.h", BFLOAT16_HEADER)


@dataclass(frozen=True, slots=True)
class VitisText:
    """The emitted files. `top` is the top function, `base` the files' name without suffix.

    `includes` are the headers that the text needs.
    """

    program: Program
    facts: Facts
    top: str
    base: str
    source: str
    header: str
    structs: dict[Struct, str] = field(default_factory=dict)
    includes: tuple[str, ...] = ()
    wide: int = 0  # the widest ap_int of the text, in bits
    checks: tuple[Check | Requirement, ...] = ()  # what a simulated text checks, by number from 1
    changed: dict[str, str] = field(default_factory=dict)  # names of the user's that are others in the text

    def __str__(self) -> str:
        return self.source

    @property
    def has_ap_types(self) -> bool:
        """Whether the text includes AMD's headers."""
        return any(name.startswith("ap_") for name in self.includes)

    @property
    def others(self) -> dict[str, str]:
        """The headers of ours among them, by name."""
        ours = [name for name in self.includes if name == BFLOAT16_HEADER]
        return {name: template_text(name) for name in ours}


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
        function = FunctionWriter(item, unit)
        functions += ["", *function.lines()]
        prototype = function.prototype
    words = unit.words
    # Intermediate results grow: products double, and each sum adds a bit.
    wide = 4 * words.widest if words.widest > 256 else words.widest
    includes = tuple(name for name in _HEADERS if name in words.headers())
    return VitisText(
        unit.program,
        unit.facts,
        unit.top,
        unit.base,
        _source(unit, "\n".join(functions)),
        _header(unit, prototype, includes, wide),
        dict(words.structs),
        includes,
        wide,
        tuple(unit.simulation.checks) if unit.simulation is not None else (),
        dict(unit.names.changed),
    )


def _origin(program: Program) -> str:
    place = program.place
    origin = f" from {comment_text(place.short)}" if place is not None else ""
    return f"// {comment_text(program.name)}: HLS C++ written by tracealloc{origin}."


def _source(unit: Unit, body: str) -> str:
    parts = [_origin(unit.program), *change_comment(unit.names.changed), f'#include "{unit.base}.h"']
    helpers = helper_text(unit.words.helpers)
    if helpers:
        parts += ["", "\n\n".join(helpers)]
    return "\n".join(parts) + "\n" + body + "\n"


def _header(unit: Unit, prototype: str, includes: Sequence[str], wide: int) -> str:
    lines = [_origin(unit.program), "#pragma once", ""]  # a guard's name might be the user's, too
    if wide > MOST_BITS:
        lines += [f"#define AP_INT_MAX_W {word_limit(wide)}"]
    lines += [f'#include "{name}"' if name.endswith(".h") else f"#include <{name}>" for name in includes]
    if not lines[-1]:
        lines.pop()
    for text in unit.words.definitions:
        lines += ["", text]
    lines += ["", f'extern "C" {prototype};', ""]
    return "\n".join(lines)


def word_limit(wide: int) -> int:
    """What AMD's headers must be told where a type has more than `MOST_BITS`."""
    return -(-wide // MOST_BITS) * MOST_BITS
