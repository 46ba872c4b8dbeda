"""All 30 PolyBench kernels at MEDIUM: ``python -m benchmarks.medium [names]``.

The unscheduled kernel beside the hand-written C of `benchmarks/c` under the same flags, and their ratio;
also the tracing time, and how much longer the emitted C is than its Python.
"""

from __future__ import annotations

import inspect
import math
import sys

from benchmarks import steady
from benchmarks.cases import ALL, Case
from benchmarks.table import cell
from benchmarks.timing import median_seconds


def growth(case: Case) -> float:
    """Characters of the emitted C for each character of the kernel's Python."""
    from tracealloc.emit.c.function import c_source

    kernel = case.kernel()
    return len(c_source(kernel.trace())) / len(inspect.getsource(kernel.function))


def main() -> None:
    """Print a line for each kernel, then the geometric mean of the ratios."""
    wanted = sys.argv[1:] or [case.name for case in ALL]
    ratios = []
    for case in (case for case in ALL if case.name in wanted or case.module in wanted):
        found = steady.measure(case, 1.0)
        found["trace"] = median_seconds(lambda case=case: case.kernel().trace(), 5)
        ratios.append(found["ratio"])
        cells = [f"{key} {cell(key, found[key]):>9}" for key in ("steady run", "gcc run", "ratio", "trace")]
        print(f"{case.name:16s}", *cells, f"C/Python {growth(case):5.1f}", flush=True)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean {mean:.3f}, worst {max(ratios):.2f}")


if __name__ == "__main__":
    main()
