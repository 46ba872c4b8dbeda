"""How deep queues must be, so that nothing deadlocks, no put waits, or the makespan stays: each with why.

All is seen from runs with other depths of one compiled program. With queues without an end nobody waits to
put, and the highest fill of a queue is the least depth with which no put waits. Less is enough for the
makespan, and less still for an end; these are found by halving, one array after the other, the others as they
stand. So each number is least beside the others: one less, and what the reason says happens.

A queue of depth 1 or 2 hands on what is put one cycle sooner than a deeper one: these two are tried apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracealloc.check.deadlock import depends_on_data, zeros_for
from tracealloc.check.show.result import Arrays
from tracealloc.check.show.simulation import Simulation
from tracealloc.check.simulate.simulate import EVENTS, read_back, simulated_module
from tracealloc.emit.run.simulated import SimulatedModule
from tracealloc.schedule.core.state import Module
from tracealloc.schedule.loops.depths import policies_of, with_depths
from tracealloc.trace.diagnostics.errors import ArgumentError, BuildError, ScheduleError, TraceallocError
from tracealloc.trace.diagnostics.source import warn
from tracealloc.trace.ir.clocks import Style
from tracealloc.trace.ir.program import Array, Program
from tracealloc.trace.network.policies import POLICIES, Policy, queue_key
from tracealloc.trace.proxies.streams import DEPTH

__all__ = ["Depth", "Depths", "depths_of_module", "least_depths", "policy_named", "resolved"]

_QUICK = -1  # room without an end, as quick as a queue of depth 2


@dataclass(frozen=True)
class Depth:
    """The least depth of the queues of one array.

    Attributes:
        fill: how many elements are in one of them at most.
        reason: what happens with one less.
        function, key: where the array is, and its identity.
    """

    array: str
    depth: int
    fill: int
    policy: Policy
    reason: str
    function: str = ""
    key: str = ""


@dataclass(frozen=True, repr=False)
class Depths(Mapping[str, Depth]):
    """Least depths by array, and the cycles of the run with them (simulated)."""

    function: str
    cycles: int
    found: tuple[Depth, ...]

    def __getitem__(self, name: str) -> Depth:
        found = next((each for each in self.found if each.array == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (each.array for each in self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        rows = [("queue", "depth", "so that", "with one less")]
        rows += [(each.array, str(each.depth), each.policy, each.reason) for each in self.found]
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = [f"{self.function}: least depths, {self.cycles:,} cycles (simulated)"]
        cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=False)] for row in rows)
        lines += [f"  {'  '.join(each)}  {row[3]}".rstrip() for each, row in zip(cells, rows, strict=True)]
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True)
class _Slot:
    """An array of queues: its name, its function, where its depths stand, what is asked of them."""

    name: str
    function: str
    array: Array
    places: range
    policy: Policy


def policy_named(name: object) -> Policy:
    """The policy of a name.

    Raises:
        BuildError: there is none.
    """
    for policy in POLICIES:
        if policy == name:
            return policy
    raise BuildError(
        "TA827",
        f"depths are {', '.join(map(repr, POLICIES))}, not {name!r}",
        hint='policy="latency"',
    )


def least_depths(
    made: SimulatedModule,
    policies: Callable[[Program, Array], Policy | None],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Depths:
    """The least depths of local queues under policies, by function and array; None: it stays as it is.

    Raises:
        TraceallocError: the network deadlocks however deep its queues are.
    """
    return _Search(made, args, kwargs, policies).found()


class _Search:
    def __init__(
        self,
        made: SimulatedModule,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        policies: Callable[[Program, Array], Policy | None],
    ) -> None:
        self.made, self.args, self.kwargs = made, args, kwargs
        self.slots: list[_Slot] = []
        at = 0
        for program, array in made.queues:
            places = range(at, at + array.size)
            at += array.size
            policy = policies(program, array) if program.concurrent else None
            if policy is not None:
                self.slots.append(_Slot(self._name(array.name), program.name, array, places, policy))
        self.known: dict[tuple[int, ...], Simulation] = {}
        self.best: list[int] = list(made.depths)

    def _name(self, name: str) -> str:
        taken = {slot.name for slot in self.slots}
        number, found = 1, name
        while found in taken:
            number += 1
            found = f"{name} ({number})"
        return found

    # -- runs ----------------------------------------------------------------------------------------------

    def run(self, depths: Iterable[int]) -> Simulation:
        """The simulation with other depths."""
        key = tuple(depths)
        if key not in self.known:
            found = read_back(self.made, self.made.run(self.args, self.kwargs, key))
            self.known[key] = replace(found, arrays=Arrays())
        return self.known[key]

    def with_depth(self, slot: _Slot, depth: int) -> tuple[int, ...]:
        """The depths as they stand, with another one of an array."""
        found = list(self.best)
        for place in slot.places:
            found[place] = depth
        return tuple(found)

    def fill(self, run: Simulation, slot: _Slot) -> int:
        """The highest fill of an array's queues; at least one."""
        return max([1, *(fifo.fill for fifo in run.fifos.values() if fifo.place in slot.places)])

    def waiting(self, run: Simulation) -> bool:
        """Whether a put waited."""
        return any(fifo.full for fifo in run.fifos.values())

    def set(self, slot: _Slot, depth: int) -> None:
        self.best = list(self.with_depth(slot, depth))

    # -- policies ------------------------------------------------------------------------------------------

    def found(self) -> Depths:
        """The depths, and why none is less."""
        self.without_waits()
        self.no_deeper()
        least = self.run(self.best).cycles
        # What is saved goes by the bits of an element: wide queues first.
        for slot in sorted(self.slots, key=lambda slot: -slot.array.dtype.bits * len(slot.places)):
            if slot.policy == "latency":
                self.lower(slot, lambda run: self.ends(run) and run.cycles <= least)  # type: ignore[operator]
        for slot in self.slots:
            if slot.policy == "deadlock-free":
                self.lower(slot, self.ends)
        last = self.run(self.best)
        assert last.cycles is not None
        rows = []
        for slot in self.slots:
            depth = self.best[slot.places[0]]
            reason = self.reason(slot, depth, last.cycles)
            fill, key = self.fill(last, slot), slot.array.key
            rows.append(Depth(slot.name, depth, fill, slot.policy, reason, slot.function, key))
        return Depths(self.made.clocks.program.name, last.cycles, tuple(rows))

    def no_deeper(self) -> None:
        """Give the makespan's queues depth 2 where nothing takes longer: elements come out a cycle sooner."""
        fast = [slot for slot in self.slots if slot.policy == "latency" and self.best[slot.places[0]] > 2]
        before, least = list(self.best), self.run(self.best).cycles
        for slots in (fast, *([slot] for slot in fast if len(fast) > 1)):
            tried = list(self.best)
            for slot in slots:
                self.set(slot, min(2, self.best[slot.places[0]]))
            cycles = self.run(self.best).cycles
            if cycles is None or least is None or cycles > least or not self.ends(self.run(self.best)):
                self.best = tried
            else:
                least = cycles
            if self.best != before and slots is fast:
                return

    def without_waits(self) -> None:
        """Make each array as deep as its queues are full where no put ever waits.

        Raises:
            TraceallocError: even then, processes wait for one another.
        """
        for slot in self.slots:
            self.set(slot, _QUICK)
        while True:
            run = self.run(self.best)
            if run.cycles is None:
                raise TraceallocError(
                    "TA808",
                    f"the processes of {run.function} wait for one another however deep their queues are",
                    because=run.why[:-1],
                    hint="put an element before the first get, or as many as are taken",
                )
            deep = [
                slot
                for slot in self.slots
                if self.best[slot.places[0]] == _QUICK and self.fill(run, slot) > 2
            ]
            if not deep:
                break
            for slot in deep:
                self.set(slot, 0)
        for slot in self.slots:
            self.set(slot, max(self.fill(run, slot), 1 if self.best[slot.places[0]] == _QUICK else 3))
        for slot in self.slots:
            if self.best[slot.places[0]] == 3 and not self.waiting(self.run(self.with_depth(slot, 2))):
                self.set(slot, 2)
        self.without_deadlock()

    def without_deadlock(self) -> None:
        """Make queues deeper in which a put waits for ever.

        What is put late in a pipeline is behind later iterations' gets there; a run in order waits for it.
        """
        while (run := self.run(self.best)).cycles is None:
            full = [slot for slot in self.slots if self.fill(run, slot) >= self.best[slot.places[0]]]
            for slot in full:
                self.set(slot, 2 * self.best[slot.places[0]])
            if not full:
                return

    def ends(self, run: Simulation) -> bool:
        """Whether all processes end, and nobody waits to put where that was asked."""
        places = [slot.places for slot in self.slots if slot.policy == "no-wait"]
        late = (fifo for fifo in run.fifos.values() if fifo.full)
        return run.cycles is not None and not any(fifo.place in some for fifo in late for some in places)

    def lower(self, slot: _Slot, good: Callable[[Simulation], bool]) -> None:
        """Give an array the least depth that is good: by halving down to 3, then 2 and 1."""
        low, high = 3, self.best[slot.places[0]]
        while low < high:
            middle = (low + high) // 2
            if good(self.run(self.with_depth(slot, middle))):
                high = middle
            else:
                low = middle + 1
        for depth in (2, 1):
            if depth < high and good(self.run(self.with_depth(slot, depth))):
                high = depth
        self.set(slot, high)

    def reason(self, slot: _Slot, depth: int, cycles: int) -> str:
        """What happens where a queue has room for one element less."""
        if depth == 1:
            return ""
        less = self.with_depth(slot, depth - 1)
        run = self.run(less)
        if run.cycles is None:
            return "deadlocks: " + "; ".join(run.why[:-1])
        if slot.policy == "no-wait" and self.waiting(run):
            return self.first_wait(less)
        return f"takes {run.cycles - cycles:,} cycles more"

    def first_wait(self, depths: Sequence[int]) -> str:
        """The first put that waits, in words."""
        run = read_back(self.made, self.made.run(self.args, self.kwargs, depths, EVENTS))
        queues = {fifo.number: fifo for fifo in run.fifos.values()}
        puts = run.events[run.events["put"] == 1]
        late = puts[puts["stall"] > 0]
        if not len(late):
            return "a put waits"
        first = late[np.argmin(late["time"])]
        fifo = queues[int(first["queue"])]
        number = int(np.sum((puts["queue"] == first["queue"]) & (puts["time"] < first["time"])))
        count, at = int(first["stall"]), int(first["time"])
        wait = f"waits {count} cycle{'s' if count > 1 else ''}, until {at:,}"
        return f"{fifo.producer}'s put of element {number} into {fifo.name} {wait}"


