"""A call's statement replaced by the statements and loops of the called function, as both are scheduled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import islpy as isl

from tracealloc.poly.calls.bind_arguments import Names, Splice, calls_in, spliced
from tracealloc.poly.isl.instances import beside, preimage
from tracealloc.poly.isl.named import bind_parameters, map_of, with_tuple
from tracealloc.poly.isl.texts import aff_text, iter_names, read_map, tuple_text
from tracealloc.poly.model.accesses import accesses_of
from tracealloc.poly.model.build import build_block
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.statements import as_before, make_statement, remade, with_more
from tracealloc.poly.model.tree import Leaf, LoopNode, Tree, loops_above, sequence
from tracealloc.poly.model.tree import Sequence as Seq
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, Load, loads_of, substitute
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    Node,
    Program,
    Store,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_part, map_reads
from tracealloc.trace.record.naming import is_default_band

__all__ = ["Callee", "inlined", "origins_of"]


@dataclass(frozen=True)
class Callee:
    """A called function: its statements and order, the same as a program, and as it was traced."""

    model: Model
    tree: Tree
    program: Program
    traced: Program


@dataclass
class Expansion:
    """What stands in the place of one statement: statements, and their loops.

    `values` gives the old statement's iterators over a new one's, where these are not the same.
    """

    statements: list[Statement] = field(default_factory=list)
    tree: Tree | None = None
    values: dict[str, dict[Iter, Expr]] = field(default_factory=dict)

    def over(self, expr: Expr) -> list[tuple[str, Expr]]:
        """A loop's value for each new statement, from that for the old one."""
        return [(s.name, substitute(expr, self.values.get(s.name, {}))) for s in self.statements]


def inlined(
    model: Model, tree: Tree, callee: Callee, sites: Collection[str], names: Names
) -> tuple[Model, Tree]:
    """The model and the tree with the calls at `sites` replaced by the callee's statements and loops."""
    made: dict[str, Expansion] = {}
    statements: list[Statement] = []
    for statement in model.statements:
        node = statement.node
        if isinstance(node, Call) and node.site in sites:
            inline = _Inline(model, tree, callee, statement, Splice(node, names))
            expansion = inline.run()
            model = replace(model, arrays=inline.model.arrays, versions=inline.model.versions)
            made[statement.name] = expansion
            statements += expansion.statements
        elif any(call.site in sites for call in calls_in(node)):
            model, opened = _opened(model, statement, sites, callee, names)
            statements.append(opened)
        else:
            statements.append(statement)
    tree = placed(tree, made) or sequence(())
    return model.with_statements(statements, tree), tree


def placed(tree: Tree, made: dict[str, Expansion]) -> Tree | None:
    """The tree with leaves replaced; the loops around one run around all that stands in its place."""
    match tree:
        case Leaf(statement):
            return made[statement].tree if statement in made else tree
        case LoopNode(body=body):
            inner = placed(body, made)
            if inner is None:
                return None
            exprs: list[tuple[str, Expr]] = []
            for name, expr in tree.exprs:
                found = made.get(name)
                exprs += [(name, expr)] if found is None else found.over(expr)
            return replace(tree, body=inner, exprs=tuple(exprs))
        case Seq(children):
            kept = [part for child in children if (part := placed(child, made)) is not None]
            return sequence(kept) if kept else None


def expand(
    statement: Statement, around: Statement, dims: Sequence[Iter], values: Mapping[str, Expr]
) -> isl.Set:
    """The instances of `statement` in each instance of `around`: the iterators `dims` follow `around`'s.

    `values` are what the parameters of the statement's function get in the call.
    """
    name = f"{around.name}_{statement.name}"
    both = (*around.dims, *dims)
    inner = preimage(statement.domain, name, both, [IterRef(it) for it in dims])
    bound = bind_parameters(inner.identity(), values, around.dims).domain()
    return preimage(around.domain, name, both).intersect(bound)


def _opened(
    model: Model, statement: Statement, sites: Collection[str], callee: Callee, names: Names
) -> tuple[Model, Statement]:
    """A statement with its own control flow; calls inside it are replaced by the callee's loops."""
    traced = spliced(statement.as_traced, sites, callee.traced, names)
    model, accesses = _accesses(model, statement, traced)
    opened = as_before(model, replace(statement, accesses=accesses), statement)
    if statement.traced is None and callee.program is callee.traced:
        return model, replace(opened, node=traced)
    node = spliced(statement.node, sites, callee.program, names)
    model, own = _accesses(model, statement, node)
    return model, with_more(replace(opened, node=node, traced=traced), own)


