"""What Python and NumPy would do with a traced value: done right, or an error of ours with place and cure."""

from __future__ import annotations

import linecache
import math
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.trace.foreign import REFUSED
from tests.trace.forms import refused
from tracealloc import float32, grid, int32, kernel
from tracealloc.check.interpret.interpret import interpret

N = 8
_HEAD = (
    "@kernel\ndef q(A: int32[N], B: float32[N], M: int32[4, 4], F: float32[4, 4], n: int32):\n    {head}\n"
)
_NAMES = ("np", "ta", "math", "kernel", "N", "int32", "float32", "grid")


def _kernel(body: str) -> Any:
    """A kernel with `body` in a loop over i, or at its top where it begins with ``@``; ``;;`` ends a line."""
    head = "if True:" if body.startswith("@") else "for i in ta.range(4):"
    lines = body.removeprefix("@").split(" ;; ")
    text = _HEAD.format(head=head) + "".join(f"        {line}\n" for line in lines)
    name = f"<foreign {body}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {word: globals()[word] for word in _NAMES} | {"boolean": ta.boolean}
    exec(compile(text, name, "exec"), scope)
    return scope["q"], name


@pytest.mark.parametrize(
    ("code", "body"),
    [(code, line.strip()) for code, text in REFUSED.items() for line in text.strip().splitlines()],
)
def test_refused(code: str, body: str) -> None:
    """With the user's line, a reason and a cure; nothing of Python's or NumPy's own comes through."""
    traced, name = _kernel(body)
    with pytest.raises(ta.TraceallocError) as found:
        traced.trace()
    error = found.value
    assert error.code == code
    assert error.place is not None
    assert error.place.file == name
    assert error.because
    assert all(error.because)
    assert error.hint
    assert "{" not in error.hint.replace("{'A': A}", "")
    assert not any(word in str(error) for word in ("ArrayProxy", "'Scalar'", "tracealloc.trace"))


