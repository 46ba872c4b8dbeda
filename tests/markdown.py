"""Run the Python blocks of a Markdown file, in order and in one namespace, and compare what they print.

A ``text`` block right after a ``python`` block is what that block prints. ``python raises`` says that the
block ends in a `TraceallocError`, whose kind and text count as printed. Durations are not compared. The
blocks of a page together are one source file, so places in printed programs read ``tour.py:12``.
"""

from __future__ import annotations

import contextlib
import io
import re
import traceback
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"^```(.*)$")
_DURATION = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)? ?(ns|us|µs|ms|s|seconds)\b")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language and options, its text, and its first and last line in the page."""

    language: str
    options: tuple[str, ...]
    text: str
    first: int
    last: int


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page; lines count from 0, fences excluded."""
    found: list[Block] = []
    start: int | None = None
    words: list[str] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if start is None:
            start, words = number + 1, fence[1].split()
            continue
        text = "".join(f"{inner}\n" for inner in lines[start:number])
        found.append(Block(words[0] if words else "", tuple(words[1:]), text, start, number))
        start = None
    assert start is None, f"{page.name}:{start}: a block without an end"
    return found


def _run(block: Block, code: types.CodeType, namespace: dict[str, Any], place: str) -> str:
    """What a block prints, and the error it ends in where it may."""
    from tracealloc import TraceallocError

    out = io.StringIO()
    raised = False
    with contextlib.redirect_stdout(out):
        try:
            exec(code, namespace)
        except TraceallocError as error:
            if "raises" not in block.options:
                raise
            raised = True
            print(f"{type(error).__name__}: {error}")
    assert raised or "raises" not in block.options, f"{place} raised nothing"
    return out.getvalue()


def _same(printed: str, shown: str) -> bool:
    def clean(text: str) -> list[str]:
        return [line.rstrip() for line in _DURATION.sub(r"TIME \1", text).strip("\n").splitlines()]

    return clean(printed) == clean(shown)


def run_page(page: Path, folder: Path, name: str, update: bool) -> list[str]:
    """Run a page's blocks as the file `name` in `folder`; what is wrong, one text a block.

    With `update`, the shown outputs in the page are rewritten instead.
    """
    blocks = blocks_of(page)
    python = [block for block in blocks if block.language == "python"]
    source = folder / name
    source.write_text("".join(block.text for block in python), encoding="utf-8")
    module = types.ModuleType(source.stem)
    module.__file__ = str(source)
    problems: list[str] = []
    outputs: dict[int, str] = {}
    offset = 0
    for block in python:
        place = f"{page.name}:{block.first + 1}"
        code = compile("\n" * offset + block.text, str(source), "exec")
        offset += block.text.count("\n")
        try:
            printed = _run(block, code, module.__dict__, place)
        except Exception:
            problems.append(f"{place} failed:\n{traceback.format_exc(limit=-4)}")
            continue
        follower = next((b for b in blocks if b.first > block.last), None)
        shown = follower if follower is not None and follower.language == "text" else None
        if shown is not None and not _same(printed, shown.text):
            outputs[shown.first] = printed
            problems.append(f"{place} prints\n{printed}\nand the page shows\n{shown.text}")
    if update and outputs:
        _rewrite(page, blocks, outputs)
    return problems


def _rewrite(page: Path, blocks: list[Block], outputs: dict[int, str]) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in reversed(blocks):
        if block.first in outputs:
            lines[block.first : block.last] = outputs[block.first].strip("\n").splitlines()
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
