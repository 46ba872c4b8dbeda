"""Value change dumps, read by a small strict reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tracealloc as ta
from tracealloc import int32, kernel

A = np.arange(40, dtype=np.int32)


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


def read(text: str) -> tuple[dict[str, str], dict[str, list[tuple[int, int]]]]:
    """The variables by their marks, as paths, and what each of them was when."""
    names: dict[str, str] = {}
    scopes: list[str] = []
    head, _, body = text.partition("$enddefinitions $end\n")
    for line in head.splitlines():
        word = line.split()
        assert word[-1] == "$end", line
        if word[0] == "$scope":
            scopes.append(word[2])
        elif word[0] == "$upscope":
            scopes.pop()
        elif word[0] == "$var":
            assert word[1] == "wire" and int(word[2]) > 0 and len(word) == 6 and word[3] not in names
            names[word[3]] = "/".join([*scopes, word[4]])
        else:
            assert word[0] in ("$comment", "$timescale")
    assert not scopes
    values: dict[str, list[tuple[int, int]]] = {name: [] for name in names.values()}
    now = -1
    for line in body.splitlines():
        if line.startswith("#"):
            assert int(line[1:]) > now
            now = int(line[1:])
        else:
            bits, mark = line.split()
            assert bits[0] == "b" and set(bits[1:]) <= {"0", "1"}
            values[names[mark]].append((now, int(bits[1:], 2)))
    return names, values


def test_states_and_fills(tmp_path: Path) -> None:
    s = ta.customize(chain)
    for loop, interval in (("i", 1), ("j", 1), ("k", 3)):
        s.pipeline(loop, interval)
    found = s.simulate(A, np.zeros(40, np.int32))
    _, values = read(found.to_vcd(tmp_path / "chain.vcd").read_text(encoding="utf-8"))
    processes = {f"chain/process/{name}" for name in ("load", "twice", "store")}
    assert set(values) == processes | {"chain/fifo/q[0]", "chain/fifo/q[1]"}
    for name, fifo in found.fifos.items():
        fills = [value for _, value in values[f"chain/fifo/{name}"]]
        assert fills[0] == fills[-1] == 0 and max(fills) <= fifo.depth + 1
    for name, process in found.processes.items():
        states = values[f"chain/process/{name}"]
        assert states[-1] == (process.ended, 0)
        full = any(stall.why == "full" for stall in process.stalls)
        assert (3 in {state for _, state in states}) == full


def test_names_and_nesting(tmp_path: Path) -> None:
    @kernel
    def inner(x: ta.Stream[int32], y: ta.Stream[int32]):
        for _i in ta.range(4):
            y.put(x.get())

    @kernel
    def outer(A: int32[4], B: int32[4]):
        q = ta.stream(int32, shape=(101,))
        with ta.dataflow():
            for i in ta.range(4, name="load"):
                q[0].put(A[i])
            for p in ta.processes(100, name="hop"):
                inner(q[p], q[p + 1])
            for j in ta.range(4, name="store"):
                B[j] = q[100].get()

    found = outer.simulate(A[:4], A[:4])
    names, _ = read(found.to_vcd(tmp_path / "many.vcd").read_text(encoding="utf-8"))
    assert len(names) == 102 + 101
