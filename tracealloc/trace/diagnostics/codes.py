"""The catalogue of error codes: plain data, so that each folder adds its own.

A code has a title, a wrong example and a right one. `docs` and ``ta.explain`` are made from it, and a
test runs every wrong example and checks that it gives that code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CODES", "Code", "register"]


@dataclass(frozen=True, slots=True)
class Code:
    """An entry of the catalogue. The examples are Python text with `ta`, `kernel`, `grid`, ... at hand.

    They are empty where no program of a few lines leads to the error.
    """

    title: str
    wrong: str
    right: str
    because: str = ""


CODES: dict[str, Code] = {}


def register(codes: Mapping[str, Code]) -> None:
    """Add entries; a code has one meaning only."""
    for code, entry in codes.items():
        if CODES.setdefault(code, entry) != entry:
            raise ValueError(f"the code {code} has two meanings")
