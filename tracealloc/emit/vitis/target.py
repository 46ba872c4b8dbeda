"""The Vitis HLS back end: what `build`, the command line and ``doctor`` ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracealloc.emit.common.target import Design, Folder, Target, Tool, register
from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.emit.vitis.values.helpers import HELPER_NAMES
from tracealloc.trace.diagnostics.source import warn

__all__ = ["VITIS"]

_ADVICE = "install AMD Vitis, then in the shell: source <its folder>/settings64.sh"


def _build(design: Design, mode: str | None, project: Folder, options: Mapping[str, Any]) -> Any:
    from tracealloc.emit.vitis.project.project import build_hls

    given = dict(options)
    if given.get("reference") is None:
        given["reference"] = design.reference()
    lowered = design.for_hls()
    for name, facts in lowered.facts.functions.items():
        for refused in facts.refused:
            warn(f"Vitis HLS would refuse {name}: {refused.text}", refused.place)
    return build_hls(lowered, mode=mode, project=project, **given)


def _options() -> tuple[Any, ...]:
    from tracealloc.emit.vitis.project.project import HLSProject, build_hls

    return HLSProject, build_hls


VITIS = register(
    Target(
        "vitis_hls",
        "Vitis HLS",
        _build,
        _options,
        modes=("csim", "csyn", "cosim", "hw_emu", "hw"),
        projects=True,
        simulation="csim",
        reserved=HELPER_NAMES,
        tools=(
            Tool("vitis_hls", "csyn, cosim (old flow)", _ADVICE),
            Tool("v++", "csyn, hardware (new flow)", _ADVICE),
            Tool("xbutil", "running on a card", _ADVICE),
        ),
        hardware=HARDWARE,
    )
)
