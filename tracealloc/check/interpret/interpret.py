"""The interpreter: runs a `Program` on NumPy arrays, exactly as its nodes say.

It is the oracle of the other tests and shares nothing with the emitters. A program, traced or lowered,
is compiled once to Python closures (see `expr` for frames) and then run. In checked mode, the
default, every access is compared with the array's shape and every element that is read must have been
stored before. The processes of a network run beside one another (`processes`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from tracealloc.check.interpret.node import Compiled, ProgramCompiler
from tracealloc.check.interpret.observed import Access, Event, Observer
from tracealloc.check.interpret.outgoing import is_rounded
from tracealloc.check.interpret.processes import Scheduler
from tracealloc.check.interpret.values import (
    from_numpy,
    scalar_from_python,
    scalar_to_python,
    to_numpy,
    write_back,
)
from tracealloc.emit.run.fifo_arguments import given_twice
from tracealloc.schedule.core.stores import may_store
from tracealloc.trace.diagnostics.errors import ArgumentError, InterpretError
from tracealloc.trace.ir.dtype import Fixed
from tracealloc.trace.ir.program import Array, Program
from tracealloc.trace.network.cut import is_network
from tracealloc.trace.queries.summary import summary_of

__all__ = ["Access", "Event", "Interpreter", "interpret"]


def interpret(
    program: Program,
    *args: Any,
    check: bool = True,
    observe: Callable[[Event], object] | None = None,
    exact: bool = False,
) -> Any:
    """Run `program` on NumPy arrays (changed in place) and numbers, and return its results.

    One result is returned as it is, several as a tuple; a result of rank 0 is a plain number. `observe`
    is called once for each statement instance with what it read and wrote (`Event`). State arrays start
    from their first content; an `Interpreter` keeps them between runs. `exact`: fixed point comes out as
    fractions, not as float64.

    Raises:
        InterpretError: an element outside its array, or one that nothing was stored to (checked mode);
            processes that wait for one another.
        ArgumentError: number, shape or element type of the arguments do not fit.
    """
    return Interpreter(program, check=check, observe=observe, exact=exact)(*args)


class Interpreter:
    """A program made ready to run, with its state arrays."""

    def __init__(
        self,
        program: Program,
        *,
        check: bool = True,
        observe: Callable[[Event], object] | None = None,
        exact: bool = False,
    ) -> None:
        self.program = program
        self._exact = exact
        self._observer = None if observe is None else Observer(observe)
        self._scheduler = Scheduler(program, self._observer) if is_network(program) else None
        self._compiler = ProgramCompiler(check, self._observer, self._scheduler)
        self._compiled: Compiled = self._compiler.compile(program)
        self._written, self._read = summary_of(program).writes, summary_of(program).reads

    def __call__(self, *args: Any) -> Any:
        """Run the program once; see `interpret`."""
        program = self.program
        if len(args) != len(program.args):
            raise ArgumentError(
                "TA603", f"{program.name} takes {len(program.args)} arguments, not {len(args)}"
            )
        given = [
            (array.name, arg if array.rank else [arg])
            for array, arg in zip(program.args, args, strict=True)
            if array.kind == "stream"
        ]
        if (twice := given_twice(given)) is not None:
            raise ArgumentError("TA603", f"{twice} are one queue", hint="each stream is a queue of its own")
        cells = [
            _enter(array, arg, array in self._written, array in self._read)
            for array, arg in zip(program.args, args, strict=True)
        ]
        scheduler = self._scheduler
        if scheduler is not None:
            for at, array in enumerate(program.args):
                if array.kind == "stream":
                    cells[at] = scheduler.given(array, cells[at], array in self._written)
        frame = self._compiled.frame(cells)
        left = program.args
        try:
            with np.errstate(all="ignore"):
                if scheduler is None:
                    self._compiled.run(frame)
                else:
                    scheduler.run(lambda: self._compiled.run(frame))
        except InterpretError as error:
            left = () if error.code == "TA808" else left  # where nobody can go on, nothing has happened
            raise
        finally:
            for array, arg, cell in zip(left, args, cells, strict=False):
                if array.kind == "stream":
                    for queue, items in zip(arg if array.rank else [arg], cell, strict=True):
                        if array in self._read:
                            queue.clear()
                        queue.extend(scalar_to_python(item, array.dtype, self._exact) for item in items)
                elif (
                    isinstance(arg, np.ndarray)
                    and array in self._written
                    and (not is_rounded(array, cell, arg) or may_store(program, array.name))
                ):
                    write_back(cell, array.dtype, arg)
        arguments = dict(zip(program.args, args, strict=True))
        results = tuple(self._result(array, frame, arguments) for array in program.results)
        if not results:
            return None
        return results[0] if len(results) == 1 else results

    def _result(self, array: Array, frame: list[Any], given: dict[Array, Any]) -> Any:
        if isinstance(given.get(array), np.ndarray):
            return given[array]
        content = frame[self._compiled.slots[array]]
        found = to_numpy(
            content if isinstance(content, list) else [content], array.dtype, array.shape, self._exact
        )
        return found if array.rank else found[()]


def _enter(array: Array, arg: Any, written: bool, read: bool) -> Any:
    """The cells of an argument."""
    if array.kind == "stream":
        # A queue that is only written keeps what it held: the kernel's elements come behind that.
        queues = [part if read else () for part in (arg if array.rank else [arg])]
        return [deque(scalar_from_python(item, array.dtype, array.name) for item in part) for part in queues]
    if array.rank == 0:
        return [scalar_from_python(arg, array.dtype, array.name)]
    if not isinstance(arg, np.ndarray):
        raise ArgumentError("TA603", f"argument {array.name!r} takes an array, not {type(arg).__name__}")
    if arg.shape != array.shape:
        raise ArgumentError("TA603", f"argument {array.name!r} has shape {arg.shape}, not {array.shape}")
    if written and isinstance(array.dtype, Fixed) and arg.dtype.kind in "iub":
        raise ArgumentError(
            "TA603",
            f"argument {array.name!r} is written in {array.dtype}, and {arg.dtype} holds no fractions",
        )
    return from_numpy(arg, array.dtype, array.name, holes=not read)
