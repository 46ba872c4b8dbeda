"""The arguments of a call: checked, handed to C, and results brought back. One place for all back ends.

`Signature.caller` makes the function that a user's call runs. Its fast path takes arrays that fit as they
are; everything else (keywords, conversions, errors) goes through `Signature._slowly`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from tracealloc.emit.common.access_checks import FAULT_SHIFT, all_checks, outside_error
from tracealloc.emit.common.numpy_types import container, from_memory, memory_type, stored, words_of
from tracealloc.emit.common.parameters import Parameter, by_value, parameters
from tracealloc.emit.run.argument_checks import Slot, check_array, check_values, kind_text, leaves, make_slot
from tracealloc.emit.run.fifo_arguments import NETWORK_WORDS, PLAIN_WORDS, Fifos, given_twice
from tracealloc.emit.run.scalar_arguments import c_scalar, quick_scalar, scalar_value
from tracealloc.emit.run.stuck import left_of, stuck_text
from tracealloc.trace.diagnostics.errors import ArgumentError, TraceallocError, nearest
from tracealloc.trace.diagnostics.source import caller_place
from tracealloc.trace.ir.dtype import DType, Fixed
from tracealloc.trace.ir.program import Array, Program, Requirement
from tracealloc.trace.ir.quantise import is_finite, is_real
from tracealloc.trace.ir.stored import not_a_number, stored_type
from tracealloc.trace.network.cut import is_network
from tracealloc.trace.queries.requirements import unmet
from tracealloc.trace.queries.summary import summary_of

__all__ = ["Signature"]

Function = Callable[..., Any]


def _address_function() -> Callable[[np.ndarray], int]:
    """The fastest way to an array's data: the field behind the object's head, where that is what it is."""
    at = object.__basicsize__
    pointer = ctypes.c_size_t.from_address
    probe = np.zeros(3)

    def quick(array: np.ndarray) -> int:
        return pointer(id(array) + at).value

    def safe(array: np.ndarray) -> int:
        found: int = array.__array_interface__["data"][0]
        return found

    return quick if quick(probe) == safe(probe) and quick(probe[1:]) == safe(probe[1:]) else safe


address = _address_function()


@dataclass(slots=True)
class _Given:
    """An argument as C gets it, and the array (or None) that must be brought up to date afterwards."""

    value: Any
    original: np.ndarray | None = None
    copy: np.ndarray | None = None
    fifos: Fifos | None = None


class Signature:
    """The arguments and results of a program; `caller` binds them to a C function.

    `exact`: fixed point comes out as fractions, not as float64.
    """

    def __init__(self, program: Program, exact: bool = False) -> None:
        self.program = program
        self.exact = exact
        self.compiled: Callable[[], Program] = lambda: program
        self.report: Callable[[], tuple[str, str]] = lambda: ("", "")  # of a network, and the C text
        self.network = is_network(program)
        self.queue_words = NETWORK_WORDS if self.network else PLAIN_WORDS
        self.name = program.name
        self._parameters = parameters(program)
        read = summary_of(program).reads
        arguments = [p for p in self._parameters if p.role == "argument"]
        self.slots = [make_slot(p, p.array in read, program) for p in arguments]
        self.outputs = [p for p in self._parameters if p.role == "result"]
        self._lasting = [p for p in self._parameters if p.role == "kept"]
        self.kept = [_first_content(p) for p in self._lasting]
        self._addresses = [address(array) for array in self.kept]
        arrays = [
            (number, slot)
            for number, slot in enumerate(self.slots)
            if slot.parameter.array.kind != "stream" and not _is_scalar(slot)
        ]
        self._pairs = [
            (a, b, x.nbytes, y.nbytes)
            for position, (a, x) in enumerate(arrays)
            for b, y in arrays[position + 1 :]
            if x.written or y.written
        ]

    def __str__(self) -> str:
        args = ", ".join(f"{slot.name}: {_type_text(slot.parameter.array)}" for slot in self.slots)
        results = ", ".join(_type_text(array) for array in self.program.results)
        return f"{self.name}({args})" + (f" -> {results}" if results else "")

    def share(self, memory: dict[object, Any]) -> None:
        """Keep the states in `memory`, where a build of the same kernel may have left them."""
        seen: dict[object, int] = {}
        for number, (parameter, first) in enumerate(zip(self._lasting, self.kept, strict=True)):
            array = parameter.array
            if array.kind != "state":
                continue
            what = (parameter.owner.name, array.name, str(array.dtype), array.shape, first.tobytes())
            seen[what] = seen.get(what, 0) + 1
            self.kept[number] = memory.setdefault((what, seen[what]), first)
            self._addresses[number] = address(self.kept[number])

    def reset(self) -> None:
        """Set the states back to their first contents."""
        for parameter, array in zip(self._lasting, self.kept, strict=True):
            if parameter.written:
                array[...] = _first_content(parameter)

    def argtypes(self) -> list[Any]:
        """The ctypes types of the C function's parameters."""
        found: list[Any] = []
        for slot in self.slots:
            array = slot.parameter.array
            scalar = _is_scalar(slot) and by_value(array)
            found.append(c_scalar(array.dtype) if scalar else ctypes.c_void_p)
        return found + [ctypes.c_void_p] * (len(self.outputs) + len(self.kept))

    def caller(
        self, function: Any, *, fails: bool = True, through: Callable[[Function], Function] | None = None
    ) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
        """The function ``(args, kwargs) -> results`` that checks, runs `function` and returns.

        `fails`: the C function returns a status, not zero when memory ran out. `through` makes of it the
        function that is called in its place.
        """
        function.argtypes = self.argtypes()
        function.restype = ctypes.c_int if fails else None
        function = through(function) if through is not None else function
        slots, pairs = self.slots, self._pairs
        count = len(slots)
        simple = all(
            slot.plain and (not _is_scalar(slot) or by_value(slot.parameter.array)) for slot in slots
        )
        kept = self._addresses
        plan = [
            (s.container, s.shape, s.written, quick_scalar(s.dtype) if _is_scalar(s) else None) for s in slots
        ]
        ndarray = np.ndarray

        def run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not simple or kwargs or len(args) != count:
                return self._slowly(function, args, kwargs, kept)
            given = []
            for value, (dtype, shape, written, scalar) in zip(args, plan, strict=True):
                if scalar is not None:
                    number = scalar(value)
                    if number is None:
                        return self._slowly(function, args, kwargs, kept)
                    given.append(number)
                    continue
                if type(value) is not ndarray or value.dtype != dtype or value.shape != shape:
                    return self._slowly(function, args, kwargs, kept)
                flags = value.flags
                if not (flags.carray if written else flags.c_contiguous and flags.aligned):
                    return self._slowly(function, args, kwargs, kept)
                given.append(address(value))
            for a, b, size_a, size_b in pairs:
                x, y = given[a], given[b]
                if x < y + size_b and y < x + size_a and size_a and size_b:
                    return self._slowly(function, args, kwargs, kept)
            return self._run(function, given, args, kept)

        return run

    # The call itself.

    def _run(
        self,
        function: Any,
        given: list[Any],
        args: Sequence[Any],
        kept: list[int],
        fifos: Sequence[Fifos | None] = (),
    ) -> Any:
        outputs = [np.empty(p.array.shape, memory_type(p.array.dtype)) for p in self.outputs]
        before = self._before(args) if self.network else ()
        status = function(*given, *(address(array) for array in outputs), *kept)
        if status:
            for given_array, content in before if not status >> FAULT_SHIFT else ():
                given_array[...] = content
            self._failed(status, fifos, args)
        if not self.program.results:
            return None
        found = []
        for array in self.program.results:
            if array.kind == "argument" and array.rank > 0:
                found.append(args[self._position(array)])
            else:
                number = next(i for i, p in enumerate(self.outputs) if p.array == array)
                data = self._brought(outputs[number], array.dtype)
                found.append(data if array.rank else data[()])
        return found[0] if len(found) == 1 else tuple(found)

    def _brought(self, memory: np.ndarray, dtype: DType) -> np.ndarray:
        """What C made, as new arrays of NumPy's side."""
        target = container(dtype, self.exact)
        return memory if memory_type(dtype) == target else from_memory(memory, dtype, target)

    def _before(self, args: Sequence[Any]) -> list[tuple[np.ndarray, np.ndarray]]:
        """What a network may store to, as it is: where it gets stuck, nothing has happened."""
        pairs = zip(self.slots, args, strict=True)
        return [(a, a.copy()) for slot, a in pairs if slot.written and isinstance(a, np.ndarray)]

    def _failed(self, status: int, fifos: Sequence[Fifos | None], args: Sequence[Any]) -> NoReturn:
        if status >> FAULT_SHIFT:
            program = self.compiled()
            check = all_checks(program)[(status >> FAULT_SHIFT) - 1]
            if isinstance(check, Requirement):
                raise unmet(program, check, args)
            done = "it was not done" if check.stored else "element 0 was read instead"
            stopped = "loops that depend on data stopped: arrays may be partly written"
            raise outside_error(self.name, check, f"{done}, and {stopped}")
        if status & 1:
            raise MemoryError(f"{self.name}: a local array could not be allocated")
        if status & 8:
            because, hint = stuck_text(self.compiled(), *self.report())
            summary = f"{self.name}: the processes wait for one another"
            raise TraceallocError("TA808", summary, place=caller_place(), because=because, hint=hint)
        left = left_of(self.report()[0])
        if not status & 2 and left:
            name, count = left[0]
            items = f"{count} element{'s' if count > 1 else ''}"
            raise TraceallocError(
                "TA809",
                f"{self.name}: the queue {name} ended with {items} that nothing took",
                place=caller_place(),
                hint="take as many elements as are put",
            )
        if not status & 2:
            raise TraceallocError(
                "TA809",
                f"{self.name}: a stream ended with elements that nothing took",
                place=caller_place(),
                hint=f"interpret({self.name}.trace(), ...) tells which, and where it was made",
            )
        names = [
            slot.name
            + (f"[{', '.join(map(str, np.unravel_index(number, slot.shape)))}]" if slot.shape else "")
            for slot, queues in zip(self.slots, fifos, strict=False)
            for number in (queues.starved() if queues is not None else ())
        ]
        raise TraceallocError(
            "TA804",
            f"{self.name}: {f'the stream {names[0]!r}' if names else 'a stream'} was read while it was empty",
            place=caller_place(),
            hint=f"interpret({self.name}.trace(), ...) tells the iteration",
        )

    def _position(self, array: Array) -> int:
        return next(i for i, slot in enumerate(self.slots) if slot.parameter.array == array)

    def _slowly(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], kept: list[int]) -> Any:
        try:
            values = self.bind(args, kwargs)
            given = [self._given(slot, value) for slot, value in zip(self.slots, values, strict=True)]
            self._check_overlap(values)
        except ArgumentError as error:
            error.place = error.place or caller_place()
            raise
        fifos = [item.fifos for item in given if item.fifos is not None]
        try:
            all_fifos = [item.fifos for item in given]
            found = self._run(function, [item.value for item in given], values, kept, all_fifos)
            for queues in fifos:
                queues.read_back()
        finally:
            for queues in fifos:
                queues.release()
        for queues in fifos:
            queues.bring_back()
        for slot, item in zip(self.slots, given, strict=True):
            if slot.written and item.original is not None and item.copy is not None:
                item.original[...] = from_memory(item.copy, slot.dtype, item.original.dtype)
        return found

    def checked(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments in order, every one of them checked as a call does.

        Raises:
            ArgumentError: one does not fit.
        """
        try:
            values = self.bind(tuple(args), kwargs)
            for slot, value in zip(self.slots, values, strict=True):
                given = self._given(slot, value)
                if given.fifos is not None:
                    given.fifos.release()
            self._check_overlap(values)
        except ArgumentError as error:
            error.place = error.place or caller_place()
            raise
        return values

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The arguments in order.

        Raises:
            ArgumentError: too many, too few, unknown or repeated ones.
        """
        names = [slot.name for slot in self.slots]
        if len(args) > len(names):
            raise self._error(
                "TA701", f"{self.name}() takes {_count(len(names))}, not {len(args)}", hint=f"call {self}"
            )
        found = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name not in names:
                near = nearest(name, names)
                raise self._error(
                    "TA701",
                    f"{self.name}() has no argument {name!r}",
                    because=[f"its arguments are {', '.join(map(repr, names)) or 'none'}"],
                    hint=f"{near}=..." if near else None,
                )
            if name in found:
                raise self._error("TA701", f"{self.name}() got argument {name!r} twice", hint=f"call {self}")
            found[name] = value
        given = len(found)
        for name, value in self.program.defaults:
            found.setdefault(name, value)
        missing = [name for name in names if name not in found]
        if missing:
            listed = ", ".join(map(repr, missing))
            raise self._error(
                "TA701",
                f"{self.name}() takes {_count(len(names))}, not {given}: {listed} "
                f"{'is' if len(missing) == 1 else 'are'} missing",
                hint=f"call {self}",
            )
        return [found[name] for name in names]

    def _error(
        self, code: str, summary: str, *, because: Sequence[str] = (), hint: str | None = None
    ) -> ArgumentError:
        return ArgumentError(code, summary, because=because, hint=hint)

    # One argument.

    def _given(self, slot: Slot, value: Any) -> _Given:
        if slot.parameter.array.kind == "stream":
            return self._given_stream(slot, value)
        if _is_scalar(slot):
            return self._given_scalar(slot, value)
        check_array(self.name, slot, value)
        if value.dtype != slot.container or memory_type(slot.dtype) != slot.container:
            if slot.read:
                check_values(self.name, slot, value)
            held = value if slot.read else _without_values(value, slot.dtype)
            copy = words_of(stored(held, slot.dtype), slot.dtype)
            return _Given(address(copy), value, copy)
        if slot.read:
            check_values(self.name, slot, value)
        if not (value.flags.c_contiguous and value.flags.aligned):
            copy = np.array(value, order="C", copy=True)
            return _Given(address(copy), None, copy)
        return _Given(address(value), None, value)

    def _given_scalar(self, slot: Slot, value: Any) -> _Given:
        found = scalar_value(self.name, slot.name, slot.dtype, value)
        if by_value(slot.parameter.array):
            return _Given(found)
        copy = words_of(_stored_numbers([found], slot.dtype), slot.dtype)
        return _Given(address(copy), None, copy)

    def _given_stream(self, slot: Slot, value: Any) -> _Given:
        queues = list(value) if slot.shape else [value]
        size = slot.parameter.array.size
        if len(queues) != size or not all(hasattr(q, "clear") and hasattr(q, "extend") for q in queues):
            expected = f"a collections.deque (or a list) of {slot.dtype}"
            raise ArgumentError(
                "TA702",
                f"{self.name}: argument {slot.name!r} is {kind_text(value)}, expected {expected}"
                + (f" for each of {size} streams" if slot.shape else ""),
            )
        memory = memory_type(slot.dtype)

        def pack(items: Any) -> np.ndarray:
            numbers = [scalar_value(self.name, slot.name, slot.dtype, item) for item in items]
            return words_of(_stored_numbers(numbers, slot.dtype), slot.dtype)

        def unpack(raw: np.ndarray) -> list[Any]:
            data = np.ascontiguousarray(raw).view(memory.base).reshape(len(raw), *memory.shape)
            return list(self._brought(data, slot.dtype))

        fifos = Fifos(queues, memory.itemsize, pack, unpack, slot.read, slot.written, self.queue_words)
        return _Given(address(fifos.table), fifos=fifos)

    def _check_overlap(self, values: list[Any]) -> None:
        queues = [
            (slot.name, value if slot.shape else [value])
            for slot, value in zip(self.slots, values, strict=True)
            if slot.parameter.array.kind == "stream"
        ]
        twice = given_twice(queues)
        if twice is not None:
            raise self._error(
                "TA706", f"{self.name}: {twice} are one queue", hint="each stream is a queue of its own"
            )
        for a, b, _, _ in self._pairs:
            if not _share(values[a], values[b]):
                continue
            first, second = self.slots[a], self.slots[b]
            names = [f"{slot.name!r}" for slot in (first, second) if slot.written]
            raise self._error(
                "TA706",
                f"{self.name}: arguments {first.name!r} and {second.name!r} overlap in memory, and the "
                f"kernel writes to {' and '.join(names)}",
                hint=f"pass {second.name if not second.written else first.name}.copy()",
            )


def _share(a: np.ndarray, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return bool(np.shares_memory(a, b, max_work=100_000))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _is_scalar(slot: Slot) -> bool:
    return slot.parameter.array.rank == 0 and slot.parameter.array.kind != "stream"


def _stored_numbers(numbers: list[Any], dtype: DType) -> np.ndarray:
    found = np.empty(len(numbers), stored_type(dtype))
    for at, number in enumerate(numbers):
        found[at] = number
    return found


def _without_values(data: np.ndarray, dtype: DType) -> np.ndarray:
    """A copy of an array that is not read, with zeros where it holds no numbers."""
    found = np.array(data, order="C")
    for _, part, inner in leaves(found, dtype, ""):
        if isinstance(inner, Fixed) and not_a_number(part, finite=True) is not None:
            for at, value in np.ndenumerate(part):
                if not (is_real(value) and is_finite(value)):
                    part[at] = 0
    return found


def _first_content(parameter: Parameter) -> np.ndarray:
    array = parameter.array
    assert array.data is not None, array.name
    return np.array(words_of(array.data.reshape(array.shape), array.dtype), copy=True)


def _count(number: int) -> str:
    return f"{number} argument{'' if number == 1 else 's'}"


def _type_text(array: Array) -> str:
    return str(array.dtype) + (f"[{', '.join(map(str, array.shape))}]" if array.rank else "")
