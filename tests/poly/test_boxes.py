"""Boxes around accesses: what is too far for a machine's integers counts as their end."""

from __future__ import annotations

import islpy as isl

from tracealloc.poly.isl.bounding_boxes import box_touched, meeting


def test_elements_beyond_64_bits_still_meet() -> None:
    far = isl.Map(f"{{ S[i] -> A[i] : 0 <= i <= {2**70} }}")
    near = isl.Map("{ S[i] -> A[i] : 0 <= i <= 7 }")
    apart = isl.Map("{ S[i] -> A[i] : -9 <= i < 0 }")
    boxes = [box_touched(access) for access in (far, near, apart)]
    assert boxes[1] == ((0, 7),)
    assert meeting(boxes).tolist() == [[True, True, False], [True, True, False], [False, False, True]]
