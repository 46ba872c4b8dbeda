"""From a program to a callable: text, shared library (from the cache or the compiler), loaded function."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracealloc.emit.c.coroutines import WAITS
from tracealloc.emit.c.plan.storage import can_fail
from tracealloc.emit.c.plan.threads import after_fork, starts_threads
from tracealloc.emit.common.names import entry_name
from tracealloc.emit.run import disk_cache as disk
from tracealloc.emit.run.compiler import OPENMP, Compiler, c_flags, compile_c, cpu_identity, find_compiler
from tracealloc.emit.run.marshal import Signature
from tracealloc.trace.diagnostics.errors import BuildError
from tracealloc.trace.diagnostics.source import warn
from tracealloc.trace.network.cut import networked

if TYPE_CHECKING:
    from tracealloc.trace.ir.program import Program

__all__ = ["CModule", "LateModule", "build_c", "library_of", "load_module"]

_NO_OPENMP = "TA806"
_building: dict[str, threading.Lock] = {}
_building_lock = threading.Lock()


class CModule:
    """A compiled program, callable on NumPy arrays.

    Attributes:
        program: what was compiled.
        library: the path of the shared library.
        fails: whether the function returns a status.
    """

    def __init__(
        self,
        program: Program,
        source: str | Callable[[], str],
        library: Path,
        fails: bool | None = None,
    ) -> None:
        self.program = program
        self._source = source
        self.library = library
        self.fails = can_fail(program, top=True) if fails is None else fails
        self.signature = Signature(program)
        try:
            self._dll = ctypes.CDLL(os.fspath(library))
            function = getattr(self._dll, entry_name(program))
        except (OSError, AttributeError) as error:
            raise BuildError(
                "TA803",
                f"the compiled library of {program.name} cannot be loaded: {error}",
                hint=f"remove {str(library)!r} and call again",
            ) from error
        self._function = function
        self.signature.report = self._report
        self._through = after_fork if starts_threads(program) else None
        self._call = self.signature.caller(function, fails=self.fails, through=self._through)

    @property
    def source(self) -> str:
        """The C text."""
        if not isinstance(self._source, str):
            self._source = self._source()
        return self._source

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the kernel. Arrays are passed without copies; results are new arrays, or the argument itself.

        Raises:
            ArgumentError: an argument does not fit; nothing has run.
            MemoryError: a local array could not be allocated.
        """
        return self._call(args, kwargs)

    def reset(self) -> None:
        """Set what the kernel keeps between calls (`ta.state`) back to its first content."""
        self.signature.reset()

    def __reduce__(self) -> tuple[Any, ...]:
        return build_c, (self.signature.compiled(),)  # made again where it arrives

    def exact(self, *args: Any) -> Any:
        """Run the kernel; fixed point comes out as fractions, and state is at its first content."""
        signature = Signature(self.program, exact=True)
        signature.report = self._report
        return signature.caller(self._function, fails=self.fails, through=self._through)(args, {})

    def _report(self) -> tuple[str, str]:
        """What a network wrote down of processes that did not end, and the text whose lines it names."""
        if not hasattr(self._dll, WAITS):
            return "", ""
        waits = self._dll[WAITS]
        waits.restype = ctypes.c_char_p
        return waits().decode(errors="replace"), self.source

    def __repr__(self) -> str:
        return f"<CModule {self.signature}>"


class LateModule:
    """A `CModule` that is made when it is first called."""

    def __init__(self, make: Callable[[], CModule]) -> None:
        self._make, self._made = make, functools.cache(make)

    def __reduce__(self) -> tuple[Any, ...]:
        return LateModule, (self._make,)

    def __call__(self, *args: Any) -> Any:
        return self._made()(*args)

    def exact(self, *args: Any) -> Any:
        """See `CModule.exact`."""
        return self._made().exact(*args)


def build_c(program: Program, *, cache: bool = True) -> CModule:
    """Compile a program to a callable; with `cache`, a library that was built before is used again.

    Raises:
        BuildError: there is no compiler, or it refuses the text.
    """
    from tracealloc.emit.c.function import c_source  # a program in the cache of loaded ones needs no emitter

    program = networked(program)
    source = c_source(program)
    return load_module(program, source, library_of(source, cache=cache))


def load_module(program: Program, source: str, library: Path) -> CModule:
    """The callable of a program whose library exists already."""
    return CModule(program, source, library)


def library_of(source: str, *, cache: bool = True) -> Path:
    """The shared library of a C text: found in the cache, or compiled.

    Where the compiler has no OpenMP the library is made without, and a warning says so.

    Raises:
        BuildError: there is no compiler, or it refuses the text.
    """
    compiler, flags = find_compiler(), c_flags(source)
    try:
        return _library(source, compiler, flags, cache)
    except BuildError as error:
        if OPENMP not in flags:
            raise
        rest = tuple(flag for flag in flags if flag != OPENMP)
        try:
            found = _library(source, compiler, rest, cache)
        except BuildError:
            raise error from None
        warn(
            f"{_NO_OPENMP} {compiler.command[0]} has no OpenMP: parallel loops run on one thread; "
            "install it (Debian, Ubuntu: apt install libgomp1 or libomp-dev), or set CC to another compiler",
        )
        return found


def _library(source: str, compiler: Compiler, flags: tuple[str, ...], cache: bool) -> Path:
    key = disk.digest(
        source, "\0".join(flags), "\0".join(compiler.command), compiler.identity, cpu_identity()
    )
    with _building_lock:
        lock = _building.setdefault(key, threading.Lock())
    with lock:
        found = disk.lookup(key) if cache else None
        if found is not None:
            return found
        folder = disk.writable_folder()
        built = disk.temporary(folder, ".so")
        try:
            said = compile_c(compiler, flags, source, built)
            if said is not None:
                kept = disk.keep_source(key, source)
                raise BuildError(
                    "TA802",
                    f"{compiler.command[0]} did not compile the C text",
                    because=[said, f"the text is kept in {str(kept)!r}"],
                    hint="this is a fault of tracealloc unless the compiler is very old: please report it",
                )
            return disk.store(key if cache else f"{key}-{os.urandom(4).hex()}", built)
        finally:
            built.unlink(missing_ok=True)
