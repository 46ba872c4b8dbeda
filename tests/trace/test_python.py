"""What Python asks of a traced value that only a number could answer."""

# The kernels are written as users write them, wrong ones included.

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import tracealloc as ta
from tests.trace.forms import refused
from tracealloc import float32, int32

N = 8


def test_swallowed():
    def swallowed(A: int32[N]):
        try:  # noqa: SIM105
            A[0] = int(A[1])
        except Exception:
            pass
        A[1] = 2

    refused(
        swallowed,
        """
        TraceError TA106 the traced value (int32 of +2) cannot be an int
          at +2:20
            +2 |             A[0] = int(A[1])
               |                    ^^^^^^^^^
          because: int() asks for its value, which exists only when the kernel runs
          try: convert with x.astype(int32)
        """,
    )


def test_pyrange():
    def pyrange(A: int32[N]):
        for i in ta.range(N):
            for j in range(i):
                A[j] = 1

    refused(
        pyrange,
        """
        TraceError TA107 the traced value 'i' cannot be used where Python needs an int
          at +2:22
            +2 |             for j in range(i):
               |                      ^^^^^^^^
          because: the builtin range(), a list's index, or a NumPy array's index runs while tracing
          try: ta.range(...) makes a loop with traced bounds; ta.constant(array) makes a table, and
              ta.zeros(shape, dtype) an array to store to, that take traced indices
        """,
    )


def test_tofloat():
    def tofloat(A: float32[N]):
        A[0] = math.exp(A[1])

    refused(
        tofloat,
        """
        TraceError TA106 the traced value (float32 of +1) cannot be a float
          at +1:16
            +1 |         A[0] = math.exp(A[1])
               |                ^^^^^^^^^^^^^^
          because: float() and the functions of math ask for its value, which exists only when the
              kernel runs
          try: x.astype(float32), ta.exp(x), ta.sqrt(x), ...
        """,
    )


def test_del_elem():
    def del_elem(A: int32[N]):
        del A[0]

    refused(
        del_elem,
        """
        TraceError TA121 the traced array 'A' has a fixed extent; its elements cannot be deleted
          at +1:13
            +1 |         del A[0]
               |             ^^^^
          because: its shape is constant
          try: a slice leaves elements out: A[2:6]
        """,
    )


def test_hashed():
    def hashed(A: int32[N]):
        t = {1: 2}
        A[0] = t[A[1]]

    refused(
        hashed,
        """
        TraceError TA121 the traced value (int32 of +2) cannot be a key of a dict or a set
          at +2:16
            +2 |         A[0] = t[A[1]]
               |                ^^^^^^^
          because: it has no value while tracing
          try: look values up in a table: T = ta.constant(array), then T[x]
        """,
    )


def test_iterate():
    def iterate(A: int32[N]):
        for x in A:
            A[0] = x

    refused(
        iterate,
        """
        TraceError TA121 the traced array 'A' cannot be iterated over
          at +1:9
            +1 |         for x in A:
               |         ^
          because: Python would run the loop while tracing
          try: for i in ta.range(len(A)): ... A[i] ...
        """,
        newer=((3, 13), "A"),
    )


def test_nparr():
    def nparr(A: int32[N]):
        W = np.arange(8)
        for i in ta.range(N):
            A[i] = W[i]

    refused(
        nparr,
        """
        TraceError TA107 the traced value 'i' cannot be used where Python needs an int
          at +3:20
            +3 |             A[i] = W[i]
               |                    ^^^^
          because: the builtin range(), a list's index, or a NumPy array's index runs while tracing
          try: ta.range(...) makes a loop with traced bounds; ta.constant(array) makes a table, and
              ta.zeros(shape, dtype) an array to store to, that take traced indices
        """,
    )


def test_addarr():
    def addarr(A: int32[N], B: int32[N]):
        A[0] = (A + B)[0]

    refused(
        addarr,
        """
        TraceError TA121 the traced array 'A' has no arithmetic as a whole
          at +1:17
            +1 |         A[0] = (A + B)[0]
               |                 ^^^^^
          because: a kernel says what happens to each element
          try: loop over the elements: for i in ta.range(len(A)): C[i] = A[i] + B[i]
        """,
    )


def test_augarr():
    def augarr(A: int32[N], B: int32[N]):
        A += 1

    refused(
        augarr,
        """
        TraceError TA121 the traced array 'A' has no arithmetic as a whole
          at +1:9
            +1 |         A += 1
               |         ^^^^^^
          because: a kernel says what happens to each element
          try: loop over the elements: for i in ta.range(len(A)): C[i] = A[i] + B[i]
        """,
    )


def test_boolarr():
    def boolarr(A: int32[N]):
        if A:
            A[0] = 1

    refused(
        boolarr,
        """
        TraceError TA121 the traced array 'A' is neither true nor false
          at +1:9
            +1 |         if A:
               |         ^
          because: it has many elements
          try: test an element: if A[i] > 0:
        """,
        newer=((3, 12), "A"),
    )


def test_a_package_found_through_a_winding_path_knows_its_own_frames(tmp_path):
    root = Path(ta.__file__).resolve().parent.parent
    winding = f"{tmp_path}/{os.path.relpath(root, tmp_path.resolve())}"
    script = tmp_path / "clip.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {winding!r})\n"
        "import numpy as np\nimport tracealloc as ta\nfrom tracealloc import grid, int32, kernel\n"
        "@kernel\ndef clip(A: int32[8]):\n    for i in grid(8):\n        if A[i] > 3:\n            A[i] = 0\n"
        "assert '..' in ta.__file__\na = np.arange(8, dtype=np.int32)\nclip(a)\nprint(a.max())\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stdout == "3\n", done.stderr


def test_unpacked():
    def unpacked(A: float32[N, N]):
        for i, j in ta.grid(N):
            A[i, j] = 0

    refused(
        unpacked,
        """
        TraceError TA121 the traced value 'i' cannot be iterated over
          at +1:13
            +1 |         for i, j in ta.grid(N):
               |             ^^^^
          because: it is one number
          try: a loop has an iterator for each extent: for i, j in grid(m, n)
        """,
    )


def test_numpy_function():
    def replaced_nan(A: float32[N]):
        for i in ta.grid(N):
            A[i] = np.nan_to_num(A[i])

    refused(
        replaced_nan,
        """
        TraceError TA121 np.nan_to_num cannot be used on traced values
          at +2:20
            +2 |             A[i] = np.nan_to_num(A[i])
               |                    ^^^^^^^^^^^^^^^^^^^
          because: it has no value while tracing, and NumPy would need it
          try: the functions of ta work on single values, and np.exp(x), np.sqrt(x), ... call them
        """,
    )