def _accesses(model: Model, statement: Statement, node: Node) -> tuple[Model, tuple[Access, ...]]:
    """What a statement with another node touches; the model gets to know all arrays."""
    known = list(model.arrays)

    def space(array: Array) -> str:
        if array not in known:
            known.append(array)
        return replace(model, arrays=tuple(known)).space(array)

    s = statement
    places = s.name, s.dims, s.domain, dict(s.scopes)
    found = accesses_of(node, s.guards, *places, space, model.effects, s.covered)
    return replace(model, arrays=tuple(known)), found


@dataclass
class _Inline:
    """One call statement being replaced."""

    model: Model
    tree: Tree
    callee: Callee
    around: Statement
    splice: Splice
    made: dict[str, Expansion] = field(default_factory=dict)

    def run(self) -> Expansion:
        """The callee's statements, and its loops inside those around the call."""
        self._know([array for array, _ in self.splice.stored])
        arrays = [a for a in self.callee.model.arrays if self.splice.is_own(a) or a.kind in _SHARED]
        self._know([self.splice.renamed(array) for array in arrays])
        own = {array: self.splice.renamed(array) for array in arrays}
        versions = {own[a]: v for a, v in self.callee.model.versions if a in own}
        self.model = replace(self.model, versions=(*self.model.versions, *versions.items()))
        found = Expansion()
        parts: list[Tree] = []
        for number, (array, value) in enumerate(self.splice.stored):
            kept = self.kept(number, array, value)
            found.statements.append(kept)
            parts.append(Leaf(kept.name))
        for statement in self.callee.model.statements:
            self.made[statement.name] = made = self.statement(statement)
            found.statements += made.statements
        above = {loop.name for loop in loops_above(self.tree, self.around.name)}
        body = self.nest(self.callee.tree, frozenset(above), at_top=not above)
        if body is not None:
            parts.append(body)
        found.tree = sequence(parts) if parts else None
        return found

    def _know(self, arrays: Sequence[Array]) -> None:
        known = dict.fromkeys((*self.model.arrays, *arrays))
        self.model = replace(self.model, arrays=tuple(known))

    def kept(self, number: int, array: Array, value: Expr) -> Statement:
        """The store of a scalar that the callee gets."""
        around = self.around
        name = f"{around.name}_a{number}"
        node = Store(array, (), value, place=around.place)
        made = make_statement(
            self.model,
            name,
            node,
            around.dims,
            around.domain.set_tuple_name(name),
            {**dict(around.scopes), array: around.instance},
            guards=around.guards,
            origin=None if around.origin is None else f"{around.origin}_a{number}",
            origin_instance=around.origin_instance,
        )
        return as_before(self.model, made, self.inside(around, made))

    def statement(self, statement: Statement) -> Expansion:
        """What stands for one statement of the callee."""
        around = self.around
        dims = tuple(Iter(f"{around.name}:{it.key}", it.name) for it in statement.dims)
        self.splice.its |= {old: IterRef(new) for old, new in zip(statement.dims, dims, strict=True)}
        nodes = self.splice.node(statement.node)
        guards = tuple(self.splice.expr(guard) for guard in statement.guards)
        name = f"{around.name}_{statement.name}"
        instance = (*around.instance, *(self.splice.expr(e) for e in statement.instance))
        scopes = self.scopes(statement)
        made = Statement(
            name,
            (*around.dims, *dims),
            expand(statement, around, dims, self.splice.parameters()),
            nodes[0],
            (*around.guards, *guards),
            scopes=tuple(scopes.items()),
            origin=None if statement.origin is None else f"{around.origin}_{statement.origin}",
            origin_instance=None if _is_identity(instance, (*around.dims, *dims)) else instance,
            copy=statement.copy,
            covered=self.covered(statement),
            traced=None if statement.traced is None else self.splice.node(statement.traced)[0],
        )
        made = replace(made, accesses=self.before(made, statement, dims))
        if len(nodes) == 1 and isinstance(nodes[0], Store | Call | Alloc):
            return self.plain(made)
        return self.opened(made, scopes)

    def before(self, made: Statement, statement: Statement, dims: Sequence[Iter]) -> tuple[Access, ...]:
        """The accesses of a statement of the callee and of the call, as those of what stands for it."""
        around, splice = self.around, self.splice
        inner = map_of(made.name, made.dims, statement.name, [IterRef(it) for it in dims])
        front = map_of(made.name, made.dims, "Z", around.instance)
        found: list[Access] = []
        for access in statement.accesses:
            part = map_part(access.part, splice.place, splice.value)
            known = replace(access, part=part, tags=_from("e", access.tags), view=None, whole=None)
            relation = inner.apply_range(access.relation)
            if splice.is_own(access.array):
                array = splice.renamed(access.array)
                space = _space(self.model, self.callee.model, access.space, splice)
                relation = bind_parameters(relation, splice.parameters(), around.dims)
                relation = with_tuple(front.flat_range_product(relation), space)
                known = replace(known, array=array, space=space, relation=relation)
            else:
                known = self.passed(
                    known, access, made, bind_parameters(relation, splice.parameters(), around.dims)
                )
            found.append(known)
        call = self.inside(around, made).accesses
        return (
            *(access.within(made.domain) for access in found),
            *(replace(access, tags=_from("c", access.tags)) for access in call),
        )

    def passed(self, known: Access, access: Access, made: Statement, relation: isl.Map) -> Access:
        """The access to an argument, as one to what is passed: no more than the part that is."""
        onto = None
        if access.array.rank and access.array.kind != "stream" and access.array not in self.splice.values:
            onto = _onto_passed(self.model, self.around, self.splice, access.array, access.space)
        if onto is None:  # text tells which elements: these arrays have no other layout in the callee
            return replace(known, space="", relation=relation)
        outer = map_of(made.name, made.dims, "Z", [IterRef(it) for it in self.around.dims])
        elements = with_tuple(outer.flat_range_product(relation), "E").apply_range(onto)
        space = str(elements.range().get_tuple_name())
        return replace(known, array=self.model.array_at(space), space=space, relation=elements)

    def covered(self, statement: Statement) -> bool:
        """Whether the other side of an `if` stores what a statement does, the call's own guards included."""
        if not self.around.guards:
            return statement.covered
        return self.around.covered and (statement.covered or not statement.guards)

    def plain(self, made: Statement) -> Expansion:
        guards = made.guards
        if isinstance(made.node, Alloc) and not (made.node.fill and loads_of(made.node.fill)):
            guards = ()  # nothing sees the array where the guards do not hold
        done = remade(self.model, replace(made, guards=guards), dict(made.scopes))
        return Expansion([done], Leaf(done.name))

    def opened(self, made: Statement, scopes: dict[Array, tuple[Expr, ...]]) -> Expansion:
        """The statements of a node with its own control flow: what is passed may make it affine."""
        statements, arrays, tree = build_block((made.as_traced,), made.name, made, scopes, self.model)
        if made.traced is not None and isinstance(tree, Leaf):
            statements = (replace(statements[0], node=made.node, traced=made.traced),)
        elif made.traced is not None:
            statements, arrays, tree = build_block((made.node,), made.name, made, scopes, self.model)
        self.model = replace(self.model, arrays=arrays)
        found = Expansion(tree=tree)
        for inner in statements:
            more = tuple(IterRef(it) for it in inner.dims[len(made.dims) :])
            origin = None if made.origin is None else made.origin + inner.name[len(made.name) :]
            instance = None if made.origin_instance is None else (*made.instance, *more)
            inner = replace(inner, origin=origin, origin_instance=instance)
            before = self.inside(made, inner)
            if inner.traced is None:
                found.statements.append(as_before(self.model, inner, before))
            else:
                inner = replace(inner, accesses=before.accesses)
                found.statements.append(remade(self.model, inner, dict(inner.scopes)))
        return found

    def inside(self, around: Statement, made: Statement) -> Statement:
        """A statement with its accesses as those of one that runs in each of its instances."""
        onto = map_of(made.name, made.dims, around.name, [IterRef(it) for it in around.dims])
        accesses = tuple(access.of(onto).within(made.domain) for access in around.accesses)
        return replace(around, accesses=accesses)

    def scopes(self, statement: Statement) -> dict[Array, tuple[Expr, ...]]:
        """The instances of arrays that a statement uses: each call has its own of the callee's."""
        found: dict[Array, tuple[Expr, ...]] = {}
        used = {access.array for access in statement.accesses}
        if isinstance(statement.node, Alloc):
            used.add(statement.node.array)
        inside = walk_nodes((statement.node,))
        exprs = [*statement.guards, *(expr for node in inside for expr in expressions_of(node))]
        # A parameter is read without an access.
        used |= {load.array for expr in exprs for load in loads_of(expr) if load.array.parameter}
        stored = {kept for kept, _ in self.splice.stored}
        for array in used:
            value = self.splice.values.get(array)
            if isinstance(value, Load) and value.array in stored:
                found[value.array] = self.around.instance
            elif value is None and self.splice.is_own(array):
                inner = tuple(self.splice.expr(e) for e in statement.scope(array))
                found[self.splice.renamed(array)] = (*self.around.instance, *inner)
            elif value is None:
                mine = self.splice.own(array)
                found[mine] = self.around.scope(mine)
        return {array: exprs for array, exprs in (*found.items(), *self.around.scopes) if exprs}

    def nest(self, tree: Tree, above: frozenset[str], at_top: bool) -> Tree | None:
        """The callee's loops over what stands for its statements."""
        match tree:
            case Leaf(statement):
                return self.made[statement].tree
            case Seq(children):
                kept = [part for c in children if (part := self.nest(c, above, at_top)) is not None]
                return sequence(kept) if kept else None
            case LoopNode(body=body):
                name, number = tree.name, 0
                while name in above:
                    number += 1
                    name = f"{tree.name}_{number}"
                inner = self.nest(body, above | {name}, at_top)
                if inner is None:
                    return None
                exprs = tuple(
                    (s.name, self.expr_in(expr, old))
                    for old, expr in tree.exprs
                    for s in self.made[old].statements
                )
                key = f"{self.around.name}:{tree.key}"
                band = tree.band
                if band is not None and is_default_band(band):
                    band = f"{self.splice.call.site}_{band}" if at_top else None
                if band is not None:
                    band = self.splice.names.band(key, band)
                return replace(tree, key=key, name=name, exprs=exprs, body=inner, band=band)

    def expr_in(self, expr: Expr, statement: str) -> Expr:
        """A loop's value for a statement of the callee, in the caller's terms."""
        dims = self.callee.model.statement(statement).dims
        return self.splice.scalars(substitute(expr, {it: self.splice.its[it] for it in dims}))


