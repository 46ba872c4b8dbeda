"""``bind``: which memory resource holds an array."""

from __future__ import annotations

from typing import get_args

from tracealloc.schedule.core.ask import asking_instead
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.trace.diagnostics.errors import nearest
from tracealloc.trace.ir.layout import Resource, Storage
from tracealloc.trace.ir.program import Array

__all__ = ["bind"]


@primitive(array="storage")
def bind(edit: Edit, array: Array, resource: Resource, ports: int | None = None) -> Result:
    """Hold `array` in a resource, with 1 or 2 ports per bank (None: a read port and a read/write port).

    Rewrite:
        A: whole   ->   A: whole, uram, 2 ports
    Legal when:
        always: values do not change. Asking again replaces what was asked before.

    Raises:
        ScheduleError: an unknown resource, or ports other than 1 or 2.
    """
    known = get_args(Resource)
    if resource not in known:
        close = nearest(str(resource), known)
        raise edit.error(
            "TA232",
            f"names the unknown resource {resource!r}",
            because=[f"the resources are {', '.join(known)}"],
            hint=repr(close) if close else None,
        )
    if ports is not None and (type(ports) is not int or ports not in (1, 2)):
        raise edit.error(
            "TA232",
            f"needs 1 or 2 ports per bank, not {ports!r}",
            because=["memories have one port or two"],
            hint="no ports: one then reads, and one reads or writes",
        )
    return Result(asking_instead(edit, array, Storage(resource, ports)))
