"""An array that goes from one process to others as a queue: what flows is put, in the order of its making.

    for i in 0:8: B[i] = f(i)            for i in 0:8: B.put(f(i))
    for i in 0:8: C[i] = B[i] + 1   ->   for i in 0:8: b = B.get(); C[i] = b + 1

It is right where the elements that are read are stored in that order. Both orders are written down element
by element and compared. An element that is read several times in a row is taken once and held; what nobody
reads is not put; each process that reads has a queue of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.ir.program import Alloc, Array, Node, Program, touched_by, used_by, walk_nodes
from tracealloc.trace.network.endpoints import Event, Site, events_of, fail, sites_of, uses
from tracealloc.trace.network.ends import End, with_ends
from tracealloc.trace.network.guards import guard_of
from tracealloc.trace.network.outlined import called
from tracealloc.trace.network.policies import Asked, room
from tracealloc.trace.record.naming import unused

__all__ = ["Streamed", "streamed"]


@dataclass(frozen=True, slots=True)
class Streamed:
    """What was asked: the array (its key), and how deep its queue is to be."""

    array: str
    depth: Asked


def streamed(program: Program, asked: Streamed) -> Program:
    """The program in which the array is a queue, or one for each process that reads it.

    Raises:
        ScheduleError: it does not go from one process to others, or its elements are read in another
            order than they are stored in.
    """
    array = _made(program, asked.array)
    program = _whole_processes(program, array)
    users = [n for n in program.body if uses((n,), array) and not _makes(n, array)]
    if len(users) < 2:
        fail(f"{array.name!r} goes from one process to others, and {len(users) or 'none'} of them use it")
    found = [sites_of(node, array) for node in users]
    stored = [any(site.stores for site in sites) for sites in found]
    if not stored[0] or any(stored[1:]):
        fail(f"{array.name!r} is not made by the first process that uses it and read by the others alone")
    for site in (site for sites in found for site in sites):
        if any(getattr(node, "path", ()) for node in site.nodes) and site.stores:
            fail(f"a field of {array.name!r} is stored, and a queue takes whole elements", site)
    made = _Made(array, events_of(array, found[0]))
    queues = [_queue(program, array, k, asked.depth) for k in range(len(users) - 1)]
    names = {each.name for each in (program, *program.callees())}
    fill = next(n.fill for n in program.body if isinstance(n, Alloc) and n.array == array)
    puts: list[End] = []
    changed: dict[int, Node] = {}
    for node, sites, queue in zip(users[1:], found[1:], queues, strict=True):
        taken = _Taken(array, events_of(array, sites))
        puts += made.puts(taken, queue)
        changed[id(node)] = with_ends(program, node, array, [queue], taken.gets(queue), False, names)
    changed[id(users[0])] = with_ends(program, users[0], array, queues, puts, made.kept, names, fill)
    return _with(program, array, queues, changed, keep=made.kept)


def _made(program: Program, key: str) -> Array:
    made = next((n.array for n in program.body if isinstance(n, Alloc) and n.array.key == key), None)
    if made is None:
        given = any(array.key == key for array in program.args)
        fail(
            "the array is not made beside the processes"
            + (": what an argument holds comes from outside" if given else ", but in one of them"),
            hint=None if given else "stream goes from one top-level nest to another",
        )
    if made in program.results:
        fail(
            f"{made.name!r} is what the kernel returns too",
            hint=f"store {made.name!r} to an array of its own, and return that",
        )
    return made


def _makes(node: Node, array: Array) -> bool:
    return isinstance(node, Alloc) and node.array == array


def _queue(program: Program, array: Array, number: int, depth: Asked) -> Array:
    """The queue to one of the processes that read."""
    name, names = array.name, {a.name for a in program.arrays()}
    for _ in range(number):
        names.add(name := unused(array.name, names))
    key = f"{array.key}:queue" + (str(number) if number else "")
    return replace(array, name=name, kind="stream", shape=(), depth=room(depth), key=key)


def _with(
    program: Program, array: Array, queues: Sequence[Array], changed: dict[int, Node], keep: bool
) -> Program:
    body: list[Node] = []
    for node in program.body:
        if _makes(node, array):
            body += [Alloc(queue, None, node.place) for queue in queues]
        if not _makes(node, array):
            body.append(changed.get(id(node), node))
        elif keep and any(uses((new,), array) for new in changed.values()):
            body.append(node)
    kept = any(array in used_by(n) for n in walk_nodes(tuple(body)))
    layouts = tuple(pair for pair in program.layouts if kept or pair[0] != array)
    return replace(program, body=tuple(body), layouts=layouts)


def _whole_processes(program: Program, array: Array) -> Program:
    """The program in which nests that share an array of their own are one process: a window and its use.

    They stand one after the other, and one of them reads `array` or stores to it.
    """
    body = program.body
    users = [k for k, n in enumerate(body) if uses((n,), array) and not isinstance(n, Alloc)]
    for first, last in pairwise(users):
        own = _shared(program, first, last) - {array}
        if own and all(uses((body[k],), array) for k in (first, last)):
            inside = [n for n in body if isinstance(n, Alloc) and n.array in own and n.fill is None]
            part = (*inside, *(n for n in body[first : last + 1] if n not in inside))
            name = unused(_name(body[last]), {each.name for each in (program, *program.callees())})
            call = called(part, {}, dict(program.layouts), name, body[last].place)
            rest = (*body[:first], call, *body[last + 1 :])
            kept = tuple(n for n in rest if not any(n is each for each in inside))
            return _whole_processes(replace(program, body=kept), array)
    return program


def _name(node: Node) -> str:
    return getattr(node, "band", None) or "stage"


def _shared(program: Program, first: int, last: int) -> set[Array]:
    """The local arrays that two nodes of the body store to, and that are used nowhere else around."""
    body = program.body
    inside = body[first : last + 1]
    if any(isinstance(n, Alloc) and n.fill is not None for n in inside):
        return set()
    made = {n.array for n in body if isinstance(n, Alloc) and n.array.kind == "local" and n.fill is None}
    outside = [n for n in (*body[:first], *body[last + 1 :]) if not isinstance(n, Alloc)]
    shared = {a for a in made if _stores(body[first], a) and _stores(body[last], a)}
    return {a for a in shared if not uses(tuple(outside), a) and a not in program.results}


def _stores(node: Node, array: Array) -> bool:
    return any(array in touched_by(inner) for inner in walk_nodes((node,)))


# --------------------------------------------------------------------------------------------- the order


def _sorted(events: Sequence[Event]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All accesses in order: the elements, which event each is of, and its number there."""
    width = max((each.times.shape[1] for each in events), default=0)
    times = [np.pad(each.times, ((0, 0), (0, width - each.times.shape[1]))) for each in events]
    order = np.lexsort(np.concatenate(times).T[::-1]) if events and width else np.zeros(0, np.int64)
    which = np.concatenate([np.full(len(each.elements), k) for k, each in enumerate(events)])
    rows = np.concatenate([np.arange(len(each.elements)) for each in events])
    return np.concatenate([each.elements for each in events])[order], which[order], rows[order]


