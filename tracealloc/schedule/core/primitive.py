"""How a primitive is written and registered.

One file per primitive in `primitives/`. The function takes an `Edit` (the state, the request as text, and
the checks) and resolved arguments, and returns a `Result`; it never changes anything. `@primitive` says
which parameters are loops and arrays and puts it into `REGISTRY`, from which `Schedule` gets its method.
The docstring says ``Rewrite:`` (before and after) and ``Legal when:``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, TypeAlias

from tracealloc.poly.dataflow.flow import flow_of
from tracealloc.poly.dependence.dependence import Dependence, common_loops, dependences_of, paths_of
from tracealloc.poly.dependence.legality import Violation, carries, first_violation, is_violated
from tracealloc.poly.isl.budget import CURE, Spent, limited
from tracealloc.poly.model.tree import LoopNode, Tree, affected, loops_in, statements_of
from tracealloc.poly.proof.differences import new_places
from tracealloc.poly.proof.equivalence import free_sums
from tracealloc.poly.proof.reversed_dependence import changes_value
from tracealloc.schedule.core.proof import SumOrder
from tracealloc.schedule.core.state import Module, OpaqueLoop, State
from tracealloc.trace.diagnostics.errors import IllegalScheduleError, ScheduleError
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.record.naming import unused

__all__ = [
    "REGISTRY",
    "ArrayRef",
    "Cure",
    "Edit",
    "Kind",
    "LoopRef",
    "Primitive",
    "Result",
    "is_legal",
    "primitive",
]

Kind: TypeAlias = Literal["loop", "array", "storage", "nest"]
"""``storage``: an array or a queue; ``nest``: a band, one of its loops, or the array that it makes."""
Cure: TypeAlias = tuple[str, Tree]
"""What to try, as the user would write it, and the order it would lead to."""

_MOST_CURES = 12  # orders that a refusal tries before it gives up


@dataclass(frozen=True, slots=True)
class LoopRef:
    """A loop that a primitive made or kept, by key."""

    key: str


@dataclass(frozen=True, slots=True)
class ArrayRef:
    """An array that a primitive made, by key."""

    key: str


@dataclass(frozen=True)
class Result:
    """The next state, what the primitive hands back to the user, and warnings to show.

    A primitive that changes more than one function gives the whole next `module` instead of a state.
    `inlined` is the outlined function whose boundary it took away.
    """

    state: State | None
    made: tuple[LoopRef | ArrayRef, ...] = ()
    warnings: tuple[str, ...] = ()
    module: Module | None = None
    inlined: str | None = None

    def next_module(self, edit: Edit) -> Module:
        """The module after the step."""
        if self.module is not None:
            return self.module
        assert self.state is not None
        return edit.module.with_state(edit.function, self.state)


@dataclass(frozen=True)
class Edit:
    """One use of a primitive: the function's state, the call as the user wrote it, and the module.

    `step` is its number in the history, counted from 1, `place` where it was called.
    """

    state: State
    what: str
    module: Module
    function: str
    step: int = 0
    place: Place | None = None

    def error(
        self, code: str, summary: str, *, because: Sequence[str] = (), hint: str | None = None
    ) -> ScheduleError:
        """A refusal; the caller raises it."""
        return ScheduleError(code, f"{self.what} {summary}", because=because, hint=hint)

    def affine(self, loop: LoopNode | OpaqueLoop) -> LoopNode:
        """`loop`, which must be one that can be moved.

        Raises:
            ScheduleError: its bounds depend on data.
        """
        if isinstance(loop, LoopNode):
            return loop
        raise self.error(
            "TA220",
            f"cannot change the order of loop {loop.name!r}, whose bounds depend on data",
            because=["such a loop, and all inside it, is one statement to the analysis"],
            hint="pipeline and unroll work on it; the loops around it can be moved",
        )

    def fresh(self, name: str, also: Iterable[str] = ()) -> str:
        """A loop name that no loop of the function has yet, nor is among `also`."""
        return unused(name, {loop.name for loop in self.state.loops()} | set(also))

    def fresh_in_band(self, name: str, loop: LoopNode) -> str:
        """A loop name that no loop in the band of `loop` has yet; ``band.name`` tells it from others."""
        bands = [node for node in loops_in(self.state.tree) if node.band is not None]
        around = [band for band in bands if any(inner.key == loop.key for inner in loops_in(band))]
        return unused(name, {inner.name for band in around for inner in loops_in(band)})

    def fresh_band(self, name: str) -> str:
        """A band name that no band of the function has yet."""
        return unused(name, {loop.band for loop in self.state.loops() if isinstance(loop, LoopNode)})

    def keys(self, count: int) -> tuple[State, tuple[str, ...]]:
        """New loop keys, and the state that will not give them again."""
        first = self.state.serial
        keys = tuple(f"{self.what.split('(')[0]}{first + n}" for n in range(count))
        return replace(self.state, serial=first + count), keys

    def reordered(self, tree: Tree, how: str, cures: Iterable[Cure] = ()) -> State:
        """The state in the order of `tree`, once that is proved right.

        A dependence that is reversed is fatal only if a read then sees another write: values decide.
        `cures` are steps that might make the order legal, each with the order it would lead to; the
        first that does is what the refusal tells to try.

        Raises:
            IllegalScheduleError: with the least pair of instances that would run in the wrong order.
        """
        state = self.state
        binding, freed = ordered_dependences(state, affected(state.tree, tree))
        violation = first_violation(state.model, binding, tree)
        if violation is not None and not same_values(state, tree, violation):
            hint = suggestion(self, violation, tree, cures)
            places = new_places(state.model, (state.tree, tree), violation)
            raise self.illegal(violation, [how, *([places] if places else [])], hint)
        kinds: dict[str, None] = {}
        if freed and first_violation(state.model, freed, tree) is not None:
            kinds = dict.fromkeys(str(d.sum) for d in freed)
        if violation is not None:
            kinds |= dict.fromkeys(needed_freedom(state, tree))
        return state.assuming(*map(SumOrder, kinds)).with_tree(tree)

    def illegal(self, violation: Violation, how: Iterable[str], hint: str | None) -> IllegalScheduleError:
        """The refusal that shows a violated dependence in the user's terms."""
        dependence = violation.dependence
        queue = dependence.before.array
        sentences = {
            "flow": "a read before the write it needs",
            "anti": "a write before the read of the old value",
            "output": "two writes to one element in the wrong order",
        }
        source, sink = violation.source, violation.sink
        order = queue.kind == "stream"
        error = IllegalScheduleError(
            "TA210",
            f"{self.what} would change the order of the queue {queue.name!r}"
            if order
            else f"{self.what} would run {sentences[dependence.kind]}",
            because=[str(violation), *how],
            hint=hint,
        )
        error.source = f"{source.where} {source.iteration}"
        error.sink = f"{sink.where} {sink.iteration}"
        return error


