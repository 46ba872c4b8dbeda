"""Ports that cannot be accessed like a memory: their array gets a local copy, moved in bursts.

Some ports have no banks (``m_axi`` of AMD's), so an array that is partitioned, packed or bound to a resource
works on a copy that has them. The elements of others (``axis``) come in order, each once: where the kernel
does not provably use them so, it works on a copy too. `PortKind` says which are which.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from tracealloc.trace.diagnostics.errors import BuildError
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, Load, loads_of, map_children
from tracealloc.trace.ir.facts import PortCopy
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.layout import PLAIN, Layout, Marks, Port
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
    over_elements,
    used_by,
    walk_nodes,
)
from tracealloc.trace.queries.affine import constant, linear
from tracealloc.trace.queries.intervals import fixed_trips
from tracealloc.trace.queries.summary import returned, summary_of

if TYPE_CHECKING:
    from tracealloc.poly.dataflow.incoming import Incoming

__all__ = ["copied_ports", "key_at_port", "with_port_copies"]


_AT_PORT = " at its port"


def key_at_port(array: Array) -> str:
    """The key of the array that the user knows: of a copy, that of the array behind the port."""
    return array.key.removesuffix(_AT_PORT)


def copied_ports(program: Program, hardware: Hardware) -> tuple[Array, ...]:
    """The arrays of the top kernel whose port does not allow what the kernel does with them.

    Raises:
        BuildError: a port of one direction would need both.
    """
    found = []
    _check_streams(program)
    layouts = dict(program.layouts)
    for array in (*program.args, *returned(program)):
        layout = layouts.get(array, PLAIN)
        if array.rank == 0 or array.kind == "stream" or layout.port is None:
            continue
        plain = replace(layout, port=None).plain
        if not hardware.has_banks(layout.port) and not plain:
            found.append(array)
        if hardware.comes_in_order(layout.port):
            _check_direction(program, hardware, array, layout.port)
            if not plain or not _in_order(program, array):
                found.append(array)
    return tuple(found)


def with_port_copies(program: Program, hardware: Hardware) -> tuple[Program, tuple[PortCopy, ...]]:
    """The program with a local copy of each array of `copied_ports`, and these copies.

    Raises:
        BuildError: a port of one direction would need both.
    """
    copies = _copies(program, hardware)
    if not copies:
        return program, ()
    from tracealloc.trace.ir.rewrite import replace_arrays

    before: list[Node] = []
    after: list[Node] = []
    made = {node.array for node in walk_nodes(program.body) if isinstance(node, Alloc)}
    for copy in copies:
        if copy.array not in made:
            before.append(Alloc(copy.local))
        if copy.read:
            before.append(_copy(copy.local, copy.array, f"{copy.array.name}_in"))
        if copy.written:
            after.append(_copy(copy.array, copy.local, f"{copy.array.name}_out"))
    locals_ = {copy.array: copy.local for copy in copies}
    body = tuple(replace_arrays(node, locals_) for node in program.body)
    layouts: list[tuple[Array, Layout]] = []
    for array, layout in program.layouts:
        if array in locals_:
            layouts.append((array, Layout(port=layout.port)))
            layouts.append((locals_[array], replace(layout, port=None)))
        else:
            layouts.append((array, layout))
    return replace(program, body=(*before, *body, *after), layouts=tuple(layouts)), copies


def _copies(program: Program, hardware: Hardware) -> tuple[PortCopy, ...]:
    copied = copied_ports(program, hardware)
    taken = {array.name for array in program.arrays()} if copied else set()
    written = summary_of(program).writes
    found = []
    for array in copied:
        name = f"{array.name}_local"
        while name in taken:
            name += "_"
        taken.add(name)
        key, origin = f"{array.key}{_AT_PORT}", array.name
        local = Array(key, name, array.dtype, array.shape, origin=origin, place=array.place)
        found.append(PortCopy(array, local, _needs_old(program, array), array in written))
    return tuple(found)


def _copy(target: Array, source: Array, name: str) -> Node:
    """``for ...: target[...] = source[...]`` over all elements in order."""
    names = [name if target.rank == 1 else f"{name}_{dim}" for dim in range(target.rank)]
    its = tuple(Iter(f"{target.key} {text}", text) for text in names)
    at = tuple(IterRef(it) for it in its)
    nest = over_elements(its, Store(target, at, Load(source, at)), target.shape, Marks(pipeline=1))
    return replace(nest, band=f"copy_{name}") if isinstance(nest, Loop) else nest


def _needs_old(program: Program, array: Array) -> bool:
    """Whether what an array holds when the kernel begins reaches its copy."""
    if array.kind != "argument":
        return False
    return array not in summary_of(program).writes or _held_before(program, array) is not None


def _held_before(program: Program, array: Array) -> Incoming | None:
    """Why a written argument's content before the kernel is needed, or None."""
    if _in_order(program, array):
        return None  # each element is stored, and none is read
    from tracealloc.poly.dataflow.incoming import incoming

    # A schedule changes nothing that the kernel needs, but the sides of an `if` may lie apart in its loops.
    traced: Program = program.memo.get("traced", program)
    formal = next((each for each in traced.args if each.name == array.name), array)
    if incoming(traced, formal) is None:
        return None
    return incoming(program, array)


