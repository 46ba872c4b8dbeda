"""Whether some iteration stores to an argument: a question of many, which only sets of iterations answer.

Whoever calls programs asks it here; who answers is said once, by what ties the folders together.
"""

from __future__ import annotations

from collections.abc import Callable

from tracealloc.trace.ir.program import Program

__all__ = ["answer_with", "may_store"]

_answers: list[Callable[[Program, str], bool]] = []


def answer_with(answer: Callable[[Program, str], bool]) -> None:
    """Let `answer` answer: given a program and the name of an argument."""
    _answers[:] = [answer]


def may_store(program: Program, name: str) -> bool:
    """Whether some iteration of a program may store to its argument `name`."""
    return _answers[0](program, name)
