"""Loop nests over all elements of an array, for copies and fills that no statement of the program writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracealloc.emit.common.backend import Backend

__all__ = ["element_loops"]


def element_loops(
    writer: Backend, shape: Sequence[int], label: str, statement: Callable[[str], str], *, pipelined: bool
) -> None:
    """Write a nest over all elements; `statement` gives the line for the subscripts.

    The innermost loop is pipelined, unless a pipelined loop is around (`pipelined`), which unrolls it.
    """
    writer.names.open()
    names = [writer.names.declare("", f"e{axis}") for axis in range(len(shape))]
    depth = writer.depth
    for axis, (name, extent) in enumerate(zip(names, shape, strict=True)):
        head = f"{writer.names.label(label)}: " if axis == 0 else ""
        writer.line(f"{head}for (int {name} = 0; {name} < {extent}; ++{name}) {{")
        if axis == len(shape) - 1 and not pipelined:
            writer.line("#pragma HLS pipeline II=1")
        writer.depth += 1
    writer.line(statement("".join(f"[{name}]" for name in names)))
    while writer.depth > depth:
        writer.depth -= 1
        writer.line("}")
    writer.names.close()
