"""What the interpreter says when a program does something that has no meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tracealloc.trace.diagnostics.errors import InterpretError

if TYPE_CHECKING:
    from tracealloc.trace.diagnostics.source import Place
    from tracealloc.trace.ir.expr import Iter, Load
    from tracealloc.trace.ir.program import Array

__all__ = ["outside_fault", "refuse_left", "unstored_fault"]

_Slots = Sequence[tuple["Iter", int]]


def _iteration(slots: _Slots, frame: list[Any]) -> tuple[str, ...]:
    if not slots:
        return ()
    values = ", ".join(f"{iter_.name}={frame[slot]}" for iter_, slot in slots)
    return (f"this is iteration ({values})",)


def _element(array: Array, indices: Sequence[Any]) -> str:
    return f"{array.name}[{', '.join(str(int(i)) for i in indices)}]" if indices else array.name


def outside_fault(array: Array, slots: _Slots, place: Place | None) -> Callable[..., NoReturn]:
    """The function of a frame and the indices that raises for an element outside `array`."""

    def fault(frame: list[Any], indices: tuple[Any, ...]) -> NoReturn:
        extents = ", ".join(str(extent) for extent in array.shape)
        raise InterpretError(
            "TA601",
            f"{_element(array, indices)} is outside the array {array.name} of shape [{extents}]",
            place=place,
            because=_iteration(slots, frame),
        )

    return fault


def unstored_fault(
    load: Load, slots: _Slots, parts: Sequence[Callable[[list[Any]], Any]]
) -> Callable[[list[Any]], NoReturn]:
    """The function of a frame that raises for an element read before anything was stored to it."""

    def fault(frame: list[Any]) -> NoReturn:
        element = ".".join((_element(load.array, [part(frame) for part in parts]), *load.path))
        if load.array.kind == "stream":
            raise InterpretError(
                "TA604", f"the stream {element} is read while it is empty",
                place=load.place, because=_iteration(slots, frame),
            )  # fmt: skip
        raise InterpretError(
            "TA602",
            f"{element} is read before anything is stored to it",
            place=load.place,
            because=_iteration(slots, frame),
            hint=f"fill {load.array.name} where it is made (ta.zeros), or store to it first",
        )

    return fault


def refuse_left(array: Array, queues: Sequence[Any] | None) -> None:
    """Raise where a queue that ends still holds something."""
    for at, queue in enumerate(queues or ()):
        if queue:
            place = [int(part) for part in np.unravel_index(at, array.shape)] if array.rank else []
            count = f"{len(queue)} elements" if len(queue) > 1 else "an element"
            raise InterpretError(
                "TA605",
                f"the stream {_element(array, place)} ends with {count} that nothing took",
                place=array.place,
                hint="take as many as are put: in hardware they would be there in the next call",
            )
