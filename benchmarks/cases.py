"""What is measured: six PolyBench kernels at MEDIUM size, three of them again at the sizes for speed."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

C_FOLDER = Path(__file__).parent / "c"
Step = Callable[[Any, list[Any]], object]


@dataclass(frozen=True)
class Case:
    """One kernel at one size. `steps` are four primitives, given the schedule and its loops as traced."""

    name: str
    module: str
    sizes: dict[str, int]
    shapes: dict[str, tuple[str, ...]]
    steps: tuple[Step, ...] = ()
    dtype: str = "float64"

    @property
    def label(self) -> str:
        """The name with what tells this case from others of the same kernel."""
        return f"{self.name} {'x'.join(str(n) for n in self.sizes.values())} {self.dtype}"

    def kernel(self) -> Any:
        """A fresh kernel, not traced yet."""
        import tracealloc as ta

        module = importlib.import_module(f"examples.polybench.{self.module}")
        return module.make(**self.sizes, dtype=getattr(ta, self.dtype))

    def arguments(self) -> list[Any]:
        """Arguments in the kernel's order; matrices are such that no kernel overflows."""
        random = np.random.default_rng(0)
        found: list[Any] = []
        for name, shape in self.shapes.items():
            if not shape:
                found.append({"alpha": 1.5, "beta": 1.2, "float_n": float(self.sizes.get("N", 1))}[name])
                continue
            array = random.random([self.sizes[size] for size in shape]).astype(self.dtype)
            if self.name == "cholesky":
                array = array @ array.T + np.eye(len(array)) * len(array)
            found.append(np.ascontiguousarray(array, dtype=self.dtype))
        return found

    def description(self) -> str:
        """The case as text for another process, to be read by `from_description`."""
        return json.dumps({"name": self.name, "sizes": self.sizes, "dtype": self.dtype})


def from_description(text: str) -> Case:
    """The case that `Case.description` describes."""
    fields = json.loads(text)
    known = next(case for case in SIX if case.name == fields["name"])
    return replace(known, sizes=fields["sizes"], dtype=fields["dtype"])


def _banks(array: str, dim: int) -> Step:
    return lambda s, _: s.partition(s[array], dim=dim, kind="cyclic", factor=8)


def _unroll(position: int) -> Step:
    return lambda s, loops: s.unroll(loops[position], factor=8)


def _pipeline(position: int) -> Step:
    return lambda s, loops: s.pipeline(loops[position])


SIX = [
    Case(
        "gemm",
        "gemm",
        {"NI": 200, "NJ": 220, "NK": 240},
        {"alpha": (), "beta": (), "C": ("NI", "NJ"), "A": ("NI", "NK"), "B": ("NK", "NJ")},
        (lambda s, _: s.buffer_at(s.C, "i"), _banks("B", 1), _unroll(3), _pipeline(3)),
    ),
    Case(
        "atax",
        "atax",
        {"M": 390, "N": 410},
        {"A": ("M", "N"), "x": ("N",), "y": ("N",), "tmp": ("M",)},
        (lambda s, loops: s.split(loops[1], 10), _banks("A", 1), _unroll(3), _pipeline(3)),
    ),
    Case(
        "jacobi-2d",
        "jacobi_2d",
        {"TSTEPS": 100, "N": 250},
        {"A": ("N", "N"), "B": ("N", "N")},
        (lambda s, loops: s.reorder(loops[2], loops[1]), _banks("A", 1), _banks("B", 1), _pipeline(4)),
    ),
    Case(
        "trmm",
        "trmm",
        {"M": 200, "N": 240},
        {"alpha": (), "A": ("M", "M"), "B": ("M", "N")},
        (lambda s, loops: s.split(loops[1], 8), _banks("B", 1), _unroll(2), _pipeline(2)),
    ),
    Case(
        "correlation",
        "correlation",
        {"M": 240, "N": 260},
        {"float_n": (), "data": ("N", "M"), "corr": ("M", "M"), "mean": ("M",), "stddev": ("M",)},
        (lambda s, loops: s.split(loops[1], 10), _banks("data", 1), _pipeline(5), _pipeline(8)),
    ),
    Case(
        "cholesky",
        "cholesky",
        {"N": 400},
        {"A": ("N", "N")},
        (lambda s, loops: s.split(loops[0], 8), _banks("A", 1), _unroll(2), _pipeline(2)),
    ),
]


def _sized(name: str, **sizes: int) -> Case:
    case = next(case for case in SIX if case.name == name)
    return replace(case, sizes=sizes, dtype="float32")


SPEED = [
    _sized("gemm", NI=512, NJ=512, NK=512),
    _sized("jacobi-2d", TSTEPS=50, N=1300),
    _sized("atax", M=1900, N=2100),
]
