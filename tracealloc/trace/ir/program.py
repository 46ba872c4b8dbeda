"""The program that a trace records and that a schedule lowers to.

    Program := name, args: Array*, results: Array*, body: Block, layouts
    Block   := Node*
    Node    := Alloc(array)                                     an array comes into being (and is filled)
             | Store(array, indices, value, path)               C[i, j] = value
             | Loop(iter, start, stop, step, body, marks)       for i in start:stop:step
             | While(iter, cond_body, cond, body, marks)        run cond_body, test cond, run body, again
             | If(cond, then, orelse)
             | Call(program, args, results, site)

Expressions are in `trace.ir.expr`. The same classes hold a traced kernel and the loop nest that a schedule
is lowered to (marks on loops, layouts of arrays, copies and buffers as ordinary nodes), so the printer,
the interpreter and the emitters are written once.

Glossary. *loop*: a `Loop` node, named by its iterator. *band*: an outermost loop nest, named ``L0``,
``L1``, ... or by ``grid(..., name=)``. *array*: anything stored, rank 0 included (a scalar argument, a
`ta.scalar`, a named value). *buffer*: an array that a primitive made. *value*: an array of rank 0 that
is stored once, where Python evaluated an expression. *scope* of an array: the iterators of the loops
around its `Alloc`: each of their iterations has an array of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, assert_never

from tracealloc.trace.ir.dtype import DType, Struct, index
from tracealloc.trace.ir.expr import Binary, Cast, Const, Expr, Iter, Load, View, loads_of
from tracealloc.trace.ir.layout import PLAIN, UNMARKED, Layout, Marks

if TYPE_CHECKING:
    import numpy as np

    from tracealloc.trace.diagnostics.source import Place

__all__ = [
    "Alloc",
    "Array",
    "Block",
    "Call",
    "If",
    "Loop",
    "Node",
    "Parameter",
    "Program",
    "Region",
    "Requirement",
    "Slice",
    "Store",
    "While",
    "blocks_of",
    "expressions_of",
    "keeps_state",
    "map_blocks",
    "over_elements",
    "read_by",
    "reduction_of",
    "touched_by",
    "used_by",
    "walk_nodes",
]

ArrayKind: TypeAlias = Literal["argument", "result", "local", "value", "constant", "state", "stream", "kept"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What an analysis knows of an integer argument: its position, least and greatest value."""

    position: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Array:
    """Something stored. Identity is `key` (unique in a program); `shape` counts elements per dimension.

    `kind`: ``argument`` (the caller's), ``result`` (returned; made by its `Alloc`), ``local``, ``value``
    (rank 0, stored exactly once), ``constant`` (`data` holds it; read only), ``state`` (lives across
    calls; `data` is the first content), ``stream`` (a FIFO argument or local), ``kept``
    (in a model alone: all that a called kernel keeps from one call to the next, so that calls are in order).

    `parameter` is set where the array is one: an integer scalar argument that nothing writes. Loops up
    to it, subscripts and conditions with it are affine.
    """

    key: str
    name: str = field(compare=False)
    dtype: DType = field(compare=False)
    shape: tuple[int, ...] = field(compare=False)
    kind: ArrayKind = field(compare=False, default="local")
    scope: tuple[Iter, ...] = field(compare=False, default=())
    data: np.ndarray | None = field(compare=False, default=None, repr=False)
    origin: str | None = field(compare=False, default=None)  # what a buffer holds: "C[i, :]"
    place: Place | None = field(compare=False, default=None)
    parameter: Parameter | None = field(compare=False, default=None)
    depth: int = field(compare=False, default=2)  # of a queue: how many elements it has room for

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    def field_type(self, path: tuple[str, ...]) -> DType:
        """The type of an element, or of the field of it that `path` leads to."""
        dtype = self.dtype
        for name in path:
            assert isinstance(dtype, Struct)
            inner = dtype.field_type(name)
            assert inner is not None, name
            dtype = inner
        return dtype

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Alloc:
    """An array of its own for each execution, each element set to `fill` (None: not initialised)."""

    array: Array
    fill: Expr | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Store:
    """Write `value`, already of the element's type, to one element (or one field of it)."""

    array: Array
    indices: tuple[Expr, ...]
    value: Expr
    path: tuple[str, ...] = ()
    place: Place | None = field(default=None, compare=False)
    views: tuple[View, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Loop:
    """``for iter in range(start, stop, step)``; `step` is a non-zero constant.

    `reduction` says that the user marked the loop as a sum's. `band` is the name of the nest, on its
    outermost loop only.
    """

    iter: Iter
    start: Expr
    stop: Expr
    step: int
    body: Block
    reduction: bool = False
    band: str | None = None
    marks: Marks = UNMARKED
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class While:
    """Run `prologue`, stop unless `cond`, run `body`, and again.

    `iter` names the loop as that of a `Loop` does; it has no value.
    """

    iter: Iter
    prologue: Block
    cond: Expr
    body: Block
    marks: Marks = UNMARKED
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class If:
    """Run `then` where `cond` (a boolean expression) holds, else `orelse`."""

    cond: Expr
    then: Block
    orelse: Block = ()
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Slice:
    """``start : start + extent`` of a dimension."""

    start: Expr
    extent: int


@dataclass(frozen=True, slots=True)
class Region:
    """A view of an array: one index or slice per dimension; the slices make the view's shape."""

    array: Array
    indices: tuple[Expr | Slice, ...]
    views: tuple[View, ...] = field(default=(), compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents of the sliced dimensions."""
        return tuple(part.extent for part in self.indices if isinstance(part, Slice))


@dataclass(frozen=True, slots=True)
class Call:
    """Run another program. Arrays are passed as regions (by reference), scalars as expressions.

    `results` are arrays of the caller that take the callee's results. `site` is ``name_n``, counted in
    call order per callee. `program` says what is computed; which schedule of it runs says the symbol
    `callee`, a name of the module's functions.
    """

    program: Program
    args: tuple[Region | Expr, ...]
    results: tuple[Region, ...] = ()
    site: str = ""
    place: Place | None = field(default=None, compare=False)
    callee: str = ""


Node: TypeAlias = Alloc | Store | Loop | While | If | Call
Block: TypeAlias = tuple[Node, ...]


@dataclass(frozen=True)
class Requirement:
    """What must hold of the parameters when a program is called, so that an access is inside its array.

    `text` is the access as the user wrote it, `reason` says what it would do otherwise.
    """

    cond: Expr
    text: str
    reason: str
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, repr=False)
class Program:
    """A kernel, traced for one set of argument types, or lowered from a schedule.

    `results` are the arrays that a call returns, in order; `scalar_results` says which are plain
    scalars (their arrays have rank 0). A result may be one of `args`. `requires` is checked at every
    call before anything is written. `concurrent`: the nodes of the body that are no `Alloc` are processes,
    which run beside one another (`trace.network`); to run them in this order is one way of many.
    """

    name: str
    args: tuple[Array, ...]
    body: Block
    results: tuple[Array, ...] = ()
    layouts: tuple[tuple[Array, Layout], ...] = ()
    doc: str | None = field(default=None, compare=False)
    place: Place | None = field(default=None, compare=False)
    defaults: tuple[tuple[str, Any], ...] = field(default=(), compare=False)  # of scalar arguments
    requires: tuple[Requirement, ...] = ()
    concurrent: bool = False
    memo: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What was computed of this program; nothing that a reader can tell."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "memo": {}}

    def __repr__(self) -> str:
        kind = "arguments" if len(self.args) != 1 else "argument"
        return f"<program {self.name}: {len(self.args)} {kind}; print it to see its loops>"

    def layout(self, array: Array) -> Layout:
        """The layout of an array of this program."""
        return dict(self.layouts).get(array, PLAIN)

    def arrays(self) -> tuple[Array, ...]:
        """Arguments, then everything else that is stored or read, in order of appearance, once each."""
        seen = dict.fromkeys(self.args)
        for node in walk_nodes(self.body):
            for array in used_by(node):
                seen.setdefault(array)
        return tuple(seen)

    def callees(self) -> tuple[Program, ...]:
        """Every program that is called, directly or not, callees before callers, once each."""
        found: dict[int, Program] = {}
        for node in walk_nodes(self.body):
            if isinstance(node, Call):
                for inner in (*node.program.callees(), node.program):
                    found.setdefault(id(inner), inner)
        return tuple(found.values())

    def __str__(self) -> str:
        from tracealloc.trace.ir.text import program_text

        return program_text(self)


def keeps_state(program: Program) -> bool:
    """Whether a program, or one that it calls, keeps an array from one call to the next."""
    return any(a.kind == "state" for each in (*program.callees(), program) for a in each.arrays())


def expressions_of(node: Node) -> tuple[Expr, ...]:
    """The expressions that a node itself evaluates (not those of nodes inside it)."""
    match node:
        case Alloc(fill=fill):
            return () if fill is None else (fill,)
        case Store(indices=indices, value=value):
            return (*indices, value)
        case Loop(start=start, stop=stop):
            return (start, stop)
        case While(cond=cond) | If(cond=cond):
            return (cond,)
        case Call(args=args, results=results):
            found: list[Expr] = []
            for part in (*args, *results):
                if isinstance(part, Region):
                    found += [i.start if isinstance(i, Slice) else i for i in part.indices]
                else:
                    found.append(part)
            return tuple(found)
        case _:
            assert_never(node)


def touched_by(node: Node) -> tuple[Array, ...]:
    """The arrays that a node itself makes, stores to or passes to a kernel: all that it may change.

    What a called kernel does with its arguments is in `trace.queries.summary`.
    """
    match node:
        case Alloc(array=array) | Store(array=array):
            return (array,)
        case Call(args=args, results=results):
            return tuple(part.array for part in (*args, *results) if isinstance(part, Region))
        case Loop() | While() | If():
            return ()
        case _:
            assert_never(node)


def read_by(node: Node) -> list[Load]:
    """The elements that the expressions of a node itself read, in the order of evaluation."""
    return [load for expr in expressions_of(node) for load in loads_of(expr)]


def used_by(node: Node) -> tuple[Array, ...]:
    """All arrays that a node itself names: those that it may change, then those that it reads."""
    return (*touched_by(node), *(load.array for load in read_by(node)))


def over_elements(
    its: tuple[Iter, ...],
    node: Node,
    shape: tuple[int, ...],
    innermost: Marks = UNMARKED,
    place: Place | None = None,
) -> Node:
    """A nest of loops that runs `node` for each element of an array, whose subscripts `its` are."""
    for number, (it, extent) in enumerate(zip(reversed(its), reversed(shape), strict=True)):
        ends = Const(0, index), Const(extent, index)
        node = Loop(it, *ends, 1, (node,), marks=UNMARKED if number else innermost, place=place)
    return node


def blocks_of(node: Node) -> tuple[Block, ...]:
    """The blocks inside a node."""
    match node:
        case Loop(body=body):
            return (body,)
        case While(prologue=prologue, body=body):
            return (prologue, body)
        case If(then=then, orelse=orelse):
            return (then, orelse)
        case Alloc() | Store() | Call():
            return ()
        case _:
            assert_never(node)


def map_blocks(node: Node, change: Callable[[Block], Block]) -> Node:
    """`node` with `change` applied to the blocks inside it."""
    match node:
        case Loop(body=body):
            return replace(node, body=change(body))
        case While(prologue=prologue, body=body):
            return replace(node, prologue=change(prologue), body=change(body))
        case If(then=then, orelse=orelse):
            return replace(node, then=change(then), orelse=change(orelse))
        case Alloc() | Store() | Call():
            return node
        case _:
            assert_never(node)


def walk_nodes(block: Block) -> Iterator[Node]:
    """Every node of a block, outermost first, in order."""
    for node in block:
        yield node
        for inner in blocks_of(node):
            yield from walk_nodes(inner)


_COMMUTES = frozenset({"+", "*", "min", "max", "&", "|", "^"})


def reduction_of(store: Store) -> tuple[str, Expr] | None:
    """``(op, operand)`` where the store is ``A[x] = A[x] op operand``, else None.

    The conversion to the element's type is looked through: ``C[i] += a * b`` on integers stores
    ``cast(C[i] + a * b)``.
    """
    value = store.value
    if isinstance(value, Cast):
        value = value.operand
    if not isinstance(value, Binary) or store.array.kind == "stream":
        return None
    target = Load(store.array, store.indices, store.path)
    for mine, other in ((value.left, value.right), (value.right, value.left)):
        if mine == target and (mine is value.left or value.op in _COMMUTES):
            return value.op, other
    return None
