"""Random kernels of queues, records of odd fields, subscripts from data and ports of every kind."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

import tracealloc as ta
from tracealloc.customize import Schedule
from tracealloc.emit.vitis.project.testbench import make_inputs
from tracealloc.trace.ir.dtype import Boolean, DType, Fixed, Integer, Struct
from tracealloc.trace.ir.program import Program

NUMBERS: tuple[DType, ...] = (
    *(Integer(bits, True) for bits in (3, 8, 16, 33, 64, 70)),
    *(Integer(bits, False) for bits in (1, 8, 13, 32, 129)),
    *(Fixed(12, 4), Fixed(40, 20), Fixed(9, 3, False, "RND", "SAT")),
    *(ta.float16, ta.bfloat16, ta.float32, ta.float64, ta.boolean),
)
N = 6


def record(rng: Random, depth: int = 0) -> Struct:
    """A record of one to four fields, some of them records."""
    fields: list[tuple[str, DType]] = []
    for number in range(rng.randint(1, 4)):
        nested = depth < 2 and rng.random() < 0.2
        fields.append((f"f{number}", record(rng, depth + 1) if nested else rng.choice(NUMBERS)))
    return Struct(tuple(fields))


def leaves(dtype: DType, path: str) -> list[tuple[str, DType]]:
    """The numbers in an element: how they are written, and their types."""
    if not isinstance(dtype, Struct):
        return [(path, dtype)]
    return [leaf for name, inner in dtype.fields for leaf in leaves(inner, f"{path}.{name}")]


class Maker:
    """Writes one kernel: what it takes from queues and arrays it combines, chooses among and passes on."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.names: dict[str, Any] = {"ta": ta}
        self.args: list[str] = []
        rng = self.rng
        self.types = [record(rng) if rng.random() < 0.7 else rng.choice(NUMBERS) for _ in "ab"]
        self.lines: list[str] = []
        self.count = 0

    def fresh(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def argument(self, kind: str, dtype: DType) -> str:
        """A new argument: a queue, an array, a square array."""
        name = self.fresh(kind)
        self.names[f"T_{name}"] = dtype
        shape = {"q": f"ta.Stream[T_{name}, 4]", "a": f"T_{name}[N]", "m": f"T_{name}[2, N]"}[kind]
        self.args.append(f"{name}: {shape}")
        return name

    def value(self, dtype: DType, held: list[tuple[str, DType]]) -> str:
        """An expression of a type: something held, a choice, or a record or number made of what is held."""
        same = [text for text, other in held if other == dtype]
        if same and self.rng.random() < 0.6:
            text = self.rng.choice(same)
            if not isinstance(dtype, Struct) and self.rng.random() < 0.3:
                return f"ta.where({self.condition(held)}, {text}, {self.rng.choice(same)})"
            return text
        if isinstance(dtype, Struct):
            parts = (f"{name}={self.value(inner, held)}" for name, inner in dtype.fields)
            return f"ta.Struct({', '.join(parts)})"
        numbers = [leaf for text, other in held for leaf in leaves(other, text)]
        name = self.fresh("T")
        self.names[name] = dtype
        if not numbers:
            return "1"
        text, found = self.rng.choice(numbers)
        if isinstance(dtype, Boolean):
            return f"({text} > 1)" if not isinstance(found, Boolean) else text
        return f"{text}.astype({name})"

    def condition(self, held: list[tuple[str, DType]]) -> str:
        numbers = [leaf for text, dtype in held for leaf in leaves(dtype, text)]
        text, dtype = self.rng.choice(numbers)
        return text if isinstance(dtype, Boolean) else f"({text} > {self.rng.randint(0, 3)})"

    def subscript(self) -> str:
        """Mostly affine, at times from data that may lie outside."""
        if self.rng.random() < 0.7:
            return self.rng.choice(["i", "i", "N - 1 - i"])
        bits = self.rng.choice([2, 3, 3, 33, 70])
        signed = bits > 4 and self.rng.random() < 0.5
        array = self.argument("a", Integer(bits, signed))
        return f"{array}[i]"

    def body(self) -> None:
        """One loop: takes, then puts and stores, some under conditions."""
        rng, held = self.rng, []
        self.lines.append("    for i in ta.range(N):")
        for _ in range(rng.randint(1, 3)):
            dtype, name = rng.choice(self.types), self.fresh("v")
            if rng.random() < 0.6:
                self.lines.append(f"        {name} = {self.argument('q', dtype)}.get()")
            elif rng.random() < 0.5:
                self.lines.append(f"        {name} = {self.argument('a', dtype)}[{self.subscript()}]")
            else:
                self.lines.append(f"        {name} = {self.argument('m', dtype)}[1, {self.subscript()}]")
            held.append((name, dtype))
        for _ in range(rng.randint(1, 3)):
            dtype = rng.choice(self.types)
            queue = rng.random() < 0.5
            target = self.argument("q" if queue else "a", dtype)
            at = self.subscript()
            guard = self.condition(held) if rng.random() < 0.4 else None
            texts = [self.value(dtype, held) for _ in range(2)]
            put = [f"{target}.put({t})" if queue else f"{target}[{at}] = {t}" for t in texts]
            if guard is None:
                self.lines.append(f"        {put[0]}")
                continue
            self.lines += [f"        if {guard}:", f"            {put[0]}"]
            if rng.random() < 0.6:
                self.lines += ["        else:", f"            {put[1]}"]

    def kernel(self) -> tuple[Any, str]:
        """The kernel and its text."""
        for _ in range(self.rng.randint(1, 2)):
            self.body()
        text = f"def k({', '.join(self.args)}):\n" + "\n".join(self.lines) + "\n"
        self.names["N"] = N
        exec(text, self.names)
        return ta.kernel(self.names["k"]), text


def random_schedule(seed: int) -> tuple[Schedule, str]:
    """A random kernel with ports of random kinds, and its text."""
    kernel, text = Maker(seed).kernel()
    rng = Random(seed + 1)
    s = ta.customize(kernel)
    for array in kernel.trace().args:
        if array.kind != "stream" and rng.random() < 0.7:
            s.interface(array.name, rng.choice(["axis", "axis", "m_axi", "s_axilite", "ap_memory"]))
            if rng.random() < 0.2:
                s.partition(array.name, dim=0)
    return s, text


def given(schedule: Schedule, seed: int) -> list[Any]:
    """Arguments: arrays, and lists for queues; integers, which may be subscripts, are rarely outside."""
    rng = np.random.default_rng(seed)
    program = schedule.kernel.trace()
    found: list[Any] = []
    for array in program.args:
        queue = array.kind == "stream"
        held = replace(array, kind="argument", shape=(N,) if queue else array.shape)
        values = make_inputs(Program("one", (held,), ()), seed + len(found))[array.name]
        if isinstance(array.dtype, Integer) and not queue and rng.random() < 0.9:
            limit = min(array.dtype.high + 1, N + (rng.random() < 0.1))
            values = rng.integers(0, limit, values.shape).astype(values.dtype)
        found.append(list(values) if queue else values)
    return found
