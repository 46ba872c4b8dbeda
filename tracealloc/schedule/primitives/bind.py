"""``bind``: which memory resource holds an array."""

from __future__ import annotations

from tracealloc.schedule.core.ask import asking_instead
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.trace.diagnostics.errors import nearest
from tracealloc.trace.ir.layout import Storage
from tracealloc.trace.ir.program import Array

__all__ = ["bind"]


@primitive(array="storage")
def bind(edit: Edit, array: Array, resource: str, ports: int | None = None) -> Result:
    """Hold `array` in a memory of the target, with 1 or 2 ports per bank (None: the usual ones).

    Rewrite:
        A: whole   ->   A: whole, uram, 2 ports
    Legal when:
        always: values do not change. Asking again replaces what was asked before.

    Raises:
        ScheduleError: an unknown resource, or ports other than 1 or 2.
    """
    hardware = edit.module.hardware
    known = hardware.memories
    if resource not in known:
        close = nearest(str(resource), known)
        raise edit.error(
            "TA232",
            f"names the unknown resource {resource!r}",
            because=[f"the resources are {', '.join(known)}"],
            hint=repr(close) if close else None,
        )
    counts = [str(count) for count in hardware.bank_ports if count is not None]
    if ports is not None and (type(ports) is not int or ports not in hardware.bank_ports):
        usual = hardware.bank_ports[None]
        raise edit.error(
            "TA232",
            f"needs {' or '.join(counts)} ports per bank, not {ports!r}",
            because=[f"memories have {' or '.join(counts)} ports"],
            hint=f"no ports: {usual} a cycle then",
        )
    return Result(asking_instead(edit, array, Storage(resource, ports)))
