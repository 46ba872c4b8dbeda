"""Neighbours in the text that differ in nothing but names: isl makes loops for the first of them only.

isl's generator takes a time that grows with the number of statements times the trouble that each loop
around them is. Parts of a sequence that follow one another, run over the same values and are built alike
get the same loops: the first stands for all, and its loops are read once for each (its `twins`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.dependence.dependence import time_text
from tracealloc.poly.isl.named import renamed
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Leaf, LoopNode, Tree, restrict, statements_of
from tracealloc.poly.model.tree import Sequence as Seq

__all__ = ["Names", "Reduced", "reduced"]

Names: TypeAlias = Mapping[str, str]
"""Loop keys and statements of one part -> those of another that is built alike."""


@dataclass(frozen=True)
class Reduced:
    """`model` and `tree` with the first of each row of alike parts only.

    `twins` are the rows, by the key of the loop (or the name of the statement) that stands for them:
    what the others are called in the terms of the first. `first` says what stands for a loop.
    """

    model: Model
    tree: Tree
    twins: Mapping[str, tuple[Names, ...]]
    first: Names

    def own(self, keys: frozenset[str]) -> frozenset[str]:
        """Those of some loops that are in `tree`."""
        return frozenset(key for key in keys if key not in self.first)

    def all_of(self, keys: Iterable[str]) -> frozenset[str]:
        """Some loops of `tree` and all for which they stand."""
        wanted = frozenset(keys)
        return wanted | {key for key in self.first if self._stands(key) in wanted}

    def _stands(self, key: str) -> str:
        while key in self.first:
            key = self.first[key]
        return key


def reduced(model: Model, tree: Tree) -> Reduced:
    """The model and tree of which isl is to make loops."""
    found = _Shapes(model)
    found.shape(tree, ())
    if not found.twins:
        return Reduced(model, tree, {}, {})
    kept = found.kept(tree)
    small = restrict(tree, kept)
    assert small is not None
    statements = tuple(s for s in model.statements if s.name in kept)
    return Reduced(replace(model, statements=statements), small, found.twins, found.first)


_Shape: TypeAlias = tuple[object, ...]


@dataclass
class _Shapes:
    """Numbers the parts of a tree such that parts with one number differ in names alone."""

    model: Model
    numbers: dict[_Shape, int] = field(default_factory=dict)
    domains: list[isl.Set] = field(default_factory=list)
    twins: dict[str, tuple[Names, ...]] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def shape(self, node: Tree, above: tuple[LoopNode, ...]) -> int:
        """The number of a part; rows of alike parts in it are noted."""
        return self.numbers.setdefault(self._of(node, above), len(self.numbers))

    def _of(self, node: Tree, above: tuple[LoopNode, ...]) -> _Shape:
        match node:
            case Leaf(name):
                statement = self.model.statement(name)
                values = tuple(time_text(statement, loop) for loop in above)
                return ("leaf", self._domain(statement), *values)
            case LoopNode(descending=down, body=body):
                return ("loop", down, self.shape(body, (*above, node)))
            case Seq(children):
                shapes = [self.shape(child, above) for child in children]
                for _, row in groupby(zip(children, shapes, strict=True), key=lambda pair: pair[1]):
                    self._note([child for child, _ in row])
                return ("sequence", *shapes)

    def _domain(self, statement: Statement) -> int:
        """The number of a domain among those that are not equal by their looks."""
        own = renamed(statement.domain, "S")
        for number, known in enumerate(self.domains):
            if own.plain_is_equal(known):
                return number
        self.domains.append(own)
        return len(self.domains) - 1

    def _note(self, row: list[Tree]) -> None:
        if len(row) == 1:
            return
        names = [list(_names(part)) for part in row]
        self.twins[names[0][0]] = tuple(dict(zip(names[0], own, strict=True)) for own in names[1:])
        for own in names[1:]:
            self.first.update(zip(own, names[0], strict=True))

    def kept(self, tree: Tree) -> frozenset[str]:
        """The statements that stand for themselves."""
        return frozenset(name for name in statements_of(tree) if name not in self.first)


def _names(part: Tree) -> Iterator[str]:
    """What the loops and statements of a part are called, in textual order."""
    match part:
        case Leaf(name):
            yield name
        case LoopNode(key=key, body=body):
            yield key
            yield from _names(body)
        case Seq(children):
            for child in children:
                yield from _names(child)
