"""The schedule tree: frozen, ours; isl only sees its text.

    Tree := LoopNode(loop fields, body) | Sequence(children) | Leaf(statement)

A loop maps each statement below it to a quasi-affine expression over that statement's own iterators
(``i // 4`` for the outer loop of a split), so a change of order never touches domains, accesses or
dependences. A loop is a first-class named thing: identity is `key`, which survives later primitives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as Listed
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias, assert_never

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Expr, Iter, IterRef
from tracealloc.trace.ir.layout import UNMARKED, Marks

__all__ = [
    "Leaf",
    "LoopNode",
    "Path",
    "Sequence",
    "Tree",
    "Values",
    "affected",
    "upwards",
    "counted_by",
    "leaves",
    "loops_above",
    "loops_in",
    "loops_to",
    "map_loops",
    "nest",
    "path_to",
    "path_to_loop",
    "renamed_leaves",
    "replace_loop",
    "restrict",
    "sequence",
    "statements_of",
    "with_statements_at",
]


@dataclass(frozen=True)
class LoopNode:
    """One loop over the statements below it, ordered by `exprs` (downwards if `descending`).

    `step` is the distance of neighbouring values.
    """

    key: str
    name: str
    exprs: tuple[tuple[str, Expr], ...]
    body: Tree
    descending: bool = False
    band: str | None = None
    reduction: bool = False
    step: int = 1
    marks: Marks = UNMARKED
    place: Place | None = field(default=None, compare=False)

    def expr(self, statement: str) -> Expr:
        """The loop's value for the instances of a statement."""
        return self._of[statement]

    @cached_property
    def _of(self) -> dict[str, Expr]:
        return dict(reversed(self.exprs))

    @cached_property
    def inside(self) -> tuple[tuple[LoopNode, ...], tuple[str, ...]]:
        """The loops and the statements below it, in textual order: asked for all the time."""
        return tuple(loops_in(self.body)), tuple(leaves(self.body))

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_of", "inside")}


@dataclass(frozen=True, slots=True)
class Sequence:
    """Children one after the other."""

    children: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One instance of a statement."""

    statement: str


Tree: TypeAlias = LoopNode | Sequence | Leaf
Path: TypeAlias = tuple[tuple[Tree, int], ...]
"""Nodes from the root to a node, each with the position of the child taken (0 for loops)."""
Values: TypeAlias = Mapping[str, tuple[tuple[str, Expr], ...]]
"""By the keys of loops: statements, and the loop's values for their instances."""


def sequence(children: list[Tree] | tuple[Tree, ...]) -> Tree:
    """Children in order: nested sequences flattened, a single child alone."""
    flat: list[Tree] = []
    for child in children:
        flat += child.children if isinstance(child, Sequence) else (child,)
    return flat[0] if len(flat) == 1 else Sequence(tuple(flat))


def leaves(tree: Tree) -> Iterator[str]:
    """The statements of a tree, in textual order."""
    match tree:
        case LoopNode():
            yield from tree.inside[1]
        case Sequence(children):
            for child in children:
                yield from (child.statement,) if isinstance(child, Leaf) else leaves(child)
        case Leaf(statement):
            yield statement
        case _:
            assert_never(tree)


def statements_of(tree: Tree) -> frozenset[str]:
    """The statements of a tree, as a set."""
    return frozenset(leaves(tree))


def loops_in(tree: Tree) -> Iterator[LoopNode]:
    """The loops of a tree, outermost first, in textual order."""
    match tree:
        case LoopNode():
            yield tree
            yield from tree.inside[0]
        case Sequence(children):
            for child in children:
                if not isinstance(child, Leaf):
                    yield from loops_in(child)
        case Leaf():
            pass
        case _:
            assert_never(tree)


def path_to(tree: Tree, wanted: Callable[[Tree], bool]) -> Path | None:
    """The path from the root to the first node that is wanted (that node last, with position 0)."""
    if wanted(tree):
        return ((tree, 0),)
    match tree:
        case Leaf():
            return None
        case LoopNode(body=body):
            rest = path_to(body, wanted)
            return None if rest is None else ((tree, 0), *rest)
        case Sequence(children):
            for position, child in enumerate(children):
                rest = path_to(child, wanted)
                if rest is not None:
                    return ((tree, position), *rest)
            return None
        case _:
            assert_never(tree)


def path_to_loop(tree: Tree, key: str) -> Path:
    """The path from the root to the loop `key`, which is in the tree."""
    path = path_to(tree, lambda node: isinstance(node, LoopNode) and node.key == key)
    assert path is not None, key
    return path


def loops_to(tree: Tree, key: str) -> tuple[LoopNode, ...]:
    """The loops from the outermost down to the loop `key`, itself included."""
    return tuple(node for node, _ in path_to_loop(tree, key) if isinstance(node, LoopNode))


def upwards(loops: Iterable[LoopNode]) -> tuple[LoopNode, ...]:
    """Loops whose positions are their values: those of a descending one run against these."""
    return tuple(replace(loop, descending=False) for loop in loops)


