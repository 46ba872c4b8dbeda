"""What one iteration of a pipelined loop accesses, once all loops and calls inside it are unrolled.

Subscripts are linear forms; those of all copies of a statement differ in their constants alone, so a loop
with a million iterations is a few arrays of constants and not a million forms. Where copies differ in more
(a remainder of an iterator that runs, say) they are looked at one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import (
    Binary,
    Const,
    Expr,
    Iter,
    IterRef,
    Load,
    Unary,
    iters_of,
    loads_of,
    substitute,
)
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    While,
    read_by,
    walk_nodes,
)
from tracealloc.trace.queries.affine import Linear, constant, expression, linear, range_of

__all__ = ["Accesses", "Form", "Ints", "Iteration", "Ranges"]

Ints: TypeAlias = NDArray[np.int64]
Terms: TypeAlias = tuple[tuple[Expr, int], ...]
Form: TypeAlias = tuple[Terms, ...]
"""The terms of an access's subscripts; the constants go with it."""
Ranges: TypeAlias = Mapping[Iter, tuple[int, int]]

_CHUNK = 1 << 19
"""So many copies of a statement are looked at together."""
_LIMIT = 1 << 24
"""Of a loop that unrolls to more copies of statements, only the first are counted."""
_SINGLE = 64
"""What a copy costs that is looked at on its own."""
_LONGEST = 1 << 62
"""How long an iteration takes: times are parts of it."""


class _Apart(Exception):
    """Copies of a statement differ in more than constants."""


@dataclass(frozen=True)
class _Value:
    """A linear form in every copy: the same terms, and a constant each (one for all: of no dimension)."""

    terms: Terms
    constants: Ints

    def plus(self, other: _Value, factor: int = 1) -> _Value:
        terms = Linear(self.terms, 0).plus(Linear(other.terms, 0), factor).terms
        return _Value(terms, self.constants + factor * other.constants)

    def at(self, copies: Ints) -> _Value:
        return self if self.constants.ndim == 0 else _Value(self.terms, self.constants[copies])


@dataclass(frozen=True)
class _View:
    """What a parameter stands for: an array, and per dimension its subscript or (True) a slice's start."""

    array: Array
    parts: tuple[tuple[_Value, bool], ...]

    def at(self, copies: Ints) -> _View:
        return _View(self.array, tuple((part.at(copies), cut) for part, cut in self.parts))


@dataclass(frozen=True)
class _Copies:
    """Copies of a block: the values of unrolled iterators, what parameters are, and when each begins.

    All that a copy does comes before its `clock` + `width`.
    """

    values: dict[Iter, _Value]
    views: dict[Array, _View]
    clock: Ints
    width: int

    def at(self, copies: Ints) -> _Copies:
        return _Copies(
            {it: value.at(copies) for it, value in self.values.items()},
            {array: view.at(copies) for array, view in self.views.items()},
            self.clock[copies],
            self.width,
        )

    def later(self, steps: int | Ints, of: int) -> _Copies:
        """The same copies, at a part of `of` (all at one, or each at its own)."""
        width = self.width // max(1, of)
        return replace(self, clock=self.clock + steps * width, width=width)


@dataclass
class Accesses:
    """Distinct accesses: for the terms of their subscripts the constants, and when each comes first."""

    found: dict[Form, list[tuple[Ints, Ints]]] = field(default_factory=dict)
    loose: int = 0

    def add(self, form: Form, constants: Ints, clock: Ints) -> None:
        """More accesses, one for each row."""
        self.found.setdefault(form, []).append(_distinct([(constants, clock)]))
        self.loose += len(self.found[form][-1][0])
        if self.loose > _CHUNK:
            self.found = {key: [_distinct(parts)] for key, parts in self.found.items()}
            self.loose = 0

    def rows(self) -> dict[Form, tuple[Ints, Ints]]:
        """All accesses: their constants, and the time of the first of each."""
        return {form: _distinct(parts) for form, parts in self.found.items()}


