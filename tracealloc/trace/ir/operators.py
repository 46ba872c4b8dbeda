"""How long operators and accesses take, as a table: rows with their sources, read from a data file.

    OperatorTable := Operator*;  Operator := name, family of types, width, stages, delay, cost, source

A row of one stage at most that has `ns` is combinational: several are one cycle where they fit into it.
Others are pipelined; `ns` is what the last stage takes of its cycle (None: all). A question that no row
answers is answered by the nearest one, and the answer says so: its `status` is ``estimated``.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from math import ceil
from typing import Literal, TypeAlias, get_args

__all__ = ["Operator", "OperatorTable", "Status", "parse_operators"]

Status: TypeAlias = Literal["measured", "fitted", "published", "estimated"]


@dataclass(frozen=True, slots=True)
class Operator:
    """A row: an operator of one family of types, up to a width, in one implementation.

    Attributes:
        name: ``+``, ``compare``, ``load``, ...; ``operator``, ``function``: what has no row of its own.
        family: ``int`` (fixed point too), ``float``, ``bfloat``; of an access the memory.
        bits: of the widest operand, at most.
        stages: pipeline stages, its latency and one. `stages_per_bit` adds to them by width.
        ns: of a cycle, that it or its last stage takes (None: all). `ns_per_bit` adds to it by width.
        impl: the implementation, as ``bind_op`` names it; of equal rows the first is the one the tool takes.
        dsp, lut, ff: what an instance costs; None: not known.
        clock_ns, device: the period and the devices that it holds for.
        status: how it is known. `source`: where from.
    """

    name: str
    family: str
    bits: int
    stages: int
    stages_per_bit: int
    ns: float | None
    ns_per_bit: float
    impl: str
    dsp: int | None
    lut: int | None
    ff: int | None
    clock_ns: float
    device: str
    status: Status
    source: str

    @property
    def combinational(self) -> bool:
        """Whether it has no register inside."""
        return self.stages <= 1 and self.ns is not None

    def of_width(self, bits: int) -> Operator:
        """The row as it is for operands of so many bits."""
        ns = None if self.ns is None else self.ns + self.ns_per_bit * bits
        stages = self.stages + self.stages_per_bit * bits
        return replace(self, bits=bits, stages=stages, stages_per_bit=0, ns=ns, ns_per_bit=0.0)

    def at(self, clock_ns: float) -> Operator:
        """The row at another period: as many nanoseconds, in stages of that.

        What counts cycles stays: dividers, which make a bit in each, and the registers of a memory.
        """
        if clock_ns == self.clock_ns:
            return self
        counted = self.stages_per_bit > 0 or self.name in ("load", "store")
        stages = self.stages if counted else ceil(self.stages * self.clock_ns / clock_ns - 1e-9)
        why = f"{self.source}; stages scaled from {self.clock_ns} ns to {clock_ns} ns"
        return replace(self, stages=stages, clock_ns=clock_ns, status="estimated", source=why)

    def estimated(self, why: str) -> Operator:
        """The row, given for a question that is not quite its own."""
        return replace(self, status="estimated", source=f"{why}: {self.source}")


@dataclass(frozen=True)
class OperatorTable:
    """The rows of a target, at a clock period of `clock_ns` on a family of devices.

    `share` of a period is there for logic; the rest is the tool's margin.
    """

    rows: tuple[Operator, ...] = ()
    clock_ns: float = 3.33
    device: str = ""
    share: float = 0.73

    @property
    def budget(self) -> float:
        """The nanoseconds of a cycle that logic may take."""
        return self.share * self.clock_ns

    def at(self, clock_ns: float, device: str | None = None) -> OperatorTable:
        """The same table at another period (in nanoseconds), or for other devices."""
        if not clock_ns > 0:
            raise ValueError(f"a clock period is more than 0 ns, not {clock_ns}")
        return replace(self, clock_ns=clock_ns, device=self.device if device is None else device)

    @cached_property
    def _named(self) -> Mapping[tuple[str, str], tuple[Operator, ...]]:
        """The rows by name and family; narrow ones first, and of these in the order of the table."""
        found: dict[tuple[str, str], list[Operator]] = {}
        for row in self.rows:
            found.setdefault((row.name, row.family), []).append(row)
        return {key: tuple(sorted(rows, key=lambda row: row.bits)) for key, rows in found.items()}

    def __getstate__(self) -> dict[str, object]:
        # What is remembered stays here.
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    @cached_property
    def _known(self) -> dict[tuple[object, ...], Operator | None]:
        return {}

    def find(self, name: str, family: str, bits: int, impl: str | None = None) -> Operator | None:
        """The row of an operator on operands of so many bits (None: nothing is known of it, nor of its like).

        Wider operands than any row's get the widest row, another clock or device the nearest one, an operator
        that is not listed the family's ``operator`` (a function: ``function``): as estimates.
        """
        key = (name, family, bits, impl)
        if key not in self._known:
            self._known[key] = self._find(name, family, bits, impl)
        return self._known[key]

    def _find(self, name: str, family: str, bits: int, impl: str | None) -> Operator | None:
        rows = self._named.get((name, family), ())
        function = name.isidentifier()
        missing = not rows or (function and not self.covers(name, family, bits))
        if missing:
            rows = self._named.get(("function" if function else "operator", family), ()) or rows
        rows = tuple(row for row in rows if impl is None or row.impl == impl)
        if not rows:
            return None
        of_device = tuple(row for row in rows if row.device == self.device) or rows
        enough = [row for row in of_device if row.bits >= bits]
        width = min((row.bits for row in enough), default=max(row.bits for row in of_device))
        wide = [row for row in of_device if row.bits == width]
        near = min(wide, key=lambda row: (abs(row.clock_ns - self.clock_ns), -row.clock_ns))
        found = near.at(self.clock_ns).of_width(bits)
        if not enough:
            found = found.estimated(f"for more than {near.bits} bits")
        if missing:
            found = found.estimated(f"no row for {name!r}")
        if near.device != self.device:
            found = found.estimated(f"no row for {self.device!r}")
        return found

    def covers(self, name: str, family: str, bits: int) -> bool:
        """Whether a row says how an operator is on operands of so many bits."""
        return any(row.bits >= bits for row in self._named.get((name, family), ()))

    def impls(self, name: str, family: str) -> tuple[str, ...]:
        """The implementations of an operator that have rows."""
        return tuple(dict.fromkeys(row.impl for row in self._named.get((name, family), ())))


@cache
def parse_operators(text: str) -> tuple[Operator, ...]:
    """The rows of a data file: comma-separated, a line of names first, ``#`` begins a comment.

    Raises:
        ValueError: a row is not one; the message has its line.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    names = [field.name for field in fields(Operator)]
    reader = csv.DictReader(lines)
    if reader.fieldnames is None or list(reader.fieldnames) != names:
        raise ValueError(f"the columns of a table of operators are {', '.join(names)}")
    return tuple(_row(each) for each in reader)


def _row(cells: Mapping[str, str]) -> Operator:
    def number(name: str) -> int:
        return int(cells[name] or 0)

    def known(name: str) -> int | None:
        return int(cells[name]) if cells[name] else None

    try:
        status = cells["status"]
        if status not in get_args(Status) or not cells["source"]:
            raise ValueError("a row says how it is known, and from where")
        return Operator(
            cells["name"],
            cells["family"],
            number("bits"),
            number("stages"),
            number("stages_per_bit"),
            float(cells["ns"]) if cells["ns"] else None,
            float(cells["ns_per_bit"] or 0),
            cells["impl"],
            known("dsp"),
            known("lut"),
            known("ff"),
            float(cells["clock_ns"]),
            cells["device"],
            status,  # type: ignore[arg-type]
            cells["source"],
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"no row of operators: {','.join(map(str, cells.values()))} ({error})") from error
