"""Running AMD's tools on a written project, where they are installed."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from tracealloc.emit.common.target import unknown_mode
from tracealloc.emit.vitis.project.csynth_report import SynthesisReport, find_reports, parse_report
from tracealloc.trace.diagnostics.errors import BuildError

__all__ = ["ToolRun", "check_mode", "run_tools"]

# Which commands each mode needs, one of each group, and what brings them.
_NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "csyn": (("vitis_hls", "v++"),),
    "cosim": (("vitis_hls", "vitis-run"),),
    "hw_emu": (("v++",), ("emconfigutil",)),
    "hw": (("v++",),),
}


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A finished run: its folder, its log file, and the synthesis reports by function.

    `report` is the top function's, where there was one.
    """

    mode: str
    folder: Path
    log: Path
    report: SynthesisReport | None
    reports: dict[str, SynthesisReport]

    def __str__(self) -> str:
        head = f"{self.mode} of {self.folder.name} finished; log in {self.log.name}"
        return f"{head}\n{self.report}" if self.report is not None else head


def check_mode(mode: str) -> None:
    """Refuse a mode that is none of the vendor's tools'."""
    if mode not in _NEEDS:
        raise unknown_mode(mode, list(_NEEDS))


def run_tools(mode: str, folder: Path, top: str) -> ToolRun:
    """Run one mode's make target in a written project.

    Raises:
        BuildError: a tool is missing, or the run failed; the project stays as it is.
    """
    missing = _missing(mode)
    command = f"make -C {shlex.quote(str(folder))} {mode}"
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise BuildError(
            "TA820",
            f"mode {mode!r} needs AMD's tools: {' and '.join(missing)} {verb} missing",
            because=[f"the project is complete in {str(folder)!r}"],
            hint=f"on a machine with Vitis: source settings64.sh, then {command}",
        )
    log = folder / "build" / f"{mode}.log"
    log.parent.mkdir(exist_ok=True)
    status = _run(mode, folder, log)
    if status != 0:
        tail = _errors(log)
        raise BuildError(
            "TA821",
            f"mode {mode!r} of {top} failed with status {status}",
            because=[*tail, f"the log is {str(log)!r}"],
            hint=f"to run it again: {command}",
        )
    found = [parse_report(path) for path in find_reports(folder)]
    reports = {report.top or _function(report): report for report in reversed(found)}
    named = {_function(report): report for report in found}
    if mode == "csyn" and not found:
        raise BuildError(
            "TA822",
            f"C synthesis of {top} ended without a report",
            because=[f"no *_csynth.xml below {str(folder)!r}", f"the log is {str(log)!r}"],
        )
    return ToolRun(mode, folder, log, named.get(top) or reports.get(top), named)


def _function(report: SynthesisReport) -> str:
    return report.path.name.removesuffix("_csynth.xml") if report.path is not None else report.top


def _missing(mode: str) -> list[str]:
    found = [" or ".join(group) for group in _NEEDS[mode] if not any(map(shutil.which, group))]
    if mode in ("hw_emu", "hw") and not os.environ.get("XILINX_XRT"):
        found.append("XRT (XILINX_XRT is not set)")
    if not shutil.which("make"):
        found.append("make")
    return found


def _run(mode: str, folder: Path, log: Path) -> int:
    import subprocess

    with log.open("wb") as file:
        done = subprocess.run(["make", mode], cwd=folder, stdout=file, stderr=subprocess.STDOUT, check=False)
    return done.returncode


def _errors(log: Path) -> list[str]:
    """The lines of a log that say what is wrong; else its last ones."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    found = [line for line in lines if line.startswith("ERROR")]
    return found[:5] or [line for line in lines if line][-5:]
