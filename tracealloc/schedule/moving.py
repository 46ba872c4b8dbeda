"""Moving a producing nest into the iterations that need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

import islpy as isl

from tracealloc.poly.accesses import leaf_paths
from tracealloc.poly.dependence import time_map
from tracealloc.poly.equivalence import Difference, difference
from tracealloc.poly.flow import FINAL, Flow, flow_of, pieces
from tracealloc.poly.footprint import Box, box_around
from tracealloc.poly.model import Model, Statement
from tracealloc.poly.named import aff_text, flat_set, iter_names, project_scope, tuple_text, with_tuple
from tracealloc.poly.rename import replace_arrays, replace_in
from tracealloc.poly.tree import Leaf, LoopNode, Tree, leaves, loops_in, map_loops, restrict, sequence
from tracealloc.poly.tree import Sequence as Seq
from tracealloc.schedule.copies import in_iters, make_statement, redirect, touches_by_data, unique_name
from tracealloc.schedule.loops import chain_above
from tracealloc.schedule.primitive import Edit
from tracealloc.schedule.state import State
from tracealloc.trace.affine import simplify
from tracealloc.trace.dtype import index
from tracealloc.trace.errors import IllegalScheduleError, VerifyError
from tracealloc.trace.expr import Binary, Const, Expr, Iter, IterRef
from tracealloc.trace.program import Alloc, Array, Store

__all__ = ["Moving"]

_ROUNDS = 8


@dataclass(frozen=True)
class _Part:
    """What an iteration keeps of one array: the elements, their box, and the iteration's own array."""

    elements: isl.Map
    box: Box
    own: Array

    @property
    def kept(self) -> list[int]:
        return [dim for dim, extent in enumerate(self.box.extents) if extent > 1]


