"""Nodes and programs as Python closures, on top of `expr`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

from tracealloc.check.interpret.arith import conversion
from tracealloc.check.interpret.cells import (
    all_elements,
    make_queues,
    positions,
    starts_at_zero,
    store_element,
    store_field,
    store_inline,
    unstored,
)
from tracealloc.check.interpret.expr import ExprCompiler, Frame, Run, Storage, row_major
from tracealloc.check.interpret.faults import refuse_left
from tracealloc.check.interpret.observed import Access, Event, Observer
from tracealloc.check.interpret.processes import Part, Scheduler
from tracealloc.check.interpret.values import from_numpy, zero_of
from tracealloc.trace.ir.expr import Expr, Load
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
    touched_by,
    walk_nodes,
)
from tracealloc.trace.network.families import Stage, stages_of
from tracealloc.trace.network.ownership import network_of
from tracealloc.trace.queries.requirements import check_requirements

__all__ = ["Compiled", "ProgramCompiler"]


@dataclass
class Compiled:
    """A program ready to run: a frame with constants and state in place, and where arguments go."""

    run: Run
    template: Frame
    params: list[Storage]
    slots: dict[Array, int]

    def frame(self, cells: list[Any], offsets: list[int] | None = None) -> Frame:
        """A frame for one run on the given cells."""
        frame = self.template.copy()
        for position, (storage, cell) in enumerate(zip(self.params, cells, strict=True)):
            frame[storage.slot] = cell
            if storage.offset is not None:
                frame[storage.offset] = offsets[position] if offsets else 0
        return frame


Strides: TypeAlias = tuple[int, ...]


class ProgramCompiler:
    """Compiles programs, each once for each shape of views it is called with."""

    def __init__(self, check: bool, observer: Observer | None, scheduler: Scheduler | None) -> None:
        self.check = check
        self.observer = observer
        self.scheduler = scheduler
        self.done: dict[tuple[int, tuple[Strides | None, ...]], Compiled] = {}
        self.lasting: dict[tuple[int, Array], list[Any]] = {}  # cells of constants and state

    def compile(self, program: Program, views: tuple[Strides | None, ...] = ()) -> Compiled:
        """`program` ready to run; `views` has the strides of arguments that are not whole arrays."""
        key = (id(program), views)
        if key not in self.done:
            self.done[key] = NodeCompiler(self, program).program(views)
        return self.done[key]

    def cells(self, program: Program, array: Array) -> list[Any]:
        """The cells of a constant or a state array, the same in every run."""
        key = (id(program), array)
        if key not in self.lasting:
            assert array.data is not None, array.name
            cells = from_numpy(array.data.reshape(array.shape), array.dtype, array.name, scaled=True)
            self.lasting[key] = cells
        return self.lasting[key]


class NodeCompiler:
    """Compiles the nodes of one program."""

    def __init__(self, programs: ProgramCompiler, program: Program) -> None:
        self.programs = programs
        self.source = program
        self.observer = programs.observer
        reads = None if self.observer is None else self.observer.reads
        self.scheduler = programs.scheduler
        self.exprs = ExprCompiler(programs.check, reads, scheduler=self.scheduler)
        self.initial: dict[int, Any] = {}

    def required(self, run: Run) -> Run:
        """The body, run only where the parameters are what the program requires."""
        program = self.source
        if not program.requires:
            return run
        scalars = [(array, self.exprs.storages[array].slot) for array in program.args if array.parameter]

        def checked(frame: Frame) -> None:
            check_requirements(program, {array: frame[slot][0] for array, slot in scalars})
            run(frame)

        return checked

    def emptied(self, run: Run) -> Run:
        """The body; the queues of its own must be empty when it ends."""
        made = (n.array for n in walk_nodes(self.source.body) if isinstance(n, Alloc))
        slots = [(array, self.exprs.storage(array).slot) for array in made if array.kind == "stream"]
        if not slots:
            return run

        def checked(frame: Frame) -> None:
            run(frame)
            for array, slot in slots:
                refuse_left(array, frame[slot])

        return checked

    def program(self, views: tuple[Strides | None, ...]) -> Compiled:
        """The whole program."""
        params = []
        for position, array in enumerate(self.source.args):
            strides = views[position] if views else None
            params.append(self._place(array, strides))
        for array in self.source.arrays():
            if array.kind in ("constant", "state"):
                storage = self._place(array)
                self.initial[storage.slot] = self.programs.cells(self.source, array)
            elif array not in self.exprs.storages:
                self._place(array)
                if array.kind == "stream" and not self._allocated(array):
                    raise LookupError(f"stream {array.name!r} is neither an argument nor allocated")
        run = self.emptied(self.required(self.body()))
        template: Frame = [None] * self.exprs.size
        for slot, content in self.initial.items():
            template[slot] = content
        slots = {array: storage.slot for array, storage in self.exprs.storages.items()}
        return Compiled(run, template, params, slots)

    def _allocated(self, array: Array) -> bool:
        return any(isinstance(node, Alloc) and node.array == array for node in walk_nodes(self.source.body))

    def _place(self, array: Array, strides: Strides | None = None) -> Storage:
        slot = self.exprs.new_slot()
        offset = None if strides is None else self.exprs.new_slot()
        inline = array.kind == "value" and self.observer is None and array not in self.source.results
        storage = Storage(slot, strides or row_major(array.shape), offset, inline)
        if strides is None:
            storage = Storage(slot, row_major(array.shape), None, inline)
        self.exprs.storages[array] = storage
        return storage

    def body(self) -> Run:
        """The program's nodes: one after the other, or processes."""
        if self.scheduler is None or not self.source.concurrent:
            return self.block(self.source.body)
        network = network_of(self.source)
        made, _ = stages_of(self.source)
        pairs = zip(network.stages, network.waits, strict=True)
        return self.scheduler.together(self.block(made), [self.part(*pair) for pair in pairs])

    def part(self, stage: Stage, waits: frozenset[int]) -> Part:
        """One stage of a network; its processes are the iterations of the loops of its grid."""
        block: Block = (stage.node,)
        slots = []
        for loop in stage.loops:
            (found,) = block
            assert isinstance(found, Loop) and found.iter == loop.iter
            slots.append(self.exprs.iterator(loop.iter))
            self.exprs.around.append(loop.iter)
            block = found.body
        run = self.block(block)
        del self.exprs.around[len(self.exprs.around) - len(slots) :]
        own = {n.array for n in walk_nodes(block) if isinstance(n, Alloc)}
        made = {array for n in walk_nodes(block) for array in touched_by(n)} - own
        queues = tuple((a, self.exprs.storage(a).slot) for a in own if a.kind == "stream")
        labels = [stage.label(row) for row in range(len(stage.points))]
        left = tuple(self.exprs.storage(array).slot for array in made)
        return Part(stage.name, labels, tuple(slots), stage.points.tolist(), run, left, queues, waits)

    def block(self, block: Block) -> Run:
        """Nodes one after the other."""
        runs = [self.node(node) for node in block]
        if not runs:
            return lambda f: None
        if len(runs) == 1:
            return runs[0]
        if len(runs) == 2:
            first, second = runs

            def both(f: Frame) -> None:
                first(f)
                second(f)

            return both

        def run(f: Frame) -> None:
            for part in runs:
                part(f)

        return run

    def node(self, node: Node) -> Run:
        """One node."""
        match node:
            case Alloc():
                return self.alloc(node)
            case Store():
                return self.store(node)
            case Loop():
                return self.loop(node)
            case While():
                return self.while_(node)
            case If():
                return self.if_(node)
            case Call():
                return self.call(node)
            case _:
                assert_never(node)

    def _observed(
        self,
        node: Node,
        run: Callable[[Frame], object],
        writes: Callable[[Frame], tuple[Access, ...]] | None = None,
    ) -> Run:
        """`run`, then an event of what it read and wrote; nothing more where nobody looks on."""
        observer = self.observer
        if observer is None:
            return run  # type: ignore[return-value]
        slots = self.exprs.iterators()

        def observed(f: Frame) -> None:
            observer.reads.clear()
            run(f)
            reads = tuple(observer.reads)
            written = writes(f) if writes is not None else ()
            if reads or writes is not None:
                iterators = {iter_: f[slot] for iter_, slot in slots}
                observer.tell(Event(node, iterators, reads, written, tuple(observer.sites)))

        return observed

    def alloc(self, node: Alloc) -> Run:
        """A new array."""
        array, size = node.array, node.array.size
        slot = self.exprs.storage(array).slot
        observer = self.observer
        if array.kind == "stream" and self.scheduler is not None:
            bounded = self.source.concurrent and any(node is other for other in self.source.body)
            return self.scheduler.queues(array, slot, bounded)
        if array.kind == "stream":
            return make_queues(array, slot)
        fill: Callable[[Frame], Any]
        if node.fill is not None:
            value, convert = self.exprs.expr(node.fill), conversion(node.fill.dtype, array.dtype)
            fill = value if convert is None else lambda f: convert(value(f))
        else:
            nothing = unstored(array) if self.exprs.check else zero_of(array.dtype)
            fill = lambda f: nothing  # noqa: E731

        def make(f: Frame) -> None:
            f[slot] = [fill(f)] * size
            if observer is not None:
                observer.kept.append(f[slot])

        if node.fill is None:
            return make
        return self._observed(node, make, lambda f: all_elements(array, f[slot]))

    def store(self, node: Store) -> Run:
        """One element, or one field of it."""
        array, storage = node.array, self.exprs.storage(node.array)
        assert array.kind != "constant", f"{array.name} is a constant"
        wanted = array.field_type(node.path)
        if node.value.dtype != wanted:
            raise TypeError(f"{array.name} holds {wanted}, stored is {node.value.dtype} ({node.place})")
        # A step's copy takes elements along as they are: of what is not stored yet nothing is used.
        if node.place is None and isinstance(node.value, Load):
            value = self.exprs.load(node.value, check=False)
        else:
            value = self.exprs.expr(node.value)
        slot = storage.slot
        if storage.inline:
            return store_inline(slot, value)
        position = self.exprs.position(array, node.indices, node.place)
        if array.kind == "stream" and self.scheduler is not None:
            put = self.scheduler.putter(slot, position, value, node.place)
        else:
            put = store_element(array, slot, position, value)
        if array.kind == "value":
            put = self._fresh(slot, put)
        if node.path:
            put = store_field(array, slot, position, value, node.path)
        if self.observer is None:
            return put
        parts = [self.exprs.expr(part) for part in node.indices]
        note = self.observer.reads

        def written(f: Frame) -> tuple[Access, ...]:
            where = position(f) if position else 0
            access = Access(array, tuple(int(part(f)) for part in parts), (id(f[slot]), where))
            note.clear()
            return (access,)

        return self._observed(node, put, written)

    def _fresh(self, slot: int, put: Run) -> Run:
        """A named value is a new one each time, so that its instances can be told apart."""
        observer = self.observer

        def run(f: Frame) -> None:
            old, f[slot] = f[slot], [None]
            if observer is not None:
                observer.kept.append(old)
            put(f)

        return run

    def loop(self, node: Loop) -> Run:
        """A counted loop."""
        start, stop, step = self.exprs.expr(node.start), self.exprs.expr(node.stop), node.step
        slot = self.exprs.iterator(node.iter)

        def bounds(f: Frame) -> None:
            start(f), stop(f)

        look = self._observed(node, bounds)
        self.exprs.around.append(node.iter)
        body = self.block(node.body)
        self.exprs.around.pop()
        watched = self.observer is not None

        def run(f: Frame) -> None:
            if watched:
                look(f)
            for f[slot] in range(start(f), stop(f), step):  # noqa: B020
                body(f)

        return run

    def while_(self, node: While) -> Run:
        """Prologue, test, body, and again."""
        prologue, cond, body = self.block(node.prologue), self.exprs.expr(node.cond), self.block(node.body)
        look = self._observed(node, cond)
        watched = self.observer is not None

        def run(f: Frame) -> None:
            while True:
                prologue(f)
                if watched:
                    look(f)
                if not cond(f):
                    return
                body(f)

        return run

    def if_(self, node: If) -> Run:
        """Two ways."""
        cond, then, orelse = self.exprs.expr(node.cond), self.block(node.then), self.block(node.orelse)
        look = self._observed(node, cond)
        watched = self.observer is not None

        def run(f: Frame) -> None:
            if watched:
                look(f)
            if cond(f):
                then(f)
            else:
                orelse(f)

        return run

    def call(self, node: Call) -> Run:
        """Another program, on views of this one's arrays."""
        callee = node.program
        assert len(node.args) == len(callee.args), node.site
        assert len(node.results) == len(callee.results), node.site
        passed = [self._argument(part, param) for part, param in zip(node.args, callee.args, strict=True)]
        views = tuple(strides for _, strides in passed)
        whole = all(strides is None for strides in views)
        inner = self.programs.compile(callee, () if whole else views)
        gives = [give for give, _ in passed]
        paired = zip(node.results, callee.results, strict=True)
        takes = [self._result(region, array, inner) for region, array in paired]
        observer = self.observer
        site = node.site or callee.name
        arguments: list[tuple[Any, int]] = []

        def evaluate(f: Frame) -> None:
            arguments[:] = [give(f) for give in gives]

        look = self._observed(node, evaluate)

        def run(f: Frame) -> None:
            look(f)
            frame = inner.frame([cells for cells, _ in arguments], [start for _, start in arguments])
            if observer is not None:
                observer.kept.extend(cells for cells, _ in arguments)
                observer.sites.append(site)
            inner.run(frame)
            if observer is not None:
                observer.sites.pop()
            for take in takes:
                take(f, frame)

        return run

    def _argument(
        self, part: Region | Expr, param: Array
    ) -> tuple[Callable[[Frame], tuple[Any, int]], Strides | None]:
        """The function that gives an argument's cells and first position, and the view's strides."""
        if isinstance(part, Expr):
            value, convert = self.exprs.expr(part), conversion(part.dtype, param.dtype)
            if convert is None:
                return (lambda f: ([value(f)], 0)), None
            return (lambda f: ([convert(value(f))], 0)), None
        assert part.shape == param.shape, f"{part.array.name}: {part.shape} passed for {param.shape}"
        start, strides = self._region(part)
        slot = self.exprs.storage(part.array).slot
        if self.exprs.storage(part.array).inline:
            return (lambda f: ([f[slot]], 0)), None
        if start is None:
            return (lambda f: (f[slot], 0)), None
        return (lambda f: (f[slot], start(f))), strides

    def _region(self, region: Region) -> tuple[Callable[[Frame], int] | None, Strides]:
        """The first position of a view (None: the whole array) and its strides."""
        array, storage = region.array, self.exprs.storage(region.array)
        firsts = tuple(part.start if isinstance(part, Slice) else part for part in region.indices)
        strides = tuple(
            stride
            for part, stride in zip(region.indices, storage.strides, strict=True)
            if isinstance(part, Slice)
        )
        position = self.exprs.position(array, firsts, array.place)
        if position is None:
            return None, ()
        whole = storage.offset is None and region.shape == array.shape and starts_at_zero(firsts)
        return (None if whole else self._inside(region, position)), strides

    def _inside(self, region: Region, position: Callable[[Frame], int]) -> Callable[[Frame], int]:
        """`position`, after a check that the view's last element is inside the array, too."""
        if not self.exprs.check:
            return position
        lasts = tuple(
            (self.exprs.expr(part.start), part.extent, extent)
            for part, extent in zip(region.indices, region.array.shape, strict=True)
            if isinstance(part, Slice)
        )

        def checked(f: Frame) -> int:
            for first, extent, limit in lasts:
                assert first(f) + extent <= limit, f"view of {region.array.name} reaches outside it"
            return position(f)

        return checked

    def _result(self, region: Region, array: Array, inner: Compiled) -> Callable[[Frame, Frame], None]:
        """The function that copies a callee's result to where the caller wants it."""
        start, strides = self._region(region)
        slot, source = self.exprs.storage(region.array).slot, inner.slots[array]
        places = positions(region.shape, strides)
        inline = self.exprs.storage(region.array).inline
        whole = region.array.size == array.size

        def take(f: Frame, frame: Frame) -> None:
            cells = frame[source]
            if inline:
                f[slot] = cells[0]
                return
            if f[slot] is None and whole:
                f[slot] = [None] * region.array.size
            target, first = f[slot], start(f) if start is not None else 0
            for position, value in zip(places, cells, strict=True):
                target[first + position] = value

        return take
