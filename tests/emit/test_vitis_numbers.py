"""Arithmetic in emitted HLS C++, compiled against AMD's open headers, against the interpreter bit for bit."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.emit import expressions as ex
from tests.emit.hls import csim
from tests.emit.test_c_numbers import FLOATS, ROWS, fixed_tree, float_tree, integer_to_float, values_of
from tracealloc.check.interpret.interpret import interpret
from tracealloc.emit.common.numpy_types import container
from tracealloc.emit.vitis.csim.ap_headers import open_headers
from tracealloc.trace.ir.dtype import DType, boolean
from tracealloc.trace.ir.expr import Expr, walk
from tracealloc.trace.ir.program import Program

pytestmark = pytest.mark.skipif(
    open_headers() is None or shutil.which("g++") is None, reason="needs hls4ml's headers and g++"
)

Maker = Callable[[random.Random, list[Expr]], Expr]


def usable(tree: Expr, most: int) -> bool:
    """Whether the headers have the types of a tree."""
    return not any(node.dtype.bits > most for node in walk(tree))


def random_batch(
    seed: int, types: Callable[[random.Random], DType], trees: int, make: Maker, most: int
) -> tuple[Program, list[np.ndarray], list[tuple[Expr, DType]]]:
    rng = random.Random(seed)

    inputs, leaves, columns = [], [], []
    for number in range(6):
        dtype = types(rng)
        array, leaf = ex.column(f"x{number}", dtype, ROWS)
        inputs.append(array)
        leaves.append(leaf)
        columns.append(values_of(rng, dtype))
    found: list[tuple[Expr, DType]] = []
    while len(found) < trees:
        tree = make(rng, leaves)
        if usable(tree, most):
            found.append((tree, tree.dtype if rng.random() < 0.5 or tree.dtype == boolean else types(rng)))
    return ex.batch(found, inputs, ROWS), columns, found


def check(
    seed: int, types: Callable[[random.Random], DType], trees: int, make: Maker, most: int = 700
) -> None:
    program, columns, found = random_batch(seed, types, trees, make, most)
    outputs, wanted = ([np.zeros(ROWS, container(d, exact=True)) for _, d in found] for _ in range(2))
    module = csim(program)
    module(*columns, *outputs)
    interpret(program, *columns, *wanted)
    wrong = []
    for number, (got, want) in enumerate(zip(outputs, wanted, strict=True)):
        same = (got == want) | ((got != got) & (want != want))
        if not same.all():
            row = int(np.argmin(same))
            data = {array.name: column[row] for array, column in zip(program.args, columns, strict=False)}
            line = next(line for line in module.source.splitlines() if f"y{number}[row] =" in line)
            wrong.append((seed, number, data, got[row], want[row], line.strip()))
    assert not wrong, "\n".join(map(str, [len(wrong), *wrong[:6]]))


def integer_tree(rng: random.Random, leaves: list[Expr]) -> Expr:
    return ex.integer_tree(rng, leaves, 3)


def seeds(usual: int, long: int) -> list[Any]:
    """Few seeds in the normal run, more in the long mode."""
    return [*range(usual), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(usual, long))]


@pytest.mark.parametrize("seed", seeds(2, 12))
def test_integers_of_native_and_odd_widths(seed: int) -> None:
    check(seed, lambda rng: ex.any_integer(rng, 64), 40, integer_tree, 128)


def test_wide_integers() -> None:
    check(100, lambda rng: ex.any_integer(rng, 300), 12, integer_tree, 1000)


@pytest.mark.parametrize("seed", seeds(1, 8))
def test_fixed_point(seed: int) -> None:
    check(seed, ex.any_fixed, 40, fixed_tree)


@pytest.mark.parametrize("seed", seeds(2, 10))
def test_floating_point(seed: int) -> None:
    check(seed, lambda rng: rng.choice(FLOATS), 50, float_tree)


@pytest.mark.parametrize("seed", seeds(1, 4))
def test_integers_to_floats_round_once(seed: int) -> None:
    check(340 + seed, lambda rng: ex.any_integer(rng, 200), 20, integer_to_float)
