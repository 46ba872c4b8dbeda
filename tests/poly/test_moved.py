"""Wrong moves are found: what compute_at makes is damaged, and its proof must say what brute force says.

The proof looks only at what the step can have changed, so the damage may also be far from what is moved.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

import tracealloc as ta
from tests.poly.test_mutations import damaged, instances_alone, is_right, run, shortened
from tests.schedule.common import schedule_of
from tests.schedule.nests import Maker
from tests.schedule.steps import arguments
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.step_proof import moved_read
from tracealloc.schedule.loops.move_producer import Moving
from tracealloc.trace.ir.dtype import float32

SEEDS = range(40)


def hurt(rng: Random, model: Model, tree: Tree) -> tuple[Model, Tree]:
    """One thing changed: the order, a copy, or the last instance of any statement."""
    if rng.random() < 0.6:
        return damaged(rng, model, tree)
    victim = rng.choice(model.statements)
    if victim.domain.is_empty():
        return model, tree
    parts = tuple(shortened(s) if s is victim else s for s in model.statements)
    return replace(model, statements=parts), tree


@pytest.mark.parametrize("way", ["closed forms", "instances"])
def test_damaged_moves(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "instances":
        instances_alone(monkeypatch)
    seen: Counter[tuple[bool, bool]] = Counter()
    original = Moving.prove

    def prove(self: Moving, model: Model, tree: Tree, moved: dict[str, Statement]) -> None:
        state = self.state
        sources = {s.name: state.model.statement(name) for name, s in moved.items()}
        values = run(state.proof.base, state.proof.base.reference)
        copies = any(s.copy for s in state.model.statements)
        for kind in range(5):
            after = hurt(rng, model, tree) if kind else (model, tree)
            if any(s.copy and s.domain.is_empty() for s in after[0].statements):
                continue
            right = is_right(values, run(*after))
            wrong = moved_read(state.proof.base, (state.model, state.tree), after, sources, False)
            # Of one write brute force does not tell the elements apart.
            same = wrong is not None and wrong.expected == wrong.found is not None
            assert same or (wrong is None) == right, f"seed {seed}\n{state.proof.base.program}\n{wrong}"
            seen[right, copies] += 1
        original(self, model, tree, moved)

    monkeypatch.setattr(Moving, "prove", prove)
    for seed in SEEDS:
        rng = Random(seed)
        s = schedule_of(Maker(Random(seed), types=(float32,)).program())
        for name in rng.choice([["buffer_at", "compute_at", "compute_at"], ["compute_at"] * 3]):
            try:
                getattr(s, name)(*arguments(rng, s, name))
            except ta.ScheduleError:
                continue
    assert len(seen) == 4 and min(seen.values()) > 10, seen
