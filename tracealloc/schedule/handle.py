"""Handles: what primitives return. They hold identities, so they survive later primitives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tracealloc.schedule.state import Module
    from tracealloc.trace.program import Array

__all__ = ["ArrayHandle", "BandHandle", "LoopHandle", "Owner"]


class Owner(Protocol):
    """What a handle needs of the user's schedule: its module as it stands, and its printed form."""

    @property
    def module(self) -> Module:
        """The module as it stands."""

    def marked_text(self, function: str, key: str) -> str:
        """The printed loops of a function with an arrow at one loop."""


@dataclass(frozen=True, slots=True)
class LoopHandle:
    """A loop of a schedule."""

    owner: Owner = field(compare=False, repr=False)
    function: str
    key: str
    name: str = field(compare=False)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.owner.marked_text(self.function, self.key)


@dataclass(frozen=True, slots=True)
class ArrayHandle:
    """An array of a schedule."""

    owner: Owner = field(compare=False, repr=False)
    function: str
    key: str
    name: str = field(compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements per dimension."""
        return self._array.shape

    @property
    def dtype(self) -> object:
        """The element type."""
        return self._array.dtype

    @property
    def _array(self) -> Array:
        arrays = self.owner.module.state(self.function).model.arrays
        return next(array for array in arrays if array.key == self.key)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<array {self.name}: {self.dtype}{list(self.shape)} of {self.function}>"


@dataclass(frozen=True, slots=True)
class BandHandle:
    """A band: an outermost nest."""

    owner: Owner = field(compare=False, repr=False)
    function: str
    name: str

    def __str__(self) -> str:
        return self.name
