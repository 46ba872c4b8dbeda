"""tracealloc: Python kernels to proved spatial accelerators.

``import tracealloc as ta``: kernels and types come at once; schedules, proofs and reports (and the
libraries they need) when they are first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tracealloc.kernel import Kernel, kernel
from tracealloc.trace.api import (
    Fixed,
    Int,
    Stream,
    Struct,
    UFixed,
    UInt,
    bfloat16,
    boolean,
    ceil,
    constant,
    cos,
    dataflow,
    empty,
    erf,
    exp,
    float16,
    float32,
    float64,
    floor,
    full,
    grid,
    index,
    int1,
    int2,
    int4,
    int8,
    int16,
    int32,
    int64,
    log,
    log2,
    log10,
    maximum,
    minimum,
    otherwise,
    processes,
    reduction,
    rsqrt,
    scalar,
    sin,
    sqrt,
    state,
    stream,
    tan,
    tanh,
    uint1,
    uint2,
    uint4,
    uint8,
    uint16,
    uint32,
    uint64,
    when,
    where,
    while_loop,
    zeros,
)
from tracealloc.trace.api import abs as abs
from tracealloc.trace.api import pow as pow
from tracealloc.trace.api import range as range
from tracealloc.trace.diagnostics.errors import (
    ArgumentError,
    BoundsError,
    BuildError,
    IllegalScheduleError,
    InterpretError,
    LayoutError,
    ScheduleError,
    TraceallocError,
    TraceallocWarning,
    TraceError,
    UnknownArrayError,
    UnknownLoopError,
    VerifyError,
    nearest,
)

if TYPE_CHECKING:
    from tracealloc.check.verify import Verification
    from tracealloc.customize import Schedule, customize, verify
    from tracealloc.explain import explain
    from tracealloc.interpreting import interpret
    from tracealloc.raw import from_raw, raw

__version__ = "0.1.0"

_LAZY = {
    "Schedule": "tracealloc.customize",
    "Verification": "tracealloc.check.verify",
    "customize": "tracealloc.customize",
    "explain": "tracealloc.explain",
    "interpret": "tracealloc.interpreting",
    "from_raw": "tracealloc.raw",
    "raw": "tracealloc.raw",
    "verify": "tracealloc.customize",
}

# Static, so that type checkers see every name. ``from tracealloc import *`` leaves Python's own range, abs
# and pow alone; by name they can be imported.
__all__ = [
    "ArgumentError",
    "BoundsError",
    "BuildError",
    "Fixed",
    "IllegalScheduleError",
    "Int",
    "InterpretError",
    "Kernel",
    "LayoutError",
    "Schedule",
    "ScheduleError",
    "Stream",
    "Struct",
    "TraceError",
    "TraceallocError",
    "TraceallocWarning",
    "UFixed",
    "UInt",
    "UnknownArrayError",
    "UnknownLoopError",
    "Verification",
    "VerifyError",
    "bfloat16",
    "boolean",
    "ceil",
    "constant",
    "cos",
    "customize",
    "dataflow",
    "empty",
    "erf",
    "exp",
    "explain",
    "float16",
    "float32",
    "float64",
    "floor",
    "from_raw",
    "full",
    "grid",
    "index",
    "int1",
    "int16",
    "int2",
    "int32",
    "int4",
    "int64",
    "int8",
    "interpret",
    "kernel",
    "log",
    "log10",
    "log2",
    "maximum",
    "minimum",
    "otherwise",
    "processes",
    "raw",
    "reduction",
    "rsqrt",
    "scalar",
    "sin",
    "sqrt",
    "state",
    "stream",
    "tan",
    "tanh",
    "uint1",
    "uint16",
    "uint2",
    "uint32",
    "uint4",
    "uint64",
    "uint8",
    "verify",
    "when",
    "where",
    "while_loop",
    "zeros",
]


class _Package(ModuleType):
    """The package: a name that is a function and a module too (`customize`) means the function."""

    def __setattr__(self, name: str, value: object) -> None:
        # Importing a submodule binds it here; without this, ``import tracealloc.customize`` would turn
        # ``ta.customize`` into a module.
        if isinstance(value, ModuleType) and name in __all__:
            value = getattr(value, name, value)
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return importlib.import_module, (self.__name__,)  # cloudpickle knows plain modules only


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        near = None if name.startswith("_") else nearest(name, __all__)
        hint = f"; did you mean {near!r}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
