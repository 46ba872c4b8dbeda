"""State outside Python that a body changes: files that it reads and writes, the system's random numbers.

No object holds it, so what a run of the body does is listened to, and only where its code names something
that leads there: files by an audit hook, which stays but hears nothing else; random numbers by a profile
function, which goes with the trace.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tracealloc.trace.record.mutable_places import Space
from tracealloc.trace.record.recorder import active

__all__ = ["DRAWS", "OPENS", "Draws", "Files"]

# Names that lead to files, and to random numbers that no generator in Python holds.
_OPENS = """
    open fdopen read_text write_text read_bytes write_bytes save savez savetxt tofile load loadtxt fromfile
    memmap genfromtxt mkdir makedirs listdir iterdir scandir glob remove unlink rename
"""
_DRAWS = """
    urandom getrandom secrets token_bytes token_hex token_urlsafe randbelow randbits SystemRandom
    uuid uuid1 uuid4
"""
OPENS, DRAWS = frozenset(_OPENS.split()), frozenset(_DRAWS.split())
_LARGEST = 1 << 24  # bytes of a file that are read; of a larger one size and time are compared
_LOCAL = threading.local()
_HOOKED = threading.Lock()
_DIRECTORY = ("os.listdir", "os.scandir")
_ENTRIES = ("os.mkdir", "os.remove", "os.rmdir", "os.rename")


class _Listener(Space):
    """What a body did since the last look; a label that says what to."""

    sealed = True
    kind = ""

    def __init__(self) -> None:
        self.found: set[str] = set()
        listening: weakref.WeakSet[Any] | None = getattr(_LOCAL, self.kind, None)
        if listening is None:
            listening = weakref.WeakSet()
            setattr(_LOCAL, self.kind, listening)
        listening.add(self)
        super().__init__("", self)

    def read(self) -> dict[Any, Any]:
        self.look()
        self.label = next(iter(sorted(self.found)), "")
        return {"state": frozenset(self.found)}

    def look(self) -> None:
        """Bring `found` up to date."""

    def name(self, key: Any) -> str:
        return self.label

    def restore(self) -> bool:
        return bool(self.read() == self.first)


class Files(_Listener):
    """Files and folders that one run finds as an earlier one left them, and leaves in another state."""

    kind = "files"

    def __init__(self) -> None:
        self.before: dict[Path, object] = {}
        self.used: set[Path] = set()  # what a run read before it wrote it anew
        self.fresh: set[Path] = set()
        super().__init__()
        global _hooked
        with _HOOKED:
            if not _hooked:
                sys.addaudithook(_heard)
                _hooked = True

    def look(self) -> None:
        self.found |= {str(path) for path in self.used if _content(path) != self.before[path]}
        self.before, self.used, self.fresh = {}, set(), set()

    def note(self, path: Path, reads: bool, anew: bool) -> None:
        """Note that a file or folder is about to be read, written anew, or added to."""
        if path not in self.before:
            self.before[path] = _content(path)
        if anew:
            self.fresh.add(path)
        elif reads and path not in self.fresh:
            self.used.add(path)


_hooked = False


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if event != "open" and event not in _DIRECTORY and event not in _ENTRIES:
        return
    listening = getattr(_LOCAL, "files", None)
    if not listening or getattr(_LOCAL, "busy", False):
        return
    _LOCAL.busy = True
    try:
        for path, reads, anew in _uses(event, args):
            for each in listening:
                each.note(path, reads, anew)
    finally:
        _LOCAL.busy = False


def _uses(event: str, args: tuple[Any, ...]) -> list[tuple[Path, bool, bool]]:
    """The paths that an event is about, each with whether it is read, and whether it is written anew."""
    try:
        path = Path(os.fsdecode(args[0] if args[0] is not None else ".")).absolute()
    except TypeError:  # the number of an open file
        return []
    if event in _DIRECTORY:
        return [(path, True, False)]
    folder = (path.parent, False, False)
    if event in _ENTRIES:
        return [folder, (path, False, event == "os.mkdir")]
    mode, flags = args[1], int(args[2] or 0)
    if isinstance(mode, str):
        reads, anew = "r" in mode or "+" in mode, "w" in mode or "x" in mode
    else:
        exclusive = os.O_CREAT | os.O_EXCL
        reads, anew = not flags & os.O_WRONLY, bool(flags & os.O_TRUNC) or flags & exclusive == exclusive
    return [(path, reads, anew), folder]


def _content(path: Path) -> object:
    """What tells a file or a folder from itself after a change; None: there is none."""
    try:
        if path.is_dir():
            return tuple(sorted(part.name for part in path.iterdir()))
        found = path.stat()
        if found.st_size > _LARGEST:
            return found.st_size, found.st_mtime_ns
        return zlib.crc32(path.read_bytes())
    except OSError:
        return None


class Draws(_Listener):
    """Random numbers that a run took from the system."""

    kind = "draws"

    def __init__(self) -> None:
        super().__init__()
        if sys.getprofile() is None:  # else a profiler is at work, or we are
            sys.setprofile(_called)


def _called(frame: FrameType, event: str, arg: Any) -> None:
    listening = getattr(_LOCAL, "draws", None)
    if not listening or active() is None:
        sys.setprofile(None)
    elif event == "c_call" and getattr(arg, "__name__", "") in _SOURCES and arg in _sources():
        for each in listening:
            each.found.add(f"{arg.__module__}.{arg.__name__}".replace("posix.", "os.").replace("nt.", "os."))


_SOURCES = ("urandom", "getrandom", "generate_time_safe")


def _sources() -> list[Callable[..., Any]]:
    """The functions in C that give random numbers of the system."""
    places = (os, sys.modules.get("_uuid"))
    return [getattr(place, name) for place in places for name in _SOURCES if hasattr(place, name)]
