"""A schedule goes by the hardware of its target: here one that has nothing of AMD's."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tracealloc import float32, float64, int32, kernel
from tracealloc.emit.common import target as registry
from tracealloc.emit.common.target import Design, Folder, Target, register, targets
from tracealloc.trace.ir.hardware import BankPorts, Hardware, PortKind
from tracealloc.trace.ir.operators import OperatorTable, parse_operators

COLUMNS = (
    "name,family,bits,stages,stages_per_bit,ns,ns_per_bit,impl,dsp,lut,ff,clock_ns,device,status,source\n"
)


def table(*rows: str) -> OperatorTable:
    """Rows of a name, a family, a width, stages, and what of them may be left out."""
    text = "\n".join(f"{row}{',' * (6 - row.count(','))},x,,,,4,fabric,estimated,invented" for row in rows)
    return OperatorTable(parse_operators(COLUMNS + text), clock_ns=4, device="fabric")


FABRIC = Hardware(
    "fabric",
    ports=(
        PortKind("bus", frozenset({"array"}), frozenset({"array"}), banked=False),
        PortKind("pipe", frozenset({"array", "queue"}), frozenset({"queue"}), in_order=True),
        PortKind("wire", frozenset({"scalar"}), frozenset({"scalar"})),
    ),
    port_options=("width",),
    memories=("auto", "m20k", "register"),
    bank_ports={None: BankPorts(3, 1), 4: BankPorts(4, 4)},
    operators=table(
        *("+,float,32,3", "exp,float,32,9", "operator,float,32,2", "function,float,32,20"),
        *("+,float,64,5", "operator,float,64,4", "function,float,64,40", "load,auto,1024,3,,0"),
    ),
    most_banks=8,
    most_unrolled=8,
    flattens=False,
    promotes=False,
)


class Made:
    def __init__(self, design: Design) -> None:
        self.lowered = design.for_hls()


def build(design: Design, _mode: str | None, _project: Folder, _options: Mapping[str, Any]) -> Any:
    return Made(design)


@pytest.fixture(autouse=True)
def fabric(monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setattr(registry, "_REGISTERED", dict(targets()))
    yield register(Target("fabric", "fabric", build, hardware=FABRIC))
    monkeypatch.undo()


@kernel
def summed(A: float32[16, 16], out: float32[16], n: int32) -> None:
    for i in ta.range(16):
        for j in ta.range(16):
            out[i] = out[i] + A[i, j] * n


@kernel
def doubles(A: float64[16, 16], out: float64[16]) -> None:
    for i in ta.range(16):
        for j in ta.range(16):
            out[i] = ta.exp(out[i]) + A[i, j]


@kernel
def moved(q: ta.Stream[int32], A: int32[16], B: int32[16], n: int32) -> None:
    for i in ta.range(16):
        B[i] = A[i] + A[(i + 3) % 16] + n
        q.put(A[i])


@kernel
def triangle(A: int32[16], B: int32[12, 6]) -> None:
    for i in ta.range(12):
        for j in ta.range(i, 12):
            A[i] += j
    for k in ta.range(12):
        for m in ta.range(k // 2, 6):
            B[k, m] = m


def of(made: Any) -> Any:
    return ta.customize(made, target="fabric")


def said(s: Any, loop: str, interval: int = 1) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        s.pipeline(loop, interval)
    return [str(each.message) for each in caught]


REFUSED = [
    (lambda s: s.interface("A", "m_axi"),
     "TA233 interface(\"A\", \"m_axi\") names the unknown kind of port 'm_axi'\n{}"
     "  because: the kinds are bus, pipe, wire"),
    (lambda s: s.interface("A", "buss"),
     "TA233 interface(\"A\", \"buss\") names the unknown kind of port 'buss'\n{}"
     "  because: the kinds are bus, pipe, wire\n  try: 'bus'"),
    (lambda s: s.interface("A", "wire"),
     "TA233 interface(\"A\", \"wire\") needs a scalar for a port of kind 'wire', and 'A' is an array\n{}"
     "  try: 'bus'"),
    (lambda s: s.interface("n", "bus"),
     "TA233 interface(\"n\", \"bus\") needs an array for a port of kind 'bus', and 'n' is a scalar\n{}"
     "  try: 'wire'"),
    (lambda s: s.interface("q", "bus"),
     "TA233 interface(\"q\", \"bus\") needs an array for a port of kind 'bus', and 'q' is a queue\n{}"
     "  try: 'pipe'"),
    (lambda s: s.interface("A", "bus", bundle="x"),
     "TA233 interface(\"A\", \"bus\", bundle=\"x\") got the unknown option 'bundle'\n{}"
     "  because: the pragma's options are width"),
    (lambda s: s.bind("A", "bram"),
     "TA232 bind(\"A\", \"bram\") names the unknown resource 'bram'\n{}"
     "  because: the resources are auto, m20k, register"),
    (lambda s: s.bind("A", "m20k", ports=2),
     "TA232 bind(\"A\", \"m20k\", ports=2) needs 4 ports per bank, not 2\n{}"
     "  because: memories have 4 ports\n  try: no ports: 2 read + 1 either a cycle then"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "message"), REFUSED)
def test_primitives_know_its_ports_and_memories(step: Any, message: str) -> None:
    s = of(moved)
    with pytest.raises(ta.ScheduleError) as caught:
        step(s)
    lines = str(caught.value).splitlines(keepends=True)
    told = next(n for n, line in enumerate(lines) if line.startswith(("  because", "  try")))
    assert lines[0] + "{}" + "".join(lines[told:]) == message
    assert not s.history


def test_what_it_has_is_taken() -> None:
    s = of(moved)
    s.interface("A", "bus", width=64)
    s.interface("q", "pipe")
    s.interface("n", "wire")
    s.bind("A", "m20k", ports=4)
    s.partition("A", kind="cyclic", factor=2)
    assert "A: dim 0 cyclic 2, m20k, 4 ports, bus (local copy)" in str(s)
    assert str(s.layouts().reasons("A")).splitlines()[0].endswith("bus (local copy)")
    ports = {array.name: layout.port for array, layout in s.lowered.layouts}
    assert str(ports["A"]) == "bus width=64"
    (copy,) = s.build("fabric").lowered.facts.copies
    assert (copy.array.name, copy.read, copy.written) == ("A", True, False)


def test_elements_come_in_order_through_its_pipes() -> None:
    s = of(moved)
    s.interface("A", "pipe")
    s.interface("B", "pipe")
    assert [copy.array.name for copy in s.build("fabric").lowered.facts.copies] == ["A"]
    s = of(summed)
    s.interface("out", "pipe")
    with pytest.raises(ta.BuildError) as caught:
        s.build("fabric")
    assert str(caught.value).splitlines()[0] == (
        "TA819 'out' of summed is read and written, and a port of kind 'pipe' has one direction"
    )
    assert str(caught.value).endswith("or s.interface('out', 'bus')")


def test_recurrences_go_by_its_latencies() -> None:
    assert "allow ii=5, not 1" in said(of(summed), "j")[0]  # an addition and a memory
    assert "allow ii=8, not 1" in said(ta.customize(summed), "j")[0]
    assert "allow ii=47, not 1" in said(of(doubles), "j")[0]  # of doubles, a function that is not listed
    assert said(of(summed), "j", 5) == []


def test_nests_are_flattened_only_where_its_tool_does() -> None:
    """What the outer loop carries counts only where the pipeline does not drain between its iterations."""

    @kernel
    def swept(A: float32[8], x: float32) -> None:
        for _ in ta.range(4):
            for i in ta.range(8):
                A[i] = A[i] + x

    assert said(of(swept), "i") == []
    slow = table("+,float,32,3", "load,auto,1024,21,,0")
    flat = replace(FABRIC, name="flat", flattens=True, operators=slow)
    register(Target("flat", "flat", build, hardware=flat))
    assert "allow ii=3, not 1" in said(ta.customize(swept, target="flat"), "i")[0]
    nests = {}
    for name in ("flat", "fabric"):
        s = ta.customize(swept, target=name)
        said(s, "i")
        (facts,) = s.build(name).lowered.facts.functions.values()
        nests[name] = [len(found.nest) for found in facts.loops.values() if found.nest]
    assert nests == {"flat": [2], "fabric": [1]}


def test_conflicts_go_by_its_ports() -> None:
    s = of(moved)
    s.unroll("i", factor=4)
    said(s, "i", 1)
    rows = {row.array: row for row in s.conflicts()}
    assert (rows["A"].ports, rows["B"].ports) == ("2 read + 1 either", "2 read + 1 either")
    of_amd = ta.customize(moved)
    said(of_amd, "i", 1)
    assert {row.ports for row in of_amd.conflicts()} == {"1 read + 1 either"}


def test_long_loops_stay_loops_by_its_limit() -> None:
    """Of a loop whose count varies: up to 12 is too long here, and up to 6 is not."""
    s = of(triangle)
    assert any("loop 'j' inside 'i' runs up to 12 times" in text for text in said(s, "i"))
    assert said(s, "k") == []
    (facts,) = s.build("fabric").lowered.facts.functions.values()
    assert [it.name for it in facts.rolled] == ["i"]
    s = ta.customize(triangle)
    assert said(s, "i") == []
    (facts,) = ta.customize(triangle).build("vitis_hls").text.facts.functions.values()
    assert not facts.rolled


def test_a_schedule_keeps_its_target() -> None:
    s = of(moved)
    s.interface("A", "bus")
    assert s.script().splitlines()[0] == "s = ta.customize(moved, target='fabric')"
    scope: dict[str, Any] = {"ta": ta, "moved": moved}
    exec(s.script(), scope)
    for other in (s.copy(), s.replay(moved), pickle.loads(pickle.dumps(s)), scope["s"]):
        assert other.module.hardware == FABRIC
        assert str(other) == str(s)
        other.interface("B", "bus")
        assert isinstance(other.build("fabric"), Made)
    s.undo()
    assert s.module.hardware is FABRIC
    assert ta.customize(moved).script().splitlines()[0] == "s = ta.customize(moved)"


WRONG = [
    (lambda: of(moved).build("vitis_hls"),
     "TA826 the schedule is for 'fabric', and cannot be built for 'vitis_hls'\n{}"
     "  because: its ports, memories and intervals are those of the other target's hardware\n"
     "  try: ta.customize(kernel, target='vitis_hls')"),
    (lambda: ta.customize(moved).build("fabric"),
     "TA826 the schedule is for 'vitis_hls', and cannot be built for 'fabric'\n{}"
     "  because: its ports, memories and intervals are those of the other target's hardware\n"
     "  try: ta.customize(kernel, target='fabric')"),
    (lambda: ta.customize(moved, target="c"),
     "TA826 no schedule is made for the target 'c': it takes any\n{}"
     '  try: target="vitis_hls" or target="fabric"'),
    (lambda: ta.customize(moved, target="fabrik"),
     "TA800 unknown target 'fabrik'\n{}  try: \"c\", \"vitis_hls\" or \"fabric\""),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "message"), WRONG)
def test_targets_are_not_mixed(wrong: Any, message: str) -> None:
    with pytest.raises(ta.BuildError) as caught:
        wrong()
    lines = str(caught.value).splitlines(keepends=True)
    told = next(n for n, line in enumerate(lines) if line.startswith(("  because", "  try")))
    assert "test_hardware.py" in lines[1]
    assert lines[0] + "{}" + "".join(lines[told:]) == message


def test_a_kernel_is_built_for_any() -> None:
    assert isinstance(moved.build("fabric"), Made)
    assert "void summed(" in summed.build("vitis_hls").source


def test_c_takes_any_schedule() -> None:
    s = of(summed)
    s.bind("A", "m20k")
    s.interface("A", "bus")
    A, out = np.ones((16, 16), np.float32), np.zeros(16, np.float32)
    s.build("c")(A, out, 2)
    assert (out == 32).all() and s.verify()


def test_latencies_that_no_table_has() -> None:
    bare = replace(FABRIC, name="bare", operators=OperatorTable())
    register(Target("bare", "bare", build, hardware=bare))
    assert said(ta.customize(doubles, target="bare"), "j") == []  # nothing is known, and nothing said
    rows = ("+,float,32,3", "exp,float,32,9", "load,auto,1024,3,,0")
    narrow = replace(FABRIC, name="narrow", operators=table(*rows))
    register(Target("narrow", "narrow", build, hardware=narrow))
    assert "allow ii=14, not 1" in said(ta.customize(doubles, target="narrow"), "j")[0]


def test_hardware_is_whole() -> None:
    with pytest.raises(ValueError, match="the target 'other' has the hardware of 'fabric'"):
        register(Target("other", "other", build, hardware=FABRIC))
    for wrong in ({"bank_ports": {1: BankPorts(1, 1)}}, {"memories": ("m20k",)}):
        with pytest.raises(ValueError, match="says nothing of what no schedule speaks of"):
            replace(FABRIC, **wrong)  # type: ignore[arg-type]
    for accesses, writes in ((0, 0), (2, 3), (2, 0)):
        with pytest.raises(ValueError, match="accesses a cycle"):
            BankPorts(accesses, writes)
