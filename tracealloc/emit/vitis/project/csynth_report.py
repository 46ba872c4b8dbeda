"""Reports of Vitis HLS C synthesis: ``*_csynth.xml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tracealloc.trace.diagnostics.errors import BuildError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["LoopReport", "SynthesisReport", "find_reports", "parse_report"]

_RESOURCES = ("BRAM_18K", "URAM", "DSP", "FF", "LUT")


@dataclass(frozen=True, slots=True)
class LoopReport:
    """One loop: cycles (worst case), trip count, initiation interval where it is pipelined."""

    name: str
    latency: int | None
    trip_count: int | None
    ii: int | None
    depth: int | None
    loops: tuple[LoopReport, ...] = ()


@dataclass(frozen=True, slots=True)
class SynthesisReport:
    """What C synthesis says of one function.

    `latency` and `interval` are in clock cycles, best and worst case (None: it depends on data);
    `clock` and `estimated_clock` in nanoseconds; `used` and `available` count resources.
    """

    top: str
    part: str
    version: str
    clock: float | None
    estimated_clock: float | None
    latency: tuple[int | None, int | None]
    interval: tuple[int | None, int | None]
    used: dict[str, int] = field(default_factory=dict)
    available: dict[str, int] = field(default_factory=dict)
    loops: tuple[LoopReport, ...] = ()
    path: Path | None = None

    @property
    def cycles(self) -> int | None:
        """The latency in cycles, in the worst case."""
        return self.latency[1]

    def to_dict(self) -> dict[str, object]:
        """The report as plain data."""
        return {
            "top": self.top,
            "part": self.part,
            "version": self.version,
            "clock_ns": self.clock,
            "estimated_clock_ns": self.estimated_clock,
            "latency": list(self.latency),
            "interval": list(self.interval),
            "used": dict(self.used),
            "available": dict(self.available),
        }

    def __str__(self) -> str:
        low, high = self.latency
        cycles = f"{high}" if low == high else f"{low} to {high}"
        lines = [f"{self.top} on {self.part} ({self.version})".strip()]
        lines.append(f"  latency   {cycles} cycles, interval {self.interval[1]}")
        lines.append(f"  clock     {self.clock} ns asked, {self.estimated_clock} ns estimated")
        for name, count in self.used.items():
            total = self.available.get(name)
            lines.append(f"  {name:<9} {count}" + (f" of {total}" if total else ""))
        for loop in self.loops:
            lines += _loop_lines(loop, 1)
        return "\n".join(lines)


def _loop_lines(loop: LoopReport, depth: int) -> list[str]:
    ii = f", II {loop.ii}" if loop.ii is not None else ""
    lines = [f"{'  ' * depth}{loop.name}: {loop.latency} cycles, {loop.trip_count} trips{ii}"]
    for inner in loop.loops:
        lines += _loop_lines(inner, depth + 1)
    return lines


def find_reports(folder: Path) -> list[Path]:
    """The reports below a project's folder, sorted."""
    return sorted(folder.rglob("*_csynth.xml"))


def parse_report(path: Path) -> SynthesisReport:
    """Read a report.

    Raises:
        BuildError: it cannot be read, or it is no report of C synthesis.
    """
    import xml.etree.ElementTree as ElementTree

    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise BuildError("TA822", f"the report {path.name} cannot be read: {error}") from error
    if root.tag != "profile":
        raise BuildError("TA822", f"{path.name} is no report of C synthesis: its root is <{root.tag}>")
    latency = "PerformanceEstimates/SummaryOfOverallLatency"
    loops = root.find("PerformanceEstimates/SummaryOfLoopLatency")
    resources, available = root.find("AreaEstimates/Resources"), root.find("AreaEstimates/AvailableResources")
    return SynthesisReport(
        top=_text(root, "UserAssignments/TopModelName"),
        part=_text(root, "UserAssignments/Part"),
        version=_text(root, "ReportVersion/Version"),
        clock=_real(root, "UserAssignments/TargetClockPeriod"),
        estimated_clock=_real(root, "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
        latency=(_count(root, f"{latency}/Best-caseLatency"), _count(root, f"{latency}/Worst-caseLatency")),
        interval=(_count(root, f"{latency}/Interval-min"), _count(root, f"{latency}/Interval-max")),
        used=_resources(resources),
        available=_resources(available),
        loops=tuple(_loop(item) for item in loops) if loops is not None else (),
        path=path,
    )


def _loop(item: Element) -> LoopReport:
    fields = ("TripCount", "Latency", "PipelineII", "PipelineDepth", "IterationLatency")
    inner = tuple(_loop(part) for part in item if part.find("TripCount") is not None)
    trips, latency, ii, depth, iteration = (_count(item, name) for name in fields)
    name = item.findtext("Name") or item.tag
    return LoopReport(name.strip(), latency, trips, ii, depth if depth is not None else iteration, inner)


def _resources(item: Element | None) -> dict[str, int]:
    found = {}
    for name in _RESOURCES:
        count = _count(item, name) if item is not None else None
        if count is not None:
            found[name] = count
    return found


def _text(root: Element, path: str) -> str:
    return (root.findtext(path) or "").strip()


def _real(root: Element, path: str) -> float | None:
    try:
        return float(_text(root, path))
    except ValueError:
        return None


def _count(root: Element, path: str) -> int | None:
    """A whole number; the worst case where a loop's trips vary (``range`` with ``min`` and ``max``)."""
    found = root.find(path)
    if found is None:
        return None
    high = found.find("range/max")
    text = ((high.text if high is not None else found.text) or "").strip()
    return int(text) if text.isdigit() else None
