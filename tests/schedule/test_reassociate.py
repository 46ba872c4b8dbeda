"""``reassociate``: floating-point sums need not keep their order."""

from __future__ import annotations

from common import nest, refused

import tracealloc as ta
from tracealloc import float32, grid, kernel


@kernel
def matmul(A: float32[4, 5], B: float32[5, 6], C: float32[4, 6]):
    for i, j, k in grid(4, 6, 5):
        C[i, j] += A[i, k] * B[k, j]


def test_float_sums_keep_their_order_until_reassociate() -> None:
    s = ta.customize(matmul)
    message = refused(lambda: s.reverse("k"), s, ta.IllegalScheduleError)
    assert message.endswith("  try: s.reassociate() if the order of this floating-point sum does not matter")
    s.reorder("k", "i", "j")  # every element's sum still runs through k upwards
    s.reassociate()
    s.reverse("k")
    assert nest(s)[0] == "L0: for k in 4:-1:-1"
    proof = s.verify()
    assert proof
    assert proof.assumptions == ("float sums may be reordered",)
    assert s.script().splitlines()[1:] == ['s.reorder("k", "i", "j")', "s.reassociate()", 's.reverse("k")']


def test_reassociate_changes_no_loop() -> None:
    s = ta.customize(matmul)
    before = nest(s)
    s.reassociate()
    assert nest(s) == before
    assert s.verify().assumptions == ()  # nothing made use of it
    s.undo()
    refused(lambda: s.reverse("k"), s, ta.IllegalScheduleError)
