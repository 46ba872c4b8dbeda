"""State that a body reaches through the standard library, in large containers, and in objects of C."""

# ruff: noqa: B023, RUF100

from __future__ import annotations

import array
import atexit
import bz2
import collections
import decimal
import importlib
import logging
import lzma
import os
import random
import re
import secrets
import shutil
import sys
import tempfile
import threading
import types
import uuid
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from tests.trace.forms import message, program
from tracealloc import grid, int32, kernel
from tracealloc.trace import calls
from tracealloc.trace.record.registries import REGISTRIES

N = 4
LARGE = 30_000


def more(item: Any) -> None:
    item.n = getattr(item, "n", 0) + 1


def item_of(holder: Any, key: Any = 7) -> Callable[[], None]:
    def act() -> None:
        holder[key] = holder[key] + 1

    return act


def imports() -> None:
    import quopri

    more(quopri)


def says() -> None:
    exec("counted = globals().get('counted', 0) + 1", globals())


def settings() -> None:
    np.seterr(over="warn" if np.geterr()["over"] == "ignore" else "ignore")


def toggles() -> None:
    (EVENT.clear if EVENT.is_set() else EVENT.set)()


def in_context() -> None:
    decimal.getcontext().prec += 1


def hidden() -> None:
    sys.modules["hid" + "den"].n += 1


FOLDER = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, FOLDER)
(FOLDER / "count").write_text("0")
SYSTEM, ZERO = random.SystemRandom(), np.zeros(())


class Changing:
    pass


CHANGING = Changing()


def counts_in_a_file() -> None:
    with open(FOLDER / "count") as file:  # noqa: PTH123
        n = int(file.read())
    with open(FOLDER / "count", "w") as file:  # noqa: PTH123
        file.write(str(n + 1))


def counts_in_place() -> None:
    with (FOLDER / "count").open("r+") as file:
        n = int(file.read())
        file.seek(0)
        file.write(str(n + 1))


def counts_in_a_folder() -> None:
    (FOLDER / str(len(list(FOLDER.iterdir())))).mkdir()


HIDDEN = types.ModuleType("hidden")
HIDDEN.n, HIDDEN.__file__ = 0, __file__  # type: ignore[attr-defined]
LOGGER, SEMAPHORE, LOCK, EVENT = (
    logging.getLogger("reached"),
    threading.Semaphore(9),
    threading.Lock(),
    threading.Event(),
)
MATCHES, SCANNER, CONTEXT = re.finditer("a", "a" * 99), re.compile("a").scanner("a" * 99), decimal.Context()
PACKERS = [zlib.compressobj(), bz2.BZ2Compressor(), lzma.LZMACompressor()]
LIST, TABLE, SET = [0] * LARGE, dict.fromkeys(range(LARGE), 0), set(range(LARGE))
ARRAY, OBJECTS, BYTES = np.zeros(1 << 18), np.array([0] * LARGE, object), bytearray(2 << 20)
NUMBERS, QUEUE = array.array("i", [0]) * LARGE * 20, collections.deque(range(LARGE))
HEAP = [types.SimpleNamespace(n=0, inner=[0]) for _ in range(LARGE)]
DEEP = [[[n]] for n in range(LARGE)]
ARRAYS = [np.zeros(2) for _ in range(LARGE)]
TUPLE = tuple([n] for n in range(LARGE))

