"""The accesses of a node as isl maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.model import Access
from tracealloc.poly.named import aff_text, cond_text, iter_names, map_text, tuple_text, with_tuple
from tracealloc.trace.affine import constant, is_affine
from tracealloc.trace.dtype import DType, Struct
from tracealloc.trace.expr import Expr, Iter, Load, iters_of, loads_of
from tracealloc.trace.program import (
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
    blocks_of,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.source import Place
from tracealloc.trace.text import expr_text, region_text, store_text

__all__ = ["Scopes", "accesses_of", "affine_loops", "field_paths", "leaf_paths"]

Scopes: TypeAlias = Mapping[Array, tuple[Expr, ...]]
Spaces: TypeAlias = Callable[[Array], str]


def leaf_paths(dtype: DType, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths to all scalar fields of a type (one empty path for a scalar)."""
    if not isinstance(dtype, Struct):
        return [path]
    return [leaf for name, inner in dtype.fields for leaf in leaf_paths(inner, (*path, name))]


def field_paths(array: Array, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The scalar fields that an access through `path` touches (of a queue: its position alone)."""
    if array.kind == "stream":
        return [()]
    return [leaf for leaf in leaf_paths(array.dtype) if leaf[: len(path)] == path]


def affine_loops(node: Node, dims: Iterable[Iter]) -> list[Loop]:
    """The loops inside a node whose bounds are affine in `dims` and in each other, outermost first."""
    known, found = set(dims), list[Loop]()
    for inner in walk_nodes((node,)):
        if isinstance(inner, Loop):
            bounds = (inner.start, inner.stop)
            if all(is_affine(bound) and iters_of(bound) <= known for bound in bounds):
                known.add(inner.iter)
                found.append(inner)
    return found


class _Collector:
    """Collects the accesses of one statement."""

    def __init__(self, name: str, dims: Sequence[Iter], domain: isl.Set, scopes: Scopes, spaces: Spaces):
        self.name, self.dims, self.domain = name, tuple(dims), domain
        self.names = iter_names(dims)
        self.known = set(dims)
        self.scopes, self.spaces = scopes, spaces
        self.found: list[Access] = []
        self.private: set[Array] = set()
        self.certain = True  # False where the node may not run
        self.inner: dict[Iter, Loop] = {}  # affine loops inside an opaque node
        self.conds: tuple[Expr, ...] = ()  # affine conditions inside it, around what is collected

    def add(
        self,
        array: Array,
        indices: Sequence[Expr | Slice],
        path: tuple[str, ...],
        write: bool,
        text: str,
        place: Place | None,
    ) -> None:
        if array in self.private:
            return
        relation, exact = self.relation(array, indices)
        view = self.view(array, indices)
        exact = exact and self.certain
        queue = array.kind == "stream"
        if queue:
            # A put and a get move the queue on from where it was: an update, which is said once.
            if any(
                a.array == array and a.relation.is_equal(with_tuple(relation, a.space)) for a in self.found
            ):
                return
            write = True
        for leaf in field_paths(array, path):
            space = "_".join((self.spaces(array), *leaf))
            access = Access(array, space, with_tuple(relation, space), write, exact, text, place=place)
            if view is not None:
                access = replace(access, view=with_tuple(view, space))
            if write and (queue or not exact):
                self.found.append(replace(access, write=False, update=True))
            self.found.append(access)

    def relation(self, array: Array, indices: Sequence[Expr | Slice]) -> tuple[isl.Map, bool]:
        scope = self.scopes.get(array, ())
        parts = [aff_text(expr, self.names) for expr in scope]
        constraints: list[str] = []
        exact = True
        for position, part in enumerate(indices):
            if not isinstance(part, Slice) and self.is_known(part):
                parts.append(aff_text(part, self.names))
                continue
            out = f"o{position}"
            parts.append(out)
            start = part.start if isinstance(part, Slice) else part
            extent = part.extent if isinstance(part, Slice) else 1
            if self.is_known(start) or self.is_affine_inside(start):
                exact = exact and self.is_known(start)
                text = aff_text(start, self.inner_names)
                constraints.append(f"{text} <= {out} < {text} + {extent}")
            else:
                exact = False
                constraints.append(f"0 <= {out} < {array.shape[position]}")
        where = self.inside(indices, " and ".join(constraints))
        found = map_text(self.name, self.names.values(), "A", parts, where)
        return found.intersect_domain(self.domain), exact

    @property
    def inner_names(self) -> dict[Iter, str]:
        return iter_names((*self.dims, *self.inner))

    def inside(self, indices: Sequence[Expr | Slice], where: str) -> str:
        """A condition for some iteration of the affine loops inside an opaque node that subscripts use."""
        starts = [part.start if isinstance(part, Slice) else part for part in indices]
        used = {it for e in starts if self.is_affine_inside(e) for it in iters_of(e)}
        names, needed = self.inner_names, list[str]()
        conds = [cond for cond in self.conds if iters_of(cond) & used]
        used.update(*(iters_of(cond) for cond in conds))
        bounds = [cond_text(cond, names) for cond in conds]
        for it, loop in reversed(self.inner.items()):
            if it not in used:
                continue
            used |= iters_of(loop.start) | iters_of(loop.stop)
            bounds.append(self.bounds(loop))
            needed.append(names[it])
        if not needed:
            return where
        return f"exists ({', '.join(needed)} : {' and '.join([*bounds, where])})"

    def bounds(self, loop: Loop) -> str:
        """The condition that an iterator is one of an affine loop's inside an opaque node."""
        it = self.inner_names[loop.iter]
        start, stop = aff_text(loop.start, self.inner_names), aff_text(loop.stop, self.inner_names)
        ends = f"{start} <= {it} < {stop}" if loop.step > 0 else f"{stop} < {it} <= {start}"
        return f"{ends} and ({it} - ({start})) mod {abs(loop.step)} = 0"

    def view(self, array: Array, indices: Sequence[Expr | Slice]) -> isl.Map | None:
        """(Instance -> place) -> element, where an instance may touch several and none is chosen by data.

        Places are iterations of the affine loops inside an opaque node, and those in a region.
        """
        starts = [part.start if isinstance(part, Slice) else part for part in indices]
        sliced = any(isinstance(part, Slice) for part in indices)
        if not (sliced or self.inner) or not all(self.is_affine_inside(start) for start in starts):
            return None
        parts = [aff_text(expr, self.names) for expr in self.scopes.get(array, ())]
        places = [self.inner_names[it] for it in self.inner]
        held = [self.bounds(loop) for loop in self.inner.values()]
        for number, (part, start) in enumerate(zip(indices, starts, strict=True)):
            text = aff_text(start, self.inner_names)
            if isinstance(part, Slice):
                held.append(f"0 <= p{number} < {part.extent}")
                places.append(f"p{number}")
                text = f"{text} + p{number}"
            parts.append(text)
        left = f"[{tuple_text(self.name, self.names.values())} -> {tuple_text('V', places)}]"
        found = isl.Map(f"{{ {left} -> {tuple_text('A', parts)} : {' and '.join(held)} }}")
        return found.curry().intersect_domain(self.domain).uncurry()

    def is_known(self, expr: Expr) -> bool:
        return is_affine(expr) and iters_of(expr) <= self.known

    def is_affine_inside(self, expr: Expr) -> bool:
        return is_affine(expr) and iters_of(expr) <= self.known | self.inner.keys()

    def read(self, exprs: Iterable[Expr]) -> None:
        for expr in exprs:
            for load in loads_of(expr):
                self.add(load.array, load.indices, load.path, False, expr_text(load), load.place)

    def node(self, node: Node) -> None:
        if isinstance(node, Call):
            self.call(node)
            return
        self.read(expressions_of(node))
        match node:
            case Store(array, indices, _, path, place):
                queue = array.kind == "stream"
                target = store_text(node) if queue else expr_text(Load(array, indices, path))
                self.add(array, indices, path, True, target, place)
            case Alloc(array, fill, place) if fill is not None:
                whole = _whole(array)
                self.add(array, whole, (), True, array.name, place)
            case _:
                pass

    def call(self, node: Call) -> None:
        uses = _argument_uses(node.program)
        for argument, part in zip(node.program.args, node.args, strict=True):
            if not isinstance(part, Region):
                self.read((part,))
                continue
            self.read(i.start if isinstance(i, Slice) else i for i in part.indices)
            reads, writes = uses[argument]
            text = region_text(part)
            if reads:
                self.add(part.array, part.indices, (), False, text, node.place)
            if writes:
                self.add(part.array, part.indices, (), True, text, node.place)
        for part in node.results:
            self.add(part.array, part.indices, (), True, region_text(part), node.place)

    def opaque(self, node: Node) -> None:
        """Accesses of a node with its own control flow: nothing in it is certain to happen."""
        inside = [found for found, _ in _under((node,), ())]
        self.private |= {n.array for n in inside if isinstance(n, Alloc)}
        self.private |= {n.array for n in inside if isinstance(n, Store) and n.array.kind == "value"}
        self.certain = False
        self.inner = {loop.iter: loop for loop in affine_loops(node, self.dims)}
        for inner, conds in _under((node,), ()):
            self.conds = tuple(cond for cond in conds if self.is_affine_inside(cond))
            self.node(inner)
        self.certain, self.inner, self.conds = True, {}, ()
        self.found = _once_each(self.found)


def _under(block: Block, conds: tuple[Expr, ...]) -> Iterator[tuple[Node, tuple[Expr, ...]]]:
    """Every node of a block, and the conditions that hold where it runs (those of `else` aside)."""
    for node in block:
        yield node, conds
        match node:
            case If(cond=cond, then=then, orelse=orelse):
                yield from _under(then, (*conds, cond))
                yield from _under(orelse, conds)
            case _:
                for inner in blocks_of(node):
                    yield from _under(inner, conds)


def _once_each(accesses: Sequence[Access]) -> list[Access]:
    """What an opaque node touches; how often it does so is no part of that (a split reads bounds again)."""
    found: list[Access] = []
    for access in accesses:
        same = (known for known in found if known == access)
        if not any(known.relation.plain_is_equal(access.relation) for known in same):
            found.append(access)
    return found


def _whole(array: Array) -> tuple[Slice, ...]:
    return tuple(Slice(constant(0), extent) for extent in array.shape)


def _argument_uses(program: Program) -> dict[Array, tuple[bool, bool]]:
    """Whether a callee reads and writes each array argument (a partial write also reads)."""
    reads: set[Array] = set()
    writes: set[Array] = set()
    for node in walk_nodes(program.body):
        if isinstance(node, Store):
            writes.add(node.array)
        if isinstance(node, Call):
            inner = _argument_uses(node.program)
            for argument, part in zip(node.program.args, node.args, strict=True):
                if isinstance(part, Region):
                    reads |= {part.array} if inner[argument][0] else set()
                    writes |= {part.array} if inner[argument][1] else set()
            writes |= {part.array for part in node.results}
        for expr in expressions_of(node):
            reads |= {load.array for load in loads_of(expr)}
    return {a: (a in reads or a in writes, a in writes) for a in program.args}


def accesses_of(
    node: Node,
    guards: Sequence[Expr],
    name: str,
    dims: Sequence[Iter],
    domain: isl.Set,
    scopes: Scopes,
    spaces: Spaces,
) -> tuple[Access, ...]:
    """All accesses of a statement, reads before writes."""
    collector = _Collector(name, dims, domain, scopes, spaces)
    collector.read(guards)
    collector.certain = not guards
    match node:
        case Loop() | While() | If():
            collector.opaque(node)
        case Alloc() | Store() | Call():
            collector.node(node)
    return tuple(sorted(collector.found, key=lambda access: access.write))
