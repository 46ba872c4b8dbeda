"""A kernel called inside a kernel: trace the callee once per argument types, record a `Call`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any, NoReturn

import numpy as np

from tracealloc.trace.diagnostics.source import caller_frame
from tracealloc.trace.functions import refuse_recursion, state_of, trace_signature
from tracealloc.trace.ir.dtype import ArrayType, DType, Stream, index
from tracealloc.trace.ir.expr import Const, Expr
from tracealloc.trace.ir.parameters import Parameter, Signature
from tracealloc.trace.ir.program import Alloc, Array, Call, Program, Region, Slice, keeps_state
from tracealloc.trace.ir.text import region_text
from tracealloc.trace.proxies.arrays import ArrayProxy, MutableScalar, RecordProxy, load
from tracealloc.trace.proxies.lifting import typed
from tracealloc.trace.proxies.scalars import Scalar, is_number, number_expr
from tracealloc.trace.proxies.streams import StreamProxy
from tracealloc.trace.queries import typing_rules
from tracealloc.trace.queries.affine import linear
from tracealloc.trace.queries.summary import summary_of
from tracealloc.trace.record.bytecode_names import target_names
from tracealloc.trace.record.python_state import Carried
from tracealloc.trace.record.recorder import Recorder, fail, recorder_for
from tracealloc.trace.signature import signature_of, unwrap

__all__ = ["call", "staged_key"]


def call(
    function: Callable[..., Any],
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    namespace: Mapping[str, Any] | None = None,
    staged: Mapping[str, Any] | None = None,
    owner: object = None,
) -> Any:
    """Record a call of kernel function `function` into the kernel that is being traced.

    Calls with one `owner` (the function where it is None) share what the callee keeps between calls.
    Returns the proxies of the callee's results: None, one, or a tuple.
    """
    plain, bound = unwrap(function)
    title = name or plain.__name__
    recorder = recorder_for(f"kernel {title!r}")
    given = _bind(plain, bound, args, dict(kwargs or {}), title)
    values, staged_values = _split(plain, given, dict(staged or {}), namespace)
    signature = signature_of(plain, None, staged_values, namespace, bound)
    late = [p.name for p in signature.parameters if p.type is None and p.name in values]
    if late:  # ``n: int = 4``: annotated, but not with a type of a kernel
        staged_values |= {name: _known(plain, name, values.pop(name)) for name in late}
        signature = signature_of(plain, None, staged_values, namespace, bound)
    for parameter in signature.traced:
        default = inspect.signature(plain).parameters[parameter.name].default
        if default is not inspect.Parameter.empty:
            values.setdefault(parameter.name, default)
    owned = _owned(plain, signature, title, plain if owner is None else owner)
    if recorder.runs:
        return recorder.call(plain, signature, values, title, owned)
    program = _callee(recorder, plain, signature, title, owned)
    return _record(recorder, program, signature, values, title)


def _bind(
    plain: Any, bound: Any, args: tuple[Any, ...], kwargs: dict[str, Any], title: str
) -> dict[str, Any]:
    python = inspect.signature(plain)
    try:
        found = python.bind(*((bound,) if bound is not None else ()), *args, **kwargs)
    except TypeError as error:
        fail("TA120", f"kernel {title!r} is called with the wrong arguments: {error}",
             f"its parameters are {', '.join(python.parameters)}")  # fmt: skip
    return dict(found.arguments)


_KEY_DEPTH = 8  # levels of containers and attributes that a staged value is compared by


def _split(
    plain: Any, given: dict[str, Any], staged: dict[str, Any], namespace: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of the program, and values known while tracing (parameters without a type)."""
    python = inspect.signature(plain)
    values: dict[str, Any] = {}
    for name, item in given.items():
        parameter = python.parameters[name]
        untyped = parameter.annotation is parameter.empty
        if untyped and parameter.default is not parameter.empty:
            staged[name] = _known(plain, name, item)
        elif untyped:
            staged.setdefault(name, item)
        else:
            values[name] = item
    return values, staged


def _known(plain: Any, name: str, item: Any) -> Any:
    """`item`, which must not be a traced value: the parameter is staged."""
    if isinstance(item, Scalar | ArrayProxy):
        fail(
            "TA120",
            f"parameter {name!r} of kernel {plain.__name__!r} is known while tracing, "
            "and a traced value was passed",
            hint=f"give it a type: {name}: int32",
        )
    return item


def _types(signature: Signature, title: str) -> tuple[object, ...]:
    return title, tuple(repr(p.type) for p in signature.traced)


