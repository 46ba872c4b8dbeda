"""Parameters, annotations and staged values of a kernel's function."""

from __future__ import annotations

import inspect
import linecache
import types
from collections.abc import Callable, Mapping
from typing import Any

from tracealloc.trace.diagnostics.errors import TraceError, nearest
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import ArrayType, DType, Stream
from tracealloc.trace.ir.parameters import Parameter, Signature, Type
from tracealloc.trace.proxies.elements import as_element
from tracealloc.trace.record.recorder import fail

__all__ = ["place_of_function", "signature_of", "unwrap"]

_GENERATOR = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR


def unwrap(function: Callable[..., Any]) -> tuple[types.FunctionType, Any]:
    """The plain function under a bound method or `functools.partial`-free wrapper, and its ``self``."""
    if isinstance(function, types.MethodType):
        inner, _ = unwrap(function.__func__)
        return inner, function.__self__
    if not isinstance(function, types.FunctionType):
        fail(
            "TA101",
            f"a kernel is a Python function, not {function!r}",
            "its body is run on traced values",
            hint="@kernel above a def",
            place=None,
        )
    return function, None


def place_of_function(function: types.FunctionType) -> Place:
    """The line of a function's ``def``."""
    code = function.__code__
    line = code.co_firstlineno
    for number in range(line, line + 20):  # the first line may be a decorator's
        if linecache.getline(code.co_filename, number).lstrip().startswith(("def ", "async def ")):
            line = number
            break
    return Place(code.co_filename, line, function=code.co_name)


class _Scope(dict[str, Any]):
    """Names as an annotation sees them: closure cells, the decorator's locals, globals, the package."""

    def __init__(self, function: types.FunctionType, namespace: Mapping[str, Any] | None) -> None:
        super().__init__(namespace or {})
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self[name] = cell.cell_contents
            except ValueError:  # an empty cell: the name is assigned later
                continue
        self.outer = function.__globals__

    def __missing__(self, name: str) -> Any:
        return self.outer[name]


def _evaluate(
    annotation: Any, function: types.FunctionType, namespace: Mapping[str, Any] | None, what: str
) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, {"__builtins__": function.__globals__.get("__builtins__", {})},
                    _Scope(function, namespace))  # fmt: skip
    except TraceError as error:
        error.place = place_of_function(function)
        raise
    except Exception as error:
        fail(
            "TA101",
            f"the annotation {annotation!r} of {what} cannot be evaluated: {type(error).__name__}: {error}",
            "annotations see the function's globals, its closure and the variables around @kernel",
            hint="float32[M, N] is an array, of tracealloc's float32; NumPy's types have no shapes",
            place=place_of_function(function),
        )


def _is_type(item: Any) -> bool:
    return isinstance(item, ArrayType | DType | Stream)


def _kernel_type(item: Any) -> Any:
    """An annotation: what ``Annotated[Any, float32[8]]`` says to us, NumPy's types as ours."""
    found = [part for part in getattr(item, "__metadata__", ()) if _is_type(part)]
    item = found[0] if found else item
    return item if _is_type(item) else as_element(item) or item


def _check_type(item: Any, what: str, function: types.FunctionType) -> Any:
    item = _kernel_type(item)
    if not _is_type(item):
        fail(
            "TA101",
            f"the annotation of {what} is {item!r}, which is not a type of a kernel",
            "every argument has an element type and, as an array, a constant shape",
            hint="write float32[M, N] for an array, float32 for a scalar",
            place=place_of_function(function),
        )
    if isinstance(item, ArrayType):
        for extent in item.shape:
            if isinstance(extent, bool) or not hasattr(extent, "__index__") or int(extent) < 1:
                fail(
                    "TA101",
                    f"the annotation of {what} has the extent {extent!r}; an extent is a positive int",
                    "the shape of an array is constant",
                    hint="for an array filled in part its greatest shape, and an int32 argument for the rest",
                    place=place_of_function(function),
                )
        return ArrayType(item.dtype, tuple(int(extent) for extent in item.shape))
    return _check_stream(item, what, function) if isinstance(item, Stream) else item


