"""A back end is one folder, or one file like this one: a registered `Target`, and a writer of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import tracealloc as ta
from tracealloc import float32, grid, int32, kernel
from tracealloc.cli import main
from tracealloc.doctor import findings
from tracealloc.emit.common import target as registry
from tracealloc.emit.common.backend import Backend
from tracealloc.emit.common.names import identifier
from tracealloc.emit.common.target import Design, Folder, Target, Tool, register, target_named, targets
from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.program import Array, Loop


class Plain(Backend):
    """Loops without anything around them, each with its trip count in front."""

    def __init__(self, design: Design, comments: bool, **kinds: Any) -> None:
        super().__init__(design.lowered(), **kinds)
        self.comments = comments

    def type_name(self, dtype: DType) -> str:
        return str(dtype)

    def declare(self, array: Array) -> None:
        self.line(f"{self.type_name(array.dtype)} {self.array_name(array)};")

    def loop_pragmas(self, loop: Loop) -> list[str]:
        return [f"// unroll {loop.marks.unroll}"] if self.comments and loop.marks.unroll is not None else []


class Text:
    """What the target makes."""

    def __init__(self, source: str, header: str) -> None:
        self.source, self.header = source, header


def plain_text(design: Design, *, comments: bool = True, header: str = "") -> Text:
    made = Plain(design, comments)
    for array in made.program.args:
        made.name_array(array)
    made.block(made.program.body, ())
    return Text("\n".join(made.out), header)


def build(design: Design, mode: str | None, _project: Folder, options: Mapping[str, Any]) -> Any:
    if mode == "reference":
        return design.reference()
    return plain_text(design, **options) if mode is None else len(plain_text(design, **options).source)


PLAIN = Target(
    "plain",
    "plain",
    build,
    lambda: (plain_text,),
    modes=("count", "reference"),
    reserved=frozenset({"plain_helper"}),
    tools=(Tool("no-such-plain-tool", "reading it", "write one"),),
)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setattr(registry, "_REGISTERED", dict(targets()))
    yield register(PLAIN)
    monkeypatch.undo()
    registry.reserved_names.cache_clear()


@kernel
def scaled(A: float32[8, 4], n: int32) -> None:
    for i, j in grid(8, 4):
        A[i, j] = A[i, j] * 2.0 + n


LOOPS = """\
// unroll 0
for (int j = 0; j < 4; ++j) {
  for (int i = 0; i < 8; ++i) {
    A[i][j] = A[i][j] * 2.0f + (float32)n;
  }
}"""


@pytest.mark.usefixtures("plain")
def test_it_is_built_through_the_public_interface() -> None:
    s = ta.customize(scaled)
    s.reorder("j", "i")
    s.unroll("j")
    made = s.build(target="plain", header="mine")
    lines = [line.partition("  // ")[0] for line in made.source.splitlines()]
    assert ("\n".join(lines), made.header) == (LOOPS, "mine")
    assert "unroll" not in s.build("plain", comments=False).source
    assert s.build("plain", mode="count") == len(made.source)
    assert scaled.build(target="plain").source.startswith("for (int i = 0; i < 8; ++i) {")
    assert callable(s.build("plain", mode="reference"))
    assert s.build("c").source == s.build().source


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"mode": "cuont"},
     "TA815 there is no build mode 'cuont'\n{}"
     "  because: the modes are 'count', 'reference'\n  try: mode='count'"),
    ({"project": "folder"}, "TA825 the plain target takes no project\n{}  try: target=\"vitis_hls\""),
    ({"comment": True},
     "TA825 build(target='plain') has no option 'comment'\n{}"
     "  because: its options are comments, header\n  try: comments="),
    ({"device": "u280"},
     "TA825 build(target='plain') has no option 'device'\n{}"
     "  because: its options are comments, header\n  try: build(target=\"vitis_hls\", device=...)"),
    ({"target": "c", "header": "x"},
     "TA825 build(target='c') has no option 'header'\n{}"
     "  because: its options are cache\n  try: build(target=\"plain\", header=...)"),
    ({"target": "c", "mode": "count"},
     "TA825 the C target takes neither mode nor project\n{}  try: target=\"vitis_hls\""),
    ({"target": "vitis_hls", "mode": "csym"},
     "TA815 there is no build mode 'csym'\n{}"
     "  because: the modes are 'csim', 'csyn', 'cosim', 'hw_emu', 'hw'\n  try: mode='csyn'"),
    ({"target": "verilog"}, "TA800 unknown target 'verilog'\n{}  try: \"c\", \"vitis_hls\" or \"plain\""),
    ({"target": ["plain"]}, "TA800 unknown target ['plain']\n{}  try: \"c\", \"vitis_hls\" or \"plain\""),
]  # fmt: skip


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_what_it_has_not_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ta.BuildError) as caught:
        scaled.build(**{"target": "plain", **given})
    lines = str(caught.value).splitlines(keepends=True)
    told = next(n for n, line in enumerate(lines) if line.startswith(("  because", "  try")))
    assert "test_target.py" in lines[1]
    assert lines[0] + "{}" + "".join(lines[told:]) == message


def test_only_what_is_registered_is_known() -> None:
    assert list(targets()) == ["c", "vitis_hls"]
    with pytest.raises(ta.BuildError, match=r'unknown target .plain.\n(.*\n)*  try: "c" or "vitis_hls"$'):
        scaled.build("plain")


def test_a_name_is_registered_once(plain: Target) -> None:
    assert register(plain) is plain is target_named("plain")
    with pytest.raises(ValueError, match="there are two targets 'c'"):
        register(Target("c", "another C", build))


def test_a_target_may_have_projects_and_no_modes(plain: Target) -> None:
    register(replace(plain, name="folders", modes=(), projects=True))
    assert scaled.build("folders", project="somewhere").source.startswith("for (int i")
    with pytest.raises(ta.BuildError, match="TA825 the plain target takes no mode"):
        scaled.build("folders", mode="count")


def test_names_of_its_helpers_are_left_to_it(plain: Target) -> None:
    assert [identifier(name) for name in sorted(plain.reserved)] == ["plain_helper_"]


def test_names_are_free_without_it() -> None:
    assert identifier("plain_helper") == "plain_helper"


@pytest.mark.usefixtures("plain")
def test_the_command_line_and_doctor_know_it(tmp_path: Path) -> None:
    kernels = "from tracealloc import kernel, float32\n@kernel\ndef one(A: float32[2]):\n    A[0] = 1.0\n"
    (tmp_path / "mine.py").write_text(kernels)
    made = CliRunner().invoke(main, ["build", f"{tmp_path / 'mine.py'}:one", "--target", "plain"])
    assert made.output.startswith("A[0] = 1.0f;"), made.output
    counted = ["build", f"{tmp_path / 'mine.py'}:one", "--target", "plain", "--mode", "count"]
    assert int(CliRunner().invoke(main, counted).output) == len(made.output.rstrip())
    refused = CliRunner().invoke(main, [*counted, "-o", "folder"])
    assert "TA825 the plain target takes no project" in refused.output and refused.exit_code == 1
    found = {each.name: each for each in findings()}
    assert found["no-such-plain-tool"].advice == "write one" and found["v++"].purpose.startswith("csyn")
