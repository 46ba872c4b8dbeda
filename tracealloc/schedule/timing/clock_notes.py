"""What timing finds out of one function on its way, node by node, for who simulates it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracealloc.trace.ir.clocks import FunctionClock, Meeting, Pipe
from tracealloc.trace.ir.expr import Load, loads_of
from tracealloc.trace.ir.program import Block, Call, Node, Store, read_by, walk_nodes

__all__ = ["ClockNotes"]


class ClockNotes:
    """Notes of one function; nodes go by their identity. See `FunctionClock` for what they are."""

    def __init__(self) -> None:
        self.before: dict[int, int] = {}
        self.after: dict[int, int] = {}
        self.gets: dict[int, int] = {}
        self.puts: dict[int, int] = {}
        self.meets: dict[int, tuple[Meeting, ...]] = {}
        self.pipes: dict[int, Pipe] = {}
        self.nests: dict[int, int] = {}
        self.alone = 0

    def wait(self, side: dict[int, int], node: Node, cycles: int) -> None:
        """So many cycles more pass on one side of a node."""
        side[id(node)] = side.get(id(node), 0) + cycles

    def accesses(self, block: Block, found: Iterable[tuple[Node, Load | Store, int]]) -> None:
        """Note the stages of accesses to queues.

        What comes later in the text is in no earlier stage: the order of puts and gets is kept. Of a node
        that is there several times, each copy a stage, the last one counts.
        """
        gets, puts = dict[int, int](), dict[int, int]()
        for node, access, stage in found:
            to = puts if isinstance(access, Store) else gets
            to[id(node)] = max(stage, to.get(id(node), 0))
        least = 0
        for each in _in_order(block):
            for stages, into in ((gets, self.gets), (puts, self.puts)):
                if id(each) in stages:
                    least = into[id(each)] = max(least, stages[id(each)])

    def span(self, block: Block) -> tuple[int, int]:
        """The stages of the first and the last access to a queue in a block."""
        found = [side[id(node)] for node in _in_order(block) for side in (self.gets, self.puts)
                 if id(node) in side]  # fmt: skip
        return (min(found), max(found)) if found else (0, 0)

    def meet(self, block: Block) -> None:
        """Note which accesses of an iteration happen at once: in one stage, whatever the data are.

        A stage begins when all that it takes is there and all that it puts has room.
        """
        found: dict[int, list[tuple[Node, Load | Store]]] = {}
        for node in block:
            if isinstance(node, Store):
                for load in read_by(node):
                    if load.array.kind == "stream" and id(node) in self.gets:
                        found.setdefault(self.gets[id(node)], []).append((node, load))
                if node.array.kind == "stream":
                    found.setdefault(self.puts[id(node)], []).append((node, node))
        for stage, group in found.items():
            fixed = [
                (access, stage) for _, access in group if not any(map(list, map(loads_of, access.indices)))
            ]
            if len({(access.array, access.indices) for access, _ in fixed}) > 1:
                first = id(group[0][0])
                self.meets[first] = (*self.meets.get(first, ()), *fixed)

    def clock(self, inside: bool) -> FunctionClock:
        """What was noted."""
        return FunctionClock(
            self.before,
            self.after,
            self.gets,
            self.puts,
            self.meets,
            self.pipes,
            self.nests,
            self.alone,
            inside,
        )


def _in_order(block: Block) -> Iterator[Node]:
    """The nodes of a block and of the functions that it calls, in the order of the text."""
    for node in walk_nodes(block):
        yield node
        if isinstance(node, Call):
            yield from _in_order(node.program.body)
