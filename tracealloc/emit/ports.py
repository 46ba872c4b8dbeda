"""Ports that cannot be accessed like a memory: their array gets a local copy, moved in bursts.

An ``m_axi`` port has no banks, so an array that is partitioned, packed or bound to a resource works on a
copy that has them. The elements of an ``axis`` port come in order, each once: where the kernel does not
provably use them so, it works on a copy too.
"""

from __future__ import annotations

from dataclasses import replace

from tracealloc.emit.interface import returned
from tracealloc.trace.affine import constant, linear
from tracealloc.trace.errors import BuildError
from tracealloc.trace.expr import Expr, Iter, IterRef, Load, loads_of, map_children
from tracealloc.trace.layout import PLAIN, Layout, Marks
from tracealloc.trace.program import (
    Alloc,
    Array,
    Block,
    Call,
    Loop,
    Node,
    Program,
    Region,
    Store,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.summary import summary_of

__all__ = ["copied_ports", "with_port_copies"]


def copied_ports(program: Program) -> tuple[Array, ...]:
    """The arrays of the top kernel whose port does not allow what the kernel does with them.

    Raises:
        BuildError: an ``axis`` port would need both directions.
    """
    found = []
    layouts = dict(program.layouts)
    for array in (*program.args, *returned(program)):
        layout = layouts.get(array, PLAIN)
        if array.rank == 0 or array.kind == "stream" or layout.port is None:
            continue
        if layout.port.kind == "m_axi" and not replace(layout, port=None).plain:
            found.append(array)
        if layout.port.kind == "axis":
            _check_direction(program, array)
            if not replace(layout, port=None).plain or not _in_order(program, array):
                found.append(array)
    return tuple(found)


def with_port_copies(program: Program) -> Program:
    """The program with a local copy of each array of `copied_ports`.

    Raises:
        BuildError: an ``axis`` port would need both directions.
    """
    copied = copied_ports(program) if program.layouts else ()
    if not copied:
        return program
    from tracealloc.poly.rename import replace_arrays

    taken = {array.name for array in program.arrays()}
    locals_: dict[Array, Array] = {}
    for array in copied:
        name = f"{array.name}_local"
        while name in taken:
            name += "_"
        taken.add(name)
        key, origin = f"{array.key} at its port", array.name
        locals_[array] = Array(key, name, array.dtype, array.shape, origin=origin, place=array.place)
    before: list[Node] = []
    after: list[Node] = []
    made = {node.array for node in walk_nodes(program.body) if isinstance(node, Alloc)}
    written = summary_of(program).writes
    for array, local in locals_.items():
        if array not in made:
            before.append(Alloc(local))
        if array.kind == "argument" and _needs_old(program, array):
            before.append(_copy(local, array, f"{array.name}_in"))
        if array in written:
            after.append(_copy(array, local, f"{array.name}_out"))
    body = tuple(replace_arrays(node, locals_) for node in program.body)
    layouts: list[tuple[Array, Layout]] = []
    for array, layout in program.layouts:
        if array in locals_:
            layouts.append((array, Layout(port=layout.port)))
            layouts.append((locals_[array], replace(layout, port=None)))
        else:
            layouts.append((array, layout))
    return replace(program, body=(*before, *body, *after), layouts=tuple(layouts))


def _copy(target: Array, source: Array, name: str) -> Loop:
    """``for ...: target[...] = source[...]`` over all elements in order."""
    last = target.rank - 1
    names = [name if target.rank == 1 else f"{name}_{dim}" for dim in range(target.rank)]
    its = [Iter(f"{target.key} {text}", text) for text in names]
    at = tuple(IterRef(it) for it in its)
    node: Node = Store(target, at, Load(source, at))
    for dim in range(last, -1, -1):
        marks = Marks(pipeline=1) if dim == last else Marks()
        node = Loop(its[dim], constant(0), constant(target.shape[dim]), 1, (node,), marks=marks)
    assert isinstance(node, Loop)
    return node


def _needs_old(program: Program, array: Array) -> bool:
    """Whether an argument is read before it is written, or written in part only."""
    if array not in summary_of(program).writes:
        return True
    import islpy as isl

    from tracealloc.poly.build import build_model
    from tracealloc.poly.footprint import footprint
    from tracealloc.poly.named import LOCK, flat_set, renamed
    from tracealloc.poly.texts import tuple_text

    with LOCK:
        model, tree = build_model(program)
        users = [s for s in model.statements if any(access.array == array for access in s.accesses)]
        if not users:
            return True
        part = footprint(model, tree, array, (), users, ())
        if not part.needed.is_empty():
            return True
        element = [f"e{k}" for k in range(array.rank)]
        inside = " and ".join(f"0 <= {e} < {n}" for e, n in zip(element, array.shape, strict=True))
        whole = isl.Set(f"{{ {tuple_text('E', element)} : {inside} }}").intersect_params(model.context)
        return not whole.is_subset(renamed(flat_set(part.left, "E"), "E"))


def _check_direction(program: Program, array: Array) -> None:
    if (
        array in summary_of(program).writes
        and array in summary_of(program).reads
        and array.kind == "argument"
    ):
        raise BuildError(
            "TA819",
            f"{array.name!r} of {program.name} is read and written, and an axis port has one direction",
            place=program.place,
            hint=f"return the result as another array, or s.interface({array.name!r}, 'm_axi')",
        )


def _in_order(program: Program, array: Array) -> bool:
    """Whether the kernel provably uses every element once, in the order in which they lie."""
    uses = [node for node in walk_nodes(program.body) if _uses(node, array)]
    if len(uses) != 1 or isinstance(uses[0], Call):
        return False
    indices = _indices(uses[0], array)
    if len(indices) != 1:
        return False
    chain = _chain(program.body, uses[0], ())
    if chain is None or (chain and chain[-1].marks.unroll is not None):
        return False
    strides = _strides(array, indices[0])
    if strides is None:
        return False
    expected = 1
    address = strides.pop(None)
    for loop in reversed(chain):
        start, stop = linear(loop.start), linear(loop.stop)
        if start is None or stop is None or start.terms or stop.terms or not _is_sequential(loop):
            return False
        trips = max(0, -(-(stop.constant - start.constant) // loop.step))
        stride = strides.pop(loop.iter, 0)
        address += stride * start.constant
        if trips != 1 and stride * loop.step != expected:
            return False
        expected *= trips
    return not strides and expected == array.size and address == 0


def _is_sequential(loop: Loop) -> bool:
    return loop.marks.unroll is None and not loop.marks.parallel and not loop.marks.vectorize


def _uses(node: Node, array: Array) -> bool:
    if isinstance(node, Alloc):
        return node.array == array
    if isinstance(node, Store) and node.array == array:
        return True
    if isinstance(node, Call) and any(
        isinstance(part, Region) and part.array == array for part in (*node.args, *node.results)
    ):
        return True
    return any(load.array == array for expr in expressions_of(node) for load in loads_of(expr))


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


def _chain(block: Block, target: Node, above: tuple[Loop, ...]) -> tuple[Loop, ...] | None:
    """The loops around a node, or None where something else is around it too."""
    for node in block:
        if node is target:
            return above
        if isinstance(node, Loop):
            found = _chain(node.body, target, (*above, node))
            if found is not None:
                return found
    return None


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