def depths_of_module(
    module: Module,
    policies: Policy | Mapping[tuple[str, str], Policy],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    clock_ns: float | None = None,
    style: Style = "frp",
) -> Depths:
    """The least depths of a schedule's queues, from its runs on arguments, or on zeros where there are none.

    `policies` is for all queues, or for some: by function and key.

    Raises:
        ArgumentError: an argument does not fit, or is needed.
        BuildError: there is no compiler.
        TraceallocError: processes wait for one another however deep the queues are.
    """
    made = simulated_module(module, clock_ns, style, values=False)
    program = made.clocks.program
    if not args and not kwargs and program.args:
        if depends_on_data(program):
            raise ArgumentError(
                "TA701",
                f"least_depths of {program.name} needs arguments",
                because=["data choose what its processes put and take"],
                hint="s.least_depths(A, B, policy=...): the depths are then those for these arrays",
            )
        args = [zeros_for(array) for array in program.args]

    def policy(function: Program, array: Array) -> Policy | None:
        return policies if isinstance(policies, str) else policies.get((function.name, queue_key(array.key)))

    return least_depths(made, policy, args, kwargs)


def resolved(module: Module) -> tuple[Module, Depths | None]:
    """The module in which each policy has become a number, and why these.

    Where nothing was asked and no run can tell, a queue has the depth that a queue has without a word, and a
    warning says so.

    Raises:
        ScheduleError: data say how deep a queue must be whose policy was asked for.
    """
    asked = policies_of(module)
    if not asked:
        return module, None
    try:
        found = depths_of_module(module, {place: policy for place, (policy, _) in asked.items()}, (), {})
    except (ArgumentError, BuildError) as error:
        reason = "; ".join([error.summary, *error.because])
        if any(explicit for _, explicit in asked.values()):
            raise ScheduleError(
                "TA292",
                "the depth of a queue cannot be worked out",
                because=[reason],
                hint="give depth= a number; s.least_depths(*arrays) tells which, for these arrays",
            ) from None
        warn(f"TA292 queues get depth {DEPTH}, for nothing is known of them: {reason}")
        return with_depths(module, dict.fromkeys(asked, DEPTH)), None
    depths: dict[tuple[str, str], int] = {}
    for each in found.found:
        place = each.function, queue_key(each.key)
        depths[place] = max(each.depth, depths.get(place, 1))
    return with_depths(module, depths), found
