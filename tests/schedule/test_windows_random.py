"""Random convolutions with line and window buffers: same results, and each element read from memory once."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.schedule.memory import agree, arguments, schedule_of
from tests.schedule.test_memory_random import compiled
from tracealloc.check.interpret.interpret import interpret
from tracealloc.customize import Schedule


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a convolution: ``A[stride * i + dilation * r + offset]``."""

    it: str
    tap: str
    low: int
    trips: int
    step: int
    taps: int
    stride: int
    dilation: int
    down: bool
    padded: bool

    @property
    def values(self) -> range:
        """The loop's values, upwards."""
        return range(self.low, self.low + self.trips * self.step, self.step)

    @property
    def offset(self) -> int:
        """What makes the least subscript 0 (padded: the first taps are outside)."""
        return -self.stride * self.low - (self.dilation if self.padded else 0)

    @property
    def index(self) -> str:
        return f"{self.stride} * {self.it} + {self.dilation} * {self.tap} + {self.offset}"

    @property
    def extent(self) -> int:
        last = self.stride * self.values[-1] + self.dilation * (self.taps - 1) + self.offset
        return last + 1 - (self.dilation if self.padded else 0)

    @property
    def loop(self) -> str:
        start, stop, step = self.low, self.values[-1] + 1, self.step
        if self.down:
            start, stop, step = self.values[-1], self.low - 1, -self.step
        return f"for {self.it} in ta_range({start}, {stop}, {step}):"

    @property
    def reused(self) -> bool:
        """Whether two iterations read an element in common."""
        moves = self.stride * self.step
        return any(
            (k * moves) % self.dilation == 0 and k * moves <= self.dilation * (self.taps - 1)
            for k in range(1, self.trips)
        )


def random_axis(rng: random.Random, it: str, tap: str) -> Axis:
    taps = rng.choice([1, 2, 3, 3, 4, 5])
    return Axis(
        it,
        tap,
        low=rng.choice([0, 0, 1, 3, -1, -2]),
        trips=rng.randrange(3, 7),
        step=rng.choice([1, 1, 1, 2]),
        taps=taps,
        stride=rng.choice([1, 1, 1, 2, 3]),
        dilation=rng.choice([1, 1, 1, 2]),
        down=rng.random() < 0.15,
        padded=taps > 2 and rng.random() < 0.25,
    )


def random_case(rng: random.Random) -> tuple[str, list[Axis]]:
    """The text of a convolution over one to three axes, with or without channels, and its axes."""
    axes = [random_axis(rng, it, tap) for it, tap in zip("ijk", "rqp", strict=True)]
    axes = axes[: rng.choice([1, 2, 2, 2, 3])]
    channels = rng.choice([0, 0, 2, 3])
    place = rng.choice(["front", "back"]) if channels else ""
    shape = [str(axis.extent) for axis in axes]
    subscript = [axis.index for axis in axes]
    where = rng.choice(["inner", "innermost", "between"]) if channels else ""
    if channels:
        at = 0 if place == "front" else len(axes)
        shape.insert(at, str(channels))
        subscript.insert(at, "c")
    out = [f"{axis.it} + {-min(axis.low, 0)}" for axis in axes]
    sizes = [str(max(axis.values) + 1 - min(axis.low, 0)) for axis in axes]
    lines = [f"def kernel(A: float32[{', '.join(shape)}], B: float32[{', '.join(sizes)}]):"]
    loops = [axis.loop for axis in axes]
    taps = [f"for {axis.tap} in ta_range({axis.taps}):" for axis in axes]
    channel = f"for c in ta_range({channels}):"
    if where == "between" and len(loops) > 1:
        loops.insert(1, channel)
    elif where == "innermost":
        taps.append(channel)
    elif channels:
        taps.insert(0, channel)
    for depth, loop in enumerate([*loops, *taps]):
        lines.append("    " * (depth + 1) + loop)
    indent = "    " * (len(loops) + len(taps) + 1)
    for axis in axes:
        if axis.padded:
            lines.append(f"{indent}if 0 <= {axis.index} < {axis.extent}:")
            indent += "    "
    lines.append(f"{indent}B[{', '.join(out)}] += A[{', '.join(subscript)}] * {rng.choice([2, 3])}")
    return "\n".join(lines) + "\n", axes


def loads(schedule: Schedule) -> Counter[tuple[int, ...]]:
    """How often a run reads each element of A from memory."""
    found: Counter[tuple[int, ...]] = Counter()

    def note(event) -> None:  # type: ignore[no-untyped-def]
        found.update(tuple(a.indices) for a in event.reads if a.array.name == "A")

    interpret(schedule.lowered, *arguments(schedule.program), observe=note)
    return found


def one_case(seed: int, c: bool = False) -> int:
    """Chain windows along all axes that have reuse, outermost first; how many there were."""
    rng = random.Random(seed)
    source, axes = random_case(rng)
    schedule = schedule_of(compiled(source))
    before = set(loads(schedule))
    array, made = "A", 0
    try:
        for axis in axes:
            if axis.reused:
                array = schedule.reuse_at(array, axis.it)
                made += 1
        if made == len(axes) and rng.random() < 0.3:
            schedule.pipeline(axes[-1].it)
        agree(schedule, c=c)
        counts = loads(schedule)
        assert before <= set(counts)
        if axes[0].reused:  # lines hold all that is read again: each element comes from memory once
            assert set(counts.values()) == {1}
    except Exception as error:
        raise AssertionError(f"seed {seed}\n{source}\n{schedule.script()}\n{error}") from error
    return made


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
@pytest.mark.parametrize("seed", range(24))
def test_windows(seed: int) -> None:
    one_case(seed)


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
@pytest.mark.parametrize("seed", range(1000, 1003))
def test_compiled_windows(seed: int) -> None:
    one_case(seed, c=True)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
def test_many_windows() -> None:
    assert sum(one_case(seed) for seed in range(2000, 3000)) > 1000
