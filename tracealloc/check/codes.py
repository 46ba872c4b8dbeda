"""What the error codes of proofs of whole schedules mean (TA51x); see `trace.codes`."""

from __future__ import annotations

from tracealloc.trace.codes import Code, register

__all__: list[str] = []

_COPY = """@kernel
def copy(A: float32[8], B: float32[8]):
    for i in grid(8):
        B[i] = A[i]

s = ta.customize(copy)
"""

register(
    {
        "TA510": Code(
            "symbolic execution of the emitted text is not built yet",
            _COPY + 's.verify("symbolic")\n',
            _COPY + 's.verify("polyhedral")\n',
            "The polyhedral proof holds for all data and needs no execution.",
        ),
        "TA511": Code(
            "no such method of proof",
            _COPY + 's.verify("exhaustive")\n',
            _COPY + "s.verify()\n",
        ),
    }
)
