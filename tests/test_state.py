"""`ta.state` belongs to the kernel object, a method's to its object, and every build has its own."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.check.interpret.interpret import Interpreter


def count(self) -> int32:
    n = ta.state((1,), int32)
    n[0] += 1
    return n[0]


def add(x: int32) -> int32:
    total = ta.state((1,), int32)
    total[0] += x
    return total[0]


def accumulator():
    @kernel
    def acc(x: int32) -> int32:
        total = ta.state((1,), int32)
        total[0] += x
        return total[0]

    return acc


class Plain:
    step = kernel(count)


class Slotted:
    __slots__ = ()
    step = kernel(count)


class Alike:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]
    step = kernel(count)


@dataclass(frozen=True)
class Frozen:
    n: int = 1
    step = kernel(count)


@dataclass(slots=True)
class Compact:
    n: int = 1
    step = kernel(count)


class Pair(NamedTuple):
    n: int = 1
    step = kernel(count)


class Listed(list[int]):
    step = kernel(count)


class Number(int):
    step = kernel(count)


class Child(Plain):
    pass


OBJECTS = (Plain, Slotted, Alike, Frozen, Compact, Pair, Listed, Number, Child)


def numbers(found: Any) -> list[int]:
    return [int(item) for item in found]


def twice(run: Callable[..., Any], *args: int) -> list[list[int]]:
    return [numbers(run(*args)) for _ in range(2)]


def everywhere(top: Any, *args: int, csim: bool = False) -> list[list[int]]:
    """What two calls give, which is the same in every form of the program."""
    top.reset()
    found = twice(top, *args)
    assert twice(Interpreter(top.trace()), *args) == found
    s = ta.customize(top)
    builds = [s.build(), s.build(), *([s.build(target="vitis_hls", mode="csim")] if csim else [])]
    for name in reversed(s.module.names()):  # callers first: several may call what keeps a state
        if name != top.name:
            s.inline(name)
    assert s.verify()
    for mod in (*builds, s.build()):
        assert twice(mod, *args) == found
        mod.reset()
        assert numbers(mod(*args)) == found[0]
    return found


@pytest.mark.parametrize("cls", OBJECTS, ids=lambda cls: cls.__name__)
def test_a_state_of_each_object(cls: Any) -> None:
    a, b = cls(), cls()
    assert numbers((a.step(), a.step(), b.step(), a.step(), cls.step(b))) == [1, 2, 1, 3, 2]
    kept = a.step
    assert numbers((kept(), a.step(), kept())) == [4, 5, 6]

    @kernel
    def both() -> (int32, int32, int32, int32):
        return a.step(), b.step(), a.step(), cls.step(a)

    assert everywhere(both, csim=cls is Pair) == [[1, 1, 2, 3], [4, 2, 5, 6]]
    assert int(kept()) == 7  # what a build keeps is its own


def test_two_kernels_of_a_factory() -> None:
    left, right = accumulator(), accumulator()

    @kernel
    def both(x: int32, y: int32) -> (int32, int32):
        p = left(x)
        q = right(y)
        return p, q

    assert everywhere(both, 1, 10, csim=True) == [[1, 10], [2, 20]]
    assert numbers((left(1), left(1), right(10), right(10))) == [1, 2, 10, 20]
    assert [program.name for program in both.trace().callees()] == ["acc", "acc_1"]


def wrapped(inner: Any) -> Any:
    @kernel
    def outer(x: int32) -> int32:
        return inner(x)

    return outer


@kernel
def through(x: int32, inner=None) -> int32:
    return inner(x)


@kernel
def keeping(x: int32, step=None) -> int32:
    total = ta.state((1,), int32)
    total[0] += x * step[0]
    return total[0]


def test_kernels_that_reach_a_state_through_others() -> None:
    left, right, again = accumulator(), accumulator(), kernel(add)
    one, two, three = wrapped(left), wrapped(right), wrapped(left)

    @kernel
    def nested(x: int32) -> (int32, int32, int32, int32, int32, int32):
        a, b, c, d = one(x), two(x), three(x), left(x)
        e, f = through(x, right), through(x, again)
        return a, b, c, d, e, f

    assert everywhere(nested, 1) == [[1, 1, 2, 3, 2, 1], [4, 3, 5, 6, 4, 2]]
    alone = [through(1, left), through(10, right), through(1, inner=left), through(10, inner=right)]
    assert numbers(alone) == [1, 10, 2, 20]


def test_two_kernels_of_one_function() -> None:
    one, two = kernel(add), kernel(add)

    @kernel
    def both(x: int32) -> (int32, int32):
        return one(x), two(x)

    assert everywhere(both, 1) == [[1, 1], [2, 2]]
    assert numbers((one(1), one(1), two(1))) == [1, 2, 1]


def test_in_loops_and_under_conditions() -> None:
    parts = [accumulator() for _ in range(3)]

    @kernel
    def many(x: int32) -> (int32, int32, int32):
        found = [ta.scalar(int32, 0) for _ in parts]
        for n, part in enumerate(parts):
            for _i in ta.range(n + 1):
                found[n].set(part(x))
        if x > 1:
            found[0].set(parts[0](x))
        return found[0], found[1], found[2]

    assert everywhere(many, 1) == [[1, 2, 3], [2, 4, 6]]
    assert everywhere(many, 2) == [[4, 4, 6], [8, 8, 12]]


def test_builds_have_states_of_their_own() -> None:
    acc = accumulator()
    one, two = acc.build(), acc.build()
    assert numbers((one(1), one(1), two(1), acc(1), one(1), acc(1))) == [1, 2, 1, 1, 3, 2]
    one.reset()
    assert numbers((one(1), two(1), acc(1))) == [1, 2, 3]
    acc.reset()
    assert numbers((acc(1), two(1))) == [1, 3]


def test_staged_values_have_states_of_their_own() -> None:
    found = [keeping(1, [1]), keeping(1, step=[1]), keeping(1, [2]), keeping(1, [1]), keeping(1, [2])]
    assert numbers(found) == [1, 2, 2, 3, 4]


class Gain:
    def __init__(self) -> None:
        self.gain = 1

    @kernel
    def step(self, x: int32) -> int32:
        total = ta.state((1,), int32)
        total[0] += x * self.gain
        return total[0]


def test_a_state_outlives_changes_of_its_object() -> None:
    item = Gain()
    assert int(item.step(1)) == 1
    first = item.step
    assert int(first(1)) == 2
    item.gain = 10
    second = item.step
    assert numbers((second(1), first(1), second(1), item.step(1))) == [12, 13, 23, 33]


class Settings:
    n = 1


@kernel
def scaled(x: int32, settings=None) -> int32:
    return x * settings.n


def test_a_staged_object_that_changes() -> None:
    settings = Settings()
    assert int(scaled(3, settings)) == 3
    settings.n = 7
    assert int(scaled(3, settings)) == 21


class Parent:
    @kernel
    def step(self) -> int32:
        n = ta.state((1,), int32)
        n[0] += 1
        return n[0]

    @staticmethod
    @kernel
    def shared() -> int32:
        n = ta.state((1,), int32)
        n[0] += 1
        return n[0]

    @classmethod
    @kernel
    def counted(cls) -> int32:
        n = ta.state((1,), int32)
        n[0] += 1
        return n[0]


class Override(Parent):
    @kernel
    def step(self) -> int32:
        n = ta.state((1,), int32)
        n[0] += 10
        return n[0]

    def upwards(self) -> Any:
        return super().step()


def test_methods_of_classes() -> None:
    a, b = Override(), Override()
    assert numbers((a.step(), a.step(), a.upwards(), b.upwards(), a.upwards())) == [10, 20, 1, 1, 2]
    assert numbers((a.shared(), b.shared(), Parent.shared())) == [1, 2, 3]
    assert numbers((a.counted(), b.counted(), Parent.counted(), Override.counted())) == [1, 2, 1, 3]


def test_objects_die_with_their_states() -> None:
    item = Plain()
    item.step()
    gone = weakref.ref(item)
    assert len(Plain.step._homes._found) == 1
    del item
    gc.collect()
    assert gone() is None and not Plain.step._homes._found
    # Objects that weak references cannot be made to are let go in time, and no state is inherited.
    for _ in range(200):
        assert int(Slotted().step()) == 1
    assert len(Slotted.step._homes._held) < 40


def test_a_failed_simulation_sets_states_back() -> None:
    @kernel
    def count(A: int32[2], at: int32):
        S = ta.state(np.array([[10, 20]]), int32)
        S[0, 0] += 1
        S[0, 1] += 1
        A[at] = S[0, 0] + S[0, 1]

    @kernel
    def both(A: int32[2], first: int32, second: int32):
        noted = ta.state(1, ta.Fixed(8, 1))
        noted[0] += 0.5
        if first >= 0:
            count(A, first)
        count(A, second)
        A[1 - second] = int32(noted[0] * 2)

    run = ta.customize(both).build(target="vitis_hls", mode="csim")

    def call(first: int, second: int) -> list[int]:
        a = np.zeros(2, np.int32)
        try:
            run(a, first, second)
        except ta.BoundsError:
            assert not a.any()
            return []
        return [int(x) for x in a]

    # The first call fails, a later one where another function has been run, one before anything is.
    assert [call(-1, 5), call(-1, 0), call(0, 7), call(9, 0), call(-1, 0)] == [[], [32, 1], [], [], [34, 2]]
    run.reset()
    assert call(-1, 0) == [32, 1]
