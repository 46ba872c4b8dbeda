"""``kernel.python(...)``: the kernel's own body, run by Python on arrays, with print, assert and debuggers.

The proxies are those of a trace, with a recorder that does at once what is recorded: a value is computed
when it is made, a store happens where it stands, a loop goes through its iterations and a condition is
true or false. Types, widths and conversions are therefore those of the trace, and the arithmetic is the
interpreter's. Nothing is explored: Python's ``while``, ``break``, counters and exceptions do what they
say. A ``with`` block cannot be left out by Python: where the condition of a `ta.when` is false, its body
runs without effect on arrays, and its loops not at all. The processes of a network run in order.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, NoReturn

import numpy as np

from tracealloc.check.interpret.cells import replaced
from tracealloc.check.interpret.expr import Evaluate, ExprCompiler, field_position
from tracealloc.check.interpret.faults import outside_fault, refuse_left, unstored_fault
from tracealloc.check.interpret.outgoing import is_rounded
from tracealloc.check.interpret.values import from_numpy, scalar_from_python, to_numpy, write_back, zero_of
from tracealloc.emit.run.marshal import Signature as Arguments
from tracealloc.schedule.core.stores import may_store
from tracealloc.trace.calls import bound_part
from tracealloc.trace.diagnostics.errors import ArgumentError, InterpretError
from tracealloc.trace.diagnostics.source import Place, caller_place
from tracealloc.trace.functions import arguments_of, proxies, results
from tracealloc.trace.ir.dtype import DType, Index, Struct, has_fixed, index
from tracealloc.trace.ir.expr import Const, Expr, Load
from tracealloc.trace.ir.parameters import Signature
from tracealloc.trace.ir.program import Alloc, Array, Block, Program, Region, Slice, Store
from tracealloc.trace.proxies.arrays import ArrayProxy
from tracealloc.trace.proxies.scalars import Scalar
from tracealloc.trace.queries.summary import summary_of
from tracealloc.trace.record.bytecode_names import Spot
from tracealloc.trace.record.events import Close, Define, Event, Open, Otherwise, Ref
from tracealloc.trace.record.recorder import Recorder, running
from tracealloc.trace.signature import place_of_function

__all__ = ["run_plainly"]

_REMEMBERED = 64


@dataclass(frozen=True, eq=False)
class Known(Ref):
    """A value that was computed."""

    held: Any = None


class _Evaluator(ExprCompiler):
    """Evaluates expressions whose leaves are known."""

    runner: Runner

    def expr(self, expr: Expr) -> Evaluate:
        if isinstance(expr, Known):
            held = expr.held
            return lambda f: held
        if isinstance(expr, Load):
            return lambda f: self.runner.read(expr)
        return super().expr(expr)


class Runner(Recorder):
    """A recorder that does what it is told instead of recording it."""

    runs = True

    def __init__(self, name: str, states: dict[object, np.ndarray]) -> None:
        super().__init__(name)
        self.states = states
        self.cells: dict[Array, Any] = {}  # of each array its values, of a stream its queue
        self.refused: dict[Array, ArgumentError] = {}  # what a store to an argument would mean
        self.stored: set[Array] = set()
        self.queues: list[Array] = []  # those that the kernels which run have made
        self.wholes: dict[Array, Array] = {}  # what a callee's array is all or a part of
        # The calls that run: what those have in common that share states, and where these were made.
        self.keepers: list[tuple[Hashable, list[Place | None]]] = [(None, [])]
        self.live = [True]  # whether the ta.when blocks around hold
        self.entered: list[bool] = []  # the conditions of those blocks
        self.last = True  # what the condition of the block that ended was
        self.evaluator = _Evaluator(check=True)
        self.evaluator.runner = self

    # -- values ------------------------------------------------------------------------------------------

    def evaluate(self, expr: Expr) -> Any:
        """The value of an expression, now."""
        return self.evaluator.expr(expr)([])

    def define(self, expr: Expr, spot: Spot | None = None) -> Expr:
        spot = spot or self.spot()
        value = self.evaluate(expr)
        number = self.number()
        self._happened(Define(number, expr, spot.target, spot.place))
        return Const(int(value), index) if isinstance(expr.dtype, Index) else Known(number, expr.dtype, value)

    def _happened(self, event: Event) -> None:
        """Keep the last events, by which blocks and stores of bits know what they follow."""
        self.events.append(event)
        if len(self.events) > 2 * _REMEMBERED:
            del self.events[:-_REMEMBERED]

    def name_value(self, expr: Expr) -> Expr:
        return expr if isinstance(expr, Const | Known) else self.define(expr)

    def opaque(self, expr: Expr) -> Expr:
        return Known(self.number(), expr.dtype, self.evaluate(expr))

    def known(self, expr: Expr) -> Any:
        value = self.evaluate(expr)
        dtype = expr.dtype
        if isinstance(dtype, Struct):
            return to_numpy([value], dtype, (1,))[0]
        return to_numpy([value], dtype, (1,)).tolist()[0]

    def contents(self, region: Region) -> np.ndarray:
        part = np.asarray(self._view(region))
        return to_numpy(list(part.reshape(-1)), region.array.dtype, part.shape)

    def decide(self, cond: Expr) -> bool:
        return bool(self.evaluate(cond))

    # -- arrays ------------------------------------------------------------------------------------------

    def array(self, kind: Any, dtype: DType, shape: tuple[int, ...], **more: Any) -> Array:
        name, data = str(more.get("name") or kind), more.get("data")
        array = Array(f"%{self.number()}", name, dtype, shape, kind, (), data=data, place=more.get("place"))
        if data is not None:
            first = _shaped(from_numpy(data, dtype, name, scaled=True), shape)
            self.cells[array] = self._kept(more.get("place"), first) if kind == "state" else first
        return array

    def _kept(self, place: Place | None, first: np.ndarray) -> np.ndarray:
        """What the state that a call makes there holds."""
        owned, made = self.keepers[-1]
        made.append(place)
        return self.states.setdefault((owned, place, made.count(place)), first)

    def read(self, load: Load) -> Any:
        """The element that a load names."""
        array = load.array
        if array.kind == "stream":
            if not self.live[-1]:
                return zero_of(array.dtype)
            queue = self._queue(array, load.indices, load.place)
            return queue.popleft() if queue else self._unstored(load)
        at = self._inside(array, load.indices, load.place)
        value = None if at is None else self.cells[array][at]
        if value is None:
            if self.live[-1]:
                self._unstored(load)
            value = zero_of(array.dtype)
        dtype: DType = array.dtype
        for name in load.path:
            assert isinstance(dtype, Struct)
            value, dtype = value[field_position(dtype, name)], dtype.field_type(name) or dtype
        return value

    def _inside(self, array: Array, indices: Sequence[Expr], place: Place | None) -> tuple[int, ...] | None:
        """The subscripts' values; None: outside, in a block that does not run."""
        at = tuple(int(self.evaluate(part)) for part in indices)
        if all(0 <= part < extent for part, extent in zip(at, array.shape, strict=True)):
            return at
        if self.live[-1]:
            outside_fault(array, (), place)([], at)
        return None

    def _unstored(self, load: Load) -> NoReturn:
        try:
            unstored_fault(load, (), [self.evaluator.expr(part) for part in load.indices])([])
        except InterpretError as error:
            if load.array.kind == "stream" and self.network is not None:
                error.because += ("plain Python runs the processes of a network in order, one at a time",)
                error.hint = "ta.interpret(kernel, ...) runs them beside one another"
            raise

    def _queue(self, array: Array, indices: Sequence[Expr], place: Place | None) -> deque[Any]:
        """One of the queues of an array."""
        held = self.cells[array]
        at = self._inside(array, indices, place) if array.rank else ()
        found: deque[Any] = held if not array.rank else deque() if at is None else held[at]
        return found

    def _view(self, region: Region) -> Any:
        """The cells of a part of an array, as a view."""
        found: list[int | slice] = []
        for part, extent in zip(region.indices, region.array.shape, strict=True):
            first, size = (part.start, part.extent) if isinstance(part, Slice) else (part, 1)
            start = int(self.evaluate(first))
            if not 0 <= start <= start + size <= extent:
                if not self.live[-1]:
                    return _filled(region.shape, zero_of(region.array.dtype))
                worst = start if start < 0 else start + size - 1
                outside_fault(region.array, (), caller_place())([], (worst,) * region.array.rank)
            found.append(slice(start, start + size) if isinstance(part, Slice) else start)
        return self.cells[region.array][tuple(found)]

    # -- what happens ------------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        self._happened(event)
        match event:
            case Store():
                self._store(event)
            case Alloc(array=array) if array.kind == "stream":
                self.cells[array] = _queues(array.shape)
                self.queues.append(array)
            case Alloc(array=array, fill=value):
                start = None if value is None else self.evaluate(value)
                if isinstance(array.dtype, Struct) and isinstance(value, Const):
                    start = zero_of(array.dtype)
                self.cells[array] = _filled(array.shape, start)
            case Open(cond=cond):
                self._enter(bool(self.evaluate(cond)))
            case Otherwise():
                self._enter(not self.last)
            case Close():
                self.idle -= not self.live.pop()
                self.last = self.entered.pop()
            case _:
                raise AssertionError(event)

    def _enter(self, holds: bool) -> None:
        self.entered.append(holds)
        self.live.append(self.live[-1] and holds)
        self.idle += not self.live[-1]

    def _store(self, store: Store) -> None:
        if not self.live[-1]:
            return
        array, value = store.array, self.evaluate(store.value)
        whole = self.wholes.get(array, array)
        if whole in self.refused:
            raise self.refused[whole]
        self.stored.add(whole)
        if array.kind == "stream":
            self._queue(array, store.indices, store.place).append(value)
            return
        if array not in self.cells:  # of a result that is one number
            self.cells[array] = _filled(array.shape, None)
        at = self._inside(array, store.indices, store.place)
        assert at is not None
        if store.path:
            steps, dtype = [], array.dtype
            for name in store.path:
                assert isinstance(dtype, Struct)
                steps.append(field_position(dtype, name))
                dtype = dtype.field_type(name) or dtype
            old = self.cells[array][at]
            value = replaced(zero_of(array.dtype) if old is None else old, steps, value)
        self.cells[array][at] = value

    def iterate(self, bounds: Sequence[tuple[Expr, Expr, int]]) -> Iterator[Any]:
        """The iterations of a loop."""
        if not self.live[-1]:
            return
        ranges = [
            range(int(self.evaluate(start)), int(self.evaluate(stop)), step) for start, stop, step in bounds
        ]
        for numbers in itertools.product(*ranges):
            its = tuple(Scalar(Const(number, index), self) for number in numbers)
            yield its[0] if len(its) == 1 else its

    def repeat(self, cond: Callable[[], Any], body: Callable[[], Any]) -> None:
        """`ta.while_loop`."""
        while self.live[-1] and bool(cond()):
            body()

    # -- calls -------------------------------------------------------------------------------------------

    def call(
        self,
        function: FunctionType,
        signature: Signature,
        values: dict[str, Any],
        title: str,
        owned: Hashable,
    ) -> Any:
        """Run a callee on parts of this kernel's arrays."""
        args = tuple(replace(array, key=f"%{self.number()}") for array in arguments_of(signature))
        given: dict[Array, Any] = {}
        for parameter, array in zip(signature.traced, args, strict=True):
            item = values.get(parameter.name)
            part = bound_part(parameter, item, title)
            if isinstance(part, Region):
                if array.kind == "stream":
                    indices = tuple(i for i in part.indices if isinstance(i, Expr))
                    self.cells[array] = self._queue(part.array, indices, caller_place())
                else:
                    self.cells[array] = self._view(part)
                given[array] = item
                self.wholes[array] = self.wholes.get(part.array, part.array)
            else:
                self.cells[array] = _filled((), self.evaluate(part))
        self.keepers.append((owned, []))
        try:
            found = self.body(function, signature, args)
        finally:
            self.keepers.pop()
        made = [given[array] if array in given else self._result(array) for array in found]
        return None if not made else made[0] if len(made) == 1 else tuple(made)

    def _result(self, array: Array) -> Any:
        if array.rank:
            return ArrayProxy(array, self)
        return Scalar(self.define(Load(array)), self)

    def body(
        self, function: FunctionType, signature: Signature, args: tuple[Array, ...]
    ) -> tuple[Array, ...]:
        """Run a function's body; the arrays that it returns."""
        positional, keywords = proxies(self, signature, args)
        before = len(self.queues)
        returned = function(*positional, **keywords)
        for array in self.queues[before:]:
            held = self.cells[array]
            refuse_left(array, list(held.flat) if array.rank else [held])
        del self.queues[before:]
        return results(self, signature, returned, {}, place_of_function(function))


