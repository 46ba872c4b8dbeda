"""Function boundaries of traced programs: replace a call by the callee's body, and a loop by a call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tracealloc.poly.rename import map_expressions, replace_arrays
from tracealloc.trace.affine import constant, simplify
from tracealloc.trace.dtype import index
from tracealloc.trace.expr import Binary, Const, Expr, Iter, IterRef, Load, iters_of, loads_of, rewrite
from tracealloc.trace.program import (
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
    expressions_of,
    map_blocks,
    walk_nodes,
)

__all__ = ["calls_of", "outlined", "spliced", "stored_scalars"]

_OWN_BAND = re.compile(r"L\d+")


def calls_of(program: Program, name: str) -> list[Call]:
    """The calls of a callee, or the one at a call site (``matmul_1``)."""
    calls = [node for node in walk_nodes(program.body) if isinstance(node, Call)]
    return [call for call in calls if call.site == name] or [c for c in calls if c.program.name == name]


def spliced(program: Program, name: str) -> Program:
    """The program with the calls that `name` means replaced by the callee's body."""
    chosen = {id(call) for call in calls_of(program, name)}
    taken = {array.name for array in program.arrays()}

    def block(nodes: Block, above: frozenset[str]) -> Block:
        found: list[Node] = []
        for node in nodes:
            if isinstance(node, Call) and id(node) in chosen:
                found += _Splice(node, above, taken).nodes()
            else:
                names = above | {node.iter.name} if isinstance(node, Loop) else above
                found.append(map_blocks(node, lambda inner, names=names: block(inner, names)))  # type: ignore[misc]
        return tuple(found)

    return replace(program, body=block(program.body, frozenset()))


@dataclass
class _Splice:
    """One call being replaced."""

    call: Call
    above: frozenset[str]  # names of the loops around the call
    taken: set[str]  # names of arrays that the caller has
    arrays: dict[Array, Region] = field(default_factory=dict)
    values: dict[Array, Expr] = field(default_factory=dict)
    its: dict[Iter, Expr] = field(default_factory=dict)

    def nodes(self) -> list[Node]:
        """The callee's body in the caller's terms."""
        call = self.call
        found: list[Node] = []
        for argument, part in zip(call.program.args, call.args, strict=True):
            if isinstance(part, Region):
                self.arrays[argument] = part
            elif isinstance(part, Const | IterRef):
                self.values[argument] = part
            else:
                # Evaluated once, before the callee's body can change what it reads.
                kept = self.renamed(replace(argument, kind="value"))
                found.append(Store(kept, (), part, place=call.place))
                self.values[argument] = Load(kept)
        for result, region in zip(call.program.results, call.results, strict=True):
            self.arrays[result] = region
        found += self.block(call.program.body, self.above)
        return found

    def renamed(self, array: Array) -> Array:
        """A local array of the callee under a name and key of its own."""
        name, number = array.name, 0
        while name in self.taken:
            number += 1
            name = f"{array.name}_{number}"
        self.taken.add(name)
        return replace(array, key=f"{self.call.site}:{array.key}", name=name, scope=())

    def own(self, array: Array) -> Array:
        """The array that stands for one of the callee's that is not passed."""
        if array.kind in ("constant", "state"):
            return array
        if array not in self.arrays:
            made = self.renamed(array)
            whole = tuple(Slice(constant(0), extent) for extent in array.shape)
            self.arrays[array] = Region(made, whole)
        return self.arrays[array].array

    def block(self, nodes: Block, above: frozenset[str]) -> list[Node]:
        return [made for node in nodes for made in self.node(node, above)]

    def node(self, node: Node, above: frozenset[str]) -> list[Node]:
        if isinstance(node, Alloc):
            return self.alloc(node)
        if isinstance(node, Loop):
            return [self.loop(node, above)]
        inner = iter([tuple(self.block(nodes, above)) for nodes in blocks_of(node)])
        alone = map_blocks(node, lambda _: ())
        made = self.targets(map_expressions(alone, self.expr))
        return [map_blocks(made, lambda _: next(inner))]

    def loop(self, node: Loop, above: frozenset[str]) -> Loop:
        name, number = node.iter.name, 0
        while name in above:
            number += 1
            name = f"{node.iter.name}_{number}"
        it = Iter(f"{self.call.site}:{node.iter.key}", name)
        start, stop = self.expr(node.start), self.expr(node.stop)
        self.its[node.iter] = IterRef(it)
        body = tuple(self.block(node.body, above | {name}))
        band = node.band
        if band is not None and _OWN_BAND.fullmatch(band):
            band = None if self.above else f"{self.call.site}_{band}"
        return replace(node, iter=it, start=start, stop=stop, body=body, band=band)

    def alloc(self, node: Alloc) -> list[Node]:
        array = node.array
        if array not in self.call.program.results:
            made = self.own(array)
            return [replace(node, array=made, fill=None if node.fill is None else self.expr(node.fill))]
        if node.fill is None:
            return []
        # A result lies in an array that the caller made: what fills it becomes stores.
        its = [
            Iter(f"{self.call.site}:{array.key}:{k}", f"{self.arrays[array].array.name}_{k}")
            for k in range(array.rank)
        ]
        target, indices = self.place(array, tuple(IterRef(it) for it in its))
        filled: Node = Store(target, indices, self.expr(node.fill), place=node.place)
        for it, extent in zip(reversed(its), reversed(array.shape), strict=True):
            filled = Loop(it, constant(0), constant(extent), 1, (filled,), place=node.place)
        return [filled]

    def place(self, array: Array, indices: tuple[Expr, ...]) -> tuple[Array, tuple[Expr, ...]]:
        """Where an element of a callee's array lies in the caller's."""
        mine = self.own(array)
        region = self.arrays.get(array)
        if region is None:
            return mine, indices
        rest = iter(indices)
        found: list[Expr] = []
        for part in region.indices:
            if isinstance(part, Slice):
                found.append(simplify(Binary("+", part.start, next(rest), index)))
            else:
                found.append(part)
        return region.array, tuple(found)

    def expr(self, expr: Expr) -> Expr:
        def change(node: Expr) -> Expr | None:
            if isinstance(node, IterRef):
                return self.its.get(node.iter)
            if isinstance(node, Load):
                if node.array in self.values:
                    return self.values[node.array]
                indices = tuple(rewrite(i, change) for i in node.indices)
                array, placed = self.place(node.array, indices)
                return replace(node, array=array, indices=placed)
            return None

        return rewrite(expr, change)

    def targets(self, node: Node) -> Node:
        """A node with what it writes, and the regions it passes on, in the caller's arrays."""
        match node:
            case Store(array=array, indices=indices):
                target, placed = self.place(array, indices)
                return replace(node, array=target, indices=placed)
            case Call(args=args, results=results, site=site):
                return replace(
                    node,
                    args=tuple(self.region(a) if isinstance(a, Region) else a for a in args),
                    results=tuple(self.region(r) for r in results),
                    site=f"{self.call.site}_{site}",
                )
            case _:
                return node

    def region(self, region: Region) -> Region:
        mine = self.own(region.array)
        outer = self.arrays.get(region.array)
        if outer is None:
            return Region(mine, region.indices)
        rest = iter(region.indices)
        found: list[Expr | Slice] = []
        for part in outer.indices:
            if not isinstance(part, Slice):
                found.append(part)
                continue
            inner = next(rest)
            if isinstance(inner, Slice):
                start = simplify(Binary("+", part.start, inner.start, index))
                found.append(Slice(start, inner.extent))
            else:
                found.append(simplify(Binary("+", part.start, inner, index)))
        return Region(outer.array, tuple(found))


