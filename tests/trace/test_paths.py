"""Joining of paths, with every common rest read through variables: as plain Python, whatever is shared."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trace.test_against_python import CASES
from tests.trace.test_against_python import test_recorded_as_python_says as check
from tracealloc.trace import paths


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_variables_in_place_of_repetition(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_MANY", 0)
    check(function)