class Moving:
    """One use of ``compute_at``: the nest, the loop it goes into, and who needs what."""

    def __init__(self, edit: Edit, nest: Tree, loop: LoopNode, name: str) -> None:
        self.edit, self.nest, self.loop, self.name = edit, nest, loop, name
        self.state, (self.key,) = edit.keys(1)
        model = self.state.model
        self.loops = chain_above(edit.state, loop.key)
        self.its = tuple(Iter(f"{self.key}:{other.key}", other.name) for other in self.loops)
        self.makers = [model.statement(n) for n in leaves(nest)]
        self.users = [model.statement(n) for n in leaves(loop.body)]
        self.made = {a.array for s in self.makers for a in s.writes if not s.scope(a.array)}
        self.parts: dict[Array, _Part] = {}
        self.twins: dict[Array, Array] = {}

    def prefix(self, statement: Statement) -> isl.Map:
        """Instance -> iteration of the loop."""
        plain = tuple(replace(loop, descending=False) for loop in self.loops)
        return with_tuple(time_map(statement, plain).intersect_domain(statement.domain), "P")

    # -- what is needed ------------------------------------------------------------------------------

    def moved(self) -> tuple[State, str | None]:
        """The state with the nest moved, and the key of its outermost loop."""
        flow = flow_of(self.state.model, self.state.tree, frozenset(self.made))
        elements, elsewhere = self.wanted(flow)
        if not elements:
            raise self.edit.error(
                "TA257",
                f"finds that {self.loop.name!r} uses nothing that {self.name!r} makes",
                hint="choose a loop around the statements that read it",
            )
        self.check_regular(elements)
        instances = self.closed(elements)
        fills = self.fills(flow, elements, elsewhere)
        model = self.with_arrays(elements, elsewhere)
        new = self.statements(model, instances, fills)
        return self.finished(model, new, instances, elsewhere)

    def wanted(self, flow: Flow) -> tuple[dict[Array, isl.Map], set[Array]]:
        """Iteration -> elements that come from the nest, and the arrays that others read too."""
        makers, users = {s.name for s in self.makers}, {s.name: s for s in self.users}
        elements: dict[Array, isl.Map] = {}
        elsewhere: set[Array] = set()
        for piece in pieces(flow.sources):
            if str(piece.domain().get_tuple_name()) not in makers:
                continue
            reads = piece.range().unwrap()
            sink, array = (
                str(reads.domain().get_tuple_name()),
                self.array(str(reads.range().get_tuple_name())),
            )
            if sink in users:
                part = self.prefix(users[sink]).reverse().apply_range(project_scope(reads, 0))
                elements[array] = elements[array].union(part) if array in elements else part
            elif sink not in makers or sink == FINAL:
                elsewhere.add(array)
        return elements, elsewhere

    def array(self, space: str) -> Array:
        return self.state.model.arrays[int(space.partition("_")[0][1:])]

    def check_regular(self, elements: dict[Array, isl.Map]) -> None:
        """Refuse parts that depend on data."""
        for array in elements:
            for statement in (*self.makers, *self.users):
                if touches_by_data(statement, array):
                    where = statement.place.short if statement.place else statement.name
                    raise self.edit.error(
                        "TA241",
                        f"cannot tell which part of {array.name!r} an iteration of {self.loop.name!r} uses",
                        because=[f"{where} chooses the elements by data"],
                    )

    def closed(self, elements: dict[Array, isl.Map]) -> dict[str, isl.Map]:
        """Iteration -> instances of the nest that it needs; `elements` grows by what these read."""
        needed: dict[str, isl.Map] = {}
        for _ in range(_ROUNDS):
            for statement in self.makers:
                for access in statement.writes:
                    if access.array in elements and access.array in self.made:
                        relation = project_scope(access.relation, 0)
                        add = elements[access.array].apply_range(relation.reverse())
                        self.join(needed, statement.name, add)
            grown = False
            for statement in self.makers:
                more = needed.get(statement.name)
                if more is None:
                    continue
                for other, relation in self.partners(statement):
                    add = more.apply_range(relation)
                    if other not in needed or not add.is_subset(needed[other]):
                        self.join(needed, other, add)
                        grown = True
                for access in statement.reads:
                    if access.array in self.made:
                        add = more.apply_range(project_scope(access.relation, 0))
                        old = elements.get(access.array)
                        if old is None or not add.is_subset(old):
                            elements[access.array] = add if old is None else old.union(add).coalesce()
                            grown = True
            if not grown:
                return needed
        raise self.edit.error(
            "TA258",
            f"finds that an iteration of {self.loop.name!r} needs ever more of the nest",
            because=["its iterations build on one another"],
            hint="move an inner part of the nest, or buffer what it makes with s.buffer_at",
        )

    def partners(self, statement: Statement) -> list[tuple[str, isl.Map]]:
        """Statements of the nest that make scoped values (scalars of an iteration) that a statement reads."""
        found = []
        for access in statement.reads:
            if access.array in self.made:
                continue
            for other in self.makers:
                for write in other.writes:
                    if write.space == access.space and other.scope(access.array):
                        found.append((other.name, access.relation.apply_range(write.relation.reverse())))
        return found

    @staticmethod
    def join(found: dict[str, isl.Map], name: str, more: isl.Map) -> None:
        """Add to one of several maps."""
        found[name] = found[name].union(more).coalesce() if name in found else more

    def fills(
        self, flow: Flow, elements: dict[Array, isl.Map], elsewhere: set[Array]
    ) -> list[tuple[Statement, Array]]:
        """The fills of arrays whose elements the iteration reads besides those that the nest makes."""
        found: dict[str, tuple[Statement, Array]] = {}
        makers = {s.name for s in self.makers}
        readers = makers | {s.name for s in self.users}
        for piece in pieces(flow.sources):
            source = str(piece.domain().get_tuple_name())
            reads = piece.range().unwrap()
            array = self.array(str(reads.range().get_tuple_name()))
            sink = str(reads.domain().get_tuple_name())
            if sink not in readers or source in makers or array in elsewhere or array not in elements:
                continue
            statement = self.state.model.statement(source)
            node = statement.node
            if not isinstance(node, Alloc) or not isinstance(node.fill, Const):
                where = statement.place.short if statement.place else source
                raise self.edit.error(
                    "TA259",
                    f"needs {array.name!r} to be made by the nest alone",
                    because=[f"{where} writes elements that {self.loop.name!r} reads too"],
                    hint="distribute the nest, or move the loops that make the rest first",
                )
            found[source] = (statement, array)
        return list(found.values())

    # -- the new statements --------------------------------------------------------------------------

    def with_arrays(self, elements: dict[Array, isl.Map], elsewhere: set[Array]) -> Model:
        """The model with an array of its own for every iteration, where nothing else reads the array."""
        model = self.state.model
        for statement in self.users:
            for access in statement.reads:
                if access.array in elements and access.array not in elsewhere:
                    own = self.prefix(statement).reverse().apply_range(project_scope(access.relation, 0))
                    elements[access.array] = elements[access.array].union(own).coalesce()
        for number, (array, part) in enumerate(elements.items()):
            if array in elsewhere or array in self.state.model.outputs():
                continue
            box = box_around(part, array.rank, self.its)
            shape = tuple(extent for extent in box.extents if extent > 1)
            name = unique_name(model, f"{array.name}_{self.loop.name}".replace(".", "_"))
            own_array = Array(f"{self.key}a{number}", name, array.dtype, shape, place=array.place)
            self.parts[array] = _Part(part, box, own_array)
            model = replace(model, arrays=(*model.arrays, own_array))
        inside = {s.name for s in self.makers}
        scoped = {array for s in self.makers for array, exprs in s.scopes if exprs}
        for array in sorted(scoped, key=lambda a: a.key):
            if {s.name for s in model.statements if s.scope(array)} <= inside:
                twin = replace(array, key=f"{array.key}:{self.key}", name=unique_name(model, array.name))
                self.twins[array] = twin
                model = replace(model, arrays=(*model.arrays, twin))
        return replace(model, origins=(*model.origins, *self.origins(model)))

    def origins(self, model: Model) -> list[isl.Map]:
        """Of which element of the old arrays each element of the new ones is a copy."""
        names = list(iter_names(self.its).values())
        found = []
        for array, part in self.parts.items():
            slots = {dim: f"b{dim}" for dim in part.kept}
            named = iter_names(self.its)
            target = [
                aff_text(low, named) + (f" + {slots[dim]}" if dim in slots else "")
                for dim, low in enumerate(part.box.lows)
            ]
            for path in leaf_paths(array.dtype):
                left = tuple_text(model.space(part.own, path), [*names, *slots.values()])
                found.append(isl.Map(f"{{ {left} -> {tuple_text(model.space(array, path), target)} }}"))
        for array, twin in self.twins.items():
            scope = next(s.scope(array) for s in self.makers if s.scope(array))
            rest = [f"b{k}" for k in range(len(scope) + array.rank)]
            for path in leaf_paths(array.dtype):
                left = tuple_text(model.space(twin, path), [*names, *rest])
                found.append(isl.Map(f"{{ {left} -> {tuple_text(model.space(array, path), rest)} }}"))
        return found

    def here(self) -> tuple[Expr, ...]:
        """The iteration, in the iterators of moved statements."""
        return tuple(IterRef(it) for it in self.its)

    def statements(
        self, model: Model, instances: dict[str, isl.Map], fills: Sequence[tuple[Statement, Array]]
    ) -> dict[str, Statement]:
        """The moved statements, and the users reading the iteration's own arrays, by old name."""
        new = {name: self.copy(model, model.statement(name), need) for name, need in instances.items()}
        for fill, array in fills:
            if array in self.parts:
                new[fill.name] = self.filled(model, fill, array)
        for user in self.users:
            if any(access.array in self.parts for access in user.accesses):
                values = {it: loop.expr(user.name) for it, loop in zip(self.its, self.loops, strict=True)}
                new[user.name] = self.redirected(model, user, values)
        return new

    def copy(self, model: Model, statement: Statement, need: isl.Map) -> Statement:
        """A statement of the nest, run for each iteration that needs it."""
        name = f"{statement.name}_{self.key}"
        moved = replace(statement, node=statement.node)
        for array, part in self.parts.items():
            shift = {dim: part.box.lows[dim] for dim in part.kept}
            node, guards = redirect(moved, array, part.own, shift)
            moved = replace(moved, node=node, guards=guards)
        scopes: dict[Array, tuple[Expr, ...]] = {}
        for array, exprs in statement.scopes:
            twin = self.twins.get(array)
            scopes[array if twin is None else twin] = exprs if twin is None else (*self.here(), *exprs)
        scopes |= {part.own: self.here() for part in self.parts.values()}
        return make_statement(
            model,
            name,
            replace_arrays(moved.node, self.twins),
            (*self.its, *statement.dims),
            flat_set(need, name),
            self.used(statement, scopes),
            guards=tuple(replace_in(guard, self.twins) for guard in moved.guards),
            origin=statement.origin,
            origin_instance=statement.origin_instance or tuple(IterRef(it) for it in statement.dims),
            copy=statement.copy,
        )

    def used(
        self, statement: Statement, scopes: dict[Array, tuple[Expr, ...]]
    ) -> dict[Array, tuple[Expr, ...]]:
        touched = {access.array for access in statement.accesses}
        mine = {part.own: array for array, part in self.parts.items()}
        return {a: exprs for a, exprs in scopes.items() if a not in mine or mine[a] in touched}

    def filled(self, model: Model, fill: Statement, array: Array) -> Statement:
        """The constant that the array was made with, for every element that the iteration uses."""
        part = self.parts[array]
        assert isinstance(fill.node, Alloc) and fill.node.fill is not None
        name = f"{fill.name}_{self.key}"
        its = tuple(Iter(f"{self.key}:e{dim}", f"{array.name}_{dim}") for dim in range(array.rank))
        low = {dim: part.box.lows[dim] for dim in part.kept}
        node = Store(
            part.own, tuple(_minus(IterRef(its[dim]), low[dim]) for dim in part.kept), fill.node.fill
        )
        return make_statement(
            model,
            name,
            node,
            (*self.its, *its),
            flat_set(part.elements, name),
            {part.own: self.here()},
            origin=fill.origin,
            origin_instance=(),
        )

    def redirected(self, model: Model, user: Statement, values: dict[Iter, Expr]) -> Statement:
        scopes = dict(user.scopes)
        for array, part in self.parts.items():
            if any(access.array == array for access in user.accesses):
                shift = {dim: in_iters(part.box.lows[dim], values) for dim in part.kept}
                node, guards = redirect(user, array, part.own, shift)
                user = replace(user, node=node, guards=guards)
                scopes[part.own] = tuple(values.values())
        return make_statement(
            model,
            user.name,
            user.node,
            user.dims,
            user.domain,
            scopes,
            guards=user.guards,
            origin=user.origin,
            origin_instance=user.origin_instance,
            copy=user.copy,
        )

    # -- the new tree, and its proof -----------------------------------------------------------------

    def finished(
        self, model: Model, new: dict[str, Statement], instances: dict[str, isl.Map], elsewhere: set[Array]
    ) -> tuple[State, str | None]:
        """The state with the new statements in their places, once that is proved right."""
        names = {name: new[name].name for name in instances}
        fills = [s for name, s in new.items() if name not in instances and s.name != name]
        statements = [self.left(s, instances, elsewhere, new) for s in self.state.model.statements]
        kept = [s for s in statements if s is not None and not s.domain.is_empty()]
        old = frozenset(s.name for s in kept)
        stays = bool(old & set(leaves(self.nest)))
        part = restrict(self.nest, frozenset(instances))
        assert part is not None
        nest = self.renamed(part, names, stays)
        outermost = nest.key if isinstance(nest, LoopNode) else None
        added = [*(new[name] for name in instances), *fills]
        pairs = {
            loop.key: tuple((s.name, IterRef(it)) for s in added)
            for loop, it in zip(self.loops, self.its, strict=True)
        }

        def change(loop: LoopNode) -> Tree:
            if loop.key not in pairs:
                return loop
            body = loop.body
            if loop.key == self.loop.key:
                body = sequence([*(self.fill_nest(s) for s in fills), nest, body])
            return replace(loop, exprs=(*loop.exprs, *pairs[loop.key]), body=body)

        rest = restrict(self.state.tree, old)
        assert rest is not None
        tree = map_loops(rest, change)
        model = model.with_statements([*kept, *added], tree)
        self.prove(model, tree)
        touched = (*self.makers, *self.users, *added)
        stale = frozenset(access.space for s in touched for access in s.accesses)
        return self.state.with_model(model, tree, stale), outermost

    def left(
        self,
        statement: Statement,
        instances: dict[str, isl.Map],
        elsewhere: set[Array],
        new: dict[str, Statement],
    ) -> Statement | None:
        """What stays of a statement where it was."""
        if statement.name in {s.name for s in self.makers}:
            if not elsewhere or any(access.array in self.parts for access in statement.writes):
                return None
            if statement.name not in instances:
                return statement
            domain = statement.domain.subtract(instances[statement.name].range()).coalesce()
            accesses = tuple(
                replace(a, relation=a.relation.intersect_domain(domain)) for a in statement.accesses
            )
            return replace(statement, domain=domain, accesses=accesses)
        if isinstance(statement.node, Alloc) and statement.node.array in self.parts:
            return None
        found = new.get(statement.name)
        return found if found is not None and found.name == statement.name else statement

    def renamed(self, nest: Tree, names: dict[str, str], stays: bool) -> Tree:
        """The nest over the moved statements; its loops get new names where theirs are taken."""
        taken = {loop.name for loop in (*self.loops, *_loops(self.loop.body))}
        number = count()

        def change(loop: LoopNode) -> Tree:
            exprs = tuple((names[name], expr) for name, expr in loop.exprs)
            name = self.edit.fresh(loop.name, taken) if stays or loop.name in taken else loop.name
            taken.add(name)
            key = f"{self.key}_{next(number)}" if stays else loop.key
            return replace(loop, key=key, name=name, exprs=exprs, band=None)

        return _with_leaves(map_loops(nest, change), names)

    def fill_nest(self, statement: Statement) -> Tree:
        """The loops that set the iteration's own array."""
        node = statement.node
        assert isinstance(node, Store)
        nest: Tree = Leaf(statement.name)
        part = next(part for part in self.parts.values() if part.own == node.array)
        its = statement.dims[len(self.its) :]
        for dim, inside in reversed(list(zip(part.kept, node.indices, strict=True))):
            name = self.edit.fresh(f"{its[dim].name}_init")
            nest = LoopNode(its[dim].key, name, ((statement.name, inside),), nest)
        return nest

    def prove(self, model: Model, tree: Tree) -> None:
        """Check that every read still gets its value from the same write."""
        state = self.state
        try:
            wrong = difference(state.base, state.base.reference, model, tree, state.reassociate)
        except VerifyError as error:
            raise self.edit.error("TA260", "cannot be proved right", because=[error.summary]) from error
        if wrong is not None:
            raise self.illegal(wrong)

    def illegal(self, wrong: Difference) -> IllegalScheduleError:
        """The refusal that shows the read that would see another value."""
        base = self.state.base
        reader, values = wrong.reader
        space, indices = wrong.element
        array = self.state.model.arrays[int(space.partition("_")[0][1:])]
        element = f"{array.name}[{', '.join(map(str, indices))}]" if indices else array.name
        where = "the caller"
        if reader != FINAL:
            statement = base.statement(reader)
            pairs = ", ".join(f"{it.name}={v}" for it, v in zip(statement.dims, values, strict=True))
            where = f"iteration ({pairs}) ({statement.place.short if statement.place else reader})"
        return IllegalScheduleError(
            "TA210",
            f"{self.edit.what} would give a read another value",
            because=[
                f"{where} reads {element}",
                f"moved into {self.loop.name!r}, it would be made too late, or from values since overwritten",
            ],
            hint="choose a loop further out, or s.distribute what overwrites it",
        )


def _loops(tree: Tree) -> list[LoopNode]:
    return list(loops_in(tree))


def _minus(a: Expr, b: Expr) -> Expr:
    return simplify(Binary("-", a, b, index))


def _with_leaves(tree: Tree, names: dict[str, str]) -> Tree:
    match tree:
        case Leaf(statement):
            return Leaf(names[statement])
        case LoopNode(body=body):
            return replace(tree, body=_with_leaves(body, names))
        case Seq(children):
            return Seq(tuple(_with_leaves(child, names) for child in children))
