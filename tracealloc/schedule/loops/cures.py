"""The nearest legal alternative to an illegal order: the skews or the shift that make it legal.

Candidates come from the distances of the dependences, so that few are tried; each is proved before it is
told to the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tracealloc.poly.dependence.dependence import Dependence, dependences_of
from tracealloc.poly.dependence.legality import carries, first_of_each_kind, places_of
from tracealloc.poly.model.tree import LoopNode, Tree, loops_in, loops_to, replace_loop, statements_of
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Cure, Edit, is_legal, ordered_dependences
from tracealloc.schedule.core.state import State
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary
from tracealloc.trace.queries.affine import constant, simplify

__all__ = [
    "Skew",
    "choices",
    "least_shifts",
    "skew_cures",
    "skew_text",
    "skewed",
    "skews_for",
    "transferred",
    "wavefront",
]

_FARTHEST = 4  # distances of the outer loop that a skew is computed from
_STEEPEST = 64  # a larger factor is no help to anybody


@dataclass(frozen=True)
class Skew:
    """Run the loop `inner` at ``inner + factor * outer``; both by key."""

    inner: str
    outer: str
    factor: int


def skewed(tree: Tree, skew: Skew) -> Tree | None:
    """`tree` with one loop skewed, or None where the outer loop is not around all of it."""
    loops = {loop.key: loop for loop in loops_in(tree)}
    values = dict(loops[skew.outer].exprs)
    inner = loops[skew.inner]
    if any(name not in values for name, _ in inner.exprs):
        return None
    made = {
        (own, far): simplify(Binary("+", own, Binary("*", constant(skew.factor), far, index), index))
        for own, far in dict.fromkeys((expr, values[name]) for name, expr in inner.exprs)
    }
    exprs = tuple((name, made[expr, values[name]]) for name, expr in inner.exprs)
    return replace_loop(tree, skew.inner, lambda found: replace(found, exprs=exprs))


def skews_for(state: State, chain: Sequence[LoopNode]) -> list[Skew]:
    """The least skews of the loops of a nest by those around them that let all of them change places."""
    tree, found = state.tree, []
    binding, _ = ordered_dependences(state, statements_of(chain[0]))
    for depth, inner in enumerate(chain):
        for outer in chain[:depth]:
            factor = _needed(state, tree, binding, outer.key, inner.key)
            if 0 < factor <= _STEEPEST:
                skew = Skew(inner.key, outer.key, factor)
                changed = skewed(tree, skew)
                if changed is not None:
                    tree = changed
                    found.append(skew)
    return found


def _needed(
    state: State, tree: Tree, deps: Sequence[Dependence], outer: str, inner: str, ahead: int = 0
) -> int:
    """The factor by which the inner loop must be skewed so that what the outer carries never goes back.

    `ahead` is how far it must go forward instead.
    """
    places, factor = places_of(state.model, tree), 0
    for dependence in first_of_each_kind(state.model, deps, tree):
        depths = [places.depth(dependence, key) for key in (outer, inner)]
        if depths[0] is None or depths[1] is None:
            continue
        if dependence.before.array.kind == "stream":
            return 0  # a skew that keeps the order of a queue leaves one iteration in each wavefront
        moved = places.moved(dependence).distances
        for distance in range(1, _FARTHEST + 1):
            low = moved.least(depths[0], distance, depths[1])
            if low is not None:
                factor = max(factor, -((low - ahead) // distance))
    return factor


def choices(skews: Sequence[Skew]) -> Iterator[tuple[Skew, ...]]:
    """One skew alone, then all but one, then all: the fewest first."""
    seen: set[tuple[Skew, ...]] = set()
    alone = [(skew,) for skew in skews]
    rest = [tuple(other for other in skews if other is not skew) for skew in skews]
    for choice in (*alone, *rest, tuple(skews)):
        if choice and choice not in seen:
            seen.add(choice)
            yield choice


def skew_text(edit: Edit, choice: Sequence[Skew]) -> str:
    """``s.skew("j", by="i", factor=2)``, as the user would write it."""
    loops = {loop.key: loop for loop in loops_in(edit.state.tree)}
    calls = []
    for skew in choice:
        size = "" if skew.factor == 1 else f", factor={skew.factor}"
        inner, outer = (user_name(edit, loops[key]) for key in (skew.inner, skew.outer))
        calls.append(f's.skew("{inner}", by="{outer}"{size})')
    return " and ".join(calls)


def skew_cures(edit: Edit, chain: Sequence[LoopNode], make: Callable[[Tree], Tree | None]) -> Iterator[Cure]:
    """Skews before a step; `make` gives the step's order of a tree in which loops of `chain` are skewed."""
    state = edit.state
    for choice in choices(skews_for(state, chain)):
        tree: Tree | None = state.tree
        for skew in choice:
            tree = skewed(tree, skew) if tree is not None else None
        made = make(tree) if tree is not None else None
        if made is not None:
            yield f"{skew_text(edit, choice)} first", made


