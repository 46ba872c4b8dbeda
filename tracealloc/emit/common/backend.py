"""The walk that every back end shares: blocks, scopes, names, indentation, places.

A back end subclasses `Backend` and says how types, declarations, pragmas, arguments and calls are spelt.
One object emits one function; `Backend.fork` makes the object for another function of the same file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, assert_never

from tracealloc.emit.common.expr import ExprPrinter, Text, atom, infix
from tracealloc.emit.common.names import Names
from tracealloc.trace.diagnostics.errors import BuildError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.affine import is_affine
from tracealloc.trace.ir.expr import Iter, Load, iters_of, loads_of
from tracealloc.trace.ir.intervals import INT32
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
    reduction_of,
)

__all__ = ["Backend", "Where"]

# The position of a block in a program: for each enclosing node its number in its block, and which block.
Where: TypeAlias = tuple[tuple[int, int], ...]
_Visit: TypeAlias = Callable[[Block, Where, int], None]


_FARTHEST = 2**62  # what an iterator reaches, so that sums of two stay within 64 bits


class Backend(ExprPrinter):
    """Emits one function. `out` holds the lines, `depth` is the indentation."""

    INDENT = "  "
    PRAGMAS_INSIDE = False  # whether a loop's pragmas stand inside its body (HLS) or before it (C)

    def __init__(self, program: Program, names: Names | None = None) -> None:
        super().__init__()
        self.program = program
        self.names = names if names is not None else Names()
        self.out: list[str] = []
        self.depth = 0
        self.where: Where = ()
        self.open_ended: set[Iter] = set()  # iterators of loops whose bounds depend on data
        self._late = _late_declarations(program)

    # Hooks.

    def loop_pragmas(self, loop: Loop) -> list[str]:
        """The pragma lines of a loop."""
        return []

    def loop_label(self, loop: Loop) -> str:
        """What stands before ``for``: a label with its colon and blank, or nothing."""
        return ""

    def declare(self, array: Array) -> None:
        """Write the declaration of an array or scalar; its name is in scope already."""
        raise NotImplementedError

    def fill(self, node: Alloc) -> None:
        """Write what fills a declared array (`node.fill` is not None)."""
        raise NotImplementedError

    def call_node(self, node: Call) -> None:
        """Write a call."""
        raise NotImplementedError

    def needs_declaration(self, array: Array) -> bool:
        """Whether an `Alloc` declares (False: an argument of the emitted function holds the array)."""
        return array.kind not in ("argument", "result", "state", "constant")

    def loop_more(self, loop: Loop, more: Text) -> Text:
        """The condition under which a loop goes on."""
        return more

    def while_more(self, cond: Text) -> Text:
        """The condition under which a ``while`` goes on."""
        return cond

    def stored(self, node: Store) -> Text:
        """The value of a store; the assignment itself may convert it to the element's type."""
        return self.expr(node.value)

    def iter_type(self, loop: Loop, low: int, high: int) -> str:
        """The C type of an iterator whose values (the one that ends the loop included) lie in a range."""
        return "int" if INT32[0] <= low and high <= INT32[1] else "long"

    def check_reach(self, loop: Loop, low: int, high: int) -> None:
        """Refuse a loop whose fixed bounds leave no room for sums; of bounds from data nothing is known.

        Raises:
            BuildError: the loop runs past 62 bits.
        """
        around = iters_of(loop.start) | iters_of(loop.stop)
        if not (is_affine(loop.start) and is_affine(loop.stop)) or around & self.open_ended:
            self.open_ended.add(loop.iter)
        elif low < -_FARTHEST or high > _FARTHEST:
            raise BuildError(
                "TA807",
                f"loop {loop.iter.name!r} of {self.program.name} runs from {low} to {high}: past 62 bits",
                because=["skews and shifts add up"],
                hint="skew by a smaller factor",
            )

    def target(self, node: Store) -> Text:
        """The element that a store writes."""
        return self.element(node.array, node.indices, node.path)

    def in_place(self, node: Store) -> tuple[str, Text] | None:
        """``(op, operand)`` where the store may be printed as ``A[x] op= operand``."""
        found = reduction_of(node)
        if found is None or found[0] not in {"+", "-", "*", "&", "|", "^"}:
            return None
        return found[0], self.expr(found[1])

    # Lines.

    def line(self, text: str) -> None:
        """One line at the present depth; a preprocessor line stands at the margin."""
        self.out.append(text if text.startswith("#") or not text else self.INDENT * self.depth + text)

    def comment(self, place: Place | None) -> str:
        """``  // gemm.py:8`` or nothing."""
        return f"  // {identifier_comment(place.short)}" if place is not None else ""

    # Names.

    def array_name(self, array: Array) -> str:
        found = self.names.find(("array", array.key))
        assert found is not None, f"{array.name} is used before it is declared"
        return found

    def iter_name(self, iter_: Iter) -> str:
        found = self.names.find(("iter", iter_.key))
        assert found is not None, f"{iter_.name} is used outside its loop"
        return found

    def name_array(self, array: Array) -> str:
        """Bring a name for `array` into scope."""
        return self.names.declare(("array", array.key), array.name)

    # The walk.

    def block(self, block: Block, where: Where, first: int = 0) -> None:
        """The nodes of a block, with what must be declared before them."""
        if first == 0:
            for array in self._late.get(where, ()):
                if self.needs_declaration(array):
                    self.name_array(array)
                    self.declare(array)
        for number, node in enumerate(block, first):
            self.where = (*where, (number, 0))
            self.node(node, where, number)

    def inner(self, block: Block, where: Where, first: int = 0) -> None:
        """A block inside braces: one level deeper, names of its own."""
        self.names.open()
        self.depth += 1
        self.block(block, where, first)
        self.depth -= 1
        self.names.close()

    def node(self, node: Node, where: Where, number: int) -> None:
        """One node."""
        match node:
            case Alloc():
                self.alloc(node)
            case Store():
                self.store(node)
            case Loop():
                self.loop(node, (*where, (number, 0)))
            case While():
                self.while_(node, (*where, (number, 0)))
            case If():
                self.if_(node, where, number)
            case Call():
                for region in node.results:
                    if self.names.find(("array", region.array.key)) is None:
                        self.name_array(region.array)
                        self.declare(region.array)
                self.call_node(node)
            case _:
                assert_never(node)

    def alloc(self, node: Alloc) -> None:
        """An array comes into being."""
        if self.needs_declaration(node.array):
            self.name_array(node.array)
            self.declare(node.array)
        if node.fill is not None:
            self.fill(node)

    def store(self, node: Store) -> None:
        """``A[i][j] = value;``, ``A[i][j] += value;`` or ``const T t = value;``."""
        comment = self.comment(node.place)
        if self.names.find(("array", node.array.key)) is None:
            self.named_value(node, comment)
            return
        target = self.target(node).text
        update = self.in_place(node)
        if update is not None:
            self.line(f"{target} {update[0]}= {update[1].text};{comment}")
        else:
            self.line(f"{target} = {self.stored(node).text};{comment}")

    def named_value(self, node: Store, comment: str) -> None:
        """``const T t = value;``"""
        value = self.stored(node)  # before the name is in scope: it may not mention itself
        name = self.name_array(node.array)
        self.line(f"const {self.type_name(node.array.dtype)} {name} = {value.text};{comment}")

    def loop(self, loop: Loop, where: Where) -> None:
        """``for (int i = start; i < stop; ++i) {``."""
        start = self.expr(loop.start)
        stop = self.loop_stop(loop)
        start_range, stop_range = self.ranges.of(loop.start), self.ranges.of(loop.stop)
        low, high = self.ranges.enter(loop)
        last = high + loop.step if loop.step > 0 else low + loop.step
        low = min(low, last, start_range[0], stop_range[0])
        high = max(high, last, start_range[1], stop_range[1])
        self.check_reach(loop, low, high)
        type_ = self.iter_type(loop, low, high)
        pragmas = self.loop_pragmas(loop)
        if not self.PRAGMAS_INSIDE:
            for pragma in pragmas:
                self.line(pragma)
        label = self.loop_label(loop)
        self.names.open()
        name = self.names.declare(("iter", loop.iter.key), loop.iter.name)
        more = self.loop_more(loop, infix("<" if loop.step > 0 else ">", atom(name), stop))
        self.line(f"{label}for ({type_} {name} = {start.text}; {more.text}; {_step(name, loop.step)}) {{")
        if self.PRAGMAS_INSIDE:
            for pragma in pragmas:
                self.line(pragma)
        self.inner(loop.body, where)
        self.names.close()
        self.line("}")

    def loop_stop(self, loop: Loop) -> Text:
        """The bound; read once where it depends on stored data, as Python's ``range`` does."""
        stop = self.expr(loop.stop)
        if not any(not _is_fixed_value(load) for load in loads_of(loop.stop)):
            return stop
        name = self.names.declare(("stop", loop.iter.key), f"{loop.iter.name}_stop")
        low, high = self.ranges.of(loop.stop)
        self.line(f"const {self.iter_type(loop, low, high)} {name} = {stop.text};")
        return atom(name)

    def while_(self, node: While, where: Where) -> None:
        """``for (;;) { prologue; if (!cond) break; body }``, or ``while`` where there is no prologue."""
        comment = self.comment(node.place)
        if not node.prologue:
            self.line(f"while ({self.while_more(self.expr(node.cond)).text}) {{{comment}")
            self.inner(node.body, where)
            self.line("}")
            return
        self.line(f"for (;;) {{{comment}")
        self.names.open()
        self.depth += 1
        self.block(node.prologue, where)
        self.line(f"if (!({self.while_more(self.expr(node.cond)).text})) break;")
        self.block(node.body, where, len(node.prologue))
        self.depth -= 1
        self.names.close()
        self.line("}")

    def if_(self, node: If, where: Where, number: int) -> None:
        """``if (c) { ... } else { ... }``, with ``else if`` for a chain."""
        head = "if"
        while True:
            self.line(f"{head} ({self.text(node.cond)}) {{")
            self.inner(node.then, (*where, (number, 0)))
            where = (*where, (number, 1))
            if len(node.orelse) == 1 and isinstance(node.orelse[0], If) and not self._late.get(where):
                node, number, head = node.orelse[0], 0, "} else if"
                continue
            break
        if node.orelse:
            self.line("} else {")
            self.inner(node.orelse, where)
        self.line("}")


def identifier_comment(text: str) -> str:
    """`text` so that it cannot end or continue a comment."""
    return "".join(c if c.isprintable() and c != "\\" else "?" for c in text)


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
