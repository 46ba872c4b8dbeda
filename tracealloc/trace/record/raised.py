"""Exceptions that Python raises while a kernel is traced: where, why, and what to write instead.

The user's own ``raise`` and ``assert`` on what is known while tracing stay the user's. Under a traced
condition they mean nothing that hardware could do, and what Python raises about a traced value says
nothing of kernels: both become a `TraceError`.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

from tracealloc.trace.diagnostics.errors import TraceError
from tracealloc.trace.diagnostics.frames import is_ours, is_users
from tracealloc.trace.diagnostics.source import Place, raised_at
from tracealloc.trace.record.bytecode_names import raises_at
from tracealloc.trace.record.events import Decide
from tracealloc.trace.record.recorder import Recorder

__all__ = ["refusal"]

_CLASSES = {
    "MutableScalar": "ta.scalar", "ArrayProxy": "traced array", "RecordProxy": "traced record",
    "StreamProxy": "stream", "SymbolicLoop": "symbolic loop", "Scalar": "traced value",
}  # fmt: skip
# What Python says, and what to write in a kernel.
_CURES = (
    (
        r"'(int|float|bool)' object (does not support item assignment|is not subscriptable)",
        "C = ta.zeros((M, N), int32) makes an array; an annotation such as C: int32[M, N] = 0 makes none",
    ),
    (r"values to unpack", "one name for each extent: for i, j in grid(M, N)"),
    (r"is not callable", "A[i] reads an element, x.astype(T) and float32(x) convert"),
    (
        r"JSON|pickle|must be str|os.PathLike",
        "return the value or store it in an array, and use it after the call",
    ),
    (r"^name '", "the names of a kernel are those of Python: its arguments, variables, globals"),
)


def refusal(recorder: Recorder, error: BaseException, name: str) -> TraceError | None:
    """What to raise instead of `error`, which left the body of kernel `name`; None: `error` itself."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = raised_at(error)
    if trace is None or place is None or is_ours(trace.tb_frame.f_code.co_filename):
        return None  # a fault of our own must not look like the user's
    explicit = is_users(trace.tb_frame.f_code.co_filename) and raises_at(trace.tb_frame, trace.tb_lasti)
    condition = _condition(recorder, place)
    kind, text = type(error).__name__, _text(error)
    said = kind + (f" ({text})" if text and not isinstance(error, SystemExit) else "")
    if explicit or isinstance(error, SystemExit):
        if condition is None:
            return None
        return TraceError(
            "TA131",
            f"kernel {name!r} raises {said} under a traced condition",
            place=place,
            because=[
                condition,
                "that is known only when the kernel runs, and hardware cannot raise",
            ],
            hint="check arguments before the call, results after it; kernel.python(...) runs the body "
            "as plain Python, with assert and raise; or store a flag: bad[0] = 1",
        )
    return TraceError(
        "TA130",
        f"Python raised {said} while kernel {name!r} was traced",
        place=place,
        because=[
            "the body runs on traced values, which have no value yet; what Python makes of them runs now"
        ],
        hint=_cure(text)
        or "traced values have arithmetic, comparisons, subscripts and the functions of ta, "
        "and all else must be known while tracing",
    )


def _text(error: BaseException) -> str:
    """What an exception says, our classes by the words of messages."""
    text = next(iter(str(error).splitlines()), "").strip()  # pytest adds lines to what an assert says
    for ours, word in _CLASSES.items():
        text = re.sub(rf"\b{ours}\b", word, text)
    return text


def _cure(text: str) -> str | None:
    """What to write instead, where the text says it; the signature of a function of ta called wrongly."""
    called = re.match(r"(\w+)\(\) (?:missing|takes|got)", text)
    if called is not None:
        # The list of those functions is to the right of this module.
        function: Any = getattr(importlib.import_module("tracealloc.trace.api"), called[1].strip("_"), None)
        if callable(function):
            parameters = inspect.signature(function).parameters.values()
            return f"ta.{called[1]}({', '.join(map(_parameter, parameters))})"
    return next((cure for pattern, cure in _CURES if re.search(pattern, text)), None)


def _parameter(parameter: inspect.Parameter) -> str:
    shown = f"{'*' * (parameter.kind is parameter.VAR_POSITIONAL)}{parameter.name}"
    return shown if parameter.default is parameter.empty else f"{shown}={parameter.default!r}"


def _condition(recorder: Recorder, place: Place) -> str | None:
    """The traced condition that was decided on this line, or else last before it; None: none."""
    scope = recorder.scope
    while scope is not None and scope.kind != "block":
        scope = scope.parent  # type: ignore[assignment]
    if scope is not None and scope.place is not None:
        return f"it is raised in the {scope.label} block at {scope.place.short}"
    decided: list[Decide] = []
    path = recorder.path
    while path is not None:
        decided += [event for event in reversed(path.events) if isinstance(event, Decide)]
        path = path.outer
    if not decided:
        return None
    here = [
        e for e in decided if e.place is not None and (e.place.file, e.place.line) == (place.file, place.line)
    ]
    event = (here or decided)[0]
    where = "an unknown line" if event.place is None else event.place.short
    return f"the condition at {where} decides whether it is raised"
