"""State outside Python's objects: questions about files, descriptors, settings, forms of arrays, imports."""

# ruff: noqa: B023, PTH110, PTH116, PTH123, PTH202, PTH204, PTH211, RUF100

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from tests.trace.forms import message, program
from tracealloc import grid, int32, kernel
from tracealloc.trace.record import mutable_places

N = 4
TABLES = [np.zeros(6, np.int32) for _ in range(5)]
READ_ONLY = np.zeros(6, np.int32)
HELD: list[int] = []
MANY = [[[k]] for k in range(30_000)]


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of its own, and settings as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("log").write_text("traced")
    mask, interval, threshold = os.umask(0o22), sys.getswitchinterval(), gc.get_threshold()
    for table in (*TABLES, READ_ONLY):
        table.flags.writeable, table.shape = table is not READ_ONLY, (6,)
    os.umask(0o22)
    yield
    while HELD:
        os.close(HELD.pop())
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    os.umask(mask)
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


def numbered(exists: Callable[[str], bool], make: Callable[[str], object]) -> int:
    """How many files there are, and one more."""
    count = 0
    while exists(f"file{count}"):
        count += 1
    make(f"file{count}")
    return count


def exists(name: str) -> bool:
    return Path(name).exists()


def touch(name: str) -> None:
    Path(name).touch()


def appended(size: Callable[[], int]) -> int:
    with open("log", "a") as log:
        log.write("x")
    return size()


def raw(act: Callable[[int], int]) -> int:
    number = os.open("log", os.O_RDWR)
    try:
        return act(number)
    finally:
        os.close(number)


def counted(read: Callable[[], int], write: Callable[[int], object]) -> int:
    found = read()
    write(found + 1)
    return found


def reshaped(table: np.ndarray) -> int:
    table.shape = (*table.shape, 1)
    return table.ndim


def locked(lock: Callable[[np.ndarray], object]) -> int:
    count = sum(table.flags.writeable for table in TABLES)
    lock(TABLES[count - 1])
    return count


def flag(table: np.ndarray) -> None:
    table.flags.writeable = False


def make_module(name: str) -> str:
    Path(f"{name}.py").write_text("n = 0\n")
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return name


def late() -> int:
    import tracealloc_late_module as module  # type: ignore[import-not-found]

    module.n += 1
    return int(module.n)


def by_name() -> int:
    module = importlib.import_module("tracealloc_late_module")
    module.n += 1
    return int(module.n)


def kept(*numbers: int) -> int:
    HELD.extend(numbers)
    return numbers[0]


WAYS: dict[str, Callable[[], int]] = {
    "whether a file exists": lambda: numbered(os.path.exists, lambda name: open(name, "w").close()),
    "whether a path exists": lambda: numbered(exists, touch),
    "whether a folder exists": lambda: numbered(os.path.isdir, os.mkdir),
    "whether a link exists": lambda: numbered(os.path.islink, lambda name: os.symlink("log", name)),
    "another link to a file": lambda: numbered(os.path.lexists, lambda name: os.link("log", name)),
    "how large a file is": lambda: appended(lambda: os.path.getsize("log")),
    "what a file's status is": lambda: appended(lambda: os.stat("log").st_size),
    "what a path's status is": lambda: appended(lambda: Path("log").stat().st_size),
    "the end of a file": lambda: counted(lambda: os.path.getsize("log"), lambda n: os.truncate("log", n)),
    "the time of a file": lambda: counted(
        lambda: int(os.path.getmtime("log")), lambda n: os.utime("log", (n, n))
    ),
    "bytes to a descriptor": lambda: raw(lambda number: os.write(number, b"x")),
    "bytes from a descriptor": lambda: raw(lambda number: len(os.read(number, 1))),
    "the place of a descriptor": lambda: raw(lambda number: os.lseek(number, 1, os.SEEK_CUR)),
    "the number of a copied descriptor": lambda: kept(os.dup(1)),
    "the numbers of a pipe": lambda: kept(*os.pipe()),
    "a timer": lambda: counted(
        lambda: int(signal.getitimer(signal.ITIMER_VIRTUAL)[0]) // 1000,
        lambda n: signal.setitimer(signal.ITIMER_VIRTUAL, 1000 * n),
    ),
    "the mask of new files": lambda: counted(lambda: os.umask(0o22), lambda n: os.umask(n % 8)),
    "how long threads run": lambda: counted(
        lambda: int(sys.getswitchinterval()), lambda n: sys.setswitchinterval(n)
    ),
    "the collector": lambda: counted(lambda: gc.get_threshold()[0], lambda n: gc.set_threshold(n)),
    "the shape of a table": lambda: reshaped(TABLES[0]),
    "the shape of one that is read": lambda: reshaped(READ_ONLY),
    "whether a table can be written": lambda: locked(flag),
    "what setflags does": lambda: locked(lambda table: table.setflags(write=False)),
    "a module that is imported late": late,
    "a module that is looked up late": by_name,
}


@pytest.mark.parametrize("way", WAYS)
def test_in_the_body_of_a_loop(way: str) -> None:
    act = WAYS[way]
    make_module("tracealloc_late_module")

    def body(A: int32[N]):
        for i in grid(N):
            found = act()
            A[i] = 1 if found < 10**9 else 2

    found = " ".join(message(body).split())
    assert found.startswith("TraceError TA103 "), found
    assert "carries a value from one iteration" in found or "is changed by the body of loop 'i'" in found


def test_a_table_that_is_made_once_is_no_state() -> None:
    """Nor is what nobody asks for, or a module that is imported and only read."""
    make_module("tracealloc_late_read")

    def table() -> int:
        if not os.path.exists("table.npy"):
            np.save("table.npy", np.arange(4))
        with open("log", "a") as log:
            log.write("traced")
        return int(np.load("table.npy")[1]) + importlib.import_module("tracealloc_late_read").n

    def body(A: int32[N]):
        for i in grid(N):
            for _ in grid(2):
                if A[i] > 0:
                    A[i] = table()

    program(body)


def test_what_the_library_asks_for_itself_is_no_state() -> None:
    def table() -> int:
        with tempfile.TemporaryDirectory() as folder:
            np.save(f"{folder}/table.npy", np.arange(4))
            return int(np.load(f"{folder}/table.npy")[1])

    def body(A: int32[N]):
        for i in grid(N):
            A[i] = table()

    program(body)


def test_more_objects_than_can_be_looked_at() -> None:
    def body(A: int32[N]):
        for i in grid(N):
            A[i] = MANY[-1][0][0]

    program(body)
    with mock.patch.object(mutable_places, "MANY", 40_000):
        assert message(body).startswith("TraceError TA103 'MANY' leads to over 1,000,000 objects, ")


def test_the_modules_of_a_kernel_are_found_again() -> None:
    make_module("tracealloc_late_module")

    @kernel
    def body(A: int32[N]):
        for i in grid(N):
            import tracealloc_late_module

            A[i] = tracealloc_late_module.n

    assert str(body.trace()) == str(body.trace())
