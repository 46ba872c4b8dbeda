"""docs/architecture.md is a map: all rooms of the package are on it, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tracealloc"
PAGE = ROOT / "docs" / "architecture.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([\w/]+/)` \| ([^|]*) \| ([^|]*) \|$", TEXT, flags=re.MULTILINE)
PATHS = sorted(set(re.findall(r"`((?:[\w<>.-]+/)+(?:[\w<>]+\.\w+)?)`", TEXT)))
NAMES = sorted(set(re.findall(r"`@?([A-Za-z_]\w+(?:\.(?!py)\w+)?)(?:\(.*?\))?s?`", TEXT)))
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
FOLDERS = {"trace", "poly", "schedule", "emit", "check"}


def rooms() -> list[str]:
    """The folders of the package that have modules of their own."""
    found = []
    for init in PACKAGE.rglob("__init__.py"):
        modules = [path for path in init.parent.glob("*.py") if path.stem not in ("__init__", "codes")]
        if init.parent != PACKAGE and modules:
            found.append(f"{init.parent.relative_to(PACKAGE).as_posix()}/")
    return sorted(found)


def test_every_room_is_on_the_page_once() -> None:
    assert sorted(room for room, _, _ in ROWS) == rooms()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_modules_of_its_room(row: tuple[str, str, str]) -> None:
    room, holds, modules = row
    named = re.findall(r"`([\w.]+)`", modules)
    assert holds.strip() and named
    assert [name for name in named if not (PACKAGE / room / name).is_file()] == []


@pytest.mark.parametrize("path", PATHS)
def test_paths_exist(path: str) -> None:
    base = PACKAGE if path.split("/")[0] in FOLDERS else ROOT
    assert (base / path.replace("<name>", "buffer_at")).exists()


def test_modules_without_a_room_are_at_the_root() -> None:
    prose = re.sub(r"^\|.*$", "", TEXT, flags=re.MULTILINE)
    named = set(re.findall(r"`(\w+\.py)`", prose))
    assert named and [name for name in named if not (PACKAGE / name).is_file()] == []


@pytest.mark.parametrize("name", NAMES)
def test_names_are_in_the_package(name: str) -> None:
    """Classes, functions and fields that the page names are spelt like that somewhere in the package."""
    assert all(re.search(rf"\b{word}\b", SOURCE) for word in name.split("."))
