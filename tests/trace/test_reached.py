"""Python state that a body changes is found wherever the body reaches it, and refused; nothing else is."""

# ruff: noqa: B023, RUF100

from __future__ import annotations

import array
import atexit
import collections
import contextlib
import contextvars
import csv
import ctypes
import dataclasses
import enum
import functools
import hashlib
import io
import itertools
import logging
import os
import queue
import random
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.trace.forms import message
from tracealloc import grid, int32, kernel

N = 4
total = 0


class Plain:
    n = 0

    def __init__(self) -> None:
        self.n = 0

    def more(self) -> int:
        self.n += 1
        return self.n


class Slotted:
    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0

    def __call__(self) -> int:
        self.n += 1
        return self.n

    @property
    def read(self) -> int:
        self.n += 1
        return self.n


class Below(Slotted):
    pass


@dataclasses.dataclass(slots=True)
class Data:
    n: int = 0


class Meta(type):
    n = 0


class WithMeta(metaclass=Meta):
    pass


class Color(enum.Enum):
    RED = 1


class Count:
    def __init__(self) -> None:
        self.n = 0

    def __iter__(self) -> Count:
        return self

    def __next__(self) -> int:
        self.n += 1
        return self.n


def more(item: Any) -> None:
    item.n = getattr(item, "n", 0) + 1


def closure() -> Callable[[], int]:
    n = 0

    def inner() -> int:
        nonlocal n
        n += 1
        return n

    def outer() -> int:
        return inner()

    return outer


def generator() -> Any:
    n = 0
    while True:
        n += 1
        yield n


def default(kept: list[int] = [0]) -> int:  # noqa: B006
    kept[0] += 1
    return kept[0]


def add_global() -> None:
    global total
    total += 1


@functools.lru_cache
def remembered(x: int) -> int:
    return 2 * x


SLOT, BELOW, DATA, OBJECT = Slotted(), Below(), Data(), Plain()
NESTED = {"a": [{"b": [(Slotted(),)]}]}
DEEP = [[[[[[[[Plain()]]]]]]]]
RANGE, LIST, LAZY, COUNT = iter(range(99)), iter([1] * 99), (x for x in range(99)), itertools.count()
CYCLE, ZIP, MAP = itertools.cycle("ab"), zip(range(99), range(99), strict=True), map(abs, range(99))
ENUMERATE, CHAIN, OWN, MADE = enumerate(range(99)), itertools.chain([1] * 99), Count(), generator()
TEXT, BYTES, NUMBERS, MUTABLE = io.StringIO(), io.BytesIO(), array.array("i", [0]), bytearray(4)
FILE = Path(__file__).open(encoding="utf-8")  # noqa: SIM115
atexit.register(FILE.close)
VIEW = memoryview(bytearray(4))
RANDOM, GENERATOR, STATE = random.Random(1), np.random.default_rng(1), np.random.RandomState(1)
QUEUE, COUNTER, DEFAULTS = collections.deque([1, 2]), collections.Counter(), collections.defaultdict(int)
USER, CHAINED = collections.UserDict(n=0), collections.ChainMap({"n": 0})
C_INT, C_ARRAY = ctypes.c_int(0), (ctypes.c_int * 3)()
VARIABLE = contextvars.ContextVar("VARIABLE", default=0)
ERROR, SPACE, TARGET = ValueError(), types.SimpleNamespace(n=0), Plain()
WEAK, BOUND, PARTIAL = weakref.ref(TARGET), Plain().more, functools.partial(Plain().more)
INNER, TABLE = closure(), np.zeros(3)
NEXT, HIDDEN = iter([1] * 99).__next__, types.MappingProxyType({"a": Plain()})
ORDERED, PLACED = collections.OrderedDict.fromkeys("abcdef", 1), dict.fromkeys("abcdef", 1)
LOCAL, OBJECTS, HASH = threading.local(), np.array([[0, Plain()]], object), hashlib.sha1()
FLAT, PLACES, STEPS = np.arange(99).flat, np.ndenumerate(np.zeros(99)), np.nditer(np.arange(99))
VECTORIZED, LINES, SIMPLE = np.vectorize(closure()), csv.reader(["a"] * 99), queue.SimpleQueue()


class Flags(enum.IntFlag):
    A = 1
    B = 2
    C = 4


@functools.singledispatch
def dispatched(x: Any) -> int:
    return 1


@dispatched.register
def _(x: str) -> int:
    more(Plain)
    return 2


@contextlib.contextmanager
def entered() -> Iterator[None]:
    more(Plain)
    yield


def enters() -> None:
    with entered():
        pass


