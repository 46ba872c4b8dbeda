"""Integers in emitted C against Python's own: random trees, widths, corner values."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.emit import expressions as ex
from tracealloc.emit.common.numpy_types import container
from tracealloc.emit.run.runtime import build_c
from tracealloc.trace.ir.dtype import Boolean, Integer
from tracealloc.trace.ir.expr import Expr

ROWS = 24


def check(seed: int, *, trees: int, depth: int, leaf_bits: int, most_bits: int) -> None:
    rng = random.Random(seed)
    inputs, leaves, data = [], [], {}
    for number in range(6):
        dtype = ex.any_integer(rng, leaf_bits)
        array, leaf = ex.column(f"x{number}", dtype, ROWS)
        inputs.append(array)
        leaves.append(leaf)
        data[array.key] = ex.corner_values(rng, dtype, ROWS)
    found: list[tuple[Expr, Integer | Boolean]] = []
    while len(found) < trees:
        tree = ex.integer_tree(rng, leaves, depth)
        if not ex.too_wide(tree, most_bits):
            dtype = tree.dtype if rng.random() < 0.5 else ex.any_integer(rng, leaf_bits)
            found.append((tree, dtype))
    program = ex.batch(found, inputs, ROWS)
    module = build_c(program)
    outputs = [np.zeros(ROWS, container(dtype)) for _, dtype in found]
    columns = [np.array(data[array.key], container(array.dtype)) for array in inputs]
    module(*columns, *outputs)
    for number, ((tree, dtype), output) in enumerate(zip(found, outputs, strict=True)):
        for row in range(ROWS):
            values = {array.key: data[array.key][row] for array in inputs}
            exact = ex.evaluate(tree, values)
            want = int(exact != 0) if isinstance(dtype, Boolean) else dtype.wrap(exact)
            assert int(output[row]) == want, (seed, number, str(tree.dtype), values, module.source)


@pytest.mark.parametrize("seed", range(8))
def test_random_trees_of_native_and_odd_widths(seed: int) -> None:
    check(seed, trees=30, depth=3, leaf_bits=64, most_bits=128)


@pytest.mark.parametrize("seed", range(100, 104))
def test_random_trees_of_wide_integers(seed: int) -> None:
    check(seed, trees=12, depth=3, leaf_bits=300, most_bits=1500)