class _Made:
    """What a process stores, and when each element has its value."""

    def __init__(self, array: Array, events: Sequence[Event]) -> None:
        self.array = array
        self.events = [each for each in events if each.site.stores]
        self.kept = len(events) > len(self.events)
        elements, which, rows = _sorted(self.events)
        last = _last(elements)
        self.kept = self.kept or not bool(last.all())
        self.elements, self.which, self.rows = elements[last], which[last], rows[last]

    def puts(self, taken: _Taken, queue: Array) -> list[End]:
        """Where elements are put that another process takes.

        Raises:
            ScheduleError: it takes them in another order.
        """
        flows = np.isin(self.elements, taken.elements)
        _check_order(self.array, self.elements[flows], taken)
        found = []
        for number, event in enumerate(self.events):
            mask = np.zeros(len(event.elements), bool)
            mask[self.rows[flows & (self.which == number)]] = True
            found.append(End(event.site, queue, _guard(self.array, event, mask)))
        return found


def _last(elements: np.ndarray) -> np.ndarray:
    """Which accesses are the last ones of their elements."""
    found = np.zeros(len(elements), bool)
    _, back = np.unique(elements[::-1], return_index=True)
    found[len(elements) - 1 - back] = True
    return found


class _Taken:
    """What a process reads: `elements` as they change, and at which reads they do."""

    def __init__(self, array: Array, events: Sequence[Event]) -> None:
        self.array = array
        self.events = _in_best_order(events)
        elements, which, rows = _sorted(self.events)
        new = np.ones(len(elements), bool)
        new[1:] = elements[1:] != elements[:-1]
        self.elements, self.which, self.rows = elements[new], which[new], rows[new]
        self.holds = not bool(new.all())

    def site(self, number: int) -> Site:
        """The read that takes the element of that number."""
        return self.events[int(self.which[number])].site

    def gets(self, queue: Array) -> list[End]:
        """Where elements are taken, and where those that were taken are used again."""
        found = []
        for number, event in enumerate(self.events):
            mask = np.zeros(len(event.elements), bool)
            mask[self.rows[self.which == number]] = True
            if event.site.maybe and mask.any():
                fail(f"data choose whether {self.array.name!r} is read", event.site)
            found.append(End(event.site, queue, _guard(self.array, event, mask), holds=self.holds))
        return found