def _staged(signature: Signature) -> list[tuple[str, Any]]:
    return [(p.name, p.value) for p in signature.parameters if p.type is None]


def _owned(plain: Any, signature: Signature, title: str, owner: object) -> Hashable:
    """What calls have in common that share the states which they keep."""
    values = staged_key(_staged(signature), owners=True)
    return _Same(owner), _function_key(plain, owners=True), _types(signature, title), values


def _callee(recorder: Recorder, plain: Any, signature: Signature, title: str, owned: Hashable) -> Program:
    """The callee's program, traced once for these types, staged values, and Python state that it reaches.

    One that keeps a state, or calls one that does, is traced once for each owner (`owned`).
    """
    values, types = _staged(signature), _types(signature, title)
    reached = state_of(plain, signature).key()
    shared = (_function_key(plain), types, staged_key(values))
    known = recorder.callees.get((shared, reached))
    if known is not None and not keeps_state(known):
        return known
    known = recorder.callees.get((owned, reached))
    if known is None:
        refuse_recursion(plain, title)
        made = trace_signature(plain, signature, _free_name(recorder, title))
        key = owned if keeps_state(made) else shared
        known = recorder.variant(owned if keeps_state(made) else (plain.__code__, types), made)
        recorder.callees[shared, reached] = recorder.callees[key, reached] = known
    return known


def _free_name(recorder: Recorder, title: str) -> str:
    """`title`, numbered where another kernel, or the same one with other staged values, has it."""
    taken = {program.name for program in recorder.callees.values()}
    caller: Recorder | None = recorder
    while caller is not None:
        if caller.functions:
            taken.add(caller.name)
        caller = caller.parent
    name, number = title, 0
    while name in taken:
        number += 1
        name = f"{title}_{number}"
    return name


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


