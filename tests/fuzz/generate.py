"""Random kernels as Python source text, and random arguments for them. Everything follows from the seed.

The programs stay inside the language: subscripts are in range (affine ones by their bounds, others by
``%``), divisors are not zero, plain variables are not carried from one iteration to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations

from tests.fuzz.expressions import FIXED, HEADER, INTS, SIZES, WIDEST, Expressions, Thing

__all__ = ["LONGEST", "Generator", "generate"]

LONGEST = 600  # elements that a program may take from a stream: so many are in it
METHOD = ["class {owner}:", "    def __init__(self, scale):", "        self.scale = scale", ""]
FACTORY = ["def {owner}(scale):"]


@dataclass
class Generator(Expressions):
    """Random statements and functions.

    `most` elements may be taken of streams by the function, `eaten` says how many each callee takes.
    """

    most: int = LONGEST
    eaten: dict[str, int] = field(default_factory=dict)
    filled: tuple[str, tuple[int, ...]] | None = None  # what the callee ``fill`` stores all elements of

    def block(self, depth: int, length: int) -> None:
        for _ in range(length):
            self.statement(depth)

    def statement(self, depth: int) -> None:
        roll = self.rng.random()
        outermost = not self.iters
        if outermost:
            self.budget = self.rng.choice([2, 4, 5, 6])
        if depth > 0 and roll < (0.7 if outermost else 0.3) and self.work < 400:
            self.loop(depth)
        elif depth > 0 and roll < 0.42 and self.decide():
            self.branch(depth)
        elif depth > 0 and roll < 0.47:
            self.when(depth)
        elif roll < 0.55:
            self.variable()
        elif roll < 0.6:
            self.local(depth)
        elif roll < 0.64 and depth > 0 and self.work < 100:
            self.while_(depth)
        elif roll < 0.76 and self.callees and self.work < 100:
            self.call()
        elif roll < 0.8 and self.records:
            self.copy_record()
        elif roll < 0.88 and self.queues:
            self.queue()
        elif roll < 0.9 and not self.iters:
            self.kept()
        elif roll < 0.93:
            self.view()
        else:
            self.store()

    def copy_record(self) -> None:
        """A whole record is stored."""
        target = self.rng.choice(self.records)
        fitting = [record for record in self.records if record.dtype == target.dtype]
        self.put(f"{self.load(target)} = {self.load(self.rng.choice(fitting))}")

    def queue(self) -> None:
        """An element is taken from a stream, or put into one."""
        thing = self.rng.choice(self.queues)
        records = [record for record in self.records if record.dtype == thing.dtype]
        if thing.writable and thing.dtype in self.structs:
            if records:
                self.put(f"{thing.name}.put({self.load(self.rng.choice(records))})")
        elif thing.writable:
            self.put(f"{thing.name}.put({self.expr(thing.kind if thing.kind != 'fixed' else 'int', 2).text})")
        elif self.takes(1):
            name = self.fresh("g")
            self.put(f"{name} = {thing.name}.get()")
            fields = self.structs.get(thing.dtype, [("", thing.dtype)])
            self.things += [Thing(name, t, (), False, field=f".{f}" if f else "") for f, t in fields]

    def takes(self, count: int) -> bool:
        """Whether so many more elements may be taken, each time that this runs; if so, they are counted."""
        if self.taken + 2 * self.work * count > self.most:
            return False
        self.taken += 2 * self.work * count
        return True

    def kept(self) -> None:
        """A table, or an array that lives across calls."""
        shape = self.shape(self.rng.choice([1, 2]))
        size = f"({shape[0]},)" if len(shape) == 1 else str(shape)
        dtype = self.rng.choice(["int16", "int32", "float32", "ta.Int(23)", "uint8", *FIXED])
        count = shape[0] * (shape[1] if shape[1:] else 1)
        data = f"np.arange({count}).reshape{size}"
        if "Fixed" in dtype and self.chance(0.7):
            data += f" * {self.rng.choice(['0.3', '-0.25', '1.75', '-3.1'])}"
        if self.chance(0.5):
            self.things.append(Thing(self.fresh("K"), dtype, shape, False))
            self.put(f"{self.things[-1].name} = ta.constant({data}, {dtype})")
        else:
            first = size if self.chance(0.6) else data
            self.things.append(Thing(self.fresh("S"), dtype, shape))
            self.put(f"{self.things[-1].name} = ta.state({first}, {dtype})")

    def counts(self) -> None:
        """An array that lives across calls, counts them, and shows in what can be seen from outside."""
        seen = [t for t in self.things if t.writable and t.shape and t.dtype != "boolean"]
        state = Thing(self.fresh("S"), "int32", (self.rng.choice([1, 2, 3]),))
        first = f"({state.shape[0]},)" if self.chance(0.5) else f"np.arange({state.shape[0]})"
        self.put(f"{state.name} = ta.state({first}, int32)")
        self.things.append(state)
        self.put(f"{state.name}[0] += {self.rng.choice(['1', '3', self.scale or '2'])}")
        if seen:
            self.put(f"{self.load(self.rng.choice(seen))} += {state.name}[0]")

    def view(self) -> None:
        """A part of an array under a name of its own, or a part of a part."""
        whole = [t for t in self.things if t.shape and t.writable and not t.field] + self.records
        if not whole:
            return
        thing = self.rng.choice(whole)
        text, shape = thing.name, thing.shape
        for _ in range(self.rng.choice([1, 1, 2])):
            kept = self.rng.choice(
                [k for n in range(1, len(shape) + 1) for k in combinations(range(len(shape)), n)]
            )
            smaller = tuple(self.rng.randint(1, shape[dim]) for dim in kept)
            text, shape = text + self.part(shape, kept, smaller), smaller
        self.put(f"{self.fresh('V')} = {text}")
        name = f"V{self.count}"
        self.things += [
            replace(t, name=name, shape=shape, base=thing.array) for t in self.things if t.name == thing.name
        ]
        self.records += [
            replace(t, name=name, shape=shape, base=thing.array) for t in self.records if t.name == thing.name
        ]

    def part(self, shape: tuple[int, ...], kept: tuple[int, ...], smaller: tuple[int, ...]) -> str:
        """Subscripts that leave the dimensions `kept` with the extents `smaller`."""
        keys = []
        for dim, extent in enumerate(shape):
            if dim not in kept:
                keys.append(self.index(extent))
                continue
            size = smaller[kept.index(dim)]
            first = self.simple_index(extent - size + 1)
            keys.append(":" if size == extent and self.chance(0.7) else f"{first}:{first} + {size}")
        while keys[1:] and keys[-1] == ":" and self.chance(0.5):
            keys.pop()
        return f"[{', '.join(keys)}]"

    def loop(self, depth: int) -> None:
        name = self.fresh(self.rng.choice("ijk"))
        extent = self.rng.choice([0, 1, 1, 2, 3, 4, 5, 7])
        most = max(extent, 1) - 1
        outer = self.rng.choice(self.iters) if self.iters else None
        roll = self.rng.random()
        label = f', name="{self.fresh("B")}"' if self.chance(0.15) else ""
        if roll < 0.2:
            second, other = self.fresh("j"), self.rng.choice([1, 2, 3, 4])
            self.put(f"for {name}, {second} in grid({extent}, {other}{label}):")
            ranges = [(name, 0, most), (second, 0, other - 1)]
        elif roll < 0.35 and outer is not None and outer[1] >= 0 and outer[2] < 8:
            low, _, high = outer
            form = self.rng.choice([(f"{low} + 1", 0, high), (f"{low}, {high + 2}", 0, high + 1)])
            self.put(f"for {name} in ta.range({form[0]}):")
            ranges = [(name, form[1], form[2])]
        elif roll < 0.45 and outer is not None and outer[1] >= 0 and outer[2] < 8:
            self.put(f"for {name} in ta.range({outer[2] + 1}, {outer[0]} - 1, -1):")
            ranges = [(name, 0, outer[2] + 1)]
        elif roll < 0.52 and outer is not None and outer[1] >= 0 and outer[2] < 8:
            bounds, last = self.few(outer)
            self.put(f"for {name} in ta.range({bounds}):")
            ranges = [(name, 0, last)]
        elif self.sizes and self.chance(0.3):
            ranges = [self.sized(name, outer)]
        elif roll < 0.55:
            step = self.rng.choice([2, 3])
            self.put(f"for {name} in ta.range({self.rng.choice([0, 1])}, {extent}, {step}):")
            ranges = [(name, 0, max(extent - 1, 1))]
        elif roll < 0.65:
            step = self.rng.choice([-1, -2])
            self.put(f"for {name} in ta.range({extent - 1}, -1, {step}):")
            ranges = [(name, 0, most)]
        elif roll < 0.72 and (thing := self.pick("int")) is not None and thing.dtype != "boolean":
            self.put(f"for {name} in ta.range({self.load(thing, simple=True)} % {most + 1}):")
            ranges = [(name, 0, most)]
        else:
            self.put(
                f"for {name} in {self.rng.choice(['ta.range', 'grid', 'ta.reduction'])}({extent}{label}):"
            )
            ranges = [(name, 0, most)]
        with self.scope():
            self.iters += ranges
            for _, lo, hi in ranges:
                self.work *= hi - lo + 1
            self.block(depth - 1, self.rng.choice([1, 1, 2, 3]))

    def branch(self, depth: int) -> None:
        self.put(f"if {self.condition()}:")
        with self.scope():
            self.block(depth - 1, self.rng.choice([1, 2]))
        if self.chance(0.25) and self.decide():
            self.put(f"elif {self.condition()}:")
            with self.scope():
                self.block(depth - 1, 1)
        if self.chance(0.5):
            self.put("else:")
            with self.scope():
                self.block(depth - 1, self.rng.choice([1, 2]))

    def when(self, depth: int) -> None:
        self.put(f"with ta.when({self.condition(pure=True)}):")
        with self.scope():
            self.store()
        if self.chance(0.4):
            self.put("with ta.otherwise():")
            with self.scope():
                self.store()

    def variable(self) -> None:
        """A plain variable, or a mutable scalar."""
        kind = self.rng.choice(["int", "int", "float", "fixed"])
        if self.chance(0.5):
            found = self.expr(kind, 2)
            if found.literal or (kind == "fixed" and self.pick("fixed") is None):
                return
            name = self.fresh("t")
            self.put(f"{name} = {found.text}")
            dtype = {"int": "value", "float": "float64", "fixed": "ta.Fixed(16, 7)"}[kind]
            self.things.append(Thing(name, dtype, (), False, min(found.bits, WIDEST)))
            return
        dtype = self.dtype()
        scalar = Thing(self.fresh("s"), dtype)
        self.put(f"{scalar.name} = ta.scalar({dtype}, {self.initial(scalar)})")
        self.things.append(scalar)

    def initial(self, thing: Thing) -> str:
        return self.rng.choice(["0", "1", self.expr(thing.kind if thing.kind != "fixed" else "int", 1).text])

    def local(self, depth: int) -> None:
        if self.chance(0.15):
            self.own_queue()
            return
        dtype, shape = self.dtype(), self.shape(self.rng.choice([1, 2]))
        thing = Thing(self.fresh("L"), dtype, shape)
        size = f"({shape[0]},)" if len(shape) == 1 else str(shape)
        if self.filled is not None and self.chance(0.4):
            dtype, inner = self.filled
            shape = inner if self.chance(0.5) else (self.rng.choice([1, 2, 3]), *inner)
            thing = Thing(thing.name, dtype, shape)
            self.put(f"{thing.name} = ta.empty({shape}, {dtype})")
            if shape == inner:
                self.put(f"fill({thing.name}, {self.expr('int', 1).text})")
            else:
                row = self.fresh("e")
                self.put(f"for {row} in grid({shape[0]}):")
                self.put(f"    fill({thing.name}[{row}], {row})")
        elif self.chance(0.25):
            self.put(f"{thing.name} = ta.empty({size}, {dtype})")
            names = [self.fresh("e") for _ in shape]
            self.put(f"for {', '.join(names)} in grid({', '.join(map(str, shape))}):")
            self.put(f"    {thing.name}[{', '.join(names)}] = {self.rng.choice(['0', '1', names[0]])}")
        else:
            fill = self.rng.choice([f"zeros({size}, {dtype})", f"full({size}, 1, {dtype})"])
            self.put(f"{thing.name} = ta.{fill}")
        self.things.append(thing)

    def while_(self, depth: int) -> None:
        count, body = self.fresh("c"), self.fresh("body")
        self.put(f"{count} = ta.scalar(int32, {self.rng.randint(1, 6)})")
        extra = self.comparison() if self.chance(0.3) else None
        self.put(f"def {body}():")
        frozen = set(self.frozen)
        with self.scope():
            self.work *= 4
            # In a function of its own, ``s += 1`` would make `s` a local variable.
            self.frozen |= {count, *(t.name for t in self.things if not t.shape)}
            self.put(f"{count}.set({count} - 1)")
            self.things.append(Thing(count, "int32", (), False))
            self.block(0, self.rng.choice([1, 2]))
        self.frozen = frozen
        cond = f"{count} > 0" if extra is None else f"({count} > 0) & ({extra})"
        label = f', "{self.fresh("W")}"' if self.chance(0.5) else ""
        self.put(f"ta.while_loop(lambda: {cond}, {body}{label})")

    def call(self) -> None:
        name, params, results = self.rng.choice(self.callees)
        args, used = [], set()
        for param in params:
            if param.dtype.startswith("ta.Stream"):
                inner = param.dtype.removeprefix("ta.Stream[").removesuffix("]")
                fitting = [
                    queue.name
                    for queue in self.queues
                    if (queue.dtype, queue.writable) == (inner, param.writable) and queue.name not in used
                ]
                if not fitting or not (param.writable or self.takes(self.eaten[name])):
                    return
                args.append(self.rng.choice(fitting))
                used.add(args[-1])
                continue
            if param.dtype in SIZES and not param.shape and self.chance(0.8):
                args.append(self.size(*SIZES[param.dtype]))
                continue
            if param.dtype in SIZES and not param.shape:
                args.append(f"({self.expr('int', 1).text}) % {SIZES[param.dtype][1] + 1}")
                continue
            if not param.shape:
                args.append(self.expr(param.kind if param.kind != "fixed" else "int", 1).text)
                continue
            found = self.view_for(param, used)
            if found is None:
                return
            args.append(found[0])
            used.add(found[1])
        taken = [Thing(self.fresh("R"), result.dtype, result.shape, False) for result in results]
        left = f"{', '.join(thing.name for thing in taken)} = " if taken else ""
        self.put(f"{left}{name}({', '.join(args)})")
        self.things += taken

    def view_for(self, param: Thing, used: set[str]) -> tuple[str, str] | None:
        """An array or a part of one (rows, columns, boxes) that fits a callee's parameter."""
        options = []
        for thing in self.things:
            fits = thing.dtype == param.dtype and thing.shape and thing.writable and not thing.field
            if not fits or thing.array in used:
                continue
            if thing.shape == param.shape:
                options.append((thing.name, thing.array))
            for kept in combinations(range(len(thing.shape)), len(param.shape)):
                if all(thing.shape[dim] >= size for dim, size in zip(kept, param.shape, strict=True)):
                    options.append((thing.name + self.part(thing.shape, kept, param.shape), thing.array))
        return self.rng.choice(options) if options else None

    def store(self) -> None:
        targets = [t for t in self.things if t.writable and t.name not in self.frozen]
        if not targets:
            return
        thing = self.rng.choice(targets)
        kind = thing.kind
        if self.chance(0.12):
            kind = self.rng.choice(["int", "float"])
        value = self.expr(kind, 3).text
        if thing.dtype == "boolean" and self.chance(0.5):
            value = self.comparison()
        target = self.load(thing) if thing.shape else None
        roll = self.rng.random()
        op = "="
        if roll < 0.45 and thing.dtype != "boolean":
            choices = {"int": ["+=", "-=", "*=", "^=", "|=", "&=", "+="], "float": ["+=", "-=", "*="]}
            op = self.rng.choice(
                choices.get(thing.kind, ["+=", "-="]) if kind == thing.kind else ["+=", "-="]
            )
        bits = thing.kind == "int" and thing.dtype != "boolean" and not thing.field
        if bits and roll > 0.95 and self.bits_of(thing) >= 5:
            self.put(
                f"{target or thing.name}[1:4] = {self.atom('int').text}" if target else f"{thing.name} += 1"
            )
            return
        if target is None and op == "=":
            self.put(f"{thing.name}.set({value})")
        else:
            self.put(f"{target or thing.name} {op} {value}")

    # ------------------------------------------------------------------------------------------ kernels

    def parameters(self, count: int, callee: bool) -> list[Thing]:
        found = []
        for position in range(count):
            if not callee and self.callees and position < len(self.callees[0][1]) and self.chance(0.8):
                model = self.callees[0][1][position]
                if model.shape:
                    shape = (self.rng.choice([2, 3]), *model.shape) if self.chance(0.5) else model.shape
                    found.append(Thing("", model.dtype, shape))
                    continue
            scalar = self.chance(0.25) and position > 0
            dtype = self.rng.choice(list(SIZES)) if scalar and self.chance(0.5) else self.dtype()
            found.append(Thing("", dtype, () if scalar else self.shape(), not scalar))
        prefix = "p" if callee else "A"
        return [Thing(self.fresh(prefix), t.dtype, t.shape, t.writable) for t in found]

    def fields(self, params: list[Thing]) -> None:
        """Bring what the parameters hold into scope: arrays, or the fields of arrays of structs."""
        self.things, self.records, self.queues, self.taken = [], [], [], 0
        for param in params:
            if param.dtype.startswith("ta.Stream"):
                inner = param.dtype.removeprefix("ta.Stream[").removesuffix("]")
                self.queues.append(Thing(param.name, inner, (), param.writable))
                continue
            if param.dtype not in self.structs:
                self.things.append(param)
                continue
            self.records.append(param)
            for name, dtype in self.structs[param.dtype]:
                self.things.append(Thing(param.name, dtype, param.shape, field=f".{name}"))

    def function(self, name: str, count: int, callee: bool, depth: int, length: int) -> None:
        params = self.parameters(count, callee)
        around = self.rng.choice([METHOD, FACTORY]) if self.chance(0.3 if callee else 0.15) else []
        self.scale = {id(METHOD): "self.scale", id(FACTORY): "scale"}.get(id(around), "")
        self.iters, self.work, self.indent = [], 1, 2 if around else 1
        self.most = LONGEST // 20 if callee else LONGEST
        params += self.streams(callee) if callee else self.more_parameters()
        self.fields(params)
        self.sizes = [(p.name, *SIZES[p.dtype]) for p in params if p.dtype in SIZES and not p.shape]
        shown = ", ".join(
            f"{p.name}: {p.dtype}" + (f"[{', '.join(map(str, p.shape))}]" if p.shape else "") for p in params
        )
        owner, outside = f"{name}_owner", "    " * (self.indent - 1)
        self.lines += ["", "", *(line.format(owner=owner) for line in around), f"{outside}@kernel"]
        shown = f"self, {shown}" if around is METHOD else shown
        self.lines.append(f"{outside}def {name}({shown}):")
        before = len(self.lines)
        if around and self.chance(0.7):
            self.counts()
        self.block(depth, length)
        if len(self.lines) == before:
            self.put("pass")
        results = [t for t in self.things if t.name[0] in "Ls" and (t.shape or not callee)]
        chosen: list[Thing] = []
        if results and self.chance(0.6):
            chosen = self.rng.sample(results, min(len(results), self.rng.choice([1, 2, 3])))
            self.put(f"return {', '.join(t.name for t in chosen)}")
        names = [name, f"{name}_too"] if callee and around else [name]
        if around is FACTORY:
            self.lines += ["", f"    return {name}"]
        for number, each in enumerate(names if around else []):
            made = f"{owner}({number + 3})" + (f".{name}" if around is METHOD else "")
            self.lines += ["", "", f"{each} = {made}"]
        if callee:
            self.callees += [(each, params, chosen) for each in names]
            self.eaten.update(dict.fromkeys(names, self.taken))

    def fill(self) -> None:
        """A callee that stores every element of an array."""
        dtype, shape = (
            self.rng.choice([*INTS, "float32", "ta.Int(23)", *FIXED]),
            self.shape(self.rng.choice([1, 2])),
        )
        self.filled = dtype, shape
        its = ["i", "j"][: len(shape)]
        at, extents = ", ".join(its), ", ".join(map(str, shape))
        self.lines += ["", "", "@kernel", f"def fill(p: {dtype}[{extents}], n: int32):"]
        body = [f"for {at} in grid({extents}):", f"    p[{at}] = n + {its[-1]}"]
        if self.chance(0.4):
            body = [*body[:1], "    if n > 0:", f"    {body[1]}", "    else:", f"        p[{at}] = {its[0]}"]
        self.lines += [f"    {line}" for line in body]

    def more_parameters(self) -> list[Thing]:
        """Arrays of structs, and streams."""
        found = []
        if self.chance(0.25):
            kind = self.fresh("P")
            self.structs[kind] = [(name, self.dtype()) for name in "ab"[: self.rng.choice([1, 2, 2])]]
            shown = ", ".join(f"{name}={dtype}" for name, dtype in self.structs[kind])
            self.lines += ["", "", f"{kind} = ta.Struct({shown})"]
            found += [Thing(self.fresh("A"), kind, self.shape()) for _ in range(self.rng.choice([1, 2]))]
        passed = [
            (param.dtype, param.writable)
            for _, params, _ in self.callees
            for param in params
            if param.dtype.startswith("ta.Stream") and self.chance(0.9)
        ]
        found += [Thing(self.fresh("Q"), dtype, (), writable) for dtype, writable in passed]
        return found + self.streams(False)

    def streams(self, callee: bool) -> list[Thing]:
        """Streams to take from and to put into, one or more of each, or none."""
        if not self.chance(0.3):
            return []
        found = []
        for writable in (False, True, *([self.chance(0.5)] if self.chance(0.4) else [])):
            dtype = self.rng.choice([*INTS, "float32", "ta.Int(23)", "ta.Int(70)"])
            if self.structs and not callee and self.chance(0.5):
                dtype = self.rng.choice(list(self.structs))
            found.append(Thing(self.fresh("Q"), f"ta.Stream[{dtype}]", (), writable))
        return found

    def program(self) -> str:
        """The whole module."""
        self.lines = [HEADER.rstrip()]
        if self.chance(0.3):
            self.fill()
        if self.chance(0.35):
            self.function("inner", self.rng.choice([1, 2, 3]), True, 2, self.rng.choice([1, 2, 3]))
        self.function("main", self.rng.choice([2, 3, 4]), False, 3, self.rng.choice([2, 3, 4]))
        return "\n".join(self.lines) + "\n"


def generate(seed: int) -> str:
    """The source text of program number `seed`; its kernel is called ``main``."""
    return Generator(seed).program()
