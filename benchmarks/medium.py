"""All 30 PolyBench kernels at MEDIUM: ``python -m benchmarks.medium [names]``.

The unscheduled kernel beside the hand-written C of `benchmarks/c` under the same flags, and their ratio.
"""

from __future__ import annotations

import importlib
import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import steady
from benchmarks.cases import Case
from benchmarks.table import cell

SIZES: dict[str, dict[str, int]] = {
    "adi": {"TSTEPS": 100, "N": 200},
    "atax": {"M": 390, "N": 410},
    "bicg": {"M": 390, "N": 410},
    "cholesky": {"N": 400},
    "correlation": {"M": 240, "N": 260},
    "covariance": {"M": 240, "N": 260},
    "deriche": {"W": 720, "H": 480},
    "doitgen": {"NQ": 60, "NR": 70, "NP": 80},
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


@dataclass(frozen=True)
class MediumCase(Case):
    """A kernel at MEDIUM size, its arguments made from the kernel's own annotations."""

    def arguments(self) -> list[Any]:
        random, found = np.random.default_rng(0), []
        for name, shape in self.shapes.items():
            if not shape:
                found.append({"alpha": 0.25, "beta": 1.2, "float_n": 260.0}[name])
            elif name == "seq":
                found.append(random.integers(0, 4, shape).astype(np.int8))
            elif self.module in INTEGER:
                low = 1 if self.module == "floyd_warshall" else 0
                found.append(random.integers(low, 1000 * low + 1, shape).astype(np.int32))
            else:
                array = random.random(shape).astype(self.dtype)
                if SOLVED.get(self.module) == name:
                    array = (array + array.T if shape[0] == shape[1] else array) + np.eye(*shape) * shape[0]
                found.append(np.ascontiguousarray(array / 64 if name == "r" else array, self.dtype))
        return found


def medium_case(name: str) -> MediumCase:
    """The case of the kernel ``examples/polybench/<name>.py``."""
    kernel = importlib.import_module(f"examples.polybench.{name}").make(**SIZES[name])
    types = kernel.function.__annotations__
    shapes = {key: getattr(declared, "shape", ()) for key, declared in types.items()}
    return MediumCase(name, name, SIZES[name], shapes, dtype="int32" if name in INTEGER else "float64")


def main() -> None:
    """Print a line for each kernel, then the geometric mean of the ratios."""
    ratios = []
    for name in sys.argv[1:] or SIZES:
        found = steady.measure(medium_case(name), 1.0)
        ratios.append(found["ratio"])
        cells = [f"{key} {cell(key, found[key]):>9}" for key in ("steady run", "gcc run", "ratio")]
        print(f"{name:16s}", *cells, flush=True)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean {mean:.3f}, worst {max(ratios):.2f}")


if __name__ == "__main__":
    main()
