"""The frozen state under a user's `Schedule`.

    Module := top, States by function name
    State  := one function: model, tree, requests, proof

A state holds decisions. Layouts are derived from its requests and remembered.

Primitives take a `State` and return another; nothing is ever changed in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tracealloc.poly.codegen.lower import lower
from tracealloc.poly.dependence.dependence import Dependence, changed_from, dependences_of
from tracealloc.poly.isl.named import LOCK
from tracealloc.poly.isl.remembered import count_program
from tracealloc.poly.model.build import build_model
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.requirements import required
from tracealloc.poly.model.tree import LoopNode, Tree, loops_in
from tracealloc.poly.model.views import check_views
from tracealloc.poly.proof.bounds import check_bounds, check_initialised
from tracealloc.schedule.core.proof import Assumption, Claim, Obligation, Proof
from tracealloc.schedule.layout.derive import Derived, derived
from tracealloc.schedule.layout.requests import Request, moved
from tracealloc.trace.ir.layout import PLAIN, Layout
from tracealloc.trace.ir.program import Array, Call, Loop, Node, Program, While, map_blocks, walk_nodes

__all__ = [
    "Module",
    "OpaqueLoop",
    "ScheduledLoop",
    "State",
    "cut_state",
    "fresh_state",
    "lowered",
    "module_of",
    "proved",
]


@dataclass(frozen=True)
class OpaqueLoop:
    """A loop inside a statement with its own control flow (bounds on data, `while`)."""

    statement: str
    loop: Loop | While

    @property
    def key(self) -> str:
        """Its identity."""
        return f"{self.statement}:{self.loop.iter.key}"

    @property
    def name(self) -> str:
        """Its name."""
        return self.loop.iter.name


ScheduledLoop = LoopNode | OpaqueLoop


@dataclass(frozen=True, repr=False)
class State:
    """The schedule of one function: statements and their order as they stand, and what they are proved from.

    `serial` numbers what primitives make.
    """

    name: str
    model: Model
    tree: Tree
    proof: Proof
    requests: tuple[Request, ...] = ()
    serial: int = 0

    def __repr__(self) -> str:
        return f"<state of {self.name}: {len(self.model.statements)} statements>"

    @property
    def program(self) -> Program:
        """The traced program."""
        return self.proof.base.program

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """What the proofs took for granted."""
        return self.proof.assumptions

    @property
    def is_fresh(self) -> bool:
        """Whether statements and order are the kernel's: no step changed them."""
        base = self.proof.base
        return self.model is base and self.tree is base.reference and not self.proof.obligations

    @property
    def is_traced(self) -> bool:
        """Whether no function was inlined: the program says what `base` does."""
        sites = [node.site for node in walk_nodes(self.program.body) if isinstance(node, Call)]
        nodes = walk_nodes(tuple(statement.node for statement in self.proof.base.statements))
        return sorted(sites) == sorted(node.site for node in nodes if isinstance(node, Call))

    @property
    def claim(self) -> Claim:
        """What is to be proved of the state."""
        return Claim(self.model, self.tree, self.proof)

    def rebased(self, *before: Obligation) -> State:
        """The state from which proofs start anew: its own statements and order take the kernel's place.

        What says that they may stays to be proved: `before` (nothing said: the state itself).
        """
        own = [replace(s, origin=s.name, origin_instance=None, copy=False) for s in self.model.statements]
        base = replace(self.model.with_statements(own, self.tree), origins=())
        proof = replace(self.proof, base=base, pieces=(), obligations=before or (self.claim,))
        return replace(self, model=base, proof=proof)

    def freely(self) -> State:
        """The state in which floating-point sums need not keep their order."""
        return replace(self, proof=replace(self.proof, reassociate=True))

    def assuming(self, *notes: Assumption) -> State:
        """The state whose proof takes more for granted."""
        return replace(self, proof=self.proof.assuming(*notes))

    @property
    def dependences(self) -> tuple[Dependence, ...]:
        """All dependences between instances, in the order that is known to be right."""
        return dependences_of(self.model)

    def loops(self) -> Iterator[LoopNode | OpaqueLoop]:
        """All loops, outermost first, in textual order."""
        yield from loops_in(self.tree)
        for statement in self.model.statements:
            for node in walk_nodes((statement.node,)):
                if isinstance(node, Loop | While):
                    yield OpaqueLoop(statement.name, node)

    def layout(self, array: Array) -> Layout:
        """The layout of an array as it is declared."""
        found = self.derived().get(array)
        return PLAIN if found is None else found.layout

    @property
    def layouts(self) -> tuple[tuple[Array, Layout], ...]:
        """The layouts of all arrays of which something was asked, as they are declared."""
        return tuple((found.array, found.layout) for found in self.derived().values())

    def derived(self) -> dict[Array, Derived]:
        """By array: the layout, and which requests forced it."""
        return derived(self.model, self.tree, self.requests)

    def with_requests(self, requests: Iterable[Request]) -> State:
        """The state with other requests."""
        return replace(self, requests=tuple(requests))

    def with_twins(self, twins: Mapping[Array, Array]) -> State:
        """The state in which second copies of arrays are stored like the first."""
        copies = [
            request for array, twin in twins.items() for request in moved(self.requests, array.key, twin.key)
        ]
        return self.with_requests((*self.requests, *copies))

    def with_tree(self, tree: Tree) -> State:
        """The state in another order, which must have been proved."""
        return replace(self, tree=tree)

    def with_model(self, model: Model, tree: Tree, stale: frozenset[str]) -> State:
        """The state with other statements; dependences through the `stale` arrays are taken again."""
        changed_from(model, self.model, stale)
        return replace(self, model=model, tree=tree)


