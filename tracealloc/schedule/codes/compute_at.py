"""What the error codes of compute_at mean (TA256, TA257); see `trace.diagnostics.codes`."""

from __future__ import annotations

from tracealloc.trace.diagnostics.codes import Code, register

__all__: list[str] = []

_SCRATCH = """@kernel
def blur(A: float32[18], D: float32[16], C: float32[16]):
    B = ta.zeros((18,), float32)
    for i in grid(18, name="make"):
        B[i] = A[i] * 2
    for j in grid(16, name="use"):
        C[j] = B[j] + B[j + 1] + B[j + 2]
    for n in grid(16, name="other"):
        D[n] = 0

s = ta.customize(blur)
"""
_PLAIN = _SCRATCH
_RIGHT = _PLAIN + 's.compute_at("make", "j")\n'

register(
    {
        "TA256": Code(
            "there is no nest of its own that makes the array",
            _PLAIN + 's.compute_at(s.A, "j")\n',
            _PLAIN + 's.compute_at(s.B, "j")\n',
        ),
        "TA257": Code(
            "the loop uses nothing that the nest makes",
            _PLAIN + 's.compute_at("make", "n")\n',
            _RIGHT,
        ),
    }
)
