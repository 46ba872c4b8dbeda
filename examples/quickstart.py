"""A matrix multiplication, from NumPy to a Vitis HLS project.

python examples/quickstart.py [folder of the project, default ./gemm_hls]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from rich.console import Console

import tracealloc as ta
from tracealloc import float32, grid, kernel

M, N, K = 64, 64, 64
console = Console(highlight=False, soft_wrap=True)


@kernel
def gemm(A: float32[M, K], B: float32[K, N]) -> float32[M, N]:
    C = ta.zeros((M, N), float32)
    for i, j, k in grid(M, N, K):
        C[i, j] += A[i, k] * B[k, j]
    return C


def step(title: str) -> None:
    """Print a heading."""
    console.print(f"\n[bold cyan]{title}[/]")


def show(text: object) -> None:
    """Print something as it is, indented."""
    for line in str(text).splitlines():
        console.print(f"  {line}", markup=False)


def schedule() -> ta.Schedule:
    """Rows of C on chip, eight multiply-adds a cycle; print the loops after each step."""
    s = ta.customize(gemm)
    step('s.reorder("k", "j"): the sum no longer waits for itself')
    s.reorder("k", "j")
    show(s)
    step('C_i = s.buffer_at(s.C, "i"): one row of C on chip')
    C_i = s.buffer_at(s.C, "i")
    show(s)
    step('s.unroll("j", factor=8); s.pipeline("j"): eight elements a cycle')
    s.unroll("j", factor=8)
    s.pipeline("j")
    show(s)
    step('s.partition(..., kind="cyclic", factor=8) of B and C_i: eight banks each')
    s.partition(s.B, dim=1, kind="cyclic", factor=8)
    s.partition(C_i, dim=0, kind="cyclic", factor=8)
    show(s)
    return s


def build_hls(s: ta.Schedule, folder: Path, A: np.ndarray, B: np.ndarray, expected: np.ndarray) -> None:
    """Write the project; compile its kernel with the open AMD headers where they are installed."""
    step("A Vitis HLS project")
    project = s.build(target="vitis_hls")
    project.write(folder)
    show(f"{folder}/ holds {', '.join(sorted(path.name for path in folder.iterdir()))}")
    try:
        simulation = s.build(target="vitis_hls", mode="csim")
    except ta.BuildError as error:
        show("The kernel was not compiled here:")
        show(error)
    else:
        same = np.array_equal(simulation(A, B), expected)
        show(f"its C++, compiled with the open AMD headers: {'the same bits' if same else 'DIFFERENT'}")
    step("Next")
    show(f"make -C {folder} csim    the project's own testbench, with g++ alone")
    show(f"make -C {folder} csyn    C synthesis, where Vitis is installed")
    show("README.md has the tour; docs/language.md says what a kernel may contain")


def main(folder: Path) -> None:
    step("The kernel as traced")
    show(gemm.trace())

    step("Run on NumPy arrays")
    random = np.random.default_rng(0)
    A = random.random((M, K), dtype=np.float32)
    B = random.random((K, N), dtype=np.float32)
    C = gemm(A, B)
    show(f"C = gemm(A, B); largest difference from A @ B: {np.abs(C - A @ B).max():.1e}")

    s = schedule()

    step("The scheduled kernel against the plain one")
    show(f"s.build()(A, B): {'the same bits' if np.array_equal(s.build()(A, B), C) else 'DIFFERENT'}")
    show(f"s.verify(): {s.verify()}")
    build_hls(s, folder, A, B, C)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "gemm_hls"))