@dataclass(frozen=True, repr=False)
class Module:
    """The schedules of a kernel and of all kernels that it calls, callees first."""

    top: str
    states: tuple[tuple[str, State], ...]
    homes: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = ()

    def __repr__(self) -> str:
        return f"<module of {', '.join(reversed(self.names()))}>"

    def home(self, function: str, key: str) -> tuple[str, str]:
        """The function and key under which a loop or an array is known now.

        `homes` says what went where when functions were inlined and outlined, in that order.
        """
        for old, new in self.homes:
            if old == (function, key):
                function, key = new
        return function, key

    def state(self, name: str) -> State:
        """The state of one function."""
        return dict(self.states)[name]

    def names(self) -> tuple[str, ...]:
        """The functions, callees first."""
        return tuple(name for name, _ in self.states)

    def with_state(self, name: str, state: State) -> Module:
        """The module with one function's state replaced."""
        return replace(self, states=tuple((n, state if n == name else s) for n, s in self.states))

    def __str__(self) -> str:
        return str(lowered(self))


def proved(program: Program) -> tuple[Model, Tree]:
    """The model of a program and its tree, once accesses are proved to be inside and initialised.

    Raises:
        BoundsError: an access leaves its array.
        TraceError: an element is read before it is stored.
    """
    found: tuple[Model, Tree] | None = program.memo.get("proved")
    if found is None:
        with LOCK:
            count_program()
            found = build_model(program)
            check_bounds(found[0])
            check_views(found[0])
            check_initialised(found[0])
        program.memo["proved"] = found
    return found


def fresh_state(name: str, program: Program, reassociate: bool) -> State:
    """The first state of one function."""
    model, tree = proved(program)
    return State(name, model, tree, Proof(model, reassociate))


def cut_state(
    name: str, program: Program, caller: State, prefix: str, requests: tuple[Request, ...]
) -> State:
    """The first state of a function that was cut out of another, where its accesses were proved.

    It has arrays and loops of its caller. `prefix` and the caller's serial number keep the keys that it
    gives apart from theirs, and from those of an earlier function of its name.
    """
    model, tree = build_model(program, prefix)
    proof = Proof(model, caller.proof.reassociate)
    return State(name, model, tree, proof, requests, caller.serial)


def module_of(program: Program, reassociate: bool = False) -> Module:
    """The first state of a program: nothing scheduled.

    Raises:
        BoundsError: an access leaves its array.
        TraceError: an element is read before it is stored.
    """
    program = required(program)
    states: dict[str, State] = {}
    names: dict[int, str] = {}
    for each in (*program.callees(), program):
        name, count = each.name, 0
        while name in states:
            count += 1
            name = f"{each.name}_{count}"
        names[id(each)] = name
        states[name] = fresh_state(name, each, reassociate)
    return Module(names[id(program)], tuple(states.items()))


def lowered(module: Module) -> Program:
    """The loop nest of the top function, its calls going to the lowered callees."""
    done: dict[int, Program] = {}
    result: Program | None = None
    for name, state in module.states:
        program = lower(state.model, state.tree)
        body = tuple(_relink(node, done) for node in program.body)
        program = replace(program, name=name, body=body, layouts=state.layouts)
        program.memo["traced"] = state.program
        done[id(state.program)] = program
        if name == module.top:
            result = program
    assert result is not None
    return result


def _relink(node: Node, programs: dict[int, Program]) -> Node:
    if isinstance(node, Call):
        return replace(node, program=programs[id(node.program)])
    return map_blocks(node, lambda block: tuple(_relink(inner, programs) for inner in block))
