"""tracealloc: Python kernels to proved spatial accelerators.

``import tracealloc as ta``: kernels and types come at once; schedules, proofs and reports (and the
libraries they need) when they are first used.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tracealloc.kernel import Kernel, kernel
from tracealloc.trace import api as _api
from tracealloc.trace.api import *  # noqa: F403 (its __all__ is the list)
from tracealloc.trace.errors import (
    ArgumentError,
    BoundsError,
    BuildError,
    IllegalScheduleError,
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
    from tracealloc.raw import from_raw, raw

__version__ = "0.1.0"

_LAZY = {
    "Schedule": "tracealloc.customize",
    "Verification": "tracealloc.check.verify",
    "customize": "tracealloc.customize",
    "explain": "tracealloc.explain",
    "from_raw": "tracealloc.raw",
    "raw": "tracealloc.raw",
    "verify": "tracealloc.customize",
}

__all__ = [
    "ArgumentError",
    "BoundsError",
    "BuildError",
    "IllegalScheduleError",
    "Kernel",
    "LayoutError",
    "Schedule",
    "ScheduleError",
    "TraceError",
    "TraceallocError",
    "TraceallocWarning",
    "UnknownArrayError",
    "UnknownLoopError",
    "Verification",
    "VerifyError",
    "customize",
    "explain",
    "from_raw",
    "kernel",
    "raw",
    "verify",
]
# ``from tracealloc import *`` leaves Python's own range, abs and pow alone; by name they can be imported.
__all__ += [name for name in _api.__all__ if not hasattr(builtins, name)]


class _Package(ModuleType):
    """The package: a name that is a function and a module too (`customize`) means the function."""

    def __setattr__(self, name: str, value: object) -> None:
        # Importing a submodule binds it here; without this, ``import tracealloc.customize`` would turn
        # ``ta.customize`` into a module.
        if isinstance(value, ModuleType) and name in __all__:
            value = getattr(value, name, value)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        near = None if name.startswith("_") else nearest(name, [*__all__, *_api.__all__])
        hint = f"; did you mean {near!r}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
