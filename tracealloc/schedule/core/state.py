"""The frozen state under a user's `Schedule`.

    Module := top, States by function name
    State  := one function: model, tree, requests, proof

A state holds decisions. Layouts are derived from its requests and remembered.

Primitives take a `State` and return another; nothing is ever changed in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

from tracealloc.poly.codegen.functions import cut_functions
from tracealloc.poly.codegen.lower import lower
from tracealloc.poly.codegen.packed_products import packed_products
from tracealloc.poly.dataflow.effects import model_of
from tracealloc.poly.dependence.dependence import Dependence, changed_from, dependences_of
from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.named import LOCK
from tracealloc.poly.isl.remembered import count_program, remembered
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import LoopNode, Tree, loops_in
from tracealloc.poly.model.views import check_views
from tracealloc.poly.proof.bounds import check_bounds, check_initialised
from tracealloc.poly.proof.requirements import required
from tracealloc.schedule.core.proof import Assumption, Claim, Obligation, Proof
from tracealloc.schedule.layout.derive import Derived, derived
from tracealloc.schedule.layout.requests import Request, moved
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.layout import PLAIN, Layout
from tracealloc.trace.ir.program import Array, Block, Call, Loop, Node, Program, While, map_blocks, walk_nodes
from tracealloc.trace.network.puts_last import puts_last
from tracealloc.trace.network.relay import Relay, relayed
from tracealloc.trace.network.streamed import Streamed, streamed
from tracealloc.trace.record.naming import unused

__all__ = [
    "Module",
    "OpaqueLoop",
    "ScheduledLoop",
    "State",
    "fresh_state",
    "calls_of",
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

    `serial` numbers what primitives make. `concurrent`: its parts are processes; then
    `relays` are the buffers that get their elements from neighbours, and the arrays that are queues.
    `grids` are the bands that were unfolded: the keys of their loops, outermost first.
    """

    name: str
    model: Model
    tree: Tree
    proof: Proof
    requests: tuple[Request, ...] = ()
    serial: int = 0
    concurrent: bool = False
    relays: tuple[Relay | Streamed, ...] = ()
    grids: tuple[tuple[str, ...], ...] = ()

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
        proof = replace(self.proof, base=base, obligations=before or (self.claim,))
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

    def loop(self, key: str) -> LoopNode | OpaqueLoop | None:
        """The loop with a key."""
        return next((loop for loop in self.loops() if loop.key == key), None)

    def array(self, key: str) -> Array | None:
        """The array with a key."""
        return next((array for array in self.model.arrays if array.key == key), None)

    def functions(self) -> Iterator[tuple[str, ScheduledLoop]]:
        """The loops that are functions of their own, each with its name, in textual order."""
        for loop in loops_in(self.tree):
            if loop.marks.function is not None:
                yield loop.marks.function, loop
        for opaque in self._data_functions():
            assert opaque.loop.marks.function is not None
            yield opaque.loop.marks.function, opaque

    def _data_functions(self) -> list[OpaqueLoop]:
        found: list[OpaqueLoop] | None = self.model.memo.get("data functions")
        if found is None:
            opaque = (loop for loop in self.loops() if isinstance(loop, OpaqueLoop))
            found = [loop for loop in opaque if loop.loop.marks.function is not None]
            self.model.memo["data functions"] = found
        return found

    def with_symbol(self, site: str, symbol: str) -> State:
        """The state in which the call at `site` goes to another function of the module."""
        return replace(
            self,
            model=_called(self.model, site, symbol),
            proof=replace(self.proof, base=_called(self.proof.base, site, symbol)),
        )

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
    """The schedules of a kernel and of all kernels that it calls, callees first; for which hardware."""

    top: str
    functions: Mapping[str, State]
    hardware: Hardware
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

    def host(self, name: str) -> str:
        """The function whose schedule has the loops of `name`: itself, or what it was outlined from."""
        if name in self.functions:
            return name
        return next(host for host, state in self.functions.items() if name in dict(state.functions()))

    def state(self, name: str) -> State:
        """The state that has the loops of a function."""
        return self.functions[self.host(name)]

    def names(self) -> tuple[str, ...]:
        """The functions, callees first."""
        found: list[str] = []
        for name, state in self.functions.items():
            found += [*reversed([function for function, _ in state.functions()]), name]
        return tuple(found)

    def loop(self, function: str, key: str) -> LoopNode | OpaqueLoop | None:
        """A loop of a function by its key (None: the loop or the function is not there any more)."""
        return self.state(function).loop(key) if function in self.names() else None

    def array(self, function: str, key: str) -> tuple[str, Array] | None:
        """An array of a function by its key, and the function that it is in now."""
        for place in ((function, key), self.home(function, key)):
            array = self.state(place[0]).array(place[1]) if place[0] in self.names() else None
            if array is not None:
                return place[0], array
        return None

    def with_state(self, name: str, state: State) -> Module:
        """The module with one function's state replaced."""
        return replace(self, functions={**self.functions, name: state})

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
            found = model_of(program)
            check_bounds(found[0])
            check_views(found[0])
            check_initialised(found[0])
        program.memo["proved"] = found
    return found


