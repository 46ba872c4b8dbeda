"""Budgets of isl operations end with their blocks, also where the user interrupts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import islpy as isl
import pytest

from tracealloc.poly.isl import budget
from tracealloc.poly.isl.budget import Spent, limited
from tracealloc.poly.isl.points import points_of_set


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


def test_an_inner_budget_is_at_most_what_is_left_of_the_outer_one() -> None:
    with limited(1000):
        with limited(5000):
            assert most() == 1000
        with limited(10):
            assert 10 < most() < 200  # and what was taken before
        assert most() == 1000
    assert most() == 0


def test_what_an_inner_budget_takes_the_outer_one_has_taken() -> None:
    ended = 0
    with pytest.raises(Spent, match=r"^a budget of 100,000 isl operations") as raised, limited(100_000):
        for _ in range(1000):
            try:
                with limited(10_000):
                    spend()
            except Spent as error:
                assert str(error).startswith("a budget of 10,000 isl operations was used up")
                ended += 1
    assert 7 <= ended <= 10  # not more: who has another way inside does not see the end of the outer one
    assert raised.value.__cause__ is not None
    assert most() == 0


def test_a_budget_beside_takes_nothing_of_the_outer_one() -> None:
    ended = 0
    with limited(100_000):
        for _ in range(30):
            with suppress(Spent), limited(10_000, beside=True):
                spend()
                raise AssertionError
            ended += 1
        assert most() == 400_000
    assert ended == 30 and most() == 0


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


@pytest.mark.parametrize("at", range(1, 6))
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


def test_a_budget_that_ends_in_a_callback_of_isl_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    many = isl.Set("{ [i, j] : 0 <= i < 30 and 0 <= j < 30 and (i + j) mod 3 = 0 }")
    spent = 0
    for operations in range(50, 20_000, 97):
        try:
            with limited(operations):
                assert len(points_of_set(many)) == 300
        except Spent:
            spent += 1
    assert spent > 10
    assert capfd.readouterr() == ("", "")