def same_values(state: State, tree: Tree, violation: Violation) -> bool:
    """Whether every read sees the same write in the order of `tree` as in the state's (or the kernel's).

    The partial results of a sum whose order is free do not count. `violation` is a dependence that is
    reversed: where to look first.
    """
    model, proof = state.model, state.proof
    sums = free_sums(proof.base, model, proof.reassociate)
    if changes_value(model, (state.tree, tree), violation, proof.base, sums):
        return False
    if flow_of(model, state.tree).same_as(flow_of(model, tree)):
        return True
    return proof.difference(model, tree) is None


def needed_freedom(state: State, tree: Tree) -> tuple[str, ...]:
    """Which sums must be free in their order for `tree` to be right: through copies, dependences hide it."""
    model, proof = state.model, state.proof
    if flow_of(model, state.tree).same_as(flow_of(model, tree)):
        return ()
    if proof.difference(model, tree, free=False) is None:
        return ()
    if proof.strictly().difference(model, tree) is None:
        return ("integer",)
    return ("float",)


def suggestion(edit: Edit, violation: Violation, tree: Tree, cures: Iterable[Cure]) -> str | None:
    """What a user could do instead: the first cure that is legal, else which loop to leave alone."""
    state = edit.state
    if violation.dependence.sum == "float" and is_legal(state.freely(), tree):
        return "s.reassociate() if the order of this floating-point sum does not matter"
    with suppress(Spent), limited(CURE, beside=True):
        for text, other in islice(cures, _MOST_CURES):
            if is_legal(state, other):
                return text
    carrier = _carrier(state, violation)
    known = {loop.key for loop in edit.module.state(edit.function).loops()}  # without those of half a step
    if carrier is not None and carrier.key in known:
        return f'keep "{carrier.name}" as it is: it carries the dependence'
    return None


def _carrier(state: State, violation: Violation) -> LoopNode | None:
    """The loop in whose different iterations the two instances of a violation are, as things stand."""
    paths = paths_of(state.tree)
    ends = (violation.source, violation.sink)
    loops, _ = common_loops(*(paths[end.statement.name] for end in ends))
    for loop in loops:
        at = [end.time((loop,)) for end in ends]
        if at[0] != at[1]:
            return loop
    return None


def is_legal(state: State, tree: Tree) -> bool:
    """Whether no dependence that binds the order is reversed in `tree`.

    Nor carried by a loop whose iterations run at the same time.
    """
    model = state.model
    binding, _ = ordered_dependences(state, affected(state.tree, tree))
    if is_violated(model, binding, tree):
        return False
    marked = [loop for loop in loops_in(tree) if loop.marks.parallel or loop.marks.vectorize]
    return not any(carries(model, dependences_of(model, statements_of(x)), tree, x.key) for x in marked)


def ordered_dependences(
    state: State, among: frozenset[str] | None = None
) -> tuple[Sequence[Dependence], Sequence[Dependence]]:
    """The dependences that bind the order, and those of sums whose order is free."""
    binding: list[Dependence] = []
    freed: list[Dependence] = []
    every = dependences_of(state.model, among)
    if all(dependence.sum is None for dependence in every):
        return every, freed
    for dependence in every:
        free = dependence.sum == "integer" or (dependence.sum == "float" and state.proof.reassociate)
        (freed if free else binding).append(dependence)
    return binding, freed


@dataclass(frozen=True)
class Primitive:
    """A registered primitive: its function and which parameters name loops and arrays."""

    name: str
    function: Callable[..., Result]
    kinds: dict[str, Kind]

    @property
    def signature(self) -> inspect.Signature:
        """The signature without the `Edit`."""
        whole = inspect.signature(self.function)
        parameters = list(whole.parameters.values())[1:]
        return whole.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


REGISTRY: dict[str, Primitive] = {}


def primitive(**kinds: Kind) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register a primitive; keyword arguments say which parameters are loops and arrays."""

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        REGISTRY[function.__name__] = Primitive(function.__name__, function, dict(kinds))
        return function

    return register