def fresh_state(name: str, program: Program, reassociate: bool) -> State:
    """The first state of one function."""
    model, tree = proved(program)
    return State(name, model, tree, Proof(model, reassociate), concurrent=program.concurrent)


def module_of(program: Program, hardware: Hardware, reassociate: bool = False) -> Module:
    """The first state of a program: nothing scheduled.

    Raises:
        BoundsError: an access leaves its array.
        TraceError: an element is read before it is stored.
    """
    program = required(program)
    functions: dict[str, State] = {}
    names: dict[int, str] = {}
    for each in (*program.callees(), program):
        name = names[id(each)] = unused(each.name, functions)
        functions[name] = fresh_state(name, _with_symbols(each, names), reassociate)
    return Module(names[id(program)], functions, hardware)


def _with_symbols(program: Program, names: Mapping[int, str]) -> Program:
    """The program whose calls go by these names: two callees of one name (other types) are told apart."""
    if all(call.callee == names[id(call.program)] for call in _calls_in(program.body)):
        return program

    def change(node: Node) -> Node:
        if isinstance(node, Call):
            return replace(node, callee=names[id(node.program)])
        return map_blocks(node, lambda block: tuple(map(change, block)))

    return replace(program, body=tuple(map(change, program.body)))


def lowered(module: Module) -> Program:
    """The loop nest of the top function, its calls going to the lowered callees.

    What a step did not change is not made again.
    """
    done: dict[str, Program] = {}
    multiplier = module.hardware.multiplier
    for name, state in module.functions.items():
        bare = _lowered(Same(state.model), Same(state.tree))
        used = dict.fromkeys(call.callee for call in _calls_in(bare.body))
        linked = tuple((callee, Same(done[callee])) for callee in used)
        done[name] = _linked(
            Same(bare), name, linked, state.layouts, Same(state.program), _space(state), multiplier
        )
    return done[module.top]


@remembered(256)
def _lowered(model: Same, tree: Same) -> Program:
    assert isinstance(model.value, Model)
    return lower(model.value, cast(Tree, tree.value))


def _space(state: State) -> tuple[Relay | Streamed, ...] | None:
    """The relays of a network; None of a function that runs in order."""
    return state.relays if state.concurrent else None


@remembered(256)
def _linked(
    program: Same,
    name: str,
    callees: tuple[tuple[str, Same], ...],
    layouts: tuple[tuple[Array, Layout], ...],
    traced: Same,
    space: tuple[Relay | Streamed, ...] | None,
    multiplier: tuple[int, int],
) -> Program:
    """A lowered function whose calls go to lowered functions, with those that are outlined from it."""
    known = {symbol: cast(Program, callee.value) for symbol, callee in callees}

    def change(node: Node) -> Node:
        if isinstance(node, Call):
            return replace(node, program=known[node.callee])
        return map_blocks(node, lambda block: tuple(map(change, block)))

    bare = program.value
    assert isinstance(bare, Program)
    body = tuple(map(change, bare.body))
    whole = replace(bare, name=name, body=body, layouts=layouts, concurrent=space is not None)
    for relay in space or ():
        whole = relayed(whole, relay) if isinstance(relay, Relay) else streamed(whole, relay)
    if any(isinstance(relay, Relay) for relay in space or ()):
        whole = replace(whole, body=puts_last(whole.body))
    whole = packed_products(whole, multiplier)
    found = cut_functions(whole)
    found.memo["traced"] = traced.value
    return found


def _called(model: Model, site: str, symbol: str) -> Model:
    def change(node: Node) -> Node:
        if isinstance(node, Call) and node.site == site:
            return replace(node, callee=symbol)
        return map_blocks(node, lambda block: tuple(map(change, block)))

    statements = tuple(replace(s, node=change(s.node)) for s in model.statements)
    return replace(model, statements=statements)


def calls_of(model: Model) -> Iterator[Call]:
    """The calls in the statements of a model."""
    return _calls_in(tuple(statement.node for statement in model.statements))


def _calls_in(block: Block) -> Iterator[Call]:
    return (node for node in walk_nodes(block) if isinstance(node, Call))
