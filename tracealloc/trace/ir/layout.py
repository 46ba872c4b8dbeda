"""Layouts and loop marks: what a schedule says about an array's storage and a loop's execution.

Plain values, so that a lowered program carries them and every back end reads the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["BankKind", "Banks", "Layout", "Marks", "PLAIN", "Port", "Resource", "UNMARKED"]

BankKind: TypeAlias = Literal["whole", "cyclic", "block", "complete"]
Resource: TypeAlias = Literal["auto", "bram", "uram", "lutram", "register", "srl"]


@dataclass(frozen=True, slots=True)
class Banks:
    """How one dimension is split into banks; `factor` banks (1 for ``whole``)."""

    kind: BankKind = "whole"
    factor: int = 1

    def __str__(self) -> str:
        return self.kind if self.kind in ("whole", "complete") else f"{self.kind} {self.factor}"


@dataclass(frozen=True, slots=True)
class Port:
    """A top-level port: ``m_axi axis ap_memory s_axilite`` with its options, sorted by name."""

    kind: str
    options: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """An array's storage: banks per dimension, resource, ports per bank, words packed, and port.

    `scope_banks` are of an array that lives inside loops: the banks of the dimension with which it is
    stored for each of these loops (counted from the outermost), while it needs one.
    """

    banks: tuple[Banks, ...] = ()
    resource: Resource = "auto"
    ports: int | None = None
    pack: int = 1
    port: Port | None = None
    pack_dim: int | None = None  # the dimension whose neighbours share a word (None: the last)
    scope_banks: tuple[tuple[int, Banks], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether nothing was asked for."""
        return self == PLAIN or (self == Layout(tuple(Banks() for _ in self.banks)))


PLAIN = Layout()


@dataclass(frozen=True, slots=True)
class Marks:
    """How a loop is executed. `pipeline` is the asked initiation interval in cycles.

    `unroll` is None (rolled), 0 (completely) or a factor.
    """

    pipeline: int | None = None
    rewind: bool = False
    unroll: int | None = None
    parallel: bool = False
    vectorize: bool = False
    dataflow: bool = False

    def words(self) -> list[str]:
        """The marks as the printed form shows them: ``pipeline ii=1``, ``unroll 8``, ..."""
        found = []
        if self.pipeline is not None:
            found.append(f"pipeline ii={self.pipeline}" + (" rewind" if self.rewind else ""))
        if self.unroll is not None:
            found.append("unroll" if self.unroll == 0 else f"unroll {self.unroll}")
        found += [name for name in ("parallel", "vectorize", "dataflow") if getattr(self, name)]
        return found


UNMARKED = Marks()
