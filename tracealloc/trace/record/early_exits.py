"""How a ``with`` statement is left: at its end, or early by continue, break or return."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType

from tracealloc.trace.record.bytecode_names import Instructions, instructions_of

__all__ = ["left_early", "statements"]

_GENERATOR = 0x20  # CO_GENERATOR
_JUMPS = ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT")
_POPS = ("POP_TOP", "POP_EXCEPT", "NOP", "NOT_TAKEN")
_ENDS = ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE")
# After an exception a variable of the body may be unbound, and Python 3.12 asks.
_UNCHECKED = {"LOAD_FAST_CHECK": "LOAD_FAST"}
_LONGEST = 500  # instructions that are alike


def statements(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames whose ``with`` statements `frame` serves, its own first.

    Where it is part of another context manager (a generator, ``__enter__``, an `ExitStack`), that one's
    user follows.
    """
    while frame is not None:
        yield frame
        inside = frame.f_code.co_flags & _GENERATOR or frame.f_code.co_name in ("__enter__", "__exit__")
        if not inside and frame.f_globals.get("__name__") != "contextlib":
            return
        frame = frame.f_back


def left_early(frame: FrameType) -> FrameType | None:
    """The frame whose ``with`` statement calls ``__exit__`` before its body has ended, or None.

    Python compiles a way on for each way to leave a body; at its end it is the one that is taken after
    an exception that was kept back.
    """
    for user in statements(frame):
        code = instructions_of(user.f_code)
        at = code.index(user.f_lasti)
        if _is_exit(code, at) and not _at_its_end(code, at):
            return user
    return None


def _is_exit(code: Instructions, at: int) -> bool:
    """Whether instruction `at` is a ``with`` statement's call of ``__exit__(None, None, None)``."""
    call = code.instructions[at]
    if call.opname != "CALL":
        return False
    before = [i for i in code.instructions[max(at - 4, 0) : at] if i.opname != "PRECALL"][-3:]
    return len(before) == 3 and all(
        i.opname == "LOAD_CONST" and i.argval is None and i.position == call.position for i in before
    )


def _at_its_end(code: Instructions, at: int) -> bool:
    """Whether what follows the call `at` is what follows the statement."""
    position = code.instructions[at].position
    ways = []
    for handler, found in enumerate(code.instructions):
        if found.opname == "WITH_EXCEPT_START" and found.position == position:
            jump = next(i for i in code.instructions[handler:] if i.opname.startswith("POP_JUMP"))
            ways.append(code.index(int(jump.argval)))
    return not ways or any(_alike(code, at + 1, way) for way in ways)


def _alike(code: Instructions, one: int, other: int) -> bool:
    """Whether the instructions from `one` on do what those from `other` on do."""
    for _ in range(_LONGEST):
        one, other = _next(code, one), _next(code, other)
        if one == other:
            return True
        a, b = code.instructions[one], code.instructions[other]
        if (_UNCHECKED.get(a.opname, a.opname), a.argval) != (_UNCHECKED.get(b.opname, b.opname), b.argval):
            return False
        if a.opname in _ENDS:
            return True
        one, other = one + 1, other + 1
    return False


def _next(code: Instructions, at: int) -> int:
    """The instruction at `at`, or where jumps lead from there; what only tidies the stack is passed by."""
    while True:
        found = code.instructions[at]
        if found.opname in _JUMPS:
            at = code.index(int(found.argval))
        elif found.opname in _POPS:
            at += 1
        else:
            return at
