"""Layouts and loop marks: what a schedule says about an array's storage and a loop's execution.

Plain values, so that a lowered program carries them and every back end reads the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

__all__ = [
    "BankKind",
    "Banks",
    "BoundOp",
    "Claim",
    "Layout",
    "Marks",
    "PLAIN",
    "Pack",
    "Port",
    "Storage",
    "UNMARKED",
    "blocks_of",
    "effective_banks",
    "normal_banks",
]

BankKind: TypeAlias = Literal["whole", "cyclic", "block", "complete"]


@dataclass(frozen=True, slots=True)
class Banks:
    """How one dimension is split into banks; `factor` banks (1 for ``whole``)."""

    kind: BankKind = "whole"
    factor: int = 1

    def __str__(self) -> str:
        return self.kind if self.kind in ("whole", "complete") else f"{self.kind} {self.factor}"


@dataclass(frozen=True, slots=True)
class Port:
    """A top-level port: its kind, of those that the hardware has, with its options, sorted by name."""

    kind: str
    options: tuple[tuple[str, str | int], ...] = ()

    def __str__(self) -> str:
        return " ".join([self.kind, *(f"{name}={value}" for name, value in self.options)])


@dataclass(frozen=True, slots=True)
class Pack:
    """`factor` neighbours along dimension `dim` share a word."""

    dim: int
    factor: int

    def __str__(self) -> str:
        return f"dim {self.dim} pack {self.factor}"


@dataclass(frozen=True, slots=True)
class Storage:
    """The memory that holds an array, and the ports of each bank (None: one reads, one reads or writes)."""

    resource: str = "auto"
    ports: int | None = None

    def __str__(self) -> str:
        words = [] if self.resource == "auto" else [self.resource]
        return ", ".join([*words, *([] if self.ports is None else [f"{self.ports} ports"])])


@dataclass(frozen=True, slots=True)
class BoundOp:
    """How an operation is made whose result is stored in an array: in which way, of which latency.

    `op` is the hardware's name of it. None: as the tool likes.
    """

    op: str
    impl: str | None = None
    latency: int | None = None

    def __str__(self) -> str:
        given = [self.op, *([self.impl] if self.impl else [])]
        return " ".join([*given, *([] if self.latency is None else [f"latency {self.latency}"])])


@dataclass(frozen=True, slots=True)
class Layout:
    """How an array is stored and reached: banks of each dimension, words, memory and top-level port.

    `operators` says how the operations are made that give its elements.
    """

    banks: tuple[Banks, ...] = ()
    pack: Pack | None = None
    storage: Storage = Storage()
    port: Port | None = None
    operators: tuple[BoundOp, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether nothing was asked for of how it is stored and reached."""
        return replace(self, operators=()) == Layout(tuple(Banks() for _ in self.banks))


PLAIN = Layout()


def normal_banks(banks: Banks, extent: int) -> Banks:
    """The one name of a layout of a dimension: factor 1 is whole, factor >= extent is complete.

    Of block factors that lead to blocks of one size the least: 10 elements in 6 blocks are 5 blocks of 2.
    """
    if banks.kind == "complete" or (banks.kind != "whole" and banks.factor >= extent):
        return Banks("complete", extent)
    if banks.kind == "whole" or banks.factor <= 1:
        return Banks()
    return (
        Banks("block", blocks_of(extent, blocks_of(extent, banks.factor))) if banks.kind == "block" else banks
    )


def blocks_of(extent: int, factor: int) -> int:
    """The elements of each of `factor` blocks of a dimension; or how many blocks of so many there are."""
    return -(-extent // factor)


def effective_banks(layout: Layout, shape: Sequence[int]) -> tuple[Banks, ...]:
    """The banks that an array of a shape gets: registers are one for each element, whatever else is said."""
    if layout.storage.resource == "register":
        return tuple(Banks("complete", extent) for extent in shape)
    given = layout.banks or tuple(Banks() for _ in shape)
    return tuple(normal_banks(banks, extent) for banks, extent in zip(given, shape, strict=True))


@dataclass(frozen=True, slots=True)
class Claim:
    """What is said of iterations of a loop: those that need one element of an array are so far apart.

    `distance` is None where none do. `array` is the array's key, `name` is for people.
    """

    array: str
    name: str
    distance: int | None = None

    def __str__(self) -> str:
        return f"{self.name} {'independent' if self.distance is None else f'{self.distance} apart'}"


@dataclass(frozen=True, slots=True)
class Marks:
    """How a loop is executed. `pipeline` is the asked initiation interval in cycles.

    `unroll` is None (rolled), 0 (completely) or a factor. `function` is the name of the function that the
    loop, with all inside it, is (see ``outline``). `latency` are the least and the most cycles of an
    iteration, `limits` how many of an operation there are at most, `claims` what was proved of iterations.
    `apart`: it is not flattened with the loops around it. `space`: each iteration is a process of its own.
    `packed`: pairs of iterations share multiplications.
    """

    pipeline: int | None = None
    rewind: bool = False
    unroll: int | None = None
    parallel: bool = False
    vectorize: bool = False
    dataflow: bool = False
    function: str | None = None
    latency: tuple[int | None, int | None] | None = None
    limits: tuple[tuple[str, int], ...] = ()
    claims: tuple[Claim, ...] = ()
    apart: bool = False
    space: bool = False
    packed: bool = False

    @property
    def copies(self) -> int | None:
        """The copies that HLS, which has no threads or lanes, makes of its body; 0: all, None: it rolls."""
        if self.unroll is None and (self.parallel or self.vectorize):
            return 0
        return None if self.unroll == 1 else self.unroll

    def words(self) -> list[str]:
        """The marks as the printed form shows them: ``pipeline ii=1``, ``unroll 8``, ..."""
        found = []
        if self.pipeline is not None:
            found.append(f"pipeline ii={self.pipeline}" + (" rewind" if self.rewind else ""))
        if self.unroll is not None:
            found.append("unroll" if self.unroll == 0 else f"unroll {self.unroll}")
        found += [
            name for name in ("space", "parallel", "vectorize", "dataflow", "packed") if getattr(self, name)
        ]
        for name, cycles in zip(("least", "most"), self.latency or (), strict=False):
            found += [] if cycles is None else [f"{name} {cycles} cycles"]
        found += [f"{op} at most {most}" for op, most in self.limits]
        found += [*map(str, self.claims), *(["not flattened"] if self.apart else [])]
        return found + ([] if self.function is None else [f"function {self.function}"])


UNMARKED = Marks()
