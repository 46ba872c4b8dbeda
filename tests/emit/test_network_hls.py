"""Networks as HLS C++: golden texts in canonical dataflow form, each simulated against NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.conftest import Golden
from tests.emit.test_vitis import needs_headers
from tracealloc import Fixed, Stream, int8, int16, int32, kernel
from tracealloc.emit.vitis.csim.csim import SimulationError
from tracealloc.trace.diagnostics.source import TraceallocWarning

rng = np.random.default_rng(0)
Pair = ta.Struct(x=int16, y=int32)
Fine = Fixed(16, 8)


def simulated(schedule: ta.Schedule) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TraceallocWarning)
        return schedule.build(target="vitis_hls", mode="csim")


def text_of(schedule: ta.Schedule) -> str:
    """The text of what HLS takes: there is no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", TraceallocWarning)
        source: str = schedule.build(target="vitis_hls").source
    return source


def systolic(M: int, N: int, K: int, depth: int = 2) -> Any:
    @kernel
    def gemm(A: int8[M, K], B: int8[K, N]) -> int32[M, N]:
        C = ta.empty((M, N), int32)
        qa = ta.stream(int8, depth, shape=(M, N))
        qb = ta.stream(int8, depth, shape=(M, N))
        with ta.dataflow():
            for k in ta.range(K):
                for i in ta.range(M):
                    qa[i, 0].put(A[i, k])
            for k in ta.range(K):
                for j in ta.range(N):
                    qb[0, j].put(B[k, j])
            for i, j in ta.processes(M, N, name="PE"):
                acc = ta.scalar(int32, 0)
                for k in ta.range(K):  # noqa: B007
                    a = qa[i, j].get()
                    b = qb[i, j].get()
                    acc += a * b
                    if j < N - 1:
                        qa[i, j + 1].put(a)
                    if i < M - 1:
                        qb[i + 1, j].put(b)
                C[i, j] = acc
        return C

    return gemm


def partitioned(M: int, N: int, K: int) -> ta.Schedule:
    s = ta.customize(systolic(M, N, K))
    s.partition("C", dim=[0, 1])
    s.pipeline("PE.k")
    return s


GRIDS = [(2, 3, 4), (1, 1, 5), (1, 4, 3), (4, 1, 3)]


@needs_headers
@pytest.mark.parametrize("shape", GRIDS)
def test_a_systolic_array(shape: tuple[int, int, int], golden: Golden) -> None:
    M, N, K = shape
    s = partitioned(*shape)
    golden(f"vitis/systolic_{M}x{N}.cpp", text_of(s))
    A, B = rng.integers(-128, 128, (M, K)).astype(np.int8), rng.integers(-128, 128, (K, N)).astype(np.int8)
    np.testing.assert_array_equal(simulated(s)(A, B), A.astype(np.int32) @ B)


@kernel
def through_queues(A: int32[16], C: int32[16], n: int32):
    q = ta.stream(int32, depth=4)
    r = ta.stream(int32)
    with ta.dataflow():
        for i in ta.range(16, name="load"):
            q.put(A[i])
        for i in ta.range(16, name="compute"):
            r.put(q.get() * n + i)
        for i in ta.range(16, name="store"):
            C[i] = r.get()


@kernel
def through_arrays(A: int32[4, 4], C: int32[4, 4]):
    X = ta.empty((4, 4), int32)
    Y = ta.zeros((4, 4), int32)
    with ta.dataflow():
        for i, j in ta.grid(4, 4, name="load"):
            X[i, j] = A[i, j]
        for i, j in ta.grid(4, 4, name="compute"):
            Y[j, i] += X[i, j] * 2
        for i, j in ta.grid(4, 4, name="store"):
            C[i, j] = Y[i, j] + 1


@kernel
def stage(q: Stream[int32], r: Stream[int32], n: int32):
    t = ta.stream(int32, depth=3)
    with ta.dataflow():
        for _ in ta.range(8, name="first"):
            t.put(q.get() + n)
        for _ in ta.range(8, name="second"):
            r.put(t.get() * 2)


