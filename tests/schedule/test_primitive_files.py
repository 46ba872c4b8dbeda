"""Each primitive has a test file of its name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tracealloc.schedule.primitives as primitives
from tracealloc.schedule.core.primitive import REGISTRY
from tracealloc.schedule.session import methods  # noqa: F401  (it loads them all)

HERE = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in Path(primitives.__file__).parent.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", NAMES)
def test_its_file_takes_the_step(name: str) -> None:
    text = (HERE / f"test_{name}.py").read_text(encoding="utf-8")
    own = {each for each, p in REGISTRY.items() if p.function.__module__.endswith(f".{name}")}
    assert own
    called = {n.attr for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Attribute)}
    assert sorted(own - called) == []
    assert "def test_" in text


def test_the_registry_is_what_the_files_make() -> None:
    assert {p.function.__module__.rpartition(".")[2] for p in REGISTRY.values()} == set(NAMES)
