"""What traced values refuse: all that Python would need their value for, and uses outside their scope."""

from __future__ import annotations

import math
import operator
import threading
from typing import Any, NoReturn

from tracealloc.trace.diagnostics.cures import SCALAR_CURES
from tracealloc.trace.diagnostics.errors import TraceAttributeError, nearest
from tracealloc.trace.diagnostics.source import Place, caller_frame
from tracealloc.trace.ir.expr import Expr, IterRef, iters_of, loads_of, walk
from tracealloc.trace.record.bytecode_names import spot_of
from tracealloc.trace.record.control_paths import NeedsPlace
from tracealloc.trace.record.events import Ref
from tracealloc.trace.record.recorder import Recorder, active, fail

__all__ = ["SCALAR_NAMES", "Valueless", "absent", "article", "describe", "refuse_use"]

_CLASSES = {
    "ArrayProxy": "traced array", "RecordProxy": "traced record", "StreamProxy": "stream",
    "SymbolicLoop": "symbolic loop", "Kernel": "kernel", "Integer": "element type", "Float": "element type",
    "Fixed": "element type", "Boolean": "element type", "Index": "element type", "Struct": "element type",
    "ndarray": "NumPy array",
}  # fmt: skip
SCALAR_NAMES = ("astype", "bitcast", "dtype", "ndim", "shape")


class Valueless:
    """A value that exists only when the kernel runs; each refusal says what to write instead."""

    __slots__ = ()
    _expr: Expr
    _place: Place | None
    _scope: Any

    def _known(self) -> Any:
        """The number, in a kernel that Python runs."""
        raise NotImplementedError

    def _check(self) -> Recorder:
        """The recorder of the trace, which must be this one.

        Raises:
            TraceError: the value is used where it does not exist.
        """
        raise NotImplementedError

    def __hash__(self) -> int:
        if self._scope.recorder.runs:
            return hash(self._known())
        return _refuse(self, "TA121", "cannot be a key of a dict or a set", "it has no value while tracing",
                hint="look values up in a table: T = ta.constant(array), then T[x]")  # fmt: skip

    def __int__(self) -> int:
        if self._scope.recorder.runs:
            return int(self._known())
        return _refuse(self, "TA106", "cannot be an int", "int() asks for its value, which exists only when "
                "the kernel runs", hint="convert with x.astype(int32)")  # fmt: skip

    def __float__(self) -> float:
        if self._scope.recorder.runs:
            return float(self._known())
        return _refuse(self, "TA106", "cannot be a float", "float() and the functions of math ask for its "
                "value, which exists only when the kernel runs",
                hint="x.astype(float32), ta.exp(x), ta.sqrt(x), ...")  # fmt: skip

    def __complex__(self) -> complex:
        if self._scope.recorder.runs:
            return complex(self._known())
        return _refuse(self, "TA106", "cannot be a complex number", "it has no value while tracing",
                hint="a complex number is a record: ta.Struct(re=float32, im=float32)")  # fmt: skip

    def __index__(self) -> int:
        if self._scope.recorder.runs:
            return operator.index(self._known())
        return _refuse(
            self, "TA107", "cannot be used where Python needs an int",
            "the builtin range(), a list's index, or a NumPy array's index runs while tracing",
            hint="ta.range(...) makes a loop with traced bounds; ta.constant(array) makes a table, and "
            "ta.zeros(shape, dtype) an array to store to, that take traced indices",
        )  # fmt: skip

    def __round__(self, digits: int | None = None) -> Any:
        if self._scope.recorder.runs:
            return round(self._known(), digits)
        return _refuse(self, "TA106", "cannot be rounded by Python", "it has no value while tracing",
                hint="ta.floor(x + 0.5)")  # fmt: skip

    def __trunc__(self) -> Any:
        if self._scope.recorder.runs:
            return math.trunc(self._known())
        return _refuse(self, "TA106", "cannot be truncated by Python", "it has no value while tracing",
                hint="x.astype(int32)")  # fmt: skip

    def __floor__(self) -> Any:
        if self._scope.recorder.runs:
            return math.floor(self._known())
        return _refuse(
            self, "TA106", "cannot be used by math.floor", "it has no value while tracing", hint="ta.floor(x)"
        )

    def __ceil__(self) -> Any:
        if self._scope.recorder.runs:
            return math.ceil(self._known())
        return _refuse(
            self, "TA106", "cannot be used by math.ceil", "it has no value while tracing", hint="ta.ceil(x)"
        )

    def __iter__(self) -> Any:
        several = isinstance(self._expr, IterRef)
        _refuse(self, "TA121", "cannot be iterated over", "it is one number",
                hint="a loop has an iterator for each extent: for i, j in grid(m, n)" if several
                else "for k in ta.range(x) counts up to it")  # fmt: skip

    def __len__(self) -> int:
        _refuse(self, "TA121", "has no length", "it is one number", hint="x.dtype.bits is its width in bits")

    def __contains__(self, item: object) -> bool:
        _refuse(self, "TA121", "contains nothing", "it is one number", hint="compare: x == y; x[3] is a bit")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        if self._scope.recorder.runs:
            import numpy as np

            return np.asarray(self._known(), *args, **kwargs)
        return _refuse(self, "TA121", "cannot be put into a NumPy array", "it has no value while tracing",
                hint="ta.where(c, a, b) chooses as np.where does; ta.zeros makes an array whose elements "
                "can be stored")  # fmt: skip

    def __array_function__(self, function: Any, *_more: Any) -> Any:
        self._check()
        name = function.__name__
        fail("TA121", f"np.{name} cannot be used on traced values",
             "it has no value while tracing, and NumPy would need it",
             hint=SCALAR_CURES.get(name, _COUNTERPARTS))  # fmt: skip

    def __reduce_ex__(self, protocol: Any) -> Any:
        _refuse(
            self,
            "TA121",
            "cannot be pickled or copied",
            "it means something only while its kernel is traced",
            hint="a value never changes, so x itself will do; return it to use it after the call",
        )


