"""`@kernel` objects: calls, staged values, methods, threads, the memory of earlier processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel

N = 6


@kernel
def double(A: int32[N]) -> int32[N]:
    """Twice the array."""
    B = ta.empty((N,), int32)
    for i in grid(N):
        B[i] = A[i] * 2
    return B


@kernel
def power(A: int32[N], B: int32[N], n: int = 2, *, shift=0):
    for i in grid(N):
        x = A[i]
        for _ in range(n - 1):
            x = x * A[i]
        B[i] = x + shift


class Filter:
    def __init__(self, gain: int) -> None:
        self.gain = gain

    @kernel
    def run(self, A: int32[N], B: int32[N]):
        for i in grid(N):
            B[i] = A[i] * self.gain


def test_result_is_a_new_array() -> None:
    a = np.arange(N, dtype=np.int32)
    assert np.array_equal(double(a), 2 * a)
    assert np.array_equal(double(A=a), 2 * a)
    assert double.__name__ == "double"
    assert double.__doc__ == "Twice the array."
    assert repr(double) == "<kernel double>"


def test_staged_parameters_make_kernels_of_their_own() -> None:
    a, b = np.arange(N, dtype=np.int32), np.zeros(N, np.int32)
    for n, shift in ((2, 0), (3, 0), (3, 7), (2, 1)):
        power(a, b, n, shift=shift)
        assert np.array_equal(b, a**n + shift)
    power(a, b)
    assert np.array_equal(b, a**2)
    power(B=b, A=a, n=4)
    assert np.array_equal(b, a**4)


def test_methods_see_their_object_as_it_is() -> None:
    f, g = Filter(3), Filter(5)
    a, b = np.arange(N, dtype=np.int32), np.zeros(N, np.int32)
    f.run(a, b)
    assert np.array_equal(b, 3 * a)
    g.run(a, b)
    assert np.array_equal(b, 5 * a)
    f.gain = 4
    f.run(a, b)
    assert np.array_equal(b, 4 * a)


def test_first_calls_from_many_threads() -> None:
    @kernel
    def cube(A: float32[N], B: float32[N]):
        for i in grid(N):
            B[i] = A[i] * A[i] * A[i]

    a = np.arange(N, dtype=np.float32)
    outs = [np.zeros(N, np.float32) for _ in range(8)]
    threads = [threading.Thread(target=cube, args=(a, out)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(out, a**3) for out in outs)


def test_strings_as_annotations_see_local_variables() -> None:
    size = 4

    @kernel
    def fill(A: float32[size]):
        for i in grid(size):
            A[i] = 1

    a = np.zeros(size, np.float32)
    fill(a)
    assert a.tolist() == [1] * size


def test_exec_without_a_file() -> None:
    namespace: dict[str, object] = {}
    exec(
        textwrap.dedent("""
        import tracealloc as ta
        @ta.kernel
        def inc(A: ta.int32[4]):
            for i in ta.grid(4):
                A[i] += 1
        """),
        namespace,
    )
    a = np.zeros(4, np.int32)
    namespace["inc"](a)
    assert a.tolist() == [1] * 4


def test_an_error_at_the_first_call_leaves_the_kernel_as_it_was() -> None:
    broken = [True]

    @kernel
    def half(A: int32[N]):
        for i in grid(N):
            A[i] = A[i] / 2 if broken[0] else A[i] // 2

    a = np.full(N, 8, np.int32)
    with pytest.raises(ta.TraceError):
        half(a)
    assert a.tolist() == [8] * N
    broken[0] = False
    half(a)
    assert a.tolist() == [4] * N


SCRIPT = """
import sys
import numpy as np
import tracealloc as ta
FACTOR = int(sys.argv[1])
@ta.kernel
def scale(A: ta.int32[4], B: ta.int32[4]):
    for i in ta.grid(4):
        B[i] = A[i] * FACTOR
b = np.zeros(4, np.int32)
scale(np.arange(4, dtype=np.int32), b)
print(b.tolist(), "islpy" in sys.modules)
"""


def test_a_later_process_needs_no_analysis(tmp_path: Path) -> None:
    script = tmp_path / "scale.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "TRACEALLOC_CACHE": str(tmp_path / "cache")}

    def run(factor: int) -> str:
        done = subprocess.run(
            [sys.executable, str(script), str(factor)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert run(3) == "[0, 3, 6, 9] True"
    assert run(3) == "[0, 3, 6, 9] False"
    assert run(4) == "[0, 4, 8, 12] True"
    for library in (tmp_path / "cache").glob("*.so"):
        library.write_bytes(b"not a library")
    assert run(3) == "[0, 3, 6, 9] True"
