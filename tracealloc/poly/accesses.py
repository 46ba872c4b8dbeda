"""The accesses of a node as isl maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.model import Access
from tracealloc.poly.named import aff_text, iter_names, map_text, tuple_text, with_tuple
from tracealloc.trace.affine import constant, is_affine
from tracealloc.trace.dtype import DType, Struct
from tracealloc.trace.expr import Expr, Iter, Load, iters_of, loads_of
from tracealloc.trace.program import (
    Alloc,
    Array,
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
    walk_nodes,
)
from tracealloc.trace.source import Place
from tracealloc.trace.text import expr_text, region_text

__all__ = ["Scopes", "accesses_of", "field_paths", "leaf_paths"]

Scopes: TypeAlias = Mapping[Array, tuple[Expr, ...]]
Spaces: TypeAlias = Callable[[Array], str]


def leaf_paths(dtype: DType, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths to all scalar fields of a type (one empty path for a scalar)."""
    if not isinstance(dtype, Struct):
        return [path]
    return [leaf for name, inner in dtype.fields for leaf in leaf_paths(inner, (*path, name))]


def field_paths(array: Array, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The scalar fields that an access through `path` touches."""
    return [leaf for leaf in leaf_paths(array.dtype) if leaf[: len(path)] == path]


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
        sliced = exact and any(isinstance(part, Slice) for part in indices)
        view = self.view(array, indices) if sliced else None
        exact = exact and self.certain
        if array.kind == "stream" and not write:
            # Taking from a FIFO changes it: the order of all uses is bound.
            self.add(array, indices, path, True, text, place)
        for leaf in field_paths(array, path):
            space = "_".join((self.spaces(array), *leaf))
            access = Access(array, space, with_tuple(relation, space), write, exact, text, place=place)
            if view is not None:
                access = replace(access, view=with_tuple(view, space))
            if write and not exact:
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
            if isinstance(part, Slice) and self.is_known(part.start):
                start = aff_text(part.start, self.names)
                constraints.append(f"{start} <= {out} < {start} + {part.extent}")
            else:
                exact = False
                constraints.append(f"0 <= {out} < {array.shape[position]}")
        found = map_text(self.name, self.names.values(), "A", parts, " and ".join(constraints))
        return found.intersect_domain(self.domain), exact

    def view(self, array: Array, indices: Sequence[Expr | Slice]) -> isl.Map:
        """(Instance -> place in the view) -> element, for a region whose corner is affine."""
        parts = [aff_text(expr, self.names) for expr in self.scopes.get(array, ())]
        places: list[str] = []
        held: list[str] = []
        for part in indices:
            text = aff_text(part.start if isinstance(part, Slice) else part, self.names)
            if isinstance(part, Slice):
                held.append(f"0 <= p{len(places)} < {part.extent}")
                places.append(f"p{len(places)}")
                text = f"{text} + {places[-1]}"
            parts.append(text)
        left = f"[{tuple_text(self.name, self.names.values())} -> {tuple_text('V', places)}]"
        found = isl.Map(f"{{ {left} -> {tuple_text('A', parts)} : {' and '.join(held)} }}")
        return found.curry().intersect_domain(self.domain).uncurry()

    def is_known(self, expr: Expr) -> bool:
        return is_affine(expr) and iters_of(expr) <= self.known

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
                target = expr_text(Load(array, indices, path))
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
        inside = list(walk_nodes((node,)))
        self.private |= {n.array for n in inside if isinstance(n, Alloc)}
        self.private |= {n.array for n in inside if isinstance(n, Store) and n.array.kind == "value"}
        self.certain = False
        for inner in inside:
            self.node(inner)
        self.certain = True


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