@kernel
def of_networks(A: int32[8], C: int32[8]):
    q = ta.stream(int32, shape=4)
    with ta.dataflow():
        for i in ta.range(8, name="load"):
            q[0].put(A[i])
        for p in ta.processes(3, name="stages"):
            stage(q[p], q[p + 1], p)
        for i in ta.range(8, name="store"):
            C[i] = q[3].get()


@kernel
def records(A: int16[8], B: int32[8], C: int32[8]):
    q = ta.stream(Pair, shape=2)
    with ta.dataflow():
        for i in ta.range(8, name="load"):
            q[0].put(Pair(x=A[i], y=B[i]))
        for _ in ta.range(8, name="turn"):
            p = q[0].get()
            q[1].put(Pair(x=p.x + 1, y=-p.y))
        for i in ta.range(8, name="store"):
            p = q[1].get()
            C[i] = p.x + p.y


@kernel
def fractions(A: Fine[8], C: Fine[8]):
    q = ta.stream(Fine, depth=1)
    with ta.dataflow():
        for i in ta.range(8, name="load"):
            q.put(A[i] * 0.5)
        for i in ta.range(8, name="store"):
            C[i] = q.get() + 1


@kernel
def feedback(A: int32[8], C: int32[8]):
    there = ta.stream(int32, depth=1)
    back = ta.stream(int32, depth=1)
    with ta.dataflow():
        for i in ta.range(8, name="ask"):
            there.put(A[i])
            C[i] = back.get()
        for _ in ta.range(8, name="answer"):
            back.put(there.get() * 3)


@kernel
def total(A: int32[8]) -> int32:
    q = ta.stream(int32)
    t = ta.scalar(int32, 0)
    with ta.dataflow():
        for i in ta.range(8, name="load"):
            q.put(A[i])
        for _ in ta.range(8, name="add"):
            t += q.get()
    return t


x8 = rng.integers(-50, 50, 8).astype(np.int32)
x16 = rng.integers(-50, 50, 16).astype(np.int32)
s8 = rng.integers(-50, 50, 8).astype(np.int16)
square = rng.integers(-50, 50, (4, 4)).astype(np.int32)
quarters = x8 / 16.0
CASES: dict[Any, tuple[tuple[Any, ...], np.ndarray]] = {
    through_queues: ((x16, np.zeros(16, np.int32), 3), x16 * 3 + np.arange(16)),
    through_arrays: ((square, np.zeros((4, 4), np.int32)), square.T * 2 + 1),
    of_networks: ((x8, np.zeros(8, np.int32)), (((x8 + 0) * 2 + 1) * 2 + 2) * 2),
    records: ((s8, x8, np.zeros(8, np.int32)), s8 + 1 - x8),
    fractions: ((quarters, np.zeros(8)), quarters / 2 + 1),
    feedback: ((x8, np.zeros(8, np.int32)), x8 * 3),
}


@needs_headers
@pytest.mark.parametrize("made", CASES, ids=lambda made: made.name)
def test_each_is_simulated(made: Any, golden: Golden) -> None:
    args, expected = CASES[made]
    given = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
    s = ta.customize(made)
    golden(f"vitis/network_{made.name}.cpp", text_of(s))
    simulated(s)(*given)
    np.testing.assert_array_equal(next(a for a in reversed(given) if isinstance(a, np.ndarray)), expected)


@needs_headers
def test_a_scalar_comes_from_the_process_that_gives_it() -> None:
    s = ta.customize(total)
    assert "  add(q, t, t_result);" in text_of(s)
    assert "t_result = t;\n}\n\nvoid total" in text_of(s)
    assert simulated(s)(x8) == x8.sum()


@kernel
def summed(A: int32[4, 8]) -> int32[4, 8]:
    S = ta.zeros((4, 8), int32)
    C = ta.empty((4, 8), int32)
    with ta.dataflow():
        for p in ta.processes(4, name="row"):
            for j in ta.range(p, 8):
                S[p, j] += A[p, j]
        for i, j in ta.grid(4, 8, name="store"):
            C[i, j] = S[i, j]
    return C


