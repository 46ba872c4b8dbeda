"""The system's C compiler: finding it, its flags, running it."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tracealloc.trace.diagnostics.errors import BuildError

__all__ = ["OPENMP", "Compiler", "c_flags", "compile_c", "compiler_identity", "cpu_identity", "find_compiler"]

CANDIDATES = ("gcc", "cc", "clang")
_BASE_FLAGS = (
    "-O3",
    "-march=native",
    "-std=gnu11",
    "-fwrapv",
    "-ffp-contract=off",
    "-fno-math-errno",
    # gcc 12 moves loads over stores when it cuts a loop with another loop inside in two (tests/fuzz).
    "-fno-tree-loop-distribution",
    "-fPIC",
    "-shared",
    "-pipe",
    "-w",
    "-Werror=implicit-function-declaration",
)

# gcc 12 loses the rounding of (double)(float)x once it has made vectors of it: passes that fold
# conversions (forward propagation, constant propagation, ...) take the two for none.
ROUNDING_FLAGS = ("-fno-tree-forwprop", "-fno-tree-vectorize")
OPENMP = "-fopenmp"


@dataclass(frozen=True, slots=True)
class Compiler:
    """A compiler: the command, and what tells it from another without running it."""

    command: tuple[str, ...]
    identity: str


def find_compiler(language: str = "C") -> Compiler:
    """The compiler that ``CC`` names, else the first of gcc, cc and clang on ``PATH``.

    Raises:
        BuildError: there is none.
    """
    return _find(os.environ.get("CC", "").strip(), os.environ.get("PATH", os.defpath), language)


@cache
def _find(wanted: str, path: str, language: str) -> Compiler:
    if wanted:
        import shlex

        command = tuple(shlex.split(wanted))
        found = _which(command[0], path)
        if found is None:
            raise BuildError(
                "TA801",
                f"the {language} compiler that the environment variable CC names, {wanted!r}, was not found",
                because=[f"no executable file {command[0]!r}" + ("" if "/" in command[0] else " on PATH")],
                hint="correct CC, or unset it to use gcc, cc or clang from PATH",
            )
        return Compiler((found, *command[1:]), compiler_identity(found))
    for name in CANDIDATES:
        found = _which(name, path)
        if found is not None:
            return Compiler((found,), compiler_identity(found))
    raise BuildError(
        "TA801",
        f"no {language} compiler was found",
        because=[f"searched PATH for {', '.join(CANDIDATES)}", f"PATH is {path!r}", "CC is not set"],
        hint="install one (Debian, Ubuntu: apt install gcc; Fedora: dnf install gcc; macOS: "
        "xcode-select --install), or set CC to a compiler",
    )


def _which(name: str, path: str) -> str | None:
    if "/" in name:
        return name if os.access(name, os.X_OK) and not Path(name).is_dir() else None
    for folder in path.split(os.pathsep):
        candidate = f"{folder or '.'}/{name}"
        if os.access(candidate, os.X_OK) and not Path(candidate).is_dir():
            return candidate
    return None


def compiler_identity(path: str) -> str:
    """What tells one state of a compiler from another: its real path, time and size."""
    real = Path(path).resolve()
    status = real.stat()
    return f"{real}:{status.st_mtime_ns}:{status.st_size}"


@cache
def cpu_identity() -> str:
    """What ``-march=native`` depends on."""
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as file:
            first = file.read(8192).split("\n\n", 1)[0]
    except OSError:
        return platform.processor() or platform.machine()
    keep = ("vendor_id", "cpu family", "model\t", "model name", "flags", "Features", "CPU part")
    return "\n".join(line for line in first.splitlines() if line.startswith(keep))


def c_flags(source: str) -> tuple[str, ...]:
    """The flags for a text: OpenMP only where the text has its pragmas, caution where it rounds."""
    flags: tuple[str, ...] = _BASE_FLAGS
    if ("(float)" in source and "(double)" in source) or "(_Float16)" in source:
        flags = (*flags, *ROUNDING_FLAGS)
    if "#pragma omp parallel" in source:
        return (*flags, OPENMP)
    if "#pragma omp simd" in source:
        return (*flags, "-fopenmp-simd")
    return flags


def compile_c(compiler: Compiler, flags: tuple[str, ...], source: str, target: Path) -> str | None:
    """Compile `source` to a shared library at `target`; None, or what the compiler said when it failed.

    Raises:
        BuildError: the compiler cannot be started.
    """
    import subprocess

    command = [*compiler.command, *flags, "-x", "c", "-", "-o", str(target), "-lm"]
    try:
        done = subprocess.run(
            command, input=source.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError as error:
        raise BuildError(
            "TA801",
            f"the compiler {compiler.command[0]!r} cannot be run: {error.strerror or error}",
            hint="set CC to another compiler",
        ) from error
    if done.returncode == 0 and target.exists():
        return None
    said = done.stdout.decode(sys.getdefaultencoding(), "replace").strip()
    if done.returncode < 0:
        said = f"{said}\nit was ended by signal {-done.returncode}".strip()
    return said or f"it ended with status {done.returncode} and said nothing"
