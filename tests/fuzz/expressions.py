"""Random typed expressions over the names that are in scope: what the statements of `generate` are made of.

The programs stay inside the language: subscripts are in range (affine ones by their bounds, others by
``%``), divisors are not zero, plain variables are not carried from one iteration to the next.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["FIXED", "FLOATS", "HEADER", "INTS", "ODD", "SIZES", "WIDEST", "Expressions", "Text", "Thing"]

HEADER = """\
import numpy as np
import tracealloc as ta
from tracealloc import (
    bfloat16, boolean, float16, float32, float64, grid, int8, int16, int32, int64, kernel,
    uint1, uint8, uint16, uint32, uint64,
)
"""

INTS = {
    "int8": 8,
    "int16": 16,
    "int32": 32,
    "int64": 64,
    "uint8": 8,
    "uint16": 16,
    "uint32": 32,
    "uint64": 64,
}
_SIGNED, _UNSIGNED = (3, 5, 23, 47, 70, 150), (7, 13, 33, 100)
ODD = {f"ta.Int({n})": n for n in _SIGNED} | {f"ta.UInt({n})": n for n in _UNSIGNED}
FLOATS = ["float32", "float64", "float32", "float64", "float16", "bfloat16"]
FIXED = [
    "ta.Fixed(8, 4)",
    "ta.UFixed(9, 3)",
    "ta.Fixed(16, 7)",
    'ta.Fixed(10, 5, rounding="RND", overflow="SAT")',
    'ta.Fixed(7, 2, rounding="RND_CONV", overflow="SAT_SYM")',
    'ta.Fixed(12, 9, rounding="TRN_ZERO", overflow="SAT_ZERO")',
]
SIZES = {"ta.UInt(2)": (0, 3), "ta.Int(3)": (-4, 3)}  # of scalars that loops, subscripts and conditions take
WIDEST = 180  # bits of an intermediate integer


_QUEUED = ("int32", "uint8", "int64", "float32", "ta.Int(70)")  # what queues of a kernel's own hold


@dataclass(frozen=True)
class Thing:
    """An array, a mutable scalar or a plain variable that a statement can use."""

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    writable: bool = True
    bits: int = 0  # of a plain variable: at most so many
    field: str = ""  # of a struct, with its dot: what stands after the subscripts
    base: str = ""  # of a view: the array that it is of

    @property
    def array(self) -> str:
        """The array whose elements these are."""
        return self.base or self.name

    @property
    def kind(self) -> str:
        """``int``, ``float`` or ``fixed``."""
        if "Fixed" in self.dtype:
            return "fixed"
        return "float" if "float" in self.dtype else "int"


@dataclass(frozen=True)
class Text:
    """An expression and the width of its value, where it is an integer."""

    text: str
    bits: int = 64
    literal: bool = False  # may be a plain Python number, which has no methods


@dataclass
class Expressions:
    """Writes one program."""

    seed: int
    lines: list[str] = field(default_factory=list)
    indent: int = 1
    count: int = 0
    budget: int = 0  # decisions left in the outermost nest
    work: int = 1  # iterations of the loops around
    iters: list[tuple[str, int, int]] = field(default_factory=list)  # name, least, greatest
    sizes: list[tuple[str, int, int]] = field(default_factory=list)  # the same of scalar arguments
    things: list[Thing] = field(default_factory=list)
    frozen: set[str] = field(default_factory=set)  # scalars that a while loop counts with
    callees: list[tuple[str, list[Thing], list[Thing]]] = field(default_factory=list)
    structs: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # fields and their types
    records: list[Thing] = field(default_factory=list)  # arrays of structs
    queues: list[Thing] = field(default_factory=list)  # streams
    taken: int = 0  # elements that were got of each stream, at most
    scale: str = ""  # a number of the class or the factory around: ``self.scale``

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    # ------------------------------------------------------------------------------------------ helpers

    @property
    def numbers(self) -> list[tuple[str, int, int]]:
        """What affine subscripts and conditions are made of."""
        return [*self.iters, *self.sizes]

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def put(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """An indented block: what it defines is gone after it."""
        things, records = list(self.things), list(self.records)
        iters, work = list(self.iters), self.work
        self.indent += 1
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.put("pass")
        self.indent -= 1
        self.things, self.records, self.iters, self.work = things, records, iters, work

    def dtype(self) -> str:
        roll = self.rng.random()
        if roll < 0.4:
            return self.rng.choice(list(INTS))
        if roll < 0.58:
            return self.rng.choice(list(ODD))
        if roll < 0.64:
            return "boolean"
        if roll < 0.9:
            return self.rng.choice(FLOATS)
        return self.rng.choice(FIXED)

    def shape(self, rank: int | None = None) -> tuple[int, ...]:
        rank = rank or self.rng.choice([1, 1, 2, 2, 3])
        return tuple(self.rng.choice([1, 2, 2, 3, 3, 4, 4, 5, 7]) for _ in range(rank))

    def decide(self) -> bool:
        """Whether one more decision (which doubles the paths of this nest) may be made."""
        if self.budget <= 0:
            return False
        self.budget -= 1
        return True

    # -------------------------------------------------------------------------------------- expressions

    def bits_of(self, thing: Thing) -> int:
        return (
            thing.bits or INTS.get(thing.dtype) or ODD.get(thing.dtype) or (3 if thing.dtype in SIZES else 1)
        )

    def index(self, extent: int) -> str:
        """A subscript in ``0 .. extent - 1``."""
        fitting = [(n, lo, hi) for n, lo, hi in self.numbers if lo >= 0 and hi < extent]
        roll = self.rng.random()
        if fitting and roll < 0.55:
            name, _, hi = self.rng.choice(fitting)
            if hi + 1 < extent and self.chance(0.3):
                return f"{name} + {self.rng.randint(1, extent - 1 - hi)}"
            if self.chance(0.15):
                return f"{extent - 1} - {name}"
            return name
        if self.numbers and roll < 0.75:
            a, b = self.rng.choice(self.numbers)[0], self.rng.choice(self.numbers)[0]
            inner = self.rng.choice([f"{a} + {b}", f"{a} - {b}", f"2 * {a} + 1", f"{a} + 1"])
            return f"({inner}) % {extent}"
        loads = [t for t in self.things if t.kind == "int" and t.dtype != "boolean"]
        if loads and roll < 0.9:
            return f"{self.load(self.rng.choice(loads), simple=True)} % {extent}"
        return str(self.rng.randrange(extent))

    def load(self, thing: Thing, simple: bool = False) -> str:
        if not thing.shape:
            return thing.name + thing.field
        if simple:
            parts = [self.simple_index(extent) for extent in thing.shape]
        else:
            parts = [self.index(extent) for extent in thing.shape]
        if len(parts) == 2 and self.chance(0.1):
            return f"{thing.name}[{parts[0]}][{parts[1]}]{thing.field}"
        return f"{thing.name}[{', '.join(parts)}]{thing.field}"

    def simple_index(self, extent: int) -> str:
        fitting = [n for n, lo, hi in self.numbers if lo >= 0 and hi < extent]
        return self.rng.choice(fitting) if fitting else str(self.rng.randrange(extent))

    def pick(self, kind: str) -> Thing | None:
        found = [t for t in self.things if t.kind == kind]
        return self.rng.choice(found) if found else None

    def expr(self, kind: str, depth: int = 2) -> Text:
        """An expression of the kind, at most `depth` operators deep."""
        if kind == "int":
            found = self.integer(depth)
            wide = found.bits > WIDEST and not found.literal
            return Text(f"({found.text}).astype(int32)", 32) if wide else found
        return self.real(kind, depth)

    def atom(self, kind: str) -> Text:
        thing = self.pick(kind)
        roll = self.rng.random()
        if kind == "int":
            if self.iters and roll < 0.2:
                return Text(self.rng.choice(self.iters)[0], 64)
            if self.scale and roll > 0.95:
                return Text(self.scale, 18, True)
            if thing is None or roll < 0.35:
                value = self.rng.choice([0, 1, 2, 3, 7, -1, -5, 100, 255, -128, 1000, 65537])
                text = str(value) if value >= 0 else f"({value})"
                return Text(text, 18, True)
            return Text(self.load(thing), self.bits_of(thing))
        if thing is None or (roll < 0.2 and kind == "float"):
            if kind == "fixed":
                return self.atom("int")
            return Text(self.rng.choice(["0.5", "-1.25", "3.0", "1e-3", "100.0", "0.1"]), 64, True)
        return Text(self.load(thing))

    def integer(self, depth: int) -> Text:
        if depth == 0 or self.chance(0.2):
            return self.atom("int")
        a = self.expr("int", depth - 1)
        roll = self.rng.random()
        if roll < 0.45:
            b = self.expr("int", depth - 1)
            op = self.rng.choice("++--**")
            width = a.bits + b.bits if op == "*" else max(a.bits, b.bits) + 2
            return Text(f"({a.text} {op} {b.text})", width, a.literal and b.literal)
        if roll < 0.55:
            b = self.expr("int", depth - 1)
            text = f"({a.text} {self.rng.choice('&|^')} {b.text})"
            return Text(text, max(a.bits, b.bits) + 1, a.literal and b.literal)
        if roll < 0.68:
            op = self.rng.choice(["//", "%"])
            b = Text(str(self.rng.choice([1, 2, 3, 5, 8, 16, 100])), 8, True)
            if self.chance(0.3):
                b = Text(f"(-{b.text})", 8, True)
            elif self.chance(0.4):
                other = self.expr("int", depth - 1)
                b = Text(f"(abs({other.text}) + 1)", other.bits + 2, other.literal)
            return Text(f"({a.text} {op} {b.text})", max(a.bits, b.bits) + 1, a.literal and b.literal)
        return self.integer_special(a, depth)

    def integer_special(self, a: Text, depth: int) -> Text:
        roll = self.rng.random()
        typed = self.rng.choice(
            ["int8", "uint8", "int16", "int32", "uint32", "int64", "ta.Int(5)", "ta.UInt(13)"]
        )
        width = INTS.get(typed) or ODD[typed]
        if a.literal and roll < 0.62:
            return a
        if roll < 0.15:
            return Text(f"({a.text}).astype({typed})", width)
        if roll < 0.3:
            op = self.rng.choice(["<<", ">>"])
            count = str(self.rng.randint(0, 9))
            if self.chance(0.4):
                count = f"({self.atom('int').text} & 7)"
            return Text(f"(({a.text}).astype({typed}) {op} {count})", width)
        if roll < 0.38:
            return Text(f"(~({a.text}).astype({typed}))", width)
        if roll < 0.46:
            return Text(f"(-{a.text})", a.bits + 1)
        if roll < 0.54:
            return Text(f"abs({a.text})", a.bits + 1)
        if roll < 0.62:
            low = self.rng.randrange(width)
            high = self.rng.randint(low + 1, width)
            key = f"{low}:{high}" if self.chance(0.7) else str(low)
            return Text(f"({a.text}).astype({typed})[{key}]", width)
        if roll < 0.7:
            real = self.expr("float", depth - 1)
            return a if real.literal else Text(f"({real.text}).astype({typed})", width)
        return self.choice_of(a, self.expr("int", depth - 1))

    def choice_of(self, a: Text, b: Text) -> Text:
        """One of two, by a condition."""
        roll = self.rng.random()
        bits, literal = max(a.bits, b.bits) + 1, a.literal or b.literal
        if roll < 0.25:
            text = f"ta.{self.rng.choice(['minimum', 'maximum'])}({a.text}, {b.text})"
        elif roll < 0.45:
            text = f"ta.where({self.condition(pure=True)}, {a.text}, {b.text})"
        elif not self.decide():
            text = f"({a.text} + {b.text})"
        elif roll < 0.7:
            text = f"{self.rng.choice(['min', 'max'])}({a.text}, {b.text})"
        else:
            text = f"({a.text} if {self.condition()} else {b.text})"
        return Text(text, bits, literal)

    def real(self, kind: str, depth: int) -> Text:
        if depth == 0 or self.chance(0.25):
            return self.atom(kind)
        a, b = self.real(kind, depth - 1), self.real(kind, depth - 1)
        both = a.literal and b.literal
        roll = self.rng.random()
        if kind == "fixed":
            if roll < 0.7:
                return Text(f"({a.text} {self.rng.choice('+-*')} {b.text})", 64, both)
            return self.choice_of(a, b)
        if both:
            return a
        if roll < 0.6:
            return Text(f"({a.text} {self.rng.choice('++--**/')} {b.text})")
        if roll < 0.68:
            whole, narrow = self.expr("int", 1), self.rng.choice(["int8", "int16", "uint8"])
            return a if whole.literal else Text(f"(({whole.text}).astype({narrow}) * {a.text})")
        if roll < 0.82 and not a.literal:
            functions = ["ta.floor({})", "ta.ceil({})", "ta.sqrt(abs({}))", "abs({})", "(-{})"]
            functions += [f"({{}} {op} {by})" for op in ("//", "%") for by in ("0.75", "3.0", "-2.5")]
            return Text(self.rng.choice(functions).format(a.text))
        return self.choice_of(a, b)

    def comparison(self) -> str:
        if self.numbers and self.chance(0.55):
            a = self.rng.choice(self.numbers)[0]
            b = self.rng.choice(self.numbers)[0] if self.chance(0.5) else str(self.rng.randint(0, 5))
            shift = self.rng.choice(["", "", " + 1", " - 1"])
            if self.chance(0.3):  # few values of one loop for each of the other
                b = f"{self.rng.choice([2, 2, 3])} * {b} + {self.rng.randint(0, 3)}"
                return f"{a} {self.rng.choice(['==', '==', '==', '!=', '>='])} {b}"
            return f"{a}{shift} {self.rng.choice(['<', '<=', '==', '!=', '>', '>='])} {b}"
        kind = self.rng.choice(["int", "float", "fixed", "int"])
        thing = self.pick(kind)
        if thing is None:
            thing = self.pick("int")
            kind = "int"
        if thing is None:
            return f"{self.rng.randint(0, 1)} == 0"
        other = self.expr(kind, 1).text if kind != "float" else self.atom("float").text
        return f"{self.load(thing)} {self.rng.choice(['<', '<=', '>', '>=', '!='])} {other}"

    def condition(self, pure: bool = False) -> str:
        """A condition; `pure` without decisions of its own."""
        first = self.negated(self.comparison())
        if pure or not self.chance(0.4) or not self.decide():
            return first
        second = self.negated(self.comparison())
        op = self.rng.choice(["and", "or"])
        if not self.chance(0.3) or not self.decide():
            return f"{first} {op} {second}"
        third, other = self.negated(self.comparison()), "or" if op == "and" else "and"
        return self.rng.choice(
            [f"({first} {op} {second}) {other} {third}", f"{third} {op} not ({first} {other} {second})"]
        )

    def negated(self, condition: str) -> str:
        return f"not {condition}" if self.chance(0.25) else condition

    def size(self, least: int, most: int) -> str:
        """What a callee may be passed for a size."""
        fitting = [name for name, lo, hi in self.numbers if least <= lo and hi <= most]
        known = str(self.rng.randint(least, most))
        return self.rng.choice([*fitting, known, self.simple_index(most + 1)])

    def few(self, outer: tuple[str, int, int]) -> tuple[str, int]:
        """Bounds of a loop with few values for each of the loop around, and its last value."""
        low, _, high = outer
        return self.rng.choice(
            [
                (f"{low}, {low} + 1", high),
                (f"2 * {low}, 2 * {low} + 2", 2 * high + 1),
                (f"{low} // 2, {low} // 2 + 1", high // 2),
                (f"{low}, {high + 3}, 2", high + 2),
                (f"3 * {low} + 1, 3 * {low} + 2", 3 * high + 1),
            ]
        )

    def sized(self, name: str, outer: tuple[str, int, int] | None) -> tuple[str, int, int]:
        """A loop up to, from or down from a scalar argument; its name and between what it runs."""
        size, _, most = self.rng.choice(self.sizes)
        low = outer[0] if outer is not None and outer[1] >= 0 else "0"
        bounds, last = self.rng.choice(
            [
                (size, most - 1),
                (f"{low}, {size}", most - 1),
                (f"{low}, {size} + 1", most),
                (f"{size} - 1, -1, -1", most - 1),
                (f"0, {size}, 2", most - 1),
                (f"ta.maximum({size}, 0), {most + 2}", most + 1),
            ]
        )
        self.put(f"for {name} in ta.range({bounds}):")
        return name, 0, last

    def own_queue(self) -> None:
        """A queue of the kernel's own, or some: as much is taken as was put, in one loop or in each lane."""
        thing = Thing(self.fresh("Q"), self.rng.choice(_QUEUED), ())
        lanes, count = self.rng.choice([0, 0, 1, 2, 3]), self.rng.randint(1, 5)
        self.put(f"{thing.name} = ta.stream({thing.dtype}{f', shape=({lanes},)' if lanes else ''})")
        row = self.fresh("e")
        lane = f"[{row} % {lanes}]" if lanes else ""
        self.put(f"for {row} in ta.range({count}):")
        self.put(f"    {thing.name}{lane}.put({self.expr(thing.kind, 1).text})")
        alike = [t for t in self.things if t.kind == thing.kind and t.writable and t.shape and not t.field]
        self.put(f"for {row} in ta.range({count}):")
        taken = f"{thing.name}{lane}.get()"
        target = f"{self.load(self.rng.choice(alike))} = " if alike else ""
        self.put(f"    {target}{taken}")