def transferred(target: Tree, chain: Sequence[LoopNode]) -> Callable[[Tree], Tree | None]:
    """Take the values of the loops of `chain` over into `target`, an order of the same loops."""

    def make(tree: Tree) -> Tree | None:
        now = {loop.key: dict(loop.exprs) for loop in loops_in(tree)}
        made = target
        for loop in loops_in(target):
            if loop.key in {other.key for other in chain}:
                known = now[loop.key]
                exprs = tuple((name, known.get(name, expr)) for name, expr in loop.exprs)
                made = replace_loop(made, loop.key, lambda found, exprs=exprs: replace(found, exprs=exprs))  # type: ignore[misc]
        return made

    return make


def wavefront(edit: Edit, loop: LoopNode) -> tuple[str, LoopNode] | None:
    """A skew and an exchange of `loop` and a neighbour after which the inner of the two carries nothing.

    Gives the steps as the user would write them, and the loop that is then free.
    """
    state = edit.state
    loops = {each.key: each for each in loops_in(state.tree)}
    around = next((x for x in loops.values() if getattr(x.body, "key", None) == loop.key), None)
    pairs = [(loop, loop.body)] if isinstance(loop.body, LoopNode) else []
    pairs += [(around, loop)] if around is not None else []
    for outer, inner in pairs:
        binding, _ = ordered_dependences(state, statements_of(outer))
        least = _needed(state, state.tree, binding, outer.key, inner.key, ahead=1)
        if not 0 < least <= _STEEPEST:
            continue
        skew = Skew(inner.key, outer.key, least)
        tree = skewed(state.tree, skew)
        if tree is None:
            continue
        now = {each.key: each for each in loops_in(tree)}
        inside = replace(now[outer.key], body=now[inner.key].body)
        exchanged = replace(now[inner.key], body=inside, band=now[outer.key].band)
        tree = replace_loop(tree, outer.key, lambda _, made=exchanged: made)  # type: ignore[misc]
        names = [user_name(edit, inner), user_name(edit, outer)]
        among = dependences_of(state.model, statements_of(outer))
        if is_legal(state, tree) and not carries(state.model, among, tree, outer.key):
            return f'{skew_text(edit, [skew])}, s.reorder("{names[0]}", "{names[1]}")', outer
    return None


def least_shifts(state: State, tree: Tree, merged: str, late: frozenset[str]) -> list[int]:
    """Shifts of the statements `late` in the loop `merged` of `tree` that may let them come late enough."""
    places, least = places_of(state.model, tree), 0
    binding, _ = ordered_dependences(state, statements_of(loops_to(tree, merged)[-1]))
    between = [each for each in binding if each.sink in late and each.source not in late]
    for dependence in first_of_each_kind(state.model, between, tree):
        depth = places.depth(dependence, merged)
        low = None if depth is None else places.moved(dependence).distances.least(depth, None, depth)
        least = min(least, low or 0)
    return [-least, 1 - least] if least else [1]
