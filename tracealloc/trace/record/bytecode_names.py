"""Names and places from the user's code: which variable takes the result of an instruction.

``C = ta.zeros(...)``, ``for i, j in grid(...)``, ``t = A[i] * 2``: the instruction that follows says the
name, at the moment when the value is made, however often the variable is used for something else later.
"""

from __future__ import annotations

import dis
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from types import CodeType, FrameType
from typing import Any, NamedTuple

from tracealloc.trace.diagnostics.source import Place, place_of

__all__ = [
    "Instructions",
    "Spot",
    "fills_container",
    "instructions_of",
    "next_is",
    "opcode_at",
    "raises_at",
    "spot_of",
    "stores_of",
    "target_names",
    "tests_while",
]

_STORES = ("STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL")
_APPENDS = ("LIST_APPEND", "SET_ADD", "MAP_ADD")
# Python 3.13 has instructions that are two: they would hide the variable that takes a result.
_PAIRS = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}


class _Instruction(NamedTuple):
    opname: str
    arg: int | None
    argval: Any
    offset: int
    position: tuple[int | None, ...]


def _instructions(code: CodeType) -> Iterator[_Instruction]:
    """The instructions of all versions of Python in one form: no caches, no pairs."""
    for found in dis.get_instructions(code):
        position = tuple(found.positions) if found.positions is not None else (None,) * 4
        if found.opname in ("CACHE", "EXTENDED_ARG"):
            continue
        if found.opname in _PAIRS and isinstance(found.argval, tuple):
            for opname, argval in zip(_PAIRS[found.opname], found.argval, strict=True):
                yield _Instruction(opname, None, argval, found.offset, position)
        else:
            yield _Instruction(found.opname, found.arg, found.argval, found.offset, position)


class Instructions:
    """What is worth keeping about a code object: instructions by offset, places by offset."""

    def __init__(self, code: CodeType) -> None:
        self.code = code  # keeps the identity that the cache is keyed by alive
        self.instructions = list(_instructions(code))
        self.offsets = [i.offset for i in self.instructions]
        self.spots: dict[int, Spot] = {}
        self.filling: dict[int, bool] = {}  # see `fills_container`

    def index(self, offset: int) -> int:
        """The number of the instruction at `offset`, which may lie in its inline cache."""
        return bisect_right(self.offsets, offset) - 1


class Spot:
    """A position in the user's code: its place, and the variable that takes the result."""

    __slots__ = ("place", "target")

    def __init__(self, place: Place, target: str | None) -> None:
        self.place, self.target = place, target


_CODES: dict[int, Instructions] = {}


def instructions_of(code: CodeType) -> Instructions:
    """The instructions of a code object, read once."""
    found = _CODES.get(id(code))
    if found is None:
        if len(_CODES) > 10_000:
            _CODES.clear()
        found = _CODES[id(code)] = Instructions(code)
    return found


def spot_of(frame: FrameType) -> Spot:
    """Where `frame` is now; looked up once per instruction."""
    code = instructions_of(frame.f_code)
    spot = code.spots.get(frame.f_lasti)
    if spot is None:
        names = target_names(frame)
        spot = Spot(place_of(frame), names[0] if len(names) == 1 else None)
        code.spots[frame.f_lasti] = spot
    return spot


def opcode_at(frame: FrameType) -> str:
    """The name of the instruction that `frame` executes."""
    code = instructions_of(frame.f_code)
    return str(code.instructions[code.index(frame.f_lasti)].opname)


def raises_at(frame: FrameType, offset: int) -> bool:
    """Whether the instruction at `offset` is a ``raise`` or an ``assert``."""
    code = instructions_of(frame.f_code)
    return bool(code.instructions[code.index(offset)].opname == "RAISE_VARARGS")


def next_is(frame: FrameType, opname: str) -> bool:
    """Whether the instruction after the one that `frame` executes is `opname`."""
    code = instructions_of(frame.f_code)
    return bool(code.instructions[code.index(frame.f_lasti) + 1].opname == opname)


def tests_while(frame: FrameType) -> bool:
    """Whether `frame` decides if a ``while`` statement goes on (its jump leads back to a loop's body)."""
    code = instructions_of(frame.f_code)
    at = code.index(frame.f_lasti)
    # Python 3.13 asks for the truth in an instruction of its own, or in the comparison.
    following = code.instructions[at : at + 3]
    jump = next((n for n, i in enumerate(following) if i.opname.startswith("POP_JUMP")), None)
    if jump is None:
        return False
    test = following[jump]
    if test.opname.startswith("POP_JUMP_BACKWARD"):
        target = code.instructions[code.index(int(test.argval))]
        return target.opname != "FOR_ITER"
    # Since Python 3.12 all conditional jumps lead forward, here over a jump back to the body's start,
    # before which the same test stands for the first iteration.
    behind = next((i for i in code.instructions[at + jump + 1 :] if i.opname != "NOT_TAKEN"), None)
    if behind is None or behind.opname != "JUMP_BACKWARD":
        return False
    first = code.index(int(behind.argval))
    before = next((i for i in reversed(code.instructions[:first]) if i.opname != "NOT_TAKEN"), None)
    return before is not None and before.opname.startswith("POP_JUMP") and before.position == test.position


def fills_container(frame: FrameType) -> bool:
    """Whether the loop that `frame` starts or runs is a comprehension's, which has no for statement."""
    code, offset = instructions_of(frame.f_code), frame.f_lasti
    found = code.filling.get(offset)
    if found is None:
        found = code.filling[offset] = _fills(code, offset)
    return found


def _fills(code: Instructions, offset: int) -> bool:
    at = code.index(offset)
    loop = next(n for n in (at, at + 1) if code.instructions[n].opname == "FOR_ITER")
    for position, instruction in enumerate(code.instructions):
        if instruction.opname not in _APPENDS:
            continue
        around = [n for n in range(position) if _is_in(code, n, instruction.offset)]
        # The container lies on the stack below the iterators of its comprehension's loops.
        inner = int(instruction.arg or 0) - 1
        if inner and loop in around[-inner:]:
            return True
    return False


def _is_in(code: Instructions, position: int, offset: int) -> bool:
    """Whether the instruction at `offset`, a later one, is in the loop that runs at `position`."""
    loop = code.instructions[position]
    return loop.opname == "FOR_ITER" and offset < int(loop.argval)


def target_names(frame: FrameType) -> list[str | None]:
    """The variables that take the result of the instruction that `frame` executes.

    One name for a plain assignment, several for a tuple of targets, none for anything else.
    """
    code = instructions_of(frame.f_code)
    following = islice(code.instructions, code.index(frame.f_lasti) + 1, None)
    instruction = next(following, None)
    while instruction is not None and instruction.opname in ("COPY", "NOP"):
        instruction = next(following, None)
    if instruction is None:
        return []
    if instruction.opname in _STORES:
        return [str(instruction.argval)]
    if instruction.opname == "UNPACK_SEQUENCE":
        names: list[str | None] = []
        for _ in range(int(instruction.arg or 0)):
            instruction = next(following, None)
            stored = instruction is not None and instruction.opname in _STORES
            names.append(str(instruction.argval) if stored and instruction is not None else None)
            if not stored:
                break
        return names
    return []


def stores_of(code: CodeType, name: str) -> list[int]:
    """The lines that assign to variable `name`, in order."""
    lines = []
    line = 0
    for instruction in instructions_of(code).instructions:
        if instruction.position[0] is not None:
            line = instruction.position[0]
        if instruction.opname in _STORES and instruction.argval == name:
            lines.append(line)
    return lines
