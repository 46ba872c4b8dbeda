"""HLS projects: complete, reproducible, self-checking, written whole or not at all; faked vendor tools."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Golden
from tests.emit.hls import hls_build, hls_project
from tests.emit.programs import I16, I32, add_to, array, at, gemm, iters, loop, matmul, put
from tracealloc.emit.vitis.csim.ap_headers import open_headers
from tracealloc.emit.vitis.csim.csim import CSimModule
from tracealloc.emit.vitis.project.csynth_report import parse_report
from tracealloc.emit.vitis.project.project import HLSProject
from tracealloc.emit.vitis.project.testbench import make_inputs
from tracealloc.emit.vitis.project.vendor_tools import ToolRun
from tracealloc.trace.diagnostics.errors import ArgumentError, BuildError
from tracealloc.trace.ir.dtype import Fixed, Integer, Struct, float32, float64, index
from tracealloc.trace.ir.expr import Cast, IterRef, Load
from tracealloc.trace.ir.layout import Layout, Port
from tracealloc.trace.ir.program import Alloc, Program, Store
from tracealloc.trace.queries.typing_rules import binary, convert, intrinsic

needs_headers = pytest.mark.skipif(open_headers() is None, reason="needs hls4ml's headers")

REPORT = """<profile>
<ReportVersion><Version>2023.2</Version></ReportVersion>
<UserAssignments><unit>ns</unit><Part>xcu280-fsvh2892-2L-e</Part><TopModelName>gemm</TopModelName>
<TargetClockPeriod>3.33</TargetClockPeriod></UserAssignments>
<PerformanceEstimates><PipelineType>no</PipelineType>
<SummaryOfTimingAnalysis><unit>ns</unit>
<EstimatedClockPeriod>2.431</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency><Best-caseLatency>4130</Best-caseLatency>
<Worst-caseLatency>4162</Worst-caseLatency>
<Interval-min>4131</Interval-min><Interval-max>4163</Interval-max></SummaryOfOverallLatency>
<SummaryOfLoopLatency><i><TripCount>16</TripCount>
<Latency><range><min>4128</min><max>4160</max></range></Latency>
<IterationLatency>258</IterationLatency><j><TripCount>16</TripCount>
<Latency>30</Latency>
<PipelineII>1</PipelineII>
<PipelineDepth>15</PipelineDepth></j></i></SummaryOfLoopLatency></PerformanceEstimates>
<AreaEstimates><Resources><BRAM_18K>4</BRAM_18K><DSP>5</DSP>
<FF>812</FF>
<LUT>1034</LUT>
<URAM>0</URAM></Resources>
<AvailableResources><BRAM_18K>4032</BRAM_18K><DSP>9024</DSP>
<FF>2607360</FF>
<LUT>1303680</LUT>
<URAM>960</URAM>
</AvailableResources></AreaEstimates></profile>
"""


def make(folder: Path, target: str = "csim") -> subprocess.CompletedProcess[str]:
    command = ["make", target, f"PYTHON={sys.executable}"]  # python3 on PATH need not have the headers
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_frames(golden: Golden) -> None:
    project = hls_project(gemm(4, 8, 4))
    for name in ("gemm_tb.cpp", "run_hls.tcl", "hls_config.cfg", "Makefile", "README.md", "host.cpp"):
        golden(f"project/{name}", project.files[name])
    assert "data/A.txt" in project.files and "data/C_expected.txt" in project.files
    assert "data/C.txt" not in project.files  # a result is not loaded


def test_the_same_program_gives_the_same_files_and_none_names_this_machine() -> None:
    one, two = hls_project(gemm(4, 8, 4)).files, hls_project(gemm(4, 8, 4)).files
    assert one == two
    folders = "|".join(re.escape(str(path)) for path in (Path.cwd(), Path.home(), Path(__file__).parent))
    private = re.compile(rf"{folders}|{re.escape(tempfile.gettempdir())}|20\d\d-\d\d-\d\d")
    assert not [name for name, text in one.items() if private.search(text)]


def test_testbench_passes_and_fails_when_the_expected_data_is_altered(tmp_path: Path) -> None:
    folder = hls_project(gemm(4, 8, 4)).write(tmp_path / "gemm")
    done = make(folder)
    assert done.returncode == 0 and "C: 32 of 32 elements are right\nPASS: gemm" in done.stdout, done
    data = folder / "data" / "C_expected.txt"
    text = data.read_text()
    last = text.split()[-1]
    data.write_text(text.replace(last, f"{int(last, 16) ^ 1:08x}"))  # one bit of one element
    done = make(folder)
    assert done.returncode != 0 and "FAIL: gemm" in done.stdout and "C: 31 of 32" in done.stdout, done.stdout
    program = [str(folder / "build" / "csim")]
    for broken in ("zz" + text[2:], text.rsplit(" ", 1)[0], text.replace(last, last + "00")):
        data.write_text(broken if broken.startswith("#") else "# C\n" + broken)
        assert subprocess.run(program, cwd=folder, capture_output=True, check=False).returncode == 2
    (folder / "data" / "A.txt").unlink()
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "data file A.txt was not found" in done.stdout


@needs_headers
def test_testbench_of_odd_types_scalars_and_structs(tmp_path: Path) -> None:
    pair = Struct((("a", Integer(70, True)), ("b", float32)))
    x, q, p = array("x", Integer(12, True), 5), array("q", Fixed(20, 6), 5), array("p", pair, 5)
    n, total = array("n", Fixed(9, 3, False)), array("total", float64, kind="result")
    (i,) = iters("i")
    wide = Load(p, (IterRef(i),), ("a",))
    body = loop(
        i,
        5,
        add_to(at(x, i), at(x, i)),
        put(at(q, i), binary("*", at(q, i), Load(n))),
        Store(p, (IterRef(i),), convert(binary("+", wide, at(x, i)), Integer(70, True)), ("a",)),
        add_to(Load(total), convert(at(x, i), float64)),
    )
    program = Program("odd", (x, q, p, n), (Alloc(total, convert(at(x, 0), float64)), body), (total,))
    done = make(hls_project(program).write(tmp_path / "odd"))
    assert done.returncode == 0 and done.stdout.endswith("PASS: odd\n"), done


def test_inputs_and_reference_can_be_given(tmp_path: Path) -> None:
    program = matmul(I16, I32, 2, 2, 2)
    given = {"A": np.array([[1, 2], [3, 4]], np.int16), "C": np.zeros((2, 2), np.int32)}
    files = hls_project(program, inputs=given, seed=3).files
    assert files["data/A.txt"] == "# A: int16[2][2]\n0001 0002\n0003 0004\n"

    def ones(a: object, b: object, c: np.ndarray) -> None:
        c[...] = -1

    files = hls_project(program, reference=ones).files
    assert files["data/C_expected.txt"].split()[-4:] == ["ffffffff"] * 4
    with pytest.raises(ArgumentError, match="matmul has no argument 'X' that an input could be for"):
        _ = hls_project(program, inputs={"X": 1}).files


def test_inputs_that_choose_subscripts_are_zero() -> None:
    x, where, y = array("x", float32, 4), array("where", I16, 4), array("y", float32, 4)
    (i,) = iters("i")
    gather = put(at(y, i), Load(x, (Cast(at(where, i), index),)))
    made = make_inputs(Program("gather", (x, where, y), (loop(i, 4, gather),)))
    assert made["where"].tolist() == [0] * 4 and (made["x"] > 0).all()


def test_devices_and_interfaces(tmp_path: Path) -> None:
    program = gemm(4, 8, 4)
    files = hls_project(program, device="u250", clock_mhz=250).files
    assert "set_part xcu250-figd2104-2L-e\ncreate_clock -period 4 " in files["run_hls.tcl"]
    assert "part=xc7z020clg400-1\n" in hls_project(program, device="xc7z020clg400-1").files["hls_config.cfg"]
    ports = Program(
        program.name, program.args, program.body, program.results,
        ((program.args[0], Layout(port=Port("m_axi", (("bundle", "left"),)))),),
    )  # fmt: skip
    files = hls_project(ports, top="krnl").files
    assert "flow_target=vitis\n" in files["hls_config.cfg"] and "set_top krnl\n" in files["run_hls.tcl"]
    assert "mode=m_axi port=A offset=slave bundle=left depth=16\n" in files["krnl.cpp"]


def test_library_functions_are_compared_with_a_tolerance_by_the_vendor_only() -> None:
    x = array("x", float32, 4)
    (i,) = iters("i")
    program = Program("e", (x,), (loop(i, 4, put(at(x, i), intrinsic("exp", at(x, i)))),))
    files = hls_project(program).files
    assert "-DTRACEALLOC_ULP=4" in files["run_hls.tcl"] and "TRACEALLOC_ULP" not in files["Makefile"]


# Writing.


def test_edited_files_are_not_replaced_unasked(tmp_path: Path) -> None:
    target, project = tmp_path / "made", hls_project(gemm(4, 8, 4))
    project.write(target)
    (target / "gemm.cpp").write_text("// my version\n")
    (target / "data" / "A.txt").write_text("# mine\n")
    (target / "README.md").unlink()
    edited = snapshot(target)
    with pytest.raises(BuildError) as caught:
        project.write(target)
    assert str(caught.value) == (
        f"TA823 writing the project to {str(target)!r} would replace files that were edited there\n"
        "  because: data/A.txt, gemm.cpp are not as tracealloc wrote them\n"
        "  try: give another folder, or overwrite=True to lose the edits"
    )
    with pytest.raises(BuildError, match="TA823"):
        hls_build(gemm(4, 8, 4), mode="csim", project=target)
    assert snapshot(target) == edited
    hls_build(gemm(4, 8, 4), project=target, overwrite=True)
    assert (target / "gemm.cpp").read_text() == project.source and (target / "README.md").exists()
    (target / "gemm.cpp").write_text(project.source + "\n")
    (target / "new_k.cpp").write_text("mine")
    with pytest.raises(BuildError, match=r"gemm\.cpp, new_k\.cpp are not as"):
        hls_project(replace(gemm(4, 8, 4), name="new_k")).write(target)  # and gemm.cpp would go


def test_writing_again_keeps_what_the_user_added(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "gemm"
    project = hls_project(gemm(4, 8, 4))
    assert project.write(target) == target
    before = snapshot(target)
    (target / "notes.txt").write_text("mine")
    (target / "gemm_hls").mkdir()
    (target / "gemm_hls" / "log").write_text("kept")
    project.write(target)
    after = snapshot(target)
    extra = {"notes.txt": b"mine", "gemm_hls/log": b"kept"}
    assert after == {**before, **extra}
    assert [path.name for path in target.parent.iterdir()] == ["gemm"]


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("data")
    with pytest.raises(BuildError) as caught:
        hls_project(gemm(4, 8, 4)).write(tmp_path)
    assert str(caught.value) == (
        f"TA817 the folder {str(tmp_path)!r} is not empty, and tracealloc did not write it\n"
        "  because: it holds precious.txt\n"
        "  because: it has no tracealloc_project.json\n"
        "  try: give another folder, or remove that one"
    )
    assert snapshot(tmp_path) == {"precious.txt": b"data"}
    with pytest.raises(BuildError, match="is a file, not a folder"):
        hls_project(gemm(4, 8, 4)).write(tmp_path / "precious.txt")


def test_an_empty_folder_is_used_and_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    hls_project(gemm(4, 8, 4)).write(tmp_path / "empty")
    assert (tmp_path / "empty" / "Makefile").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match="the project cannot be written to"):
        hls_project(gemm(4, 8, 4)).write(tmp_path / "file" / "project")


# Modes.


def test_modes(tmp_path: Path) -> None:
    program = gemm(4, 8, 4)
    assert isinstance(hls_build(program), HLSProject)
    module = hls_build(program, mode="csim", project=tmp_path / "p")
    assert isinstance(module, CSimModule) and (tmp_path / "p" / "gemm.cpp").read_text() == module.source
    with pytest.raises(BuildError) as caught:
        hls_build(program).run("csym", tmp_path / "q")
    assert str(caught.value) == (
        "TA815 there is no build mode 'csym'\n"
        "  because: the modes are 'csyn', 'cosim', 'hw_emu', 'hw'\n"
        "  try: mode='csyn'"
    )
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize(
    ("mode", "missing"),
    [
        ("csyn", "vitis_hls or v++ is missing"),
        ("cosim", "vitis_hls or vitis-run is missing"),
        ("hw_emu", "v++ and emconfigutil and XRT (XILINX_XRT is not set) are missing"),
        ("hw", "v++ and XRT (XILINX_XRT is not set) are missing"),
    ],
)
def test_missing_tools_leave_a_complete_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, missing: str
) -> None:
    monkeypatch.delenv("XILINX_XRT", raising=False)
    folder = tmp_path / "my project"
    with pytest.raises(BuildError) as caught:
        hls_build(gemm(4, 8, 4), mode=mode, project=folder)
    assert str(caught.value) == (
        f"TA820 mode {mode!r} needs AMD's tools: {missing}\n"
        f"  because: the project is complete in {str(folder)!r}\n"
        f"  try: on a machine with Vitis: source settings64.sh, then make -C '{folder}' {mode}"
    )
    assert (folder / "run_hls.tcl").exists() and (folder / "data" / "A.txt").exists()


def fake_tool(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    folder.mkdir(exist_ok=True)
    tool = folder / "vitis_hls"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_synthesis_runs_the_tool_and_reads_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    out = "gemm_hls/solution1/syn/report"
    script = 'test "$1" = -f && test "$TRACEALLOC_STEPS" = csynth && grep -q "set_top gemm" "$2" || exit 9\n'
    script += f"mkdir -p {out} && cp '{tmp_path}/report.xml' {out}/gemm_csynth.xml && echo done"
    fake_tool(tmp_path / "bin", monkeypatch, script)
    run = hls_build(gemm(4, 8, 4), mode="csyn", project=tmp_path / "p")
    assert isinstance(run, ToolRun) and run.report is not None
    report = run.report
    assert (report.cycles, report.latency, report.interval) == (4162, (4130, 4162), (4131, 4163))
    assert report.used == {"BRAM_18K": 4, "URAM": 0, "DSP": 5, "FF": 812, "LUT": 1034}
    assert report.available["DSP"] == 9024 and report.estimated_clock == 2.431
    outer = report.loops[0]
    assert (outer.name, outer.latency, outer.trip_count, outer.ii) == ("i", 4160, 16, None)
    assert (outer.loops[0].name, outer.loops[0].ii, outer.loops[0].depth) == ("j", 1, 15)
    assert "done" in run.log.read_text() and "latency   4130 to 4162 cycles" in str(run)


def test_a_failing_tool_says_what_was_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tool(tmp_path / "bin", monkeypatch, "echo INFO fine; echo 'ERROR: [HLS 207-1] no licence'; exit 1")
    with pytest.raises(BuildError, match=r"mode 'csyn' of gemm failed with status") as caught:
        hls_build(gemm(4, 8, 4), mode="csyn", project=tmp_path / "p")
    assert caught.value.because[0] == "ERROR: [HLS 207-1] no licence"
    fake_tool(tmp_path / "bin", monkeypatch, "exit 0")
    with pytest.raises(BuildError, match="C synthesis of gemm ended without a report"):
        hls_build(gemm(4, 8, 4), mode="csyn", project=tmp_path / "p")


def test_reports_that_are_none(tmp_path: Path) -> None:
    bad = tmp_path / "x_csynth.xml"
    bad.write_text("<profile><broken>")
    with pytest.raises(BuildError, match=r"the report x_csynth\.xml cannot be read"):
        parse_report(bad)
    bad.write_text("<other/>")
    with pytest.raises(BuildError, match=r"x_csynth\.xml is no report of C synthesis"):
        parse_report(bad)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_targets_name_what_is_missing(tmp_path: Path) -> None:
    folder = hls_project(gemm(4, 8, 4)).write(tmp_path / "p")
    for target, words in (
        ("csyn", "neither vitis_hls nor v++"),
        ("cosim", "neither vitis_hls nor vitis-run"),
    ):
        done = make(folder, target)
        assert done.returncode != 0 and words in done.stdout
