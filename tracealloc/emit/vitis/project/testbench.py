"""A project's testbench: its arguments, inputs made with a fixed seed, expected results, data as text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

import numpy as np

from tracealloc.emit.common.names import FileNames, Names, words_of
from tracealloc.emit.common.numpy_types import accepted, container, from_memory, numbers_of, to_memory
from tracealloc.emit.common.parameters import element_bytes, parameters
from tracealloc.emit.run.argument_checks import leaves
from tracealloc.emit.vitis.text.frames import template_text
from tracealloc.emit.vitis.text.host_memory import Part, cpp_type, on_card
from tracealloc.emit.vitis.text.module import VitisText
from tracealloc.trace.diagnostics.errors import ArgumentError, TraceallocError
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Float, Integer, Struct, as_integer
from tracealloc.trace.ir.expr import Expr, Load, walk
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    If,
    Loop,
    Program,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.ir.stored import not_a_number
from tracealloc.trace.queries.summary import summary_of

_FRAMES = ("testbench.cpp.j2", "host.cpp.j2")  # an argument has one name in both

__all__ = [
    "Item",
    "Reference",
    "TestData",
    "compared",
    "items_of",
    "make_data",
    "make_inputs",
    "small_errors",
]

Reference = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One argument of the top function, as the frames show it."""

    name: str  # of the variable
    mapped: str  # of the pointer to its memory on the card
    file: str  # of its data, without suffix
    expected: str  # of the data that it must be
    type: str
    dimensions: str
    count: int
    bytes: int
    card: int  # bytes of an element in the card's memory
    parts: tuple[Part, ...]
    array: bool
    loaded: bool
    checked: bool
    real: bool
    direction: str
    actual: str  # how it is passed
    of: Array
    stream: bool = False


@dataclass(frozen=True)
class TestData:
    """Inputs and expected outputs by argument name; for streams, a list of elements for each."""

    __test__ = False  # not a test class, whatever its name

    inputs: dict[str, Any]
    expected: dict[str, Any]
    left: dict[str, Any]

    def counts(self, name: str) -> dict[str, list[int]]:
        """How many elements each stream of an argument begins and ends with; `left`: of one only read."""
        all_ = {"loaded": self.inputs, "expected": self.expected, "left": self.left}
        return {key: [len(queue) for queue in queues.get(name, [])] for key, queues in all_.items()}


def items_of(text: VitisText) -> list[Item]:
    """The arguments of the top function in order."""
    program = text.program
    read = summary_of(program).reads
    frames = frozenset().union(*(words_of(template_text(frame)) for frame in _FRAMES))
    names, files = Names(frames | {text.top, *text.structs.values()}), FileNames()
    found = []
    for parameter in parameters(program):
        array = parameter.array
        if parameter.role == "kept":
            continue
        output = parameter.role == "result"
        stream = array.kind == "stream"
        loaded = array in read if stream else not output
        checked = output or (parameter.written and (array.rank > 0 or stream))
        direction = (
            "out" if output else ("inout" if checked and array in read else "out" if checked else "in")
        )
        name = names.declare(array if not output else ("out", array), array.name)
        found.append(
            Item(
                name,
                names.declare("", f"{array.name}_map"),
                files.declare(array.name),
                "",
                cpp_type(text, array.dtype),
                "".join(f"[{extent}]" for extent in array.shape),
                array.size,
                element_bytes(array.dtype),
                *on_card(array.dtype),
                array.rank > 0 or output or stream,
                loaded,
                checked,
                isinstance(array.dtype, Float),
                direction,
                f"&{name}" if output and array.rank == 0 else name,
                array,
                stream,
            )
        )
    return [replace(item, expected=files.declare(f"{item.of.name}_expected")) for item in found]


# Data.


