"""Random orders of random nests with queues: the proof says what brute force says of each."""

from __future__ import annotations

from random import Random

import pytest
from brute import Instances
from common import schedule_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orders import other_order
from queue_nests import queue_program

from tracealloc.check.verify import verify_module


@pytest.mark.filterwarnings("ignore::tracealloc.TraceallocWarning")
def test_orders_of_queues_against_brute_force(long_mode: bool) -> None:
    seen = {True: 0, False: 0}

    @settings(
        max_examples=5000 if long_mode else 25,
        derandomize=not long_mode,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**40))
    def cases(seed: int) -> None:
        s = schedule_of(queue_program(seed))
        state = s.module.state(s.name)
        tree = other_order(Random(seed), state.tree)
        freely, strictly = (Instances(state.model, mixed=mixed) for mixed in (True, False))
        right = strictly.is_legal(state.tree, tree)
        proof = verify_module(s.module.with_state(s.name, state.with_tree(tree)))
        if proof:
            assert right or freely.is_legal(state.tree, tree), f"{s}\n{tree}"
        else:
            assert not right, f"{s}\n{tree}\n{proof}"
        seen[right] += 1

    cases()
    assert min(seen.values()) > 2, seen