def stored_scalars(program: Program, it: Iter) -> list[Array]:
    """The scalars that the loop over `it` stores to but does not make: a function could not return them."""
    loop = next(n for n in walk_nodes(program.body) if isinstance(n, Loop) and n.iter == it)
    inside = list(walk_nodes((loop,)))
    own = {node.array for node in inside if isinstance(node, Alloc)}
    stores = [node.array for node in inside if isinstance(node, Store)]
    return [a for a in dict.fromkeys(stores) if not a.rank and a.kind != "value" and a not in own]


def outlined(program: Program, it: Iter, name: str) -> tuple[Program, Program]:
    """The program with the loop over `it` replaced by a call, and the new callee."""
    made: dict[str, Program] = {}

    def block(nodes: Block, above: Mapping[Iter, None]) -> Block:
        return tuple(change(node, above) for node in nodes)

    def change(node: Node, above: Mapping[Iter, None]) -> Node:
        if isinstance(node, Loop) and node.iter == it:
            call = _outline(node, tuple(above), name)
            made[name] = call.program
            return call
        inner = {**above, node.iter: None} if isinstance(node, Loop) else above
        return map_blocks(node, lambda b: block(b, inner))

    body = block(program.body, {})
    return replace(program, body=body), made[name]


def _outline(loop: Loop, above: tuple[Iter, ...], name: str) -> Call:
    """The call that runs a loop in a function of its own; arrays are passed whole, scalars by value."""
    own = {n.array for n in walk_nodes((loop,)) if isinstance(n, Alloc)}
    own |= {n.array for n in walk_nodes((loop,)) if isinstance(n, Store) and n.array.kind == "value"}
    used: dict[Array, None] = {}
    free: dict[Iter, None] = {}
    for node in walk_nodes((loop,)):
        exprs = expressions_of(node)
        for expr in exprs:
            used.update(dict.fromkeys(load.array for load in loads_of(expr)))
            free.update(dict.fromkeys(iter_ for iter_ in above if iter_ in iters_of(expr)))
        if isinstance(node, Store):
            used.setdefault(node.array)
        if isinstance(node, Call):
            parts = [p for p in (*node.args, *node.results) if isinstance(p, Region)]
            used.update(dict.fromkeys(p.array for p in parts))
    passed = [a for a in used if a not in own and a.kind not in ("constant", "state")]
    arguments: dict[Array, Array] = {}
    args: list[Region | Expr] = []
    for array in passed:
        arguments[array] = replace(array, kind="argument", scope=(), data=None)
        by_value = not array.rank and array.kind != "stream"
        whole = tuple(Slice(constant(0), extent) for extent in array.shape)
        args.append(Load(array) if by_value else Region(array, whole))
    scalars = {iter_: Array(f"{name}:{iter_.key}", iter_.name, index, (), "argument") for iter_ in free}
    values: dict[Iter, Expr] = {iter_: Load(array) for iter_, array in scalars.items()}
    args += [IterRef(iter_) for iter_ in free]

    def change(expr: Expr) -> Expr:
        def visit(node: Expr) -> Expr | None:
            if isinstance(node, IterRef):
                return values.get(node.iter)
            return None

        return rewrite(expr, visit)

    body = replace_arrays(map_expressions(loop, change), arguments)
    assert isinstance(body, Loop)
    callee = Program(
        name,
        (*arguments.values(), *scalars.values()),
        (replace(body, band=body.band or "L0"),),
        place=loop.place,
    )
    return Call(callee, tuple(args), (), f"{name}_0", loop.place)
