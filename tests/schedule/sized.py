"""Random kernels with run-time sizes, as source text: bounds, subscripts and conditions with `n` and `m`."""

from __future__ import annotations

from random import Random

import tracealloc as ta

EXTENT = 12
HEAD = "from tracealloc import *\nimport tracealloc as ta\n@ta.kernel\n"


class Source:
    """One random kernel; `its` are the iterators in scope."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.lines: list[str] = []
        self.count = 0
        self.its: list[str] = []

    def bound(self) -> tuple[str, str]:
        rng = self.rng
        outer = rng.choice(self.its) if self.its and rng.random() < 0.3 else None
        start = rng.choice(["0", "0", "0", "1", "m"]) if outer is None else rng.choice([outer, "0"])
        stop = rng.choice(["n", "n", "m", "n - 1", "n // 2", "(n + m) // 2", "6", f"min(n, {EXTENT})"])
        if outer is not None and start == "0":
            stop = rng.choice([f"{outer} + 1", f"n - {outer}", f"min({outer}, m)"])
        return start, stop

    def subscript(self) -> str:
        rng = self.rng
        it = rng.choice(self.its)
        return rng.choice([it, it, it, f"{it} + 1", f"n - 1 - {it}", f"{it} // 2", f"({it} + m) % {EXTENT}"])

    def element(self) -> str:
        array = self.rng.choice("AABx")
        if array == "x":
            return f"x[{self.subscript()}]"
        return f"{array}[{self.subscript()}, {self.subscript()}]"

    def body(self, depth: int, room: str) -> None:
        rng = self.rng
        for _ in range(rng.choice([1, 1, 2])):
            kind = rng.random()
            if depth < 3 and (kind < 0.55 or not self.its):
                self.loop(depth, room)
            elif kind < 0.7 and depth < 4:
                it = rng.choice(self.its)
                test = rng.choice(
                    [f"{it} < m", f"{it} != n - 1", f"{self.element()} > 0", "m > 2", f"{it} % 2 == 0"]
                )
                self.lines.append(f"{room}if {test}:")
                self.body(4, room + "    ")
            else:
                value = (
                    f"{self.element()} {rng.choice('+-')} {rng.choice([self.element(), 'n', self.its[-1]])}"
                )
                target = self.element()
                op = rng.choice(["=", "=", "+="])
                self.lines.append(f"{room}{target} {op} {value}")

    def loop(self, depth: int, room: str) -> None:
        self.count += 1
        it, (start, stop) = f"i{self.count}", self.bound()
        step = self.rng.choice(["", "", "", ", 2"])
        self.lines.append(f"{room}for {it} in ta.range({start}, {stop}{step}):")
        self.its.append(it)
        self.body(depth + 1, room + "    ")
        self.its.pop()


def sized_source(seed: int) -> str:
    """The text of a random kernel ``sized(n, m, A, B, x)``."""
    rng = Random(seed)
    made = Source(rng)
    types = rng.choice(
        [("int32", "int32"), ("int8", "int32"), ("uint8", "int16"), ("int64", "index"), ("uint32", "int32")]
    )
    for _ in range(rng.choice([1, 1, 2])):
        made.loop(0, "    ")
    head = f"def sized(n: {types[0]}, m: {types[1]}, A: int32[12, 12], B: int32[12, 12], x: int32[12]):\n"
    return HEAD + head + "\n".join(made.lines) + "\n"


def sized_kernel(seed: int) -> ta.Kernel:
    """The kernel of `sized_source`."""
    space: dict[str, ta.Kernel] = {"__name__": "sized"}  # type: ignore[dict-item]
    exec(compile(sized_source(seed), f"<sized {seed}>", "exec"), space)
    return space["sized"]


SIZES = [
    (0, 0),
    (1, 1),
    (3, 5),
    (5, 3),
    (12, 12),
    (11, 12),
    (12, 0),
    (0, 12),
    (-1, 4),
    (7, -3),
    (13, 13),
    (-(2**31), 2),
]