def _in_best_order(events: Sequence[Event]) -> list[Event]:
    """The reads of one statement in the order of their elements, which do not care."""
    groups: dict[int, list[Event]] = {}
    for event in events:
        groups.setdefault(id(event.site.nodes[0]), []).append(event)
    found: list[Event] = []
    for group in groups.values():
        first = [int(each.elements[0]) if len(each.elements) else 0 for each in group]
        order = np.argsort(first, kind="stable")
        for place, k in enumerate(order.tolist()):
            event = group[k]
            times = event.times.copy()
            times[:, -1] = place
            found.append(replace(event, times=times))
    return found


def _guard(array: Array, event: Event, mask: np.ndarray) -> Expr:
    site = event.site
    found = guard_of(site.its, event.points, mask)
    if found is None:
        fail(
            f"{array.name!r} flows at iterations that no condition on the loops around says",
            site,
            "elements that are read several times in a row, or not at all, change with several loops at once",
            f"s.buffer_at keeps those of {array.name!r} that are needed again",
        )
    return found


def _check_order(array: Array, put: np.ndarray, taken: _Taken) -> None:
    got = taken.elements
    same = min(len(put), len(got))
    differ = np.flatnonzero(put[:same] != got[:same])
    if not differ.size and len(put) == len(got):
        return
    k = int(differ[0]) if differ.size else same
    wanted = _element(array, got[k]) if k < len(got) else ""
    again = k < len(got) and bool(np.any(got[:k] == got[k]))
    if k < len(got) and not again and not np.any(put == got[k]):
        fail(
            f"{array.name!r} does not flow as a whole: {wanted} is read and not stored",
            taken.site(k),
            hint="a nest of its own stores what an array holds at first",
        )
    head = f"{_element(array, put[k])} is at the head of the queue" if k < len(put) else "the queue is empty"
    fail(
        f"{array.name!r} is read in another order than it is made in",
        taken.site(min(k, len(got) - 1)),
        f"{wanted} is wanted {'again ' if again else ''}when {head}",
        f"s.reuse_at or s.buffer_at keeps what of {array.name!r} is needed again; or the same order of loops"
        if again
        else "the same order of loops on both sides; or s.buffer_at, s.reuse_at keep what is needed again",
    )


def _element(array: Array, number: Any) -> str:
    at = np.unravel_index(int(number), array.shape) if array.rank else ()
    return f"{array.name}[{', '.join(str(int(k)) for k in at)}]" if array.rank else array.name
