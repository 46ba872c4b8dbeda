"""The accesses of a node as isl maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, assert_never

import islpy as isl

from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import is_within, minus
from tracealloc.poly.isl.equality import same_maps
from tracealloc.poly.isl.named import dim_bounds, map_text, range_dims, with_tuple
from tracealloc.poly.isl.texts import aff_text, cond_text, iter_names, read_map, tuple_text
from tracealloc.poly.model.effects import Effects, EffectsOf
from tracealloc.poly.model.effects import Part as Effect
from tracealloc.poly.model.model import Access, Part
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Integer, boolean, leaf_paths
from tracealloc.trace.ir.expr import Cast, Expr, Iter, Load, children, iters_of, loads_of
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Region,
    Slice,
    Store,
    While,
    blocks_of,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.ir.text import expr_text, region_text, store_text
from tracealloc.trace.queries.affine import constant, is_affine, range_of
from tracealloc.trace.queries.summary import summary_of

__all__ = ["Scopes", "accesses_of", "affine_loops", "field_paths", "target_text"]

Scopes: TypeAlias = Mapping[Array, tuple[Expr, ...]]
Spaces: TypeAlias = Callable[[Array], str]


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

    def __init__(
        self,
        name: str,
        dims: Sequence[Iter],
        domain: isl.Set,
        scopes: Scopes,
        spaces: Spaces,
        effects: EffectsOf,
        covered: bool,
    ):
        self.effects, self.covered = effects, covered
        self.name, self.dims, self.domain = name, tuple(dims), domain
        self.names = iter_names(dims)
        self.known = set(dims)
        self.scopes, self.spaces = scopes, spaces
        self.found: list[Access] = []
        self.values: set[Load] = set()  # what is read not only to choose elements
        self.private: set[Array] = set()
        self.certain = True  # False where guards may keep the node from running
        self.opaque_node = False  # a node with its own control flow: nothing in it is certain to happen
        self.inner: dict[Iter, Loop] = {}  # affine loops inside an opaque node, around what is collected
        self.conds: tuple[Expr, ...] = ()  # affine conditions inside it, around what is collected

    def add(
        self, part: Load | Region, write: bool, text: str, place: Place | None, named: Part | None = None
    ) -> None:
        array, path = part.array, part.path if isinstance(part, Load) else ()
        if array in self.private or array.parameter is not None:
            return
        relation, exact = self.relation(array, part.indices)
        view = self.view(array, part.indices)
        if view is not None:
            # Loops and conditions around that the subscripts do not use may keep it from happening: the
            # relation does not know them, and nothing is said of places that it has no elements for.
            touched = with_tuple(view.domain_factor_domain(), str(relation.range().get_tuple_name()))
            view = view if is_within(relation, touched) else None
        sure = exact and not self.opaque_node
        exact = sure and self.certain
        queue = array.kind == "stream"
        if queue:
            # A put and a get move the queue on from where it was: an update, which is said once.
            if any(
                a.array == array and same_maps(a.relation, with_tuple(relation, a.space)) for a in self.found
            ):
                return
            write = True
        for leaf in field_paths(array, path):
            space = "_".join((self.spaces(array), *leaf))
            elements = with_tuple(relation, space)
            access = Access(array, space, elements, write, exact, text, named or part, leaf)
            access = replace(access, sure=sure, place=place)
            if view is not None:
                access = replace(access, view=with_tuple(view, space))
            if write and (queue or not (exact or (sure and self.covered))):
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
                exact = exact and extent == array.shape[position]  # data have no choice
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
        return f"exists ({', '.join(needed)} : {' and '.join(filter(None, [*bounds, where]))})"

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
        held += [cond_text(cond, self.inner_names) for cond in self.conds]
        for number, (part, start) in enumerate(zip(indices, starts, strict=True)):
            text = aff_text(start, self.inner_names)
            if isinstance(part, Slice):
                held.append(f"0 <= p{number} < {part.extent}")
                places.append(f"p{number}")
                text = f"{text} + p{number}"
            parts.append(text)
        left = f"[{tuple_text(self.name, self.names.values())} -> {tuple_text('V', places)}]"
        found = read_map(f"{{ {left} -> {tuple_text('A', parts)} : {' and '.join(held)} }}")
        return found.curry().intersect_domain(self.domain).uncurry()

    def is_known(self, expr: Expr) -> bool:
        return is_affine(expr) and iters_of(expr) <= self.known

    def is_affine_inside(self, expr: Expr) -> bool:
        return is_affine(expr) and iters_of(expr) <= self.known | self.inner.keys()

    def read(self, exprs: Iterable[Expr], values: bool = True) -> None:
        for expr in exprs:
            self.values |= _values(expr) if values else set()
            for load in loads_of(expr):
                self.add(load, False, expr_text(load), load.place)

    def choose(self, indices: Iterable[Expr | Slice]) -> None:
        """What the subscripts of a store, or of what is passed, read."""
        self.read((part.start if isinstance(part, Slice) else part for part in indices), values=False)

    def only_chooses(self, read: Access) -> bool:
        return isinstance(read.part, Load) and not read.update and read.part not in self.values

    def node(self, node: Node) -> None:
        if isinstance(node, Call):
            self.call(node)
            return
        match node:
            case Store(array, indices, value, path, place):
                self.choose(indices)
                self.read((value,))
                self.add(Load(array, indices, path), True, target_text(node), place)
            case Alloc(array, fill, place) if fill is not None:
                self.read((fill,))
                self.add(_whole(array), True, array.name, place, array)
            case Alloc() | Loop() | While() | If():
                self.read(expressions_of(node))
            case _:
                assert_never(node)

    def call(self, node: Call) -> None:
        effects, uses = self.effects(node.program), summary_of(node.program)
        scalars = dict(zip(node.program.args, node.args, strict=True))
        for argument, part in zip(node.program.args, node.args, strict=True):
            if not isinstance(part, Region):
                self.read((part,))
                continue
            self.choose(part.indices)
            view = self.view(part.array, part.indices)
            if view is not None and argument.rank and argument.kind != "stream":
                self.passed(node, argument, part, view, effects.parts, self.scalars(effects, scalars))
                continue
            text, writes = region_text(part), argument in uses.writes and effects.may_store(argument)
            if argument in uses.writes or argument in uses.reads:
                self.add(part, False, text, node.place)
            if writes:
                self.add(part, True, text, node.place)
        for part in node.results:
            self.add(part, True, region_text(part), node.place)
        self.kept(node)

    def kept(self, node: Call) -> None:
        """What a called kernel, or one that it calls, keeps between calls: each call updates it."""
        for program in (*node.program.callees(), node.program):
            if any(array.kind == "state" for array in program.arrays()):
                cell = Array(f"kept:{program.name}", program.name, boolean, (), "kept")
                self.values.add(Load(cell))
                for write in (False, True):
                    self.add(Load(cell), write, f"what {program.name} keeps", node.place)

    def passed(
        self,
        node: Call,
        argument: Array,
        part: Region,
        view: isl.Map,
        parts: Mapping[tuple[Array, tuple[str, ...]], Effect],
        values: Sequence[Expr] | None,
    ) -> None:
        """The accesses of a call to a view: what the kernel does to its argument, element by element."""
        if part.array in self.private:
            return
        whole = view.domain_factor_domain()
        sure = (self.certain or self.covered) and not self.opaque_node
        for leaf in field_paths(part.array, ()):
            space = "_".join((self.spaces(part.array), *leaf))
            elements = with_tuple(whole, space)
            bare = Access(part.array, space, elements, False, False, region_text(part), part, leaf)
            bare = replace(bare, whole=elements, place=node.place)
            effect = parts.get((argument, leaf))
            none = replace(bare, relation=isl.Map.empty(bare.relation.get_space()))
            if effect is None:
                self.found.append(none)
                continue
            reads, may_read, updates, stores = (
                self.inside_view(view, with_tuple(some, "E"), values, all_values=some is effect.stores)
                for some in (effect.reads, effect.may_read, effect.updates, effect.stores)
            )
            if values is None:  # what is stored for some values is updated
                any_value = self.inside_view(view, with_tuple(effect.stores, "E"), None, all_values=False)
                updates = updates.union(minus(any_value, stores))
            kept = updates if sure else updates.union(stores)
            found = (
                (_of_view(bare, reads), values is not None),
                (_of_view(bare, may_read), False),
                (_of_view(bare, kept, update=True), False),
                (_of_view(bare, stores, write=True), True),
                (_of_view(bare, minus(updates, stores), write=True), False),
            )
            told = [self.told(a, certain) for a, certain in found if not a.relation.is_empty()]
            self.found += told or [none]  # it must be there all the same

    def told(self, access: Access, certain: bool) -> Access:
        """An access with how sure it is, given that it is `certain` where the statement runs."""
        sure = certain and not self.opaque_node
        return replace(access, sure=sure, exact=sure and self.certain)

    def scalars(self, effects: Effects, scalars: Mapping[Array, Expr | Region]) -> list[Expr] | None:
        """What a call passes for the scalars that choose elements (None: that depends on data)."""
        found: list[Expr] = []
        for scalar in effects.scalars:
            value = scalars[scalar]
            if isinstance(value, Cast) and isinstance(value.type, Integer):
                ends = range_of(value.operand, self.ranges())
                low, high = value.type.low, value.type.high
                value = value.operand if ends and low <= ends[0] and ends[1] <= high else value
            if isinstance(value, Region) or not self.is_affine_inside(value):
                return None
            found.append(value)
        return found

    def ranges(self) -> dict[Iter, tuple[int, int]]:
        """The least and the greatest value of each iterator."""
        if self.domain.is_empty():
            return {}
        return {it: dim_bounds(self.domain, position) for position, it in enumerate(self.dims)}

    def inside_view(
        self, view: isl.Map, part: isl.Map, values: Sequence[Expr] | None, all_values: bool
    ) -> isl.Map:
        """The view of some elements of an argument, given for each value of the callee's scalars.

        Where these depend on data: the elements for any value, or for all values.
        """
        inner = view.domain().unwrap()
        count = range_dims(inner)
        rank = range_dims(part)
        places = [f"v{k}" for k in range(count)]
        if values is None:
            every = part.range()
            if all_values:
                missing = minus(isl.Map.from_domain_and_range(part.domain(), every), part)
                every = minus(every, missing.range())
            part = isl.Map.from_domain_and_range(isl.Set("{ P[] }"), every)
            values = ()
        names = dict(self.names) | dict(zip(self.inner, places, strict=False))
        chosen = tuple_text("P", [aff_text(value, names) for value in values])
        element = tuple_text("E", places[count - rank :])
        left = f"[{tuple_text(self.name, self.names.values())} -> {tuple_text('V', places)}]"
        onto = read_map(f"{{ {left} -> [{chosen} -> {element}] }}")
        return view.intersect_domain(onto.intersect_range(part.wrap()).domain())

    def opaque(self, node: Node) -> None:
        """Accesses of a node with its own control flow."""
        inside = [*walk_nodes((node,))]
        self.private |= {n.array for n in inside if isinstance(n, Alloc)}
        self.private |= {n.array for n in inside if isinstance(n, Store) and n.array.kind == "value"}
        self.opaque_node = True
        affine = affine_loops(node, self.dims)
        for inner, conds, loops in _under((node,), (), ()):
            self.inner = {loop.iter: loop for loop in loops if any(loop is other for other in affine)}
            self.conds = tuple(cond for cond in conds if self.is_affine_inside(cond))
            self.node(inner)
        self.opaque_node, self.inner, self.conds = False, {}, ()


def _under(
    block: Block, conds: tuple[Expr, ...], loops: tuple[Loop, ...]
) -> Iterator[tuple[Node, tuple[Expr, ...], tuple[Loop, ...]]]:
    """Every node of a block, the conditions that hold there (those of `else` aside), and the loops around."""
    for node in block:
        yield node, conds, loops
        match node:
            case If(cond=cond, then=then, orelse=orelse):
                yield from _under(then, (*conds, cond), loops)
                yield from _under(orelse, conds, loops)
            case Loop() | While() | Alloc() | Store() | Call():
                for inner in blocks_of(node):
                    yield from _under(inner, conds, (*loops, node) if isinstance(node, Loop) else loops)
            case _:
                assert_never(node)


def _values(expr: Expr) -> set[Load]:
    """What an expression reads but for what the subscripts in it do."""
    seen = {expr: None}
    todo = [expr]
    for part in todo:
        inside = () if isinstance(part, Load) else children(part)
        todo += [inner for inner in inside if inner not in seen]
        seen |= dict.fromkeys(inside)
    return {part for part in seen if isinstance(part, Load)}


def _once_each(accesses: Sequence[Access]) -> list[Access]:
    """The accesses without those that say the same: steps may write bounds and subscripts again.

    Two that touch the same elements may do so in other iterations of the loops inside, each under a condition
    of its own: what is left stands for both.
    """
    found: list[Access] = []
    known: dict[Access, list[int]] = {}
    for access in accesses:
        places = known.setdefault(access, [])
        alike = (k for k in places if found[k].relation.plain_is_equal(access.relation))
        at = next((k for k in alike if _same_places(found[k], access)), None)
        if at is None:
            places.append(len(found))
            found.append(access)
        else:
            found[at] = replace(found[at], view=_either(found[at].view, access.view))
    return found


def _same_places(one: Access, other: Access) -> bool:
    """Whether two accesses that are alike have views of the same places, if any."""
    if one.view is None or other.view is None:
        return one.view is other.view
    return bool(one.view.get_space().is_equal(other.view.get_space()))


def _either(one: isl.Map | None, other: isl.Map | None) -> isl.Map | None:
    return one if one is None or other is None else coalesced(one.union(other))


def target_text(store: Store) -> str:
    """What a store stores to, as its access says it: of a queue with what is put."""
    queue = store.array.kind == "stream"
    return store_text(store) if queue else expr_text(Load(store.array, store.indices, store.path))


def _whole(array: Array) -> Region:
    return Region(array, tuple(Slice(constant(0), extent) for extent in array.shape))


def _of_view(bare: Access, view: isl.Map, *, write: bool = False, update: bool = False) -> Access:
    """The access to a part of what is passed; `view` gives its elements place by place."""
    view = with_tuple(view, bare.space)
    return replace(bare, relation=view.domain_factor_domain(), view=view, write=write, update=update)


def accesses_of(
    node: Node,
    guards: Sequence[Expr],
    name: str,
    dims: Sequence[Iter],
    domain: isl.Set,
    scopes: Scopes,
    spaces: Spaces,
    effects: EffectsOf,
    covered: bool = False,
) -> tuple[Access, ...]:
    """All accesses of a statement, reads before writes; each read has its number as its tag.

    `effects` tells what a called kernel does. `covered`: see `Statement`.
    """
    collector = _Collector(name, dims, domain, scopes, spaces, effects, covered)
    collector.read(guards)
    collector.certain = not guards
    match node:
        case Loop() | While() | If():
            collector.opaque(node)
        case Alloc() | Store() | Call():
            collector.node(node)
    found = _once_each(collector.found)
    reads = (
        replace(read, tags=(str(k),), chooses=collector.only_chooses(read))
        for k, read in enumerate(access for access in found if not access.write)
    )
    return (*reads, *(access for access in found if access.write))
