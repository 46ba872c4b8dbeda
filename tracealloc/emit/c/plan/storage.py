"""Where the local arrays of a C function live, and which calls need copies or may alias."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, assert_never

from tracealloc.emit.common.access_checks import can_leave
from tracealloc.emit.common.parameters import element_bytes
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Program,
    Region,
    Slice,
    Store,
    While,
    walk_nodes,
)
from tracealloc.trace.queries.summary import summary_of

if TYPE_CHECKING:
    from tracealloc.emit.common.walk import Where

__all__ = [
    "STACK_ARRAY",
    "STACK_FUNCTION",
    "STACK_QUEUES",
    "aliased_calls",
    "can_fail",
    "can_run_out",
    "contiguous",
]
__all__ += ["heap_arrays", "stack_bytes", "view_copies"]

STACK_ARRAY = 64 * 1024  # bytes: larger local arrays are allocated on the heap
STACK_FUNCTION = 256 * 1024  # bytes of local arrays in one function
STACK_QUEUES = 512  # of an array of queues: more of them are allocated on the heap
_FRAME = 64 * 1024  # bytes of a function beside its arrays: scalars, queues, what is spilled
_QUEUE = 96  # bytes of a queue without its elements
_RESERVE = 128 * 1024  # bytes for what the C library does on a stack


def can_fail(program: Program, *, top: bool) -> bool:
    """Whether the emitted function returns a status: it can run out of memory, or leave an array."""
    return can_run_out(program) or can_leave(program, top=top)


def can_run_out(program: Program) -> bool:
    """Whether the emitted function allocates, has FIFOs or processes, or calls what does."""
    items = (*program.callees(), program)
    if any(item.concurrent for item in items):  # each process needs a stack
        return True
    return any(array.kind == "stream" for item in items for array in item.args) or any(
        heap_arrays(item, view_copies(item)) for item in items
    )


def contiguous(region: Region) -> bool:
    """Whether a view's elements are neighbours in memory."""
    seen_partial = False
    for part, extent in zip(reversed(region.indices), reversed(region.array.shape), strict=True):
        size = part.extent if isinstance(part, Slice) else 1
        if seen_partial and size != 1:
            return False
        if size != extent:
            seen_partial = True
    return True


def view_copies(program: Program) -> dict[tuple[int, int], Array]:
    """The copies that calls with views that are not contiguous need, by call and argument number."""
    found: dict[tuple[int, int], Array] = {}
    for node in walk_nodes(program.body):
        if not isinstance(node, Call):
            continue
        for number, part in enumerate((*node.args, *node.results)):
            if isinstance(part, Region) and _needs_copy(part):
                key = f"view {len(found)}"
                found[id(node), number] = Array(key, f"{part.array.name}_view", part.array.dtype, part.shape)
    return found


def _needs_copy(region: Region) -> bool:
    return bool(region.shape) and region.array.kind != "stream" and not contiguous(region)


def _local_arrays(program: Program, views: dict[tuple[int, int], Array]) -> Iterator[tuple[Where, Array]]:
    """Local arrays with the body of the outermost parallel loop around them (``()``: none)."""

    def visit(block: Block, where: Where, home: Where, first: int = 0) -> Iterator[tuple[Where, Array]]:
        for number, node in enumerate(block, first):
            inside = (*where, (number, 0))
            match node:
                case Alloc(array=array) if array.kind == "stream" or (
                    array.kind == "local" and array.rank > 0
                ):
                    yield home, array
                case Call(args=args, results=results):
                    for position in range(len(args) + len(results)):
                        if (id(node), position) in views:
                            yield home, views[id(node), position]
                case Loop(body=body, marks=marks):
                    yield from visit(body, inside, inside if marks.parallel and not home else home)
                case While(prologue=prologue, body=body):
                    yield from visit(prologue, inside, home)
                    yield from visit(body, inside, home, len(prologue))
                case If(then=then, orelse=orelse):
                    yield from visit(then, inside, home)
                    yield from visit(orelse, (*where, (number, 1)), home)
                case Alloc() | Store():
                    pass
                case _:
                    assert_never(node)

    yield from visit(program.body, (), ())


def heap_arrays(program: Program, views: dict[tuple[int, int], Array]) -> dict[Where, list[Array]]:
    """The local arrays that are too large for the stack, by the block that allocates them."""
    found: dict[Where, list[Array]] = {}
    stack = 0
    # A copied statement makes the same array again, in the memory that it has.
    for home, array in dict.fromkeys(_local_arrays(program, views)):
        size = array.size * element_bytes(array.dtype)
        if array.kind != "stream" and size <= STACK_ARRAY and stack + size <= STACK_FUNCTION:
            stack += size
            continue
        found.setdefault(home, []).append(array)
    return found


def stack_bytes(program: Program) -> int:
    """The stack that any function of a program may need with all that it calls, a power of two in bytes."""
    needs: dict[int, int] = {}
    for item in (*program.callees(), program):
        views = view_copies(item)
        heap = {array for arrays in heap_arrays(item, views).values() for array in arrays}
        local = {array for _, array in _local_arrays(item, views)} - heap
        own = sum(array.size * element_bytes(array.dtype) for array in local)
        own += sum(min(a.size, STACK_QUEUES) * _QUEUE for a in heap if a.kind == "stream")
        calls = (needs[id(node.program)] for node in walk_nodes(item.body) if isinstance(node, Call))
        needs[id(item)] = _FRAME + own + max(calls, default=0)
    return 1 << (_RESERVE + 2 * max(needs.values())).bit_length()


def aliased_calls(program: Program) -> set[int]:
    """Programs that are called with two views of one array, one of them written: without ``restrict``."""
    found: set[int] = set()
    for caller in (*program.callees(), program):
        for node in walk_nodes(caller.body):
            if not isinstance(node, Call):
                continue
            written = summary_of(node.program).writes
            regions = [
                (part.array, formal in written)
                for part, formal in zip(node.args, node.program.args, strict=True)
                if isinstance(part, Region) and formal.rank > 0
            ]
            regions += [(part.array, True) for part in node.results]
            for position, (array, stored) in enumerate(regions):
                others = regions[:position] + regions[position + 1 :]
                if any(array == other and (stored or also) for other, also in others):
                    found |= {id(node.program), *(id(inner) for inner in node.program.callees())}
    return found