class _Same:
    """An object by identity; it lives as long as the key that it is part of."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _function_key(function: Any, outer: tuple[int, ...] = (), owners: bool = False) -> object:
    """What tells a function from one that was made by the same `def` or `lambda`."""
    held = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
    values = tuple(
        staged_key(item, outer, owners) for item in (held, function.__defaults__, function.__kwdefaults__)
    )
    return function.__code__, _Same(function.__globals__), values


def staged_key(value: Any, outer: tuple[int, ...] = (), owners: bool = False) -> object:
    """What tells a staged value from another, or from itself after a change.

    With `owners`, kernels with states of their own are told apart, too.
    """
    kind = type(value)
    if value is None or isinstance(value, int | float | complex | str | bytes | np.generic):
        return kind, repr(value)
    if id(value) in outer or len(outer) > _KEY_DEPTH:
        return _Same(value)
    outer = (*outer, id(value))
    if isinstance(value, np.ndarray):
        held = (
            tuple(staged_key(item, outer, owners) for item in value.ravel().tolist())
            if value.dtype.hasobject
            else value.tobytes()
        )
        return kind, value.dtype.str, value.shape, held
    if isinstance(value, list | tuple):
        return kind, tuple(staged_key(item, outer, owners) for item in value)
    if isinstance(value, dict):
        items = value.items()
        return kind, tuple((staged_key(k, outer, owners), staged_key(v, outer, owners)) for k, v in items)
    if isinstance(value, FunctionType):
        return _function_key(value, outer, owners)
    if isinstance(value, MethodType):
        return _function_key(value.__func__, outer, owners), staged_key(value.__self__, outer, owners)
    if kind.__name__ == "Kernel":
        who = _Same(value.owner) if owners else None
        return kind, who, staged_key(value.function, outer, owners), staged_key(value.staged, outer, owners)
    if callable(value) or isinstance(value, ModuleType) or kind.__module__.startswith("tracealloc"):
        return _Same(value)
    return _Same(value), staged_key(getattr(value, "__dict__", None), outer, owners)


def _record(
    recorder: Recorder, program: Program, signature: Signature, values: dict[str, Any], title: str
) -> Any:
    parts: list[Region | Expr] = []
    proxies: list[Any] = []
    for parameter in signature.traced:
        item = values.get(parameter.name)
        parts.append(bound_part(parameter, item, title))
        proxies.append(item)
    _check_overlap(program, parts, title)
    spot = recorder.spot()
    results: list[Region] = []
    names = target_names(caller_frame())
    for position, array in enumerate(program.results):
        if array in program.args:
            continue
        name = names[position] if len(names) == len(program.results) else None
        mine = recorder.array("local", array.dtype, array.shape, place=spot.place, name=name)
        recorder.emit(Alloc(mine, None, spot.place))
        results.append(Region(mine, tuple(Slice(Const(0, index), n) for n in mine.shape)))
    returned: list[Any] = []
    fresh = iter(results)
    recorder.emit(Call(program, tuple(parts), tuple(results), "", spot.place))
    for array in program.results:
        if array in program.args:
            returned.append(proxies[program.args.index(array)])
        else:
            returned.append(_result(recorder, next(fresh).array, spot.place))
    if not returned:
        return None
    return returned[0] if len(returned) == 1 else tuple(returned)


def _result(recorder: Recorder, array: Array, place: Any) -> Any:
    if array.shape:
        return ArrayProxy(array, recorder, place=place)
    return load(recorder, array, ())


def bound_part(parameter: Parameter, item: Any, title: str) -> Region | Expr:
    if isinstance(item, Carried):
        bool(item)
    match parameter.type:
        case ArrayType() as wanted:
            if not isinstance(item, ArrayProxy):
                _mismatch(parameter, item, title)
            item._check()
            if (item.dtype, item.shape) != (wanted.dtype, wanted.shape):
                _mismatch(parameter, item, title)
            return item._region()
        case Stream():
            if not isinstance(item, StreamProxy) or item.dtype != parameter.type.dtype:
                _mismatch(parameter, item, title)
            return item.region()
        case DType() as dtype:
            if isinstance(item, RecordProxy):
                return typed(typing_rules.convert, item._value(), dtype)
            if not is_number(item):
                _mismatch(parameter, item, title)
            return typed(typing_rules.convert, number_expr(item, dtype), dtype)
        case _:
            raise AssertionError(parameter)


def _mismatch(parameter: Parameter, item: Any, title: str) -> NoReturn:
    if isinstance(item, ArrayProxy):
        came = str(ArrayType(item.dtype, item.shape)) if item.shape else f"{item.dtype}"
        came = f"{item._label()}: {came}"
    elif isinstance(item, StreamProxy):
        came = f"{item._label()}: {Stream(item.dtype, item.depth)!r}"
    elif isinstance(item, Scalar | MutableScalar):
        came = f"a value of type {item.dtype}"
    else:
        came = f"an object of type {type(item).__name__}"
    hint = None
    if type(item).__module__ == "numpy" and parameter.type is not None:
        hint = "wrap data known while tracing: ta.constant(array)"
    fail(
        "TA120", f"argument {parameter.name!r} of kernel {title!r} is {parameter.type}, not {came}", hint=hint
    )


def _check_overlap(program: Program, parts: list[Region | Expr], title: str) -> None:
    written = summary_of(program).changes
    for position, part in enumerate(parts):
        if not isinstance(part, Region) or program.args[position] not in written:
            continue
        name = program.args[position].name
        if part.array.kind == "constant":
            fail("TA112", f"kernel {title!r} writes its argument {name!r}, which is a ta.constant here",
                 hint="copy it to an array made with ta.empty")  # fmt: skip
        for other, region in enumerate(parts):
            if other == position or not isinstance(region, Region) or _disjoint(part, region):
                continue
            if part.array.kind == "stream":
                fail("TA119", f"arguments {name!r} and {program.args[other].name!r} of kernel {title!r} are "
                     f"both the queue {region_text(part)!r}",
                     "a kernel may use its queues in any order, each on its own",
                     hint="one queue, one parameter")  # fmt: skip
            fail(
                "TA119",
                f"arguments {name!r} and {program.args[other].name!r} of kernel {title!r} overlap in "
                f"{part.array.name!r}, and the kernel writes {name!r}",
                "a kernel may read and write its arguments in any order, as separate arrays",
                hint="copy one of them first",
            )


def _disjoint(a: Region, b: Region) -> bool:
    """Whether two regions certainly share no element."""
    if a.array != b.array:
        return True
    for mine, theirs in zip(a.indices, b.indices, strict=True):
        first = mine.start if isinstance(mine, Slice) else mine
        second = theirs.start if isinstance(theirs, Slice) else theirs
        x, y = linear(first), linear(second)
        if x is None or y is None:
            continue
        gap = y.plus(x, -1)
        if gap.terms:
            continue
        width_a = mine.extent if isinstance(mine, Slice) else 1
        width_b = theirs.extent if isinstance(theirs, Slice) else 1
        if gap.constant >= width_a or -gap.constant >= width_b:
            return True
    return False