def make_data(
    text: VitisText,
    items: list[Item],
    reference: Reference,
    inputs: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> TestData:
    """Inputs (those given, the others made) and what `reference` computes of them.

    Raises:
        ArgumentError: an input of an unknown name was given.
    """
    program = text.program
    made: dict[str, Any] = dict(make_inputs(program, seed))
    streams = {array.name: array for array in program.args if array.kind == "stream"}
    names = [array.name for array in program.args]
    for name, value in (inputs or {}).items():
        if name not in names:
            raise ArgumentError(
                "TA701",
                f"{program.name} has no argument {name!r} that an input could be for",
                because=[f"its arguments are {', '.join(map(repr, names)) or 'none'}"],
            )
        made[name] = _queues(value, streams[name]) if name in streams else np.asarray(value)
    # float64 loses bits of wide fixed point, and every bit counts here; a reference of the user's own gets
    # what a kernel is usually called with.
    exact = getattr(reference, "exact", None)
    reference = reference if exact is None else exact
    for array in program.args:
        if array.kind != "stream":
            made[array.name] = _numbers(made[array.name], array.dtype, exact is not None)
    arguments, results = _run(program, reference, made, frozenset(inputs or ()), seed)
    if len(program.results) == 1:
        results = (results,)
    outputs = dict(zip(program.results, results or (), strict=False))
    expected: dict[str, Any] = {}
    left: dict[str, Any] = {}
    for item in items:
        if item.stream and item.loaded and not item.checked:
            left[item.name] = arguments[item.of.name]
            if item.of.name not in (inputs or {}):  # it was given more than it needed
                pairs = zip(made[item.of.name], left[item.name], strict=True)
                made[item.of.name] = [queue[: len(queue) - len(rest)] for queue, rest in pairs]
                left[item.name] = [[] for _ in left[item.name]]
        if item.checked and item.stream:
            expected[item.name] = arguments[item.of.name]
        elif item.checked:
            expected[item.name] = np.asarray(arguments[item.of.name] if item.loaded else outputs[item.of])
    loaded = {item.name: made[item.of.name] for item in items if item.loaded}
    return TestData(loaded, expected, left)


def _numbers(value: Any, dtype: DType, exact: bool) -> Any:
    """An argument with its fixed point as the type rounds it: fractions where it must be `exact`."""
    if not accepted(dtype, value.dtype, False):
        return value
    parts = leaves(value, dtype, "")
    fixed = any(isinstance(inner, Fixed) for _, _, inner in parts)
    if not fixed or any(not_a_number(part, finite=True) is not None for _, part, _ in parts):
        return value  # the reference says what is wrong
    return from_memory(to_memory(value, dtype), dtype, container(dtype, exact))


def compared(program: Program, items: list[Item], data: TestData, run: Reference) -> list[str]:
    """Call `run` on the inputs: a line for each result that is not as expected."""
    given: dict[str, Any] = {}
    for item in items:
        value, array = data.inputs.get(item.name), item.of
        if array.kind == "stream":
            queues = [deque(queue) for queue in value or [()] * array.size]
            given[array.name] = queues if array.rank else queues[0]
        elif array in program.args:
            given[array.name] = _passed(np.array(value, order="C"), array)
    found = run(**given)
    results = dict(zip(program.results, (found,) if len(program.results) == 1 else found or (), strict=False))
    wrong = []
    for item in (item for item in items if item.checked):
        array = item.of
        values = given[array.name] if array in program.args else results[array]
        if array.kind == "stream" and not array.rank:
            values = [values]
        if data_text(values, array, "") != data_text(data.expected[item.name], array, ""):
            wrong.append(f"{array.name} is not as expected")
    return wrong


_MOST_ELEMENTS = 1 << 20  # that a stream is filled with to find out how many a kernel reads


def _run(
    program: Program, reference: Reference, made: dict[str, Any], given: frozenset[str], seed: int
) -> tuple[dict[str, Any], Any]:
    """Run the reference on copies; streams that were made are refilled until the kernel has enough."""
    streams = {array.name: array for array in program.args if array.kind == "stream"}
    read = summary_of(program).reads
    count = 64
    while True:
        rng = np.random.default_rng(seed)
        for name, array in streams.items():
            if name not in given:
                size = count if array in read else 0
                made[name] = [list(_values(rng, array.dtype, (size,), False)) for _ in range(array.size)]
        arguments = {
            name: [list(queue) for queue in value] if name in streams else np.array(value, order="C")
            for name, value in made.items()
        }
        values = [_passed(arguments[array.name], array) for array in program.args]
        try:
            return arguments, reference(*values)
        except TraceallocError as error:
            if error.code != "TA804" or count >= _MOST_ELEMENTS or not streams.keys() - given:
                raise
        count *= 8


def _passed(value: Any, array: Array) -> Any:
    if array.kind == "stream":
        return value if array.rank else value[0]
    return value if value.ndim else value[()]


def _queues(value: Any, array: Array) -> list[list[Any]]:
    """What a caller gives for a stream, or for an array of streams, as one list for each."""
    return [list(queue) for queue in value] if array.rank else [list(value)]


def make_inputs(program: Program, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays for all arguments (streams apart), the same for the same seed.

    Numbers are positive and of moderate size, so that roots and quotients exist; an array whose values
    choose subscripts or trip counts holds zeros (any other value might be outside).
    """
    rng = np.random.default_rng(seed)
    choosing = _choosing(program)
    return {
        array.name: _values(rng, array.dtype, array.shape, array in choosing)
        for array in program.args
        if array.kind != "stream"
    }


def _values(
    rng: np.random.Generator, dtype: DType, shape: tuple[int, ...], zeros: bool
) -> np.ndarray[Any, Any]:
    match dtype:
        case Struct(fields=fields):
            found = np.zeros(shape, container(dtype, exact=True))
            for name, inner in fields:
                found[name] = _values(rng, inner, shape, zeros)
            return found
        case Float():
            return (rng.integers(1, 128, shape) / 64.0).astype(container(dtype))
        case Boolean():
            return np.asarray(rng.integers(0, 2, shape).astype(np.bool_) & (not zeros))
        case _:
            pass
    if isinstance(dtype, Fixed):
        scaled = _values(rng, Integer(dtype.width, dtype.signed), shape, zeros)
        return numbers_of(scaled, dtype, container(dtype, exact=True))
    if zeros:
        return np.zeros(shape, container(dtype))
    width = dtype.bits
    number = as_integer(dtype)
    assert number is not None, dtype
    signed = number.signed
    low, high = (-(1 << (width - 1)) if signed else 0), 1 << (width - signed)
    if width <= 64:
        kind = np.int64 if signed else np.uint64
        return rng.integers(low, high, shape, dtype=kind).astype(container(dtype))
    count = int(np.prod(shape))
    words = [int.from_bytes(rng.bytes(-(-width // 8)), "little") % (high - low) + low for _ in range(count)]
    found = np.empty(count, object)
    found[:] = words
    return found.reshape(shape)


def _choosing(program: Program) -> frozenset[Array]:
    """The arguments whose values reach a subscript, a bound of a loop, or the condition of a ``while``."""
    reached: set[Array] = set()
    sources: dict[Array, set[Array]] = {}

    def loads(expr: Expr) -> set[Array]:
        return {node.array for node in walk(expr) if isinstance(node, Load)}

    for node in walk_nodes(program.body):
        for expr in expressions_of(node):
            for part in walk(expr):
                if isinstance(part, Load):
                    reached.update(*(loads(i) for i in part.indices), set())
        match node:
            case Store(array=array, indices=indices, value=value):
                reached.update(*(loads(i) for i in indices), set())
                sources.setdefault(array, set()).update(loads(value))
            case Loop(start=start, stop=stop):
                reached |= loads(start) | loads(stop)
            case While(cond=cond):
                reached |= loads(cond)
            case Call(program=callee, args=args):
                inner = _choosing(callee)
                for formal, actual in zip(callee.args, args, strict=True):
                    if isinstance(actual, Region):
                        for i in actual.indices:
                            reached |= loads(i.start if isinstance(i, Slice) else i)
                        if formal in inner:
                            reached.add(actual.array)
                    elif formal in inner:
                        reached |= loads(actual)
            case Alloc() | If():
                pass
            case _:
                assert_never(node)
    work = list(reached)
    while work:
        for source in sources.get(work.pop(), ()):
            if source not in reached:
                reached.add(source)
                work.append(source)
    return frozenset(reached)


def data_text(values: Any, array: Array, title: str) -> str:
    """The words of a data file: one hexadecimal number an element, a line for each row.

    The elements of a stream are a row; so are those of each of several streams, one after the other.
    """
    if array.kind == "stream":
        elements = [element for queue in values for element in queue]
        values = np.empty(len(elements), container(array.dtype, exact=True))
        for number, element in enumerate(elements):
            values[number] = element
        array = replace(array, kind="local", shape=values.shape)
    plain = to_memory(np.asarray(values).reshape(array.shape), array.dtype)
    size = element_bytes(array.dtype)
    raw = np.frombuffer(np.ascontiguousarray(plain).tobytes(), np.uint8).reshape(-1, size)
    digits = np.ascontiguousarray(raw[:, ::-1]).tobytes().hex()
    words = [digits[at : at + 2 * size] for at in range(0, len(digits), 2 * size)]
    row = array.shape[-1] if array.shape else 1
    row = max(1, min(row, 16))
    lines = [" ".join(words[at : at + row]) for at in range(0, len(words), row)]
    return "\n".join([f"# {title}", *lines]) + "\n"


def small_errors(program: Program) -> int:
    """Units in the last place by which a vendor's tools may differ: 0 unless a library function is used."""
    from tracealloc.trace.ir.expr import Intrinsic

    exact = {"abs", "floor", "ceil", "sqrt", "round", "trunc"}
    for item in (*program.callees(), program):
        for node in walk_nodes(item.body):
            for expr in expressions_of(node):
                if any(isinstance(part, Intrinsic) and part.name not in exact for part in walk(expr)):
                    return 4
    return 0
