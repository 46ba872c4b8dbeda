"""What is measured: PolyBench kernels at MEDIUM size, and three of them at the sizes for speed."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

C_FOLDER = Path(__file__).parent / "c"
Step = Callable[[Any, list[Any]], object]

MEDIUM: dict[str, dict[str, int]] = {
    "adi": {"TSTEPS": 100, "N": 200},
    "atax": {"M": 390, "N": 410},
    "bicg": {"M": 390, "N": 410},
    "cholesky": {"N": 400},
    "correlation": {"M": 240, "N": 260},
    "covariance": {"M": 240, "N": 260},
    "deriche": {"W": 720, "H": 480},
    "doitgen": {"NQ": 40, "NR": 50, "NP": 60},
    "durbin": {"N": 400},
    "fdtd_2d": {"TMAX": 100, "NX": 200, "NY": 240},
    "floyd_warshall": {"N": 500},
    "gemm": {"NI": 200, "NJ": 220, "NK": 240},
    "gemver": {"N": 400},
    "gesummv": {"N": 250},
    "gramschmidt": {"M": 200, "N": 240},
    "heat_3d": {"TSTEPS": 100, "N": 40},
    "jacobi_1d": {"TSTEPS": 100, "N": 400},
    "jacobi_2d": {"TSTEPS": 100, "N": 250},
    "lu": {"N": 400},
    "ludcmp": {"N": 400},
    "mvt": {"N": 400},
    "nussinov": {"N": 500},
    "seidel_2d": {"TSTEPS": 100, "N": 400},
    "symm": {"M": 200, "N": 240},
    "syr2k": {"M": 200, "N": 240},
    "syrk": {"M": 200, "N": 240},
    "three_mm": {"NI": 180, "NJ": 190, "NK": 200, "NL": 210, "NM": 220},
    "trisolv": {"N": 400},
    "trmm": {"M": 200, "N": 240},
    "two_mm": {"NI": 180, "NJ": 190, "NK": 210, "NL": 220},
}
INTEGER = {"floyd_warshall", "nussinov"}
SOLVED = {"cholesky": "A", "lu": "A", "ludcmp": "A", "trisolv": "L", "gramschmidt": "A"}
SCALARS = {"alpha": 0.25, "beta": 1.2}


@dataclass(frozen=True)
class Case:
    """One kernel at one size. `steps` are four primitives, given the schedule and its loops as traced."""

    module: str
    sizes: dict[str, int]
    steps: tuple[Step, ...] = ()
    dtype: str = "float64"

    @property
    def name(self) -> str:
        """The suite's name of the kernel."""
        return self.module.replace("two_", "2").replace("three_", "3").replace("_", "-")

    @property
    def label(self) -> str:
        """The name with what tells this case from others of the same kernel."""
        return f"{self.name} {'x'.join(str(n) for n in self.sizes.values())} {self.dtype}"

    def kernel(self) -> Any:
        """A fresh kernel, not traced yet."""
        import tracealloc as ta

        module = importlib.import_module(f"examples.polybench.{self.module}")
        if self.module in INTEGER:
            return module.make(**self.sizes)
        return module.make(**self.sizes, dtype=getattr(ta, self.dtype))

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each argument, () for a scalar, from the kernel's annotations."""
        declared = self.kernel().function.__annotations__
        return {name: getattr(kind, "shape", ()) for name, kind in declared.items() if name != "return"}

    def arguments(self) -> list[Any]:
        """Arguments in the kernel's order, such that no kernel overflows or divides by nothing."""
        random = np.random.default_rng(0)
        return [self._argument(name, shape, random) for name, shape in self.shapes.items()]

    def _argument(self, name: str, shape: tuple[int, ...], random: np.random.Generator) -> Any:
        if not shape:
            return np.dtype(self.dtype).type(SCALARS[name] if name in SCALARS else self.sizes["N"])
        if name == "seq":
            return random.integers(0, 4, shape).astype(np.int8)
        if self.module in INTEGER:
            low = 1 if self.module == "floyd_warshall" else 0
            return random.integers(low, 1000 * low + 1, shape).astype(np.int32)
        array = random.random(shape)
        if SOLVED.get(self.module) == name:
            array = (array + array.T if shape[0] == shape[1] else array) + np.eye(*shape) * shape[0]
        return np.ascontiguousarray(array / 64 if name == "r" else array, dtype=self.dtype)

    def description(self) -> str:
        """The case as text for another process, to be read by `from_description`."""
        return json.dumps({"module": self.module, "sizes": self.sizes, "dtype": self.dtype})


def from_description(text: str) -> Case:
    """The case that `Case.description` describes, without its steps."""
    return Case(**json.loads(text))


def _banks(array: str, dim: int) -> Step:
    return lambda s, _: s.partition(s[array], dim=dim, kind="cyclic", factor=8)


def _unroll(position: int) -> Step:
    return lambda s, loops: s.unroll(loops[position], factor=8)


def _pipeline(position: int) -> Step:
    return lambda s, loops: s.pipeline(loops[position])


_STEPS: dict[str, tuple[Step, ...]] = {
    "gemm": (lambda s, _: s.buffer_at(s.C, "i"), _banks("B", 1), _unroll(3), _pipeline(3)),
    "atax": (lambda s, loops: s.split(loops[1], 10), _banks("A", 1), _unroll(3), _pipeline(3)),
    "jacobi_2d": (
        lambda s, loops: s.reorder(loops[2], loops[1]),
        _banks("A", 1),
        _banks("B", 1),
        _pipeline(4),
    ),
    "trmm": (lambda s, loops: s.split(loops[1], 8), _banks("B", 1), _unroll(2), _pipeline(2)),
    "correlation": (lambda s, loops: s.split(loops[1], 10), _banks("data", 1), _pipeline(5), _pipeline(8)),
    "cholesky": (lambda s, loops: s.split(loops[0], 8), _banks("A", 1), _unroll(2), _pipeline(2)),
}
SIX = [Case(module, MEDIUM[module], steps) for module, steps in _STEPS.items()]
SPEED = [
    Case("gemm", {"NI": 512, "NJ": 512, "NK": 512}, dtype="float32"),
    Case("jacobi_2d", {"TSTEPS": 50, "N": 1300}, dtype="float32"),
    Case("atax", {"M": 1900, "N": 2100}, dtype="float32"),
]
ALL = [
    Case(module, sizes, dtype="int32" if module in INTEGER else "float64") for module, sizes in MEDIUM.items()
]
