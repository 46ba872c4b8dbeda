"""Loop nests over all elements of an array, for copies and fills that no statement of the program writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tracealloc.emit.common.scope import Scope

__all__ = ["dimensions", "element_loops"]


def element_loops(
    scope: Scope,
    shape: Sequence[int],
    label: str,
    statement: Callable[[Sequence[str]], str],
    *,
    pipelined: bool,
) -> None:
    """Write a nest over all elements; `statement` gives the line for the iterators.

    The innermost loop is pipelined, unless a pipelined loop is around (`pipelined`), which unrolls it.
    """
    scope.names.open()
    names = [scope.names.declare("", f"e{axis}") for axis in range(len(shape))]
    depth = scope.depth
    for axis, (name, extent) in enumerate(zip(names, shape, strict=True)):
        head = f"{scope.names.label(label)}: " if axis == 0 else ""
        scope.line(f"{head}for (int {name} = 0; {name} < {extent}; ++{name}) {{")
        if axis == len(shape) - 1 and not pipelined:
            scope.line("#pragma HLS pipeline II=1")
        scope.depth += 1
    scope.line(statement(names))
    while scope.depth > depth:
        scope.depth -= 1
        scope.line("}")
    scope.names.close()


def dimensions(parts: Iterable[str | int]) -> str:
    """``[4][8]``: the dimensions of an array, or subscripts."""
    return "".join(f"[{part}]" for part in parts)
