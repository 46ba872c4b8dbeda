"""Random nests, random steps: legality against brute force, results bit for bit, and the round trips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from common import check_round_trip, schedule_of
from deep_nests import rich_program
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nests import random_program
from queue_nests import queue_program
from short_nests import short_program
from steps import EXACT, ORDER, arguments, called, is_right

import tracealloc as ta
from tracealloc.poly.model.tree import loops_in
from tracealloc.trace.ir.program import Program

OTHERS = ("split", "fuse", "peel", "unroll", "pipeline", "buffer_at", "compute_at")
SEEDS = st.integers(0, 2**40)
QUIET = settings(
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)


def one_case(
    seed: int, patch: pytest.MonkeyPatch, seen: Counter[str], make: Callable[[int], Program] | None = None
) -> None:
    """A random program and up to four random steps, each checked; then proof, results and round trips."""
    rng = Random(seed)
    s = schedule_of((make or rng.choice([random_program, random_program, rich_program]))(seed))
    if rng.random() < 0.15:
        s.reassociate()
    made: list[object] = []
    for _ in range(rng.randint(1, 5)):
        name = rng.choice([*ORDER, *ORDER, *EXACT, *OTHERS])
        args = arguments(rng, s, name, made)
        expected = is_right(s, name, args, patch)
        loops = loops_in(s.module.state(s.name).tree)
        marked = any(loop.marks.parallel or loop.marks.vectorize for loop in loops)
        module, text = s.module, f"{name}{tuple(map(str, args))}"
        try:
            result = getattr(s, name)(*called(rng, s, args))
        except ta.IllegalScheduleError as error:
            assert s.module is module
            assert not expected or (marked and error.code == "TA211"), f"false refusal of {text}:\n{error}"
            seen["refused"] += 1
            continue
        except ta.ScheduleError as error:
            assert s.module is module
            assert expected is None, f"{text} was refused for another reason:\n{error}"
            seen["no sense"] += 1
            continue
        assert expected is not False, f"false acceptance of {text}:\n{s}"
        seen["accepted"] += 1
        made += [found for found in (result if isinstance(result, tuple) else (result,)) if found is not None]
    check_round_trip(s)


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
@pytest.mark.parametrize(
    ("make", "batch"),
    [*((None, n) for n in range(6)), *((make, n) for make in (queue_program, short_program) for n in (0, 1))],
    ids=lambda value: {None: "arrays", queue_program: "queues", short_program: "short"}.get(value),
)
def test_random_steps(
    make: Callable[[int], Program] | None, batch: int, long_mode: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Counter[str] = Counter()
    count = {None: 50, queue_program: 15, short_program: 30}[make]

    @settings(QUIET, max_examples=2_000 if long_mode else count, derandomize=not long_mode)
    @given(SEEDS)
    def cases(seed: int) -> None:
        one_case(seed + (batch << 40), monkeypatch, seen, make)  # the drawn ones are the same in each batch

    cases()
    assert min(seen["accepted"], seen["refused"]) > count // 20, seen


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
@pytest.mark.parametrize("seed", [139, 5740688, 51946131])
def test_cases_that_failed_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    one_case(seed, monkeypatch, seen)
    assert seen.total() > 0
