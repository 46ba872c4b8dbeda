"""What the error codes of the proofs at trace time (TA15x) mean; see `trace.diagnostics.codes`."""

from __future__ import annotations

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

register(
    {
        "TA150": Code(
            "an access leaves its array",
            """@kernel
def shift(A: float32[8], B: float32[8]):
    for i in grid(8):
        B[i] = A[i + 1]

shift.trace()
""",
            """@kernel
def shift(A: float32[8], B: float32[8]):
    for i in grid(7):
        B[i] = A[i + 1]

shift.trace()
""",
            "Subscripts made of iterators are proved to stay inside in all iterations; the message shows "
            "the first one that does not.",
        ),
        "TA151": Code(
            "an element is read before anything is stored there",
            """@kernel
def total(A: float32[8]) -> float32[1]:
    s = ta.empty((1,), float32)
    for i in grid(8):
        s[0] += A[i]
    return s

total.trace()
""",
            """@kernel
def total(A: float32[8]) -> float32[1]:
    s = ta.zeros((1,), float32)
    for i in grid(8):
        s[0] += A[i]
    return s

total.trace()
""",
            "ta.empty makes an array without a content; ta.zeros and ta.full give it one.",
        ),
        "TA152": Code(
            "an access that depends on data left its array while the kernel ran",
            """@kernel
def pick(A: float32[8], idx: int32[4], B: float32[4]):
    for i in grid(4):
        B[i] = A[idx[i]]

pick(np.zeros(8, np.float32), np.array([0, 3, 8, 1], np.int32), np.zeros(4, np.float32))
""",
            """@kernel
def pick(A: float32[8], idx: int32[4], B: float32[4]):
    for i in grid(4):
        B[i] = A[idx[i]]

pick(np.zeros(8, np.float32), np.array([0, 3, 7, 1], np.int32), np.zeros(4, np.float32))
""",
            "Subscripts that depend on data cannot be proved, so they are checked where they are used. "
            "Outside, a load takes element 0, a store is not done, and loops that depend on data stop; "
            "no memory outside the array is touched, but arrays may be partly written. Accesses that "
            "are proved cost nothing.",
        ),
        "TA153": Code(
            "a size does not fit the arrays that a kernel uses it with",
            """@kernel
def clear(n: int32, A: float32[8]):
    for i in ta.range(n):
        A[i] = 0

clear(9, np.ones(8, np.float32))
""",
            """@kernel
def clear(n: int32, A: float32[8]):
    for i in ta.range(n):
        A[i] = 0

clear(8, np.ones(8, np.float32))
""",
            "An integer argument is a parameter: what must hold of it for every access to be inside its "
            "array (here n <= 8) is collected when the kernel is traced, and checked at every call before "
            "anything is written. n may be 0 or negative where loops then do not run.",
        ),
    }
)
