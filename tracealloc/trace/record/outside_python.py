"""State outside Python that a body changes: files, open descriptors, the system's random numbers.

No object holds it, so what a run of the body does is listened to, and only where its code names something
that leads there: files by an audit hook, which stays but hears nothing else; questions about files, random
numbers and descriptors by a profile function, which goes with the trace.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tracealloc.trace.record.mutable_places import Space
from tracealloc.trace.record.opaque_objects import LIBRARY
from tracealloc.trace.record.recorder import active

__all__ = ["CALLS", "OPENS", "Calls", "Files"]

# Names that lead to files, to questions about files, and to what no object in Python holds.
_OPENS = """
    open fdopen read_text write_text read_bytes write_bytes save savez savetxt tofile load loadtxt fromfile
    memmap genfromtxt mkdir makedirs listdir iterdir scandir glob remove unlink rename renames replace move
    rmdir rmtree copy copyfile copytree copy2 touch link symlink symlink_to hardlink_to truncate utime chmod
"""
_ASKS = """
    exists lexists isfile isdir islink ismount getsize getmtime getctime getatime stat lstat access samefile
    is_file is_dir is_symlink
"""
_CALLS = """
    urandom getrandom secrets token_bytes token_hex token_urlsafe randbelow randbits SystemRandom
    uuid uuid1 uuid4 read readv pread write writev pwrite pwritev lseek sendfile