@kernel
def one_of_data(n: int32) -> int32[8]:
    C = ta.zeros(8, int32)
    q = ta.stream(int32)
    with ta.dataflow():
        for i in ta.range(1, name="put"):
            q.put(i + 5)
        for _ in ta.range(1, name="one"):
            C[n % 8] = q.get()
    return C


@kernel
def upper(A: int32[4, 4]) -> int32[4, 4]:
    C = ta.zeros((4, 4), int32)
    with ta.dataflow():
        for i, j in ta.processes(4, 4, name="P"):
            if j > i:
                C[i, j] = A[i, j]
    return C


@needs_headers
def test_who_stores_fills() -> None:
    s = ta.customize(summed)
    s.partition("A", dim=0)
    s.partition("S", dim=0)
    text = text_of(s)
    assert "fill_S: for (int fill_S = 0; fill_S < 8; ++fill_S) {" in text
    assert "S[p][fill_S] = 0;" in text
    A = rng.integers(-9, 9, (4, 8)).astype(np.int32)
    np.testing.assert_array_equal(simulated(s)(A), np.triu(A))
    s = ta.customize(one_of_data)
    assert "C[fill_C] = 0;" in text_of(s)
    assert simulated(s)(11).tolist() == [0, 0, 0, 5, 0, 0, 0, 0]
    s = ta.customize(upper)
    s.partition("C", dim=[0, 1])
    s.partition("A", dim=[0, 1])
    with pytest.warns(TraceallocWarning, match="'C' has two producers, P\\[0, 1\\] and what fills it"):
        s.build(target="vitis_hls")
    np.testing.assert_array_equal(simulated(s)(A[:, :4].copy()), np.triu(A[:, :4], 1))


PORTS: list[Callable[[ta.Schedule], object]] = [
    lambda s: (s.interface("A", "m_axi"), s.interface("C", "m_axi"), s.partition("A", dim=0)),
    lambda s: (s.interface("A", "axis"), s.interface("C", "axis")),
]


@needs_headers
@pytest.mark.parametrize("number", range(len(PORTS)))
def test_copies_of_ports_are_processes(number: int, golden: Golden) -> None:
    s = ta.customize(through_arrays)
    PORTS[number](s)
    golden(f"vitis/network_ports_{number}.cpp", text_of(s))
    C = np.zeros((4, 4), np.int32)
    simulated(s)(square.copy(), C)
    np.testing.assert_array_equal(C, square.T * 2 + 1)


def test_a_large_grid_is_a_short_text() -> None:
    s = ta.customize(systolic(64, 64, 64))
    s.partition("C", dim=[0, 1])
    text = text_of(s)
    assert len(text.splitlines()) < 400
    assert text.count("#pragma HLS unroll") == 4
    assert "#pragma HLS stream variable=qa depth=2" in text


def test_what_needs_banks_of_its_own_is_told() -> None:
    s = ta.customize(systolic(2, 3, 4))
    with pytest.warns(TraceallocWarning) as told:
        text = s.build(target="vitis_hls").source
    cure = "PE[0, 0] and PE[0, 1] store to one bank of 'C': s.partition(\"C\", dim=[0, 1]) gives each its own"
    assert [str(each.message) for each in told] == [f"Vitis HLS would refuse gemm: {cure}"]
    assert f"#pragma HLS dataflow\n  // HLS refuses this: {cure}.\n" in text
    s.partition("C", dim=0)
    with pytest.warns(TraceallocWarning, match=r"PE\[0, 0\] and PE\[0, 1\] store to one bank of 'C'"):
        s.build(target="vitis_hls")
    s.partition("C", dim=1)
    text_of(s)


@kernel
def one_for_all(w: int32[4], C: int32[4]):
    with ta.dataflow():
        for p in ta.processes(4, name="row"):
            C[p] = w[0] + w[p]


def test_what_several_processes_read_is_told() -> None:
    s = ta.customize(one_for_all)
    s.partition("C", dim=0)
    said = (
        "row[0] and row[1] read one bank of 'w', and need one each: pass what they share through a ta.stream"
    )
    with pytest.warns(TraceallocWarning) as told:
        s.build(target="vitis_hls")
    assert [str(each.message) for each in told] == [f"Vitis HLS would refuse one_for_all: {said}"]