_A, _B = np.arange(-3, 5, dtype=np.int32), np.linspace(-2, 2, N, dtype=np.float32)
RIGHT = {
    "B[i] = float32(A[i])": lambda A, B, i: float(A),
    "B[i] = float32(3)": lambda A, B, i: 3.0,
    "B[i] = float32(1.5) * A[i]": lambda A, B, i: 1.5 * A,
    "A[i] = int32(B[i])": lambda A, B, i: math.trunc(float(B)),
    "A[i] = int32(2.75)": lambda A, B, i: 2,
    "A[i] = int32(True)": lambda A, B, i: 1,
    "A[i] = ta.int8(A[i] * 100)": lambda A, B, i: (int(A) * 100 + 128) % 256 - 128,
    "A[i] = ta.uint8(-1)": lambda A, B, i: 255,
    "A[i] = boolean(A[i])": lambda A, B, i: int(A != 0),
    "A[i] = int32(np.float32(2.5))": lambda A, B, i: 2,
    "A[i] = int32(i) + int32(n)": lambda A, B, i: i + 7,
    "B[i] = ta.Fixed(8, 3)(B[i])": lambda A, B, i: math.floor(B * 8) / 8,
    "B[i] = A[i].astype('float32')": lambda A, B, i: float(A),
    "B[i] = A[i].astype(np.float32)": lambda A, B, i: float(A),
    "B[i] = A[i].astype(np.dtype('float64'))": lambda A, B, i: float(A),
    "A[i] = (A[i] * 100).astype(np.int8)": lambda A, B, i: (int(A) * 100 + 128) % 256 - 128,
    "A[i] = B[i].bitcast(np.int32)": lambda A, B, i: int(B.view(np.int32)),
    "C = ta.zeros(4, np.float32) ;; C[i] = A[i] ;; B[i] = C[i]": lambda A, B, i: float(A),
    "C = ta.zeros(4, 'int8') ;; C[i] = A[i] * 100 ;; A[i] = C[i]": lambda A, B, i: (
        (A * 100 + 128) % 256 - 128
    ),
    "C = ta.scalar(np.dtype('int16'), 0) ;; C += A[i] ;; A[i] = C": lambda A, B, i: A,
    "C = ta.constant([1.0, 2, 3, 4], np.int32) ;; A[i] = C[i]": lambda A, B, i: [1, 2, 3, 4][i],
    "C = ta.full((4,), 1, np.uint8) ;; A[i] = C[i]": lambda A, B, i: 1,
    "A[i] = divmod(A[i], 3)[1]": lambda A, B, i: A % 3,
    "A[i] = divmod(7, A[i] * 2 + 1)[0]": lambda A, B, i: 7 // (2 * A + 1),
    "A[i] = sum([A[i], A[i], 1])": lambda A, B, i: 2 * A + 1,
    "A[i] = max(A[i], 0, -A[i])": lambda A, B, i: abs(A),
    "A[i] = A[i] in (1, -2)": lambda A, B, i: int(A in (1, -2)),
    "A[i] = 1 if A[i] not in [1, -2] else 5": lambda A, B, i: 1 if A not in (1, -2) else 5,
    "A[i] = 3 if -3 < A[i] < 0 else 4": lambda A, B, i: 3 if -3 < A < 0 else 4,
    "A[i] = not A[i]": lambda A, B, i: int(not A),
    "A[i] = 1 if A[i] == None else 2": lambda A, B, i: 2,
    "A[i] = int(hasattr(A, 'T')) + hasattr(A[i], 'x') + hasattr(A, 'shape')": lambda A, B, i: 1,
    "A[i] = getattr(A, 'scale', 9)": lambda A, B, i: 9,
    "A[i] = np.size(M) + np.ndim(M) + np.shape(M)[0]": lambda A, B, i: 22,
    "match A[i]: ;;     case 0: A[i] = 1 ;;     case -1 | -2: A[i] = 7 ;;     case _: A[i] = 2": (
        lambda A, B, i: 1 if A == 0 else 7 if A in (-1, -2) else 2
    ),
    "match A[i]: ;;     case x if x > -2: A[i] = x + 1 ;;     case y: A[i] = y - 1": (
        lambda A, B, i: A + 1 if A > -2 else A - 1
    ),
    "if (x := A[i]) > 0: A[i] = x + 1": lambda A, B, i: A + 1 if A > 0 else A,
    "A[i] = (lambda x: x + 1)(A[i])": lambda A, B, i: A + 1,
    "A[i] = sum(A[k] for k in range(4, 6))": lambda A, B, i: 3,
    "A[i], A[i + 4] = A[i + 4], A[i]": lambda A, B, i: A + 4,
    "try: ;;     A[i] += 1 ;; finally: ;;     A[i] += 2": lambda A, B, i: A + 3,
    "try: ;;     assert A[i] > 0 ;;     A[i] = 5 ;; except AssertionError: ;;     A[i] = 6": (
        lambda A, B, i: 5 if A > 0 else 6
    ),
    "import functools ;; A[i] = functools.reduce(lambda a, b: a + b, [A[i], A[i], 1])": lambda A, B, i: (
        2 * A + 1
    ),
    "import operator ;; A[i] = operator.add(A[i], 1)": lambda A, B, i: A + 1,
    "assert N == 8 ;; A[i] = N": lambda A, B, i: 8,
    "print(A[i], i, A, f'{A[i]}') ;; A[i] = 1": lambda A, B, i: 1,
    "A[i] = 10**400 + 3": lambda A, B, i: 3,
    "A[i] = np.array(7)": lambda A, B, i: 7,
}


@pytest.mark.parametrize("body", RIGHT)
def test_right(body: str) -> None:
    traced, _ = _kernel(body)
    a, b = _A.copy(), _B.copy()
    interpret(traced.trace(), a, b, np.zeros((4, 4), np.int32), np.zeros((4, 4), np.float32), 7)
    changed = b if body.rpartition(";; ")[2].startswith("B") else a
    wanted = [RIGHT[body](_A[i], _B[i], i) for i in range(4)]
    assert changed[:4].tolist() == wanted


def test_what_the_user_raises_stays_the_users() -> None:
    """Where no traced condition decides it, an exception is a check of what is known while tracing."""
    for body, kind in {"assert N > 9, 'N'": AssertionError, "raise KeyError('k')": KeyError}.items():
        with pytest.raises(kind) as found:
            _kernel(body)[0].trace()
        assert found.value.__notes__[0].startswith("while tracing kernel 'q' (")


def test_a_kernel_raises_through_a_call() -> None:
    @kernel
    def inner(X: int32[4], limit=3):
        if limit > 2:
            raise ValueError("too many")
        X[0] = 1

    def outer(A: int32[N]):
        if A[0] > 0:
            inner(A[0:4])

    with pytest.raises(ta.TraceError, match=r"TA131 kernel 'outer' raises ValueError \(too many\) under a"):
        kernel(outer).trace()


def test_operands_that_know_traced_values() -> None:
    class Scaled:
        def __radd__(self, other: Any) -> Any:
            return other * 2

        def __eq__(self, other: object) -> Any:
            return other > 0

        __hash__ = None  # type: ignore[assignment]

    @kernel
    def q(A: int32[N]):
        for i in grid(N):
            if A[i] == Scaled():
                A[i] = A[i] + Scaled()

    a = _A.copy()
    interpret(q.trace(), a)
    assert a.tolist() == [x * 2 if x > 0 else x for x in _A.tolist()]


