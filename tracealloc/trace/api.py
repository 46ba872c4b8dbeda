"""The part of the namespace `ta` that kernels use: types, loops, arrays, functions."""

from __future__ import annotations

from tracealloc.trace.ir.dtype import Stream as Stream
from tracealloc.trace.ir.dtype import bfloat16, boolean, float16, float32, float64, index
from tracealloc.trace.proxies.blocks import otherwise, when, while_loop
from tracealloc.trace.proxies.functional import (
    abs_ as abs,
)
from tracealloc.trace.proxies.functional import (
    ceil,
    constant,
    cos,
    empty,
    erf,
    exp,
    floor,
    full,
    log,
    log2,
    log10,
    maximum,
    minimum,
    rsqrt,
    scalar,
    sin,
    sqrt,
    state,
    tan,
    tanh,
    where,
    zeros,
)
from tracealloc.trace.proxies.functional import pow_ as pow
from tracealloc.trace.proxies.loops import grid, range, reduction
from tracealloc.trace.proxies.processes import dataflow, processes
from tracealloc.trace.proxies.streams import stream
from tracealloc.trace.proxies.typenames import Fixed, Int, Struct, UFixed, UInt

int1, int2, int4, int8, int16, int32, int64 = map(Int, (1, 2, 4, 8, 16, 32, 64))
uint1, uint2, uint4, uint8, uint16, uint32, uint64 = map(UInt, (1, 2, 4, 8, 16, 32, 64))

__all__ = [
    "Fixed", "Int", "Stream", "Struct", "UFixed", "UInt", "abs", "bfloat16", "boolean", "ceil", "constant",
    "cos", "dataflow", "empty", "erf", "exp", "float16", "float32", "float64", "floor", "full", "grid",
    "index", "int1", "int16", "int2", "int32", "int4", "int64", "int8", "log", "log10", "log2", "maximum",
    "minimum", "otherwise", "pow", "processes", "range", "reduction", "rsqrt", "scalar", "sin", "sqrt",
    "state", "stream", "tan", "tanh", "uint1", "uint16", "uint2", "uint32", "uint4", "uint64", "uint8",
    "when", "where", "while_loop", "zeros",
]  # fmt: skip
