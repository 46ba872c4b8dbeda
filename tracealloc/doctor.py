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

from tracealloc.emit.common.target import targets
from tracealloc.emit.run.compiler import find_compiler
from tracealloc.emit.run.disk_cache import cache_folder
from tracealloc.trace.diagnostics.errors import BuildError

__all__ = ["Finding", "findings", "report"]

PACKAGES = ["numpy", "sympy", "networkx", "islpy", "jinja2", "ml_dtypes", "greenlet", "rich", "click"]


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
    command = _c_compiler()
    yield Finding("C compiler", "running kernels", _described(command), "install gcc: apt-get install gcc")
    yield Finding("OpenMP", "parallel loops", _openmp(command), "install libgomp (gcc) or libomp (clang)")
    yield Finding("C++ compiler", "csim", _described(_cxx_compiler()), "install g++: apt-get install g++")
    yield Finding("AMD's open headers", "csim", _headers(), "pip install 'tracealloc[csim]'")
    for target in targets().values():
        for tool in target.tools:
            yield Finding(tool.command, tool.purpose, shutil.which(tool.command), tool.advice)
    yield _cache()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _c_compiler() -> tuple[str, ...]:
    """The command of the C compiler that kernels are compiled with; empty where there is none."""
    try:
        return find_compiler().command
    except BuildError:
        return ()


def _described(command: tuple[str, ...]) -> str | None:
    """The first line that a compiler says of its version."""
    if not command:
        return None
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    lines = done.stdout.splitlines()
    return lines[0] if lines else command[0]


def _cxx_compiler() -> tuple[str, ...]:
    chosen = os.environ.get("CXX") or "g++"
    found = shutil.which(chosen) or shutil.which("c++")
    return (found,) if found else ()


def _openmp(command: tuple[str, ...]) -> str | None:
    """Whether the C compiler builds a program with ``-fopenmp``."""
    if not command:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "omp.c"
        source.write_text("#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n")
        words = [*command, "-fopenmp", str(source), "-o", str(Path(folder) / "omp")]
        return "yes" if subprocess.run(words, capture_output=True, check=False).returncode == 0 else None


def _headers() -> str | None:
    """The version of the wheel whose ``ap_types`` headers csim uses, or None."""
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        return None
    header = Path(spec.origin).parent / "templates" / "vivado" / "ap_types" / "ap_int.h"
    return f"hls4ml {_version('hls4ml')}" if header.is_file() else None


def _cache() -> Finding:
    """The folder of compiled kernels, if it can be written."""
    folder = cache_folder()
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    advice = f"{folder} cannot be written: set TRACEALLOC_CACHE to a folder that can"
    return Finding("compile cache", "fast first calls", str(folder) if writable else None, advice)


def report() -> None:
    """Print the findings as a table, then what to do about what is missing."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("", "what", "for", "found"):
        table.add_column(title, no_wrap=True)
    missing: dict[str, list[str]] = {}
    for finding in findings():
        mark = "[green]+[/]"
        if finding.found is None:
            missing.setdefault(finding.advice, []).append(finding.name)
            mark = "[red]-[/]"
        table.add_row(mark, finding.name, finding.purpose, finding.found or "not found")
    Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(table)
    for advice, names in missing.items():
        print(f"\nwithout {', '.join(names)}: {advice}")
