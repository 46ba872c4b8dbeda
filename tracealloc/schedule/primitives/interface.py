"""``interface``: the top-level port of an argument."""

from __future__ import annotations

import re

from tracealloc.schedule.core.ask import asking_instead
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.trace.diagnostics.errors import nearest
from tracealloc.trace.ir.layout import Port
from tracealloc.trace.ir.program import Array

__all__ = ["interface"]

_WORD = re.compile(r"[\w.+-]+")
_KINDS = ("m_axi", "axis", "ap_memory", "s_axilite")
# Of the pragma in Vitis HLS (UG1399), all kinds together; `mode` and `port` are said otherwise.
_OPTIONS = (
    *("address_mode", "autorestart", "bundle", "channel", "clock", "depth", "direct_io", "interrupt"),
    *("latency", "max_read_burst_length", "max_widen_bitwidth", "max_write_burst_length", "name"),
    *("num_read_outstanding", "num_write_outstanding", "offset", "register", "register_mode"),
    *("storage_impl", "storage_type"),
)


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
    if kind not in _KINDS:
        close = nearest(str(kind), _KINDS)
        raise edit.error(
            "TA233",
            f"names the unknown kind of port {kind!r}",
            because=[f"the kinds are {', '.join(_KINDS)}"],
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
    queue = argument.kind == "stream"
    if kind != "axis" if queue else argument.rank == 0 and kind in ("m_axi", "ap_memory"):
        raise edit.error(
            "TA233",
            f"needs an array for a port of kind {kind!r}, and {argument.name!r} is a "
            + ("queue" if queue else "scalar"),
            hint="'axis'" if queue else "'s_axilite'",
        )
    for name, value in options.items():
        if name not in _OPTIONS:
            close = nearest(name, _OPTIONS)
            raise edit.error(
                "TA233",
                f"got the unknown option {name!r}",
                because=[f"the pragma's options are {', '.join(_OPTIONS)}"],
                hint=f"{close}={value!r}" if close else None,
            )
        if isinstance(value, bool) or not isinstance(value, str | int) or not _WORD.fullmatch(str(value)):
            raise edit.error("TA233", f"got {name}={value!r}, which is neither a word nor a number")
    port = Port(kind, tuple(sorted(options.items())))
    return Result(asking_instead(edit, argument, port))
