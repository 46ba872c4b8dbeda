"""Calls in HLS C++: arrays by reference, views as sub-arrays, and copies of views that are not contiguous."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracealloc.emit.vitis.expr import VitisExpr
from tracealloc.emit.vitis.types import carrier_of
from tracealloc.emit.vitis.unit import Unit
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Const
from tracealloc.trace.ir.program import Array, Call, Region, Slice
from tracealloc.trace.ir.summary import returned, summary_of

__all__ = ["CallPrinter"]


class CallPrinter:
    """Writes one call into a function.

    Args:
        writer: the function around the call: its names, expressions and lines.
        unit: knows what functions are called.
        node: the call.
        element_loops: writes the nest of a copy: shape, label, and the line for the subscripts.
        checks_of: the statements that check a view before the call.
    """

    def __init__(
        self,
        writer: VitisExpr,
        unit: Unit,
        node: Call,
        element_loops: Callable[[Sequence[int], str, Callable[[str], str]], None],
        checks_of: Callable[[Region, Place | None], list[str]],
    ) -> None:
        self.writer = writer
        self.unit = unit
        self.node = node
        self.element_loops = element_loops
        self.checks_of = checks_of
        self.after: list[tuple[Region, str]] = []

    def emit(self) -> None:
        """The copies that the call needs before it, the call, and the copies after it."""
        writer, node = self.writer, self.node
        callee = node.program
        written = summary_of(callee).writes
        parts: list[str] = []
        for formal, actual in zip(callee.args, node.args, strict=True):
            if isinstance(actual, Region):
                writes = formal in written and formal.rank > 0
                parts.append(self._region(actual, formal, reads=True, writes=writes))
            else:
                value = writer.stored_as(actual, formal.dtype)
                if value.carrier.kind in ("ap", "fixed"):
                    value = writer.converted(value, carrier_of(formal.dtype))
                parts.append(value.text.text)
        outs = dict(zip(callee.results, node.results, strict=False))
        for array in returned(callee):
            out = self._region(outs[array], array, reads=False, writes=True)
            parts.append(out if array.rank else f"&{out}")
        name = self.unit.function_name(callee)
        writer.line(f"{name}({', '.join(parts)});{writer.comment(node.place)}")
        for region, copy in self.after:
            self._copy(region, copy, back=True)

    def _region(self, region: Region, formal: Array, *, reads: bool, writes: bool) -> str:
        writer = self.writer
        for check in self.checks_of(region, self.node.place):
            writer.line(check)
        direct = self._direct(region)
        if direct is not None:
            return direct
        base = region.array.name
        copy = writer.names.declare_own(object(), f"{base}_view")
        dimensions = "".join(f"[{extent}]" for extent in region.shape)
        writer.line(f"{writer.type_name(formal.dtype)} {copy}{dimensions};  // copy of a view of {base}")
        if reads:
            self._copy(region, copy, back=False)
        if writes:
            self.after.append((region, copy))
        return copy

    def _direct(self, region: Region) -> str | None:
        """The view as a part of its array: leading subscripts, then whole dimensions."""
        writer, array = self.writer, region.array
        name = writer.array_name(array)
        parts = list(region.indices)
        subscripts = ""
        while parts and not isinstance(parts[0], Slice):
            subscripts += f"[{writer.text(parts.pop(0))}]"  # type: ignore[arg-type]
        if not parts or all(
            self._whole(part, array, len(region.indices) - len(parts) + at) for at, part in enumerate(parts)
        ):
            return f"{name}{subscripts}"
        first = parts[0]
        rest = parts[1:]
        offset = len(region.indices) - len(rest)
        if isinstance(first, Slice) and all(
            self._whole(part, array, offset + at) for at, part in enumerate(rest)
        ):
            start = writer.text(first.start)
            return f"{name}{subscripts}" if start == "0" else f"&{name}{subscripts}[{start}]"
        return None

    @staticmethod
    def _whole(part: object, array: Array, dim: int) -> bool:
        return (
            isinstance(part, Slice)
            and part.extent == array.shape[dim]
            and isinstance(part.start, Const)
            and int(part.start.value) == 0
        )

    def _copy(self, region: Region, copy: str, *, back: bool) -> None:
        writer = self.writer
        name = writer.array_name(region.array)

        def statement(at: str) -> str:
            names = iter(at.strip("[]").split("][")) if at else iter(())
            there = ""
            for part in region.indices:
                if isinstance(part, Slice):
                    start, offset = writer.text(part.start), next(names)
                    there += f"[{offset}]" if start == "0" else f"[{start} + {offset}]"
                else:
                    there += f"[{writer.text(part)}]"
            whole, view = f"{name}{there}", f"{copy}{at}"
            return f"{whole} = {view};" if back else f"{view} = {whole};"

        self.element_loops(region.shape, f"{'write' if back else 'read'}_{copy}", statement)
