"""Functions of a module go by symbols: steps on one leave the others alone, and a call may have its own."""

from __future__ import annotations

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import grid, int8, int16, int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.check.verify import verify_module
from tracealloc.schedule.core.boundaries import specialized
from tracealloc.schedule.core.state import lowered

N = 6


@kernel
def matmul(A: int32[N, N], B: int32[N, N], C: int32[N, N]):
    for i, j, k in grid(N, N, N):
        C[i, j] += A[i, k] * B[k, j]


@kernel
def relu(A: int32[N, N]):
    for i, j in grid(N, N):
        A[i, j] = max(A[i, j], 0)


@kernel
def mlp(X: int32[N, N], V: int32[N, N], W: int32[N, N], H: int32[N, N], Y: int32[N, N]):
    matmul(X, V, H)
    relu(H)
    matmul(H, W, Y)


def results(program: ta.Kernel | object) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    arrays = [rng.integers(-9, 9, (N, N)).astype(np.int32) for _ in range(5)]
    interpret(program, *arrays)  # type: ignore[arg-type]
    return arrays


def test_a_step_leaves_the_text_of_other_functions_as_it_is() -> None:
    s = ta.customize(mlp)
    before = {each.name: each for each in s.lowered.callees()}
    s.pipeline("matmul:k")
    after = {each.name: each for each in s.lowered.callees()}
    assert after["relu"] is before["relu"]
    assert after["matmul"] is not before["matmul"]
    step = s.lowered
    s.reverse("relu:i")
    assert {each.name: each for each in s.lowered.callees()}["matmul"] is after["matmul"]
    s.undo()
    assert s.lowered is step or s.lowered == step


def test_a_call_has_a_schedule_of_its_own() -> None:
    s = ta.customize(mlp)
    s.split("matmul:i", 2)
    module = specialized(s.module, "mlp", "matmul_1")
    assert module.names() == ("matmul", "matmul_1", "relu", "mlp")
    own = s.undo()
    del own
    other = ta.customize(matmul)
    other.reorder("k", "i")
    changed = module.with_state(
        "matmul_1", module.state("matmul_1").with_tree(other.module.state("matmul").tree)
    )
    program = lowered(changed)
    assert [each.name for each in program.callees()] == ["matmul", "relu", "matmul_1"]
    texts = {each.name: str(each) for each in program.callees()}
    assert "i.outer" in texts["matmul"] and "i.outer" not in texts["matmul_1"]
    for mine, plain in zip(results(program), results(mlp.trace()), strict=True):
        assert np.array_equal(mine, plain)
    assert verify_module(changed)


def test_functions_that_were_outlined_get_names_of_their_own_with_a_call() -> None:
    s = ta.customize(mlp)
    s.outline("matmul:j", "row")
    module = specialized(s.module, "mlp", "matmul_0")
    assert module.names() == ("row", "matmul", "row_1", "matmul_0", "relu", "mlp")
    for mine, plain in zip(results(lowered(module)), results(mlp.trace()), strict=True):
        assert np.array_equal(mine, plain)


def test_callees_of_one_name_and_other_types_are_two_functions() -> None:
    def adder(dtype: object) -> ta.Kernel:
        @kernel
        def add(A: dtype[N]):  # type: ignore[valid-type]
            for i in grid(N):
                A[i] += 1

        return add

    first, second = adder(int8), adder(int16)

    @kernel
    def twice(A: int8[N]):
        first(A)

    @kernel
    def both(A: int8[N], B: int16[N]):
        second(B)
        twice(A)

    s = ta.customize(both)
    assert s.module.names() == ("add", "add_1", "twice", "both")
    s.reverse("add_1:i")
    A, B = np.zeros(N, np.int8), np.zeros(N, np.int16)
    s.build()(A, B)
    assert A.tolist() == B.tolist() == [1] * N
    assert s.verify()
    s.inline("add_1")
    assert s.module.names() == ("add", "twice", "both")


@pytest.mark.parametrize("count", [2, 5])
def test_each_function_is_lowered_once(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a step does not depend on how many other functions there are."""
    import tracealloc.schedule.core.state as module

    stages = []
    for number in range(count):

        @kernel
        def stage(A: int32[N]):
            for i in grid(N):
                A[i] += number  # noqa: B023

        stages.append(stage)

    @kernel
    def top(A: int32[N]):
        for each in stages:
            each(A)

    s = ta.customize(top)
    str(s.lowered)
    made: list[str] = []
    original = module.lower

    def counted(model: object, *rest: object) -> object:
        made.append(model.program.name)  # type: ignore[attr-defined]
        return original(model, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "lower", counted)
    s.reverse("stage:i")
    str(s.lowered)
    assert made == ["stage"]
