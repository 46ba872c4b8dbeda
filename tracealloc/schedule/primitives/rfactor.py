"""``rfactor``: add a sum up in parts."""

from __future__ import annotations

from tracealloc.poly.dependence.dependence import dependences_of, same_sum
from tracealloc.poly.dependence.legality import carried
from tracealloc.poly.isl.texts import Parameters
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.tree import LoopNode, leaves
from tracealloc.poly.proof.split_reduction import Split
from tracealloc.schedule.core.chains import chain_above
from tracealloc.schedule.core.primitive import ArrayRef, Edit, Result, primitive
from tracealloc.schedule.core.proof import SumOrder
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.schedule.storage.partial_sums import Parts, parts_of
from tracealloc.schedule.storage.region import running_users, scope_over
from tracealloc.trace.diagnostics.errors import IllegalScheduleError, TraceallocError
from tracealloc.trace.ir.dtype import Float, Struct
from tracealloc.trace.ir.expr import Iter
from tracealloc.trace.ir.program import Array

__all__ = ["rfactor"]


@primitive(array="array", loop="loop", over="loop")
def rfactor(
    edit: Edit,
    array: Array,
    loop: LoopNode | OpaqueLoop,
    factor: int | None = None,
    over: LoopNode | OpaqueLoop | None = None,
) -> Result:
    """Add up `array` in parts: each iteration of `loop` has a partial sum of its own.

    With a `factor`, there are as many partial sums, and the iterations take turns.

    Additions to different partial sums do not wait for one another: what a pipelined loop needs whose
    iterations all add to one element.

    Rewrite:
        for j: s += x   ->   for r: s_parts[r] = 0
                             for j: s_parts[j % factor] += x
                             for r: s += s_parts[r]
        `over` is the loop that the parts are kept over: they are set before it and added up after it. It is
        `loop` or one around it; nothing said: the outermost whose iterations add to the same elements.
    Legal when:
        inside `over` the array is only added to (or multiplied, or the least or greatest is taken, ...), and
        the order is free: integers modulo a power of two, floats after ``reassociate``.

    Returns:
        The partial sums: the array's elements that one such loop adds to, by the iterations of `loop`.

    Raises:
        ScheduleError: the array is not a sum there, or the factor is < 1.
        IllegalScheduleError: the order of the sum is not free.
    """
    loop = edit.affine(loop)
    if factor is not None and (type(factor) is not int or factor < 1):
        raise edit.error("TA221", f"needs a factor of at least 1, not {factor!r}")
    updates = _updates(edit, array, loop)
    state, (key,) = edit.keys(1)
    *outer, kept_over = _around(edit, array, loop, updates, None if over is None else edit.affine(over))
    region, lanes = parts_of(edit, array, tuple(outer), (loop, factor), updates, key)
    parts = Parts(region, lanes, state, kept_over, key)
    after = parts.build()
    split = Split(
        (edit.state.model, edit.state.tree),
        (after.model, after.tree),
        array,
        parts.partial,
        tuple(s.name for s in updates),
        parts.start,
        parts.finish,
    )
    _check(edit, split, array, updates)
    kind = same_sum(updates[0], updates[0])
    assert kind is not None
    return Result(after.rebased(edit.state.claim, split).assuming(SumOrder(kind)), (ArrayRef(key),))


def _check(edit: Edit, split: Split, array: Array, updates: list[Statement]) -> None:
    """Refuse parts that something looks at before they are added up.

    Raises:
        ScheduleError: an update reads what another one has added to.
        TraceallocError: a contribution is lost.
    """
    wrong = split.difference(all_arrays=False)
    if wrong is None:
        return
    if any(read.array == array for s in updates for read in split.after[0].statement(s.name).reads):
        raise edit.error(
            "TA246",
            f"would hide sums of {array.name!r} that are still in parts",
            because=[f"{_where(updates[0])} also reads {array.name} where it has been added to"],
            hint="keep the parts over a loop further in: over=...",
        )
    raise TraceallocError(
        "TA261",
        f"{edit.what} was about to lose a part of {array.name!r}: a bug in tracealloc",
        because=[f"instance {wrong.reader[1]} of {wrong.reader[0]} does not count exactly once"],
        hint="nothing was changed; please report this together with s.script()",
    )


def _updates(edit: Edit, array: Array, loop: LoopNode) -> list[Statement]:
    """The statements under a loop that add to an array.

    Raises:
        ScheduleError: something else happens to the array there, or the order of the sum is not free.
    """
    users = running_users(edit, array, loop)
    for user in users:
        adds = any(access.array == array for access in user.writes) and same_sum(users[0], user)
        if isinstance(array.dtype, Struct) or not adds:
            raise edit.error(
                "TA246",
                f"finds no plain sum of {array.name!r} inside {loop.name!r}",
                because=[f"{_where(user)} does something else with it"],
                hint=f"choose a loop in which {array.name} is only added to; distribute takes the rest apart",
            )
    if isinstance(array.dtype, Float) and not edit.state.proof.reassociate:
        raise IllegalScheduleError(
            "TA247",
            f"{edit.what} would add up {array.name!r} in another order",
            because=["floating-point sums keep their order unless you say that it does not matter"],
            hint="s.reassociate() first, if it does not",
        )
    return users


def _where(statement: Statement) -> str:
    return statement.place.short if statement.place else statement.name


def _around(
    edit: Edit, array: Array, loop: LoopNode, updates: list[Statement], over: LoopNode | None
) -> tuple[LoopNode, ...]:
    """The loops around the one that partial sums are kept over, and that one, innermost last.

    Raises:
        ScheduleError: that one is not around `loop`, or does something else with the array.
    """
    state = edit.state
    chain = chain_above(state, loop.key)
    names = frozenset(s.name for s in updates)
    deps = [d for d in dependences_of(state.model, names) if d.before.array == array and d.sum]
    found, because = len(chain), ""
    depth = len(chain)
    if over is not None:
        if over.key not in {each.key for each in chain}:
            because = f"{over.name!r} is not {loop.name!r} or a loop around it"
        depth = next((n for n, each in enumerate(chain) if each.key == over.key), 0)
    for outer in range(len(chain) - 2, -1, -1):
        other = _other_use(state, array, chain[: outer + 1], updates)
        if other:
            because = because or (other if over is not None and depth <= outer else "")
            break
        if over is None and carried(state.model, deps, state.tree, chain[outer].key):
            found = outer + 1
    if because:
        raise edit.error(
            "TA246",
            "cannot keep the parts over that loop",
            because=[because],
            hint=f'over="{chain[-1].name}", or leave it out',
        )
    return chain[: found if over is None else depth + 1]


def _other_use(
    state: State, array: Array, chain: tuple[LoopNode, ...], updates: list[Statement]
) -> str | None:
    """What else the innermost loop of a chain does with an array, as text."""
    names = {s.name for s in updates}
    inside = [state.model.statement(name) for name in leaves(chain[-1].body)]
    for statement in inside:
        if statement.name not in names and any(a.array == array for a in statement.accesses):
            return f"{chain[-1].name!r} has another use of {array.name} in it, {_where(statement)}"
    if not all(_lives_around(s, array, chain[:-1], state.model.parameters) for s in updates):
        return f"{array.name} is made anew inside {chain[-1].name!r}"
    return None


def _lives_around(
    statement: Statement, array: Array, loops: tuple[LoopNode, ...], parameters: Parameters
) -> bool:
    """Whether each instance of `array` belongs to one iteration of `loops`."""
    its = [Iter(loop.key, loop.name) for loop in loops]
    return scope_over(statement, array, loops, its, parameters) is not None