WAYS: dict[str, Callable[[], Any]] = {
    "sys.modules": lambda: more(sys.modules["hidden"]),
    "sys.modules, a name made up": hidden,
    "import_module": lambda: more(importlib.import_module("hidden")),
    "__import__": lambda: more(__import__("hidden")),
    "import": imports,
    "logger": lambda: more(LOGGER),
    "getLogger": lambda: more(logging.getLogger("reached")),
    "root logger": lambda: more(logging.root),
    "sys": lambda: more(sys),
    "stdout": lambda: setattr(sys.stdout, "n", getattr(sys.stdout, "n", 0) + 1),
    "exec": says,
    "function of a library": lambda: more(re.match),
    "class of a library": lambda: more(collections.UserDict),
    "thread": lambda: more(threading.current_thread()),
    "np.seterr": settings,
    "recursion limit": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 1),
    "getcontext": in_context,
    "context": lambda: setattr(CONTEXT, "prec", CONTEXT.prec + 1),
    "semaphore": lambda: SEMAPHORE.acquire(),
    "lock": lambda: (LOCK.release if LOCK.locked() else LOCK.acquire)(),
    "event": toggles,
    "finditer": lambda: next(MATCHES),
    "scanner": lambda: SCANNER.search(),
    "zlib": lambda: PACKERS[0].compress(b"x"),
    "bz2": lambda: PACKERS[1].compress(b"x"),
    "lzma": lambda: PACKERS[2].compress(b"x"),
    "large list": item_of(LIST),
    "large dict": item_of(TABLE),
    "large set": lambda: (SET.discard(len(SET)), SET.add(-len(SET))),
    "large deque": lambda: QUEUE.rotate(),
    "large ndarray": item_of(ARRAY),
    "large array of objects": item_of(OBJECTS),
    "large bytearray": lambda: BYTES.__setitem__(7, (BYTES[7] + 1) % 256),
    "large array": item_of(NUMBERS),
    "last of many": lambda: more(HEAP[-1]),
    "inside the last of many": lambda: item_of(HEAP[-1].inner, 0)(),
    "deep in many": lambda: item_of(DEEP[-1][0], 0)(),
    "one of many arrays": lambda: item_of(ARRAYS[-1], 1)(),
    "large tuple": lambda: item_of(TUPLE[-1], 0)(),
    "mock": mock.Mock(),
    "array of rank 0": lambda: ZERO.__setitem__((), ZERO[()] + 1),
    "defaults of a function": lambda: setattr(says, "__defaults__", (*(says.__defaults__ or ()), 1)),
    "text of a function": lambda: setattr(says, "__doc__", f"{says.__doc__}x"),
    "annotations of a function": lambda: says.__annotations__.__setitem__(f"n{len(says.__annotations__)}", 1),
    "class of an object": lambda: setattr(CHANGING, "__class__", type("Other", (type(CHANGING),), {})),
    "file": counts_in_a_file,
    "file of a path": lambda: (FOLDER / "count").write_text(str(int((FOLDER / "count").read_text()) + 1)),
    "file in place": counts_in_place,
    "folder": counts_in_a_folder,
    "urandom": lambda: os.urandom(1),
    "secrets": lambda: secrets.randbelow(3),
    "uuid": lambda: uuid.uuid4(),
    "SystemRandom": lambda: SYSTEM.random(),
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the ways change is set back."""
    monkeypatch.setitem(sys.modules, "hidden", HIDDEN)
    limit, precision, found = sys.getrecursionlimit(), decimal.getcontext().prec, np.geterr()
    yield
    sys.setrecursionlimit(limit)
    decimal.getcontext().prec = precision
    np.seterr(**found)
    for item in (
        LOGGER,
        logging.root,
        sys,
        sys.stdout,
        re.match,
        collections.UserDict,
        threading.current_thread(),
    ):
        vars(item).pop("n", None) if not isinstance(item, type) else "n" in vars(item) and delattr(item, "n")


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_in_the_body_of_a_loop(way: str) -> None:
    act = WAYS[way]

    def body(A: int32[N]):
        for i in grid(N):
            act()
            A[i] = 1

    found = message(body)
    assert found.startswith("TraceError TA103 "), found
    assert "carries a value from one iteration" in found or "is changed by the body of loop 'i'" in found


def reads() -> int:
    with LOCK, threading.RLock():
        logging.getLogger("reached").debug("%s", sys.modules[__name__].N)
    local = types.SimpleNamespace(n=1)
    local.n, LOGGER.disabled = 3, LOGGER.disabled
    vars(local)["m"] = local.n
    with tempfile.TemporaryDirectory() as folder, (FOLDER / "log").open("a") as log:
        log.write("traced")
        kept = Path(folder) / "kept"
        kept.write_text("3")
        assert kept.read_text() == "3" and len(list(Path(folder).iterdir())) == 1
    if not (FOLDER / "table.npy").exists():
        np.save(FOLDER / "table.npy", np.arange(4))
    assert np.load(FOLDER / "table.npy")[1] == 1 and np.random.default_rng(3).integers(9) < 9
    return len(HEAP) + len(TABLE) + int(ARRAY[3]) + HEAP[5].n + len(re.findall("a", "aa")) + os.getpid() * 0


def test_reading_it_is_no_state() -> None:
    def body(A: int32[N]):
        for i in grid(N):
            for _ in grid(2):
                if A[i] > 0:
                    A[i] = reads()

    program(body)


def test_of_installed_packages_only_the_codes_own_is_looked_at() -> None:
    """``sys.modules[computed]``: others count what they like, as hypothesis does the collector's time."""
    importlib.import_module("hypothesis.internal.conjecture.junkdrawer")
    find = REGISTRIES["modules"]
    found = {name for name, _, _ in find(frozenset(), __name__)}
    assert any(name.endswith("test_reached_further") for name in found | {__name__})
    assert not {name.partition(".")[0] for name in found} & {"hypothesis", "pytest", "numpy", "islpy"}
    beside = {name.partition(".")[0] for name, _, _ in find(frozenset(), "hypothesis.core")}
    assert "hypothesis" in beside
    assert [name for name, _, _ in find(frozenset({"json"}), __name__)] == ["json"]


def test_a_callee_that_reaches_many_objects_is_traced_once() -> None:
    @kernel
    def inner(A: int32[N]):
        A[0] += len(HEAP) + int(ARRAY[3])

    def main(A: int32[N]):
        inner(A)
        inner(A)
        ARRAY[3] = 5
        inner(A)
        ARRAY[3] = 0

    with mock.patch.object(calls, "trace_signature", wraps=calls.trace_signature) as traced:
        assert [callee.name for callee in program(main).callees()] == ["inner", "inner_1"]
    assert traced.call_count == 2


def test_listening_ends_with_the_trace() -> None:
    def body(A: int32[N]):
        for i in grid(N):
            A[i] = len(secrets.__name__)

    program(body)
    assert sys.getprofile() is None


def test_a_profiler_stays() -> None:
    def profiler(*_: Any) -> None:
        pass

    def body(A: int32[N]):
        for i in grid(N):
            A[i] = len(secrets.__name__)

    sys.setprofile(profiler)
    try:
        program(body)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)


def test_a_file_decides_no_path() -> None:
    path = FOLDER / "path"
    path.write_text("0")

    def body(A: int32[N]):
        n = int(path.read_text()) + 1
        path.write_text(str(n))
        if A[0] > 0:
            A[1] = n

    found = message(body)
    assert found.startswith(f"TraceError TA123 {str(path)!r} is changed by kernel 'body'"), found
