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

    def put(self, now: int) -> bool:
        """Put one element in this cycle, if there is room and none was put in it."""
        if self.puts and self.puts[-1] >= now:
            return False
        number = len(self.puts)
        if self.depth and number >= self.depth:
            freed = number - self.depth
            if freed >= len(self.takes) or self.takes[freed] >= now:
                self.refused = True
                return False
        self.puts.append(now)
        return True

    def get(self, now: int) -> bool:
        """Take one in this cycle, if one is there and none was taken in it."""
        if self.takes and self.takes[-1] >= now:
            return False
        number = len(self.takes)
        if number >= len(self.puts) or self.puts[number] + self.delay > now:
            return False
        self.takes.append(now)
        return True

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
    places: list[tuple[int, int] | None] = field(default_factory=list)  # iteration, how much of it is done
    begun: int = 0
    left: int = 0
    ended: int | None = None

    def __post_init__(self) -> None:
        self.places = [None] * self.depth

    def step(self, now: int, queues: list[Queue]) -> bool:
        """One cycle, from the last place to the first; whether anything happened."""
        moved = False
        if self.places[0] is None and self.begun < self.trips:
            self.places[0] = (self.begun, 0)
            self.begun += 1
            moved = True
        for stage in reversed(range(self.depth)):
            at = self.places[stage]
            if at is None:
                continue
            number, done = at
            work = self.work.get(stage, [])
            while done < len(work):
                queue, puts = work[done]
                if not (queues[queue].put(now) if puts else queues[queue].get(now)):
                    break
                done += 1
                moved = True
            self.places[stage] = (number, done)
            if done < len(work):
                continue
            if stage + 1 == self.depth:
                self.places[stage] = None
                self.left += 1
                moved = True
                if self.left == self.trips:
                    self.ended = now
            elif self.places[stage + 1] is None:
                self.places[stage], self.places[stage + 1] = None, (number, 0)
                moved = True
        return moved


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
