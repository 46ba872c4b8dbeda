"""A back end is one folder, or one file like this one: a registered `Target`, and a writer of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
from tracealloc.emit.common.names import Names, identifier
from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.target import Design, Folder, Target, Tool, register, target_named, targets
from tracealloc.emit.common.text import Text as Printed
from tracealloc.emit.common.text import atom, element, float_literal, infix, prefix
from tracealloc.emit.common.walk import Walk, Where
from tracealloc.trace.ir.dtype import Float
from tracealloc.trace.ir.expr import Binary, Cast, Const, Expr, IterRef, Load
from tracealloc.trace.ir.program import Alloc, Array, Call, Loop, Store, While


class Plain:
    """Statements and loops without anything around them; the parts that a `Walk` is handed."""

    pragmas_inside = False

    def __init__(self, design: Design, comments: bool) -> None:
        program = design.lowered()
        self.scope = Scope(program, Names())
        self.comments = comments
        for array in program.args:
            self.scope.name_array(array)
        Walk(self.scope, self.expr, self, self).block(program.body)

    def expr(self, expr: Expr) -> Printed:
        match expr:
            case Const(value=value, type=Float() as dtype):
                return float_literal(float(value), dtype)
            case Const(value=value):
                return atom(str(value))
            case IterRef(iter=iter_):
                return atom(self.scope.iter_name(iter_))
            case Load(array=array, indices=indices):
                return element(self.scope.array_name(array), [self.expr(index).text for index in indices])
            case Binary(op=op, left=left, right=right):
                return infix(op, self.expr(left), self.expr(right))
            case Cast(operand=operand, type=dtype):
                return prefix(f"({dtype})", self.expr(operand))
            case _:
                raise NotImplementedError(type(expr).__name__)

    def declares(self, array: Array) -> bool:
        return not self.scope.is_named(array)

    def declare(self, array: Array) -> None:
        self.scope.line(f"{array.dtype} {self.scope.array_name(array)};")

    def alloc(self, node: Alloc, where: Where) -> None:
        self.scope.name_array(node.array)
        self.declare(node.array)

    def store(self, node: Store) -> None:
        target = self.expr(Load(node.array, node.indices)).text
        self.scope.line(f"{target} = {self.expr(node.value).text};{self.scope.comment(node.place)}")

    def call(self, node: Call) -> None:
        raise NotImplementedError("calls")

    def around(self, loop: Loop, where: Where, write: Callable[[Loop], None]) -> None:
        write(loop)

    def body(self, node: Loop | While, where: Where, write: Callable[[], None]) -> None:
        with self.scope.inside():
            write()

    def iter_type(self, loop: Loop, low: int, high: int) -> str:
        return "int"

    def pragmas(self, node: Loop | While) -> list[str]:
        return [f"// unroll {node.marks.unroll}"] if self.comments and node.marks.unroll is not None else []

    def label(self, node: Loop | While) -> str:
        return ""

    def goes_on(self, node: Loop | While, cond: Printed) -> Printed:
        return cond


class Text:
    """What the target makes."""

    def __init__(self, source: str, header: str) -> None:
        self.source, self.header = source, header


def plain_text(design: Design, *, comments: bool = True, header: str = "") -> Text:
    return Text("\n".join(Plain(design, comments).scope.out), header)


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
