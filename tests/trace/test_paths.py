"""Joining of paths, with every common rest read through variables: as plain Python, whatever is shared."""

from __future__ import annotations

from typing import Any

import pytest

import tracealloc as ta
from tests.trace.forms import prints
from tests.trace.test_against_python import CASES
from tests.trace.test_against_python import test_recorded_as_python_says as check
from tracealloc import int32
from tracealloc.trace.record import join_paths as paths


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_variables_in_place_of_repetition(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_MANY", 0)
    check(function)


def test_a_while_loop_after_a_decision_is_traced_once() -> None:
    def search(A: int32[8], out: int32[2]):  # type: ignore[no-untyped-def, valid-type]
        if out[1] > 0:
            out[0] = 1
        n = ta.scalar(int32, 0)
        ta.while_loop(lambda: A[n] > 5, lambda: n.set(n + 1), name="search")

    prints(
        search,
        """
        kernel search(A: int32[8], out: int32[2])
          if out[1] > 0:
            out[0] = 1
          n: int32 = 0
          search: while A[n] > 5:
            n += 1
        """,
    )
