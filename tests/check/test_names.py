"""The interpreter is found by the name of its room, too."""

from __future__ import annotations

import inspect

import tracealloc.check.interpret as room
from tracealloc.check.interpret.interpret import Interpreter, interpret


def test_the_room_gives_what_it_is_for() -> None:
    assert inspect.isfunction(room.interpret) and room.interpret is interpret
    assert room.Interpreter is Interpreter
