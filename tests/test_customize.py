"""The user's `Schedule`: names, handles, history, scripts, copies, pickles, replay, builds, proofs."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, grid, int8, int16, int32, kernel

M, N, K = 8, 12, 10


@kernel
def matmul(A: int8[M, K], B: int8[K, N], C: int16[M, N]):
    for i, j in grid(M, N, name="PE"):
        for k in ta.range(K):
            C[i, j] += A[i, k] * B[k, j]


@kernel
def twice(A: int32[N], B: int32[N]):
    for i in grid(N):
        B[i] = A[i] + 1
    for i in grid(N):
        B[i] = B[i] * 2


@kernel
def chain(X: int8[M, K], W: int8[K, N], Y: int16[M, N]):
    matmul(X, W, Y)
    for i, j in grid(M, N):
        Y[i, j] = Y[i, j] + 1


@kernel
def arrays_called_like_methods(copy: int32[N], undo: int32[N]):
    for i in grid(N):
        copy[i] = undo[i]


def sized(n: int) -> ta.Kernel:
    @kernel
    def scale(A: float32[n], B: float32[n]):
        for i in grid(n):
            B[i] = A[i] * 2

    return scale


def operands(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    a, b = random.integers(-128, 128, (M, K)), random.integers(-128, 128, (K, N))
    return a.astype(np.int8), b.astype(np.int8), random.integers(-9, 9, (M, N)).astype(np.int16)


def names(items: list[object]) -> list[str]:
    return [str(item) for item in items]


def test_lists_loops_arrays_and_bands() -> None:
    s = ta.customize(matmul)
    assert names(s.loops()) == ["i", "j", "k"]
    assert names(s.arrays()) == ["A", "B", "C"]
    assert names(s.bands()) == ["PE"]


def test_ambiguous_names_need_the_band() -> None:
    s = ta.customize(twice)
    assert names(s.loops()) == ["L0.i", "L1.i"]
    with pytest.raises(ta.UnknownLoopError) as raised:
        s.split("i", 3)
    assert raised.value.code == "TA203"
    assert raised.value.because == ("they are L0.i, L1.i",)
    s.split("L1.i", 3)
    assert names(s.loops()) == ["i", "i.outer", "i.inner"]


def test_unknown_names_say_the_nearest() -> None:
    s = ta.customize(matmul)
    with pytest.raises(ta.UnknownLoopError) as loop:
        s.split("kk", 2)
    assert (loop.value.code, loop.value.hint) == ("TA201", "'k'")
    with pytest.raises(ta.UnknownArrayError) as array:
        s.partition("CC")
    assert (array.value.code, array.value.hint) == ("TA204", "'C'")
    with pytest.raises(AttributeError, match=r"try: s\.pipeline"):
        s.pipelin("k")
    with pytest.raises(ta.UnknownLoopError, match="no function 'matmull' is called in matmul"):
        s.split("matmull:k", 2)


def test_handles_survive_and_say_what_removed_them() -> None:
    s = ta.customize(matmul)
    i, _, k = s.loops()
    outer, inner = s.split(k, 4)
    assert (str(outer), str(inner)) == ("k.outer", "k.inner")
    s.reorder(outer, i)
    s.pipeline(inner)
    assert "# <-- here" in repr(inner)
    with pytest.raises(ta.UnknownLoopError) as raised:
        s.unroll(k)
    assert raised.value.because == ('split("k", 4) took it away',)


def test_arrays_by_attribute_item_and_name() -> None:
    s = ta.customize(arrays_called_like_methods)
    assert s["copy"].name == "copy"
    assert callable(s.copy)
    s.partition(s["undo"], dim=0, kind="cyclic", factor=2)
    s.partition("copy")
    assert s["undo"].shape == (N,)


def test_names_in_callees() -> None:
    s = ta.customize(chain)
    s.pipeline("matmul:k")
    s.partition("matmul:B", dim=1)
    s.reorder("matmul:PE.j", "matmul:PE.i")
    text = str(s)
    assert "[pipeline ii=1]" in text
    assert "matmul:B: dim 1 complete" in text
    x, w, y = operands()
    expected, found = y.copy(), y.copy()
    chain(x, w, expected)
    s.build()(x, w, found)
    assert np.array_equal(expected, found)
    assert s.verify()
    with pytest.raises(ta.ScheduleError, match="different functions"):
        s.reorder("matmul:k", "i")


def test_history_undo_copy() -> None:
    s = ta.customize(matmul)
    start = s.module
    s.split("k", 5)
    middle = s.module
    other = s.copy()
    s.pipeline("k.inner")
    assert names(list(s.history)) == ["split k, 5", "pipeline k.inner"]
    assert names(list(other.history)) == ["split k, 5"]
    assert other.module is middle
    s.undo()
    assert s.module is middle
    assert s.undo().module is start
    with pytest.raises(ta.ScheduleError, match="TA206"):
        s.undo()


def test_script_rebuilds_the_schedule() -> None:
    s = ta.customize(matmul)
    outer, _ = s.split(s.loops()[2], factor=4)
    s.reorder(outer, "i", "j")
    buffer = s.buffer_at(s.C, outer)
    s.partition(buffer, dim=[0, 1], kind="cyclic", factor=2)
    s.pipeline("k.inner", initiation_interval=2)
    namespace = {"ta": ta, "matmul": matmul}
    exec(s.script(), namespace)
    assert str(namespace["s"]) == str(s)
    assert namespace["s"].script() == s.script()


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.reorder("j", "x"),
        lambda s: s.split("i", 0),
        lambda s: s.split("i"),
        lambda s: s.parallel("k"),
        lambda s: s.buffer_at("C", 3),
        lambda s: s.partition("A", dim=7),
        lambda s: s.fuse("i", "k"),
        lambda s: s.pipeline("i", ii=-1),
    ],
)
def test_a_refused_step_changes_nothing(call) -> None:
    s = ta.customize(matmul)
    s.split("k", 4)
    before = (s.module, s.history, str(s), s.script())
    with pytest.raises(ta.ScheduleError) as raised:
        call(s)
    assert raised.value.place is not None
    assert raised.value.place.file == __file__
    assert (s.module, s.history, str(s), s.script()) == before


def test_pickles() -> None:
    s = ta.customize(matmul)
    s.tile(["i", "j"], [4, 4])
    s.buffer_at("A", "j.outer")
    again = pickle.loads(pickle.dumps(s))
    assert str(again) == str(s)
    assert again.verify()
    again.undo()
    assert names(list(again.history)) == ["tile [i, j], [4, 4]"]


def test_a_refused_step_leaves_the_pickle_byte_for_byte() -> None:
    """What isl prints of a set changes while the set is only looked at."""

    @kernel
    def solve(L: float32[6, 6], x: float32[6]):
        for i in grid(6):
            for j in ta.range(i):
                x[i] -= L[i, j] * x[j]
            x[i] /= L[i, i]

    s = ta.customize(solve)
    s.peel("i", 1)
    s.split("j", 2)
    before = pickle.dumps(s)
    for step in (lambda: s.parallel("i"), lambda: s.reverse("j.outer"), lambda: s.reuse_at("L", "i")):
        with pytest.raises(ta.ScheduleError):
            step()
        assert s.verify()
        assert pickle.dumps(s) == before


def test_replay_on_another_size() -> None:
    s = ta.customize(sized(16))
    s.split("i", 4)
    s.vectorize("i.inner")
    other = s.replay(sized(21))
    assert other.script() == s.script()
    a, b = np.arange(21, dtype=np.float32), np.zeros(21, np.float32)
    other.build()(a, b)
    assert np.array_equal(b, 2 * a)


def test_build_equals_the_plain_kernel() -> None:
    s = ta.customize(matmul)
    s.tile(["i", "j", "k"], [3, 5, 4])
    s.buffer_at("C", "j.outer")
    s.parallel("i.outer")
    a, b, c = operands(3)
    expected = c.copy()
    matmul(a, b, expected)
    s.build()(a, b, c)
    assert np.array_equal(c, expected)
    assert s.verify().method == "polyhedral"


def test_verify_two_schedules() -> None:
    one, other = ta.customize(matmul), ta.customize(matmul)
    one.reorder("k", "i", "j")
    other.buffer_at("B", "i")
    assert ta.verify(one, other)
    assert ta.verify(one, matmul)
    different = ta.verify(matmul, chain)
    assert not different
    assert different.counterexample is not None
    assert "the traced kernels differ" in different.counterexample


def test_verify_shows_the_difference_in_the_users_names() -> None:
    def doubled(size: int, factor: float) -> ta.Kernel:
        @kernel
        def double(X: float32[size], Y: float32[size]):
            for i in grid(size):
                Y[i] = X[i] * factor

        return double

    assert ta.verify(doubled(4, 2.0), doubled(4, 2.0))
    assert ta.verify(doubled(4, 2.0), doubled(5, 2.0)).counterexample == (
        "the traced kernels differ: kernel double(X: float32[4], Y: float32[4]) "
        "against kernel double(X: float32[5], Y: float32[5])"
    )
    different = ta.verify(doubled(4, 2.0), doubled(4, 3.0)).counterexample
    assert different is not None and different.startswith("Y[0] is ")
    assert different.endswith("the traced kernels differ: Y[i] = X[i] * 2 against Y[i] = X[i] * 3")


def test_kernels_written_in_other_ways_are_run_on_symbols() -> None:
    @kernel
    def rows(X: float32[4, 6]):
        for i, j in grid(4, 6):
            X[i, j] += 1

    @kernel
    def columns(X: float32[4, 6]):
        for j, i in grid(6, 4):
            X[i, j] += 1

    @kernel
    def larger(X: float32[5, 6]):
        for i, j in grid(5, 6):
            X[i, j] += 1

    @kernel
    def twice(X: float32[4, 6]):
        for i, j in grid(4, 6):
            X[i, j] += 0.5
            X[i, j] += 0.5

    found = ta.verify(rows, columns)
    assert found and found.method == "symbols"
    found = ta.verify(rows, twice)
    assert not found
    assert str(found).startswith("NOT equal: X[") and "the traced kernels differ: " in str(found)
    found = ta.verify(rows, larger)
    assert found.decided
    assert str(found).startswith("NOT equal: the traced kernels differ: ")


def test_integer_sums_may_be_reordered_and_it_is_said() -> None:
    s = ta.customize(matmul)
    s.split("k", 4)
    s.reorder("k.inner", "k.outer")
    answer = s.verify()
    assert answer
    assert answer.assumptions == ("integer sums may be reordered",)
    assert "(integer sums may be reordered)" in str(s)


def test_unknown_targets() -> None:
    s = ta.customize(matmul)
    with pytest.raises(ta.BuildError, match="TA800 unknown target 'verilog'"):
        s.build(target="verilog")
    with pytest.raises(ta.BuildError, match="TA825"):
        s.build(mode="csim")


def test_import_of_the_module_keeps_the_function() -> None:
    import tracealloc.customize  # noqa: F401 (binds a module of the same name)

    assert callable(ta.customize)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ta.customize(matmul).name == "matmul"