def _queues(shape: tuple[int, ...]) -> Any:
    """Empty queues."""
    if not shape:
        return deque()
    found = np.empty(shape, object)
    for at in np.ndindex(*shape):
        found[at] = deque()
    return found


def _filled(shape: tuple[int, ...], value: Any) -> np.ndarray:
    found = np.empty(shape, object)
    found.fill(value)
    return found


def _shaped(cells: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray:
    found = np.empty(len(cells), object)
    for at, cell in enumerate(cells):
        found[at] = cell
    return found.reshape(shape)


def run_plainly(
    function: FunctionType, signature: Signature, args: Sequence[Any], kwargs: dict[str, Any],
    defaults: tuple[tuple[str, Any], ...], states: dict[object, np.ndarray],
    traced: Callable[[], Program | None],
) -> Any:  # fmt: skip
    """Run a kernel's function on arrays, in place; what it returns, as calling the kernel gives it.

    `traced` is asked only where an array holds numbers that its fixed point does not have: whether these
    become numbers of the type is then up to what the kernel may do, not to what it did this time.

    Raises:
        ArgumentError: an argument does not fit.
        InterpretError: an access outside an array, or to an element that nothing was stored to.
    """
    arrays = arguments_of(signature)
    head = Program(function.__name__, arrays, Block(()), defaults=defaults)
    values = Arguments(head).checked(args, kwargs)
    runner = Runner(function.__name__, states)
    given = dict(zip(arrays, values, strict=True))
    for array, value in given.items():
        runner.cells[array] = _entered(array, value, traced)
    _refuse_stores(runner, given)
    rounded = {array for array, value in given.items() if _is_rounded(array, runner.cells[array], value)}
    try:
        with running(runner):
            found = runner.body(function, signature, arrays)
    finally:
        for array, value in given.items():
            if array.kind == "stream":
                left = to_numpy(list(runner.cells[array]), array.dtype, (len(runner.cells[array]),))
                value.clear()
                value.extend(left)
            elif array.rank:
                program = traced() if array in rounded else None
                if array in runner.stored if program is None else may_store(program, array.name):
                    write_back(list(runner.cells[array].reshape(-1)), array.dtype, value)
    made = [given[array] if array in given else _outside(runner, array) for array in found]
    return None if not made else made[0] if len(made) == 1 else tuple(made)


def _outside(runner: Runner, array: Array) -> Any:
    cells = runner.cells[array]
    found = to_numpy(list(cells.reshape(-1)), array.dtype, array.shape)
    return found if array.rank else found[()]


def _is_rounded(array: Array, cells: Any, value: Any) -> bool:
    return bool(array.rank and array.kind != "stream" and is_rounded(array, list(cells.reshape(-1)), value))


def _entered(array: Array, value: Any, traced: Callable[[], Program | None]) -> Any:
    if array.kind == "stream":
        return deque(scalar_from_python(item, array.dtype, array.name) for item in value)
    if array.rank == 0:
        return _filled((), scalar_from_python(value, array.dtype, array.name))
    try:
        cells = from_numpy(value, array.dtype, array.name)
    except ArgumentError:
        program = traced() if has_fixed(array.dtype) else None
        if program is None or array.name in {found.name for found in summary_of(program).reads}:
            raise
        cells = from_numpy(value, array.dtype, array.name, holes=True)
    return _shaped(cells, array.shape)


def _refuse_stores(runner: Runner, given: dict[Array, Any]) -> None:
    """Note what a store to each array argument would break."""
    parts = [(array, value) for array, value in given.items() if array.rank]
    for array, value in parts:
        what = f"{runner.name}: argument {array.name!r}"
        if not value.flags.writeable:
            runner.refused[array] = ArgumentError(
                "TA705", f"{what} is read-only, and the kernel writes to it", place=caller_place()
            )
        for other, memory in parts:
            if other is not array and np.shares_memory(value, memory):
                runner.refused[array] = ArgumentError(
                    "TA706",
                    f"{what} overlaps {other.name!r} in memory, and the kernel writes to it",
                    place=caller_place(),
                    hint=f"pass {other.name}.copy()",
                )