def _from(end: str, tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{end}{tag}" for tag in tags)


def _is_identity(exprs: Sequence[Expr], dims: Sequence[Iter]) -> bool:
    return tuple(exprs) == tuple(IterRef(it) for it in dims)


_SHARED = ("constant", "state")


def origins_of(model: Model, callee: Model, base: Statement, splice: Splice) -> list[isl.Map] | None:
    """Of which element each element of the callee's buffers is a copy, in the spaces of `model`.

    `base` is the traced call, `splice` replaces it. Arrays that are passed are found through the regions.
    None where a part that is passed depends on data.
    """
    count = len(base.dims)
    found: list[isl.Map] = []
    for origin in callee.origins:
        source, target = (str(s.get_tuple_name()) for s in (origin.domain(), origin.range()))
        moved = beside(origin, count, _space(model, callee, source, splice), "E")
        moved = bind_parameters(moved, splice.parameters(), base.dims)
        array = callee.array_at(target)
        if splice.is_own(array) or array.kind in _SHARED:
            moved = with_tuple(moved, _space(model, callee, target, splice))
        else:
            passed = _onto_passed(model, base, splice, array, target)
            if passed is None:
                return None
            moved = moved.apply_range(passed)
        found.append(moved)
    return found


def _space(model: Model, callee: Model, space: str, splice: Splice) -> str:
    """The name that a space of the callee has in the caller's model."""
    rest = space.partition("_")[2]
    number = model.arrays.index(splice.renamed(callee.array_at(space)))
    return f"A{number}" + (f"_{rest}" if rest else "")


def _onto_passed(model: Model, base: Statement, splice: Splice, array: Array, space: str) -> isl.Map | None:
    """Iterations of the call and elements of an argument -> elements of what is passed (None: by data)."""
    its = [Iter(f"element:{k}", f"e{k}") for k in range(array.rank)]
    there = map_reads(Load(array, tuple(IterRef(it) for it in its)), splice.place)
    assert isinstance(there, Load)
    target = there.array
    if any(loads_of(e) for e in there.indices):
        return None
    names = iter_names((*base.dims, *its))
    path = tuple(space.split("_")[1:])
    parts = [aff_text(e, names) for e in (*base.scope(target), *there.indices)]
    left = tuple_text("E", names.values())
    return read_map(f"{{ {left} -> {tuple_text(model.space(target, path), parts)} }}")
