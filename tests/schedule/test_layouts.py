"""partition, pack, bind, interface, reshape, permute, cast, conflicts and the lattice under them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import tracealloc as ta
from tests.schedule.memory import agree, outcome, schedule_of
from tracealloc import int32, kernel
from tracealloc.check.interpret.interpret import interpret
from tracealloc.check.verify import verify_module
from tracealloc.emit.run.runtime import build_c
from tracealloc.schedule.layout.lattice import at_least, join_banks
from tracealloc.trace.diagnostics.errors import LayoutError, ScheduleError
from tracealloc.trace.ir.dtype import OVERFLOWS, DType, Fixed, Integer, boolean, float16, float32, float64
from tracealloc.trace.ir.layout import Banks, Layout, Pack, Storage, normal_banks
from tracealloc.trace.proxies.functional import constant, zeros
from tracealloc.trace.proxies.loops import grid


def gemm(A: float32[6, 8], B: float32[8, 10]):
    C = zeros((6, 10), float32)
    for i, j, k in grid(6, 10, 8):
        C[i, j] += A[i, k] * B[k, j]
    return C


def layout(schedule, name: str) -> Layout:  # type: ignore[no-untyped-def]
    state = schedule.module.state(schedule.name)
    return state.layout(next(a for a in state.model.arrays if a.name == name))


@pytest.mark.parametrize("extent", [1, 2, 7, 10, 12, 16, 30])
def test_join_is_the_least_upper_bound(extent: int) -> None:
    factors = range(1, extent + 3)
    known = {normal_banks(Banks(kind, f), extent) for kind in ("cyclic", "block") for f in factors}
    known |= {Banks(), Banks("complete", extent)}
    for a, b in product(known, known):
        joined = join_banks(a, b, extent)
        assert joined == join_banks(b, a, extent) == normal_banks(joined, extent)
        assert at_least(joined, a, extent)
        assert at_least(joined, b, extent)
        above = [c for c in known if at_least(c, a, extent) and at_least(c, b, extent)]
        assert all(at_least(c, joined, extent) for c in above), (a, b)


def test_blocks_are_compared_by_their_size() -> None:
    assert normal_banks(Banks("block", 7), 10) == Banks("block", 5)
    assert at_least(Banks("block", 7), Banks("block", 3), 10)  # blocks of 2 and of 4
    assert not at_least(Banks("block", 4), Banks("block", 2), 10)  # of 3 and of 5
    assert join_banks(Banks("block", 4), Banks("block", 2), 10) == Banks("complete", 10)
    assert join_banks(Banks("block", 2), Banks("block", 3), 12) == Banks("block", 6)
    s = schedule_of(gemm)
    s.partition(s.B, dim=1, kind="block", factor=7)
    assert s.layouts()["B"] == (("whole", 1), ("block", 5))
    assert "array_partition variable=B type=block factor=5 dim=2" in s.build(target="vitis_hls").source


def test_asking_twice_is_a_join() -> None:
    s = schedule_of(gemm)
    s.partition(s.B, dim=1, kind="cyclic", factor=4)
    s.partition(s.B, dim=1, kind="cyclic", factor=6)
    s.partition(s.B, dim=1, kind="cyclic", factor=3)
    assert layout(s, "B").banks == (Banks(), Banks("complete", 10))
    s.partition(s.A, dim=[0, 1], kind="block", factor=2)
    assert layout(s, "A").banks == (Banks("block", 2), Banks("block", 2))
    s.partition(s.A)
    assert layout(s, "A").banks == (Banks("complete", 6), Banks("complete", 8))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"dim": 2}, "TA230"),
        ({"dim": -1}, "TA230"),
        ({"dim": True}, "TA207"),
        ({"dim": 1, "kind": "cyclic"}, "TA231"),
        ({"dim": 1, "kind": "cyclic", "factor": 0}, "TA231"),
        ({"dim": 1, "kind": "circular", "factor": 2}, "TA231"),
        ({"dim": 1, "factor": 2}, "TA231"),
    ],
)
def test_partitions_that_are_refused(arguments: dict[str, object], code: str) -> None:
    s = schedule_of(gemm)
    before = s.module
    with pytest.raises(ScheduleError) as caught:
        s.partition(s.B, **arguments)
    assert caught.value.code == code
    assert s.module is before


def test_pack() -> None:
    s = schedule_of(gemm)
    s.pack(s.B, 1, 2)
    s.pack(s.B, 1, 10)
    assert layout(s, "B").pack == Pack(1, 10)
    agree(s, c=True)
    for wrong in (lambda: s.pack(s.A, 1, 3), lambda: s.pack(s.B, 0, 2), lambda: s.partition(s.B, dim=1)):
        with pytest.raises(LayoutError) as caught:
            wrong()
        assert caught.value.code == "TA234"
    with pytest.raises(ScheduleError):
        s.pack(s.A, 2, 2)


def test_bind_and_interface() -> None:
    s = schedule_of(gemm)
    s.bind(s.B, "uram", ports=2)
    s.interface(s.A, "m_axi", bundle="gmem0", latency=64)
    assert layout(s, "B").storage == Storage("uram", 2)
    assert layout(s, "A").port.options == (("bundle", "gmem0"), ("latency", 64))
    assert 's.interface("A", "m_axi", bundle="gmem0", latency=64)' in s.script() or "m_axi" in s.script()
    with pytest.raises(ScheduleError) as caught:
        s.bind(s.B, "brom")
    assert str(caught.value).splitlines()[0] == (
        'TA232 bind("B", "brom") names the unknown resource \'brom\''
    )
    assert caught.value.hint == "'bram'"
    with pytest.raises(ScheduleError) as caught:
        s.interface(s.A, "axi")
    assert caught.value.code == "TA233"
    buffer = s.buffer_at(s.A, "i")
    with pytest.raises(ScheduleError) as caught:
        s.interface(buffer, "m_axi")
    assert (
        caught.value.summary == 'interface("A_i", "m_axi") needs an argument of gemm, and \'A_i\' is not one'
    )


def test_reshape_and_permute_of_buffers_only_change_subscripts() -> None:
    s = schedule_of(gemm)
    buffer = s.buffer_at(s.B, "i")
    s.permute(buffer, [1, 0])
    assert "B_i[j, k]" in str(s)
    s.reshape(buffer, 80)
    assert "B_i[8 * j + k]" in str(s)
    s.reshape(buffer, (2, 5, 8))
    agree(s, c=True)
    assert buffer.shape == (2, 5, 8)


def test_layouts_of_arguments_and_results_keep_the_call() -> None:
    s = schedule_of(gemm)
    s.permute(s.B, [1, 0])
    s.reshape(s.C, (3, 2, 10))
    assert "C_local[i // 2, i % 2, j]" in str(s)
    agree(s, c=True)
    a, b = np.ones((6, 8), np.float32), np.ones((8, 10), np.float32)
    assert build_c(s.lowered)(a, b).shape == (6, 10)


def test_banks_move_with_their_dimensions() -> None:
    s = schedule_of(gemm)
    buffer = s.buffer_at(s.B, "i")
    s.partition(buffer, dim=1, kind="cyclic", factor=5)
    s.permute(buffer, [1, 0])
    assert layout(s, "B_i").banks == (Banks("cyclic", 5), Banks())
    with pytest.raises(LayoutError):
        s.reshape(buffer, 80)


@pytest.mark.parametrize("shape", [(5, 9), 47, (0, 48), "6"])
def test_reshape_to_another_count_is_refused(shape: object) -> None:
    s = schedule_of(gemm)
    before = s.module
    with pytest.raises(ScheduleError):
        s.reshape(s.A, shape)
    assert s.module is before


@pytest.mark.parametrize("order", [[0], [0, 0], [1, 2], [0, 1, 2]])
def test_permute_needs_every_dimension_once(order: list[int]) -> None:
    s = schedule_of(gemm)
    with pytest.raises(LayoutError):
        s.permute(s.A, order)


def test_cast_is_exact_no_longer() -> None:
    s = schedule_of(gemm)
    s.reorder("k", "j")
    buffer = s.buffer_at(s.C, "i")
    s.cast(buffer, float64)
    proof = verify_module(s.module)
    assert not proof
    assert proof.counterexample == "C_i is stored as float64, not float32: values are converted"
    a, b = np.ones((6, 8), np.float32), np.ones((8, 10), np.float32)
    assert np.array_equal(build_c(s.lowered)(a, b), np.full((6, 10), 8, np.float32))


def test_cast_of_an_argument_changes_the_call() -> None:
    s = schedule_of(gemm)
    s.cast(s.A, Fixed(16, 8))
    a, b = np.ones((6, 8), np.int16), np.ones((8, 10), np.float32)
    assert np.array_equal(build_c(s.lowered)(a, b), np.full((6, 10), 8, np.float32))
    with pytest.raises(ScheduleError) as caught:
        s.cast(s.B, "half a float")
    assert caught.value.code == "TA236"


def test_conflicts_propose_the_least_partition() -> None:
    s = schedule_of(gemm)
    s.reorder("k", "j")
    s.unroll("j", factor=5)
    s.pipeline("j")
    table = s.conflicts()
    assert table
    tries = {row["array"]: row["proposal"] for row in table.to_dict()["conflicts"] if not row["ok"]}
    assert tries == {
        "B": 's.partition("B", dim=1, kind="cyclic", factor=5)',
        "C": 's.partition("C", dim=1, kind="cyclic", factor=5)',
    }
    s.partition(s.B, dim=1, kind="cyclic", factor=5)
    s.partition(s.C, dim=1, kind="cyclic", factor=5)
    assert not s.conflicts()
    assert "<table>" in s.conflicts()._repr_html_()
    assert str(table).splitlines()[0].split()[:4] == ["loop", "array", "layout", "accesses"]


def test_conflicts_count_unknown_banks_everywhere_and_equal_reads_once() -> None:
    def diagonal(A: float32[8, 8], B: float32[8]):
        for i in grid(8):
            B[i] = A[i, 0] + A[i, 0] * A[7 - i, 0]

    s = schedule_of(diagonal)
    s.pipeline("i")
    s.partition(s.A, dim=0, kind="cyclic", factor=2)
    row = next(row for row in s.conflicts() if row.array == "A")
    assert (row.accesses, row.reads, row.needed) == (2, 2, 1)
    s.bind(s.A, "bram", ports=1)
    row = next(row for row in s.conflicts() if row.array == "A")
    assert (row.needed, row.ok) == (2, False)


def blur(A: float32[8, 10], B: float32[6, 8]):
    for i, j in grid(6, 8):
        for r, q in grid(3, 3):
            B[i, j] += A[i + r, j + q]


def test_arguments_of_other_types_are_refused() -> None:
    s = schedule_of(blur)
    for step, args, code in [
        ("partition", ([],), "TA230"),
        ("partition", (1.0,), "TA207"),
        ("reshape", (None,), "TA207"),
        ("permute", (1,), "TA207"),
        ("permute", ((True, False),), "TA235"),
        ("interface", ("m_axi bundle",), "TA233"),
    ]:
        with pytest.raises(ScheduleError) as caught:
            getattr(s, step)("A", *args)
        assert caught.value.code == code
    with pytest.raises(ScheduleError) as caught:
        s.interface("A", "m_axi", bundle="a b")
    assert caught.value.code == "TA233"


def test_registers_may_be_reshaped() -> None:
    s = schedule_of(blur)
    window = s.reuse_at(s.reuse_at("A", "i"), "j")
    s.reshape(window, (window.shape[0] * window.shape[1],))
    assert "complete" in str(s).partition("layouts")[2]
    agree(s)


def test_window_of_an_array_in_another_layout() -> None:
    for order in ((1, 0), (0, 1)):
        s = schedule_of(blur)
        local = s.permute("A", order)
        s.reuse_at(s.reuse_at(local, "i"), "j")
        agree(s)
    s = schedule_of(blur)
    s.reuse_at(s.reshape("A", (s.A.shape[0] * s.A.shape[1],)), "i")
    agree(s)


def test_peeled_iterations_have_buffers_with_the_same_banks() -> None:
    @kernel
    def rows(A: int32[8, 6], B: int32[8, 6]):
        for i, j in grid(8, 6):
            B[i, j] = A[i, j] + A[i, 5 - j]

    s = ta.customize(rows)
    row = s.buffer_at(s.A, "i")
    s.partition(row)
    s.peel("i", 2)
    banks = {str(a): s.layouts()[str(a)] for a in s.arrays() if str(a).startswith("A_")}
    assert len(banks) == 2
    assert len(set(map(str, banks.values()))) == 1 and "complete" in str(banks)


def test_cast_of_a_table_converts_its_content_as_a_store_does() -> None:
    rng = np.random.default_rng(0)
    table = (rng.standard_normal((5, 6)) * 3).astype(np.float32)

    def layer(x: float32[6], y: float32[5], copied: float32[5, 6]):
        w = constant(table)
        for i in grid(5):
            for j in grid(6):
                copied[i, j] = w[i, j]
                y[i] += w[i, j] * x[j]

    def stored(x: float32[6], y: float32[5], copied: float32[5, 6]):
        full = constant(table)
        w = zeros((5, 6), float32)
        for i in grid(5):
            for j in grid(6):
                w[i, j] = full[i, j]
        for i in grid(5):
            for j in grid(6):
                copied[i, j] = w[i, j]
                y[i] += w[i, j] * x[j]

    fixed = [Fixed(8, 4, True, r, o) for r in ("TRN", "RND_CONV", "TRN_ZERO") for o in OVERFLOWS]
    for dtype in (*fixed, Fixed(6, 3, False, "RND", "SAT"), int32, Integer(3, True), float16, boolean):
        outcomes = []
        for function in (layer, stored):
            s = schedule_of(function)
            s.cast("w", dtype)
            assert not s.verify()
            outcomes.append(outcome(lambda *args, s=s: interpret(s.lowered, *args), s.program))
            built = outcome(build_c(s.lowered), s.program)
            for a, b in zip(outcomes[-1], built, strict=True):
                assert np.array_equal(a, b)
        for a, b in zip(*outcomes, strict=True):
            assert np.array_equal(a, b), dtype


@kernel
def conditions(A: float32[6], M: boolean[6], B: float32[6]):  # type: ignore[valid-type]
    flags = ta.zeros((6,), boolean)
    on = ta.scalar(boolean, True)
    left = ta.scalar(boolean, True)
    for i in ta.range(6):
        flags[i] = M[i] and not (A[i] > 2)
    for i in ta.range(6):
        if flags[i]:
            B[i] = A[i]
        elif not on:
            B[i] = 3
        else:
            B[i] = ta.where(M[i] | flags[i], 5, -1)
        on.set(~on)
        B[i] += ta.where(on, 1, 0)
        if (flags[i] and on) or M[i]:
            B[i] += 10
    ta.while_loop(lambda: left & ~on | left, lambda: left.set(False))


@pytest.mark.parametrize("dtype", [int32, Integer(1, False), Integer(70, True), float16, Fixed(12, 4)])
def test_cast_conditions_stay_conditions(dtype: DType) -> None:
    """Whatever statements run by, cast to a number: it holds where it is not zero."""
    a, m = np.array([1, 3, 2, 5, 0, 9], np.float32), np.array([1, 0, 1, 1, 0, 1], bool)
    want = np.zeros(6, np.float32)
    conditions(a, m, want)
    s = ta.customize(conditions)
    for name in ("flags", "on", "left", *(str(array) for array in s.arrays() if str(array)[1:].isdigit())):
        s.cast(name, dtype)
    found, again = np.zeros(6, np.float32), np.zeros(6, np.float32)
    s.build()(a, m, found)
    interpret(s.lowered, a, m, again)
    np.testing.assert_array_equal(found, want)
    np.testing.assert_array_equal(again, want)
    assert len(s.history) == 3 + 5  # c0 to c4
