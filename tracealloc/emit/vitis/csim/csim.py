"""C simulation: the emitted HLS C++ compiled with g++ and AMD's headers, callable on NumPy arrays."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracealloc.emit.common.access_checks import FAULT_SHIFT, Check, outside_error
from tracealloc.emit.run import disk_cache as disk
from tracealloc.emit.run.compiler import Compiler
from tracealloc.emit.run.marshal import Signature
from tracealloc.emit.run.stuck import stuck_text
from tracealloc.emit.vitis.csim.ap_headers import ap_types_folder
from tracealloc.emit.vitis.csim.csim_wrapper import FAULT, LEFT, STUCK, csim_entry, wrapper_source
from tracealloc.emit.vitis.text.frames import template_text
from tracealloc.emit.vitis.text.module import MOST_BITS, VitisText, simulated, word_limit
from tracealloc.emit.vitis.text.processes import NETWORK_HEADER
from tracealloc.trace.diagnostics.errors import BuildError, TraceallocError
from tracealloc.trace.diagnostics.source import caller_place
from tracealloc.trace.ir.program import Requirement, keeps_state
from tracealloc.trace.queries.requirements import unmet

if TYPE_CHECKING:
    from tracealloc.trace.ir.program import Program

__all__ = ["CSimModule", "FLAGS", "SIM_HEADERS", "build_csim", "compile_unit", "find_cxx"]

# -fwrapv: the emitted text relies on it. -ffp-contract=off: no fused operations, as everywhere.
# -DNDEBUG: an assertion in AMD's headers would end the process; their errors: see _PREFIX_TEXT.
_SEMANTICS = ("-std=c++17", "-fwrapv", "-ffp-contract=off", "-DNDEBUG")
FLAGS = (*_SEMANTICS, "-O1", "-fPIC", "-fvisibility=hidden", "-shared", "-pipe", "-w", "-pthread")
SIM_HEADERS = ("hls_stream.h", "hls_half.h")
_PREFIX = "ta_prefix.h"
_PREFIX_TEXT = """\
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#define __AP_INT_H__
#include "ap_common.h"
#undef __AP_INT_H__
// What ends the process in AMD's headers is an exception here.
#undef _AP_ERROR
#define _AP_ERROR(cond, ...)                                \
  do {                                                      \
    if (cond) {                                             \
      char text[400];                                       \
      snprintf(text, sizeof text, "ap types: " __VA_ARGS__); \
      throw std::runtime_error(text);                       \
    }                                                       \
  } while (0)
#include "ap_int.h"
#include "ap_fixed.h"
#include "hls_stream.h"
"""
_prefix_lock = threading.Lock()


class SimulationError(TraceallocError, RuntimeError):
    """The simulated kernel did something that would hang in hardware."""


class CSimModule:
    """A kernel's HLS C++ in simulation, callable on NumPy arrays like the C build.

    Attributes:
        program: what was compiled.
        source: its HLS C++ text.
        library: the path of the shared library.

    Args:
        checks: the accesses that the library checks.
    """

    def __init__(self, text: VitisText, library: Path, checks: Sequence[Check | Requirement] = ()) -> None:
        self.program = text.program
        self.source = text.source
        self.header = text.header
        self.library = library
        self.signature = Signature(text.program)
        self._text, self._checks = text, checks
        self._load()

    def _load(self) -> None:
        """Load the library, with states as they are at first."""
        text = self._text
        try:
            self._dll = _loaded(text.program, self.library)
            function = getattr(self._dll, csim_entry(text))
            message = getattr(self._dll, f"{csim_entry(text)}_message")
        except (OSError, AttributeError) as error:
            raise BuildError(
                "TA803",
                f"the compiled simulation of {text.program.name} cannot be loaded: {error}",
                hint=f"remove {str(self.library)!r} and build again",
            ) from error
        message.restype = ctypes.c_char_p
        self._call = self.signature.caller(_Checked(text.program, function, message, self._checks))

    def reset(self) -> None:
        """Set what the kernel keeps between calls (`ta.state`) back to its first content."""
        if keeps_state(self.program):
            self._load()

    def __reduce__(self) -> tuple[Any, ...]:
        return _built_again, (self._text,)  # made again where it arrives

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the kernel in simulation; a call that fails leaves arrays and queues as they were.

        Raises:
            ArgumentError: an argument does not fit.
            BoundsError: an access that depends on data would leave its array.
            SimulationError: a stream was read while it was empty, or kept elements that nothing read; or the
                processes of a network wait for one another.
        """
        try:
            return self._call(args, kwargs)
        except _Unmet as error:
            requirement = error.requirement
        raise unmet(self.program, requirement, self.signature.bind(args, kwargs))

    def __repr__(self) -> str:
        return f"<CSimModule {self.signature}>"