def test_numpy_types_are_types_of_arguments() -> None:
    @kernel
    def q(A: float32[8], x: np.int16, y: "float32", B: ta.uint8[2, 4]) -> np.float64:  # noqa: UP037
        B[0, 0] = x
        return A[0] + y

    assert [str(array.dtype) for array in q.trace().args] == ["float32", "int16", "float32", "uint8"]
    assert [array.shape for array in q.trace().args] == [(8,), (), (), (2, 4)]
    b = np.zeros((2, 4), np.uint8)
    assert q(np.full(8, 1.5, np.float32), 257, 2.0, b) == 3.5
    assert b[0, 0] == 1
    assert str(ta.Struct(x=np.float32, y="int8")) == "Struct(x=float32, y=int8)"


def test_assert():
    def checked(A: int32[N]):
        for i in grid(N):
            assert A[i] > 0, "positive"
            A[i] = 1

    refused(
        checked,
        """
        TraceError TA131 kernel 'checked' raises AssertionError (positive) under a traced condition
          at +2:13
            +2 |             assert A[i] > 0, "positive"
               |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^
          because: the condition at +2 decides whether it is raised
          because: that is known only when the kernel runs, and hardware cannot raise
          try: check arguments before the call, results after it; kernel.python(...) runs the body as
              plain Python, with assert and raise; or store a flag: bad[0] = 1
        """,
    )


def test_copy():
    def copies(A: int32[N, 4]):
        C = A.copy()
        C[0, 0] = 1

    refused(
        copies,
        """
        TraceAttributeError TA121 the traced array 'A' has no 'copy'
          at +1:13
            +1 |         C = A.copy()
               |             ^^^^^^
          because: it has dtype, ndim, shape, size
          try: C = ta.empty((8, 4), int32); for i, j in grid(8, 4): C[i, j] = A[i, j]
        """,
    )


def test_transposed():
    def turned(A: float32[N, 4]):
        for i, j in grid(N, 4):
            A[i, j] = A.T[j, i]

    refused(
        turned,
        """
        TraceAttributeError TA121 the traced array 'A' has no 'T'
          at +2:23
            +2 |             A[i, j] = A.T[j, i]
               |                       ^^^
          because: it has dtype, ndim, shape, size
          try: write the subscripts in the other order: A[j, i]
        """,
    )


def test_local_annotation():
    def annotated(A: int32[N]):
        C: int32[4] = 0
        for i in grid(4):
            C[i] = A[i]

    refused(
        annotated,
        """
        TraceError TA130 Python raised TypeError ('int' object does not support item assignment) while
            kernel 'annotated' was traced
          at +3:13
            +3 |             C[i] = A[i]
               |             ^^^^
          because: the body runs on traced values, which have no value yet; what Python makes of them
              runs now
          try: C = ta.zeros((M, N), int32) makes an array; an annotation such as C: int32[M, N] = 0
              makes none
        """,
    )


def test_text_operand():
    def adds(A: int32[N]):
        for i in grid(N):
            A[i] = A[i] + "x"

    refused(
        adds,
        """
        TraceError TA109 '+' has no meaning between a traced value and 'x', which is a str
          at +2:20
            +2 |             A[i] = A[i] + "x"
               |                    ^^^^^^^^^^
          because: operands are traced values, Python's int, float and bool, and NumPy's numbers
          try: x + y with y a number or an element of an array
        """,
    )


def test_python_float():
    def widthless(A: int32[N]):
        C = ta.zeros(4, float)
        C[0] = A[0]

    refused(
        widthless,
        """
        TraceError TA122 ta.zeros needs an element type such as float32, not float
          at +1:13
            +1 |         C = ta.zeros(4, float)
               |             ^^^^^^^^^^^^^^^^^^
          because: Python's float says no width, and hardware has one
          try: float32
        """,
    )


def test_numpy_sum():
    def sums(A: int32[N]):
        A[0] = np.sum(A)

    refused(
        sums,
        """
        TraceError TA121 the traced array 'A' has no elements that np.sum could use
          at +1:16
            +1 |         A[0] = np.sum(A)
               |                ^^^^^^^^^
          because: NumPy runs while tracing
          try: acc = ta.scalar(int32, 0); for i in ta.range(8): acc += A[i]
        """,
    )


def test_coroutine():
    async def waits(A: int32[N]):
        A[0] = 1

    refused(
        waits,
        """
        TraceError TA101 'waits' is a generator or a coroutine, and no kernel
          at +0
            +0 |     async def waits(A: int32[N]):
          because: a kernel runs from its first line to its last
          try: return results, or store them in an array
        """,
    )
