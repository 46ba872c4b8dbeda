"""Compiled libraries on disk, by content: atomic writes, checked reads, private folder as a last resort.

An entry is the library with a trailer (a mark and the SHA-256 of what precedes it), which loaders ignore.
One file, so that ``os.replace`` makes it appear whole or not at all; a truncated or altered entry is seen
before it is loaded and is built again.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from tracealloc.trace.source import warn

__all__ = ["cache_folder", "digest", "keep_source", "lookup", "store", "writable_folder"]

_MARK = b"\ntracealloc:"
_lock = threading.Lock()
_private: Path | None = None
_warned: set[Path] = set()


def digest(*parts: str) -> str:
    """A name for content: 40 hexadecimal digits."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()[:40]


def cache_folder() -> Path:
    """``$TRACEALLOC_CACHE``, else ``$XDG_CACHE_HOME/tracealloc``, else ``~/.cache/tracealloc``."""
    named = os.environ.get("TRACEALLOC_CACHE")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "tracealloc"
    try:
        return Path.home() / ".cache" / "tracealloc"
    except RuntimeError:  # no home folder: found out where it is used
        return Path("/nonexistent/tracealloc")


def writable_folder() -> Path:
    """The cache folder if files can be made there, else a folder of this process (with one warning)."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK) and not _forbids_code(folder):
            return folder
        reason = "no code may be run from it (noexec)" if _forbids_code(folder) else "it is not writable"
    except OSError as error:
        reason = error.strerror or str(error)
    return _private_folder(folder, reason)


def _forbids_code(folder: Path) -> bool:
    """Whether the folder's file system is mounted ``noexec``: libraries in it cannot be loaded."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_NOEXEC)
    except (OSError, AttributeError):  # AttributeError: no such flag on this system
        return False


def _private_folder(folder: Path, reason: str) -> Path:
    global _private
    with _lock:
        if _private is None or not _private.exists():
            import atexit
            import shutil
            import tempfile

            _private = Path(tempfile.mkdtemp(prefix="tracealloc-"))
            atexit.register(shutil.rmtree, _private, ignore_errors=True)
        first = folder not in _warned
        _warned.add(folder)
    if first:
        warn(
            f"the cache folder {str(folder)!r} cannot be used ({reason}): compiled kernels are kept for this "
            "process only; set TRACEALLOC_CACHE to a folder that can be written"
        )
    return _private


def lookup(key: str) -> Path | None:
    """The library of `key`, if it is in the cache and whole."""
    for folder in (cache_folder(), _private):
        if folder is None:
            continue
        path = folder / f"{key}.so"
        try:
            data = path.read_bytes()
        except OSError:
            continue
        at = len(data) - len(_MARK) - 32
        if _forbids_code(folder):
            continue
        if at > 0 and data[at:-32] == _MARK and hashlib.sha256(data[:at]).digest() == data[-32:]:
            return path
    return None


def temporary(folder: Path, suffix: str) -> Path:
    """A file name that no other thread or process uses."""
    return folder / f"tmp-{os.getpid()}-{threading.get_ident()}-{os.urandom(4).hex()}{suffix}"


def store(key: str, built: Path) -> Path:
    """Move a compiled library, in the folder that it is to stay in, to its place; the path."""
    with built.open("r+b") as file:
        data = file.read()
        file.write(_MARK + hashlib.sha256(data).digest())
    target = built.parent / f"{key}.so"
    built.replace(target)
    return target


def keep_source(key: str, source: str) -> Path:
    """Write a text that did not compile where the user can look at it."""
    folder = writable_folder()
    path = folder / f"{key}.c"
    part = temporary(folder, ".c")
    part.write_text(source, encoding="utf-8")
    part.replace(path)
    return path
