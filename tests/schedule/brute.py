"""Legality by brute force: every instance of every statement, one after the other.

Shares with the package the statements and the tree, and none of its mathematics: instances are points,
subscripts and times are evaluated number by number, values are followed through every element.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

import islpy as isl

from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Leaf, LoopNode, Sequence, Tree
from tracealloc.trace.ir.dtype import DType, Integer
from tracealloc.trace.ir.expr import Binary, Cast, Const, Expr, Iter, IterRef, Unary, loads_of
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    Loop,
    Region,
    Slice,
    Store,
    expressions_of,
    reduction_of,
    walk_nodes,
)

Element = tuple[str, tuple[int, ...]]
GROUPS = {"+": "+", "-": "+", "*": "*", "min": "min", "max": "max"}


@dataclass(frozen=True)
class Instance:
    """One execution of a statement with the elements that it reads and writes.

    `moved` are the queues that it puts into or takes from. `made` is what it computes: an iteration of a
    traced statement, which compute_at may run more than once.
    """

    name: str
    values: tuple[int, ...]
    reads: tuple[Element, ...]
    writes: tuple[Element, ...]
    sum: str | None  # the group of the free sum that it adds to
    target: Element | None
    made: Hashable = None
    moved: tuple[Element, ...] = ()  # queues


def evaluate(expr: Expr, env: dict[Iter, int]) -> int:
    match expr:
        case Const(value=value):
            return int(value)
        case IterRef(iter=it):
            return env[it]
        case Unary(op="-", operand=operand):
            return -evaluate(operand, env)
        case Cast(operand=operand):
            return evaluate(operand, env)
        case Binary(op=op, left=left, right=right):
            a, b = evaluate(left, env), evaluate(right, env)
            match op:
                case "+":
                    return a + b
                case "-":
                    return a - b
                case "*":
                    return a * b
                case "//":
                    return a // b
                case "%":
                    return a % b
    raise AssertionError(repr(expr))


def points(domain: isl.Set, count: int) -> list[tuple[int, ...]]:
    found: list[isl.Point] = []
    domain.foreach_point(found.append)
    kind = isl.dim_type.set
    return [tuple(p.get_coordinate_val(kind, k).to_python() for k in range(count)) for p in found]


class Instances:
    """All instances of a model."""

    def __init__(self, model: Model, reassociate: bool = False, mixed: bool = True) -> None:
        """`mixed`: sums and products of one array are each free while they last."""
        self.model = model
        self.mixed = mixed
        self.reassociate = reassociate
        self.selfish: dict[str, bool] = {}
        self.all = [
            self.instance(statement, values)
            for statement in model.statements
            for values in points(statement.domain, len(statement.dims))
        ]

    def instance(self, statement: Statement, values: tuple[int, ...]) -> Instance:
        found = self.touching(statement, values)
        queues = {array.key for array in self.model.arrays if array.kind == "stream"}
        moved = dict.fromkeys(e for e in (*found.reads, *found.writes) if e[0] in queues)
        reads, writes = (tuple(e for e in part if e[0] not in queues) for part in (found.reads, found.writes))
        return replace(found, reads=reads, writes=writes, moved=tuple(moved))

    def touching(self, statement: Statement, values: tuple[int, ...]) -> Instance:
        env = dict(zip(statement.dims, values, strict=True))
        reads: list[Element] = []
        node = statement.node
        exprs = list(statement.guards)
        if isinstance(node, Store):
            exprs += [*node.indices, node.value]
        if isinstance(node, Loop):  # bounds on data: it reads and puts the same each time
            inside = list(walk_nodes((node,)))
            exprs += [expr for each in inside for expr in expressions_of(each)]
        for expr in exprs:
            reads += [self.element(statement, load.array, load.indices, env) for load in loads_of(expr)]
        made = (statement.origin or statement.name, tuple(evaluate(e, env) for e in statement.instance))
        if isinstance(node, Alloc):
            whole = tuple(self.whole(statement, node.array, env))
            return Instance(statement.name, values, (), whole, None, None, made)
        if isinstance(node, Call):
            return self.call(statement, node, values, env, made)
        if isinstance(node, Loop):
            puts = [each for each in inside if isinstance(each, Store)]
            writes = tuple(self.element(statement, each.array, each.indices, env) for each in puts)
            return Instance(statement.name, values, tuple(reads), writes, None, None, made)
        assert isinstance(node, Store)
        target = self.element(statement, node.array, node.indices, env)
        if statement.guards:
            reads.append(target)
        group = self.group(statement, node)
        return Instance(statement.name, values, tuple(reads), (target,), group, target, made)

    def call(
        self, statement: Statement, node: Call, values: tuple[int, ...], env: dict[Iter, int], made: Hashable
    ) -> Instance:
        """A call reads all that it is given, and writes what the callee stores to."""
        reads: list[Element] = []
        writes: list[Element] = []
        stored = {n.array for n in walk_nodes(node.program.body) if isinstance(n, Store)}
        for argument, part in zip(node.program.args, node.args, strict=True):
            assert isinstance(part, Region)
            scope = tuple(evaluate(e, env) for e in statement.scope(part.array))
            inside: list[tuple[int, ...]] = [()]
            for i in part.indices:
                first = evaluate(i.start if isinstance(i, Slice) else i, env)
                count = i.extent if isinstance(i, Slice) else 1
                inside = [(*point, first + k) for point in inside for k in range(count)]
            elements = [(part.array.key, (*scope, *point)) for point in inside]
            reads += elements
            writes += elements if argument in stored else []
        for guard in statement.guards:
            reads += [self.element(statement, load.array, load.indices, env) for load in loads_of(guard)]
        return Instance(statement.name, values, tuple(reads), tuple(writes), None, None, made)

    def group(self, statement: Statement, node: Store) -> str | None:
        """The free sum that a store adds to: the rule of the manual, written down again."""
        found = reduction_of(node)
        if not self.mixed and len(self.operators(node.array)) > 1:
            return None
        if found is None or found[0] not in GROUPS:
            return None
        operand = found[1]
        if self.may_be_own(statement, node, (operand, *statement.guards)):
            return None
        if isinstance(node.array.dtype, Integer):
            free = isinstance(operand.dtype, Integer)
            if free and found[0] in ("min", "max"):
                free = _holds(node.array.dtype, operand.dtype)
        else:
            free = self.reassociate and operand.dtype == node.array.dtype
        return GROUPS[found[0]] if free else None

    def may_be_own(self, statement: Statement, node: Store, others: tuple[Expr, ...]) -> bool:
        """Whether some instance adds what it adds to."""
        loads = [load for expr in others for load in loads_of(expr) if load.array == node.array]
        if statement.name not in self.selfish:
            self.selfish[statement.name] = any(
                self.element(statement, node.array, load.indices, env)
                == self.element(statement, node.array, node.indices, env)
                for load in loads
                for values in points(statement.domain, len(statement.dims))
                for env in [dict(zip(statement.dims, values, strict=True))]
            )
        return self.selfish[statement.name]

    def operators(self, array: Array) -> set[str]:
        """The kinds of updates of an array: sums, products, ..."""
        nodes = [s.node for s in self.model.statements if isinstance(s.node, Store) and s.node.array == array]
        found = [update[0] for node in nodes if (update := reduction_of(node)) is not None]
        return {GROUPS.get(op, op) for op in found}

    def element(
        self, statement: Statement, array: Array, indices: tuple[Expr, ...], env: dict[Iter, int]
    ) -> Element:
        exprs = (*statement.scope(array), *indices)
        return array.key, tuple(evaluate(e, env) for e in exprs)

    def whole(self, statement: Statement, array: Array, env: dict[Iter, int]) -> Iterator[Element]:
        scope = tuple(evaluate(e, env) for e in statement.scope(array))
        inner: list[tuple[int, ...]] = [()]
        for extent in array.shape:
            inner = [(*point, k) for point in inner for k in range(extent)]
        return ((array.key, (*scope, *point)) for point in inner)

    def times(self, tree: Tree) -> dict[str, list[tuple[LoopNode | None, int]]]:
        found: dict[str, list[tuple[LoopNode | None, int]]] = {}

        def visit(node: Tree, above: list[tuple[LoopNode | None, int]]) -> None:
            match node:
                case Leaf(statement):
                    found[statement] = above
                case LoopNode(body=body):
                    visit(body, [*above, (node, 0)])
                case Sequence(children):
                    for position, child in enumerate(children):
                        visit(child, [*above, (None, position)])

        visit(tree, [])
        return found

    def time(self, instance: Instance, steps: list[tuple[LoopNode | None, int]]) -> tuple[int, ...]:
        statement = self.model.statement(instance.name)
        env = dict(zip(statement.dims, instance.values, strict=True))
        parts = []
        for loop, position in steps:
            if loop is None:
                parts.append(position)
            else:
                value = evaluate(loop.expr(instance.name), env)
                parts.append(-value if loop.descending else value)
        return tuple(parts)

    def ordered(self, tree: Tree) -> list[Instance]:
        steps = self.times(tree)
        timed = [(self.time(instance, steps[instance.name]), instance) for instance in self.all]
        assert len({time for time, _ in timed}) == len(timed), "two instances at one time"
        return [instance for _, instance in sorted(timed, key=lambda pair: pair[0])]

    def values(self, tree: Tree) -> dict[Hashable, Hashable]:
        """What every instance reads, and what callers see at the end, in the order of a tree.

        A value is the instance that wrote it; that of a free sum the value it began with and all that
        was added since.
        """
        memory: dict[Element, Hashable] = {}
        seen: dict[Hashable, Hashable] = {}
        queues: dict[Element, list[Hashable]] = {}
        for instance in self.ordered(tree):
            for queue in instance.moved:
                queues.setdefault(queue, []).append(instance.made)
            own = instance.target if instance.sum else None
            values = tuple(memory.get(e, e) for e in instance.reads if e != own)
            me = instance.made
            first: Hashable = None
            for element in instance.writes:
                old = memory.get(element, element)
                if instance.sum is not None:
                    first = old.first if isinstance(old, Sum) and old.group == instance.sum else old
                if instance.sum is None:
                    memory[element] = me
                elif isinstance(old, Sum) and old.group == instance.sum:
                    memory[element] = Sum(old.group, old.first, old.added | {me})
                else:
                    memory[element] = Sum(instance.sum, old, frozenset((me,)))
            seen[instance.name, instance.values] = (values, first)
        seen.update({("queue", queue): tuple(uses) for queue, uses in queues.items()})
        outputs = {array.key for array in self.model.outputs()}
        seen.update({("final", e): value for e, value in memory.items() if e[0] in outputs})
        return seen

    def is_legal(self, old: Tree, new: Tree) -> bool:
        """Whether every read sees the same value in both orders."""
        return self.values(old) == self.values(new)

    def carries(self, tree: Tree, key: str) -> bool:
        """Whether two instances in different iterations of a loop touch an element that one writes."""
        steps = self.times(tree)
        users: dict[tuple[Hashable, ...], dict[Element, list[tuple[int, bool]]]] = {}
        for instance in self.all:
            path = steps[instance.name]
            depth = next(
                (k for k, (loop, _) in enumerate(path) if loop is not None and loop.key == key), None
            )
            if depth is None:
                continue
            time = self.time(instance, path)
            here = users.setdefault(time[:depth], {})
            for element in instance.reads:
                here.setdefault(element, []).append((time[depth], False))
            for element in (*instance.writes, *instance.moved):
                here.setdefault(element, []).append((time[depth], True))
        return any(
            len({time for time, _ in touches}) > 1 and any(write for _, write in touches)
            for here in users.values()
            for touches in here.values()
        )


@dataclass(frozen=True)
class Sum:
    """A value that is a sum in the making."""

    group: str
    first: Hashable
    added: frozenset[Hashable]


def _holds(mine: Integer, other: DType) -> bool:
    """Whether every number of another type is one of mine."""
    assert isinstance(other, Integer)
    return _ends(mine)[0] <= _ends(other)[0] and _ends(other)[1] <= _ends(mine)[1]


def _ends(dtype: Integer) -> tuple[int, int]:
    return (-(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1) - 1) if dtype.signed else (0, 2**dtype.bits - 1)
