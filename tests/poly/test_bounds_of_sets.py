"""The least and greatest coordinates of sets with hidden variables, of which isl gets some wrong."""

from __future__ import annotations

import random

import islpy as isl
import pytest

from tracealloc.poly.isl.named import at_value, dim_bounds, least_at


def random_set(rng: random.Random) -> isl.Set:
    """A set of numbers from 0 to 40 that takes remainders and divisions to describe."""
    parts = []
    for _ in range(rng.randint(1, 3)):
        a, m, k = [rng.randint(-5, 5) for _ in range(8)], rng.randint(2, 7), rng.randint(2, 6)
        parts.append(
            f"exists e0, e1, e2: 0 <= i <= 40 and 0 <= e0 <= 6 and 0 <= e1 <= 5"
            f" and {m}*e2 = {a[0]} + {a[1]}*e0 + {a[2]}*e1 + {a[3]}*i"
            f" and {a[4]} + {k}*floor(({a[5]}*e0 + {a[6]}*i)/{m}) <= 3*e1 and i + {a[7]} >= e0 - e1"
        )
    found = isl.Set("{ [i] : " + " or ".join(f"({part})" for part in parts) + " }")
    return found.lower_bound_val(isl.dim_type.set, 0, isl.Val(rng.randint(1, 9)))


@pytest.mark.parametrize("seed", range(5))
def test_against_trying_every_value(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(80):
        found = random_set(rng)
        values = [value for value in range(41) if not at_value(found, 0, value).is_empty()]
        if values:
            assert dim_bounds(found, 0) == (values[0], values[-1]), found
        low = rng.randint(-2, 42)
        assert least_at(found, 0, low) == min((v for v in values if v >= low), default=None), found
