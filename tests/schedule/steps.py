"""Random primitives with random arguments, and what brute force says of each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from brute import Instances

import tracealloc as ta
from tracealloc.customize import Schedule
from tracealloc.poly.tree import LoopNode, Tree, loops_in
from tracealloc.schedule.primitive import Edit
from tracealloc.schedule.state import State

ORDER = ("reorder", "tile", "skew", "shift", "reverse", "merge", "distribute")
EXACT = (*ORDER, "parallel", "vectorize")


def nested_pair(rng: Random, s: Schedule) -> list[Any]:
    """Two loops of which one is around the other, or any two where there are none."""
    state = s.module.state(s.name)
    pairs = [(a.key, b.key) for a in loops_in(state.tree) for b in loops_in(a.body)]
    handles = {handle.key: handle for handle in s.loops()}
    if not pairs:
        return [rng.choice(s.loops()) for _ in range(2)]
    return [handles[key] for key in rng.choice(pairs)]


def arguments(rng: Random, s: Schedule, name: str) -> tuple[Any, ...]:
    """Random arguments of a primitive."""
    loops = s.loops()
    one = rng.choice(loops)
    pair = nested_pair(rng, s)
    match name:
        case "reorder":
            chain = list(dict.fromkeys([*pair, *nested_pair(rng, s)][: rng.choice([2, 2, 3])]))
            rng.shuffle(chain)
            return tuple(chain) if len(chain) > 1 else (pair[1], pair[0])
        case "tile":
            return pair, [rng.randint(1, 4) for _ in pair]
        case "skew":
            rng.shuffle(pair)
            return (*pair, rng.choice([1, 1, 2, -1]))
        case "shift":
            return one, rng.randint(-4, 4)
        case "merge":
            return tuple(rng.sample(loops, 2)) if len(loops) > 1 else (one, one)
        case "split":
            return one, rng.randint(1, 5)
        case "peel":
            return one, rng.randint(1, 3)
        case "fuse":
            return tuple(pair)
        case "unroll":
            return one, rng.choice([None, 2, 3])
        case "compute_at":
            return rng.choice([*loops, *(a for a in s.arrays() if a.shape)]), one
        case "buffer_at":
            return rng.choice([a for a in s.arrays() if a.shape]), one
        case _:
            return (one,)


class Captured(Exception):
    """Stands for the refusal of every candidate order."""


def candidates(s: Schedule, call: Callable[[Schedule], Any], patch: pytest.MonkeyPatch) -> list[Tree]:
    """The orders that a primitive would try, without their proofs."""
    found: list[Tree] = []

    def reordered(self: Edit, tree: Tree, how: str, cures: Any = ()) -> State:
        found.append(tree)
        raise ta.IllegalScheduleError("TA000", "captured")

    with patch.context() as inside:
        inside.setattr(Edit, "reordered", reordered)
        with suppress(ta.TraceallocError):
            call(s.copy())
    return found


def is_right(s: Schedule, name: str, args: tuple[Any, ...], patch: pytest.MonkeyPatch) -> bool | None:
    """What brute force says of a step: legal, illegal, or None where it has nothing to say."""
    state = s.module.state(s.name)
    if name in ("parallel", "vectorize"):
        loop = next(loop for loop in state.loops() if loop.key == args[0].key)
        assert isinstance(loop, LoopNode)
        return not Instances(state.model).carries(state.tree, loop.key)
    if name not in ORDER or name == "shift":
        return None
    trees = candidates(s, lambda copy: getattr(copy, name)(*args), patch)
    if not trees:
        return None
    freely, strictly = (Instances(state.model, state.reassociate, mixed) for mixed in (True, False))
    if not any(freely.is_legal(state.tree, tree) for tree in trees):
        # Brute force takes what a buffer's copy carries for a new value: a free sum that goes through one
        # is looked through by the proof only.
        through = any(statement.copy for statement in state.model.statements)
        return None if through and state.reassociate else False
    # Where sums and products meet in one array, proofs by values may be stricter than dependences.
    return True if any(strictly.is_legal(state.tree, tree) for tree in trees) else None
