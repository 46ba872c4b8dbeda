"""Loops in C: threads and vector lanes as OpenMP pragmas, unrolling, whole tiles and cut ones.

The body of a parallel loop is a function of its own. OpenMP makes one anyway, but behind a record of
pointers: what a compiler knew of the arrays (``restrict``) and of the iterators (their ranges) is lost
there, and with it the registers and vectors of the loops inside. As parameters they keep it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracealloc.emit.c.access_checks import FAULT_SHIFT, fixed_bounds
from tracealloc.emit.c.checked import CChecks
from tracealloc.emit.c.full_tiles import whole_tile
from tracealloc.emit.c.hoisted_checks import hoisted
from tracealloc.emit.c.integers import Machine, arith, literal
from tracealloc.emit.c.threads import starts_threads
from tracealloc.emit.common.expr import AND, Text
from tracealloc.emit.common.parameters import kept
from tracealloc.trace.ir.expr import iters_of
from tracealloc.trace.ir.intervals import trips
from tracealloc.trace.ir.program import Array, Block, Call, Loop, Program, touched_by, walk_nodes

if TYPE_CHECKING:
    from tracealloc.emit.common.backend import Where
    from tracealloc.trace.ir.expr import Compare, Expr, Iter
    from tracealloc.trace.ir.intervals import Range

__all__ = ["CLoops", "function_head", "returned_status"]

_MOST_COPIES = 65534  # that GCC's pragma takes


class CLoops(CChecks):
    """The part of the C back end that writes loops."""

    flags: set[str]  # what the file needs
    parallel: int  # how many parallel loops are around
    own_status: bool  # whether `status` is that of one iteration of a parallel loop
    restrict: str  # empty where a store to one array may change another
    cut: list[frozenset[Compare]]  # conditions of which one does not hold here: the tile is cut
    careful: bool  # whether checks stay where they are
    written: frozenset[Array]  # arrays that are stored to
    heap: dict[Where, list[Array]]
    apart: list[str]  # the functions that bodies of parallel loops became
    body_of: tuple[Where, Loop] | None  # a parallel loop whose body becomes one
    known_range: dict[Iter, Range]  # of iterators whose loops have fixed bounds

    def pointer(self, array: Array, name: str, const: bool) -> str:
        """The declaration of a pointer to an array."""
        raise NotImplementedError

    def allocate(self, arrays: list[Array], failed: list[str]) -> None:
        """Heap arrays come into being, all or none."""
        raise NotImplementedError

    def release(self, arrays: list[Array]) -> None:
        """Heap arrays end."""
        raise NotImplementedError

    def function_name(self, program: Program) -> str:
        """The C name of a program's function."""
        raise NotImplementedError

    # How calls end.

    def ended(self, text: str, runs_out: bool, leaves: bool, comment: str = "") -> None:
        """Call a function of this file, and note how it ended."""
        if not (runs_out or leaves):
            self.line(f"{text};{comment}")
            return
        if leaves:
            self.line("{")
            self.depth += 1
            self.line(f"const int ended = {text};{comment}")
            self.line(f"if (fault <= 0 && ended >> {FAULT_SHIFT}) fault = ended >> {FAULT_SHIFT};")
            text, comment = f"ended & {(1 << FAULT_SHIFT) - 1}", ""
        if runs_out:
            if self.parallel and not self.own_status:
                self.line("#pragma omp atomic")
            self.line(f"status |= {text};{comment}")
        if leaves:
            self.depth -= 1
            self.line("}")

    def failure(self) -> list[str]:
        """The statements that note that memory ran out."""
        shared = self.parallel and not self.own_status
        return ["#pragma omp atomic", "status |= 1;"] if shared else ["status |= 1;"]

    # One loop.

    def iter_type(self, loop: Loop, low: int, high: int) -> str:
        name = super().iter_type(loop, low, high)
        self.iter_machine[loop.iter] = Machine(32 if name == "int" else 64, True)
        if fixed_bounds(loop):
            self.known_range[loop.iter] = self.ranges.of_iter[loop.iter]
        return "int" if name == "int" else "int64_t"

    def loop(self, loop: Loop, where: Where) -> None:
        found = None
        if self.is_checked(loop) and not self.careful:
            found = hoisted(loop, self.checks, self.proved, not self.restrict)
        if found is None:
            self._loop(loop, where)
            return
        condition = " && ".join(self._at_most(*item).at(AND) for item in found.conditions.items())
        proved, bounded = self.proved, self.bounded
        self.proved, self.bounded = dict(proved), bounded | found.bounded
        for number, dims in found.proved.items():
            self.proved[number] = proved.get(number, frozenset()) | dims
        if not condition:
            self._loop(loop, where)
            self.proved, self.bounded = proved, bounded
            return
        self.line(f"if ({condition}) {{  // inside their arrays in every iteration")
        self._deeper(loop, where)
        self.proved, self.bounded = proved, bounded
        self.line("} else {")
        self.careful = found.all  # then what is inside this loop needs no shorter way of its own
        self._deeper(loop, where)
        self.careful = False
        self.line("}")

    def _at_most(self, terms: tuple[tuple[Expr, int], ...], bound: int) -> Text:
        """``sum(terms) <= bound``, exactly."""
        left, right = literal(0), literal(bound)
        for atom, factor in terms:
            part = (
                arith("*", literal(abs(factor)), self.number(atom)) if abs(factor) > 1 else self.number(atom)
            )
            if factor > 0:
                left = part if left.op == "lit" else arith("+", left, part)
            else:
                right = arith("+", right, part) if bound or right.op != "lit" else part
        if left.op == "lit":
            return self.printer.compare(">=", right, left)
        return self.printer.compare("<=", left, right)

    def _deeper(self, loop: Loop, where: Where) -> None:
        self.names.open()
        self.depth += 1
        self._loop(loop, where)
        self.depth -= 1
        self.names.close()

    def _loop(self, loop: Loop, where: Where) -> None:
        found = whole_tile(loop) if not self.is_checked(loop) else None
        if found is None or any(cut <= found[0] for cut in self.cut):
            self._one_loop(loop, where)
            return
        conditions, whole = found
        condition = " && ".join(sorted(self.expr(part).at(AND) for part in conditions))
        self.line(f"if ({condition}) {{  // a whole tile")
        self.depth += 1
        self._one_loop(whole, where)
        self.depth -= 1
        self.line("} else {")
        self.depth += 1
        self.cut.append(conditions)
        self._one_loop(loop, where)
        self.cut.pop()
        self.depth -= 1
        self.line("}")

    def _one_loop(self, loop: Loop, where: Where) -> None:
        marks = loop.marks
        if marks.parallel and not self.parallel and not marks.vectorize:
            self.body_of = (where, loop)
        self.parallel += marks.parallel
        super().loop(loop, where)
        self.parallel -= marks.parallel

    def loop_pragmas(self, loop: Loop) -> list[str]:
        marks = loop.marks
        words, notes = [], []
        if marks.parallel and self.parallel > 1:
            notes.append("// parallel: the threads work on a loop around this one")
        elif marks.parallel:
            words.append("parallel for")
        if marks.vectorize and _threads_inside(loop.body):
            notes.append("// vectorize: a loop inside is parallel")
        elif marks.vectorize:
            words.append("simd")
        if words:
            self.flags.add("openmp" if "parallel for" in words else "openmp-simd")
            words += ["reduction(max:fault)"] if self.is_checked(loop) else []
            return [*notes, f"#pragma omp {' '.join(words)}"]
        if marks.unroll is None or marks.unroll == 1:
            return notes
        known = trips(loop, self.ranges)
        factor = marks.unroll or (_MOST_COPIES if known is None else known[1])
        return [*notes, f"#pragma GCC unroll {min(factor, _MOST_COPIES)}"] if factor > 1 else notes

    # Its body.

    def inner(self, block: Block, where: Where, first: int = 0) -> None:
        if self.body_of is None or self.body_of[0] != where:
            self._inner(block, where, first)
            return
        loop, self.body_of = self.body_of[1], None
        out, depth, self.out, self.depth, self.own_status = self.out, self.depth, [], 0, True
        with self.names.watched() as seen:
            self._inner(block, where, first)
        body, self.out, self.depth, self.own_status = self.out, out, depth, False
        taken = self._parameters_for(seen, block)
        if taken is None:
            self._inner(block, where, first)
        else:
            self._body_function(loop, taken, body, bool(self.heap.get(where)))

    def _inner(self, block: Block, where: Where, first: int) -> None:
        arrays = self.heap.get(where, [])
        if not arrays:
            super().inner(block, where, first)
            return
        self.names.open()
        self.depth += 1
        self.allocate(arrays, ["return 1;"] if self.own_status else [*self.failure(), "continue;"])
        super().block(block, where, first)
        self.release(arrays)
        self.depth -= 1
        self.names.close()

    def _body_function(
        self, loop: Loop, taken: list[tuple[str, str]], body: list[str], runs_out: bool
    ) -> None:
        """Write the body of a parallel loop as a function, and a call of it in its place."""
        used = {word for line in body for word in re.findall(r"\w+", line.partition("//")[0])}
        used |= {"status"} if runs_out else set()
        own = [name for name in ("status", "fault") if name in used]
        iterator = self.iter_name(loop.iter)
        name = self.names.declare_global(f"{self.function_name(self.program)}_{iterator}")
        lines = ["", f"// The body of the parallel loop {iterator}."]
        lines.append(function_head(f"static {'int' if own else 'void'} {name}(", [part for _, part in taken]))
        lines += [f"  int {local} = 0;" for local in own]
        bounds = {it for n in walk_nodes(loop.body) if isinstance(n, Loop) for e in (n.start, n.stop)
                  for it in iters_of(e)}  # fmt: skip
        for iter_, values in self.known_range.items():
            text = self.names.find(("iter", iter_.key))
            if text in used and iter_ in bounds:  # elsewhere it does not help, and gcc's loops get worse
                self.helpers.add("ta_within")
                lines.append(f"  ta_within({text}, {values[0]}, {values[1]});")
        lines += body
        lines += [f"  return {returned_status('status' in own, 'fault' in own)};"] if own else []
        self.apart += [*lines, "}"]
        self.depth += 1
        call = f"{name}({', '.join(argument for argument, _ in taken)})"
        self.ended(call, "status" in own, "fault" in own)
        self.depth -= 1

    def _parameters_for(self, seen: set[object], block: Block) -> list[tuple[str, str]] | None:
        """Argument and parameter for each name of outside; None where one cannot be handed over."""
        arrays = {array.key: array for array in self.program.arrays()}
        callees = {(id(owner), array.key): array for owner, array in kept(self.program)}
        iters = {iter_.key: iter_ for iter_ in self.iter_machine}
        stored = _stored(block)
        found: list[tuple[str, str]] = []
        for key in sorted(seen, key=str):
            match key:
                case ("iter", name) if name in iters:
                    kind = "int" if self.iter_machine[iters[name]].bits == 32 else "int64_t"
                    part: str | None = f"const {kind} @"
                case ("array", name) if name in arrays:
                    part = self._array_parameter(arrays[name], stored)
                case ("kept", int(owner), str(name)):
                    array = callees[owner, name]
                    part = self.pointer(array, "@", array.kind != "state")
                case _:
                    return None
            if part is None:
                return None
            text = self.names.find(key)
            assert text is not None
            if part:
                found.append((text, part.replace("@", text)))
        return found

    def _array_parameter(self, array: Array, stored: set[Array]) -> str | None:
        """How a function takes an array of this one; nothing where the whole file sees it."""
        if array.kind == "stream":
            return None
        if array.kind == "constant" and self.names.is_global(("constant", id(self.program), array.key)):
            return ""
        if array.rank > 0 or array.kind == "state":
            return self.pointer(array, "@", array.kind == "constant" or self._only_read(array))
        if array in stored:
            return None
        machine = self.value_machine.get(array)
        return f"const {machine.name if machine is not None else self.type_name(array.dtype)} @"

    def _only_read(self, array: Array) -> bool:
        return array.kind == "argument" and array not in self.written


def returned_status(status: bool, fault: bool) -> str:
    """What a function returns that may run out of memory, or find an access outside its array."""
    found = ["status"] if status else []
    if fault:
        found.append(f"(fault << {FAULT_SHIFT})" if found else f"fault << {FAULT_SHIFT}")
    return " | ".join(found) or "0"


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
