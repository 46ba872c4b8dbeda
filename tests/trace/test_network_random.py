"""Random networks, run in every way: families, owners and what is cut out of a network are right."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import tracealloc as ta
from tests.trace.network_ways import every_way
from tracealloc import int32, kernel


class _Maker:
    """A random network of two grids: conditions, bounds and subscripts by the place in the grid."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.shape = self.draw.randint(1, 3), self.draw.randint(1, 3)
        self.lines: list[str] = []

    def term(self, names: str = "ij") -> str:
        a, b = self.draw.choice(names), self.draw.choice(names)
        n, m = self.draw.randint(-2, 3), self.draw.randint(2, 3)
        forms = [a, a, a, str(n), f"({a} + {b})", f"({a} * {n} + 1)", f"(({a} + 1) % {m})", f"({a} // {m})"]
        return self.draw.choice([*forms, f"abs({a} - {b})"])

    def cond(self, names: str = "ij", depth: int = 0) -> str:
        kind = self.draw.random()
        if depth > 1 or kind < 0.5:
            op = self.draw.choice(["==", "!=", "<", "<=", ">", ">="])
            return f"{self.term(names)} {op} {self.term(names)}"
        if kind < 0.8:
            word = self.draw.choice(["and", "or"])
            return f"({self.cond(names, depth + 1)} {word} {self.cond(names, depth + 1)})"
        if kind < 0.9:
            return f"(not {self.cond(names, depth + 1)})"
        return f"(({self.cond(names, 2)}) & ({self.cond(names, 2)}))"

    def value(self, more: tuple[str, ...] = ()) -> str:
        forms = ["A[i, j]", "i * 3 + j", "n", "w[i, j]", f"ta.where({self.cond()}, A[i, j], n)"]
        return self.draw.choice([*forms, f"(A[i, j] if {self.cond()} else 7)", *more])

    def step(self) -> list[str]:
        match self.draw.randrange(5):
            case 0:
                found = [
                    f"for k in ta.range({self.term()}, {self.term()}):",
                    f"    acc += {self.value(('k',))}",
                ]
                return [*found, f"    if {self.cond('ijk')}:", "        acc += k"]
            case 1:
                found = [f"if {self.cond()}:", f"    acc += {self.value()}"]
                return [*found, "else:", f"    acc -= {self.value()}"] if self.draw.random() < 0.5 else found
            case 2:
                found = [f"with ta.when({self.cond()}):", f"    acc += {self.value()}"]
                return [*found, "with ta.otherwise():", "    acc -= 5"]
            case 3:
                return [f"if {self.cond()} and A[i, j] > {self.draw.randint(0, 6)}:", "    acc += 7"]
            case _:
                found = [f"v = {self.cond()}", f"u = {self.term()}"]
                return [*found, f"if v or u > {self.draw.randint(-1, 3)}:", "    acc += u"]

    def text(self) -> str:
        M, N = self.shape
        twice = self.cond()
        row = self.draw.choice(["i", f"({M - 1} - i)", f"(i + 1) % {M}"])
        column = self.draw.choice(["j", f"({N - 1} - j)", f"(j + 2) % {N}"])
        steps = [line for _ in range(self.draw.randint(1, 2)) for line in self.step()]
        first = ["acc = ta.scalar(int32, 1)", *steps, "mid[i, j] += acc", "q[i, j].put(acc)"]
        first += [f"if {twice}:", "    q[i, j].put(acc + 1)"]
        second = ["x = q[i, j].get()", f"if {twice}:", "    x = x + q[i, j].get()"]
        second += [f"B[{row}, {column}] = x + mid[i, j]", f"for k in ta.range({N}):"]
        second += [f"    if {self.cond('ijk')}:", "        T[i, j] += mid[i, k] + mid[0, j]"]
        head = [
            f"def net(A: int32[{M}, {N}], B: int32[{M}, {N}], T: int32[{M}, {N}], n: int32):",
            f"    q = ta.stream(int32, depth=2, shape=({M}, {N}))",
            f"    mid = ta.zeros(({M}, {N}), int32)",
            f"    w = ta.constant(np.arange({M * N}).reshape({M}, {N}), int32)",
            "    with ta.dataflow():",
        ]
        for name, body in (("PE", first), ("Q", second)):
            head.append(f"        for i, j in ta.processes({M}, {N}, name={name!r}):")
            head += [" " * 12 + line for line in body]
        return "\n".join(head) + "\n"


@pytest.mark.parametrize("chunk", range(4))
def test_random_networks(chunk: int, long_mode: bool, tmp_path: Any) -> None:
    for seed in range(chunk * 1000, chunk * 1000 + (150 if long_mode else 4)):
        maker = _Maker(seed)
        text = maker.text()
        path = tmp_path / f"net_{seed}.py"
        path.write_text(text, encoding="utf-8")
        scope: dict[str, Any] = {"ta": ta, "np": np, "int32": int32}
        exec(compile(text, str(path), "exec"), scope)
        rng = np.random.default_rng(seed)
        args = [rng.integers(0, 9, maker.shape).astype(np.int32) for _ in range(3)]
        try:
            every_way(kernel(scope["net"]), *args, int(rng.integers(-3, 9)), compiled=long_mode)
        except ta.TraceError as error:
            assert error.code == "TA115", text  # too many paths
        except AssertionError as error:
            raise AssertionError(text) from error
