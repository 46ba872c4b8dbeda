"""What the parameters of a program may be: from their types, and from what its accesses require.

A parameter is an integer argument that nothing writes. From its type alone every ``A[i]`` in
``range(n)`` would leave its array; so what must hold for every certain access to be inside is collected
(``n <= 60`` where `A` has 60 elements), assumed by every analysis, and checked when the kernel is called.
Only parameters that something affine mentions are isl's: others are data.
"""

from __future__ import annotations

import islpy as isl

from tracealloc.poly.isl.texts import cond_text, parameter_name, read_set
from tracealloc.trace.ir.program import Program
from tracealloc.trace.queries.sizes import used_parameters

__all__ = ["ANYTHING", "context_of"]

ANYTHING = isl.Set("{ : }")
"""The context of a program without parameters."""


def context_of(program: Program) -> isl.Set:
    """What the parameters of a program may be."""
    held = []
    for array in used_parameters(program):
        assert array.parameter is not None
        name = parameter_name(array)
        held.append(f"{array.parameter.low} <= {name} <= {array.parameter.high}")
    held += [cond_text(each.cond, {}) for each in program.requires]
    return read_set(f"{{ : {' and '.join(held)} }}") if held else ANYTHING