WAYS: dict[str, Callable[[], Any]] = {
    "class": lambda: more(Plain),
    "attribute": lambda: more(OBJECT),
    "slot": lambda: more(SLOT),
    "slot of a base": lambda: more(BELOW),
    "attribute beside slots": lambda: setattr(BELOW, "other", getattr(BELOW, "other", 0) + 1),
    "dataclass with slots": lambda: more(DATA),
    "metaclass": lambda: more(Meta),
    "enum member": lambda: more(Color.RED),
    "function attribute": lambda: more(more),
    "module": lambda: more(dataclasses),
    "global": add_global,
    "nested": lambda: more(NESTED["a"][0]["b"][0][0]),
    "deep": lambda: more(DEEP[0][0][0][0][0][0][0][0]),
    "behind a proxy": lambda: more(HIDDEN["a"]),
    "property": lambda: SLOT.read,
    "callable": lambda: SLOT(),
    "bound method": lambda: BOUND(),
    "partial": lambda: PARTIAL(),
    "closures": lambda: INNER(),
    "default": lambda: default(),
    "range": lambda: next(RANGE),
    "list": lambda: next(LIST),
    "__next__": lambda: NEXT(),
    "generator expression": lambda: next(LAZY),
    "generator": lambda: next(MADE),
    "send": lambda: MADE.send(None),
    "own iterator": lambda: next(OWN),
    "count": lambda: next(COUNT),
    "cycle": lambda: next(CYCLE),
    "zip": lambda: next(ZIP),
    "map": lambda: next(MAP),
    "enumerate": lambda: next(ENUMERATE),
    "chain": lambda: next(CHAIN),
    "StringIO": lambda: TEXT.write("x"),
    "BytesIO": lambda: BYTES.write(b"x"),
    "file": lambda: FILE.readline(),
    "array": lambda: NUMBERS.append(1),
    "bytearray": lambda: MUTABLE.append(1),
    "memoryview": lambda: VIEW.__setitem__(0, VIEW[0] + 1),
    "ndarray": lambda: TABLE.__setitem__(0, TABLE[0] + 1),
    "Random": lambda: RANDOM.random(),
    "random": lambda: random.random(),
    "Generator": lambda: GENERATOR.random(),
    "RandomState": lambda: STATE.rand(),
    "np.random": lambda: np.random.rand(),
    "deque": lambda: QUEUE.append(1),
    "rotated deque": lambda: (QUEUE.rotate(), QUEUE[0] + 1),
    "Counter": lambda: COUNTER.update("a"),
    "defaultdict": lambda: DEFAULTS.__setitem__("a", DEFAULTS["a"] + 1),
    "UserDict": lambda: USER.__setitem__("n", USER["n"] + 1),
    "ChainMap": lambda: CHAINED.__setitem__("n", CHAINED["n"] + 1),
    "c_int": lambda: setattr(C_INT, "value", C_INT.value + 1),
    "c array": lambda: C_ARRAY.__setitem__(0, C_ARRAY[0] + 1),
    "environ": lambda: os.environ.__setitem__("TEST_REACHED", os.environ.get("TEST_REACHED", "") + "x"),
    "context variable": lambda: VARIABLE.set(VARIABLE.get() + 1),
    "exception": lambda: more(ERROR),
    "arguments of an exception": lambda: setattr(ERROR, "args", (*ERROR.args, 1)),
    "namespace": lambda: more(SPACE),
    "weak reference": lambda: more(WEAK()),
    "order of an OrderedDict": lambda: ORDERED.move_to_end(next(iter(ORDERED))),
    "order of a dict": lambda: PLACED.__setitem__("a", PLACED.pop("a")),
    "thread's own": lambda: more(LOCAL),
    "array of objects": lambda: OBJECTS.__setitem__((0, 0), OBJECTS[0, 0] + 1),
    "object in an array": lambda: more(OBJECTS[0, 1]),
    "hash": lambda: HASH.update(b"x"),
    "flat": lambda: next(FLAT),
    "ndenumerate": lambda: next(PLACES),
    "nditer": lambda: next(STEPS),
    "vectorize": lambda: VECTORIZED.pyfunc(),
    "csv": lambda: next(LINES),
    "SimpleQueue": lambda: SIMPLE.put(1),
    "dispatched": lambda: dispatched("a"),
    "context manager": enters,
    "counted memo": lambda: (remembered(1), remembered.cache_info().hits),
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the ways change is set back."""
    monkeypatch.setenv("TEST_REACHED", "")
    np.random.rand()
    yield
    Plain.n = Meta.n = 0
    vars(dataclasses).pop("n", None)


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


ONCE = ("slot", "class", "generator expression", "Random", "StringIO", "closures")


@pytest.mark.parametrize("way", ONCE)
def test_in_a_while_loop(way: str) -> None:
    act = WAYS[way]

    def of_body(A: int32[N]):
        def body():
            act()
            A[0] += 1

        ta.while_loop(lambda: A[0] < 3, body)

    def of_condition(A: int32[N]):
        ta.while_loop(lambda: (act(), A[0] < 3)[1], lambda: A.__setitem__(0, A[0] + 1))

    for function in (of_body, of_condition):
        assert message(function).startswith("TraceError TA103 "), way


def test_an_iterator_in_the_kernel() -> None:
    def path(A: int32[N]):
        numbers = LIST
        if A[0] > 0:
            A[1] = next(numbers)
        else:
            A[2] = next(numbers)

    assert message(path) == (
        "TraceError TA123 'LIST' is changed by kernel 'path', which is run once per control path\n"
        "  at +0\n"
        "    +0 |     def path(A: int32[N]):\n"
        "  because: each path must begin with the same, and this cannot be set back\n"
        "  try: take random numbers, next() and input out of the kernel, or pass them as arguments"
    )


def test_each_path_of_a_kernel_begins_with_the_same() -> None:
    item, kept, table, found = Slotted(), [], np.zeros(2), {}

    @kernel
    def paths(A: int32[N]):
        more(item)
        more(Plain)
        kept.append(1)
        table[0] += 1
        found["n"] = found.get("n", 0) + 1
        n = item.n + 10 * Plain.n + 100 * len(kept) + 1000 * int(table[0]) + 10_000 * found["n"]
        if A[0] > 0:
            A[1] = n
        elif A[0] < 0:
            A[2] = n
        else:
            A[3] = n

    for first, at in ((1, 1), (-1, 2), (0, 3)):
        a = np.array([first, 0, 0, 0], np.int32)
        paths(a)
        assert a[at] == 11_111
    assert (item.n, kept, table[0], found) == (1, [1], 1, {"n": 1})


def test_a_callee_sees_what_changed_since_it_was_traced() -> None:
    numbers, log = itertools.count(1), []

    class Adder:
        __slots__ = ("k",)

        @kernel
        def add(self, A: int32[N]):
            A[0] += self.k

    adder = Adder()

    @kernel
    def of_iterator(A: int32[N]):
        A[0] += next(numbers)

    @kernel
    def of_class(A: int32[N]):
        A[0] += Plain.n

    @kernel
    def of_global(A: int32[N]):
        A[0] += total

    @kernel
    def logs(A: int32[N]):
        log.append(1)
        A[0] += 1

    @kernel
    def main(A: int32[N]):
        global total
        for n in (1, 5):
            adder.k = Plain.n = total = n
            for each in (of_iterator, of_class, of_global, adder.add, logs):
                each(A)

    a = np.zeros(N, np.int32)
    main(a)
    assert a[0] == 1 + 2 + 3 * 6 + 2
    # What only notes that it ran is one function.
    assert [program.name for program in main.trace().callees()].count("logs") == 1
    assert "logs_1" not in [program.name for program in main.trace().callees()]


class Settings:
    made: dict[str, Any] = {}

    @functools.cached_property
    def size(self) -> int:
        return 4

    @property
    def half(self) -> int:
        return self.size // 2

    def __init_subclass__(cls) -> None:
        Settings.made[cls.__name__] = cls

    def apply(self, x: Any) -> Any:
        return x * 2


def helper(x: Any) -> Any:
    parts = []
    parts.append(x)
    found = {"a": x}
    found["b"] = 1
    return sum(parts) + len(found)


def test_ordinary_code_is_no_state() -> None:
    logger, out, settings = logging.getLogger(__name__), Path(os.devnull).open("w"), Settings()  # noqa: SIM115
    steps, weights = [Settings()], np.arange(4)

    @kernel
    def ordinary(A: int32[N], B: int32[N]):
        logger.info("tracing")
        for i in grid(N):
            logger.warning("tracing %s", i)
            logging.debug("more")
            print("iteration", file=out)
            x = A[i] * settings.size + settings.half + remembered(3)
            for step in steps:
                x = step.apply(x)
            if x > 30:
                x = helper(x) + int(weights[1])
            for a, b in zip([1, 2], (3, 4), strict=True):
                x = x + a * b
            B[i] = x + int(Flags.A | Flags.C) + dispatched(1) + len({}.fromkeys("ab"))

    a, b = np.arange(N, dtype=np.int32), np.zeros(N, np.int32)
    ordinary(a, b)
    expected = [2 * (4 * x + 2 + 6) for x in range(N)]
    assert b.tolist() == [(x + 3 if x > 30 else x) + 19 for x in expected]


def test_large_things_take_no_time() -> None:
    heap = [[float(n)] for n in range(200_000)]
    table = {n: [n] for n in range(200_000)}

    @kernel
    def large(A: int32[N]):
        for i in grid(N):
            for j in ta.range(2):
                if A[i] > j:
                    A[i] = len(heap) + len(table)

    large.trace()
