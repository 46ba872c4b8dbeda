"""Programs that were built before, found by their trace alone: no analysis, no emission, no compiler.

An entry says which library of the cache belongs to a traced program. Its key holds everything that the
library depends on: the program, this package's own files, and the processor. A library is only remembered
once its program was proved and built, so finding it also says that the proofs held.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tracealloc.emit.common.parameters import kept
from tracealloc.emit.run import disk_cache as disk
from tracealloc.emit.run.compiler import cpu_identity
from tracealloc.emit.run.runtime import CModule
from tracealloc.trace.diagnostics.errors import BuildError
from tracealloc.trace.ir.program import Program
from tracealloc.trace.queries.summary import summary_of

__all__ = ["key_of", "recall", "remember"]


@cache
def _package() -> str:
    """What tells one state of this package's files from another."""
    root = Path(__file__).resolve().parents[2]
    stats = (
        (path.relative_to(root).as_posix(), (stat := path.stat()).st_mtime_ns, stat.st_size)
        for path in sorted((*root.rglob("*.py"), *root.glob("emit/data/*")))
    )
    return hashlib.sha256(repr(list(stats)).encode()).hexdigest()


def key_of(program: Program) -> str:
    """What tells the library of a traced program from others."""
    text = hashlib.sha256(pickle.dumps(program, protocol=5)).hexdigest()
    return disk.digest("program", text, _package(), cpu_identity())


def recall(
    program: Program, key: str, source: Callable[[], str], compiled: Callable[[], Program]
) -> CModule | None:
    """The module of a traced program that was built before, if its library is still whole.

    `source` makes the C text when somebody asks for it, `compiled` the program that it is the text of.
    """
    folder = disk.cache_folder()
    if not disk.trusted(folder):
        return None
    try:
        entry = (folder / f"{key}.link").read_text(encoding="ascii")
        name, fails, seal = entry.split()
    except (OSError, ValueError):
        return None
    if seal != disk.digest(key, name, fails):
        return None  # another's, or not whole
    library = disk.lookup(name)
    if library is None:
        return None
    try:
        module = CModule(program, source, library, fails=fails == "fails")
    except BuildError:
        return None
    module.signature.compiled = compiled
    return module


def _touched(program: Program) -> list[tuple[bool, bool]]:
    """Which arguments are read, and which are written."""
    found = summary_of(program)
    return [(array in found.reads, array in found.writes) for array in program.args]


def remember(program: Program, key: str, module: CModule) -> None:
    """Note which library belongs to a traced program (nothing where the cache cannot be written)."""
    folder = disk.cache_folder()
    if module.library.parent != folder or kept(program):
        return  # arrays that live across calls are passed in an order that scheduling may change
    if _touched(program) != _touched(module.program):
        return  # arguments are checked as what is compiled uses them: not where no iteration does
    part = disk.temporary(folder, ".link")
    try:
        name, fails = module.library.stem, "fails" if module.fails else "never"
        part.write_text(f"{name} {fails} {disk.digest(key, name, fails)}", encoding="ascii")
        part.replace(folder / f"{key}.link")
    except OSError:
        part.unlink(missing_ok=True)
