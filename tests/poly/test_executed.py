"""isl's generated loops run what they should."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.poly.codegen import isl_codegen as generate
from tracealloc.poly.codegen.ast_instances import wrong_statements


@kernel
def steps(A: int32[6, 6, 6]):
    for i in ta.range(0, 5, 3):
        for j in ta.range(3, -1, -2):
            for k in ta.range(1, 4, 2):
                A[i, j, k] += 1


def skewed() -> ta.Schedule:
    s = ta.customize(steps)
    s.skew("j", "k", -2)
    s.reorder("j", "i")
    s.fuse("i", "k")
    return s


def test_iterations_that_isl_leaves_out_are_put_back() -> None:
    s = skewed()
    state = s.module.state("steps")
    ast = generate._isl_ast(state.model, state.tree)
    assert wrong_statements(state.model, ast) == {"S0"}, "isl is right now: the rest of the file can go"
    for run in (lambda a: interpret(s.lowered, a), s.build()):
        found = np.zeros((6, 6, 6), np.int32)
        run(found)
        assert Counter(found.ravel().tolist()) == {0: 208, 1: 8}
        assert found[0:5:3, 3:0:-2, 1:4:2].all()
    assert s.verify()


@pytest.mark.parametrize("missing", ["i", "k"])
def test_loops_that_run_too_little_or_too_often_are_noticed(missing: str) -> None:
    """Against a model with more instances, or fewer, than the loops were generated for."""
    s = ta.customize(steps)
    state = s.module.state("steps")
    ast = generate._isl_ast(state.model, state.tree)
    assert not wrong_statements(state.model, ast)
    peeled = s.copy()
    peeled.peel(missing, 1)
    assert wrong_statements(peeled.module.state("steps").model, ast)
    other = peeled.module.state("steps")
    assert not wrong_statements(other.model, generate._isl_ast(other.model, other.tree))
