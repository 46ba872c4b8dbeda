"""What a simulation gives, and what it leaves alone."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, int8, int16, int32, kernel

A = np.arange(16, dtype=np.int32)


@kernel
def chain(A: int32[16], B: int32[16]):
    q = ta.stream(int32, depth=4, shape=(3,))
    with ta.dataflow():
        for i in ta.range(16, name="load"):
            q[0].put(A[i])
        for p in ta.processes(2, name="PE"):
            for k in ta.range(16):
                q[p + 1].put(q[p].get() + 1 + 0 * k)
        for j in ta.range(16, name="store"):
            B[j] = q[2].get()


def pipelined(made: ta.Kernel, *loops: str) -> ta.Schedule:
    s = ta.customize(made)
    for loop in loops:
        s.pipeline(loop)
    return s


def test_values_and_cycles_come_from_one_run_and_arguments_stay() -> None:
    B = np.zeros(16, np.int32)
    found = pipelined(chain, "i", "k", "j").simulate(A, B)
    assert not B.any()
    assert (found.arrays["B"] == A + 2).all() and found.arrays[1] is found.arrays["B"]
    assert found.cycles is not None and 16 < found.cycles < 45
    assert list(found.processes) == ["load", "PE[0]", "PE[1]", "store"]
    assert list(found.fifos) == ["q[0]", "q[1]", "q[2]"]
    assert all(fifo.depth == 4 and 1 <= fifo.fill <= 4 and fifo.puts == 16 for fifo in found.fifos.values())
    assert (found.fifos["q[1]"].producer, found.fifos["q[1]"].consumer) == ("PE[0]", "PE[1]")
    for process in found.processes.values():
        assert process.started == 0 and process.ended <= found.cycles
        assert process.busy + process.stalled == process.cycles
    assert found.deadlock is None


def test_the_printed_form() -> None:
    text = str(pipelined(chain, "i", "k", "j").simulate(A, A))
    assert text.splitlines()[0].startswith("chain: ") and "simulated at 3.33" in text
    assert "PE[1]" in text and "q[2]" in text and "empty" in text


def test_a_kernel_without_processes_takes_what_timing_says() -> None:
    @kernel
    def total(A: int32[16], B: int32[4, 4]) -> int32:
        s = ta.scalar(int32, 0)
        for k in ta.range(16):
            s += A[k]
        for i, j in ta.grid(4, 4):
            B[i, j] = s + i
        return s

    from tracealloc.schedule.timing.timing import timing_of

    B = np.zeros((4, 4), np.int32)
    for loops in ((), ("k",), ("j",), ("k", "j")):
        s = pipelined(total, *loops)
        found = s.simulate(A, B)
        assert timing_of(s.module).cycles == (found.cycles, found.cycles)
        assert found.arrays[-1] == A.sum() and not found.processes and not found.fifos


def test_data_say_how_long_it_takes() -> None:
    @kernel
    def some(n: int32, A: int32[16]) -> int32:
        s = ta.scalar(int32, 0)
        for i in ta.range(ta.minimum(n, 16)):
            s += A[i]
        return s

    few, many = some.simulate(3, A), some.simulate(15, A)
    assert few.arrays[-1] == 3 and many.arrays[-1] == 105
    assert few.cycles is not None and many.cycles is not None
    assert (many.cycles - few.cycles) % 12 == 0 and many.cycles > few.cycles


def test_a_deadlock_is_an_answer() -> None:
    @kernel
    def crossed(A: int32[16], B: int32[16]):
        q = ta.stream(int32, depth=3)
        p = ta.stream(int32, depth=2)
        with ta.dataflow():
            for _ in ta.range(1, name="P"):
                for a in ta.range(16):
                    q.put(A[a])
                for b in ta.range(16):
                    p.put(A[b])
            for j in ta.range(16, name="Q"):
                B[j] = p.get() + q.get()

    B = np.ones(16, np.int32)
    found = crossed.simulate(A, B)
    assert found.cycles is None and found.deadlock is not None
    assert sorted(each[:2] for each in found.deadlock) == [("P", "q"), ("Q", "p")]
    assert all(line.startswith("test_simulate.py:") for _, _, line in found.deadlock)
    assert found.fifos["q"].fill == 3 and found.fifos["p"].fill == 0
    assert (found.arrays["B"] == 1).all()
    assert "waits for room in q (3 of 3)" in str(found) and "more room" in str(found)


def test_a_network_inside_a_process() -> None:
    @kernel
    def inner(x: ta.Stream[int32], y: ta.Stream[int32]):
        q = ta.stream(int32, depth=2)
        with ta.dataflow():
            for i in ta.range(16, name="one"):
                q.put(x.get() * 2 + 0 * i)
            for j in ta.range(16, name="two"):
                y.put(q.get() + 1 + 0 * j)

    @kernel
    def outer(A: int32[16], B: int32[16]):
        a = ta.stream(int32, depth=2, shape=(3,))
        with ta.dataflow():
            for i in ta.range(16, name="load"):
                a[0].put(A[i])
            for p in ta.processes(2, name="tile"):
                inner(a[p], a[p + 1])
            for j in ta.range(16, name="store"):
                B[j] = a[2].get()

    found = outer.simulate(A, np.zeros(16, np.int32))
    assert (found.arrays["B"] == 2 * (2 * A + 1) + 1).all()
    assert "tile[0]/one" in found.processes and "tile[1]/two" in found.processes
    assert found.processes["tile[1]/two"].parent == "tile[1]"
    assert found.fifos["tile[0]/q"].depth == 2 and found.fifos["tile[1]/q"].puts == 16


def test_the_callers_queues_are_there_from_the_beginning() -> None:
    @kernel
    def scale(x: ta.Stream[int16], y: ta.Stream[int16], n: int32):
        for _i in ta.range(8):
            y.put(int16(x.get() * 3))

    x, y = deque(range(10)), deque([7])
    found = pipelined(scale, "_i").simulate(x, y, 1)
    assert list(x) == list(range(10)) and list(y) == [7]
    assert list(found.arrays["x"]) == [8, 9] and list(found.arrays["y"]) == [7, *range(0, 24, 3)]
    assert found.cycles is not None and found.cycles < 20


def test_arrays_between_processes_make_the_second_wait() -> None:
    @kernel
    def staged(A: int32[16], B: int32[16]):
        C = ta.empty((16,), int32)
        with ta.dataflow():
            for i in ta.range(16, name="one"):
                C[i] = A[i] + 1
            for j in ta.range(16, name="two"):
                B[j] = C[15 - j]

    found = staged.simulate(A, np.zeros(16, np.int32))
    one, two = found.processes["one"], found.processes["two"]
    assert found.cycles == two.ended and two.ended - two.started > one.cycles
    assert (found.arrays["B"] == A[::-1] + 1).all()


def test_a_slower_clock_needs_fewer_cycles() -> None:
    @kernel
    def power(A: float32[16], B: float32[16]):
        for i in ta.range(16):
            B[i] = A[i] * A[i] * A[i] + A[i]

    s = pipelined(power, "i")
    A32 = A.astype(np.float32)
    fast, slow = s.simulate(A32, A32.copy()), s.simulate(A32, A32.copy(), clock_mhz=100)
    assert fast.cycles is not None and slow.cycles is not None and slow.cycles < fast.cycles
    assert slow.clock_ns == 10 and (fast.arrays["B"] == slow.arrays["B"]).all()


@pytest.mark.parametrize(
    ("given", "code"),
    [({"device": "u999"}, "TA816"), ({"clock_mhz": -1}, "TA816"), ({"pipeline_style": "x"}, "TA816")],
)
def test_unknown_devices_clocks_and_styles(given: dict[str, object], code: str) -> None:
    with pytest.raises(ta.TraceallocError) as caught:
        chain.simulate(A, A.copy(), **given)
    assert caught.value.code.startswith("TA8") and "test_simulate.py" in str(caught.value), code


def test_arguments_are_checked() -> None:
    with pytest.raises(ta.TraceallocError, match="TA70"):
        chain.simulate(A, A[:8])


def test_elements_left_in_a_queue_are_an_error() -> None:
    @kernel
    def left(A: int32[16]):
        q = ta.stream(int32, depth=32)
        with ta.dataflow():
            for i in ta.range(16, name="P"):
                q.put(A[i])
            for _ in ta.range(8, name="Q"):
                A[0] = q.get()

    with pytest.raises(ta.TraceallocError, match="TA"):
        left.simulate(A.copy())


def test_a_schedule_of_int8() -> None:
    @kernel
    def gemm(X: int8[5, 7], Y: int8[7, 3]) -> int32[5, 3]:
        C = ta.zeros((5, 3), int32)
        for i, j, k in ta.grid(5, 3, 7, name="PE"):
            C[i, j] += X[i, k] * Y[k, j]
        return C

    s = ta.customize(gemm)
    buf_X, buf_Y = s.buffer_at(s.X, "j"), s.buffer_at(s.Y, "j")
    pe = s.unfold("PE", axis=[0, 1], factor=[5, 3])
    s.relay(buf_X, pe, axis=0)
    s.relay(buf_Y, pe, axis=1)
    rng = np.random.default_rng(1)
    X, Y = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((5, 7), (7, 3)))
    found = s.simulate(X, Y)
    assert (found.arrays[-1] == X.astype(np.int32) @ Y.astype(np.int32)).all()
    assert len(found.processes) >= 15 and found.cycles is not None


def test_what_a_pipelined_loop_calls_takes_the_stages_of_its_iteration() -> None:
    @kernel
    def times(x: ta.Stream[int32], y: ta.Stream[int32]):
        y.put(x.get() * 5)

    @kernel
    def piped(A: int32[16], B: int32[16]):
        q = ta.stream(int32)
        p = ta.stream(int32)
        with ta.dataflow():
            for i in ta.range(16, name="P"):
                q.put(A[i])
            for _k in ta.range(16, name="M"):
                times(q, p)
            for j in ta.range(16, name="Q"):
                B[j] = p.get()

    found = pipelined(piped, "i", "_k", "j").simulate(A, np.zeros(16, np.int32))
    assert (found.arrays["B"] == 5 * A).all()
    assert found.cycles is not None and found.cycles < 16 + 14


def test_a_process_stands_still_no_longer_than_it_runs() -> None:
    """Several iterations of a pipeline may wait at once, at one queue each."""

    @kernel
    def slow(A: int32[64], B: int32[64]):
        a = ta.stream(int32, depth=2)
        b = ta.stream(int32, depth=2)
        c = ta.stream(int32, depth=2)
        with ta.dataflow():
            for i in ta.range(64, name="P"):
                a.put(A[i])
            for j in ta.range(64, name="M"):
                x = a.get()
                b.put(x * x * x * x + j)
                c.put(x)
            for k in ta.range(64, name="Q"):
                B[k] = b.get() + c.get()

    s = ta.customize(slow)
    for loop, interval in (("i", 3), ("j", 1), ("k", 5)):
        s.pipeline(loop, interval)
    for values in (True, False):
        found = s.simulate(np.zeros(64, np.int32), np.zeros(64, np.int32), values=values)
        for process in found.processes.values():
            assert 0 <= process.stalled <= process.cycles and process.busy >= 0
            assert process.stalled <= sum(stall.cycles for stall in process.stalls)
        middle = found.processes["M"]
        assert middle.stalled > 100
