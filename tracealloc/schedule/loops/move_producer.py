"""Moving a producing nest into the iterations that need it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

import islpy as isl

from tracealloc.poly.dataflow.footprint import Box, box_around, exact_values
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.named import flat_set, map_of
from tracealloc.poly.isl.texts import aff_text, iter_names, read_map, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import (
    accessing,
    elsewhere,
    in_box,
    in_iters,
    make_statement,
    sliced_dims,
    slot,
    unique_name,
)
from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Tree,
    counted_by,
    leaves,
    loops_in,
    map_loops,
    nest,
    renamed_leaves,
    restrict,
    with_statements_at,
)
from tracealloc.poly.proof.differences import displaced, told
from tracealloc.poly.proof.equivalence import Difference
from tracealloc.poly.proof.step_proof import moved_read
from tracealloc.schedule.core.chains import chain_above, runs_once
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import State
from tracealloc.schedule.loops.demand import Needs
from tracealloc.schedule.loops.recompute import made_again, twin_arrays, twin_origins
from tracealloc.schedule.storage.region import kept_dims
from tracealloc.trace.diagnostics.errors import IllegalScheduleError, VerifyError
from tracealloc.trace.ir.dtype import leaf_paths
from tracealloc.trace.ir.expr import Const, Expr, Iter, IterRef, Load
from tracealloc.trace.ir.program import Alloc, Array, Store
from tracealloc.trace.ir.rewrite import Elsewhere
from tracealloc.trace.queries.affine import constant

__all__ = ["Moving"]


@dataclass(frozen=True)
class _Part:
    """What an iteration keeps of one array: the elements, their box, and the iteration's own array.

    `scope` is the instance of the array (where it lives inside loops), over the iteration.
    """

    number: int

    elements: isl.Map
    box: Box
    own: Array
    kept: tuple[int, ...]
    scope: tuple[Expr, ...]

    @property
    def shift(self) -> dict[int, Expr]:
        return {dim: self.box.lows[dim] for dim in self.kept}


@dataclass
class Moving:
    """One use of ``compute_at``: the nest, the loop it goes into, and who needs what.

    The first `common` loops around the loop are also around the nest.
    """

    edit: Edit
    nest: Tree
    loop: LoopNode
    name: str
    common: int
    parts: dict[Array, _Part] = field(default_factory=dict)
    twins: dict[Array, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state, (self.key,) = self.edit.keys(1)
        model = self.state.model
        self.loops = chain_above(self.edit.state, self.loop.key)
        self.its = tuple(Iter(f"{self.key}:{other.key}", other.name) for other in self.loops)
        self.makers = [model.statement(n) for n in leaves(self.nest)]
        self.users = [model.statement(n) for n in leaves(self.loop.body)]

    def moved(self) -> tuple[State, str | None]:
        """The state with the nest moved, and the key of its outermost loop."""
        self.needs = Needs(self.state, self.makers, self.users, self.loops, self.common)
        if not self.needs.instances:
            raise self.unused()
        try:
            return self.placed()
        except IllegalScheduleError:
            again = self.needs.once()
            if again is None:
                raise
            self.needs = again
            return self.placed()

    def placed(self) -> tuple[State, str | None]:
        """The state with the needed instances in the loop."""
        model = self.with_arrays()
        needed = self.needs.instances.items()
        moved = {name: self.copy(model, model.statement(name), need) for name, need in needed}
        return self.finished(model, moved, self.given(model))

    def unused(self) -> Exception:
        """The refusal where nothing is needed."""
        around = self.loops[self.common - 1].name if self.common else ""
        because = [
            f"what it reads of {array.name!r} is made in an earlier iteration of {around!r}"
            for array in sorted(self.needs.earlier, key=lambda array: array.key)
        ]
        return self.edit.error(
            "TA257",
            f"finds that {self.loop.name!r} uses nothing that {self.name!r} makes",
            because=because,
            hint="choose a loop around the statements that read it",
        )

    # -- arrays of the iteration's own -----------------------------------------------------------------

    def with_arrays(self) -> Model:
        """The model with an array of its own for every iteration, where nothing else reads the array."""
        model = self.state.model
        self.parts = {}
        for number, (array, touched) in enumerate(self.needs.touched.items()):
            box = self.box(array, touched)
            passed = sliced_dims(self.makers, array)
            several = kept_dims(self.state.tree, self.readers(array), array, self.loops, box)
            kept = tuple(sorted({*several, *passed}))
            own = Array(
                f"{self.key}a{number}",
                unique_name(model, f"{array.name}_{self.loop.name}".replace(".", "_")),
                array.dtype,
                tuple(box.extents[d] for d in kept),
                place=array.place,
            )
            self.parts[array] = _Part(number, touched, box, own, kept, self.scope_of(array))
            model = replace(model, arrays=(*model.arrays, own))
        inner = sorted(self.needs.inner, key=lambda array: array.key)
        model, self.twins = twin_arrays(model, inner, self.key)
        return replace(model, origins=(*model.origins, *self.origins(model)))

    def readers(self, array: Array) -> list[Statement]:
        """The statements in the loop that use an array."""
        return [s for s in self.users if any(access.array == array for access in s.accesses)]

    def box(self, array: Array, touched: isl.Map) -> Box:
        """The part of an array that an iteration keeps: all of it where a call gets it whole."""
        users = (*self.makers, *self.users)
        if any(a.array == array and a.holds_more for s in users for a in s.accesses):
            return Box(tuple(constant(0) for _ in array.shape), array.shape, (1,) * array.rank)
        return box_around(touched, array.rank, self.its, self.state.model.parameters)

    def scope_of(self, array: Array) -> tuple[Expr, ...]:
        """The instance of an array that an iteration uses, where the array lives inside loops."""
        user = next(s for s in (*self.users, *self.makers) if any(a.array == array for a in s.accesses))
        scope = user.scope(array)
        if not scope:
            return ()
        instances = map_of(user.name, user.dims, "Z", scope).intersect_domain(user.domain)
        iterations = self.needs.prefix(user) if user in self.users else self.needs.instances[user.name]
        return self.values(iterations.apply_range(instances), array.name)

    def values(self, iterations: isl.Map, what: str) -> tuple[Expr, ...]:
        """The coordinates that a map gives for an iteration, as expressions over it."""
        found = exact_values(iterations, self.its, self.state.model.parameters)
        if found is None:
            raise self.edit.error(
                "TA241",
                f"cannot tell which {what} an iteration of {self.loop.name!r} uses",
                because=["it is no affine function of the loops around"],
                hint="choose a loop further out",
            )
        return found

    def origins(self, model: Model) -> list[isl.Map]:
        """Of which element of the old arrays each element of the new ones is a copy."""
        names = list(iter_names(self.its).values())
        named = iter_names(self.its)
        found = []
        for array, part in self.parts.items():
            slots = {dim: f"b{dim}" for dim in part.kept}
            target = [
                aff_text(low, named) + (f" + {slots[dim]}" if dim in slots else "")
                for dim, low in enumerate(part.box.lows)
            ]
            scope = [aff_text(expr, named) for expr in part.scope]
            for path in leaf_paths(array.dtype):
                left = tuple_text(model.space(part.own, path), [*names, *slots.values()])
                right = tuple_text(model.space(array, path), [*scope, *target])
                found.append(read_map(f"{{ {left} -> {right} }}"))
        return found + twin_origins(model, self.twins, self.makers, self.its)

    # -- the new statements --------------------------------------------------------------------------

    def here(self) -> tuple[Expr, ...]:
        """The iteration, in the iterators of moved statements."""
        return tuple(IterRef(it) for it in self.its)

    def copy(self, model: Model, statement: Statement, need: isl.Map) -> Statement:
        """A statement of the nest, run for each iteration that needs it."""
        name = f"{statement.name}_{self.key}"
        used = {access.array for access in statement.accesses}
        moved = {array: in_box(part.own, part.shift) for array, part in self.parts.items()}
        own = [(part.own, self.here()) for array, part in self.parts.items() if array in used]
        kept = [(array, exprs) for array, exprs in statement.scopes if array not in self.parts]
        again = replace(elsewhere(statement, moved.get), scopes=(*own, *kept))
        return made_again(model, again, name, flat_set(need, name), self.twins, self.its)

    def constant(self, source: str) -> Const | None:
        """The constant that a statement fills a whole array with, if that is what it does."""
        node = self.state.model.statement(source).node
        return node.fill if isinstance(node, Alloc) and isinstance(node.fill, Const) else None

    def given(self, model: Model) -> list[Statement]:
        """What the iteration's own arrays begin with: constants of their making, then what is copied."""
        filled: dict[Array, list[tuple[str, isl.Map]]] = {}
        copied: dict[Array, isl.Map] = {}
        for (source, array), (instances, elements) in self.needs.outside.items():
            if self.constant(source) is not None:
                filled.setdefault(array, []).append((source, instances))
            else:
                copied[array] = elements.union(copied[array]) if array in copied else elements
        made: list[Statement] = []
        for array, sources in filled.items():
            for source, instances in sources:
                # All of the part: what the nest or a copy sets is set once more, and no condition is needed.
                elements = self.parts[array].elements
                if len(sources) > 1:
                    elements = elements.intersect_domain(instances.domain())
                made.append(self.filled(model, source, array, instances, elements))
        return made + [self.copied(model, array, coalesced(elements)) for array, elements in copied.items()]

    def filled(
        self, model: Model, source: str, array: Array, instances: isl.Map, elements: isl.Map
    ) -> Statement:
        """Elements of an iteration's own array, set to the constant that `source` fills it with."""
        node, scopes, dims = self.store(array, self.constant(source))
        statement = self.state.model.statement(source)
        values = dict(zip(statement.dims, self.values(instances, array.name), strict=True))
        run = tuple(in_iters(e, values) for e in statement.instance)
        name = f"{source}_{self.key}_{self.parts[array].number}"
        domain = flat_set(elements, name)
        return make_statement(
            model, name, node, dims, domain, scopes, origin=statement.origin, origin_instance=run
        )

    def copied(self, model: Model, array: Array, elements: isl.Map) -> Statement:
        """Elements of an iteration's own array, copied from where others made them."""
        node, scopes, dims = self.store(array, None)
        name = f"{self.key}_given{self.parts[array].number}"
        return make_statement(model, name, node, dims, flat_set(elements, name), scopes, copy=True)

    def store(
        self, array: Array, value: Expr | None
    ) -> tuple[Store, dict[Array, tuple[Expr, ...]], tuple[Iter, ...]]:
        """A store of a value (None: of what the array holds) to an iteration's own array."""
        part = self.parts[array]
        its = tuple(Iter(f"{self.key}:e{dim}", f"{array.name}_{dim}") for dim in range(array.rank))
        scopes = {part.own: self.here()}
        if value is None:
            value = Load(array, tuple(IterRef(it) for it in its))
            scopes |= {array: part.scope} if part.scope else {}
        inside = tuple(slot(IterRef(its[dim]), part.shift[dim]) for dim in part.kept)
        return Store(part.own, inside, value), scopes, (*self.its, *its)

    def redirected(self, model: Model, user: Statement) -> Statement:
        """A user that reads the iteration's own arrays."""
        values = {it: loop.expr(user.name) for it, loop in zip(self.its, self.loops, strict=True)}
        scopes = dict(user.scopes)
        moved: dict[Array, Elsewhere] = {}
        for array, part in self.parts.items():
            if any(access.array == array for access in user.accesses):
                shift = {dim: in_iters(low, values) for dim, low in part.shift.items()}
                moved[array] = in_box(part.own, shift)
                scopes.pop(array, None)
                scopes[part.own] = tuple(values.values())
        return accessing(model, user, moved.get, scopes) if moved else user

    # -- the new tree, and its proof -----------------------------------------------------------------

    def finished(
        self, model: Model, moved: dict[str, Statement], given: list[Statement]
    ) -> tuple[State, str | None]:
        """The state with the new statements in their places, once that is proved right."""
        kept = self.kept(model, given)
        old = frozenset(s.name for s in kept)
        part = restrict(self.nest, frozenset(moved))
        assert part is not None
        moving = self.renamed(part, {name: s.name for name, s in moved.items()}, bool(self.needs.left))
        outermost = next((loop.key for loop in loops_in(moving)), None)
        added = [*moved.values(), *given]
        rest = restrict(self.state.tree, old)
        assert rest is not None
        values = counted_by(self.loops, self.its, [s.name for s in added])
        first = [*(self.given_nest(s) for s in given), moving]
        tree = with_statements_at(rest, self.loop.key, values, first)
        model = model.with_statements([*kept, *added], tree)
        self.prove(model, tree, moved)
        touched = (*self.makers, *self.users, *added)
        stale = frozenset(access.space for s in touched for access in s.accesses)
        state = self.state.with_twins(self.twins).with_model(model, tree, stale)
        return state.with_tree(_without_once(state, {loop.key for loop in loops_in(moving)})), outermost

    def kept(self, model: Model, given: list[Statement]) -> list[Statement]:
        """The statements that were there and stay, with the instances that stay."""
        inside = {s.name for s in self.makers}
        readers = {s.name for s in self.users}
        found: list[Statement] = []
        for statement in self.state.model.statements:
            if statement.name in inside:
                domain = self.needs.left.get(statement.name)
                if domain is not None and not domain.is_empty():
                    found.append(statement.within(domain))
            else:
                found.append(self.redirected(model, statement) if statement.name in readers else statement)
        running = [s for s in (*found, *given) if not isinstance(s.node, Alloc)]
        gone = self.parts.keys() - {access.array for s in running for access in s.accesses}
        return [s for s in found if not (isinstance(s.node, Alloc) and s.node.array in gone)]

    def renamed(self, nest: Tree, names: dict[str, str], stays: bool) -> Tree:
        """The nest over the moved statements; its loops get new names where theirs are taken."""
        taken = {loop.name for loop in (*self.loops, *loops_in(self.loop.body))}
        number = count()

        def change(loop: LoopNode) -> Tree:
            exprs = tuple((names[name], expr) for name, expr in loop.exprs)
            name = self.edit.fresh(loop.name, taken) if stays or loop.name in taken else loop.name
            taken.add(name)
            key = f"{self.key}_{next(number)}" if stays else loop.key
            return replace(loop, key=key, name=name, exprs=exprs, band=None)

        return renamed_leaves(map_loops(nest, change), names)

    def given_nest(self, statement: Statement) -> Tree:
        """The loops that set the iteration's own array."""
        node = statement.node
        assert isinstance(node, Store)
        name = statement.name
        part = next(part for part in self.parts.values() if part.own == node.array)
        its = statement.dims[len(self.its) :]
        loops = []
        for dim, inside in zip(part.kept, node.indices, strict=True):
            it = Iter(f"{name}:{its[dim].key}", self.edit.fresh(f"{its[dim].name}_init"))
            loops.append((it, {name: inside}))
        return nest(Leaf(name), loops)

    def prove(self, model: Model, tree: Tree, moved: dict[str, Statement]) -> None:
        """Check that every read still gets its value from the same write."""
        state = self.state
        sources = {s.name: state.model.statement(name) for name, s in moved.items()}
        ends = (state.model, state.tree), (model, tree)
        try:
            wrong = moved_read(state.proof.base, *ends, sources, state.proof.reassociate)
        except VerifyError as error:
            raise self.edit.error("TA260", "cannot be proved right", because=[error.summary]) from error
        if wrong is not None:
            raise self.illegal(wrong, ends[1])

    def illegal(self, wrong: Difference, ends: tuple[Model, Tree]) -> IllegalScheduleError:
        """The refusal that shows the read that would see another value."""
        base = self.state.proof.base
        read = told(base, self.state.model, wrong)
        array = read.array
        assert array is not None
        if array.kind == "stream":
            return IllegalScheduleError(
                "TA210",
                f"{self.edit.what} would change the order of the queue {array.name!r}",
                because=[displaced(base, ends, wrong, array)],
                hint="s.distribute sets what does not use the queue apart, which can be moved alone",
            )
        by = read.reader
        where = "the caller" if by is None else f"iteration {by.iteration} ({by.where})"
        reason = f"moved into {self.loop.name!r}, it would be made too late, or from values since overwritten"
        hint = "choose a loop further out, or s.distribute what overwrites it"
        inside = {s.origin for s in (*self.makers, *self.users)}
        if array in self.needs.shared and by is not None and wrong.reader[0] not in inside:
            reason = f"that is outside {self.loop.name!r}, and {array.name!r} is made there only then"
            hint = "s.merge makes one loop of those that read it; choose a loop around all of them"
        return IllegalScheduleError(
            "TA210",
            f"{self.edit.what} would give a read another value",
            because=[f"{where} reads {read.element}", reason],
            hint=hint,
        )


def _without_once(state: State, keys: set[str]) -> Tree:
    """The tree, of which loops that run once where the nest is now need not be printed."""

    def change(loop: LoopNode) -> Tree:
        return replace(loop, place=None) if loop.key in keys and runs_once(state, loop) else loop

    return map_loops(state.tree, change)
