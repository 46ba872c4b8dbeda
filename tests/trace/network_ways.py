"""A network run in every way that there is: what it does must be the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import tracealloc as ta
from tests.plain import run_plain
from tracealloc.trace.network.cut import networked

__all__ = ["every_way"]


def every_way(kernel: Any, *args: Any, compiled: bool = True) -> Any:
    """What a kernel returns, and leaves in its arguments; the same in order, as processes, cut, and in C."""
    traced = kernel.trace()
    cut = networked(traced)
    assert networked(cut) is cut or str(networked(cut)) == str(cut)
    runs = [
        lambda own: ta.interpret(traced, *own),
        lambda own: ta.interpret(cut, *own),
        lambda own: ta.interpret(replace(traced, concurrent=False), *own),
        lambda own: ta.interpret(replace(cut, concurrent=False), *own),
        lambda own: kernel.python(*own),
        lambda own: run_plain(kernel, *own),
    ]
    if compiled:
        runs.append(lambda own: kernel(*own))
    found = []
    for run in runs:
        own = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
        found.append((run(own), own))
    for result, own in found[1:]:
        for mine, theirs in zip(found[0][1], own, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        pairs = zip(_several(found[0][0]), _several(result), strict=True)
        for first, other in pairs:
            np.testing.assert_array_equal(first, other)
    return found[0]


def _several(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)
