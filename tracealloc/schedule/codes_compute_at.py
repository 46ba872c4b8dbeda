"""What the error codes of compute_at mean (TA256 to TA259); see `trace.codes`."""

from __future__ import annotations

from tracealloc.trace.codes import Code, register

__all__: list[str] = []

_SCRATCH = """@kernel
def blur(A: float32[18], D: float32[16], C: float32[16]):
    B = ta.zeros((18,), float32)
{extra}    for i in grid({count}, name="make"):
        B[i] = {value}
    for j in grid(16, name="use"):
        C[j] = B[j] + B[j + 1] + B[j + 2]
    for n in grid(16, name="other"):
        D[n] = 0

s = ta.customize(blur)
"""
_TWO_MAKERS = '    for m in grid(18, name="first"):\n        B[m] = 1\n'
_PLAIN = _SCRATCH.format(extra="", count=18, value="A[i] * 2")
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
        "TA258": Code(
            "an iteration needs ever more of the nest",
            _SCRATCH.format(extra="    B[0] = 1\n", count=17, value="A[i]").replace(
                "B[i] = A[i]", "B[i + 1] = B[i] * 2"
            )
            + 's.compute_at("make", "j")\n',
            _RIGHT,
            "The iterations of the nest build on one another, so none can be computed alone.",
        ),
        "TA259": Code(
            "something else makes elements that the loop reads too",
            _SCRATCH.format(extra=_TWO_MAKERS, count=9, value="A[i] * 2") + 's.compute_at("make", "j")\n',
            _RIGHT,
        ),
    }
)
