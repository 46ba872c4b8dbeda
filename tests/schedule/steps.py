"""Random primitives with random arguments, and what brute force says of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from brute import Instances

import tracealloc as ta
from tracealloc.customize import Schedule
from tracealloc.poly.model.tree import LoopNode, Tree, loops_in
from tracealloc.poly.model.tree import Sequence as Block
from tracealloc.schedule.core.names import full_name, prefix_of
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import State
from tracealloc.schedule.session.handle import LoopHandle
from tracealloc.trace.ir.program import Loop, While

ORDER = ("reorder", "tile", "skew", "shift", "reverse", "merge", "distribute")
EXACT = (*ORDER, "parallel", "vectorize")


def _own(s: Schedule) -> list[str]:
    """The top function and those that were outlined from it."""
    return [s.name, *dict(s.module.state(s.name).functions())]


def nested_pair(rng: Random, s: Schedule) -> list[Any]:
    """Two loops of which one is around the other, or any two where there are none."""
    state = s.module.state(s.name)
    pairs = [(a.key, b.key) for a in loops_in(state.tree) for b in loops_in(a.body)]
    handles = {handle.key: handle for name in _own(s) for handle in s.loops(name)}
    if not pairs:
        return [rng.choice(s.loops()) for _ in range(2)]
    return [handles[key] for key in rng.choice(pairs)]


def nested_chain(rng: Random, s: Schedule) -> list[Any]:
    """Loops around one another, outermost first: two, three or four where there are as many."""
    state = s.module.state(s.name)
    handles = {handle.key: handle for name in _own(s) for handle in s.loops(name)}
    loops = [loop.key for loop in loops_in(state.tree)]
    inner = rng.choice(loops) if loops else ""
    above = [loop.key for loop in loops_in(state.tree) if any(i.key == inner for i in loops_in(loop))]
    if len(above) < 2:
        return nested_pair(rng, s)
    first = rng.randint(0, len(above) - 2)
    return [handles[key] for key in above[first : first + rng.choice([2, 3, 3, 4])]]


def called(rng: Random, s: Schedule, values: Any) -> Any:
    """Handles, some of them replaced by the names that mean the same."""
    if isinstance(values, list | tuple):
        return type(values)(called(rng, s, value) for value in values)
    if isinstance(values, LoopHandle) and rng.random() < 0.4:
        state = s.module.state(values.function)
        loop = next((loop for loop in state.loops() if loop.key == values.key), None)
        return values if loop is None else prefix_of(s.module, values.function, loop) + full_name(state, loop)
    return values


def arguments(rng: Random, s: Schedule, name: str, made: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Random arguments of a primitive; `made` are loops that earlier steps gave, to be used now and then."""
    loops = s.loops()
    known = [loop for loop in loops if loop in made]
    one = rng.choice(known if known and rng.random() < 0.4 else loops)
    pair = nested_pair(rng, s)
    match name:
        case "reorder":
            chain = list(dict.fromkeys([*pair, *nested_chain(rng, s)][: rng.choice([2, 2, 3, 4])]))
            rng.shuffle(chain)
            return tuple(chain) if len(chain) > 1 else (pair[1], pair[0])
        case "tile":
            chain = rng.choice([pair, nested_chain(rng, s), [one]])
            return chain, rng.choice([2, [rng.randint(1, 4) for _ in chain]])
        case "skew":
            rng.shuffle(pair)
            return (*pair, rng.choice([1, 1, 2, -1, -2]))
        case "shift":
            return one, rng.randint(-4, 4)
        case "merge":
            return rng.choice(neighbours(s) or [(one, rng.choice(loops))])
        case "split":
            return one, rng.randint(1, 5)
        case "distribute":
            return rng.choice([(one,), (one,), (one, rng.randint(1, 3)), (one, [1, 2])])
        case "peel":
            return one, rng.choice([1, 2, 3, -1, -2])
        case "fuse":
            return tuple(rng.choice([pair, nested_chain(rng, s)]))
        case "unroll":
            return one, rng.choice([None, 2, 3])
        case "compute_at":
            nests = neighbours(s)
            if nests and rng.random() < 0.6:
                return rng.choice(nests)
            return rng.choice([*loops, *(a for a in s.arrays() if a.shape)]), one
        case "buffer_at":
            return rng.choice([a for a in s.arrays() if a.shape]), one
        case _:
            return (one,)


def neighbours(s: Schedule) -> list[tuple[Any, Any]]:
    """Pairs of loops in one block, the first before the second."""
    handles = {handle.key: handle for name in _own(s) for handle in s.loops(name)}
    found: list[tuple[Any, Any]] = []

    def visit(tree: Tree) -> None:
        if isinstance(tree, LoopNode):
            visit(tree.body)
        if isinstance(tree, Block):
            keys = [child.key for child in tree.children if isinstance(child, LoopNode)]
            found.extend((handles[a], handles[b]) for k, a in enumerate(keys) for b in keys[k + 1 :])
            for child in tree.children:
                visit(child)

    visit(s.module.state(s.name).tree)
    return found


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
    if any(isinstance(statement.node, Loop | While) for statement in state.model.statements):
        return None
    if name in ("parallel", "vectorize"):
        loop = next(loop for loop in state.loops() if loop.key == args[0].key)
        if not isinstance(loop, LoopNode):
            return None
        return not Instances(state.model).carries(state.tree, loop.key)
    if name not in ORDER or name == "shift":
        return None
    trees = candidates(s, lambda copy: getattr(copy, name)(*args), patch)
    if not trees:
        return None
    freely, strictly = (Instances(state.model, state.proof.reassociate, mixed) for mixed in (True, False))
    if not any(freely.is_legal(state.tree, tree) for tree in trees):
        # Brute force takes what a buffer's copy carries for a new value: a free sum that goes through one
        # is looked through by the proof only.
        through = any(statement.copy for statement in state.model.statements)
        sums = any(instance.sum is not None for instance in freely.all)
        return None if through and sums else False
    # Where sums and products meet in one array, proofs by values may be stricter than dependences.
    return True if any(strictly.is_legal(state.tree, tree) for tree in trees) else None