"""
_NUMBERS = "dup dup2 pipe pipe2 openpty socketpair memfd_create eventfd"
_TIMERS = "setitimer getitimer alarm"
_TIMES = frozenset(("getmtime", "getctime", "getatime", "st_mtime", "st_mtime_ns", "st_ctime", "st_atime"))
OPENS, ASKS, DRAWS, NUMBERS, TIMERS = (
    frozenset(names.split()) for names in (_OPENS, _ASKS, _CALLS, _NUMBERS, _TIMERS)
)
CALLS = DRAWS | NUMBERS | TIMERS
_LARGEST = 1 << 24  # bytes of a file that are read; of a larger one size and time are compared
_LOCAL = threading.local()
_HOOKED = threading.Lock()
_DIRECTORY = ("os.listdir", "os.scandir")
_ENTRIES = ("os.mkdir", "os.remove", "os.rmdir")
_TWO = ("os.rename", "os.link", "os.symlink")
_ITSELF = ("os.truncate", "os.utime", "os.chmod", "os.chown")


_EVENTS = frozenset(("open", *_DIRECTORY, *_ENTRIES, *_TWO, *_ITSELF))


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
    """Files and folders that one run finds as an earlier one left them, and leaves in another state.

    Where `names` are those of questions about files, their existence, size and mode are listened to, too:
    what the first run makes, and later ones find, is a table that is made once.
    """

    kind = "files"

    def __init__(self, names: frozenset[str] = frozenset()) -> None:
        self.before: dict[Path, object] = {}
        self.used: set[Path] = set()  # what a run read before it wrote it anew
        self.fresh: set[Path] = set()
        self.asked: set[Path] = set()
        self.asks = self.asked_before = False
        self.times = bool(names & _TIMES)
        super().__init__()
        if names & ASKS:
            _listen()
        global _hooked
        with _HOOKED:
            if not _hooked:
                sys.addaudithook(_heard)
                _hooked = True

    def look(self) -> None:
        asked = set(self.before) if self.asks else self.asked
        counts = self.used | asked if self.asked_before else self.used
        with _unheard():
            self.found |= {str(path) for path in counts if _content(path, self.times) != self.before[path]}
        self.asked_before |= bool(asked)
        self.before, self.used, self.fresh, self.asked, self.asks = {}, set(), set(), set(), False

    def ask(self, path: Path | None) -> None:
        """Note that somebody asks whether there is a file, or what of it (None: of any)."""
        if path is None:
            self.asks = True
        elif path not in self.fresh:
            self.note(path, False, False)
            self.asked.add(path)

    def note(self, path: Path, reads: bool, anew: bool) -> None:
        """Note that a file or folder is about to be read, written anew, or added to."""
        if path not in self.before:
            self.before[path] = _content(path, self.times)
        if anew:
            self.fresh.add(path)
        elif reads and path not in self.fresh:
            self.used.add(path)


_hooked = False


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if event not in _EVENTS:
        return
    listening = getattr(_LOCAL, "files", None)
    if not listening or getattr(_LOCAL, "busy", False) or _top(sys._getframe(1)) in _FOR_CODE:
        return
    with _unheard():
        for path, reads, anew in _uses(event, args):
            for each in listening:
                each.note(path, reads, anew)


@contextmanager
def _unheard() -> Iterator[None]:
    """While this package looks at files itself."""
    _LOCAL.busy = True
    try:
        yield
    finally:
        _LOCAL.busy = False


def _uses(event: str, args: tuple[Any, ...]) -> list[tuple[Path, bool, bool]]:
    """The paths that an event is about, each with whether it is read, and whether it is written anew."""
    try:
        path = Path(os.fsdecode(args[0] if args[0] is not None else ".")).absolute()
        other = Path(os.fsdecode(args[1])).absolute() if event in _TWO else path
    except TypeError:  # the number of an open file
        return []
    if event in _DIRECTORY:
        return [(path, True, False)]
    if event in _ITSELF:
        return [(path, False, False)]
    folder = (path.parent, False, False)
    if event in _TWO:
        return [folder, (path, False, False), (other.parent, False, False), (other, False, True)]
    if event in _ENTRIES:
        return [folder, (path, False, event == "os.mkdir")]
    mode, flags = args[1], int(args[2] or 0)
    if isinstance(mode, str):
        reads, anew = "r" in mode or "+" in mode, "w" in mode or "x" in mode
    else:
        exclusive = os.O_CREAT | os.O_EXCL
        reads, anew = not flags & os.O_WRONLY, bool(flags & os.O_TRUNC) or flags & exclusive == exclusive
    return [(path, reads, anew), folder]


def _content(path: Path, times: bool) -> object:
    """What tells a file or a folder from itself after a change; None: there is none."""
    try:
        found = path.stat()
        status = found.st_mode, found.st_nlink, (found.st_mtime_ns, found.st_atime_ns) if times else None
        if path.is_dir():
            return found.st_mode, tuple(sorted(part.name for part in path.iterdir()))
        if found.st_size > _LARGEST:
            return status, found.st_size, found.st_mtime_ns
        return status, zlib.crc32(path.read_bytes())
    except OSError:
        return "link" if path.is_symlink() else None


class Calls(_Listener):
    """What a run asked the system for that no object holds: random numbers, what a descriptor is at.

    Numbers of descriptors and timers are listened to where `names` lead there: the library takes some, too.
    """

    kind = "calls"

    def __init__(self, names: frozenset[str], draws: bool) -> None:
        groups = [group for group in (NUMBERS, TIMERS) if group & names]
        if names & DRAWS or draws:
            groups.append(frozenset(_SOURCES))
        self.heard: frozenset[str] = frozenset().union(*groups)
        super().__init__()
        _listen()


def _listen() -> None:
    if sys.getprofile() is None:  # else a profiler is at work, or we are
        sys.setprofile(_called)


def _called(frame: FrameType, event: str, arg: Any) -> None:
    calls, files = getattr(_LOCAL, "calls", None), getattr(_LOCAL, "files", None)
    if not (calls or files) or active() is None:
        sys.setprofile(None)
    elif event == "c_call" and not getattr(_LOCAL, "busy", False):
        name = getattr(arg, "__name__", "")
        hearing = [each for each in calls or () if name in each.heard]
        if hearing and arg in _sources():
            for each in hearing:
                each.found.add(f"{arg.__module__}.{name}".replace("posix.", "os.").replace("nt.", "os."))
        elif name in _STATUS and files and getattr(os, name, None) is arg:
            with _unheard():
                for path in _asked(frame):
                    for each in files:
                        each.ask(path)


def _top(frame: FrameType) -> str:
    """The package that a frame is of."""
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def _asked(frame: FrameType) -> list[Path | None]:
    """The paths that a frame which calls `os.stat` may mean (None: any): the library's has few variables."""
    asking = _top(frame)
    if asking in _FOR_CODE:
        return []
    if asking not in LIBRARY:
        return [None]
    values = [value for value in frame.f_locals.values() if isinstance(value, str | bytes | os.PathLike)]
    return [Path(os.fsdecode(value)).absolute() for value in values]


_SOURCES = (
    *("urandom", "getrandom", "generate_time_safe", "read", "readv", "pread", "write", "writev", "pwrite"),
    *("pwritev", "lseek", "sendfile"),
)
_FOR_CODE = ("importlib", "linecache", "tracealloc")  # who looks for files of code
_STATUS = ("stat", "lstat", "access", "readlink")


def _sources() -> list[Callable[..., Any]]:
    """The functions in C that give random numbers of the system, move a descriptor on, or set a timer."""
    places = (os, *map(sys.modules.get, ("_uuid", "_socket", "signal", "_signal")))
    names = (*_SOURCES, *NUMBERS, *TIMERS)
    return [getattr(place, name) for place in places for name in names if hasattr(place, name)]
