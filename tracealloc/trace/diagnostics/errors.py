"""Errors: fields first, text rendered last.

Every public error carries a code (``TA210``), one sentence, the user's place, reasons and cures.
``str(error)`` renders them in one fixed form; tests match whole messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tracealloc.trace.diagnostics.frames import hide, install, render

if TYPE_CHECKING:
    from tracealloc.trace.diagnostics.source import Place

__all__ = [
    "ArgumentError",
    "BoundsError",
    "BuildError",
    "IllegalScheduleError",
    "InterpretError",
    "LayoutError",
    "ScheduleError",
    "TraceAttributeError",
    "TraceError",
    "TraceallocError",
    "TraceallocWarning",
    "UnknownArrayError",
    "UnknownLoopError",
    "VerifyError",
    "nearest",
]


class TraceallocError(Exception):
    """Base of all errors that tracealloc raises on purpose.

    Attributes:
        code: the catalogue code, such as ``"TA210"``; ``ta.explain(code)`` tells more.
        summary: one sentence without a final full stop.
        place: where in the user's source, or None.
        because: reasons, most direct first.
        hint: what to try, or None.
    """

    def __init__(
        self,
        code: str,
        summary: str,
        *,
        place: Place | None = None,
        because: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(summary)
        hide(self)
        self.code = code
        self.summary = summary
        self.place = place
        self.because = tuple(because)
        self.hint = hint

    def __str__(self) -> str:
        lines = [f"{self.code} {self.summary}"]
        if self.place is not None:
            lines += self.place.excerpt()
        lines += [f"  because: {reason}" for reason in self.because]
        if self.hint:
            lines.append(f"  try: {self.hint}")
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        """What IPython shows."""
        return render(self)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.__dict__))


install(TraceallocError)


class TraceError(TraceallocError):
    """The Python function cannot be traced into a program."""


class BoundsError(TraceError, IndexError):
    """An access outside its array: proved at trace time, or seen while the kernel ran (TA152)."""


class TraceAttributeError(TraceError, AttributeError):
    """A traced value has no attribute of that name."""


class ArgumentError(TraceallocError, TypeError, ValueError):
    """A call's argument does not fit the kernel's signature."""


class ScheduleError(TraceallocError):
    """A schedule primitive was refused; the schedule is as it was."""


class UnknownLoopError(ScheduleError, LookupError):
    """No loop has that name."""


class UnknownArrayError(ScheduleError, LookupError):
    """No array has that name."""


class IllegalScheduleError(ScheduleError):
    """The new order would change what the kernel computes.

    Attributes:
        source: the statement instance that must come first, as text.
        sink: the statement instance that must come second, as text.
    """

    source: str | None = None
    sink: str | None = None


class LayoutError(ScheduleError):
    """No layout serves all requests."""


class BuildError(TraceallocError):
    """A build step outside tracealloc (a compiler, a vendor tool) failed or is missing."""


class VerifyError(TraceallocError):
    """A proof could not be attempted."""


class InterpretError(TraceallocError):
    """An interpreted program did something that has no meaning (an access outside an array, ...)."""


class TraceallocWarning(UserWarning):
    """Something that works but will surprise."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word spelt most like `word` (in any case of letters), or None when nothing comes near."""
    import difflib  # only errors need it

    lower = {each.lower(): each for each in reversed(list(known))}
    matches = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.65)
    return lower[matches[0]] if matches else None


def _rebuild(cls: type[TraceallocError], fields: dict[str, object]) -> TraceallocError:
    error = cls.__new__(cls)
    error.__dict__.update(fields)
    return error
