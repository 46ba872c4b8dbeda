"""``pack_products``: two products of one factor in one multiplication."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.codegen.packed_products import check_packed
from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop, lowered
from tracealloc.trace.diagnostics.errors import ScheduleError

__all__ = ["pack_products"]


@primitive(loop="loop")
def pack_products(edit: Edit, loop: LoopNode | OpaqueLoop) -> Result:
    """Let pairs of iterations of `loop` share the multiplications of what is a factor in all of them.

    The loop is unrolled. One multiplier gives two products of small integers: the other factors are put
    beside one another, and what the low product takes from the high one is put back.

    Rewrite:
        for u in 0:2: C[u] += a * b[u]
          ->   p = a * ((b[1] << 16) + b[0]); C[0] += int16(p); C[1] += (p >> 16) + (int16(p) < 0)
    Legal when:
        the loop holds stores alone, with products of integers of which one factor does not change in it, and
        the factors fit a multiplier of the hardware. The products are exact, for all values.

    Raises:
        ScheduleError: it does not run equally often each time, has no such products, or they do not fit.
    """
    state = mark(edit.state, edit.affine(loop), lambda marks: replace(marks, packed=True))
    module = edit.module.with_state(edit.function, state)
    try:
        check_packed(lowered(replace(module, top=edit.function)), module.hardware.multiplier)
    except ScheduleError as found:
        why, hint = found.because, found.hint
        raise edit.error("TA293", f"cannot be: {found.summary}", because=why, hint=hint) from None
    return Result(state)
