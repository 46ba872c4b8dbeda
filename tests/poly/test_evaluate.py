"""Quasi-affine texts over columns of numbers have the values that isl gives them."""

from __future__ import annotations

from random import Random

import islpy as isl
import numpy as np
import pytest

from tracealloc.poly.isl.evaluate import TooLarge, evaluated, floors


def some_text(rng: Random, depth: int) -> str:
    """A text as this package writes them."""
    if depth == 0:
        return rng.choice(["i0", "i1", str(rng.randint(0, 9))])
    a, b = (some_text(rng, depth - 1) for _ in range(2))
    by = rng.randint(1, 7)
    forms = [f"({a} + ({b}))", f"({a} - ({b}))", f"{by}*({a})", f"-({a})"]
    forms += [f"floor(({a})/{by})", f"(({a}) mod {by})", f"max({a}, {b})", f"min({a}, {b})"]
    return rng.choice(forms)


def test_values_are_those_of_isl() -> None:
    rng = Random(0)
    points = [(rng.randint(-30, 30), rng.randint(-30, 30)) for _ in range(12)]
    columns = {f"i{k}": np.array([point[k] for point in points]) for k in range(2)}
    for _ in range(300):
        text = some_text(rng, rng.randint(0, 5))
        value = isl.PwAff(f"{{ S[i0, i1] -> [({text})] }}")
        expected = []
        for first, second in points:
            at = isl.Point.zero(value.get_domain_space())
            at = at.set_coordinate_val(isl.dim_type.set, 0, isl.Val(first))
            at = at.set_coordinate_val(isl.dim_type.set, 1, isl.Val(second))
            expected.append(value.eval(at).to_python())
        assert evaluated(text, columns, len(points)).tolist() == expected, text


def test_what_a_machine_does_not_hold_is_not_said() -> None:
    far = np.array([1 << 40, -3])
    assert evaluated("4096*(i0)", {"i0": far}, 2).tolist() == [1 << 52, -3 << 12]
    for text in ("1048576*(i0)", "(1024*(i0) - (2048*(-(512*(i0)))))", f"{1 << 70}", "i0 + par0"):
        with pytest.raises(TooLarge):
            evaluated(text, {"i0": far}, 2)


def test_floors_are_counted() -> None:
    assert floors("floor((((i0) mod 4) + 3)/2)") == 2
    assert floors("3*(i0)") == 0
