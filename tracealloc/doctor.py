"""What is installed of the tools around tracealloc, and what to do about the rest."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Finding", "findings", "report"]

PACKAGES = ["numpy", "sympy", "networkx", "islpy", "jinja2", "ml_dtypes", "rich", "click"]
VENDOR_TOOLS = {
    "vitis_hls": "C synthesis (mode='csyn') and co-simulation in the old flow",
    "v++": "C synthesis in the new flow, hardware builds",
    "xbutil": "running on an Alveo card",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for: what was found (None: nothing) and what to do without it."""

    name: str
    purpose: str
    found: str | None
    advice: str


def findings() -> Iterator[Finding]:
    """Look for everything, most needed first."""
    yield Finding("Python", "everything", platform.python_version(), "")
    for package in PACKAGES:
        advice = f"pip install {package}"
        yield Finding(package, "everything", _version(package), advice)
    yield _compiler("cc", "running kernels", "apt-get install gcc (or another C compiler)")
    yield _openmp()
    yield _compiler("g++", "mode='csim'", "apt-get install g++")
    yield Finding("AMD's open headers", "mode='csim'", _headers(), "pip install 'tracealloc[csim]'")
    for tool, purpose in VENDOR_TOOLS.items():
        advice = "install AMD Vitis and run: source <folder of Vitis>/settings64.sh"
        yield Finding(tool, purpose, shutil.which(tool), advice)
    yield _cache()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _compiler(name: str, purpose: str, advice: str) -> Finding:
    """A compiler that answers ``--version``; the environment's CC and CXX come first."""
    chosen = os.environ.get({"cc": "CC", "g++": "CXX"}[name]) or name
    path = shutil.which(chosen) or shutil.which({"cc": "gcc", "g++": "c++"}[name])
    label = {"cc": "C compiler", "g++": "C++ compiler"}[name]
    if path is None:
        return Finding(label, purpose, None, advice)
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    return Finding(label, purpose, lines[0] if lines else path, advice)


def _openmp() -> Finding:
    """Whether the C compiler builds a program with ``-fopenmp``."""
    path = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc")
    advice = "apt-get install libgomp1 (gcc) or libomp-dev (clang)"
    if path is None:
        return Finding("OpenMP", "parallel loops", None, "install a C compiler first")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "omp.c"
        source.write_text("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
        command = [path, "-fopenmp", str(source), "-o", str(Path(folder) / "omp")]
        done = subprocess.run(command, capture_output=True, check=False)
    return Finding("OpenMP", "parallel loops", "yes" if done.returncode == 0 else None, advice)


def _headers() -> str | None:
    """The version of the wheel whose ``ap_types`` headers csim uses, or None."""
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        return None
    header = Path(spec.origin).parent / "templates" / "vivado" / "ap_types" / "ap_int.h"
    return f"hls4ml {_version('hls4ml')}" if header.is_file() else None


def _cache() -> Finding:
    """The folder of compiled kernels, if it can be written."""
    chosen = os.environ.get("TRACEALLOC_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(chosen) if chosen else Path(base) / "tracealloc"
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    advice = f"{folder} cannot be written: set TRACEALLOC_CACHE to a folder that can"
    return Finding("cache of compiled kernels", "fast first calls", str(folder) if writable else None, advice)


def report() -> None:
    """Print the findings as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("", "what", "for", "found"):
        table.add_column(title)
    missing: list[Finding] = []
    for finding in findings():
        if finding.found is None:
            missing.append(finding)
        mark = "[red]-[/]" if finding.found is None else "[green]+[/]"
        table.add_row(mark, finding.name, finding.purpose, finding.found or "not found")
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    console.print(table)
    for finding in missing:
        console.print(f"\n{finding.name}: {finding.advice}", markup=False)
