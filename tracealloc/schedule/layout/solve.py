"""The least values that serve all that was asked, over any graph and lattice (Kildall 1973).

Nodes ask for values, edges pass them on, a lattice says which value serves two that were asked: the result
does not depend on the order. Nothing here knows what a layout is.

    A asks cyclic 4, B asks cyclic 6, A -> B   gives   A: cyclic 4, B: cyclic 12
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Edge", "Solved", "solve"]

Node = TypeVar("Node", bound=Hashable)
Value = TypeVar("Value")
Reason = TypeVar("Reason")

Join = Callable[[Value, Value], Value | None]
"""The least value that serves both; None: there is none. Associative, commutative, idempotent."""


@dataclass(frozen=True, slots=True)
class Edge(Generic[Node, Value]):
    """What a node asks of another one, given its own value; None: nothing. Monotone."""

    target: Node
    passes: Callable[[Value], Value | None]


@dataclass(frozen=True, slots=True)
class Solved(Generic[Value, Reason]):
    """The least value that serves all of `asked` (None: there is none).

    `asked` are the greatest values that were asked here, each with its reason: the others are served too.
    """

    value: Value | None
    asked: tuple[tuple[Value, Reason], ...]


def solve(
    given: Iterable[tuple[Node, Value, Reason]],
    join: Callable[[Node], Join[Value]],
    edges: Mapping[Node, Iterable[Edge[Node, Value]]] | None = None,
) -> dict[Node, Solved[Value, Reason]]:
    """Solve what is `given` over `edges`; `join` gives the lattice of a node."""
    edges = edges or {}
    found: dict[Node, list[tuple[Value, Reason]]] = {}
    queue = deque(given)
    while queue:
        node, value, reason = queue.popleft()
        known, both = found.setdefault(node, []), join(node)
        if (value, reason) in known or any(old != value and both(old, value) == old for old, _ in known):
            continue
        known[:] = [each for each in known if each[0] == value or both(each[0], value) != value]
        known.append((value, reason))
        for edge in edges.get(node, ()):
            passed = edge.passes(value)
            if passed is not None:
                queue.append((edge.target, passed, reason))
    return {node: Solved(_joined(asked, join(node)), tuple(asked)) for node, asked in found.items()}


def _joined(asked: list[tuple[Value, Reason]], join: Join[Value]) -> Value | None:
    value: Value | None = asked[0][0]
    for other, _ in asked[1:]:
        if value is not None:
            value = join(value, other)
    return value
