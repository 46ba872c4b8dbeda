"""What the error codes of rfactor mean (TA246, TA247); see `trace.diagnostics.codes`."""

from __future__ import annotations

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_MEAN = """@kernel
def mean(A: float32[64], B: float32[64]) -> float32[1]:
    total = ta.zeros((1,), float32)
    for i in grid(64):
        total[0] += A[i]
        B[i] = A[i] * 2
    return total

s = ta.customize(mean)
"""

register(
    {
        "TA246": Code(
            "the array is no plain sum in that loop",
            _MEAN + 's.reassociate()\ns.split("i", 8)\ns.rfactor(s.B, "i.inner")\n',
            _MEAN + 's.reassociate()\ns.split("i", 8)\ns.rfactor(s.total, "i.inner")\n',
            "A sum can be added up in parts where the loop only adds to it (or multiplies, or takes the "
            "least or greatest): nothing may look at it in between.",
        ),
        "TA247": Code(
            "floating-point sums keep their order",
            _MEAN + 's.split("i", 8)\ns.rfactor(s.total, "i.inner")\n',
            _MEAN + 's.reassociate()\ns.split("i", 8)\ns.rfactor(s.total, "i.inner")\n',
            "Partial sums round differently. Integer sums need no permission.",
        ),
    }
)
