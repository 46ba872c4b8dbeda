"""FIFOs in C: queues that grow, so that processes can run one after the other."""

from __future__ import annotations

from tracealloc.emit.c.clock import Clock
from tracealloc.emit.c.operands import Operands
from tracealloc.emit.c.plan.storage import STACK_QUEUES
from tracealloc.emit.c.status import Status
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.scope import Scope, comment_text
from tracealloc.emit.common.text import Text, atom, call, element
from tracealloc.trace.ir.expr import Expr, Load
from tracealloc.trace.ir.program import Array, Region, Slice, Store

__all__ = ["Fifos"]


class Fifos:
    """Writes what a function does with arrays of kind ``stream``.

    Args:
        values: prints subscripts and what is put.
        scope: the function. `unit`: its file, which defines the types.
        status: notes that memory ran out, or that a queue was empty.
        clock: says when something is put or taken.
    """

    def __init__(self, values: Operands, scope: Scope, unit: Unit, status: Status, clock: Clock) -> None:
        self.values = values
        self.scope = scope
        self.unit = unit
        self.status = status
        self.clock = clock

    def pointer(self, array: Array, indices: tuple[Expr, ...]) -> str:
        """A pointer to a FIFO."""
        name = self.scope.array_name(array)
        if array.rank == 0:
            return name if array in self.scope.program.args else f"&{name}"
        return f"&{name}" + "".join(f"[{self.values.subscript(index)}]" for index in indices)

    def parameter(self, array: Array, name: str) -> str:
        """A FIFO, or an array of FIFOs, as a parameter."""
        type_ = self.unit.fifo_type(array.dtype)
        if array.rank <= 1:
            return f"{type_} *{name}"
        return f"{type_} (*{name})" + "".join(f"[{extent}]" for extent in array.shape[1:])

    def argument(self, region: Region) -> str:
        """What a call passes for a FIFO, or for a whole array of them."""
        if region.shape:
            name = self.scope.array_name(region.array)
            starts = [i.start if isinstance(i, Slice) else i for i in region.indices]
            at = [
                self.values.subscript(start) for start in starts[: region.array.rank - len(region.shape) + 1]
            ]
            return f"&{name}" + "".join(f"[{start}]" for start in at)
        indices = tuple(i for i in region.indices if not isinstance(i, Slice))
        return self.pointer(region.array, indices)

    def declare(self, array: Array) -> None:
        """The declaration of local FIFOs, empty."""
        dims = "".join(f"[{extent}]" for extent in array.shape)
        name, type_ = self.scope.array_name(array), self.unit.fifo_type(array.dtype)
        if array.size > STACK_QUEUES:
            inner = "".join(f"[{extent}]" for extent in array.shape[1:])
            declared = f"(*{name}){inner}" if inner else f"*{name}"
            self.scope.line(f"{type_} {declared} = calloc({array.shape[0]}, sizeof *{name});")
            self.scope.line(f"if (!{name}) return 1;")
        else:
            self.scope.line(f"{type_} {name}{dims} = {{0}};")
        self.named(array)

    def named(self, array: Array) -> None:
        """In a network a FIFO knows its name and number; one of the network's own has room for its depth."""
        if self.unit.network:
            called = f"{array.name}[{', '.join(map(str, array.shape))}]" if array.rank else array.name
            local = array not in self.scope.program.args
            bounded = local and self.scope.program.concurrent
            room = f"@.limit = {array.depth}, " if bounded else ""
            if self.clock.on:
                first = self.unit.depths_of(self.scope.program, array, bounded) if local else None
                place = "-1" if first is None else f"{first} + #"
                room = f"{self.unit.fifo_type(array.dtype)}_timed(&@, {place}), "
            self.each(array, f'{room}@.number = #, @.name = "{comment_text(called)}";')

    def each(self, array: Array, statement: str) -> None:
        """`statement`, with ``@`` for each FIFO of an array, and ``#`` for its number."""
        scope = self.scope
        name = scope.array_name(array)
        if array.rank == 0:
            name = f"(*{name})" if array in scope.program.args else name
            scope.line(statement.replace("@", name).replace("#", "0"))
            return
        # A row may not be left in C; the memory of all of them may be gone through.
        at = name if array.rank == 1 else f"(({self.unit.fifo_type(array.dtype)} *){name})"
        scope.names.open()
        e = scope.names.declare("", "e")
        scope.line(f"for (int64_t {e} = 0; {e} < {array.size}; ++{e}) {{")
        with scope.deeper():
            scope.line(statement.replace("@", f"{at}[{e}]").replace("#", e))
        scope.line("}")
        scope.names.close()

    def empty(self, array: Array) -> None:
        """Its FIFOs become empty again; nothing may be left in them."""
        self._left(array)
        self.each(array, "@.head = @.count = 0;")

    def end(self, array: Array) -> None:
        """Its FIFOs end; nothing may be left in them."""
        self._left(array)
        if self.clock.on:
            self.tell(array)
        self.each(array, "free(@.data);")
        if array.size > STACK_QUEUES:
            self.scope.line(f"free({self.scope.array_name(array)});")

    def tell(self, array: Array) -> None:
        """Its FIFOs are told of: how full they were, and who waited for them how long."""
        said = f"{self.unit.fifo_type(array.dtype)}_said(&@, {self.clock.name})"
        self.each(array, f"{said}, free(@.put_at), free(@.taken_at);")

    def _left(self, array: Array) -> None:
        """Note what is left in its FIFOs."""
        status = self.status.name("status")
        if self.unit.network:
            told = f"ta_unread(@.name, @.number, @.count), {status} |= 4"
            self.each(array, f"if (@.count && !({status} & 8)) {told};")
        else:
            self.each(array, f"if (@.count) {status} |= 4;")

    def get(self, load: Load) -> Text:
        """What is taken from a FIFO."""
        function = f"{self.unit.fifo_type(load.array.dtype)}_get"
        status = atom(f"&{self.status.name('status')}")
        line = [atom("__LINE__")] if self.unit.network else []
        line += [atom(part) for part in self.clock.access(False).split(", ") if part]
        taken = call(function, atom(self.pointer(load.array, load.indices)), status, *line)
        return element(taken.text, (), load.path)

    def meet(self, access: Load | Store, stage: int) -> None:
        """Wait until an access can be made: what happens in one stage happens at once."""
        side = "put" if isinstance(access, Store) else "get"
        name = f"{self.unit.fifo_type(access.array.dtype)}_meet_{side}"
        fifo = self.pointer(access.array, access.indices)
        self.scope.line(f"{name}({fifo}, {self.clock.name}, {stage}, __LINE__);")

    def put(self, node: Store) -> None:
        """A store to a FIFO."""
        scope = self.scope
        fifo, value = self.pointer(node.array, node.indices), self.values.converted(node.value).text
        name = f"{self.unit.fifo_type(node.array.dtype)}_put"
        status = self.status.name("status")
        line = ", __LINE__" + self.clock.access(True) if self.unit.network else ""
        scope.line(f"{name}({fifo}, {value}, &{status}{line});{scope.comment(node.place)}")
