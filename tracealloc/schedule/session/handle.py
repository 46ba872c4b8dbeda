"""Handles: what primitives return. They hold identities, so they survive later primitives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tracealloc.trace.diagnostics.errors import UnknownArrayError
from tracealloc.trace.diagnostics.source import caller_place

if TYPE_CHECKING:
    from tracealloc.schedule.core.state import Module
    from tracealloc.schedule.session.history import Step
    from tracealloc.trace.ir.program import Array, Program

__all__ = ["ArrayHandle", "BandHandle", "Handles", "LoopHandle", "Owner"]


class Owner(Protocol):
    """What a handle needs of the user's schedule: its module as it stands, and its printed form."""

    @property
    def module(self) -> Module:
        """The module as it stands."""

    @property
    def lowered(self) -> Program:
        """The loop nest as it stands."""

    def depth_of(self, function: str, key: str) -> int | None:
        """How deep the queues are that an array became, or that carry a buffer."""

    def marked_text(self, function: str, keys: Sequence[str]) -> str:
        """The printed loops of a function with arrows at some of them."""


@dataclass(frozen=True, slots=True)
class LoopHandle:
    """A loop of a schedule. `born` are the steps that had been taken when the handle was made."""

    owner: Owner = field(compare=False, repr=False)
    function: str
    key: str
    name: str = field(compare=False)
    born: tuple[Step, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.owner.marked_text(self.function, [self.key])


@dataclass(frozen=True, slots=True)
class ArrayHandle:
    """An array of a schedule. `born` are the steps that had been taken when the handle was made."""

    owner: Owner = field(compare=False, repr=False)
    function: str
    key: str
    name: str = field(compare=False)
    born: tuple[Step, ...] = field(default=(), compare=False, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements per dimension, as the array is stored."""
        from tracealloc.poly.codegen.contraction import storage_of

        function, array = self._now
        state = self.owner.module.state(function)
        return storage_of(state.model, state.tree, array).array.shape

    @property
    def dtype(self) -> object:
        """The element type."""
        return self._now[1].dtype

    @property
    def depth(self) -> int | None:
        """Of an array that is a FIFO: how many elements it has room for; None: it is none."""
        function, array = self._now
        return self.owner.depth_of(function, array.key)

    @property
    def _now(self) -> tuple[str, Array]:
        """The array, and the function that it is in now."""
        found = self._found()
        if found is None:
            raise UnknownArrayError(
                "TA204", f"array {self.name!r} is no longer in the schedule", place=caller_place()
            )
        return found

    def _found(self) -> tuple[str, Array] | None:
        return self.owner.module.array(self.function, self.key)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        found = self._found()
        if found is None:
            return f"<array {self.name}, which is no longer in {self.function}>"
        return f"<array {found[1].name}: {self.dtype}{list(self.shape)} of {found[0]}>"


@dataclass(frozen=True, slots=True)
class BandHandle:
    """A band: an outermost nest."""

    owner: Owner = field(compare=False, repr=False)
    function: str
    name: str

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<band {self.name} of {self.function}>"


class Handles(tuple[LoopHandle | ArrayHandle, ...]):
    """What a step that makes several loops hands back; prints the program with an arrow at each."""

    __slots__ = ()

    def __repr__(self) -> str:
        loops = [handle for handle in self if isinstance(handle, LoopHandle)]
        if not loops or len(loops) < len(self):
            return super().__repr__()
        return loops[0].owner.marked_text(loops[0].function, [handle.key for handle in loops])
