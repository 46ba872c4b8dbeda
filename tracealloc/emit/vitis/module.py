"""HLS C++ for people: a program as the text that a Vitis HLS user would have written.

The user's names, a label on each loop, the Python place of each statement, one function per kernel, arrays
with their dimensions, pragmas where the schedule asked for something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tracealloc.emit.c.access_checks import Check
from tracealloc.emit.common.backend import identifier_comment
from tracealloc.emit.common.names import Names, change_comment, file_stem
from tracealloc.emit.vitis.function import VitisFunction
from tracealloc.emit.vitis.helpers import helper_text
from tracealloc.emit.vitis.simulated import Simulation
from tracealloc.trace.ir.dtype import DType, Struct
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
    return Module(text.program, text.facts, text.top, Simulation()).text()


def vitis_source(lowered: Lowered, top: str | None = None) -> VitisText:
    """The HLS C++ of a program and of everything that it calls; the same text for the same program.

    Args:
        lowered: what lowering for HLS hands over (`schedule.hls.lowered`).
        top: the name of the top function; None: the program's.
    """
    return Module(lowered.program, lowered.facts, top).text()


class Module:
    """One pair of files: the names, types and helpers that its functions share."""

    def __init__(
        self, program: Program, facts: Facts, top: str | None, simulation: Simulation | None = None
    ) -> None:
        self.program = program
        self.facts = facts
        self.simulation = simulation
        self.names = Names()
        self.helpers: set[str] = set()
        self.structs: dict[Struct, str] = {}
        self.struct_text: list[str] = []
        self.functions: dict[int, str] = {}
        self.first_use: dict[DType, str] = {}  # the first array of each struct type names it
        for item in (program, *program.callees()):
            for array in item.arrays():
                if isinstance(array.dtype, Struct):
                    self.first_use.setdefault(array.dtype, array.name)
        self.top = self.names.declare_function(("function", id(program)), top or program.name)
        self.functions[id(program)] = self.top
        self.base = file_stem(self.top)

    def text(self) -> VitisText:
        """Both files."""
        programs = (*self.program.callees(), self.program)
        for callee in programs[:-1]:
            self.functions[id(callee)] = self.names.declare_function(("function", id(callee)), callee.name)
        functions: list[str] = []
        prototype = ""
        for item in programs:
            function = VitisFunction(item, self)
            functions += ["", *function.lines()]
            prototype = function.prototype
        body = "\n".join(functions)
        helpers = "\n\n".join(helper_text(self.helpers))
        code = "\n".join([helpers, body, prototype, *self.struct_text])
        source = self._source(helpers, body)
        header, others = self._header(prototype, code)
        wide = _widest(code)
        checks = tuple(self.simulation.checks) if self.simulation is not None else ()
        structs, changed = dict(self.structs), dict(self.names.changed)
        files = self.top, self.base, source, header
        return VitisText(self.program, self.facts, *files, structs, others, wide, checks, changed)

    def _origin(self) -> str:
        place = self.program.place
        origin = f" from {identifier_comment(place.short)}" if place is not None else ""
        return f"// {identifier_comment(self.program.name)}: HLS C++ written by tracealloc{origin}."

    def _source(self, helpers: str, body: str) -> str:
        parts = [self._origin(), *change_comment(self.names.changed), f'#include "{self.base}.h"']
        if helpers:
            parts += ["", helpers]
        return "\n".join(parts) + "\n" + body + "\n"

    def _header(self, prototype: str, code: str) -> tuple[str, dict[str, str]]:
        lines = [self._origin(), "#pragma once", ""]  # a guard's name might be the user's, too
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
        others = {}
        if f'#include "{_BFLOAT16}"' in lines:
            from tracealloc.emit.common.frames import template_text

            others[_BFLOAT16] = template_text(_BFLOAT16)
        if not lines[-1]:
            lines.pop()
        for text in self.struct_text:
            lines += ["", text]
        lines += ["", f'extern "C" {prototype};', ""]
        return "\n".join(lines), others

    def struct_name(self, dtype: Struct) -> str:
        """The name of a struct type; its definition goes to the header."""
        found = self.structs.get(dtype)
        if found is not None:
            return found
        from tracealloc.emit.vitis.types import carrier_of, spelling

        lines = []
        fields = self.names.fields(name for name, _ in dtype.fields)
        for field_name, inner in dtype.fields:
            type_ = self.struct_name(inner) if isinstance(inner, Struct) else spelling(carrier_of(inner))
            lines.append(f"  {type_} {fields[field_name]};")
        name = self.names.declare_global(f"{self.first_use.get(dtype, 'record')}_t")
        self.structs[dtype] = name
        self.struct_text.append("\n".join([f"struct {name} {{", *lines, "};"]))
        return name


def _widest(code: str) -> int:
    found = [int(width) for width in re.findall(r"\bap_u?(?:int|fixed)<(\d+)", code)]
    # Intermediate results grow: products double, and each sum adds a bit.
    return 4 * max(found) if found and max(found) > 256 else max(found, default=0)
