"""What a target's hardware is like, as values: memories and their ports, kinds of ports, operators, limits.

    Hardware := PortKinds, memories, BankPorts, OperatorTable, what its tool makes of loops

A back end brings one (`Target.hardware`), a schedule is made for one (`Module.hardware`). Primitives, port
conflicts and recurrences ask it, and know no target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from tracealloc.trace.ir.layout import Layout, Port, effective_banks
from tracealloc.trace.ir.operators import OperatorTable
from tracealloc.trace.ir.program import Array

__all__ = ["PROCESSOR", "BankPorts", "Hardware", "PortKind", "Taken", "taken_as"]

Taken: TypeAlias = Literal["array", "scalar", "queue"]


@dataclass(frozen=True, slots=True)
class PortKind:
    """A kind of top-level port.

    Attributes:
        takes: what may have such a port.
        usual: of these, for what it is the one to try.
        banked: whether an array behind it can have banks, words and a memory of its own; else it gets a copy.
        in_order: whether its elements come in order, each once, in one direction.
    """

    name: str
    takes: frozenset[Taken]
    usual: frozenset[Taken] = frozenset()
    banked: bool = True
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class BankPorts:
    """What one bank of a memory serves in a cycle: `accesses`, of which at most `writes` write."""

    accesses: int
    writes: int

    def __post_init__(self) -> None:
        if not 1 <= self.writes <= self.accesses:
            raise ValueError(f"of {self.accesses} accesses a cycle, {self.writes} cannot write")

    def cycles(self, reads: int, writes: int) -> int:
        """The cycles that so many accesses take, at least one."""
        return max(1, -(-(reads + writes) // self.accesses), -(-writes // self.writes))

    def __str__(self) -> str:
        only_read = self.accesses - self.writes
        return f"{only_read} read + {self.writes} either" if only_read else f"{self.writes} either"


@dataclass(frozen=True)
class Hardware:
    """The hardware and the tool of a target.

    Attributes:
        name: of the target.
        ports: the kinds of top-level ports. `port_options`: what may be said of them, all kinds together.
        memories: what can hold an array. `auto` and ``register`` (each element apart) are among them.
        bank_ports: what a bank serves, by the number of ports that was asked for (None: nothing said).
        operators: how long operators and accesses take, at its clock.
        operations: what may be asked of operations, by the tool's names: the row of the table that each is.
        implementations: how they may be made.
        most_banks: into how many banks advice partitions an array: more, and synthesis gives up on it, or
            no device holds it.
        most_unrolled: iterations; longer loops stay loops where the tool is to unroll them: nobody means it.
        promotes: whether an element that all iterations of a loop use is kept in a register while it runs.
        multiplier: the bits of the operands of a multiplier, with their signs.
        flattens: whether a perfect nest around a pipelined loop becomes one pipeline with it.
    """

    name: str
    ports: tuple[PortKind, ...]
    port_options: tuple[str, ...]
    memories: tuple[str, ...]
    bank_ports: Mapping[int | None, BankPorts]
    operators: OperatorTable
    operations: Mapping[str, tuple[str, str, int]] = field(default_factory=dict)
    implementations: tuple[str, ...] = ()
    most_banks: int = 4096
    most_unrolled: int = 4096
    multiplier: tuple[int, int] = (27, 18)
    flattens: bool = True
    promotes: bool = True

    def __post_init__(self) -> None:
        if None not in self.bank_ports or "auto" not in self.memories:
            raise ValueError(f"the hardware of {self.name!r} says nothing of what no schedule speaks of")

    def __hash__(self) -> int:
        return hash(self.name)

    def port_kind(self, name: str) -> PortKind | None:
        """The kind of port of that name."""
        return next((kind for kind in self.ports if kind.name == name), None)

    def has_banks(self, port: Port) -> bool:
        """Whether an array behind a port can have banks."""
        kind = self.port_kind(port.kind)
        return kind is None or kind.banked

    def comes_in_order(self, port: Port) -> bool:
        """Whether the elements behind a port come in order, each once."""
        kind = self.port_kind(port.kind)
        return kind is not None and kind.in_order

    def ports_of(self, layout: Layout, array: Array) -> BankPorts:
        """What a bank of an array serves in a cycle; a table is only read."""
        found = self.bank_ports[layout.storage.ports]
        return BankPorts(found.accesses, found.accesses) if array.kind == "constant" else found

    def memory_of(self, layout: Layout, array: Array, shape: Sequence[int]) -> str:
        """What an array of a shape is reached through, as the table of accesses calls it.

        A port that has rows of its own counts as long as nothing makes the array a copy.
        """
        if array.kind == "stream":
            return "fifo"
        banks = effective_banks(layout, shape)
        if all(bank.kind == "complete" or extent == 1 for bank, extent in zip(banks, shape, strict=True)):
            return "register"
        port = layout.port
        plain = port is not None and replace(layout, port=None).plain
        if port is not None and plain and self.operators.find("load", port.kind, array.dtype.bits):
            return port.kind
        return layout.storage.resource


PROCESSOR = Hardware("processor", (), (), ("auto",), {None: BankPorts(1, 1)}, OperatorTable())
"""Of what is only run: it has no ports, and memory is memory."""


def taken_as(array: Array) -> Taken:
    """What a port has to take for an argument."""
    return "queue" if array.kind == "stream" else "array" if array.rank else "scalar"
