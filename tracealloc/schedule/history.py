"""Recorded steps: what was asked, in names that mean the same when it is asked again."""

from __future__ import annotations

from dataclasses import dataclass

from tracealloc.trace.source import Place

__all__ = ["Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """One applied primitive: positional and keyword arguments, with loops and arrays by name."""

    primitive: str
    args: tuple[object, ...] = ()
    kwargs: tuple[tuple[str, object], ...] = ()
    place: Place | None = None

    def call(self) -> str:
        """``reorder("k", "j")``, valid Python."""
        parts = [_source(value) for value in self.args]
        parts += [f"{name}={_source(value)}" for name, value in self.kwargs]
        return f"{self.primitive}({', '.join(parts)})"

    def __str__(self) -> str:
        parts = [_plain(value) for value in self.args]
        parts += [_plain(value) for _, value in self.kwargs]
        return f"{self.primitive} {', '.join(parts)}".rstrip()


def _source(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_source(item) for item in value) + "]"
    return repr(value)


def _plain(value: object) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_plain(item) for item in value) + "]"
    return str(value)
