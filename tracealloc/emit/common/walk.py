"""The walk that every back end shares: blocks, declarations, loops and conditions, in order.

A back end hands in how it prints expressions, and what it writes for statements and around loops.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, assert_never

from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import Text, atom, infix
from tracealloc.trace.diagnostics.errors import BuildError
from tracealloc.trace.ir.expr import Expr, Iter, Load, iters_of, loads_of
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
    Store,
    While,
    expressions_of,
)
from tracealloc.trace.queries.affine import is_affine

__all__ = ["Loops", "Statements", "Walk", "Where"]

# The position of a block in a program: for each enclosing node its number in its block, and which block.
Where: TypeAlias = tuple[tuple[int, int], ...]
_Visit: TypeAlias = Callable[[Block, Where, int], None]


_FARTHEST = 2**62  # what an iterator reaches, so that sums of two stay within 64 bits


class Statements(Protocol):
    """What a back end writes for what is no loop and no condition."""

    def declares(self, array: Array) -> bool:
        """Whether an array is declared in the body (False: an argument holds it, or it has a name)."""

    def declare(self, array: Array) -> None:
        """Write the declaration of an array or scalar; its name is in scope already."""

    def alloc(self, node: Alloc, where: Where) -> None:
        """An array comes into being, in the block at `where`."""

    def store(self, node: Store) -> None:
        """``A[i][j] = value;``; a value that has no name yet gets one."""

    def call(self, node: Call) -> None:
        """Write a call; arrays for its results have names already."""


class Loops(Protocol):
    """What a back end says of loops.

    Attributes:
        pragmas_inside: whether pragmas stand inside a loop's body (HLS) or before the loop (C).
    """

    pragmas_inside: bool

    def around(self, loop: Loop, where: Where, write: Callable[[Loop], None]) -> None:
        """Write a loop by `write`: once, or once for each form of it."""

    def body(self, node: Loop | While, where: Where, write: Callable[[], None]) -> None:
        """Write the body of a loop by `write`, within a scope of its own."""

    def iter_type(self, loop: Loop, low: int, high: int) -> str:
        """The type of an iterator whose values (the one that ends the loop included) lie in a range."""

    def pragmas(self, node: Loop | While) -> list[str]:
        """The pragma lines of a loop."""

    def label(self, node: Loop | While) -> str:
        """What stands before ``for``: a label with its colon and blank, or nothing."""

    def goes_on(self, node: Loop | While, cond: Text) -> Text:
        """The condition under which a loop goes on."""


class Walk:
    """Writes the nodes of a function.

    Args:
        scope: the function.
        expr: prints an expression.
        statements: writes declarations, stores and calls.
        loops: says what loops look like.
        around: writes each node by what it is handed, with more around it.
    """

    def __init__(
        self,
        scope: Scope,
        expr: Callable[[Expr], Text],
        statements: Statements,
        loops: Loops,
        around: Callable[[Node, Callable[[], None]], None] | None = None,
    ) -> None:
        self.scope = scope
        self.expr = expr
        self.statements = statements
        self.loops = loops
        self.around = around
        self._open_ended: set[Iter] = set()  # iterators of loops whose bounds depend on data
        self._late = _late_declarations(scope.program)

    def block(self, block: Block, where: Where = (), first: int = 0) -> None:
        """The nodes of a block, with what must be declared before them."""
        if first == 0:
            for array in self._late.get(where, ()):
                if self.statements.declares(array):
                    self.scope.name_array(array)
                    self.statements.declare(array)
        for number, node in enumerate(block, first):
            self.node(node, where, number)

    def node(self, node: Node, where: Where, number: int) -> None:
        """One node."""
        if self.around is None:
            self._node(node, where, number)
        else:
            self.around(node, lambda: self._node(node, where, number))

    def _node(self, node: Node, where: Where, number: int) -> None:
        match node:
            case Alloc():
                self.statements.alloc(node, where)
            case Store():
                self.statements.store(node)
            case Loop():
                here = (*where, (number, 0))
                self.loops.around(node, here, lambda loop: self._loop(loop, here))
            case While():
                self._while(node, (*where, (number, 0)))
            case If():
                self._if(node, where, number)
            case Call():
                for region in node.results:
                    if not self.scope.is_named(region.array):
                        self.scope.name_array(region.array)
                        self.statements.declare(region.array)
                self.statements.call(node)
            case _:
                assert_never(node)

    # Loops.

    def _loop(self, loop: Loop, where: Where) -> None:
        """``for (int i = start; i < stop; ++i) {``."""
        scope, loops = self.scope, self.loops
        start = self.expr(loop.start)
        stop = self._stop(loop)
        start_range, stop_range = scope.ranges.of(loop.start), scope.ranges.of(loop.stop)
        low, high = scope.ranges.enter(loop)
        last = high + loop.step if loop.step > 0 else low + loop.step
        low = min(low, last, start_range[0], stop_range[0])
        high = max(high, last, start_range[1], stop_range[1])
        self._check_reach(loop, low, high)
        type_ = loops.iter_type(loop, low, high)
        pragmas = loops.pragmas(loop)
        self._pragmas(pragmas, inside=False)
        label = loops.label(loop)
        scope.names.open()
        name = scope.names.declare(("iter", loop.iter.key), loop.iter.name)
        more = loops.goes_on(loop, infix("<" if loop.step > 0 else ">", atom(name), stop))
        step = _step(name, loop.step)
        scope.line(f"{label}for ({type_} {name} = {start.text}; {more.text}; {step}) {{")
        self._pragmas(pragmas, inside=True)
        loops.body(loop, where, lambda: self.block(loop.body, where))
        scope.names.close()
        scope.line("}")

    def _pragmas(self, pragmas: list[str], *, inside: bool) -> None:
        if inside == self.loops.pragmas_inside:
            for pragma in pragmas:
                self.scope.line(pragma)

    def _stop(self, loop: Loop) -> Text:
        """The bound; read once where it depends on stored data, as Python's ``range`` does."""
        stop = self.expr(loop.stop)
        if not any(not _is_fixed_value(load) for load in loads_of(loop.stop)):
            return stop
        name = self.scope.names.declare(("stop", loop.iter.key), f"{loop.iter.name}_stop")
        low, high = self.scope.ranges.of(loop.stop)
        self.scope.line(f"const {self.loops.iter_type(loop, low, high)} {name} = {stop.text};")
        return atom(name)

    def _check_reach(self, loop: Loop, low: int, high: int) -> None:
        """Refuse a loop whose fixed bounds leave no room for sums; of bounds from data nothing is known.

        Raises:
            BuildError: the loop runs past 62 bits.
        """
        around = iters_of(loop.start) | iters_of(loop.stop)
        if not (is_affine(loop.start) and is_affine(loop.stop)) or around & self._open_ended:
            self._open_ended.add(loop.iter)
        elif low < -_FARTHEST or high > _FARTHEST:
            program = self.scope.program.name
            raise BuildError(
                "TA807",
                f"loop {loop.iter.name!r} of {program} runs from {low} to {high}: past 62 bits",
                because=["skews and shifts add up"],
                hint="skew by a smaller factor",
            )

    def _while(self, node: While, where: Where) -> None:
        """``for (;;) { prologue; if (!cond) break; body }``, or ``while`` where there is no prologue."""
        scope, loops = self.scope, self.loops
        label = loops.label(node)
        comment = scope.comment(node.place)
        head = "for (;;)"
        if not node.prologue:
            head = f"while ({loops.goes_on(node, self.expr(node.cond)).text})"
        pragmas = loops.pragmas(node)
        self._pragmas(pragmas, inside=False)
        scope.line(f"{label}{head} {{{comment}")
        self._pragmas(pragmas, inside=True)
        loops.body(node, where, lambda: self._while_body(node, where))
        scope.line("}")

    def _while_body(self, node: While, where: Where) -> None:
        if node.prologue:
            self.block(node.prologue, where)
            self.scope.line(f"if (!({self.loops.goes_on(node, self.expr(node.cond)).text})) break;")
        self.block(node.body, where, len(node.prologue))

    # Conditions.

    def _if(self, node: If, where: Where, number: int) -> None:
        """``if (c) { ... } else { ... }``, with ``else if`` for a chain."""
        head = "if"
        while True:
            self.scope.line(f"{head} ({self.expr(node.cond).text}) {{")
            self._inside(node.then, (*where, (number, 0)))
            where = (*where, (number, 1))
            chain = len(node.orelse) == 1 and self.around is None and not self._late.get(where)
            if chain and isinstance(node.orelse[0], If):
                node, number, head = node.orelse[0], 0, "} else if"
                continue
            break
        if node.orelse:
            self.scope.line("} else {")
            self._inside(node.orelse, where)
        self.scope.line("}")

    def _inside(self, block: Block, where: Where) -> None:
        with self.scope.inside():
            self.block(block, where)


def _step(name: str, step: int) -> str:
    if abs(step) == 1:
        return f"++{name}" if step > 0 else f"--{name}"
    return f"{name} += {step}" if step > 0 else f"{name} -= {-step}"


def _is_fixed_value(load: Load) -> bool:
    return load.array.kind in ("value", "constant") or load.array.parameter is not None


def _late_declarations(program: Program) -> dict[Where, list[Array]]:
    """Arrays that must be declared at the head of a block, not at their store or `Alloc`.

    A named value is declared by its store, an array by its `Alloc`. Where a lowered program uses it
    outside the block of that node, or stores a named value at several places, the innermost block that
    holds all its uses declares it.
    """
    fixed = set(program.args)
    allocated: dict[Array, list[Where]] = {}
    uses: dict[Array, list[Where]] = {}
    stores: dict[Array, list[Where]] = {}

    def visit(block: Block, where: Where, first: int) -> None:
        for number, node in enumerate(block, first):
            if isinstance(node, Alloc):
                allocated.setdefault(node.array, []).append(where)
            if isinstance(node, Store):
                stores.setdefault(node.array, []).append(where)
            if isinstance(node, Call):
                for region in node.results:
                    stores.setdefault(region.array, []).append(where)
                for part in node.args:
                    if isinstance(part, Region):
                        uses.setdefault(part.array, []).append(where)
            for expr in expressions_of(node):
                # A loop's bounds and a condition are evaluated outside its blocks, but While's inside.
                at = (*where, (number, 0)) if isinstance(node, While) else where
                for load in loads_of(expr):
                    uses.setdefault(load.array, []).append(at)
            _visit_inside(visit, node, where, number)

    visit(program.body, (), 0)
    found: dict[Where, list[Array]] = {}
    for array in {**allocated, **stores}:
        if array in fixed or array.kind in ("argument", "result", "state", "constant"):
            continue
        homes, places = allocated.get(array, []), [*stores.get(array, []), *uses.get(array, [])]
        if homes:
            late = not all(any(place[: len(home)] == home for home in homes) for place in places)
        else:
            late = len(stores[array]) > 1 or _common(places) != places[0]
        if late:
            found.setdefault(_common([*homes, *places]), []).append(array)
    return found


def _visit_inside(visit: _Visit, node: Node, where: Where, number: int) -> None:
    match node:
        case Loop(body=body):
            visit(body, (*where, (number, 0)), 0)
        case While(prologue=prologue, body=body):
            visit(prologue, (*where, (number, 0)), 0)
            visit(body, (*where, (number, 0)), len(prologue))
        case If(then=then, orelse=orelse):
            visit(then, (*where, (number, 0)), 0)
            visit(orelse, (*where, (number, 1)), 0)
        case Alloc() | Store() | Call():
            pass
        case _:
            assert_never(node)


def _common(places: list[Where]) -> Where:
    shortest = min(places, key=len)
    for depth in range(len(shortest), 0, -1):
        if all(place[:depth] == shortest[:depth] for place in places):
            return shortest[:depth]
    return ()
