"""What a target's hardware is like, as values: memories and their ports, kinds of ports, operators, limits.

    Hardware := PortKinds, memories, BankPorts, Operators, what its tool makes of loops

A back end brings one (`Target.hardware`), a schedule is made for one (`Module.hardware`). Primitives, port
conflicts and recurrences ask it, and know no target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tracealloc.trace.ir.layout import Layout, Port
from tracealloc.trace.ir.program import Array

__all__ = ["PROCESSOR", "BankPorts", "Hardware", "Operators", "PortKind", "Taken", "taken_as"]

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
class Operators:
    """Pipeline stages of floating-point operators of up to `bits` bits.

    Attributes:
        stages: by operator (``+``) or function (``exp``); ``compare`` and ``cast`` too.
        operator: of an operator that is not listed. `function`: of a function.
        source: where the numbers are from.
    """

    bits: int
    stages: Mapping[str, int]
    operator: int
    function: int
    source: str


@dataclass(frozen=True)
class Hardware:
    """The hardware and the tool of a target.

    Attributes:
        name: of the target.
        ports: the kinds of top-level ports. `port_options`: what may be said of them, all kinds together.
        memories: what can hold an array. `auto` and ``register`` (each element apart) are among them.
        bank_ports: what a bank serves, by the number of ports that was asked for (None: nothing said).
        operators: tables of latencies, narrow types first.
        memory_latency: cycles that a value takes through a memory.
        most_banks: into how many banks advice partitions an array: more, and synthesis gives up on it, or
            no device holds it.
        most_unrolled: iterations; longer loops stay loops where the tool is to unroll them: nobody means it.
        flattens: whether a perfect nest around a pipelined loop becomes one pipeline with it.
    """

    name: str
    ports: tuple[PortKind, ...]
    port_options: tuple[str, ...]
    memories: tuple[str, ...]
    bank_ports: Mapping[int | None, BankPorts]
    operators: tuple[Operators, ...]
    memory_latency: int = 1
    most_banks: int = 4096
    most_unrolled: int = 4096
    flattens: bool = True

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

    def stages(self, name: str, bits: int, *, function: bool = False) -> int:
        """The stages of a floating-point operator or function on numbers of so many bits.

        Wider numbers take what the widest of the tables says; where there is none, nothing is known: 0.
        """
        tables = [each for each in self.operators if bits <= each.bits] or self.operators[-1:]
        if not tables:
            return 0
        table = tables[0]
        return table.stages.get(name, table.function if function else table.operator)


PROCESSOR = Hardware("processor", (), (), ("auto",), {None: BankPorts(1, 1)}, ())
"""Of what is only run: it has no ports, and memory is memory."""


def taken_as(array: Array) -> Taken:
    """What a port has to take for an argument."""
    return "queue" if array.kind == "stream" else "array" if array.rank else "scalar"
