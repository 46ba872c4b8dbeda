"""Value change dumps, read by a small strict reader; when processes stood still."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from examples.systolic import make, output_stationary
from tests.check.show.vcd import Dump, read
from tests.check.simulate.networks import network
from tracealloc import int32, kernel
from tracealloc.check.show.history import History
from tracealloc.check.show.simulation import Simulation
from tracealloc.check.simulate import simulate

A = np.arange(40, dtype=np.int32)


def dump(run: Simulation, tmp_path: Path) -> Dump:
    return read(run.to_vcd(tmp_path / "run.vcd").read_text(encoding="ascii"))


def ticks(run: Simulation, cycle: float) -> int:
    return round(cycle * run.clock_ns * 1000)


@kernel
def chain(A: int32[40], B: int32[40]):
    q = ta.stream(int32, depth=3, shape=(2,))
    with ta.dataflow():
        for i in ta.range(40, name="load"):
            q[0].put(A[i])
        for j in ta.range(40, name="twice"):
            q[1].put(q[0].get() * 2 + 0 * j)
        for k in ta.range(40, name="store"):
            B[k] = q[1].get()


def slow_end() -> Simulation:
    s = ta.customize(chain)
    for loop, interval in (("i", 1), ("j", 1), ("k", 3)):
        s.pipeline(loop, interval)
    return s.simulate(A, np.zeros(40, np.int32))


@kernel
def tile(x: ta.Stream[int32], y: ta.Stream[int32]):
    m = ta.stream(int32, 3)
    with ta.dataflow():
        for _i in ta.range(8, name="one"):
            m.put(x.get() + 1)
        for _j in ta.range(8, name="two"):
            y.put(m.get() * 3)


@kernel
def tiles(A: int32[8], B: int32[8]):
    q = ta.stream(int32, shape=(4,))
    with ta.dataflow():
        for i in ta.range(8, name="load"):
            q[0].put(A[i])
        for p in ta.processes(3, name="tile"):
            tile(q[p], q[p + 1])
        for j in ta.range(8, name="store"):
            B[j] = q[3].get()


@kernel
def crossed(A: int32[8], B: int32[8]):
    q = ta.stream(int32, depth=2)
    p = ta.stream(int32, depth=2)
    with ta.dataflow():
        for _ in ta.range(1, name="P"):
            for a in ta.range(8):
                q.put(A[a])
            for b in ta.range(8):
                p.put(A[b])
        for j in ta.range(8, name="Q"):
            B[j] = p.get() + q.get()


def test_states_and_fills(tmp_path: Path) -> None:
    run = slow_end()
    found = dump(run, tmp_path)
    for name in ("load", "twice", "store"):
        process, states = run.processes[name], found.values[f"chain.{name}.state"]
        assert states[-1] == (ticks(run, process.ended), 0)
        held = {"empty": 0, "full": 0}
        for (start, state), (end, _) in pairwise(states):
            if state in (2, 3):
                held["empty" if state == 2 else "full"] += round((end - start) / run.clock_ns / 1000)
        assert held["full"] == sum(s.cycles for s in process.stalls if s.why == "full")
        assert held["empty"] == sum(s.cycles for s in process.stalls if s.why == "empty")
    for k in (0, 1):
        fills = found.values[f"chain.q[{k}].fill"]
        assert fills[0] == (0, 0) and fills[-1][1] == 0
        assert {fill for _, fill in fills} <= {0, 1, 2, 3}
        for time, fill in fills:
            assert found.at(f"chain.q[{k}].full", time) == (fill == 3)
            assert found.at(f"chain.q[{k}].empty", time) == (fill == 0)
    assert found.end == ticks(run, run.cycles or 0) and found.scale == "1 ps"


def test_cycles_are_counted_where_there_are_few(tmp_path: Path) -> None:
    run = slow_end()
    found = dump(run, tmp_path)
    assert found.values["chain.cycle"] == [(ticks(run, c), c) for c in range((run.cycles or 0) + 1)]
    rising = [time for time, value in found.values["chain.clk"] if value == 1]
    assert rising == [ticks(run, c) for c in range((run.cycles or 0) + 1)]


def test_processes_are_in_scopes_of_their_own(tmp_path: Path) -> None:
    run = tiles.simulate(A[:8], A[:8])
    found = dump(run, tmp_path)
    states = {path for path in found.values if path.endswith(".state")}
    inner = {f"tiles.tile[{k}].{name}.state" for k in range(3) for name in ("one", "two")}
    assert states == inner | {
        f"tiles.{name}.state" for name in ("load", "store", "tile[0]", "tile[1]", "tile[2]")
    }
    assert "tiles.tile[2].m.fill" in found.values and "tiles.q[3].fill" in found.values


def test_a_grid_and_more_variables_than_marks_of_one_character(tmp_path: Path) -> None:
    s = output_stationary(make(M=5, N=6, K=4))
    run = s.simulate(np.ones((5, 4), np.int8), np.ones((4, 6), np.int8))
    found = dump(run, tmp_path)
    assert "matmul.PE[4][5].state" in found.values and len(found.values) > 94 + 100


def test_who_waits_for_ever_does_to_the_end(tmp_path: Path) -> None:
    run = crossed.simulate(A[:8], A[:8])
    found = dump(run, tmp_path)
    assert found.values["crossed.P.state"][-1][1] == 3 and found.values["crossed.Q.state"][-1][1] == 2
    assert any("waits for ever: P waits for room in q (2 of 2)" in comment for comment in found.comments)
    assert found.end > ticks(run, max(p.ended for p in run.processes.values()))


def test_queues_of_the_caller(tmp_path: Path) -> None:
    run = tile.simulate(list(range(8)), [])
    found = dump(run, tmp_path)
    fills = [fill for _, fill in found.values["tile.x.fill"]]
    assert fills == [*range(7, -1, -1)]  # one is taken in the first cycle
    assert [fill for _, fill in found.values["tile.y.fill"]] == [*range(9)]
    assert "tile.x.full" not in found.values


def test_a_queue_that_is_made_several_times(tmp_path: Path) -> None:
    @kernel
    def moved(A: int32[4], B: int32[4]):
        m = ta.stream(int32, 3)
        with ta.dataflow():
            for i in ta.range(4, name="one"):
                m.put(A[i])
            for j in ta.range(4, name="two"):
                B[j] = m.get()

    @kernel
    def again(A: int32[4], B: int32[4]):
        for _i in ta.range(3):
            moved(A, B)

    run = again.simulate(A[:4], A[:4])
    found = dump(run, tmp_path)
    fills = [fill for _, fill in found.values["again.m.fill"]]
    assert sum(b > a for a, b in pairwise(fills)) == run.fifos["m"].puts == 12
    assert None not in fills and found.at("again.two__3_.state", found.end) == 0


@pytest.mark.parametrize("count", [0, 1, 7, 50])
def test_beyond_what_is_noted_nothing_is_said(count: int, tmp_path: Path, monkeypatch: Any) -> None:
    whole = slow_end()
    monkeypatch.setattr(simulate, "EVENTS", count)
    run = slow_end()
    assert len(run.events) == count and "noted" in str(run)
    found, full = dump(run, tmp_path), dump(whole, tmp_path)
    assert any("noted" in comment for comment in found.comments)
    unknown = 0
    for path, values in full.values.items():
        for time in sorted({time for time, _ in values} | {time for time, _ in found.values[path]}):
            value = found.at(path, time)
            assert value is None or value == full.at(path, time), (path, time)
            unknown += value is None
    assert unknown and "noted" not in str(whole)


def test_without_values_nothing_is_noted(tmp_path: Path) -> None:
    run = ta.customize(chain).simulate(A, A, values=False)
    states = dump(run, tmp_path).values["chain.twice.state"]
    assert states == [(0, None), (ticks(run, run.processes["twice"].ended), 0)]
    assert "none of 160 puts and gets are noted" in str(run)


def test_waits_of_a_stage_are_one_after_the_other() -> None:
    """PE[0, 1] waits for B, then for A, which comes three cycles later; both are taken then."""
    s = output_stationary(make(M=2, N=3, K=4))
    run = s.simulate(np.ones((2, 4), np.int8), np.ones((4, 3), np.int8))
    history = History(run)
    for process in run.processes.values():
        assert sum(span.waited for span in history.spans(process)) == process.stalled
    spans = history.spans(run.processes["PE[0, 1]"])
    assert [(span.start, span.end, span.queue) for span in spans] == [
        (1, 4, "B_fifo[0, 1]"),
        (4, 7, "A_fifo[0, 1]"),
    ]
    assert history.limit is None and history.note == ""


@pytest.mark.parametrize("style", ["frp", "flp", "stp"])
@pytest.mark.parametrize("number", range(6))
def test_waits_are_those_of_the_process(number: int, style: str) -> None:
    """No two waits at once, none before or after its process, none longer than was counted."""
    random = np.random.default_rng(number)
    count = int(random.integers(2, 6))
    edges = [
        (a, b, int(random.integers(1, 5)))
        for a in range(count)
        for b in range(a + 1, count)
        if b == a + 1 or random.random() < 0.5
    ]
    s = network(edges, [int(random.integers(0, 4)) for _ in range(count)])
    run = s.simulate(*(np.ones(a.shape, np.int32) for a in s.program.args), pipeline_style=style)
    history = History(run)
    for process in run.processes.values():
        spans = [span for span in history.spans(process) if span.end <= process.ended]
        assert all(a.end <= b.start for a, b in pairwise(spans))
        assert all(process.started <= span.start for span in spans)
        waited = sum(span.waited for span in spans)
        assert waited <= sum(stall.cycles for stall in process.stalls)
        assert waited >= process.stalled or history.unplaced or not process.finished
    for fifo in run.fifos.values():
        fills = [fill for _, fill in history.fills(fifo)]
        assert min(fills) == 0 and max(fills) <= fifo.fill <= max(fills) + 1