def counted(put: int, taken: int) -> Any:
    @kernel
    def counts(A: int32[8], C: int32[8]):
        q = ta.stream(int32, depth=4)
        with ta.dataflow():
            for i in ta.range(put, name="give"):
                q.put(A[i])
            for i in ta.range(taken, name="take"):
                C[i] = q.get()

    return counts


def crossed(depth: int) -> Any:
    """`first` puts all into q[0, 1], then all into q[1, 0]; `second` takes them the other way round."""

    @kernel
    def crosses(A: int32[4], C: int32[4]):
        q = ta.stream(int32, depth, shape=(2, 2))
        with ta.dataflow():
            for t in ta.range(2, name="first"):
                for i in ta.range(4):
                    q[t, 1 - t].put(A[i])
            for t in ta.range(2, name="second"):
                for i in ta.range(4):
                    C[i] += q[1 - t, t].get()

    return crosses


WAIT = "C simulation of {}: the processes wait for one another"
ENDS = [
    (
        crossed(3),
        [
            f"TA808 {WAIT.format('crosses')}",
            "because: first waits for room in q[0, 1] (3 of 3)",
            "because: second waits for an element of q[1, 0]",
        ],
    ),
    (counted(6, 8), [f"TA808 {WAIT.format('counts')}", "because: take waits for an element of q"]),
    (counted(8, 6), ["TA809 C simulation of counts: stream 'q' still holds 2 elements that nothing read"]),
]


@needs_headers
@pytest.mark.parametrize(("made", "said"), ENDS)
def test_who_waits_for_whom(made: Any, said: list[str]) -> None:
    mod = simulated(ta.customize(made))
    size = mod.program.args[0].shape
    for _ in range(2):
        C = np.full(size, 7, np.int32)
        with pytest.raises(SimulationError) as caught:
            mod(np.ones(size, np.int32), C)
        lines = [line.strip() for line in str(caught.value).splitlines()]
        assert [line for line in lines if line.startswith(("TA8", "because"))] == said
        assert (C == 7).all()


@needs_headers
def test_room_for_all_lets_them_end() -> None:
    C = np.zeros(4, np.int32)
    simulated(ta.customize(crossed(4)))(np.arange(4, dtype=np.int32), C)
    np.testing.assert_array_equal(C, 2 * np.arange(4))


@kernel
def looked_up(A: int32[8], at: int32[8], C: int32[8]):
    q = ta.stream(int32, shape=3)
    with ta.dataflow():
        for i in ta.range(8, name="load"):
            q[0].put(A[at[i]])
        for p in ta.processes(2, name="pass"):
            for _ in ta.range(8):
                q[p + 1].put(q[p].get())
        for i in ta.range(8, name="store"):
            C[i] = q[2].get()


@needs_headers
def test_an_access_outside_ends_all_processes() -> None:
    mod = simulated(ta.customize(looked_up))
    C, at = np.zeros(8, np.int32), np.arange(8, dtype=np.int32)
    with pytest.raises(ta.BoundsError, match=r"A\[at\[i\]\] went outside A"):
        mod(x8, at + 1, C)
    assert not C.any()
    mod(x8, at[::-1].copy(), C)
    np.testing.assert_array_equal(C, x8[::-1])


@kernel
def between(q: Stream[int32], r: Stream[int32]):
    t = ta.stream(int32)
    with ta.dataflow():
        for _ in ta.range(4, name="read"):
            t.put(q.get())
        for _ in ta.range(4, name="write"):
            r.put(t.get() + 1)


@needs_headers
def test_queues_of_the_caller_have_room_for_all() -> None:
    q, r = [1, 2, 3, 4, 5], [0]
    mod = simulated(ta.customize(between))
    mod(q, r)
    assert (list(q), list(r)) == ([5], [0, 2, 3, 4, 5])
    with pytest.raises(SimulationError, match=r"read waits for an element of q"):
        mod(q, r)
    assert (list(q), list(r)) == ([5], [0, 2, 3, 4, 5])
