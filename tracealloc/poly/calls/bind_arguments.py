"""Nodes of a callee in the caller's terms: arguments by what is passed, local arrays under own names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import partial

from tracealloc.poly.isl.texts import parameter_name
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, IterRef, Load, loads_of, rewrite
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    blocks_of,
    map_blocks,
    over_elements,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import Elsewhere, Subscript, map_accesses, map_reads, map_subscript
from tracealloc.trace.queries.affine import is_affine, simplify
from tracealloc.trace.record.naming import unused

__all__ = ["Names", "Splice", "calls_in", "spliced"]


def calls_in(node: Node) -> list[Call]:
    """The calls that a node makes."""
    return [inner for inner in walk_nodes((node,)) if isinstance(inner, Call)]


def spliced(node: Node, sites: Collection[str], callee: Program, names: Names) -> Node:
    """A node with the calls at `sites` inside it replaced by the body of `callee`.

    `callee` is the called program as it is scheduled; the scalars that it gets are stored first.
    """

    def block(nodes: Block) -> Block:
        found: list[Node] = []
        for inner in nodes:
            if isinstance(inner, Call) and inner.site in sites:
                splice = Splice(inner, names)
                found += splice.kept()
                found += splice.block(callee.body)
            else:
                found.append(map_blocks(inner, block))
        return tuple(found)

    return map_blocks(node, block)


@dataclass
class Names:
    """Names and keys of arrays, and names of bands: those taken, and those given to what `callee` has."""

    callee: str
    taken: set[str]
    taken_bands: set[str] = field(default_factory=set)
    taken_keys: set[str] = field(default_factory=set)
    given: dict[str, str] = field(default_factory=dict)
    given_bands: dict[str, str] = field(default_factory=dict)
    given_keys: dict[str, str] = field(default_factory=dict)

    def of(self, key: str, name: str) -> str:
        """The name of the array `key`, the same whenever it is asked for."""
        return _given(key, name, self.given, self.taken)

    def key(self, key: str) -> str:
        """A key that no array of the caller has, the same whenever it is asked for.

        A site comes again where a function of the name of an inlined one is outlined.
        """
        return _given(key, key, self.given_keys, self.taken_keys)

    def band(self, key: str, name: str) -> str:
        """The name of the band whose outermost loop is `key`, the same whenever it is asked for."""
        return _given(key, name, self.given_bands, self.taken_bands)


def _given(key: str, name: str, given: dict[str, str], taken: set[str]) -> str:
    if key not in given:
        given[key] = unused(name, taken)
        taken.add(given[key])
    return given[key]


@dataclass
class Splice:
    """One call that is replaced: what stands for the callee's arrays, scalars and iterators."""

    call: Call
    names: Names
    its: dict[Iter, Expr] = field(default_factory=dict)
    arrays: dict[Array, Region] = field(default_factory=dict)
    values: dict[Array, Expr] = field(default_factory=dict)
    stored: list[tuple[Array, Expr]] = field(default_factory=list)

    def __post_init__(self) -> None:
        call = self.call
        for argument, part in zip(call.program.args, call.args, strict=True):
            if isinstance(part, Region):
                self.arrays[argument] = part
            elif not any(load.array.parameter is None for load in loads_of(part)):
                self.values[argument] = part
            else:
                # Evaluated once, before the callee's body can change what it reads.
                kept = self.renamed(replace(argument, kind="value"))
                self.stored.append((kept, part))
                self.values[argument] = Load(kept)
        for result, region in zip(call.program.results, call.results, strict=True):
            self.arrays[result] = region

    def kept(self) -> list[Node]:
        """The stores of scalars that the callee gets."""
        return [Store(array, (), value, place=self.call.place) for array, value in self.stored]

    def renamed(self, array: Array) -> Array:
        """An array of the callee under a key and name of the caller's; all calls share what is shared."""
        shared = array.kind in ("constant", "state")
        names = self.names
        key = f"{names.callee}:{array.key}" if shared else names.key(f"{self.call.site}:{array.key}")
        name, origin = names.of(key, array.name), self._origin(array.origin)
        return replace(array, key=key, name=name, scope=(), origin=origin, parameter=None)

    def _origin(self, text: str | None) -> str | None:
        """What a buffer of the callee holds: of the array that is passed, where that is passed whole."""
        name, bracket, part = text.partition("[") if text is not None else ("", "", "")
        region = next((region for array, region in self.arrays.items() if array.name == name), None)
        if region is None:
            return text
        extents = tuple(item.extent if isinstance(item, Slice) else None for item in region.indices)
        if extents == region.array.shape:
            return f"{region.array.name}{bracket}{part}"
        return f"{text}, {name} of {self.call.site}"

    def is_own(self, array: Array) -> bool:
        """Whether each call has an array of its own (it is neither passed nor kept between calls)."""
        shared = array.kind in ("constant", "state")
        return not shared and array not in self.arrays and array not in self.values

    def own(self, array: Array) -> Array:
        """The array that stands for one of the callee's."""
        passed = self.arrays.get(array)
        return self.renamed(array) if passed is None else passed.array

    def block(self, nodes: Block) -> list[Node]:
        """Nodes of the callee in the caller's terms."""
        return [made for node in nodes for made in self.node(node)]

    def node(self, node: Node) -> list[Node]:
        """A node of the callee in the caller's terms."""
        if isinstance(node, Alloc):
            return self.alloc(node)
        if isinstance(node, Loop):
            return [self.loop(node)]
        inner = iter([tuple(self.block(nodes)) for nodes in blocks_of(node)])
        alone = map_blocks(node, lambda _: ())
        made = map_accesses(alone, self.place, self.value)
        if isinstance(made, Call):
            return [replace(made, site=f"{self.call.site}_{made.site}")]
        return [map_blocks(made, lambda _: next(inner))]

    def loop(self, node: Loop) -> Loop:
        it = Iter(f"{self.call.site}:{node.iter.key}", node.iter.name)
        start, stop = self.expr(node.start), self.expr(node.stop)
        self.its[node.iter] = IterRef(it)
        return replace(node, iter=it, start=start, stop=stop, body=tuple(self.block(node.body)), band=None)

    def alloc(self, node: Alloc) -> list[Node]:
        array = node.array
        if self.is_own(array):
            fill = None if node.fill is None else self.expr(node.fill)
            return [replace(node, array=self.renamed(array), fill=fill)]
        if node.fill is None:
            return []
        # A result lies in an array that the caller made: what fills it becomes stores.
        name = self.arrays[array].array.name
        keys = [f"{self.call.site}:{array.key}:{k}" for k in range(array.rank)]
        its = tuple(Iter(key, f"{name}_{k}") for k, key in enumerate(keys))
        filled: Node = Store(array, tuple(IterRef(it) for it in its), node.fill, place=node.place)
        filled = map_accesses(filled, self.place, self.value)
        return [over_elements(its, filled, array.shape, place=node.place)]

    def place(self, array: Array) -> Elsewhere:
        """Where a callee's array lies in the caller's."""
        region = self.arrays.get(array)
        if region is None:
            return self.renamed(array), lambda indices: indices

        def placed(indices: tuple[Subscript, ...]) -> tuple[Subscript, ...]:
            rest = iter(indices)
            return tuple(
                part if not isinstance(part, Slice) else map_subscript(next(rest), partial(_plus, part.start))
                for part in region.indices
            )

        return region.array, placed

    def value(self, expr: Expr) -> Expr | None:
        """What stands for an iterator or a scalar of the callee."""
        if isinstance(expr, IterRef):
            return self.its.get(expr.iter)
        return self.values.get(expr.array) if isinstance(expr, Load) else None

    def expr(self, expr: Expr) -> Expr:
        """An expression of the callee in the caller's terms."""
        return map_reads(expr, self.place, self.value)

    def scalars(self, expr: Expr) -> Expr:
        """An expression of the callee's parameters and the caller's iterators in the caller's terms."""
        return rewrite(expr, lambda node: self.values.get(node.array) if isinstance(node, Load) else None)

    def parameters(self) -> dict[str, Expr]:
        """What the callee's parameters get, by their isl names."""
        return {
            parameter_name(formal): value
            for formal, value in self.values.items()
            if formal.parameter is not None and is_affine(value)
        }


def _plus(start: Expr, inner: Expr) -> Expr:
    return simplify(Binary("+", start, inner, index))
