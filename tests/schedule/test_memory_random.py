"""Random accesses against buffer_at and reuse_at at random loops: proof, interpreter and compiled C agree."""

from __future__ import annotations

import random

import pytest

from tests.schedule.memory import agree, schedule_of
from tracealloc.trace import functions
from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import float32

_LONG = 60
_OTHERS = ["permute", "reorder", "fuse", "reverse", "skew", "distribute"]


def random_source(rng: random.Random, short: bool = False) -> str:
    """A kernel of one or two nests over A (read), B (read and written) and C (written), all in bounds."""
    lines = ["def kernel(A: float32[40, 40], B: float32[40, 40], C: float32[40, 40]):"]
    for nest in range(rng.choice([1, 1, 2])):
        depth = rng.choice([1, 2, 2, 3])
        indent = "    "
        its: list[str] = []
        for level in range(depth):
            it = f"{'ijk'[level]}{nest}"
            low, high, step = rng.randrange(3), rng.randrange(4, 8), rng.choice([1, 1, 1, 2])
            if short and rng.random() < 0.6:
                high = low + rng.choice([0, 1, 1, 2])
            if its and rng.random() < 0.3:
                start, stop = rng.choice([(its[0], its[0] + " + 3"), ("0", its[0] + " + 1"), (its[-1], "9")])
            else:
                start, stop = str(low), str(high)
            if rng.random() < 0.15:
                lines.append(f"{indent}for {it} in ta_range({stop}, {start}, -1):")
            else:
                lines.append(f"{indent}for {it} in ta_range({start}, {stop}, {step}):")
            its.append(it)
            indent += "    "
        for _ in range(rng.choice([1, 1, 2])):
            inner = indent
            kind = rng.random()
            if kind < 0.2:
                lines.append(f"{inner}if {rng.choice(its)} <= {rng.choice([*its, '4'])}:")
                inner += "    "
            elif kind < 0.35:
                lines.append(f"{inner}if {_access(rng, 'A', its)} > 0:")
                inner += "    "
            target = _access(rng, rng.choice("BBC"), its)
            reads = [_access(rng, rng.choice("AAAB"), its) for _ in range(rng.choice([1, 2, 3]))]
            op = rng.choice(["=", "+=", "="])
            lines.append(f"{inner}{target} {op} {' + '.join(reads)}")
    return "\n".join(lines) + "\n"


def _access(rng: random.Random, array: str, its: list[str]) -> str:
    return f"{array}[{_index(rng, its)}, {_index(rng, its)}]"


def _index(rng: random.Random, its: list[str]) -> str:
    # Iterators stay below 16, so every subscript is within 0 .. 39.
    kind = rng.random()
    if kind < 0.1:
        return str(rng.randrange(5))
    if kind < 0.25:
        return f"2 * {rng.choice(its)} + {rng.randrange(3)}"
    if kind < 0.4:
        return f"{rng.choice(its)} + {rng.choice(its)} + {rng.randrange(3)}"
    if kind < 0.5:
        return f"{rng.choice(its)} - {rng.choice(its)} + 18"
    return f"{rng.choice(its)} + {rng.randrange(3)}"


def compiled(source: str):  # type: ignore[no-untyped-def]
    """The function of a text, with the names that it uses."""
    from tracealloc.trace.proxies.loops import range as ta_range

    names = {"float32": float32, "ta_range": ta_range}
    exec(compile(source, "<random kernel>", "exec"), names)
    return names["kernel"]


def one_case(seed: int, c: bool = False, short: bool = False) -> int:
    """Run one random kernel through random steps; how many steps were applied."""
    rng = random.Random(seed)
    source = random_source(rng, short)
    schedule = schedule_of(compiled(source))
    applied = 0
    for _ in range(rng.choice([1, 2, 3])):
        loops = schedule.loops()
        if not loops:  # what the kernel says changes nothing
            break
        arrays = [a for a in schedule.arrays() if len(a.shape) > 0]
        name = rng.choice(["buffer_at"] * 4 + ["reuse_at"] * 4 + ["split"] * 2 + _OTHERS)
        loop, array = rng.choice(loops), rng.choice(arrays)
        before = schedule.module
        try:
            if name == "split":
                schedule.split(loop, rng.choice([2, 3]))
            elif name in ("reorder", "fuse"):
                getattr(schedule, name)(loop, rng.choice(loops))
            elif name in ("reverse", "distribute"):
                getattr(schedule, name)(loop)
            elif name == "skew":
                schedule.skew(loop, by=rng.choice(loops))
            elif name == "permute":
                schedule.permute(array, rng.sample(range(len(array.shape)), len(array.shape)))
            else:
                getattr(schedule, name)(array, loop)
            applied += 1
        except ScheduleError as error:
            assert schedule.module is before
            assert error.code != "TA260", f"seed {seed}: right, but not proved\n{source}\n{error}"
    try:
        agree(schedule, c=c)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}\n{source}\n{schedule.script()}\n{error}") from None
    return applied


@pytest.mark.parametrize("seed", [*range(_LONG), 5026, 6060, 6311])  # the last took isl minutes
def test_random_steps_keep_what_the_kernel_computes(seed: int) -> None:
    one_case(seed)


@pytest.mark.parametrize("seed", [*range(_LONG), 7006])
def test_random_steps_on_short_loops(seed: int) -> None:
    one_case(seed, c=seed % 10 == 0, short=True)


@pytest.mark.parametrize("seed", range(1000, 1004))
def test_compiled_text_agrees(seed: int) -> None:
    one_case(seed, c=True)


def test_functions_are_traced_once() -> None:
    assert functions.trace(compiled(random_source(random.Random(1)))).name == "kernel"