_COUNTERPARTS = "the functions of ta work on single values, and np.exp(x), np.sqrt(x), ... call them"


def absent(what: str, name: str, known: tuple[str, ...], cure: str | None = None) -> NoReturn:
    """Refuse an attribute that `what` has not; ``hasattr`` and ``getattr`` with a default go on."""
    near = nearest(name, known)
    raise TraceAttributeError(
        "TA121",
        f"{what} has no {name!r}",
        place=spot_of(caller_frame()).place,
        because=[f"it has {', '.join(known)}"],
        hint=f"did you mean {near!r}?" if near else cure or SCALAR_CURES.get(name, _COUNTERPARTS),
    )


def article(item: object) -> str:
    """What kind of thing `item` is: ``a str``, ``an int``."""
    kind = "None" if item is None else _CLASSES.get(type(item).__name__, type(item).__name__)
    return kind if item is None else f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"


def _refuse(item: Valueless, code: str, what: str, *because: str, hint: str | None = None) -> NoReturn:
    recorder = item._check()
    grid = _grid_of(item._expr, recorder)
    if grid is not None:
        raise NeedsPlace(grid)
    fail(code, f"the traced value {describe(item)} {what}", *because, hint=hint)


def _grid_of(expr: Expr, recorder: Recorder) -> object | None:
    """The grid of processes whose place alone says what a value is."""
    its, found = iters_of(expr), loads_of(expr)
    if not its or found or not its <= recorder.grids.keys() or any(isinstance(e, Ref) for e in walk(expr)):
        return None
    return recorder.grids[next(iter(its))]


def describe(item: Valueless) -> str:
    """A short text for a value in a message: ``'i'``, or its type and the line that made it."""
    expr = item._expr
    if isinstance(expr, IterRef):
        return repr(expr.iter.name)
    if isinstance(expr, Ref):
        made = f" of {item._place.short}" if item._place is not None else ""
        return f"({expr.dtype}{made})"
    from tracealloc.trace.ir.text import expr_text

    return repr(expr_text(expr))


def refuse_use(item: Any, scope: Any, recorder: Recorder) -> NoReturn:
    """Explain why a proxy cannot be used here: its scope is closed, or another trace is active."""
    now = active()
    made = item._place
    what = describe(item) if isinstance(item, Valueless) else repr(item._label())
    where = f", made at {made.short}," if made is not None else ""
    if recorder.thread != threading.get_ident():
        fail(
            "TA118",
            f"{what}{where} belongs to kernel {recorder.name!r}, which another thread traces",
            hint="a kernel is traced by the thread that calls it, all of it",
        )
    if now is None or not recorder.scope.alive:
        fail(
            "TA117",
            f"{what}{where} belongs to a trace of {recorder.name!r} that has ended",
            "a traced value means something only while its kernel is traced",
            hint="return it from the kernel, or store it in an array",
        )
    if recorder is not now:
        fail(
            "TA118",
            f"{what}{where} belongs to kernel {recorder.name!r} and is used while {now.name!r} is traced",
            hint="pass it to the kernel as an argument",
        )
    if scope.kind == "loop":
        fail(
            "TA104",
            f"{what}{where} is used outside the iteration of loop {scope.label!r} that it belongs to",
            f"the loop at {scope.place.short} runs many times; which iteration's value is meant is not known",
            hint="store it: acc = ta.scalar(dtype, init) before the loop, acc.set(value) in it, acc after it",
        )
    fail(
        "TA104",
        f"{what}{where} is used after the {scope.label} block that it belongs to",
        "the block may not run, and then the value does not exist",
        hint="store it: acc = ta.scalar(dtype, init) before the block, acc.set(value) in it",
    )
