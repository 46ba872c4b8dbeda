"""What all tests share: golden files, the long mode, and a compile cache of their own.

``pytest --update-golden`` writes the golden files instead of comparing with them, ``pytest --long`` runs
the long modes too (more random programs, larger sizes).
"""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

GOLDEN = Path(__file__).parent / "golden"
_CACHE_KEY = pytest.StashKey[str]()

Golden: TypeAlias = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tracealloc")
    group.addoption("--update-golden", action="store_true", help="write golden files, do not compare")
    group.addoption("--long", action="store_true", help="run the long modes of the tests too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: only run with --long")
    if hasattr(config, "workerinput"):
        return  # an xdist worker inherits the controller's environment, and so shares its cache
    directory = tempfile.mkdtemp(prefix="tracealloc-tests-")
    os.environ["TRACEALLOC_CACHE"] = directory
    config.stash[_CACHE_KEY] = directory


def pytest_unconfigure(config: pytest.Config) -> None:
    directory = config.stash.get(_CACHE_KEY, None)
    if directory is not None:
        shutil.rmtree(directory, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def long_mode(request: pytest.FixtureRequest) -> bool:
    """Whether ``--long`` was given."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def cache_directory() -> Path:
    """The compile cache that this run of the tests uses."""
    return Path(os.environ["TRACEALLOC_CACHE"])


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """``golden(name, text)`` compares `text` with ``tests/golden/<name>``."""
    update = bool(request.config.getoption("--update-golden"))

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if not text.endswith("\n"):
            text += "\n"
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        if not path.exists():
            pytest.fail(f"tests/golden/{name} is missing; if the text is right: --update-golden\n{text}")
        expected = path.read_text(encoding="utf-8")
        if text != expected:
            diff = difflib.unified_diff(
                expected.splitlines(), text.splitlines(), f"golden/{name}", "now", lineterm=""
            )
            pytest.fail("\n".join(diff) + "\nif the new text is right: pytest --update-golden", pytrace=False)

    return compare
