"""``interface``: the top-level port of an argument."""

from __future__ import annotations

import re

from tracealloc.schedule.core.ask import asking_instead
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.trace.diagnostics.errors import nearest
from tracealloc.trace.ir.hardware import taken_as
from tracealloc.trace.ir.layout import Port
from tracealloc.trace.ir.program import Array

__all__ = ["interface"]

_WORD = re.compile(r"[\w.+-]+")


@primitive(argument="storage")
def interface(edit: Edit, argument: Array, kind: str, **options: str | int) -> Result:
    """Give an argument or result of the top kernel a port; options are those of the HLS pragma.

    Rewrite:
        A   ->   A: m_axi bundle=gmem0
    Legal when:
        always: values do not change. Asking again replaces what was asked before.

    Raises:
        ScheduleError: an unknown kind or option, a value that is no number or word, or no argument.
    """
    hardware = edit.module.hardware
    known = hardware.port_kind(kind)
    if known is None:
        kinds = [each.name for each in hardware.ports]
        close = nearest(str(kind), kinds)
        raise edit.error(
            "TA233",
            f"names the unknown kind of port {kind!r}",
            because=[f"the kinds are {', '.join(kinds)}"],
            hint=repr(close) if close else None,
        )
    program = edit.state.program
    if argument not in (*program.args, *program.results):
        ports = ", ".join(array.name for array in (*program.args, *program.results))
        raise edit.error(
            "TA233",
            f"needs an argument of {program.name}, and {argument.name!r} is not one",
            because=[f"its arguments and results are {ports or '(none)'}"],
            hint=f"s.bind({user_name(edit, argument)!r}, ...) chooses the memory of an array inside",
        )
    given = taken_as(argument)
    if given not in known.takes:
        raise edit.error(
            "TA233",
            f"needs {'an array' if 'array' in known.takes else f'a {min(known.takes)}'} for a port of kind "
            f"{kind!r}, and {argument.name!r} is {'an array' if given == 'array' else f'a {given}'}",
            hint=next((repr(each.name) for each in hardware.ports if given in each.usual), None),
        )
    for name, value in options.items():
        if name not in hardware.port_options:
            close = nearest(name, hardware.port_options)
            raise edit.error(
                "TA233",
                f"got the unknown option {name!r}",
                because=[f"the pragma's options are {', '.join(hardware.port_options)}"],
                hint=f"{close}={value!r}" if close else None,
            )
        if isinstance(value, bool) or not isinstance(value, str | int) or not _WORD.fullmatch(str(value)):
            raise edit.error("TA233", f"got {name}={value!r}, which is neither a word nor a number")
    port = Port(kind, tuple(sorted(options.items())))
    return Result(asking_instead(edit, argument, port))
