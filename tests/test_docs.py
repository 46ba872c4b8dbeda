"""The pages of docs/ are true: their Python runs and prints what they show; tables match the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.markdown import run_page
from tracealloc.trace.ir.dtype import (
    Boolean,
    DType,
    Fixed,
    Float,
    Integer,
    bfloat16,
    boolean,
    float16,
    float32,
    float64,
    index,
    result_type,
)

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE = ROOT / "docs" / "language.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
TYPES: dict[str, DType] = {
    "boolean": boolean,
    "index": index,
    "float16": float16,
    "bfloat16": bfloat16,
    "float32": float32,
    "float64": float64,
    **{f"int{n}": Integer(n, True) for n in (4, 8, 16, 32, 64)},
    **{f"uint{n}": Integer(n, False) for n in (1, 4, 8, 16, 32, 64)},
    "Fixed(8, 4)": Fixed(8, 4),
    "UFixed(8, 4)": Fixed(8, 4, False),
    "Fixed(16, 6)": Fixed(16, 6),
}
OPERATORS = ["+", "-", "*", "/", "//", "%", "&", "<<"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    update = bool(request.config.getoption("--update-golden"))
    problems = run_page(page, tmp_path, f"{page.stem}.py", update)
    assert update or not problems, "\n".join(problems)


LINKING = [
    *PAGES,
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")),
]


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose):
        name, _, heading = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), f"{page.name} links to {link}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            known = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert heading in known, f"{page.name} links to {link}"


def width_rows() -> list[tuple[str, str, list[str]]]:
    """The example rows of the width table: two operand types and the shown result of each operator."""
    lines = LANGUAGE.read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| `a` | `b` |"))
    assert [cell.strip(" `") for cell in lines[start].strip("|").split("|")] == ["a", "b", *OPERATORS]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        left, right, *results = [cell.strip(" `") for cell in line.strip("|").split("|")]
        rows.append((left, right, results))
    return rows


def text_of(dtype: DType | None) -> str:
    return "none" if dtype is None else str(dtype)


@pytest.mark.parametrize("row", width_rows(), ids=lambda row: f"{row[0]}-{row[1]}")
def test_width_table(row: tuple[str, str, list[str]]) -> None:
    left, right, shown = row
    assert shown == [text_of(result_type(op, TYPES[left], TYPES[right])) for op in OPERATORS]


@pytest.mark.parametrize("a", [Integer(w, s) for w in (1, 3, 8, 33) for s in (False, True)], ids=str)
@pytest.mark.parametrize("b", [Integer(w, s) for w in (1, 5, 16) for s in (False, True)], ids=str)
def test_width_formulas(a: Integer, b: Integer) -> None:
    """The formulas of the guide, spelt again here."""
    signed = a.signed or b.signed
    common = max(t.width + (1 if signed and not t.signed else 0) for t in (a, b))
    assert result_type("+", a, b) == Integer(common + 1, signed)
    assert result_type("-", a, b) == Integer(common + 1, True)
    assert result_type("*", a, b) == Integer(a.width + b.width, signed)
    assert result_type("//", a, b) == Integer(a.width + (1 if b.signed else 0), signed)
    assert result_type("&", a, b) == Integer(common, signed)
    assert result_type("<<", a, b) == a
    assert result_type("/", a, b) is None


def test_every_float_rule() -> None:
    floats: list[Float] = [float16, bfloat16, float32, float64]
    for a in floats:
        for other in (Integer(64, True), Fixed(32, 16), Boolean()):
            assert result_type("+", a, other) == a
    assert result_type("*", float16, bfloat16) == float32
