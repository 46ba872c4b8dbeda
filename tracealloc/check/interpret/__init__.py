"""The interpreter: runs a program on NumPy arrays, exactly as its nodes say."""

from tracealloc.check.interpret.interpret import Event, Interpreter, interpret

__all__ = ["Event", "Interpreter", "interpret"]