def _distinct(parts: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """Rows without repetitions, in order, each with its earliest time."""
    constants, clock = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    if len(constants) < 2:
        return constants, clock
    low = constants.min(axis=0)
    spans = constants.max(axis=0) - low + 1
    size = math.prod(int(span) for span in spans)
    if size <= 4 * len(constants) + 1024:
        earliest = np.full(size, np.iinfo(np.int64).max)
        np.minimum.at(earliest, np.ravel_multi_index(tuple((constants - low).T), tuple(spans)), clock)
        kept = np.flatnonzero(earliest != np.iinfo(np.int64).max)
        return np.stack(np.unravel_index(kept, tuple(spans)), axis=1) + low, earliest[kept]
    order = np.lexsort((clock, *constants.T[::-1]))
    constants, clock = constants[order], clock[order]
    first = np.concatenate([[True], np.any(constants[1:] != constants[:-1], axis=1)])
    return constants[first], clock[first]


class Iteration:
    """The accesses of an iteration, by array; `homes` says which program an array is stored in."""

    def __init__(self, program: Program, ranges: Ranges) -> None:
        self.program, self.ranges = program, ranges
        self.reads: dict[Array, Accesses] = {}
        self.writes: dict[Array, Accesses] = {}
        self.homes: dict[Array, Program] = {}
        self.arrays: dict[Array, None] = {}
        self.complete = True
        self._left = _LIMIT
        self._forms: dict[int, Linear | None] = {}
        self._loads: dict[int, list[Load]] = {}
        self._unknowns: dict[tuple[Expr, int], Iter] = {}
        self._numbers: dict[Expr, int] = {}
        self._written = {n.array for n in walk_nodes(program.body) if isinstance(n, Store | Alloc)}

    def run(self, loop: Loop) -> Ranges:
        """Look at one iteration of a loop; the ranges of the iterators that still run."""
        copies, ranges = loop.marks.unroll or 1, self.ranges
        values: dict[Iter, _Value] = {}
        if copies > 1:
            # j = copies * round + copy: the round is what runs.
            round_ = Binary("*", constant(copies * loop.step), IterRef(loop.iter), index)
            start = linear(Binary("+", round_, loop.start, index))
            if start is not None:
                values[loop.iter] = _Value(start.terms, start.constant + loop.step * np.arange(copies))
            low, high = ranges.get(loop.iter, (0, 0))
            ranges = {**ranges, loop.iter: (0, max(0, (high - low) // (copies * abs(loop.step))))}
        whole = _Copies(values, {}, np.zeros(copies, np.int64), _LONGEST)
        self._block(loop.body, whole.later(np.arange(copies), copies))
        return ranges

    def _block(self, block: Block, copies: _Copies) -> None:
        for number, node in enumerate(block):
            self._node(node, copies.later(number, len(block)))

    def _node(self, node: Node, copies: _Copies) -> None:
        count = len(copies.clock)
        self._left -= count if count > 1 else _SINGLE
        if self._left < 0 or not copies.width:
            # From here on one copy of each statement stands for all.
            self.complete, copies = False, copies.at(np.array([0]))
        try:
            self._look(node, copies)
        except _Apart:
            for one in range(count):
                self._node(node, copies.at(np.array([one])))
                if not self.complete:
                    return

    def _look(self, node: Node, copies: _Copies) -> None:
        match node:
            case Loop():
                for inner in self._unrolled(node, copies):
                    self._block(node.body, inner)
            case If(then=then, orelse=orelse):
                self._read(node, copies.later(0, 3))
                self._block(then, copies.later(1, 3))
                self._block(orelse, copies.later(2, 3))
            case Store(array=array, indices=indices):
                self._read(node, copies)
                if array.rank and array.kind != "stream":
                    self._add(self.writes, array, indices, copies)
            case Alloc(array=array):
                self.homes.setdefault(array, self.program)
                self._read(node, copies)
            case While(prologue=prologue, body=body):
                self._block(prologue, copies.later(0, 3))
                self._read(node, copies.later(1, 3))
                self._block(body, copies.later(2, 3))
            case Call():
                self._read(node, copies.later(0, 2))
                self._call(node, copies.later(1, 2))
            case _:
                assert_never(node)

    def _read(self, node: Node, copies: _Copies) -> None:
        loads = self._loads.get(id(node))
        if loads is None:
            loads = self._loads[id(node)] = read_by(node)
        for load in loads:
            if load.array.rank and load.array.kind != "stream":
                self._add(self.reads, load.array, load.indices, copies)

    def _add(
        self, to: dict[Array, Accesses], array: Array, indices: tuple[Expr, ...], copies: _Copies
    ) -> None:
        """Note an access of every copy, to the array of this function that it means."""
        form = [self._form(expr, copies) for expr in indices]
        view = copies.views.get(array)
        if view is not None:
            inner = iter(form)
            array, form = view.array, [low.plus(next(inner)) if cut else low for low, cut in view.parts]
        clock = copies.clock
        if all(part.constants.ndim == 0 for part in form):
            clock = clock.min(keepdims=True)  # the same in all copies
        columns = [np.broadcast_to(part.constants, clock.shape) for part in form]
        constants = np.stack(columns, axis=1).astype(np.int64)
        terms = tuple(tuple(sorted(part.terms, key=self._number)) for part in form)
        if array.kind == "constant" and not any(terms):
            return  # an element of a table that is known in each copy: HLS folds it to a number
        self.arrays.setdefault(array)
        to.setdefault(array, Accesses()).add(terms, constants, clock)

    def _number(self, term: tuple[Expr, int]) -> int:
        """Where a term comes in a form: equal sums are to be equal."""
        return self._numbers.setdefault(term[0], len(self._numbers))

    def _call(self, node: Call, copies: _Copies) -> None:
        """The accesses of a called program, to its own arrays and to those that it is given."""
        callee = node.program
        passed = [*zip(callee.args, node.args, strict=True), *zip(callee.results, node.results, strict=True)]
        views = {
            formal: self._view(actual, copies) for formal, actual in passed if isinstance(actual, Region)
        }
        for inner in walk_nodes(callee.body):
            if isinstance(inner, Alloc):
                self.homes[inner.array] = callee
        self._block(callee.body, _Copies({}, {**copies.views, **views}, copies.clock, copies.width))

    def _view(self, region: Region, copies: _Copies) -> _View:
        starts = [part.start if isinstance(part, Slice) else part for part in region.indices]
        sliced = [isinstance(part, Slice) for part in region.indices]
        parts = tuple(zip([self._form(start, copies) for start in starts], sliced, strict=True))
        outer = copies.views.get(region.array)
        if outer is None:
            return _View(region.array, parts)
        inner = iter(parts)
        places = (_within(low, *next(inner)) if cut else (low, cut) for low, cut in outer.parts)
        return _View(outer.array, tuple(places))

    def _unrolled(self, loop: Loop, copies: _Copies) -> Iterator[_Copies]:
        """The copies of an inner loop's body; from its least to its largest bound where these vary."""
        start, stop = self._value(loop.start, copies), self._value(loop.stop, copies)
        ends = None if start is None or stop is None else self._ends(start, stop, loop.step)
        if ends is None:  # bounds that depend on data: it stays a loop
            yield replace(copies, values={it: v for it, v in copies.values.items() if it != loop.iter})
            return
        terms, first, last = ends
        count = len(copies.clock)
        trips = np.broadcast_to(np.maximum(0, -(-(last - first) // loop.step)), (count,))
        firsts = np.broadcast_to(first, (count,))
        longest = int(trips.max(initial=0))
        position = 0
        while position < count:
            # As many copies as fit into a chunk; of one that does not, a chunk of its iterations at a time.
            sums = np.cumsum(trips[position : position + _CHUNK])
            taken = max(1, int(np.searchsorted(sums, _CHUNK, side="right")))
            some = np.arange(position, min(count, position + taken))
            for low in range(0, max(1, int(trips[some].max(initial=0))), _CHUNK):
                turns = np.clip(trips[some] - low, 0, _CHUNK)
                old = np.repeat(some, turns)
                turn = low + np.arange(len(old)) - np.repeat(np.cumsum(turns) - turns, turns)
                if len(old):
                    inner = copies.at(old).later(turn, longest)
                    value = _Value(terms, firsts[old] + loop.step * turn)
                    yield replace(inner, values={**inner.values, loop.iter: value})
                    if not self.complete:
                        return
            position += taken

    def _ends(self, start: _Value, stop: _Value, step: int) -> tuple[Terms, Ints, Ints] | None:
        """The terms of an inner loop's values, and the constants of its bounds."""
        if start.terms == stop.terms or not stop.plus(start, -1).terms:
            return start.terms, start.constants, stop.constants
        spans = [range_of(expression(Linear(end.terms, 0)), self.ranges) for end in (start, stop)]
        if spans[0] is None or spans[1] is None:
            return None
        first, last = (spans[0][0], spans[1][1]) if step > 0 else (spans[0][1], spans[1][0])
        return (), start.constants + first, stop.constants + last

    def _form(self, expr: Expr, copies: _Copies) -> _Value:
        """A subscript; on data it is one value for the same expression while nothing changes."""
        found = self._value(expr, copies)
        if found is not None:
            return found
        changes = bool(copies.views) or any(load.array in self._written for load in loads_of(expr))
        if (changes or iters_of(expr) & copies.values.keys()) and len(copies.clock) > 1:
            raise _Apart
        atom = substitute(expr, _expressions(copies))
        key = (atom, int(copies.clock[0]) if changes else -1)
        value = self._unknowns.setdefault(key, Iter(f"unknown:{len(self._unknowns)}", "unknown"))
        return _Value(((IterRef(value), 1),), np.array(0))

    def _value(self, expr: Expr, copies: _Copies) -> _Value | None:
        """An expression as a linear form of what runs (None: it is on data)."""
        if id(expr) not in self._forms:
            self._forms[id(expr)] = linear(expr)
        form = self._forms[id(expr)]
        return None if form is None else self._put_in(form, copies)

    def _put_in(self, form: Linear, copies: _Copies) -> _Value:
        found = _Value((), np.array(form.constant))
        for atom, coefficient in form.terms:
            found = found.plus(self._atom(atom, copies), coefficient)
        return found

    def _atom(self, atom: Expr, copies: _Copies) -> _Value:
        if isinstance(atom, IterRef):
            known = copies.values.get(atom.iter)
            return _Value(((atom, 1),), np.array(0)) if known is None else known
        if not iters_of(atom) & copies.values.keys():
            return _Value(((atom, 1),), np.array(0))
        parts = [linear(part) for part in _operands(atom)]
        values = [self._put_in(part, copies) for part in parts if part is not None]
        if len(values) == len(parts) and not any(value.terms for value in values):
            return _Value((), _computed(atom, [value.constants for value in values]))
        if len(copies.clock) > 1:
            raise _Apart
        known_form = linear(substitute(atom, _expressions(copies)))
        assert known_form is not None, "an affine expression stays affine"
        return _Value(known_form.terms, np.array(known_form.constant))


def _expressions(copies: _Copies) -> dict[Iter, Expr]:
    """The values of iterators in a single copy."""
    return {it: expression(Linear(v.terms, int(v.constants.min()))) for it, v in copies.values.items()}


def _operands(atom: Expr) -> list[Expr]:
    match atom:
        case Binary(left=left, right=right):
            return [left, right]
        case Unary(operand=operand):
            return [operand]
        case _:
            return []


def _computed(atom: Expr, values: list[Ints]) -> Ints:
    """An atom of a linear form on numbers."""
    match atom:
        case Unary(op="abs"):
            return np.abs(values[0])
        case Binary(op="//", right=Const(value=n)):
            return values[0] // int(n)
        case Binary(op="%", right=Const(value=n)):
            return values[0] % int(n)
        case Binary(op="min"):
            return np.minimum(*values)
        case Binary(op="max"):
            return np.maximum(*values)
        case _:
            raise AssertionError(f"no atom of a linear form: {atom!r}")


def _within(low: _Value, own: _Value, cut: bool) -> tuple[_Value, bool]:
    """A subscript of a view as one of the array, and whether it is itself the start of a slice."""
    return low.plus(own), cut