def _loaded(program: Program, library: Path) -> ctypes.CDLL:
    """The library; a copy of its own where the kernel keeps a state between calls."""
    if not keeps_state(program):
        return ctypes.CDLL(os.fspath(library))
    import shutil

    copy = disk.temporary(disk.writable_folder(), ".so")
    try:
        shutil.copyfile(library, copy)
        return ctypes.CDLL(os.fspath(copy))
    finally:
        copy.unlink(missing_ok=True)


def _built_again(text: VitisText) -> CSimModule:
    return build_csim(text)


class _Unmet(Exception):
    """A function found that it requires other sizes."""

    def __init__(self, requirement: Requirement) -> None:
        super().__init__(requirement.text)
        self.requirement = requirement


class _Checked:
    """The wrapper's function; a fault that it reports becomes an exception."""

    _parts: tuple[Program, Any, Any, Sequence[Check | Requirement]]

    def __init__(
        self, program: Program, function: Any, message: Any, checks: Sequence[Check | Requirement]
    ) -> None:
        object.__setattr__(self, "_parts", (program, function, message, checks))

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._parts[1], name, value)

    def __call__(self, *args: Any) -> int:
        program, function, message, checks = self._parts
        name = program.name
        status: int = function(*args)
        if status >> FAULT_SHIFT:
            check = checks[(status >> FAULT_SHIFT) - 1]
            if isinstance(check, Requirement):
                raise _Unmet(check)
            raise outside_error(name, check, "the hardware would read or write another address there")
        said = (message() or b"").decode("utf-8", "replace") if status else ""
        if status in (STUCK, LEFT):
            raise _network_error(program, status, said)
        if status == FAULT:
            raise SimulationError(
                "TA805",
                f"C simulation of {name}: {said}",
                place=caller_place(),
                hint="each stream must be read as often as it is written, and after that",
            )
        return status


def _network_error(program: Program, status: int, said: str) -> SimulationError:
    """What is told of a network that cannot go on, or that left elements in a queue."""
    if status == LEFT:
        summary, hint = f"C simulation of {program.name}: {said}", "take as many elements as are put"
        return SimulationError("TA809", summary, place=caller_place(), hint=hint)
    because, hint = stuck_text(program, said, "")
    summary = f"C simulation of {program.name}: the processes wait for one another"
    return SimulationError("TA808", summary, place=caller_place(), because=because, hint=hint)


def build_csim(text: VitisText, *, cache: bool = True) -> CSimModule:
    """Compile a program's HLS C++ for simulation.

    Raises:
        BuildError: g++ or AMD's headers are missing, or the compiler refuses the text.
    """
    checked = simulated(text)
    wrapper = wrapper_source(checked)
    files = {
        f"{text.base}.cpp": checked.source,
        f"{text.base}.h": checked.header,
        **checked.others,
        **{name: template_text(name) for name in ("tracealloc_memory.h", "tracealloc_sim.h", NETWORK_HEADER)},
    }
    library = compile_unit(wrapper, files, ap_types=checked.has_ap_types, wide=checked.wide, cache=cache)
    return CSimModule(text, library, checked.checks)


def find_cxx() -> Compiler:
    """The C++ compiler: ``$CXX``, else g++, else clang++.

    Raises:
        BuildError: there is none.
    """
    import shlex
    import shutil

    from tracealloc.emit.run.compiler import compiler_identity

    wanted = os.environ.get("CXX", "").strip()
    for name in [wanted] if wanted else ["g++", "c++", "clang++"]:
        command = shlex.split(name)
        found = shutil.which(command[0])
        if found is not None:
            return Compiler((found, *command[1:]), compiler_identity(found))
    because = [f"CXX is {wanted!r}"] if wanted else ["searched PATH for g++, c++, clang++", "CXX is not set"]
    raise BuildError(
        "TA812",
        "no C++ compiler was found",
        because=because,
        hint="install one (Debian, Ubuntu: apt install g++), or set CXX to a compiler",
    )


