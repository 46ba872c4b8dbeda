"""Two relations are told apart exactly, whatever form they have."""

from __future__ import annotations

from itertools import product
from random import Random

import islpy as isl
import pytest

from tracealloc.poly.isl.equality import same_maps, same_unions


def random_map(rng: Random, target: str = "E") -> str:
    cases = []
    for _ in range(rng.randint(1, 3)):
        low = rng.randrange(4)
        step = rng.choice(["", f" and i mod {rng.randint(2, 3)} = 0", f" and j <= {rng.randrange(5)}"])
        value = rng.choice(["i + j", "2*i", f"i + {rng.randrange(3)}", "floor(i/2)"])
        cases.append(
            f"S[i, j] -> {target}[{value}] : {low} <= i <= {low + rng.randint(1, 4)} and 0 <= j <= 3{step}"
        )
    return "; ".join(cases)


@pytest.mark.parametrize("seed", range(60))
def test_as_isl_says(seed: int) -> None:
    rng = Random(seed)
    first = random_map(rng)
    # Half of the others are the same points in another form, with one point more now and then.
    other = first if rng.random() < 0.5 else random_map(rng)
    cut = rng.choice(["i <= 2", "(i + j) mod 2 = 0", "j > 1"])
    a = isl.Map(f"{{ {first} }}")
    b = isl.Map(f"{{ {other} }}")
    where = isl.Map(f"{{ S[i, j] -> E[k] : {cut} }}")
    b = b.intersect(where).union(b.subtract(where))
    if rng.random() < 0.3:
        b = b.union(isl.Map("{ S[3, 1] -> E[9] }"))
    assert same_maps(a, b) == bool(a.is_equal(b)) == same_maps(b, a)


def test_unions_of_several_arrays() -> None:
    a = isl.UnionMap("{ S[i] -> A[i] : 0 <= i < 4; S[i] -> B[i] : 0 <= i < 2 }")
    split = isl.UnionMap("{ S[i] -> A[i] : (1 < i < 4) or (0 <= i < 2); S[i] -> B[i] : 0 <= i < 2 }")
    fewer = isl.UnionMap("{ S[i] -> A[i] : 0 <= i < 4 }")
    nothing = isl.Map("{ T[i, j] -> A[i] : 10 < 6i + 9j < 12 }")
    empty = fewer.union(isl.UnionMap.from_map(nothing))
    other = isl.UnionMap("{ S[i] -> A[i] : 0 <= i < 4; S[i] -> C[i] : 0 <= i < 2 }")
    for one, two in product([a, split, fewer, empty, other], repeat=2):
        assert same_unions(one, two) == bool(one.is_equal(two))


def test_a_map_that_is_empty_without_isl_knowing_counts_for_none() -> None:
    """As many maps on both sides, of which one was empty: the other's was not looked at."""
    odd = isl.Map("{ X[i] -> Y[j] : exists e, f : 2e = i and 2f + 1 = i }")
    assert odd.is_empty()
    assert not odd.plain_is_empty()
    common, more = isl.Map("{ A[i] -> B[i] : 0 <= i < 3 }"), isl.Map("{ P[i] -> Q[i] : 0 <= i < 3 }")
    first, second = (isl.UnionMap.from_map(common).union(isl.UnionMap.from_map(m)) for m in (odd, more))
    assert not same_unions(first, second)
    assert not same_unions(second, first)
    assert same_unions(first, isl.UnionMap.from_map(common))
    assert same_unions(isl.UnionMap.from_map(common), first)
