"""Calls in HLS C++: arrays by reference, views as sub-arrays, and copies of views that are not contiguous."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracealloc.emit.vitis.types import carrier_of
from tracealloc.trace.ir.expr import Const
from tracealloc.trace.ir.program import Array, Call, Region, Slice
from tracealloc.trace.ir.summary import returned, summary_of

if TYPE_CHECKING:
    from tracealloc.emit.vitis.function import VitisFunction

__all__ = ["CallPrinter"]


class CallPrinter:
    """Writes one call into a function."""

    def __init__(self, function: VitisFunction, node: Call) -> None:
        self.function = function
        self.node = node
        self.after: list[tuple[Region, str]] = []

    def emit(self) -> None:
        """The copies that the call needs before it, the call, and the copies after it."""
        function, node = self.function, self.node
        callee = node.program
        written = summary_of(callee).writes
        parts: list[str] = []
        for formal, actual in zip(callee.args, node.args, strict=True):
            if isinstance(actual, Region):
                writes = formal in written and formal.rank > 0
                parts.append(self._region(actual, formal, reads=True, writes=writes))
            else:
                value = function.stored_as(actual, formal.dtype)
                if value.carrier.kind in ("ap", "fixed"):
                    value = function.converted(value, carrier_of(formal.dtype))
                parts.append(value.text.text)
        outs = dict(zip(callee.results, node.results, strict=False))
        for array in returned(callee):
            out = self._region(outs[array], array, reads=False, writes=True)
            parts.append(out if array.rank else f"&{out}")
        name = function.module.functions[id(callee)]
        function.line(f"{name}({', '.join(parts)});{function.comment(node.place)}")
        for region, copy in self.after:
            self._copy(region, copy, back=True)

    def _region(self, region: Region, formal: Array, *, reads: bool, writes: bool) -> str:
        function = self.function
        for check in function.region_checks(region, self.node.place):
            function.line(check)
        direct = self._direct(region)
        if direct is not None:
            return direct
        base = region.array.name
        copy = function.names.declare_own(object(), f"{base}_view")
        dimensions = "".join(f"[{extent}]" for extent in region.shape)
        function.line(f"{function.type_name(formal.dtype)} {copy}{dimensions};  // copy of a view of {base}")
        if reads:
            self._copy(region, copy, back=False)
        if writes:
            self.after.append((region, copy))
        return copy

    def _direct(self, region: Region) -> str | None:
        """The view as a part of its array: leading subscripts, then whole dimensions."""
        function, array = self.function, region.array
        name = function.array_name(array)
        parts = list(region.indices)
        subscripts = ""
        while parts and not isinstance(parts[0], Slice):
            subscripts += f"[{function.text(parts.pop(0))}]"  # type: ignore[arg-type]
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
            start = function.text(first.start)
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
        function = self.function
        name = function.array_name(region.array)

        def statement(at: str) -> str:
            names = iter(at.strip("[]").split("][")) if at else iter(())
            there = ""
            for part in region.indices:
                if isinstance(part, Slice):
                    start, offset = function.text(part.start), next(names)
                    there += f"[{offset}]" if start == "0" else f"[{start} + {offset}]"
                else:
                    there += f"[{function.text(part)}]"
            whole, view = f"{name}{there}", f"{copy}{at}"
            return f"{whole} = {view};" if back else f"{view} = {whole};"

        function.element_loops(region.shape, f"{'write' if back else 'read'}_{copy}", statement)