def compile_unit(unit: str, files: dict[str, str], *, ap_types: bool, wide: int, cache: bool = True) -> Path:
    """The shared library of a translation unit that includes `files`; from the cache where it is there.

    `ap_types`: it includes AMD's headers; `wide` is the widest type of theirs, in bits.
    """
    compiler = find_cxx()
    headers = [template_text(name) for name in SIM_HEADERS]
    everything = "\n".join([unit, *(f"{name}\n{text}" for name, text in sorted(files.items()))])
    folder = ap_types_folder() if ap_types else None
    key = disk.digest(
        everything, *headers, "\0".join(FLAGS), "\0".join(compiler.command), compiler.identity, str(folder)
    )
    found = disk.lookup(key) if cache else None
    if found is not None:
        return found
    target = disk.writable_folder()
    built = disk.temporary(target, ".so")
    said = _compile(compiler, unit, files, folder, wide, built)
    if said is not None:
        built.unlink(missing_ok=True)
        kept = disk.keep_source(key, everything)
        raise BuildError(
            "TA813",
            f"{compiler.command[0]} did not compile the HLS C++",
            because=[said, f"the text is kept in {str(kept)!r}"],
            hint="this is a fault of tracealloc unless the compiler is very old: please report it",
        )
    return disk.store(key if cache else f"{key}-{os.urandom(4).hex()}", built)


def _compile(
    compiler: Compiler, unit: str, files: dict[str, str], folder: Path | None, wide: int, target: Path
) -> str | None:
    """Run the compiler; None, or what it said when it failed."""
    with disk.scratch() as work:
        for file, text in files.items():
            (work / file).write_text(text, encoding="utf-8")
        sim = work / "sim"  # the only folder that a header of the system looks into
        sim.mkdir()
        for header in SIM_HEADERS:
            (sim / header).write_text(template_text(header), encoding="utf-8")
        (work / "ta_unit.cpp").write_text(unit, encoding="utf-8")
        command = [*compiler.command, *FLAGS]
        if folder is not None:
            prefix = _precompiled(compiler, folder) if wide <= MOST_BITS else None
            if prefix is None:
                prefix = work / _PREFIX
                prefix.write_text(_PREFIX_TEXT, encoding="utf-8")
            if wide > MOST_BITS:
                command.append(f"-DAP_INT_MAX_W={word_limit(wide)}")
            command += ["-include", str(prefix)]
        command += [f"-I{sim}", *([f"-I{folder}"] if folder is not None else [])]
        return _run([*command, str(work / "ta_unit.cpp"), "-o", str(target)], target)


def _precompiled(compiler: Compiler, folder: Path) -> Path | None:
    """AMD's headers, compiled once and kept in the cache (they take seconds to read otherwise)."""
    key = disk.digest(
        _PREFIX_TEXT,
        template_text("hls_stream.h"),
        "\0".join(FLAGS),
        "\0".join(compiler.command),
        compiler.identity,
        str(folder),
        str((folder / "ap_int.h").stat().st_mtime_ns),
    )
    home = disk.writable_folder() / f"prefix-{key}"
    header, made, seal = home / _PREFIX, home / f"{_PREFIX}.gch", home / "key"
    with _prefix_lock:
        try:
            if seal.read_text(encoding="ascii") == f"{key} {made.stat().st_size}":
                return header
        except OSError:
            pass  # not there, or not whole
        try:
            home.mkdir(exist_ok=True)
            (home / "hls_stream.h").write_text(template_text("hls_stream.h"), encoding="utf-8")
            header.write_text(_PREFIX_TEXT, encoding="utf-8")
            part = disk.temporary(home, ".gch")
            flags = [flag for flag in FLAGS if flag != "-shared"]
            include = [f"-I{home}", f"-I{folder}"]
            command = [*compiler.command, *flags, "-x", "c++-header", str(header), *include, "-o", str(part)]
            said = _run(command, part)
            if said is not None:
                return None
            part.replace(made)
            seal.write_text(f"{key} {made.stat().st_size}", encoding="ascii")
        except OSError:
            return None
    return header


def _run(command: list[str], target: Path) -> str | None:
    import subprocess

    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0 and target.exists():
        return None
    said = done.stdout.decode("utf-8", "replace").strip()
    return said[:4000] or f"it ended with status {done.returncode} and said nothing"
