"""Type checkers see every public name: the lists are static, and a user's file passes mypy's strict mode."""

from __future__ import annotations

import ast
import builtins
import subprocess
import sys
from pathlib import Path

import pytest

import tracealloc as ta
from tracealloc.trace import api

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "tracealloc" / "__init__.py"


def _static_names() -> tuple[list[str], set[str]]:
    """The names in ``__all__``, and those that the file binds by imports, both read and not run."""
    listed: list[str] = []
    imported: set[str] = set()
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id == "__all__":
                listed = ast.literal_eval(node.value)
        elif isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name for alias in node.names}
    return listed, imported


def test_all_is_static_and_whole() -> None:
    listed, imported = _static_names()
    assert listed == ta.__all__ == sorted(set(listed))
    assert set(listed) <= imported
    assert {name for name in api.__all__ if not hasattr(builtins, name)} <= set(listed)
    assert set(api.__all__) <= imported
    assert not [name for name in listed if hasattr(builtins, name)]
    for name in listed:
        assert getattr(ta, name) is not None
    assert set(listed) <= set(dir(ta))


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'customise'; did you mean 'customize'\?$"):
        ta.customise  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"module 'tracealloc' has no attribute 'relu'$"):
        ta.relu  # type: ignore[attr-defined]


@pytest.mark.long
def test_a_users_file() -> None:
    """Checked by the project's own run of mypy too, which has it among its files."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "tests/typed_use.py"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "tests/typed_use.py" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_users_file_runs() -> None:
    """What is written for type checkers is a kernel like others."""
    import numpy as np

    from tests.typed_use import gemm, matmul

    assert [str(array.dtype) for array in matmul.trace().args] == ["int8", "int8", "int16"]
    a, b = np.full((4, 8), 0.5, np.float32), np.ones((8, 4), np.float32)
    np.testing.assert_array_equal(gemm(a, b), gemm.python(a, b))
