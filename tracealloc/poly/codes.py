"""What the error codes of the proofs at trace time (TA15x) mean; see `trace.codes`."""

from __future__ import annotations

from tracealloc.trace.codes import Code, register

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
    }
)
