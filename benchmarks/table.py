"""One table, for a terminal and as Markdown."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def cell(name: str, value: float | None) -> str:
    """A duration in the unit that fits it, or a ratio."""
    if value is None:
        return "-"
    if name == "ratio":
        return f"{value:.2f}"
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def print_table(title: str, measures: tuple[str, ...], kernels: dict[str, dict[str, float]]) -> None:
    """Print a column per kernel and a row per measure."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for label in kernels:
        table.add_column(label.replace(" ", "\n"), justify="right")
    for measure in measures:
        table.add_row(measure, *[cell(measure, row.get(measure)) for row in kernels.values()])
    Console(highlight=False, width=max(110, 24 + 14 * len(kernels))).print(table, "")


def markdown(title: str, measures: tuple[str, ...], kernels: dict[str, dict[str, float]]) -> str:
    """The same as Markdown."""
    lines = [f"### {title}", "", f"| | {' | '.join(kernels)} |", "|---|" + "---:|" * len(kernels)]
    for measure in measures:
        cells = (cell(measure, row.get(measure)) for row in kernels.values())
        lines.append(f"| {measure} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def machine() -> str:
    """What was measured on, without names of machines."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            x.split(":", 1)[1].strip() for x in info.read_text().splitlines() if x.startswith("model name")
        ]
        cpu = models[0] if models else cpu
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}"


def save(parts: list[str], **facts: Any) -> Path:
    """Write the tables to ``benchmarks/results/<date>.md``."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.date.today().isoformat()}.md"
    head = [f"# {datetime.date.today().isoformat()}", "", machine(), ""]
    head += [f"{name}: {value}" for name, value in facts.items()]
    path.write_text("\n".join([*head, "", *parts]), encoding="utf-8")
    return path
