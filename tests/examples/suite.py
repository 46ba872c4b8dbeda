"""What the tests of the suites' kernels share: loading examples and data, calling, comparing."""

from __future__ import annotations

import importlib.util
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "tests" / "data"

Arrays = Mapping[str, np.ndarray]
Engine = Callable[..., Any]


@cache
def example(folder: str, name: str) -> ModuleType:
    """The module ``examples/<folder>/<name>.py``."""
    path = ROOT / "examples" / folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"examples.{folder}.{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dataset(folder: str, name: str) -> dict[str, np.ndarray]:
    """One file of the suites' data."""
    path = DATA / folder / f"{name}.npz"
    assert zipfile.is_zipfile(path), path
    with np.load(path) as data:
        return dict(data)


def assert_close(name: str, got: np.ndarray, expected: np.ndarray, tolerance: float = 1e-10) -> None:
    """`got` equals `expected`: exactly for integers, else relative to the largest magnitude."""
    assert got.shape == expected.shape and got.dtype == expected.dtype, name
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected, err_msg=name)
        return
    scale = max(float(np.max(np.abs(expected))), 1e-300)
    error = float(np.max(np.abs(got - expected))) / scale
    assert error <= tolerance, f"{name}: relative error {error:.3g}"