def loops_above(tree: Tree, statement: str) -> tuple[LoopNode, ...]:
    """The loops around a statement, outermost first."""
    path = path_to(tree, lambda node: isinstance(node, Leaf) and node.statement == statement)
    assert path is not None, statement
    return tuple(node for node, _ in path if isinstance(node, LoopNode))


def map_loops(tree: Tree, change: Callable[[LoopNode], Tree]) -> Tree:
    """Rebuild the tree bottom up, every loop replaced by ``change(loop)``."""
    match tree:
        case Leaf():
            return tree
        case LoopNode(body=body):
            inner = map_loops(body, change)
            return change(tree if inner is body else replace(tree, body=inner))
        case Sequence(children):
            changed = [map_loops(child, change) for child in children]
            if all(a is b for a, b in zip(changed, children, strict=True)):
                return tree
            return sequence(changed)
        case _:
            assert_never(tree)


def renamed_leaves(tree: Tree, names: Mapping[str, str]) -> Tree:
    """The tree over statements of other names; its loops still go by the old ones."""
    match tree:
        case Leaf(statement):
            return Leaf(names[statement])
        case LoopNode(body=body):
            return replace(tree, body=renamed_leaves(body, names))
        case Sequence(children):
            return Sequence(tuple(renamed_leaves(child, names) for child in children))


def replace_loop(tree: Tree, key: str, change: Callable[[LoopNode], Tree]) -> Tree:
    """The tree with the loop `key` replaced by ``change(loop)``."""
    match tree:
        case Leaf():
            return tree
        case LoopNode(body=body):
            if tree.key == key:
                return change(tree)
            inner = replace_loop(body, key, change)
            return tree if inner is body else replace(tree, body=inner)
        case Sequence(children):
            for position, child in enumerate(children):
                changed = replace_loop(child, key, change)
                if changed is not child:
                    return sequence([*children[:position], changed, *children[position + 1 :]])
            return tree
        case _:
            assert_never(tree)


def with_statements_at(
    tree: Tree,
    key: str,
    values: Values,
    before: Listed[Tree],
    after: Listed[Tree] = (),
    *,
    beside: bool = False,
) -> Tree:
    """The tree with nests at both ends of the body of the loop `key` (`beside`: of the loop itself).

    `values` are those of the loops around the nests for the statements in these.
    """

    def change(loop: LoopNode) -> Tree:
        if loop.key in values:
            loop = replace(loop, exprs=(*loop.exprs, *values[loop.key]))
        if loop.key != key:
            return loop
        if beside:
            return sequence([*before, loop, *after])
        return replace(loop, body=sequence([*before, loop.body, *after]))

    return map_loops(tree, change)


def counted_by(loops: Listed[LoopNode], its: Listed[Iter], statements: Iterable[str]) -> Values:
    """The values of loops for statements whose iterators `its` are these values."""
    names = tuple(statements)
    return {
        loop.key: tuple((name, IterRef(it)) for name in names) for loop, it in zip(loops, its, strict=True)
    }


def nest(
    body: Tree,
    loops: Listed[tuple[Iter, Mapping[str, Expr]]],
    innermost: Marks = UNMARKED,
    others: Marks = UNMARKED,
    *,
    descending: bool = False,
    band: str | None = None,
) -> Tree:
    """Loops around `body`, the outermost first, each with its values for the statements of the body."""
    for number, (it, values) in enumerate(reversed(loops)):
        marks = others if number else innermost
        outermost = band if number + 1 == len(loops) else None
        exprs = tuple(values.items())
        body = LoopNode(it.key, it.name, exprs, body, descending=descending, band=outermost, marks=marks)
    return body


def affected(old: Tree, new: Tree) -> frozenset[str]:
    """Statements such that only pairs of these can have changed their order from one tree to the other."""
    if old is new or old == new:
        return frozenset()
    if isinstance(old, Sequence) and isinstance(new, Sequence):
        mine, other = list(old.children), list(new.children)
        while mine and other and mine[0] == other[0]:
            del mine[0], other[0]
        while mine and other and mine[-1] == other[-1]:
            del mine[-1], other[-1]
        if len(mine) == len(other) == 1:
            return affected(mine[0], other[0])
        return frozenset().union(*(statements_of(child) for child in (*mine, *other)))
    if isinstance(old, LoopNode) and isinstance(new, LoopNode) and replace(old, body=new.body) == new:
        return affected(old.body, new.body)
    return statements_of(old) | statements_of(new)


def restrict(tree: Tree, keep: frozenset[str]) -> Tree | None:
    """The tree with only some statements; loops around none of them vanish."""
    match tree:
        case Leaf(statement):
            return tree if statement in keep else None
        case LoopNode(body=body):
            inner = restrict(body, keep)
            if inner is None:
                return None
            exprs = tuple(pair for pair in tree.exprs if pair[0] in keep)
            return tree if inner is body else replace(tree, body=inner, exprs=exprs)
        case Sequence(children):
            kept = [inner for child in children if (inner := restrict(child, keep)) is not None]
            return sequence(kept) if kept else None
        case _:
            assert_never(tree)
