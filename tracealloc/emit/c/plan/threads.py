"""OpenMP threads: which programs start some, and how a forked process survives them.

The libgomp of gcc keeps the threads of a pool between parallel loops and remembers the pool in the thread
that started it. After ``fork`` that memory is still there and the threads are not: the next parallel loop
would wait for them for ever. A thread made after the fork has no such memory, so the thread that came
through a fork hands its calls to one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tracealloc.trace.ir.program import Loop, Program, walk_nodes

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["after_fork", "starts_threads"]


class _Forked:
    """The thread that came through the last fork (0: there was none), and the one that works for it."""

    def __init__(self) -> None:
        self.ident = 0
        self.worker: ThreadPoolExecutor | None = None

    def note(self) -> None:
        """Called in the child, by the thread that forked."""
        self.ident, self.worker = threading.get_ident(), None

    def run(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run a function in the other thread."""
        if self.worker is None:
            from concurrent.futures import ThreadPoolExecutor  # slow to import, seldom needed

            self.worker = ThreadPoolExecutor(1, "tracealloc")
        return self.worker.submit(function, *args).result()


_forked = _Forked()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked.note)


def starts_threads(program: Program) -> bool:
    """Whether the emitted C has parallel loops."""
    return any(
        isinstance(node, Loop) and node.marks.parallel
        for item in (*program.callees(), program)
        for node in walk_nodes(item.body)
    )


def after_fork(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, run by another thread where this one came through a fork."""
    forked = _forked

    def call(*args: Any) -> Any:
        if forked.ident and forked.ident == threading.get_ident():
            return forked.run(function, args)
        return function(*args)

    return call