def _check_stream(item: Stream, what: str, function: types.FunctionType) -> Stream:
    element = item.dtype if isinstance(item.dtype, DType) else as_element(item.dtype)
    whole = not isinstance(item.depth, bool) and hasattr(item.depth, "__index__")
    if element is None or not whole or int(item.depth) < 1:
        fail("TA101", f"the annotation of {what} is {item!r}",
             "a queue has elements of one type, and its depth is a positive int",
             hint="ta.Stream[float32, 2]", place=place_of_function(function))  # fmt: skip
    return Stream(element, int(item.depth))


def _refuse_generator(function: types.FunctionType) -> None:
    if function.__code__.co_flags & _GENERATOR:
        fail(
            "TA101",
            f"{function.__name__!r} is a generator or a coroutine, and no kernel",
            "a kernel runs from its first line to its last",
            hint="return results, or store them in an array",
            place=place_of_function(function),
        )


def signature_of(
    function: types.FunctionType,
    arguments: Mapping[str, Any] | None = None,
    staged: Mapping[str, Any] | None = None,
    namespace: Mapping[str, Any] | None = None,
    bound: Any = None,
) -> Signature:
    """A function's parameters; `arguments` gives types, `staged` values, both by name."""
    _refuse_generator(function)
    staged, arguments = dict(staged or {}), dict(arguments or {})
    found: list[Parameter] = []
    keyword_only = set()
    python = inspect.signature(function)
    for position, parameter in enumerate(python.parameters.values()):
        name, what = parameter.name, f"parameter {parameter.name!r}"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            fail(
                "TA101",
                f"{what} takes any number of arguments; a kernel's arguments are fixed",
                "a program's arguments are those of the hardware",
                hint="name them, each with its type",
                place=place_of_function(function),
            )
        if parameter.kind is parameter.KEYWORD_ONLY:
            keyword_only.add(name)
        if name in staged:
            found.append(Parameter(name, None, staged.pop(name)))
        elif position == 0 and bound is not None:
            found.append(Parameter(name, None, bound))
        elif name in arguments:
            found.append(Parameter(name, _check_type(arguments.pop(name), what, function)))
        elif parameter.annotation is not parameter.empty:
            item = _kernel_type(_evaluate(parameter.annotation, function, namespace, what))
            if not _is_type(item) and parameter.default is not parameter.empty:
                found.append(Parameter(name, None, parameter.default))  # n: int = 4
            else:
                found.append(Parameter(name, _check_type(item, what, function)))
        elif parameter.default is not parameter.empty:
            found.append(Parameter(name, None, parameter.default))
        else:
            fail(
                "TA101",
                f"{what} of kernel {function.__name__!r} has neither a type nor a value",
                "an argument has a type, and all else is known while tracing",
                hint=f"write {name}: float32[M, N] (an argument) or {name}=value (known while tracing)",
                place=place_of_function(function),
            )
    unknown = [*staged, *arguments]
    if unknown:
        fail("TA101", f"kernel {function.__name__!r} has no parameter {unknown[0]!r}",
             f"its parameters are {', '.join(python.parameters)}",
             hint=nearest(unknown[0], python.parameters) or "one of them",
             place=place_of_function(function))  # fmt: skip
    return Signature(tuple(found), _results(function, python, namespace), frozenset(keyword_only))


def _results(
    function: types.FunctionType, python: inspect.Signature, namespace: Mapping[str, Any] | None
) -> tuple[Type, ...] | None:
    annotation = python.return_annotation
    if annotation is python.empty:
        return None
    item = _evaluate(annotation, function, namespace, "the result")
    if item is None:
        return ()
    if getattr(item, "__origin__", None) is tuple:  # what type checkers understand
        item = item.__args__
    parts = item if isinstance(item, tuple) else (item,)
    return tuple(_check_type(part, "the result", function) for part in parts)
