"""Where arrays that live inside loops are declared after scheduling, and how large they must be.

A scoped array has one instance per iteration of the loops around its allocation. It is declared in the
innermost loop of the schedule within which each instance lives and dies; the scope dimensions that this
loop fixes vanish from its storage ("contraction"), the others stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce

import islpy as isl

from tracealloc.poly.codegen.listed_lives import ListedLives, listed_lives
from tracealloc.poly.dependence.dependence import Paths, Step, paths_of
from tracealloc.poly.dependence.stretched import Looped, looped, stretched
from tracealloc.poly.isl.affine_bounds import lower_bounds, offsets
from tracealloc.poly.isl.budget import EXTENTS, STORAGE, Spent, limited
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.named import dim_bounds, drop_range_dims, map_text, with_tuple
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import aff_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import LoopNode, Tree
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Const, Expr, Iter, IterRef, iters_of, rewrite, substitute
from tracealloc.trace.ir.program import Array
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["Declaration", "storage_of", "storages"]


@dataclass(frozen=True)
class Declaration:
    """A declaration: the array as stored, the loops outside it, and the scope dimensions that stay.

    `kept` pairs a scope dimension with its least value in an iteration of the loops (the first stored
    index), over `its`, which stand for the values of the loops.
    """

    array: Array
    loops: tuple[LoopNode, ...]
    kept: tuple[tuple[int, Expr], ...] = ()
    its: tuple[Iter, ...] = ()

    @property
    def owner(self) -> str | None:
        """The key of the loop whose body declares the array (None: the kernel's top)."""
        return self.loops[-1].key if self.loops else None

    def indices(self, statement: Statement, array: Array) -> tuple[Expr, ...]:
        """The extra leading indices of an access to `array`, over the iterators of its statement."""
        scope = statement.scope(array)
        values = {it: loop.expr(statement.name) for it, loop in zip(self.its, self.loops, strict=False)}
        return tuple(
            simplify(Binary("-", scope[dim], substitute(low, values), index)) for dim, low in self.kept
        )


def storage_of(model: Model, tree: Tree, array: Array, apart: bool = False) -> Declaration:
    """The declaration of one array in the order of `tree`.

    `apart`: no two instances share an element, whether or not they live at the same time.
    """
    known = _remembered(model, tree)
    if not apart and array in known:
        return known[array]
    users = _users(model).get(array)
    found = _storage(model, array, users, paths_of(tree), apart) if users else Declaration(array, ())
    return found if apart else known.setdefault(array, found)


def storages(model: Model, tree: Tree) -> dict[Array, Declaration]:
    """The declaration of every array that lives inside loops."""
    users, known, paths = _users(model), _remembered(model, tree), paths_of(tree)
    for array, statements in users.items():
        if array not in known:
            known[array] = _storage(model, array, statements, paths)
    return {array: known[array] for array in users}


def _users(model: Model) -> dict[Array, list[Statement]]:
    """The arrays that live inside loops, each with the statements that use it."""
    found: dict[Array, list[Statement]] | None = model.memo.get("scoped")
    if found is None:
        found = {}
        for statement in model.statements:
            for array, exprs in statement.scopes:
                if exprs:
                    found.setdefault(array, []).append(statement)
        model.memo["scoped"] = found
    return found


def _remembered(model: Model, tree: Tree) -> dict[Array, Declaration]:
    """What is known of the declarations in the order that was last asked about."""
    last, known = model.memo.get("storage", (None, {}))
    if last is not tree:
        known = {}
        model.memo["storage"] = (tree, known)
    found: dict[Array, Declaration] = known
    return found


def _shared(statements: list[Statement], paths: Paths) -> tuple[LoopNode, ...]:
    """The loops around all of some statements."""
    first: tuple[Step, ...] = paths[statements[0].name]
    depth = len(first)
    for other in statements[1:]:
        path = paths[other.name]
        same = 0
        while same < min(depth, len(path)) and _same_step(first[same], path[same]):
            same += 1
        depth = same
    return _loops_of(first[:depth])


def _loops_of(path: Sequence[Step]) -> tuple[LoopNode, ...]:
    return tuple(step.loop for step in path if step.loop is not None)


def _same_step(a: Step, b: Step) -> bool:
    if a.loop is None or b.loop is None:
        return a.loop is b.loop and a.position == b.position
    return a.loop.key == b.loop.key


def _storage(
    model: Model, array: Array, statements: list[Statement], paths: Paths, apart: bool = False
) -> Declaration:
    loops = _shared(statements, paths)
    rank = len(statements[0].scope(array))
    # The usual case needs no isl: the loops around are exactly the scope.
    if len(loops) >= rank and all(
        loops[depth].expr(s.name) == s.scope(array)[depth] for s in statements for depth in range(rank)
    ):
        return Declaration(replace(array, scope=()), loops[:rank])
    uses = _uses(array, statements, paths)
    found = _contracted(uses, len(loops))
    if found is None:  # every instance has a place of its own
        own = _Lives.of(uses, 0, [use.at.domain for use in uses])
        return _with_kept(model, array, own.times_to_scopes(0), (), range(rank), apart)
    count, varying, relation = found
    return _with_kept(model, array, relation, loops[:count], varying, apart)


@dataclass(frozen=True, slots=True)
class _Use:
    """How a statement uses an array: its instances in the loops around it, and `scope`, over these.

    Statements that differ in nothing but their name are one use.
    """

    at: Looped
    scope: tuple[Expr, ...]


def _uses(array: Array, statements: list[Statement], paths: Paths) -> tuple[_Use, ...]:
    """The ways in which some statements use an array, each once."""
    return tuple(dict.fromkeys(_Use(looped(s, _loops_of(paths[s.name])), s.scope(array)) for s in statements))


@remembered(256)
def _contracted(uses: tuple[_Use, ...], depth: int) -> tuple[int, tuple[int, ...], isl.Map] | None:
    """How many of the `depth` loops around all users are around the declaration, outermost first: the most.

    With it the scope dimensions that stay, and the instances in an iteration of these loops. None: isl
    takes too long.
    """
    domains = stretched([use.at for use in uses])
    listed = listed_lives([(use.at, use.scope) for use in uses], domains[None], depth)
    try:
        with limited(STORAGE):
            own = _Lives.of(uses, depth, [use.at.domain for use in uses])
            if listed is None:
                lives = [_Lives.of(uses, depth, each) for each in domains.values()]
                count, varying = _asked(
                    uses, lambda count: [each.times_to_scopes(count) for each in lives], depth
                )
            else:
                count, varying = _from_list(uses, listed, domains, depth)
            return count, varying, own.times_to_scopes(count)
    except isl.Error:
        return None


def _asked(
    uses: tuple[_Use, ...], wide: Callable[[int], list[isl.Map]], most: int
) -> tuple[int, tuple[int, ...]]:
    """How many of the first `most` loops are around the declaration, and what stays of the scope.

    `wide` are iterations of so many loops -> the instances used in them, one for each way to see domains.
    """
    for count in range(most, -1, -1):
        relations = wide(count)
        if all(relation.reverse().is_single_valued() for relation in relations):
            fixed = (
                all(drop_range_dims(relation, [dim]).is_single_valued() for relation in relations)
                for dim in range(len(uses[0].scope))
            )
            return count, tuple(dim for dim, one in enumerate(fixed) if not one)
    raise AssertionError("an empty prefix is always single-valued")


def _from_list(
    uses: tuple[_Use, ...],
    listed: ListedLives,
    domains: Mapping[Iter | None, Sequence[isl.Set]],
    depth: int,
) -> tuple[int, tuple[int, ...]]:
    """The same where all uses are listed.

    What the list says is right for these extents. That ranks should not depend on them is worth asking isl
    for where that is cheap.
    """
    count = listed.outer
    more: tuple[int, ...] = ()
    with suppress(Spent), limited(EXTENTS):
        freed = {it: _Lives.of(uses, depth, each) for it, each in domains.items() if it is not None}
        count, more = _asked(
            uses,
            lambda count: [f.times_to_scopes(count) for it, f in freed.items() if _matters(uses, count, it)],
            count,
        )
    rank = len(uses[0].scope)
    return count, tuple(dim for dim in range(rank) if dim in more or not listed.is_fixed(dim, count))


def _matters(uses: tuple[_Use, ...], count: int, it: Iter) -> bool:
    """Whether an iterator has a say in when, up to some depth, and as what instance an array is used."""
    return any(it in iters_of(expr) for use in uses for expr in (*use.at.values[:count], *use.scope))


@dataclass(frozen=True)
class _Lives:
    """When the instances of an array are used in the iterations of some loops.

    `known` are sets of instances, by the values of the loops as functions of the instance; `rest` are the
    uses for which these are none by their looks, with their domains.
    """

    rank: int
    known: Mapping[tuple[str, ...], isl.Set]
    rest: tuple[tuple[_Use, isl.Set], ...]

    @staticmethod
    def of(uses: tuple[_Use, ...], depth: int, domains: Sequence[isl.Set]) -> _Lives:
        """The lives in the outermost loops where the uses have the given domains."""
        alike: dict[tuple[str, ...], dict[str, isl.Set]] = {}  # each once: statements of one body are
        rest: list[tuple[_Use, isl.Set]] = []
        for use, domain in zip(uses, domains, strict=True):
            forms = [_of_instance(value, use.scope) for value in use.at.values[:depth]]
            form = tuple(text for text in forms if text is not None)
            if len(form) < len(forms):
                rest.append((use, domain))
                continue
            used = domain.apply(use.at.onto("Z", use.scope))
            alike.setdefault(form, {}).setdefault(str(used), used)
        known = {form: coalesced(reduce(isl.Set.union, sets.values())) for form, sets in alike.items()}
        return _Lives(len(uses[0].scope), known, tuple(rest))

    def times_to_scopes(self, count: int) -> isl.Map:
        """Iterations of the first `count` loops -> the instances used in them."""
        forms: dict[tuple[str, ...], isl.Set] = {}
        for form, used in self.known.items():
            outer = form[:count]
            forms[outer] = forms[outer].union(used) if outer in forms else used
        names = [f"z{dim}" for dim in range(self.rank)]
        parts = dict.fromkeys(
            map_text("Z", names, "T", form).intersect_domain(coalesced(used)).reverse()
            for form, used in forms.items()
        )
        for use, domain in self.rest:
            times = use.at.onto("T", use.at.values[:count]).intersect_domain(domain)
            parts[times.reverse().apply_range(use.at.onto("Z", use.scope))] = None
        return reduce(isl.Map.union, parts)


@remembered(1 << 13)
def _of_instance(expr: Expr, scope: tuple[Expr, ...]) -> str | None:
    """An expression as a function of the instance of an array; None where it does not look so."""
    its = [Iter(f"instance:{dim}", f"z{dim}") for dim in range(len(scope))]
    known: dict[Expr, Expr] = {
        expr: IterRef(it) for it, expr in zip(its, scope, strict=True) if not isinstance(expr, Const)
    }
    found = rewrite(expr, known.get)
    return aff_text(found, {it: it.name for it in its}) if iters_of(found) <= set(its) else None


def _with_kept(
    model: Model,
    array: Array,
    relation: isl.Map,
    loops: tuple[LoopNode, ...],
    varying: Sequence[int],
    apart: bool,
) -> Declaration:
    its = () if apart else tuple(Iter(f"storage:{loop.key}", loop.name) for loop in loops)
    kept: list[tuple[int, Expr]] = []
    extents: list[int] = []
    parameters = tuple(model.parameters.items())
    for dim in varying:
        low, extent = _least(with_tuple(drop_range_dims(relation, [dim]), "Z"), its, parameters)
        kept.append((dim, low))
        extents.append(extent)
    stored = replace(array, shape=(*extents, *array.shape), scope=())
    if kept and stored.kind == "value":
        stored = replace(stored, kind="local")
    return Declaration(stored, loops, tuple(kept), its)


@remembered(1024)
def _least(
    values: isl.Map, its: tuple[Iter, ...], parameters: tuple[tuple[str, Expr], ...]
) -> tuple[Expr, int]:
    """The least value at given values of loops, as an expression over these, and the extent from it."""
    if values.is_empty():  # code that never runs
        return constant(0), 1
    low, high = dim_bounds(values.range(), 0)
    best: tuple[Expr, int] = constant(low), high - low + 1
    for expr in lower_bounds(values, 0, its, dict(parameters)) if its else ():
        least, greatest = offsets(values, 0, expr, its)
        if least >= 0 and greatest + 1 < best[1]:
            best = expr, greatest + 1
    return best
