"""Reads that a step has changed: one is only taken for a read of the traced program that it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import islpy as isl
import pytest

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.equivalence import difference

bit = ta.UInt(1)
Damage = Callable[[Access], Access | None]


@kernel
def reads(A: int32[4], C: int32[1, 4], v: bit[4], B: int32[3]):
    for i in ta.range(3):
        B[i] = A[i] - A[i + 1] + A[v[i]] * C[v[i + 1] % 1, i]


def damaged(statement: Statement, damage: Damage) -> Statement:
    return replace(statement, accesses=tuple(a for a in map(damage, statement.accesses) if a is not None))


def swapped(access: Access) -> Access:
    names = {"A[i]": "A[i + 1]", "A[i + 1]": "A[i]"}
    other = next((a for a in statement().accesses if a.text == names.get(access.text)), access)
    return replace(access, tags=other.tags)


def without(text: str) -> Damage:
    return lambda access: None if access.text == text else access


def one_for_the_other(access: Access) -> Access:
    """What data choose is always the first element."""
    if access.text != "A[v[i]]":
        return access
    return replace(access, relation=access.relation.intersect_range(isl.Set("{ A0[0] }")))


def unknown(access: Access) -> Access:
    return replace(access, tags=("n0",)) if access.text == "A[i]" else access


def traced() -> tuple[Model, Tree]:
    state = ta.customize(reads).module.functions["reads"]
    return state.model, state.tree


def statement() -> Statement:
    return traced()[0].statements[0]


DAMAGE = {
    "two reads swapped": [swapped],
    "a value is not read": [without("A[i + 1]")],
    "a read of an element that data choose is gone": [without("A[v[i]]")],
    "a choice is gone": [without("v[i]"), one_for_the_other],
    "another read": [unknown],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_read_that_is_no_longer_the_traced_one_is_found(damage: list[Damage]) -> None:
    model, tree = traced()
    (found,) = model.statements
    for each in damage:
        found = damaged(found, each)
    assert difference(model, tree, replace(model, statements=(found,)), tree) is not None


def test_what_chose_the_only_row_need_not_be_read() -> None:
    model, tree = traced()
    changed = damaged(model.statements[0], without("v[i + 1]"))
    assert difference(model, tree, replace(model, statements=(changed,)), tree) is None


@kernel
def beside_an_empty_loop(A: int32[4], n: int32[1], B: int32[4]):
    for _ in ta.range(n[0]):
        for _ in ta.range(0):
            B[0] = 7
        for k in ta.range(3):
            B[A[k] & 3] = A[k] + A[k + 1]


def test_a_loop_that_never_runs_hides_no_read_beside_it() -> None:
    """What is read in a loop of data is looked at in the loops around it alone."""
    state = ta.customize(beside_an_empty_loop).module.functions["beside_an_empty_loop"]
    (found,) = state.model.statements
    first = isl.Map("{ A0[k] -> A0[0] : 0 <= k <= 3 }")
    changed = damaged(found, lambda a: a.onto(first) if a.text == "A[k + 1]" else a)
    assert all(not a.view.is_empty() for a in found.reads if a.view is not None and a.array.name == "A")
    damage = replace(state.model, statements=(changed,))
    assert difference(state.model, state.tree, damage, state.tree) is not None


def test_a_loop_that_never_runs_is_split() -> None:
    s = ta.customize(beside_an_empty_loop)
    s.split("k", 2)
    assert s.verify()
