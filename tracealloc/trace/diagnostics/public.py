"""Calls of our functions with arguments that these do not have: errors of ours, with the signature."""

from __future__ import annotations

import functools
import inspect
import reprlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tracealloc.trace.diagnostics.errors import ArgumentError, TraceallocError, nearest
from tracealloc.trace.diagnostics.source import caller_place

__all__ = ["parameters_of", "public"]

P = ParamSpec("P")
R = TypeVar("R")


def public(cure: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function (a method, too) say what it takes where a call does not fit; `cure`: what to write.

    It costs nothing where a call fits: only what Python raises before the function begins is looked at.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TypeError as error:
                trace = error.__traceback__
                if isinstance(error, TraceallocError) or trace is None or trace.tb_next is not None:
                    raise
                raise _misfit(function, args, kwargs, cure) from None

        return called

    return decorate


def _misfit(
    function: Callable[..., Any], args: tuple[object, ...], kwargs: dict[str, Any], cure: str | None
) -> ArgumentError:
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
        found = "the arguments do not fit"
    except TypeError as error:
        found = str(error)
    if next(iter(signature.parameters), None) == "self":
        args, kept = args[1:], list(signature.parameters.values())[1:]
        signature = signature.replace(parameters=kept)
    name = function.__name__
    shown = [*map(reprlib.repr, args), *(f"{key}={reprlib.repr(value)}" for key, value in kwargs.items())]
    unknown = next((key for key in kwargs if key not in signature.parameters), None)
    close = None if unknown is None else nearest(unknown, signature.parameters)
    return ArgumentError(
        "TA708",
        f"{name}({', '.join(shown)}): {found}",
        place=caller_place(),
        because=[f"it is called as {name}({parameters_of(signature)})"],
        hint=cure or (f"{close}=" if close else None),
    )


def parameters_of(signature: inspect.Signature) -> str:
    """The parameters without their types: ``loop, factor=None``."""
    empty = inspect.Parameter.empty
    plain = [part.replace(annotation=empty) for part in signature.parameters.values()]
    return str(inspect.Signature(plain))[1:-1]
