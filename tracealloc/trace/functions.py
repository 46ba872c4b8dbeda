"""From a Python function to a `Program`: run it on proxies, once per control path."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tracealloc.trace.diagnostics.errors import TraceallocError
from tracealloc.trace.ir.dtype import ArrayType, DType, Integer, Stream, as_integer, boolean, index
from tracealloc.trace.ir.expr import Expr, Load
from tracealloc.trace.ir.parameters import Parameter, Signature
from tracealloc.trace.ir.program import Alloc, Array, Block, Program, Store
from tracealloc.trace.ir.program import Parameter as ProgramParameter
from tracealloc.trace.network.ownership import network_of
from tracealloc.trace.proxies.arrays import ArrayProxy, MutableScalar, RecordProxy
from tracealloc.trace.proxies.lifting import typed
from tracealloc.trace.proxies.processes import refuse_choice, refuse_outside
from tracealloc.trace.proxies.refusals import article
from tracealloc.trace.proxies.scalars import Scalar, is_number, number_expr
from tracealloc.trace.proxies.streams import StreamProxy
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.queries.sizes import wide_data
from tracealloc.trace.record.control_paths import NeedsPlace
from tracealloc.trace.record.events import Event, Return
from tracealloc.trace.record.naming import name_arrays, name_bands
from tracealloc.trace.record.python_state import State
from tracealloc.trace.record.raised import refusal
from tracealloc.trace.record.recorder import Explorer, Recorder, _stack, active, fail
from tracealloc.trace.record.selfcheck import check_interpreter
from tracealloc.trace.record.structure import finish
from tracealloc.trace.signature import place_of_function, signature_of, unwrap

__all__ = ["arguments_of", "proxies", "refuse_recursion", "results", "state_of", "trace", "trace_signature"]


def trace(
    function: Callable[..., Any],
    name: str | None = None,
    *,
    arguments: Mapping[str, Any] | None = None,
    staged: Mapping[str, Any] | None = None,
    namespace: Mapping[str, Any] | None = None,
) -> Program:
    """Trace a Python function into a program.

    Args:
        function: the kernel's function; a bound method's ``self`` is a staged value.
        name: the program's name; the function's where it is None.
        arguments: types of parameters by name, in place of their annotations.
        staged: values of parameters that are known while tracing.
        namespace: what annotations see besides globals and closure (the decorator's local variables).

    Raises:
        TraceError: the function does something that no program can hold; the message says what instead.
        BoundsError: a constant subscript is outside its array.
    """
    plain, bound = unwrap(function)
    signature = signature_of(plain, arguments, staged, namespace, bound)
    return trace_signature(plain, signature, name or plain.__name__)


def trace_signature(function: types.FunctionType, signature: Signature, name: str) -> Program:
    """Trace a function whose parameters are known.

    Again where an argument of 64 bits turned out to be data and no size: no analysis sees it then.
    """
    check_interpreter()
    args = arguments_of(signature)
    wide = any(array.parameter and array.dtype.bits > WIDE_BITS for array in args)
    state = state_of(function, signature) if wide else None
    program = _traced(function, signature, name, args)
    data = wide_data(program) if wide else frozenset()
    if state is None or not data or state.restore() is not None:
        return program
    args = tuple(replace(array, parameter=None) if array.key in data else array for array in args)
    return _traced(function, signature, name, args)


def _traced(
    function: types.FunctionType, signature: Signature, name: str, args: tuple[Array, ...]
) -> Program:
    staged: frozenset[object] = frozenset()
    while True:
        try:
            return _traced_once(function, signature, name, args, staged)
        except NeedsPlace as need:
            staged |= {need.grid}


def _traced_once(
    function: types.FunctionType,
    signature: Signature,
    name: str,
    args: tuple[Array, ...],
    staged: frozenset[object],
) -> Program:
    """The program; the bodies of the grids in `staged` are traced for each process."""
    outer = active()
    recorder = Recorder(name, outer)
    recorder.staged = staged
    recorder.functions = (*(outer.functions if outer is not None else ()), function.__code__)
    stack = _stack()
    stack.append(recorder)
    try:
        events, results, concurrent = _explore(recorder, function, signature, args)
    except TraceallocError:
        raise
    except (Exception, SystemExit) as error:
        refused = refusal(recorder, error, name)
        if refused is not None:
            raise refused.with_traceback(error.__traceback__) from None
        error.add_note(f"while tracing kernel {name!r} ({place_of_function(function).short})")
        raise
    finally:
        stack.remove(recorder)
        scope = recorder.scope
        while True:
            scope.alive = False
            if scope.parent is None:
                break
            scope = scope.parent
        recorder.scope = scope
    program = replace(_program(function, name, args, results, events), concurrent=concurrent)
    if concurrent:
        refuse_choice(program)
        network_of(program)
    return program


def state_of(function: types.FunctionType, signature: Signature) -> State:
    """What a kernel's function can change outside the record, as it is now."""
    staged = [(p.name, p.value) for p in signature.parameters if p.type is None]
    return State(None, (Scalar, ArrayProxy, RecordProxy, Recorder), ((function.__name__, function), *staged))


def refuse_recursion(function: types.FunctionType, name: str) -> None:
    """Raise where `function` is being traced already."""
    outer = active()
    if outer is not None and function.__code__ in outer.functions:
        fail(
            "TA113",
            f"kernel {name!r} calls itself",
            "a program's calls are fixed, and hardware has no call stack",
            hint="write the recursion as a loop: for i in ta.range(n), or ta.while_loop(cond, body)",
        )


def arguments_of(signature: Signature) -> tuple[Array, ...]:
    """The arrays of a program's arguments."""
    return tuple(map(_argument, range(len(signature.traced)), signature.traced))


WIDE_BITS = 62
WIDEST = 1 << 56
"""How large a parameter may be: sums of some of them, times small numbers, stay within 64 bits."""


def _analysed(dtype: DType, position: int) -> ProgramParameter | None:
    """What is known of a scalar argument before the trace (None: no analysis will know it)."""
    integer = as_integer(dtype) if dtype != boolean else None
    if integer is None or integer.width > 64:
        return None
    return ProgramParameter(position, max(integer.low, -WIDEST), min(integer.high, WIDEST))


def _argument(position: int, parameter: Parameter) -> Array:
    name = parameter.name
    match parameter.type:
        case ArrayType(dtype=dtype, shape=shape):
            return Array(name, name, dtype, shape, "argument")
        case Stream(dtype=dtype, depth=depth):
            return Array(name, name, dtype, (), "stream", depth=depth)
        case DType() as dtype:
            return Array(name, name, dtype, (), "argument", parameter=_analysed(dtype, position))
        case _:
            raise AssertionError(parameter)


def proxies(
    recorder: Recorder, signature: Signature, args: tuple[Array, ...]
) -> tuple[list[Any], dict[str, Any]]:
    """The function's positional and keyword arguments for one run."""
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    arrays = iter(args)
    for parameter in signature.parameters:
        item: Any
        if parameter.type is None:
            item = parameter.value
        else:
            array = next(arrays)
            if array.kind == "stream":
                item = StreamProxy(array, recorder)
            elif isinstance(parameter.type, ArrayType):
                item = ArrayProxy(array, recorder)
            else:
                item = Scalar(recorder.name_value(Load(array)), recorder)
        if parameter.name in signature.keyword_only:
            keywords[parameter.name] = item
        else:
            positional.append(item)
    return positional, keywords


def _explore(
    recorder: Recorder, function: types.FunctionType, signature: Signature, args: tuple[Array, ...]
) -> tuple[tuple[Event, ...], tuple[Array, ...], bool]:
    """The events, the results, and whether the events are processes."""
    place = place_of_function(function)
    explorer = Explorer(recorder, "kernel", recorder.name, place, verify=False)
    made: dict[int, Array] = {}
    state, stuck, concurrent = state_of(function, signature), None, False
    while True:
        scope = explorer.begin()
        positional, keywords = proxies(recorder, signature, args)
        try:
            returned = function(*positional, **keywords)
        except NeedsPlace:
            state.restore()
            raise
        recorder.check()
        if recorder.scope is not scope:
            fail(
                "TA105",
                f"loop {recorder.scope.label!r} is left early",
                "the loop is traced once per control path, so 'break', 'return' or a caught exception would "
                "end the tracing, not the loop",
                hint="guard the rest of the body with a flag: go = ta.scalar(boolean, True) before the loop, "
                "'if go:' in it; or use ta.while_loop(cond, body)",
                place=recorder.scope.place,
            )
        recorder.emit(Return(results(recorder, signature, returned, made, place)))
        refuse_outside(recorder, recorder.events)
        concurrent |= recorder.network is not None
        recorder.network = None
        explorer.end(scope)
        if not explorer.more:
            break
        stuck = stuck or state.restore()
    *events, last = explorer.finish()
    if stuck is not None:
        fail(
            "TA123",
            f"{stuck!r} is changed by kernel {recorder.name!r}, which is run once per control path",
            "each path must begin with the same, and this cannot be set back",
            hint="take random numbers, next() and input out of the kernel, or pass them as arguments",
            place=place,
        )
    if not isinstance(last, Return):
        fail(
            "TA102",
            f"kernel {recorder.name!r} returns different things on different paths",
            "what is returned cannot depend on a traced condition",
            hint="store to one array under the condition, and return that array",
            place=place,
        )
    heads = tuple(Alloc(array, None, place) for array in made.values())
    return (*heads, *events), last.arrays, concurrent


def results(
    recorder: Recorder, signature: Signature, returned: Any, made: dict[int, Array], place: Any
) -> tuple[Array, ...]:
    """The arrays that are returned; scalars are stored to arrays of rank 0."""
    items = [] if returned is None else list(returned) if isinstance(returned, tuple | list) else [returned]
    types_ = signature.results
    if types_ is not None and len(types_) != len(items):
        fail(
            "TA102",
            f"kernel {recorder.name!r} returns {len(items)} values, its annotation says {len(types_)}",
            "the annotation behind '->' lists the results",
            hint="return one value per type: -> (T[M], U[N]) goes with return a, b",
            place=place,
        )
    found: list[Array] = []
    for position, item in enumerate(items):
        expected = types_[position] if types_ is not None else None
        if isinstance(item, ArrayProxy):
            array = _returned_array(item, expected, recorder, place)
        else:
            array = _returned_value(recorder, item, expected, position, len(items), made, place)
        if array in found:
            fail(
                "TA102",
                f"kernel {recorder.name!r} returns {array.name!r} twice",
                "each result is an array of its own",
                hint="copy it to a second array",
                place=place,
            )
        found.append(array)
    return tuple(found)


def _returned_array(item: ArrayProxy, expected: Any, recorder: Recorder, place: Any) -> Array:
    item._check()
    array = item._array
    if not item._whole() or array.kind in ("constant", "state", "stream"):
        what = f"a ta.{array.kind}" if array.kind in ("constant", "state", "stream") else "a view"
        fail(
            "TA102",
            f"kernel {recorder.name!r} returns {what} of {item._label()!r}",
            "a result is a whole array that the kernel made, or an argument",
            hint="copy it in a loop to an array made with ta.empty",
            place=place,
        )
    if expected is not None and expected != ArrayType(array.dtype, array.shape):
        fail(
            "TA102",
            f"kernel {recorder.name!r} returns {ArrayType(array.dtype, array.shape)}, not {expected}",
            "the annotation behind '->' says so",
            place=place,
        )
    if array.kind == "local":
        object.__setattr__(array, "kind", "result")
    return array


def _returned_value(
    recorder: Recorder,
    item: Any,
    expected: Any,
    position: int,
    count: int,
    made: dict[int, Array],
    place: Any,
) -> Array:
    if isinstance(item, RecordProxy):
        item = Scalar(item._value(), recorder)
    if not is_number(item) or isinstance(expected, ArrayType):
        what = f"a value of type {item.dtype}" if isinstance(item, Scalar) else article(item)
        wanted = f", not {expected}" if expected is not None else ""
        fail(
            "TA102",
            f"kernel {recorder.name!r} returns {what}{wanted}",
            "results are arrays and numbers that the kernel makes",
            hint="return arrays made with ta.zeros or ta.empty, arguments, or single values",
            place=place,
        )
    if isinstance(item, MutableScalar) and (expected is None or expected == item.dtype):
        item._check()
        if item._array.kind == "local":
            object.__setattr__(item._array, "kind", "result")
        return item._array
    value: Expr = number_expr(item, expected)
    dtype = expected if isinstance(expected, DType) else value.dtype
    if dtype == index:
        dtype = Integer(64, True)
    array = made.get(position)
    if array is None:
        name = "result" if count == 1 else f"result{position}"
        array = made[position] = Array(f"result:{position}", name, dtype, (), "result", place=place)
    if array.dtype != dtype:
        fail(
            "TA102",
            f"kernel {recorder.name!r} returns {array.dtype} on one path and {dtype} on another",
            hint="say the type: -> float32, or convert with .astype",
            place=place,
        )
    recorder.emit(Store(array, (), typed(typing_rules.convert, value, dtype), (), place))
    return array


def _program(
    function: types.FunctionType,
    name: str,
    args: tuple[Array, ...],
    results: tuple[Array, ...],
    events: tuple[Event, ...],
) -> Program:
    body: Block = name_bands(finish(events))
    program = Program(name, args, body, results, (), function.__doc__, place_of_function(function))
    known = set(args)
    name_arrays(args, [array for array in program.arrays() if array not in known], body)
    return program
