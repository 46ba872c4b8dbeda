"""Budgets of isl operations end with their blocks, also where the user interrupts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import islpy as isl
import pytest

from tracealloc.poly.isl import budget
from tracealloc.poly.isl.budget import Spent, limited


def most() -> int:
    return int(isl.DEFAULT_CONTEXT.get_max_operations())


def spend() -> None:
    for _ in range(1000):
        isl.Set("{ [i, j] : 0 <= i < 10 and exists k : j = 3 k + i }").coalesce()


class InterruptedAtExit(limited):
    """The user's interrupt comes when `__exit__` is called, before it has done anything."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        raise KeyboardInterrupt


def test_what_is_used_up_is_told() -> None:
    told = r"^a budget of 100 isl operations was used up, the last in isl_"
    with pytest.raises(Spent, match=told), limited(100):
        spend()
    assert most() == 0


def test_an_inner_budget_is_at_most_what_the_outer_one_is() -> None:
    with limited(1000):
        with limited(5000):
            assert most() == 1000
        with limited(10):
            assert most() == 10
        assert most() == 1000
    assert most() == 0


def test_an_interrupt_of_an_inner_budget_leaves_none_behind() -> None:
    kept = []
    try:
        with limited(1000), InterruptedAtExit(100):
            spend()
    except KeyboardInterrupt as error:
        kept.append(error)  # as a notebook keeps the last traceback, with all that its frames hold
    assert most() == 0
    kept.clear()
    assert most() == 0


def test_an_interrupt_of_the_outermost_ends_with_its_object() -> None:
    with pytest.raises(KeyboardInterrupt), InterruptedAtExit(100):
        spend()
    assert most() == 0


class Interrupting:
    """isl's context; at one of the calls the user's interrupt comes when it has been made."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            found = getattr(context, name)(*args)
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return found

        return call


context = isl.DEFAULT_CONTEXT


@pytest.mark.parametrize("at", range(1, 7))
def test_an_interrupt_while_a_budget_begins_or_ends_leaves_none_behind(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupting = Interrupting(at)
    monkeypatch.setattr(budget.isl, "DEFAULT_CONTEXT", interrupting)
    try:
        with pytest.raises(KeyboardInterrupt), limited(1000):
            pass
        assert interrupting.left <= 0
        monkeypatch.undo()
        assert most() == 0
        with pytest.raises(Spent), limited(100):
            spend()
    finally:
        context.set_max_operations(0)
