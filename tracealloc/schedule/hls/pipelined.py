"""Which loops HLS makes one pipeline of, and which stay loops inside one: the rules, each once.

They are asked of a schedule tree before lowering (advice) and of the text afterwards (emission); what they
need to know of a loop is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import Alloc, Block, Call, Loop, Node, While, blocks_of, walk_nodes
from tracealloc.trace.queries.affine import is_affine
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = ["flattened", "loops_on_data", "pipelined_nests", "stays_rolled"]


class _Marked(Protocol):
    @property
    def marks(self) -> Marks: ...


L = TypeVar("L", bound=_Marked)


def flattened(
    hardware: Hardware, chain: Sequence[L], alone: Callable[[L, L], bool], constant: Callable[[int], bool]
) -> list[L]:
    """The loops of a chain, outermost first, that become one loop when the innermost is pipelined.

    HLS flattens a nest without anything between its loops; only the bounds of the outermost may vary. Then
    the pipeline does not drain when an inner loop ends (UG1399, ``loop_flatten``).

    Args:
        hardware: says whether its tool does so at all.
        chain: the loops around a loop, and this.
        alone: whether a loop is all there is in the loop around it (outer, inner).
        constant: whether a loop, by its place in the chain, runs equally often each time.
    """
    first = len(chain) - 1
    while hardware.flattens and first > 0:
        outer, inner = chain[first - 1], chain[first]
        if not alone(outer, inner) or outer.marks.dataflow or outer.marks.copies is not None:
            break
        if inner.marks.function is not None or inner.marks.apart:  # what is between them is a call
            break
        if not constant(first):
            break
        first -= 1
    return list(chain[first:])


def _is_no_code(node: Node) -> bool:
    """Whether a node is a declaration: nothing runs."""
    return isinstance(node, Alloc) and node.fill is None


def pipelined_nests(
    hardware: Hardware,
    block: Block,
    ignored: Callable[[Node], bool] = _is_no_code,
    above: tuple[Loop, ...] = (),
) -> Iterator[tuple[Loop, ...]]:
    """For each pipelined loop of a text the nest, outermost first, that HLS makes one pipeline of.

    Args:
        hardware: what the text is for. `block`: the text.
        ignored: what may stand between two loops of a nest.
        above: the loops around the block that have one another in them, and else only what is ignored.
    """
    alone = sum(not ignored(node) for node in block) == 1
    for node in block:
        if not isinstance(node, Loop):
            for inner in blocks_of(node):
                yield from pipelined_nests(hardware, inner, ignored)
            continue
        chain = (*above, node) if alone else (node,)
        if node.marks.pipeline is None:
            yield from pipelined_nests(hardware, node.body, ignored, chain)
        else:
            fixed = [fixed_trips(loop) is not None for loop in chain]
            yield tuple(flattened(hardware, chain, lambda outer, inner: True, fixed.__getitem__))


def stays_rolled(hardware: Hardware, constant: bool, most: int | None) -> bool:
    """Whether a loop that HLS is to unroll stays a loop: how often it runs varies, or up to too far.

    `most` is the largest count that is known, None: it depends on data.
    """
    return not constant and (most is None or most > hardware.most_unrolled)


def loops_on_data(block: Block, function: str = "") -> Iterator[str]:
    """The loops in a block whose count depends on data, by name (``callee:loop`` in what it calls)."""
    for node in walk_nodes(block):
        if isinstance(node, Call):
            yield from loops_on_data(node.program.body, f"{node.program.name}:")
        elif isinstance(node, While) or (
            isinstance(node, Loop) and not (is_affine(node.start) and is_affine(node.stop))
        ):
            yield f"{function}{node.iter.name}"
