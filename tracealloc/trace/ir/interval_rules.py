"""What operators do to intervals: the least and greatest value of a result, from those of the operands."""

from __future__ import annotations

from typing import Literal

__all__ = ["Range", "binary_range", "unary_range"]

Range = tuple[int, int]


def _corners(values: list[int]) -> Range:
    return min(values), max(values)


def unary_range(op: Literal["-", "abs"], a: Range) -> Range:
    """The interval of ``-a``, or of the absolute value."""
    ends = -a[1], -a[0]
    if op == "-" or a[1] <= 0:
        return ends
    return a if a[0] >= 0 else (0, max(ends[1], a[1]))


def binary_range(op: str, a: Range, b: Range) -> Range | None:
    """The interval of ``a op b``, or None where only the type limits it."""
    match op:
        case "+":
            return a[0] + b[0], a[1] + b[1]
        case "-":
            return a[0] - b[1], a[1] - b[0]
        case "*":
            return _corners([x * y for x in a for y in b])
        case "min":
            return min(a[0], b[0]), min(a[1], b[1])
        case "max":
            return max(a[0], b[0]), max(a[1], b[1])
        case "//" if b[0] > 0 or b[1] < 0:
            return _corners([x // y for x in a for y in b])
        case "//":
            most = max(abs(a[0]), abs(a[1]), 0)
            return -most, most
        case "%" if b[0] == b[1] > 0 and a[0] // b[0] == a[1] // b[0]:
            return a[0] % b[0], a[1] % b[0]
        case "%" if b[0] <= 0 <= b[1]:  # x % 0 is x
            return min(b[0] + 1, 0, a[0]), max(b[1] - 1, 0, a[1])
        case "%" if b[0] >= 0:
            high = max(b[1] - 1, 0)
            return (0, min(high, a[1])) if a[0] >= 0 else (0, high)
        case "%":
            return min(b[0] + 1, 0), max(b[1] - 1, 0)
        case "&" if a[0] >= 0 or b[0] >= 0:
            return 0, min(side[1] for side in (a, b) if side[0] >= 0)
        case "|" | "^" if a[0] >= 0 and b[0] >= 0:
            return 0, (1 << max(a[1].bit_length(), b[1].bit_length())) - 1
        case "&" | "|" | "^":
            bits = max((x if x >= 0 else -x - 1).bit_length() for x in (*a, *b))
            return -(1 << bits), (1 << bits) - 1
        case _:
            return None
