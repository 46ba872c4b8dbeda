"""Networks stepped one cycle at a time: pipelines as rows of places, queues as lists of times.

Nothing here is shared with the simulation: an iteration stands in a place, does all that it has to do
there, and goes to the next place once that is free.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Queue:
    """A queue of a depth (0: any); `puts` and `takes` are the cycles in which that happened."""

    depth: int
    puts: list[int] = field(default_factory=list)
    takes: list[int] = field(default_factory=list)
    refused: bool = False  # a put, for want of room

    @property
    def delay(self) -> int:
        return 1 if 0 < self.depth <= 2 else 2

    def can(self, now: int, puts: bool) -> bool:
        """Whether an element can be put or taken in this cycle: one a cycle, where there is room or one."""
        mine = self.puts if puts else self.takes
        number = len(mine)
        if mine and mine[-1] >= now:
            return False
        if not puts:
            return number < len(self.puts) and self.puts[number] + self.delay <= now
        freed = number - self.depth
        if self.depth and freed >= 0 and (freed >= len(self.takes) or self.takes[freed] >= now):
            self.refused = True
            return False
        return True

    def do(self, now: int, puts: bool) -> None:
        """Put or take one."""
        (self.puts if puts else self.takes).append(now)

    def fill(self) -> int:
        """How many were in it at most."""
        return max(
            (k + 1 - sum(taken < at for taken in self.takes) for k, at in enumerate(self.puts)), default=0
        )


@dataclass
class Pipe:
    """A pipelined loop with interval 1: by stage, what an iteration does there: (queue, whether it puts)."""

    trips: int
    depth: int
    work: dict[int, list[tuple[int, bool]]]
    places: list[tuple[int, bool] | None] = field(default_factory=list)  # iteration, whether it is done there
    begun: int = 0
    left: int = 0
    ended: int | None = None
    rigid: bool = False  # one that waits makes all wait
    cycle: int = 0

    def __post_init__(self) -> None:
        self.places = [None] * self.depth

    def step(self, now: int, queues: list[Queue]) -> bool:
        """One cycle, from the last place to the first; whether anything happened."""
        if self.rigid:
            return self.step_all(now, queues)
        moved = False
        if self.places[0] is None and self.begun < self.trips:
            self.places[0] = (self.begun, False)
            self.begun += 1
            moved = True
        for stage in reversed(range(self.depth)):
            at = self.places[stage]
            if at is None:
                continue
            number, done = at
            work = self.work.get(stage, [])
            if not done:
                if not all(queues[queue].can(now, puts) for queue, puts in work):
                    continue
                for queue, puts in work:
                    queues[queue].do(now, puts)
                self.places[stage] = (number, True)
                moved = moved or bool(work)
            if stage + 1 == self.depth:
                self.places[stage] = None
                self.left += 1
                moved = True
                if self.left == self.trips:
                    self.ended = now
            elif self.places[stage + 1] is None:
                self.places[stage], self.places[stage + 1] = None, (number, False)
                moved = True
        return moved

    def step_all(self, now: int, queues: list[Queue]) -> bool:
        """One cycle of a pipeline that stands still as a whole."""
        work = [
            each
            for number in range(self.trips)
            for each in self.work.get(self.cycle - number, [])
            if 0 <= self.cycle - number < self.depth
        ]
        possible = [queues[queue].can(now, puts) for queue, puts in work]
        if not all(possible):
            return False
        for queue, puts in work:
            queues[queue].do(now, puts)
        self.cycle += 1
        if self.ended is None and self.cycle == self.trips + self.depth - 1:
            self.ended = now
        return self.ended is None or self.ended == now


def run(pipes: list[Pipe], queues: list[Queue], longest: int = 100_000) -> int | None:
    """The cycle in which the last iteration of all pipelines leaves its last place; None: never."""
    idle = 0
    for now in range(longest):
        moved = False
        for pipe in pipes:
            moved = pipe.step(now, queues) or moved
        idle = 0 if moved else idle + 1
        if all(pipe.ended is not None for pipe in pipes):
            return max(pipe.ended for pipe in pipes if pipe.ended is not None)
        if idle > 8:
            return None
    return None
