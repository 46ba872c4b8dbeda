"""Loops in C: threads and vector lanes as OpenMP pragmas, unrolling, whole tiles and cut ones.

The body of a parallel loop is a function of its own. OpenMP makes one anyway, but behind a record of
pointers: what a compiler knew of the arrays (``restrict``) and of the iterators (their ranges) is lost
there, and with it the registers and vectors of the loops inside. As parameters they keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tracealloc.emit.c.arrays import Arrays
from tracealloc.emit.c.clock import Clock
from tracealloc.emit.c.expressions import Expressions
from tracealloc.emit.c.guards import Guards
from tracealloc.emit.c.integers.integers import Machine, arith, literal
from tracealloc.emit.c.numbers import Machines
from tracealloc.emit.c.plan.full_tiles import whole_tile
from tracealloc.emit.c.plan.hoisted_checks import hoisted
from tracealloc.emit.c.plan.threads import starts_threads
from tracealloc.emit.c.status import Status, returned_status
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.access_checks import fixed_bounds
from tracealloc.emit.common.parameters import kept
from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import AND, Text
from tracealloc.emit.common.walk import Where
from tracealloc.trace.ir.expr import Compare, Expr, Iter, iters_of
from tracealloc.trace.ir.interval_rules import Range
from tracealloc.trace.ir.program import Array, Block, Call, Loop, While, touched_by, walk_nodes
from tracealloc.trace.queries.intervals import INT32, trips
from tracealloc.trace.queries.summary import summary_of

__all__ = ["Loops", "function_head"]

_MOST_COPIES = 65534  # that GCC's pragma takes


class Loops:
    """What is particular to C about the loops of one function.

    Args:
        scope: the function. `unit`: its file.
        expressions: prints conditions.
        guards: which accesses are checked.
        arrays: allocates what bodies of parallel loops have of their own.
        status: notes that memory ran out.
        machines: the types of iterators, which are found here.
        heap: the arrays on the heap, by the block that allocates them.
        clock: counts the cycles of iterations; a loop runs in order then, in one form.

    Attributes:
        apart: the functions that bodies of parallel loops became.
    """

    pragmas_inside = False

    def __init__(
        self,
        scope: Scope,
        unit: Unit,
        expressions: Expressions,
        guards: Guards,
        arrays: Arrays,
        status: Status,
        machines: Machines,
        heap: Mapping[Where, Sequence[Array]],
        clock: Clock,
    ) -> None:
        self.clock = clock
        self.scope = scope
        self.unit = unit
        self.expressions = expressions
        self.guards = guards
        self.arrays = arrays
        self.status = status
        self.machines = machines
        self.heap = heap
        self.apart: list[str] = []
        self._cut: list[
            frozenset[Compare]
        ] = []  # conditions of which one does not hold here: the tile is cut
        self._careful = False  # whether checks stay where they are
        self._known_range: dict[Iter, Range] = {}  # of iterators whose loops have fixed bounds

    # One loop.

    def label(self, node: Loop | While) -> str:
        """Nothing: C needs no labels."""
        return ""

    def iter_type(self, loop: Loop, low: int, high: int) -> str:
        """The type of an iterator whose values lie in a range."""
        small = INT32[0] <= low and high <= INT32[1] and not self.clock.on
        self.machines.iters[loop.iter] = Machine(32 if small else 64, True)
        if fixed_bounds(loop):
            self._known_range[loop.iter] = self.scope.ranges.of_iter[loop.iter]
        return "int" if small else "int64_t"

    def goes_on(self, node: Loop | While, cond: Text) -> Text:
        """The condition under which a loop goes on."""
        return self.guards.goes_on(node, cond)

    def around(self, loop: Loop, where: Where, write: Callable[[Loop], None]) -> None:
        """Write a loop, its checks before it where they can be made there."""
        scope, guards = self.scope, self.guards
        if self.clock.on:
            self.clock.loop(loop, lambda: write(loop))
            return
        found = None
        if guards.is_checked(loop) and not self._careful:
            found = hoisted(loop, guards.checks, guards.proved, not self.arrays.restrict)
        if found is None:
            self._tiled(loop, write)
            return
        condition = " && ".join(self._at_most(*item).at(AND) for item in found.conditions.items())
        proved, bounded = guards.proved, guards.bounded
        guards.assume(found)
        if not condition:
            self._tiled(loop, write)
            guards.proved, guards.bounded = proved, bounded
            return
        scope.line(f"if ({condition}) {{  // inside their arrays in every iteration")
        with scope.inside():
            self._tiled(loop, write)
        guards.proved, guards.bounded = proved, bounded
        scope.line("} else {")
        self._careful = found.all  # then what is inside this loop needs no shorter way of its own
        with scope.inside():
            self._tiled(loop, write)
        self._careful = False
        scope.line("}")

    def _at_most(self, terms: tuple[tuple[Expr, int], ...], bound: int) -> Text:
        """``sum(terms) <= bound``, exactly."""
        left, right = literal(0), literal(bound)
        for atom, factor in terms:
            part = (
                arith("*", literal(abs(factor)), self.expressions.number(atom))
                if abs(factor) > 1
                else self.expressions.number(atom)
            )
            if factor > 0:
                left = part if left.op == "lit" else arith("+", left, part)
            else:
                right = arith("+", right, part) if bound or right.op != "lit" else part
        if left.op == "lit":
            return self.expressions.printer.compare(">=", right, left)
        return self.expressions.printer.compare("<=", left, right)

    def _tiled(self, loop: Loop, write: Callable[[Loop], None]) -> None:
        """A loop; where it is a tile that an end may cut, whole tiles apart."""
        scope = self.scope
        found = whole_tile(loop) if not self.guards.is_checked(loop) else None
        if found is None or any(cut <= found[0] for cut in self._cut):
            self._one(loop, write)
            return
        conditions, whole = found
        condition = " && ".join(sorted(self.expressions.expr(part).at(AND) for part in conditions))
        scope.line(f"if ({condition}) {{  // a whole tile")
        with scope.deeper():
            self._one(whole, write)
        scope.line("} else {")
        self._cut.append(conditions)
        with scope.deeper():
            self._one(loop, write)
        self._cut.pop()
        scope.line("}")

    def _one(self, loop: Loop, write: Callable[[Loop], None]) -> None:
        self.status.parallel += loop.marks.parallel
        write(loop)
        self.status.parallel -= loop.marks.parallel

    def pragmas(self, node: Loop | While) -> list[str]:
        """What stands before a loop: OpenMP's pragmas, unrolling, and what was asked in vain."""
        if isinstance(node, While) or node.marks.space or self.clock.on:  # a grid only starts its processes
            return []
        marks = node.marks
        words, notes = [], []
        if marks.parallel and self.status.parallel > 1:
            notes.append("// parallel: the threads work on a loop around this one")
        elif marks.parallel:
            words.append("parallel for")
        if marks.vectorize and _threads_inside(node.body):
            notes.append("// vectorize: a loop inside is parallel")
        elif marks.vectorize:
            words.append("simd")
        if words:
            self.unit.needs.add("openmp" if "parallel for" in words else "openmp-simd")
            if self.guards.is_checked(node):
                words.append(f"reduction(max:{self.status.name('fault')})")
            return [*notes, f"#pragma omp {' '.join(words)}"]
        if marks.unroll is None or marks.unroll == 1:
            return notes
        known = trips(node, self.scope.ranges)
        factor = marks.unroll or (_MOST_COPIES if known is None else known[1])
        return [*notes, f"#pragma GCC unroll {min(factor, _MOST_COPIES)}"] if factor > 1 else notes

    # Its body.

    def body(self, node: Loop | While, where: Where, write: Callable[[], None]) -> None:
        """A body; that of the outermost parallel loop as a function, where it can be one."""
        status, marks = self.status, node.marks
        one = not marks.parallel or marks.vectorize or status.parallel > 1 or self.clock.on
        if isinstance(node, While) or one:
            self._body(where, lambda: self.clock.iteration(node, write))
            return
        scope = self.scope
        out, depth, used = scope.out, scope.depth, status.used
        scope.out, scope.depth, status.used, status.own = [], 0, set(), True
        with scope.names.watched() as seen:
            self._body(where, write)
        text, own = scope.out, status.used
        scope.out, scope.depth, status.used, status.own = out, depth, used, False
        taken = self._parameters_for(seen, node.body)
        if taken is None:
            self._body(where, write)
        else:
            own |= {"status"} if self.heap.get(where) else set()
            self._body_function(node, seen, taken, text, own)

    def _body(self, where: Where, write: Callable[[], None]) -> None:
        arrays = self.heap.get(where, ())
        with self.scope.inside():
            if arrays:
                self.arrays.allocate(arrays, self.status.ran_out())
            write()
            self.arrays.release(arrays)

    def _body_function(
        self, loop: Loop, seen: set[object], taken: list[tuple[str, str]], text: list[str], own: set[str]
    ) -> None:
        """Write the body of a parallel loop as a function, and a call of it in its place.

        `own` are those of ``status`` and ``fault`` that it has.
        """
        scope = self.scope
        iterator = scope.iter_name(loop.iter)
        function = self.unit.function_name(scope.program)
        name = scope.names.declare_global(f"{function}_{iterator}")
        lines = ["", f"// The body of the parallel loop {iterator}."]
        lines.append(function_head(f"static {'int' if own else 'void'} {name}(", [part for _, part in taken]))
        lines += [f"  int {local} = 0;" for local in ("status", "fault") if local in own]
        bounds = {it for n in walk_nodes(loop.body) if isinstance(n, Loop) for e in (n.start, n.stop)
                  for it in iters_of(e)}  # fmt: skip
        for iter_, values in self._known_range.items():
            if ("iter", iter_.key) in seen and iter_ in bounds:  # elsewhere gcc's loops get worse by it
                self.unit.helpers.add("ta_within")
                lines.append(f"  ta_within({scope.iter_name(iter_)}, {values[0]}, {values[1]});")
        lines += text
        lines += [f"  return {returned_status('status' in own, 'fault' in own)};"] if own else []
        self.apart += [*lines, "}"]
        with scope.deeper():
            call = f"{name}({', '.join(argument for argument, _ in taken)})"
            self.status.ended(call, "status" in own, "fault" in own)

    def _parameters_for(self, seen: set[object], block: Block) -> list[tuple[str, str]] | None:
        """Argument and parameter for each name of outside; None where one cannot be handed over."""
        arrays = {array.key: array for array in self.scope.program.arrays()}
        callees = {(id(owner), array.key): array for owner, array in kept(self.scope.program)}
        iters = {iter_.key: iter_ for iter_ in self.machines.iters}
        stored = _stored(block)
        found: list[tuple[str, str]] = []
        for key in sorted(seen, key=str):
            match key:
                case ("iter", name) if name in iters:
                    kind = "int" if self.machines.iters[iters[name]].bits == 32 else "int64_t"
                    part: str | None = f"const {kind} @"
                case ("array", name) if name in arrays:
                    part = self._array_parameter(arrays[name], stored)
                case ("kept", int(owner), str(name)):
                    array = callees[owner, name]
                    part = self.arrays.pointer(array, "@", array.kind != "state")
                case _:
                    return None
            if part is None:
                return None
            text = self.scope.names.find(key)
            assert text is not None
            if part:
                found.append((text, part.replace("@", text)))
        return found

    def _array_parameter(self, array: Array, stored: set[Array]) -> str | None:
        """How a function takes an array of this one; nothing where the whole file sees it."""
        if array.kind == "stream":
            return None
        if array.kind == "constant" and self.scope.names.is_global(
            ("constant", id(self.scope.program), array.key)
        ):
            return ""
        if array.rank > 0 or array.kind == "state":
            return self.arrays.pointer(array, "@", array.kind == "constant" or self._only_read(array))
        if array in stored:
            return None
        machine = self.machines.values.get(array)
        return f"const {machine.name if machine is not None else self.unit.type_name(array.dtype)} @"

    def _only_read(self, array: Array) -> bool:
        return array.kind == "argument" and array not in summary_of(self.scope.program).writes


def function_head(head: str, parts: list[str]) -> str:
    """``static void f(int x) {``, on several lines where it is long."""
    text = head + (", ".join(parts) or "void") + ") {"
    if len(text) <= 110:
        return text
    return head + "\n    " + ",\n    ".join(parts) + ") {"


def _stored(block: Block) -> set[Array]:
    return {array for node in walk_nodes(block) for array in touched_by(node)}


def _threads_inside(block: Block) -> bool:
    """Whether the threads of OpenMP work on a loop inside a block."""
    return any(
        (isinstance(node, Loop) and node.marks.parallel)
        or (isinstance(node, Call) and starts_threads(node.program))
        for node in walk_nodes(block)
    )
