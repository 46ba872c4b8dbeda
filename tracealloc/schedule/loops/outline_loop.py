"""A loop, with all inside it, cut out of a function's schedule as a function of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import islpy as isl

from tracealloc.poly.codegen.contraction import storage_of
from tracealloc.poly.codegen.lower import lower
from tracealloc.poly.isl.affine_bounds import lower_bounds
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.named import dim_bounds, drop_range_dims, map_of, range_dims
from tracealloc.poly.isl.texts import Parameters, read_map, tuple_text
from tracealloc.poly.model.model import Access, Statement
from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Tree,
    map_loops,
    path_to,
    restrict,
    statements_of,
)
from tracealloc.poly.model.tree import Sequence as Seq
from tracealloc.schedule.core.chains import loop_values
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.schedule.layout.derive import as_declared
from tracealloc.schedule.layout.requests import Request
from tracealloc.schedule.loops.expansion import Piece
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.affine import constant
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, Load, iters_of, loads_of, substitute
from tracealloc.trace.ir.layout import UNMARKED
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Parameter,
    Program,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
    map_blocks,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_expressions, replace_arrays
from tracealloc.trace.record.naming import unused

__all__ = ["Cut", "cut_loop", "cut_opaque", "stored_scalars"]


@dataclass(frozen=True)
class Cut:
    """The callee, what is asked of its arrays, the statement that calls it, and what that stands for."""

    callee: Program
    requests: tuple[Request, ...]
    call: Statement
    piece: Piece
    tree: Tree


def cut_loop(state: State, loop: LoopNode, name: str, call: str) -> Cut | Array | str:
    """`loop` as the function `name`, called by a new statement `call`; or why that is not possible.

    An array: one call would use several of its instances.
    """
    path = path_to(state.tree, lambda node: isinstance(node, LoopNode) and node.key == loop.key)
    assert path is not None
    above = tuple(node for node, _ in path[:-1] if isinstance(node, LoopNode))
    inside = [s for s in state.model.statements if s.name in statements_of(loop)]
    dims = tuple(Iter(f"{call}:{outer.key}", outer.name) for outer in above)
    values = {s.name: tuple(outer.expr(s.name) for outer in above) for s in inside}
    onto = {s.name: map_of(s.name, s.dims, call, values[s.name]).intersect_domain(s.domain) for s in inside}
    own = _own_arrays(state, frozenset(values), len(above))
    found = _body(state, loop, above, own)
    if isinstance(found, str):
        return found
    body, requests = found
    outer = {Iter(node.key, node.name): it for node, it in zip(above, dims, strict=True)}
    ends = [loop_values(state.model, each) or (0, 0) for each in above]
    program, bare = called(body, dict(zip(outer, ends, strict=True)), name, loop.place)
    at: dict[Iter, Expr] = {old: IterRef(new) for old, new in outer.items()}
    node = map_expressions(bare, lambda expr: substitute(expr, at))
    scopes = _scopes(inside, own, onto, dims, state.model.parameters)
    if isinstance(scopes, Array):
        return scopes
    domain = onto[inside[0].name].range()
    for other in inside[1:]:
        domain = domain.union(onto[other.name].range())
    statement = Statement(call, dims, coalesced(domain), node, (), (), tuple(scopes.items()), call)
    statement = replace(statement, accesses=_accesses(statement, inside, own, onto))
    piece = Piece(name, call, dims, tuple(inside), loop, tuple(values[s.name] for s in inside))
    pairs = {node.key: (call, IterRef(it)) for node, it in zip(above, dims, strict=True)}
    return Cut(
        program, requests, statement, piece, _with_leaf(state.tree, loop.key, frozenset(values), call, pairs)
    )


def _with_leaf(
    tree: Tree, key: str, gone: frozenset[str], call: str, pairs: dict[str, tuple[str, IterRef]]
) -> Tree:
    def change(node: LoopNode) -> Tree:
        if node.key == key:
            return Leaf(call)
        if node.key not in pairs:
            return node
        kept = tuple(pair for pair in node.exprs if pair[0] not in gone)
        return replace(node, exprs=(*kept, pairs[node.key]))

    return map_loops(tree, change)


def cut_opaque(state: State, loop: OpaqueLoop, name: str, call: str) -> Cut:
    """A loop inside a statement with its own control flow as the function `name`."""
    statement = state.model.statement(loop.statement)
    calls: list[Call] = []
    runs = not statement.domain.is_empty()
    ends = [dim_bounds(statement.domain, k) if runs else (0, 0) for k in range(len(statement.dims))]
    known: dict[Iter, tuple[int, int] | None] = dict(zip(statement.dims, ends, strict=True))

    def change(node: Node, inner: tuple[Iter, ...]) -> Node:
        if isinstance(node, Loop | While) and node.iter == loop.loop.iter:
            above = {**known, **dict.fromkeys(inner)}
            _, cut = called((node,), above, name, node.place)
            calls.append(cut)
            return cut
        deeper = (*inner, node.iter) if isinstance(node, Loop) else inner
        return map_blocks(node, lambda block: tuple(change(part, deeper) for part in block))

    node = change(statement.node, ())
    refs = tuple(IterRef(it) for it in statement.dims)
    onto = map_of(call, statement.dims, statement.name, refs)
    passed = {part.array for part in calls[0].args if isinstance(part, Region)}
    changed = replace(
        statement,
        name=call,
        node=node,
        domain=statement.domain.set_tuple_name(call),
        origin=call,
        origin_instance=None,
    )
    accesses = tuple(
        _passed_whole(access.of(onto), changed) if access.array in passed else access.of(onto)
        for access in statement.accesses
    )
    changed = replace(changed, accesses=accesses)
    piece = Piece(name, call, statement.dims, (statement,), Leaf(statement.name), (refs,))

    def rename(node: LoopNode) -> Tree:
        exprs = tuple((call if who == statement.name else who, expr) for who, expr in node.exprs)
        return replace(node, exprs=exprs)

    tree = _renamed_leaf(map_loops(state.tree, rename), statement.name, call)
    return Cut(calls[0].program, state.requests, changed, piece, tree)


def _renamed_leaf(tree: Tree, old: str, new: str) -> Tree:
    match tree:
        case Leaf(statement):
            return Leaf(new) if statement == old else tree
        case LoopNode(body=body):
            return replace(tree, body=_renamed_leaf(body, old, new))
        case Seq(children):
            return Seq(tuple(_renamed_leaf(child, old, new) for child in children))


def _own_arrays(state: State, inside: frozenset[str], depth: int) -> frozenset[Array]:
    """The arrays that only some statements use, made anew in each iteration of the `depth` loops around."""
    model = state.model
    users: dict[Array, set[str]] = {}
    made: set[Array] = set()
    for statement in model.statements:
        for access in statement.accesses:
            users.setdefault(access.array, set()).add(statement.name)
        if isinstance(statement.node, Alloc):
            users.setdefault(statement.node.array, set()).add(statement.name)
            made.add(statement.node.array)
        made.update(array for array, exprs in statement.scopes if exprs)
    local = ("local", "value")
    found = [a for a, names in users.items() if names <= inside and a in made and a.kind in local]
    return frozenset(a for a in found if len(storage_of(model, state.tree, a).loops) >= depth)


def _body(
    state: State, loop: LoopNode, above: Sequence[LoopNode], own: frozenset[Array]
) -> tuple[Block, tuple[Request, ...]] | str:
    """The lowered loop, in one iteration of the loops around it, and what is asked of its arrays."""
    model = state.model
    inside = statements_of(loop)
    kept = [_without_scopes(s, own) for s in model.statements if s.name in inside]
    tree = restrict(state.tree, inside)
    assert tree is not None
    bare = {outer.key for outer in above}
    tree = map_loops(
        tree, lambda node: replace(node, marks=UNMARKED, band=None) if node.key in bare else node
    )
    part = replace(model, statements=tuple(kept), reference=tree)
    program = lower(part, tree)
    within = [n for s in kept if not isinstance(s.node, Alloc) for n in walk_nodes((s.node,))]
    block = _filled(program.body, own | {n.array for n in within if isinstance(n, Alloc)})
    guards: list[If] = []
    for outer in above:
        while len(block) == 1 and isinstance(block[0], If) and not block[0].orelse:
            if loads_of(block[0].cond):  # of the others the call's own domain says when it runs
                guards.append(block[0])
            block = block[0].then
        first = block[0] if len(block) == 1 else None
        if isinstance(first, Loop) and first.iter.key == outer.key:
            block = first.body
        elif any(isinstance(n, Loop) and n.iter.key == outer.key for n in walk_nodes(block)):
            arrays = [n.array.name for n in block if isinstance(n, Alloc)]
            return f"{', '.join(arrays) or 'its code'} lives across iterations of {outer.name!r}"
    for guard in reversed(guards):
        block = (replace(guard, then=block),)
    asked = [
        each for array in part.arrays for each in as_declared(state.requests, storage_of(part, tree, array))
    ]
    return block, tuple(asked)


def _filled(block: Block, own: frozenset[Array]) -> Block:
    """A block that does not make the arrays of others, but fills those that it would have filled."""
    found: list[Node] = []
    for node in block:
        if not isinstance(node, Alloc) or node.array in own:
            found.append(map_blocks(node, lambda inner: _filled(inner, own)))
        elif node.fill is not None:
            found.append(_fill(node.array, node.fill, node.place))
    return tuple(found)


def _fill(array: Array, fill: Expr, place: Place | None) -> Node:
    """A loop nest that stores one value to every element."""
    its = [Iter(f"{array.key}:fill{k}", f"{array.name}_{k}") for k in range(array.rank)]
    node: Node = Store(array, tuple(IterRef(it) for it in its), fill, place=place)
    for it, extent in zip(reversed(its), reversed(array.shape), strict=True):
        node = Loop(it, constant(0), constant(extent), 1, (node,), place=place)
    return node


def _without_scopes(statement: Statement, own: frozenset[Array]) -> Statement:
    """A statement to which arrays that are made elsewhere are whole arguments."""
    return replace(statement, scopes=tuple((a, exprs) for a, exprs in statement.scopes if a in own))


def _scopes(
    inside: Sequence[Statement],
    own: frozenset[Array],
    onto: dict[str, isl.Map],
    dims: tuple[Iter, ...],
    parameters: Parameters,
) -> dict[Array, tuple[Expr, ...]] | Array:
    """The instances of arrays made outside that a call uses, over the loops around it.

    Or an array of which it uses several.
    """
    found: dict[Array, tuple[Expr, ...]] = {}
    for array in dict.fromkeys(a for s in inside for a, exprs in s.scopes if exprs and a not in own):
        used: isl.Map | None = None
        for statement in inside:
            if statement.scope(array):
                onto_scope = map_of(statement.name, statement.dims, "Z", statement.scope(array))
                part = onto[statement.name].reverse().apply_range(onto_scope)
                used = part if used is None else used.union(part)
        assert used is not None
        exprs = _function(coalesced(used), dims, parameters)
        if exprs is None:
            return array
        found[array] = exprs
    return found


def _function(relation: isl.Map, dims: tuple[Iter, ...], parameters: Parameters) -> tuple[Expr, ...] | None:
    """A relation as affine expressions of its input, or None."""
    if not relation.is_single_valued():
        return None
    name = relation.domain().get_tuple_name()
    rank = range_dims(relation)
    found: list[Expr] = []
    for dim in range(rank):
        for expr in [*(IterRef(it) for it in dims), *lower_bounds(relation, dim, dims, parameters)]:
            trial = map_of(name, dims, "Z", [*found, expr, *([constant(0)] * (rank - dim - 1))])
            if _agrees(relation, trial, dim):
                found.append(expr)
                break
        else:
            return None
    return tuple(found)


def _agrees(relation: isl.Map, trial: isl.Map, dim: int) -> bool:
    mine, other = drop_range_dims(relation, [dim]), drop_range_dims(trial, [dim])
    return bool(mine.is_subset(other))


def _accesses(
    call: Statement, inside: Sequence[Statement], own: frozenset[Array], onto: dict[str, isl.Map]
) -> tuple[Access, ...]:
    """What a call touches: all that the statements inside do, but for arrays that it makes.

    It is passed whole arrays, so a buffer for what it touches must hold all of them.
    """
    found: list[Access] = []
    for statement in inside:
        for access in statement.accesses:
            if access.array not in own:
                relation = onto[statement.name].reverse().apply_range(access.relation)
                found.append(_passed_whole(replace(access, relation=relation), call))
    return tuple(sorted(found, key=lambda access: access.write))


def _passed_whole(access: Access, call: Statement) -> Access:
    """An access through a call that is passed the whole array, whatever each of its instances touches."""
    scope = call.scope(access.array)
    names, elements = [f"s{k}" for k in range(len(scope))], [f"e{k}" for k in range(access.array.rank)]
    sizes = zip(elements, access.array.shape, strict=True)
    held = " and ".join(f"0 <= {name} < {extent}" for name, extent in sizes)
    where = f" : {held}" if held else ""
    passed = read_map(
        f"{{ {tuple_text('Z', names)} -> {tuple_text(access.space, [*names, *elements])}{where} }}"
    )
    instances = map_of(call.name, call.dims, "Z", scope).intersect_domain(call.domain)
    return replace(access, view=None, whole=instances.apply_range(passed))


def stored_scalars(block: Block) -> list[Array]:
    """The scalars that a block stores to but does not make: a function could not return them."""
    inside = list(walk_nodes(block))
    own = {node.array for node in inside if isinstance(node, Alloc)}
    stores = [node.array for node in inside if isinstance(node, Store)]
    kept = ("value", "stream")  # a value is made where it is stored; a FIFO is no scalar
    return [a for a in dict.fromkeys(stores) if not a.rank and a.kind not in kept and a not in own]


def called(
    block: Block,
    above: Mapping[Iter, tuple[int, int] | None],
    name: str,
    place: Place | None,
) -> tuple[Program, Call]:
    """A block as a program, and the call that runs it; arrays are passed whole, scalars by value.

    `above` are the iterators of the loops around, each with its least and greatest value where the loop is
    affine: what is passed of it is then a parameter, and all inside stays affine.
    """
    own = {n.array for n in walk_nodes(block) if isinstance(n, Alloc)}
    own |= {n.array for n in walk_nodes(block) if isinstance(n, Store) and n.array.kind == "value"}
    used: dict[Array, None] = {}
    free: dict[Iter, None] = {}
    for node in walk_nodes(block):
        for expr in expressions_of(node):
            used.update(dict.fromkeys(load.array for load in loads_of(expr)))
            free.update(dict.fromkeys(it for it in above if it in iters_of(expr)))
        if isinstance(node, Store):
            used.setdefault(node.array)
        if isinstance(node, Call):
            parts = [p for p in (*node.args, *node.results) if isinstance(p, Region)]
            used.update(dict.fromkeys(p.array for p in parts))
    passed = [a for a in used if a not in own and a.kind != "constant"]
    arguments: dict[Array, Array] = {}
    args: list[Region | Expr] = []
    for array in passed:
        stream = array.kind == "stream"
        own_place = None if array.parameter is None else replace(array.parameter, position=len(arguments))
        arguments[array] = replace(
            array, kind="stream" if stream else "argument", scope=(), data=None, parameter=own_place
        )
        by_value = not array.rank and not stream
        whole = tuple(Slice(constant(0), extent) for extent in array.shape)
        args.append(Load(array) if by_value else Region(array, whole))
    names = {array.name for array in (*passed, *own)}
    scalars: dict[Iter, Array] = {}
    for it in free:
        text = unused(it.name.replace(".", "_"), names)
        names.add(text)
        ends = above[it]
        known = None if ends is None else Parameter(len(arguments) + len(scalars), *ends)
        scalars[it] = Array(f"{name}:{it.key}", text, index, (), "argument", parameter=known)
    values: dict[Iter, Expr] = {it: Load(array) for it, array in scalars.items()}
    args += [IterRef(it) for it in free]
    body = tuple(
        replace_arrays(map_expressions(node, lambda e: substitute(e, values)), arguments) for node in block
    )
    callee = Program(name, (*arguments.values(), *scalars.values()), _banded(body), place=place)
    return callee, Call(callee, tuple(args), (), f"{name}_0", place)


def _banded(block: Block) -> Block:
    """The block with a band on each of its outermost loops."""
    number = count()
    found: list[Node] = []
    for node in block:
        if isinstance(node, Loop):
            node = replace(node, band=node.band or f"L{next(number)}")
        found.append(node)
    return tuple(found)
