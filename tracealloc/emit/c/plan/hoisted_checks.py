"""One check before a loop in the place of a check in each iteration.

Where the bounds of a nest and a subscript are affine in its iterators and in values that the nest does not
change, the subscript's least and greatest value over the whole nest are known before it starts. If they lie
inside the array, the nest runs without that check; if not, as it would have run (and finds the access):

    for i in 0:n: y[i] = x[i]   ->   if n <= 1024: for i in 0:n: y[i] = x[i]   else: for i in 0:n: checked
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracealloc.emit.common.access_checks import Checks
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Index, as_integer
from tracealloc.trace.ir.expr import Binary, Cast, Const, Expr, IterRef, Unary, iters_of, loads_of
from tracealloc.trace.ir.program import (
    Array,
    Call,
    Loop,
    Node,
    Region,
    Slice,
    Store,
    blocks_of,
    expressions_of,
    touched_by,
    walk_nodes,
)
from tracealloc.trace.queries.affine import Linear

__all__ = ["Hoisted", "hoisted"]

_MOST_CONDITIONS = 12
_MOST_NODES = 60  # a nest of more is not written twice

_Part = Expr | Slice
_Proved = Mapping[int, frozenset[int]]
_Terms = tuple[tuple[Expr, int], ...]


@dataclass
class Hoisted:
    """What is checked before a nest: ``sum(terms) <= bound`` for each condition, as ``(terms, bound)``.

    `proved`: the dimensions, by the number of the check, that need no check in the nest then. `bounded`:
    the loops (by identity) whose iterators are subscripts of an array, and so end. `all`: nothing else in
    the nest is checked.
    """

    conditions: dict[_Terms, int] = field(default_factory=dict)
    proved: dict[int, frozenset[int]] = field(default_factory=dict)
    bounded: set[int] = field(default_factory=set)
    all: bool = True


def hoisted(nest: Loop, checks: Checks, proved: _Proved, aliased: bool) -> Hoisted | None:
    """The checks of a nest that can be made before it; None where there are none.

    `aliased`: a store to one array may change another.
    """
    nodes = list(walk_nodes((nest,)))
    if len(nodes) > _MOST_NODES:
        return None
    finder = _Finder(nodes, checks, proved, aliased)
    finder.node(nest, ())
    return finder.result()


class _Finder:
    def __init__(self, nodes: list[Node], checks: Checks, proved: _Proved, aliased: bool) -> None:
        self.checks, self.before, self.aliased = checks, proved, aliased
        self.bound = {node.iter for node in nodes if isinstance(node, Loop)}
        self.stored = _stored(nodes)
        self.open: set[tuple[int, int]] = set()  # (check, dimension): an access that cannot be hoisted
        self.found: dict[tuple[int, int], list[tuple[_Terms, int]]] = {}
        self.loops: dict[tuple[int, int], set[int]] = {}

    def result(self) -> Hoisted | None:
        hoisted = Hoisted(all=not self.open)
        for key, conditions in self.found.items():
            if key in self.open:
                continue
            number, dim = key
            hoisted.proved[number] = hoisted.proved.get(number, frozenset()) | {dim}
            hoisted.bounded |= self.loops[key]
            for terms, bound in conditions:
                hoisted.conditions[terms] = min(bound, hoisted.conditions.get(terms, bound))
        if not hoisted.proved or len(hoisted.conditions) > _MOST_CONDITIONS:
            return None
        return hoisted

    # The walk.

    def node(self, node: Node, around: tuple[Loop, ...]) -> None:
        for expr in expressions_of(node):
            self.expr(expr, around)
        if isinstance(node, Store):
            self.access(node.array, node.indices, node.place, True, around)
        if isinstance(node, Call):
            for part in (*node.args, *node.results):
                if isinstance(part, Region):
                    self.access(part.array, part.indices, node.place, True, around)
        inside = (*around, node) if isinstance(node, Loop) else around
        for block in blocks_of(node):
            for inner in block:
                self.node(inner, inside)

    def expr(self, expr: Expr, around: tuple[Loop, ...]) -> None:
        for load in loads_of(expr):
            self.access(load.array, load.indices, load.place, False, around)

    def access(
        self, array: Array, indices: tuple[_Part, ...], place: Place | None, stored: bool,
        around: tuple[Loop, ...],
    ) -> None:  # fmt: skip
        check = self.checks.find(array, indices, place, stored)
        if check is None:
            return
        for dim in check.dims - self.before.get(check.number, frozenset()):
            key = (check.number, dim)
            conditions = self.conditions(indices[dim], array.shape[dim], around)
            if conditions is None:
                self.open.add(key)
                continue
            self.found.setdefault(key, []).extend(conditions)
            part = indices[dim]
            its = iters_of(part.start if isinstance(part, Slice) else part)
            self.loops.setdefault(key, set()).update(id(loop) for loop in around if loop.iter in its)

    # The arithmetic.

    def conditions(
        self, part: _Part, extent: int, around: tuple[Loop, ...]
    ) -> list[tuple[_Terms, int]] | None:
        """When a subscript is inside for all iterations, or None where that is not known before."""
        index, more = (part.start, part.extent - 1) if isinstance(part, Slice) else (part, 0)
        form = self.form(index)
        if form is None:
            return None
        high, low = self.extreme(form, around, 1), self.extreme(form, around, -1)
        if high is None or low is None:
            return None
        bounds = [(high, extent - 1 - more - high.constant), (low.times(-1), low.constant)]
        if any(not end.terms and bound < 0 for end, bound in bounds):
            return None  # never: the check must find it
        return [(_sorted(end), bound) for end, bound in bounds if end.terms]

    def extreme(self, form: Linear, around: tuple[Loop, ...], sign: int) -> Linear | None:
        """The greatest (`sign` 1) or least (-1) value over the nest, in terms of what it does not change."""
        for loop in reversed(around):
            factor = dict(form.terms).get(IterRef(loop.iter), 0)
            if not factor:
                continue
            first = (factor * sign > 0) != (loop.step > 0)
            end = self.form(loop.start if first else loop.stop)
            if end is None:
                return None
            end = end if first else end.plus(Linear((), -1 if loop.step > 0 else 1))
            form = form.plus(Linear(((IterRef(loop.iter), 1),), 0), -factor).plus(end, factor)
        return None if any(iters_of(atom) & self.bound for atom, _ in form.terms) else form

    def form(self, expr: Expr) -> Linear | None:
        """A sum of iterators and of what the nest does not change; None where it is something else."""
        match expr:
            case IterRef(iter=iter_) if iter_ in self.bound:
                return Linear(((expr, 1),), 0)
            case Const(value=value) if as_integer(expr.dtype) is not None:
                return Linear((), int(value))
            case Cast(operand=operand, type=Index()) if as_integer(operand.dtype) is not None:
                return self.form(operand)
            case Unary(op="-", operand=operand):
                inner = self.form(operand)
                return None if inner is None else inner.times(-1)
            case Binary(op=("+" | "-") as op, left=left, right=right) if as_integer(expr.dtype) is not None:
                a, b = self.form(left), self.form(right)
                return None if a is None or b is None else a.plus(b, 1 if op == "+" else -1)
            case Binary(op="*", left=left, right=right) if as_integer(expr.dtype) is not None:
                a, b = self.form(left), self.form(right)
                if a is None or b is None or (a.terms and b.terms):
                    return self.unchanged(expr)
                return b.times(a.constant) if not a.terms else a.times(b.constant)
            case _:
                return self.unchanged(expr)

    def unchanged(self, expr: Expr) -> Linear | None:
        """An integer that has one value throughout the nest, and can be computed before it."""
        if as_integer(expr.dtype) is None or iters_of(expr) & self.bound:
            return None
        for load in loads_of(expr):
            array = load.array
            if array in self.stored or array.kind == "stream" or (self.aliased and array.rank > 0):
                return None
            if self.checks.find(array, load.indices, load.place, False) is not None:
                return None
        return Linear(((expr, 1),), 0)


def _sorted(form: Linear) -> _Terms:
    return tuple(sorted(form.terms, key=lambda term: (term[1] < 0, repr(term[0]))))


def _stored(nodes: list[Node]) -> set[Array]:
    """The arrays that a nest changes, or makes: these are not there before it."""
    return {array for node in nodes for array in touched_by(node)}
