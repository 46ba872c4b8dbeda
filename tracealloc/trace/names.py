"""Names and places from the user's code: which variable takes the result of an instruction.

``C = ta.zeros(...)``, ``for i, j in grid(...)``, ``t = A[i] * 2``: the instruction that follows says the
name, at the moment when the value is made, however often the variable is used for something else later.
"""

from __future__ import annotations

import dis
from bisect import bisect_right
from itertools import islice
from types import CodeType, FrameType

from tracealloc.trace.source import Place, place_of

__all__ = ["Spot", "next_is", "opcode_at", "spot_of", "stores_of", "target_names", "tests_while"]

_STORES = ("STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL")


class _Code:
    """What is worth keeping about a code object: instructions by offset, places by offset."""

    def __init__(self, code: CodeType) -> None:
        self.code = code  # keeps the identity that the cache is keyed by alive
        self.instructions = [
            i for i in dis.get_instructions(code) if i.opname not in ("CACHE", "EXTENDED_ARG")
        ]
        self.offsets = [i.offset for i in self.instructions]
        self.spots: dict[int, Spot] = {}

    def index(self, offset: int) -> int:
        """The number of the instruction at `offset`, which may lie in its inline cache."""
        return bisect_right(self.offsets, offset) - 1


class Spot:
    """A position in the user's code: its place, and the variable that takes the result."""

    __slots__ = ("place", "target")

    def __init__(self, place: Place, target: str | None) -> None:
        self.place, self.target = place, target


_CODES: dict[int, _Code] = {}


def _code(code: CodeType) -> _Code:
    found = _CODES.get(id(code))
    if found is None:
        if len(_CODES) > 10_000:
            _CODES.clear()
        found = _CODES[id(code)] = _Code(code)
    return found


def spot_of(frame: FrameType) -> Spot:
    """Where `frame` is now; looked up once per instruction."""
    code = _code(frame.f_code)
    spot = code.spots.get(frame.f_lasti)
    if spot is None:
        names = target_names(frame)
        spot = Spot(place_of(frame), names[0] if len(names) == 1 else None)
        code.spots[frame.f_lasti] = spot
    return spot


def opcode_at(frame: FrameType) -> str:
    """The name of the instruction that `frame` executes."""
    code = _code(frame.f_code)
    return str(code.instructions[code.index(frame.f_lasti)].opname)


def next_is(frame: FrameType, opname: str) -> bool:
    """Whether the instruction after the one that `frame` executes is `opname`."""
    code = _code(frame.f_code)
    return bool(code.instructions[code.index(frame.f_lasti) + 1].opname == opname)


def tests_while(frame: FrameType) -> bool:
    """Whether `frame` decides if a ``while`` statement goes on (its jump leads back to a loop's body)."""
    code = _code(frame.f_code)
    instruction = code.instructions[code.index(frame.f_lasti)]
    if not instruction.opname.startswith("POP_JUMP_BACKWARD"):
        return False
    target = code.instructions[code.index(int(instruction.argval))]
    return bool(target.opname != "FOR_ITER")


def target_names(frame: FrameType) -> list[str | None]:
    """The variables that take the result of the instruction that `frame` executes.

    One name for a plain assignment, several for a tuple of targets, none for anything else.
    """
    code = _code(frame.f_code)
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
    for instruction in _code(code).instructions:
        if instruction.starts_line is not None:
            line = int(instruction.starts_line)
        if instruction.opname in _STORES and instruction.argval == name:
            lines.append(line)
    return lines