def _check_direction(program: Program, hardware: Hardware, array: Array, port: Port) -> None:
    """Refuse an output whose content before the kernel is needed: it cannot come in through the port.

    Raises:
        BuildError: with the element that is read, or that may not be stored.
    """
    if array.kind != "argument" or array not in summary_of(program).writes:
        return
    found = _held_before(program, array)
    if found is None:
        return
    kind = f"a port of kind {port.kind!r}"
    element = f"{array.name}[{', '.join(map(str, found.element))}]"
    both = [kind.name for kind in hardware.ports if "array" in kind.takes and not kind.in_order]
    other = "".join(f" or s.interface({array.name!r}, {name!r})" for name in both[:1])
    if found.read:
        raise BuildError(
            "TA819",
            f"{array.name!r} of {program.name} is read and written, and {kind} has one direction",
            place=program.place,
            because=[f"{element} is read as it was before the kernel"],
            hint=f"return the result as another array{other and ','}{other}",
        )
    raise BuildError(
        "TA819",
        f"{array.name!r} of {program.name} is written through {kind}, and not surely whole",
        place=program.place,
        because=[f"{element} may not be stored, and what it held cannot be read from the port"],
        hint=f"store every element (a loop before may set them all){other and ','}{other}",
    )


def _check_streams(program: Program) -> None:
    """Refuse queues of the caller that are put into and taken from: such a port has one direction too.

    Raises:
        BuildError: with the queue.
    """
    summary = summary_of(program)
    for array in program.args:
        if array.kind == "stream" and array in summary.reads and array in summary.writes:
            raise BuildError(
                "TA819",
                f"{array.name!r} of {program.name} is read and written, and a stream has one direction",
                place=program.place,
                hint="take from one queue and put into another",
            )


def _in_order(program: Program, array: Array) -> bool:
    """Whether the kernel provably uses every element once, in the order in which they lie."""
    if program.concurrent:
        users = [node for node in program.body if any(array in used_by(n) for n in walk_nodes((node,)))]
        users = [node for node in users if not (isinstance(node, Alloc) and node.fill is None)]
        return len(users) == 1 and isinstance(users[0], Call) and _passed_in_order(users[0], array)
    found = _only_use(program.body, array, ())
    if found is None:
        return False
    chain, indices = found
    strides = _strides(array, indices)
    if strides is None:
        return False
    expected = 1
    address = strides.pop(None)
    for loop in reversed(chain):
        start, trips = linear(loop.start), fixed_trips(loop)
        if start is None or trips is None or loop.marks.copies is not None:
            return False
        stride = strides.pop(loop.iter, 0)
        address += stride * start.constant
        if trips != 1 and stride * loop.step != expected:
            return False
        expected *= trips
    return not strides and expected == array.size and address == 0


def _passed_in_order(call: Call, array: Array) -> bool:
    """Whether a process uses an array that it is passed so."""
    if any(part.array == array for part in call.results):
        return False
    pairs = zip(call.program.args, call.args, strict=True)
    given = [(f, part) for f, part in pairs if isinstance(part, Region) and part.array == array]
    whole = tuple(Slice(constant(0), extent) for extent in array.shape)
    return len(given) == 1 and given[0][1].indices == whole and _in_order(call.program, given[0][0])


def _indices(node: Node, array: Array) -> list[tuple[Expr, ...]]:
    """The subscripts of every access, as often as the text has it."""
    found = [node.indices] if isinstance(node, Store) and node.array == array else []

    def visit(expr: Expr) -> Expr:
        if isinstance(expr, Load) and expr.array == array:
            found.append(expr.indices)
        return map_children(expr, visit)

    for expr in expressions_of(node):
        if any(load.array == array for load in loads_of(expr)):
            visit(expr)
    return found


def _only_use(
    block: Block, array: Array, above: tuple[Loop, ...]
) -> tuple[tuple[Loop, ...], tuple[Expr, ...]] | None:
    """The loops around the one use of an array in each run of a block, and its subscripts.

    Both sides of an `if` have one use each, of the same element. None: it is used otherwise.
    """
    users = [node for node in block if any(array in used_by(inner) for inner in walk_nodes((node,)))]
    if len(users) != 1:
        return None
    match users[0]:
        case Loop(body=body) as loop if array not in used_by(loop):
            return _only_use(body, array, (*above, loop))
        case If(then=then, orelse=orelse) as node if array not in used_by(node):
            found = _only_use(then, array, above)
            return found if found == _only_use(orelse, array, above) else None
        case Store(path=()) as node:
            indices = _indices(node, array)
            return (above, indices[0]) if len(indices) == 1 else None
        case Alloc() | Store() | Loop() | While() | If() | Call():
            return None
        case _:
            assert_never(users[0])


def _strides(array: Array, indices: tuple[Expr, ...]) -> dict[Iter | None, int] | None:
    """The address in elements as a sum over iterators (None: the constant), or None."""
    found: dict[Iter | None, int] = {None: 0}
    weight = 1
    for subscript, extent in zip(reversed(indices), reversed(array.shape), strict=True):
        form = linear(subscript)
        if form is None:
            return None
        found[None] = (found[None] or 0) + weight * form.constant
        for atom, coefficient in form.terms:
            if not isinstance(atom, IterRef):
                return None
            found[atom.iter] = found.get(atom.iter, 0) + weight * coefficient
        weight *= extent
    return {it: stride for it, stride in found.items() if it is None or stride}
