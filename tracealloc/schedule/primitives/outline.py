"""``outline``: make function boundaries."""

from __future__ import annotations

import keyword
from dataclasses import replace

from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop

__all__ = ["outline"]


@primitive(loop="loop")
def outline(edit: Edit, loop: LoopNode | OpaqueLoop, name: str) -> Result:
    """Make `loop`, with all inside it, a function of its own, called `name`.

    The function gets the arrays that the loop uses, and the iterators of the loops around it by value. Its
    loops are called ``name:j`` then; steps inside it and around it stay what they were, and no loop crosses
    its boundary. ``s.inline(name)`` takes the boundary away.

    Rewrite:
        for j: body   ->   name(A, B, i)   with a function name that holds for j: body
    Legal when:
        always. A scalar that it stores to, and that is used outside as well, becomes an array of one
        element, for functions take scalars by value.

    Raises:
        ScheduleError: the name is taken or no identifier, or the loop is a function already.
    """
    taken = edit.module.names()
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name in taken:
        raise edit.error(
            "TA271",
            f"needs the name of a new function, not {name!r}",
            because=[f"the functions are {', '.join(taken)}"],
        )
    already = next((function for function, each in edit.state.functions() if each.key == loop.key), None)
    if already is not None:
        raise edit.error(
            "TA274",
            f"cannot make {user_name(edit, loop)!r} a function",
            because=[f"it is the function {already!r}"],
            hint="outline a loop inside it or around it",
        )
    return Result(mark(edit.state, loop, lambda marks: replace(marks, function=name)))
