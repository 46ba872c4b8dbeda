"""Wrong schedules are found: random schedules are damaged, and the proof must say what brute force says."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from random import Random

import islpy as isl
import pytest

import tracealloc as ta
from tests.schedule.brute import Instances, evaluate, points
from tests.schedule.memory import schedule_of
from tests.schedule.test_memory_random import compiled, random_source
from tracealloc.poly.dataflow.solve import FINAL, INPUT
from tracealloc.poly.isl.budget import Spent
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import LoopNode, Sequence, Tree, loops_in, map_loops, replace_loop, restrict
from tracealloc.poly.proof import equivalence
from tracealloc.poly.proof.equivalence import Difference, difference
from tracealloc.schedule.loops import demand

Values = dict[Hashable, list[Hashable]]


def run(model: Model, tree: Tree) -> Values:
    """What every instance of the traced program reads each time it runs, and what is left at the end."""
    memory: dict[Hashable, Hashable] = {}
    seen: Values = {}
    for instance in Instances(model).ordered(tree):
        statement = model.statement(instance.name)
        if statement.copy:  # by its accesses: these are what is damaged
            (source,), (target,) = (
                touched(part, instance.values) for part in (statement.reads, statement.writes)
            )
            memory[target] = memory.get(source, (INPUT, source))
            continue
        values = tuple(memory.get(e, (INPUT, e)) for e in instance.reads)
        env = dict(zip(statement.dims, instance.values, strict=True))
        me = (statement.origin, tuple(evaluate(e, env) for e in statement.instance))
        seen.setdefault(me, []).append(values)
        memory |= dict.fromkeys(instance.writes, me)
    outputs = {array.key for array in model.outputs()}
    return seen | {(FINAL, e): [v] for e, v in memory.items() if e[0] in outputs}  # type: ignore[index]


def touched(accesses: tuple[Access, ...], values: tuple[int, ...]) -> list[Hashable]:
    """The elements that some accesses of one instance touch."""
    found: list[Hashable] = []
    for access in accesses:
        names = access.relation.domain().get_tuple_name()
        at = isl.Set(f"{{ {names}[{', '.join(map(str, values))}] }}").apply(access.relation)
        found += [(access.array.key, point) for point in points(at, at.dim(isl.dim_type.set))]
    return found


def is_right(base: Values, found: Values) -> bool:
    """Whether every read sees what it should, and everything is left as it should be."""
    finals = {k for v in (base, found) for k in v if k[0] == FINAL}  # type: ignore[index]
    left = all(base.get(k, [(INPUT, k[1])]) == found.get(k, [(INPUT, k[1])]) for k in finals)  # type: ignore[index]
    return left and all(k[0] == FINAL or all(v == base[k][0] for v in vs) for k, vs in found.items())  # type: ignore[index]


def damaged(rng: Random, model: Model, tree: Tree) -> tuple[Model, Tree]:
    """A model and a tree with one thing changed, which may or may not matter."""
    copies = [s for s in model.statements if s.copy]
    kind = rng.choice(["reverse", "swap", "drop", "short", "beside", "exchange"])
    if kind in ("drop", "short", "beside") and copies:
        copy = rng.choice(copies)
        if kind == "drop":
            kept = tuple(s for s in model.statements if s is not copy)
            rest = restrict(tree, frozenset(s.name for s in kept))
            assert rest is not None
            return replace(model, statements=kept, reference=rest), rest
        changed = shortened(copy) if kind == "short" else beside(copy)
        return replace(model, statements=tuple(changed if s is copy else s for s in model.statements)), tree
    if kind == "reverse":
        loop = rng.choice(list(loops_in(tree)))
        return model, replace_loop(tree, loop.key, lambda x: replace(x, descending=not x.descending))
    return model, swapped(rng, tree)


def shortened(copy: Statement) -> Statement:
    """A copy that forgets its last instance."""
    domain = copy.domain.subtract(copy.domain.lexmax())
    accesses = tuple(replace(a, relation=a.relation.intersect_domain(domain)) for a in copy.accesses)
    return replace(copy, domain=domain, accesses=accesses)


def beside(copy: Statement) -> Statement:
    """A copy from the element beside the right one, in all but the last instance."""
    moved = []
    for access in copy.accesses:
        relation = access.relation
        if not access.write:
            own = relation.domain()
            later = isl.Map.lex_gt(own.get_space()).intersect_domain(own).intersect_range(own)
            relation = (
                later.lexmax()
                .apply_range(relation)
                .union(relation.intersect_domain(own.subtract(later.domain())))
            )
        moved.append(replace(access, relation=relation))
    return replace(copy, accesses=tuple(moved))


def swapped(rng: Random, tree: Tree) -> Tree:
    """The tree with two neighbours in some block exchanged."""

    def change(node: Tree) -> Tree:
        if isinstance(node, Sequence) and len(node.children) > 1:
            k = rng.randrange(len(node.children) - 1)
            parts = list(node.children)
            parts[k], parts[k + 1] = parts[k + 1], parts[k]
            return Sequence(tuple(parts))
        return node

    def inside(loop: LoopNode) -> Tree:
        return replace(loop, body=change(loop.body))

    return change(tree) if rng.random() < 0.5 else map_loops(tree, inside)


def holds(base: Model, values: Values, found: Values, wrong: Difference) -> bool:
    """Whether a counterexample is one: the read sees something else than it should."""
    reader, at = wrong.reader
    key = (reader, at)
    if reader == FINAL:
        array = base.arrays[int(wrong.element[0][1:])]
        key = (FINAL, (array.key, wrong.element[1]))  # type: ignore[assignment]
        first = (INPUT, key[1])
        return values.get(key, [first]) != found.get(key, [first])
    return key in found and any(v != values[key][0] for v in found[key])


def instances_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let isl give no closed form, so that small models are followed and run instance by instance."""

    def spent(*_: object) -> None:
        raise Spent("a budget is used up")

    monkeypatch.setattr(equivalence, "_changed", spent)
    monkeypatch.setattr(demand, "_closure", spent)


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("way", ["closed forms", "instances"])
def test_damaged_schedules(way: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "instances":
        instances_alone(monkeypatch)
    rng = Random(seed)
    schedule = schedule_of(compiled(random_source(rng)))
    for _ in range(rng.choice([1, 2, 3])):
        loops, arrays = schedule.loops(), [a for a in schedule.arrays() if a.shape]
        name = rng.choice(["buffer_at", "buffer_at", "reuse_at", "split"])
        try:
            if name == "split":
                schedule.split(rng.choice(loops), rng.choice([2, 3]))
            else:
                getattr(schedule, name)(rng.choice(arrays), rng.choice(loops))
        except ta.ScheduleError:
            continue
    state = schedule.module.state(schedule.name)
    base = state.proof.base
    expected = run(base, base.reference)
    assert is_right(expected, run(state.model, state.tree))
    for _ in range(4):
        model, tree = damaged(rng, state.model, state.tree)
        if any(s.copy and s.domain.is_empty() for s in model.statements):
            continue
        found = run(model, tree)
        wrong = difference(base, base.reference, model, tree, free=False)
        assert (wrong is None) == is_right(expected, found), f"seed {seed}\n{schedule}\n{wrong}"
        assert wrong is None or holds(base, expected, found, wrong), f"seed {seed}\n{schedule}\n{wrong}"
