"""A constraint as a row of whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """``outer . x + parameters . p + constant >= 0`` for coordinates x (``== 0`` if `equal`)."""

    outer: tuple[int, ...]
    parameters: tuple[tuple[str, int], ...]
    constant: int
    equal: bool
