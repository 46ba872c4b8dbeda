"""`Program` to `Model` and `Tree`: every affine loop becomes a tree loop, everything else a statement.

Affine conditions narrow domains. A condition on data becomes a guard: where the guarded block holds more
than one statement, its value is stored first (in a value array), so that it is evaluated once, where
Python evaluates it. Loops with bounds that depend on data, and ``while``, are single statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.isl.instances import preimage
from tracealloc.poly.isl.texts import aff_text, cond_text, iter_names, read_set, tuple_text
from tracealloc.poly.model.accesses import accesses_of
from tracealloc.poly.model.context import ANYTHING, context_of
from tracealloc.poly.model.covers import Cover, is_among, is_seen, read_first, stored_for_sure
from tracealloc.poly.model.effects import EffectsOf
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import Leaf, LoopNode, Tree, nest, sequence
from tracealloc.trace.ir.dtype import INDEX_BITS, Integer, as_integer, boolean
from tracealloc.trace.ir.expr import (
    Compare,
    Expr,
    Iter,
    IterRef,
    Load,
    Logical,
    Unary,
    iters_of,
    rewrite,
)
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Program,
    Store,
    While,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_expressions
from tracealloc.trace.queries.affine import is_affine

__all__ = ["build_block", "build_model", "build_over", "negation", "within_loops"]

_INDEX = Integer(INDEX_BITS, True)


@dataclass(frozen=True)
class _Context:
    """Where the builder is: iterators, the constraints on them, and guards on data."""

    dims: tuple[Iter, ...] = ()
    constraints: tuple[str, ...] = ()
    guards: tuple[Expr, ...] = ()

    @property
    def names(self) -> dict[Iter, str]:
        return iter_names(self.dims)


_Side: TypeAlias = tuple[_Context, int, int]
"""One side of an `if`: where it is, and the numbers of its first and of the next statement."""


@dataclass
class _Builder:
    """`prefix` opens all names; `around` is the statement in whose place the block runs, if any.

    `names` are those that arrays have which are not seen yet. `covers` are noted with the number of
    statements when they were; `other_side` are the statements that the other sides of the ifs around them
    cover, as far as these are known. `within` is the context.
    """

    effects: EffectsOf
    prefix: str = ""
    around: Statement | None = None
    versions: Mapping[Array, int] = field(default_factory=dict)
    arrays: dict[Array, int] = field(default_factory=dict)
    within: isl.Set = ANYTHING
    names: frozenset[str] = frozenset()
    scopes: dict[Array, tuple[Expr, ...]] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    covers: list[tuple[int, Cover]] = field(default_factory=list)
    other_side: set[int] = field(default_factory=set)
    loops: int = 0
    bands: int = 0

    def space(self, array: Array) -> str:
        number, version = self.arrays.setdefault(array, len(self.arrays)), self.versions.get(array)
        return f"A{number}" + (f"_v{version}" if version else "")

    def scope(self, context: _Context) -> tuple[Expr, ...]:
        """Which instance of an array made here a statement uses."""
        outer = () if self.around is None else self.around.instance
        inner = context.dims if self.around is None else context.dims[len(self.around.dims) :]
        return (*outer, *(IterRef(it) for it in inner))

    def block(self, block: Block, context: _Context) -> Tree | None:
        parts: list[Tree] = []
        for node in block:
            part = self.node(node, context)
            if part is not None:
                parts.append(part)
        return sequence(parts) if parts else None

    def node(self, node: Node, context: _Context) -> Tree | None:
        match node:
            case Loop(start=start, stop=stop) if _known(start, context) and _known(stop, context):
                return self.loop(node, context)
            case If():
                return self.branch(node, context)
            case Alloc(array, fill):
                self.scopes[array] = self.scope(context)
                self.space(array)
                return self.statement(node, context) if fill is not None else None
            case Store(array) if array.kind == "value":
                self.scopes[array] = self.scope(context)
                return self.statement(node, context)
            case Loop() | While() | Store() | Call():
                return self.statement(node, context)

    def loop(self, node: Loop, context: _Context) -> Tree | None:
        inner = replace(context, dims=(*context.dims, node.iter))
        inner = replace(inner, constraints=(*context.constraints, *_bounds(node, inner.names)))
        first = len(self.statements)
        key = f"{self.prefix}l{self.loops}"
        self.loops += 1
        body = self.block(node.body, inner)
        if body is None:
            return None
        exprs = tuple((s.name, IterRef(node.iter)) for s in self.statements[first:])
        return LoopNode(
            key,
            node.iter.name,
            exprs,
            body,
            descending=node.step < 0,
            band=node.band,
            reduction=node.reduction,
            step=abs(node.step),
            marks=node.marks,
            place=node.place,
        )

    def branch(self, node: If, context: _Context) -> Tree | None:
        if is_affine(node.cond) and _known(node.cond, context):
            text, other = (cond_text(node.cond, context.names, negate) for negate in (False, True))
            then = replace(context, constraints=(*context.constraints, text))
            orelse = replace(context, constraints=(*context.constraints, other))
            parts = [self.block(node.then, then), self.block(node.orelse, orelse)]
        else:
            parts = []
            cond = node.cond
            if not _is_simple_guard(node):
                value = self.guard_value(node)
                parts.append(self.node(Store(value, (), cond, place=node.place), context))
                cond = Load(value, place=node.place)
            then = replace(context, guards=(*context.guards, cond))
            orelse = replace(context, guards=(*context.guards, negation(cond)))
            first = len(self.statements)
            parts.append(self.block(node.then, then))
            middle = len(self.statements)
            parts.append(self.block(node.orelse, orelse))
            self.cover(context, (then, first, middle), (orelse, middle, len(self.statements)))
        kept = [part for part in parts if part is not None]
        return sequence(kept) if kept else None

    def cover(self, context: _Context, then: _Side, orelse: _Side) -> None:
        """Note what both sides of an `if` store, and which statements of the first the second covers."""
        count = len(context.dims)
        mine, other = self.stored(then, count), self.stored(orelse, count)
        reads = read_first(self.statements[orelse[1] : orelse[2]], orelse[0].guards, count)
        self.other_side.difference_update(range(orelse[1], orelse[2]))
        for k in range(then[1], then[2]):
            statement = self.statements[k]
            sure = [access for access in statement.writes if access.sure]
            inside = statement.guards == then[0].guards or k in self.other_side
            self.other_side.discard(k)
            among = sure and all(is_among(access, count, other) for access in sure)
            if inside and among and not any(is_seen(access, reads, count) for access in sure):
                self.other_side.add(k)
            if k in self.other_side and not context.guards:
                statement = replace(statement, covered=True)
                self.statements[k] = replace(statement, accesses=self.accesses(statement))
        both = {
            space: mine[space].intersect(other[space])
            for space in mine.keys() & other.keys()
            if mine[space].get_space().is_equal(other[space].get_space())  # not one array made twice
        }
        if both:
            self.covers.append((orelse[2], Cover(context.guards, both)))

    def stored(self, side: _Side, count: int) -> dict[str, isl.Map]:
        """What one side of an `if` certainly stores in an iteration of the loops around it."""
        context, first, last = side
        covers = [cover for position, cover in self.covers if first < position <= last]
        return stored_for_sure(self.statements[first:last], covers, context.guards, count)

    def accesses(self, statement: Statement) -> tuple[Access, ...]:
        s = statement
        places = s.name, s.dims, s.domain, self.scopes
        return accesses_of(s.node, s.guards, *places, self.space, self.effects, s.covered)

    def guard_value(self, node: If) -> Array:
        key = f"{self.prefix}guard:{len(self.statements)}"
        taken = {array.name for array in self.arrays} | self.names
        name = next(f"c{n}" for n in range(len(taken) + 1) if f"c{n}" not in taken)
        return Array(key, name, boolean, (), "value", place=node.place)

    def statement(self, node: Node, context: _Context) -> Tree:
        name = f"{self.prefix}S{len(self.statements)}"
        names = context.names
        where = f" : {' and '.join(context.constraints)}" if context.constraints else ""
        domain = read_set(f"{{ {tuple_text(name, names.values())}{where} }}")
        if self.within is not ANYTHING:
            domain = domain.intersect_params(self.within)
        if self.around is not None:
            domain = domain.intersect(preimage(self.around.domain, name, context.dims))
        made = Statement(name, context.dims, domain, node, context.guards, origin=name)
        made = replace(made, accesses=self.accesses(made))
        used = {access.array for access in made.accesses}
        if isinstance(node, Alloc):
            used.add(node.array)
        scopes = tuple((a, self.scopes[a]) for a in self.scopes if a in used and self.scopes[a])
        self.statements.append(replace(made, scopes=scopes))
        return Leaf(name)


def _bounds(node: Loop, names: Mapping[Iter, str]) -> list[str]:
    """The values of a loop as constraints on its iterator."""
    it, start, stop = names[node.iter], aff_text(node.start, names), aff_text(node.stop, names)
    bounds = [f"{start} <= {it} < {stop}" if node.step > 0 else f"{stop} < {it} <= {start}"]
    if abs(node.step) != 1:
        bounds.append(f"({it} - ({start})) mod {abs(node.step)} = 0")
    return bounds


def within_loops(model: Model, statement: Statement) -> isl.Set:
    """The iterations of the loops that the user wrote around a statement, whatever conditions are in them.

    The statement's domain where these are not the loops of its iterators: a step has made it.
    """
    loops: dict[Iter, Loop] | None = model.program.memo.get("loops")
    if loops is None:
        loops = {n.iter: n for n in walk_nodes(model.program.body) if isinstance(n, Loop)}
        model.program.memo["loops"] = loops
    if not all(it in loops for it in statement.dims):
        return statement.domain
    names = iter_names(statement.dims)
    bounds = [text for it in statement.dims for text in _bounds(loops[it], names)]
    where = f" : {' and '.join(bounds)}" if bounds else ""
    runs = read_set(f"{{ {tuple_text(statement.name, names.values())}{where} }}")
    return runs if model.context is ANYTHING else runs.intersect_params(model.context)


def _known(expr: Expr, context: _Context) -> bool:
    return is_affine(expr) and iters_of(expr) <= set(context.dims)


def _is_simple_guard(node: If) -> bool:
    """Whether the condition may be evaluated at each guarded statement instead of once.

    True for a stored value or a scalar that is passed, and for a single guarded store that nothing else
    depends on.
    """
    cond = node.cond
    if isinstance(cond, Load) and not cond.array.rank and cond.array.kind in ("value", "argument"):
        return not any(isinstance(n, Store) and n.array == cond.array for n in walk_nodes((node,)))
    return not node.orelse and len(node.then) == 1 and isinstance(node.then[0], Store)


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def negation(cond: Expr) -> Expr:
    """The opposite of a condition (comparisons of floats are wrapped: NaN is neither)."""
    match cond:
        case Unary(op="not", operand=operand):
            return operand
        case Compare(op=op, left=left, right=right) if _is_whole(left) and _is_whole(right):
            return Compare(_OPPOSITE[op], left, right)
        case Logical(op=op, operands=operands):
            return Logical("or" if op == "and" else "and", tuple(negation(part) for part in operands))
        case _:
            return Unary("not", cond, boolean)


def _is_whole(expr: Expr) -> bool:
    return as_integer(expr.dtype) is not None


def build_block(
    block: Block, prefix: str, around: Statement, scopes: Mapping[Array, tuple[Expr, ...]], model: Model
) -> tuple[tuple[Statement, ...], tuple[Array, ...], Tree | None]:
    """The statements and the tree of a block that runs in the place of the statement `around` of `model`.

    `scopes` are those of arrays that are made elsewhere. The arrays of the answer begin with the model's.
    """
    versions = dict(model.versions)
    builder = _Builder(model.effects, prefix, around, versions, scopes=dict(scopes), within=model.context)
    for array in model.arrays:
        builder.space(array)
    tree = builder.block(block, _Context(around.dims, guards=around.guards))
    return tuple(builder.statements), tuple(builder.arrays), tree


def build_model(program: Program, effects: EffectsOf) -> tuple[Model, Tree]:
    """The statements of a traced program and the tree of its own order; `effects` tells what calls do."""
    stored = frozenset(node.array.name for node in walk_nodes(program.body) if isinstance(node, Store))
    builder = _Builder(effects, names=stored, within=context_of(program))
    return _built(program, builder, _Context(), program.body)


def build_over(program: Program, effects: EffectsOf, scalars: Mapping[Array, Iter]) -> tuple[Model, Tree]:
    """The statements of a program for every value of some integer scalars, their first iterators."""
    its = tuple(scalars.values())
    values = {array: IterRef(it) for array, it in scalars.items()}

    def load(expr: Expr) -> Expr | None:
        return values.get(expr.array) if isinstance(expr, Load) else None

    body = tuple(map_expressions(node, lambda expr: rewrite(expr, load)) for node in program.body)
    ends = [scalar.dtype if isinstance(scalar.dtype, Integer) else _INDEX for scalar in scalars]
    names = iter_names(its)
    held = [f"{end.low} <= {names[it]} <= {end.high}" for it, end in zip(its, ends, strict=True)]
    model, tree = _built(program, _Builder(effects), _Context(its, tuple(held)), body)
    return model, nest(tree, [(it, {s.name: IterRef(it) for s in model.statements}) for it in its])


def _built(program: Program, builder: _Builder, context: _Context, body: Block) -> tuple[Model, Tree]:
    for argument in program.args:
        builder.space(argument)
    tree = builder.block(body, context) or sequence(())
    for node in walk_nodes(body):
        if isinstance(node, Alloc):
            builder.space(node.array)
    arrays = tuple(builder.arrays)
    return Model(
        program, tuple(builder.statements), arrays, tree, builder.effects, context=builder.within
    ), tree
