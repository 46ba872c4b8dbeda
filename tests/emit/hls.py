"""HLS C++ of programs that are no schedules: lowered for HLS, then emitted, simulated or made a project."""

from __future__ import annotations

from typing import Any

from tracealloc.emit.vitis.csim.csim import CSimModule, build_csim
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.emit.vitis.project.project import HLSProject, build_hls
from tracealloc.emit.vitis.text.module import VitisText, vitis_source
from tracealloc.schedule.hls.lowered import for_hls
from tracealloc.trace.ir.program import Program

__all__ = ["csim", "hls_build", "hls_project", "hls_text"]


def hls_text(program: Program, top: str | None = None) -> VitisText:
    """The text of a program."""
    return vitis_source(for_hls(program, HARDWARE), top)


def csim(program: Program, *, cache: bool = True) -> CSimModule:
    """The C simulation of a program."""
    return build_csim(hls_text(program), cache=cache)


def hls_project(program: Program, **options: Any) -> HLSProject:
    """The project of a program."""
    return HLSProject(for_hls(program, HARDWARE), **options)


def hls_build(program: Program, **options: Any) -> Any:
    """What ``build(target="vitis_hls")`` gives for a program."""
    return build_hls(for_hls(program, HARDWARE), **options)
