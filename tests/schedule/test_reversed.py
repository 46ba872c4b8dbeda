"""Reversed dependences, looked at where they are: what is said to change a value does by brute force."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from random import Random

from brute import Instances
from common import schedule_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nests import random_program
from orders import other_order

import tracealloc as ta
from tracealloc.poly.dependence.legality import first_violation
from tracealloc.poly.proof.equivalence import free_sums
from tracealloc.poly.proof.reversed_dependence import changes_value
from tracealloc.schedule.core.primitive import ordered_dependences


def one_case(seed: int, seen: Counter[str]) -> None:
    rng = Random(seed)
    s = schedule_of(random_program(seed))
    if rng.random() < 0.3:
        s.reassociate()
    if rng.random() < 0.5:  # a copy between the two
        with suppress(ta.ScheduleError):
            s.buffer_at(rng.choice([a for a in s.arrays() if a.shape]), rng.choice(s.loops()))
    state = s.module.state(s.name)
    sums = free_sums(state.proof.base, state.model, state.proof.reassociate)
    by_hand = Instances(state.model, state.proof.reassociate)
    for _ in range(3):
        tree = other_order(rng, state.tree)
        binding, _ = ordered_dependences(state)
        found = first_violation(state.model, binding, tree)
        if found is None:
            continue
        changes = changes_value(state.model, (state.tree, tree), found, state.proof.base, sums)
        legal = by_hand.is_legal(state.tree, tree)
        assert not (changes and legal), f"{found} in the order of\n{tree}"
        seen["wrong" if not legal else "right", "seen" if changes else "not seen"] += 1  # type: ignore[index]


def test_a_read_of_what_is_reversed(long_mode: bool) -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=2000 if long_mode else 60,
        derandomize=not long_mode,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**40))
    def cases(seed: int) -> None:
        one_case(seed, seen)

    cases()
    # What it does not see the search for values finds; what is right it must never call wrong.
    assert seen["wrong", "seen"] > max(20, 5 * seen["wrong", "not seen"]), seen  # type: ignore[index]
    assert seen["right", "not seen"] > 0, seen  # type: ignore[index]
