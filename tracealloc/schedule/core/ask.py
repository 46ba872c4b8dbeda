"""Adding requests to a schedule, once some layout serves all of them."""

from __future__ import annotations

from collections.abc import Iterable

from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import State
from tracealloc.schedule.layout.requests import Asked, Dim, Request
from tracealloc.trace.diagnostics.errors import LayoutError
from tracealloc.trace.ir.layout import Port, Storage
from tracealloc.trace.ir.program import Array

__all__ = ["asking", "asking_instead", "request"]


def request(edit: Edit, array: Array, asks: Asked, dim: Dim | None = None) -> Request:
    """What the step asks of an array."""
    return Request(array.key, asks, dim, edit.step, edit.what, edit.place)


def asking(edit: Edit, state: State, requests: Iterable[Request]) -> State:
    """The state with more requests.

    Raises:
        LayoutError: there is no layout that serves a new request and an old one; both are shown.
    """
    new = tuple(requests)
    state = state.with_requests(dict.fromkeys((*state.requests, *new)))
    touched = {each.array for each in new}
    for array, found in state.derived().items():
        clash = found.clash() if array.key in touched else None
        if clash is not None:
            raise LayoutError(
                "TA234",
                f"{edit.what} leaves no layout of {array.name!r} that serves all that is asked",
                because=[clash.first.sentence(array), clash.second.sentence(array), clash.because],
                hint=clash.hint,
            )
    return state


def asking_instead(edit: Edit, array: Array, asks: Storage | Port) -> State:
    """The state with a memory or a port of an array in the place of what was asked before."""
    kept = (r for r in edit.state.requests if r.array != array.key or type(r.asks) is not type(asks))
    return edit.state.with_requests((*kept, request(edit, array, asks)))
