"""Compiled libraries on disk, by content: atomic writes, checked reads, private folder as a last resort.

An entry is the library with a trailer (a mark, and the SHA-256 of the entry's key and of what precedes the
mark), which loaders ignore. One file, so that ``os.replace`` makes it appear whole or not at all; an entry
that is truncated, altered or under another's name is seen before it is loaded and is built again.

Libraries are code that runs as the user: a folder that somebody else owns or can write is not used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tracealloc.trace.diagnostics.source import warn

__all__ = ["cache_folder", "digest", "keep_source", "lookup", "scratch", "store", "temporary", "trusted"]
__all__ += ["writable_folder"]

_MARK = b"\ntracealloc:"
_lock = threading.Lock()
_private: Path | None = None
_warned: set[Path] = set()
_DAY = 86_400  # seconds after which a temporary file is nobody's, whichever machine made it


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
    """The cache folder if it is the user's and files can be made there, else a folder of this process.

    The latter with one warning. What killed processes have left in the folder is removed.
    """
    folder = cache_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = _unfit(folder)
        if reason is None and not os.access(folder, os.W_OK | os.X_OK):
            reason = "it is not writable"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason is not None:
        return _private_folder(folder, reason)
    _sweep(folder)
    return folder


def trusted(folder: Path) -> bool:
    """Whether what is found in a folder may be loaded."""
    try:
        return _unfit(folder) is None
    except OSError:
        return False


def _unfit(folder: Path) -> str | None:
    """Why libraries of a folder must not, or cannot, be loaded."""
    found = folder.stat()
    if hasattr(os, "geteuid"):
        if found.st_uid != os.geteuid():
            return "another user owns it"
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "other users can write to it: chmod go-w makes it yours alone"
    # On a file system that is mounted noexec libraries cannot be loaded.
    try:
        noexec = bool(os.statvfs(folder).f_flag & os.ST_NOEXEC)
    except (OSError, AttributeError):  # AttributeError: no such flag on this system
        noexec = False
    return "no code may be run from it (noexec)" if noexec else None


def _private_folder(folder: Path, reason: str) -> Path:
    global _private
    with _lock:
        if _private is None or not _private.exists():
            import atexit
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
    """The library of `key`, if it is in the cache, whole, and that of no other key."""
    for folder in (cache_folder(), _private):
        if folder is None or not trusted(folder):
            continue
        path = folder / f"{key}.so"
        try:
            data = path.read_bytes()
        except OSError:
            continue
        at = len(data) - len(_MARK) - 32
        if at > 0 and data[at:-32] == _MARK and _seal(key, data[:at]) == data[-32:]:
            return path
    return None


def _seal(key: str, data: bytes) -> bytes:
    state = hashlib.sha256(key.encode())
    state.update(data)
    return state.digest()


def temporary(folder: Path, suffix: str) -> Path:
    """A file name that no other thread or process uses."""
    made = f"tmp-{_host()}-{os.getpid()}-{threading.get_ident()}-{os.urandom(4).hex()}{suffix}"
    return folder / made


@cache
def _host() -> str:
    name = os.uname().nodename if hasattr(os, "uname") else ""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the time of a compilation; should the process be killed, a later one removes it."""
    folder = temporary(writable_folder(), ".dir")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove temporary files whose process has ended, also those of compilers' headers."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    found = [folder / name for name in names if name.startswith("tmp-")]
    found += [path for name in names if name.startswith("prefix-") for path in (folder / name).glob("tmp-*")]
    for path in found:
        try:
            if not _in_use(path):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        except OSError:
            continue  # another process removes it, too


def _in_use(path: Path) -> bool:
    """Whether the process that made a temporary file may still run."""
    if time.time() - path.lstat().st_mtime > _DAY:
        return False
    parts = path.name.split("-")
    if len(parts) < 4 or parts[1] != _host() or not parts[2].isdigit():
        return True
    try:
        os.kill(int(parts[2]), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def store(key: str, built: Path) -> Path:
    """Move a compiled library, in the folder that it is to stay in, to its place; the path."""
    with built.open("r+b") as file:
        data = file.read()
        file.write(_MARK + _seal(key, data))
    target = built.parent / f"{key}.so"
    if target.is_dir():  # no entry
        shutil.rmtree(target)
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
