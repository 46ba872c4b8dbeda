"""``reassociate``: floating-point sums need not keep their order."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.schedule.core.primitive import Edit, Result, primitive

__all__ = ["reassociate"]


@primitive()
def reassociate(edit: Edit) -> Result:
    """Let later steps change the order in which floating-point sums are added up, in all functions.

    Rewrite:
        nothing by itself; ``C[i] += x`` of different iterations may from now on run in any order.
    Legal when:
        always: it is the user who says that the rounding of sums does not matter. Reports and
        ``verify`` name the assumption once a step makes use of it.
    """
    functions = {name: state.freely() for name, state in edit.module.functions.items()}
    return Result(None, module=replace(edit.module, functions=functions))
