"""What a traced array refuses: all that would take it as a whole, or its contents while tracing."""

from __future__ import annotations

from typing import Any, NoReturn

from tracealloc.trace.diagnostics.cures import numpy_cure
from tracealloc.trace.ir.program import Region
from tracealloc.trace.proxies.refusals import absent
from tracealloc.trace.record.recorder import Recorder, fail

__all__ = ["NoWhole"]

_ARRAY_NAMES = ("dtype", "ndim", "shape", "size")


class NoWhole:
    """An array whose elements are used one by one; each refusal says what to write instead."""

    __slots__ = ()

    def _check(self) -> Recorder:
        raise NotImplementedError

    def _label(self) -> str:
        raise NotImplementedError

    def _region(self) -> Region:
        raise NotImplementedError

    def _refuse(self, what: str, *because: str, hint: str | None = None) -> NoReturn:
        self._check()
        fail("TA121", f"the traced array {self._label()!r} {what}", *because, hint=hint)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"a traced array has no attribute {name!r}")
        self._check()
        absent(f"the traced array {self._label()!r}", name, _ARRAY_NAMES, numpy_cure(name, self))

    def __setattr__(self, name: str, item: Any) -> None:
        if not name.startswith("_"):
            self._refuse(
                f"has no {name!r} that could be changed",
                "its shape and type are fixed while tracing",
                hint=f"A[i] = v stores an element; s.reshape({self._label()}, shape) and s.cast("
                f"{self._label()}, dtype) of a schedule change how it is kept",
            )
        object.__setattr__(self, name, item)

    def __array_function__(self, function: Any, _types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if name in ("shape", "ndim", "size") and len(args) == 1 and not kwargs:
            return getattr(self, name)
        return self._refuse(f"has no elements that np.{name} could use", "NumPy runs while tracing",
                     hint=numpy_cure(name, self))  # fmt: skip

    def __array_ufunc__(self, function: Any, method: str, *_inputs: Any, **_options: Any) -> Any:
        call = f"np.{function.__name__}" + ("" if method == "__call__" else f".{method}")
        self._refuse(f"has no elements that {call} could use", "NumPy runs while tracing",
                     hint=numpy_cure("sum" if method == "reduce" else function.__name__, self))  # fmt: skip

    def __reduce_ex__(self, protocol: Any) -> Any:
        self._refuse("cannot be copied or pickled", "it is the array itself, known by its name",
                     hint=numpy_cure("copy", self))  # fmt: skip

    def _arithmetic(self, *_args: Any, **_options: Any) -> NoReturn:
        self._refuse(
            "has no arithmetic as a whole", "a kernel says what happens to each element",
            hint="loop over the elements: for i in ta.range(len(A)): C[i] = A[i] + B[i]",
        )  # fmt: skip

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _arithmetic
    __pos__ = __divmod__ = __rdivmod__ = __rlshift__ = __rrshift__ = _arithmetic
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _arithmetic
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rshift__ = _arithmetic
    __neg__ = __abs__ = __invert__ = __lt__ = __le__ = __gt__ = __ge__ = _arithmetic

    def _product(self, *_args: Any) -> NoReturn:
        self._refuse(
            "has no arithmetic as a whole", "a kernel says what happens to each element",
            hint="loop over the elements: for i, j, k in grid(M, N, K): C[i, j] += A[i, k] * B[k, j]",
        )  # fmt: skip

    __matmul__ = __rmatmul__ = _product

    def __format__(self, spec: str) -> str:
        if spec:
            self._refuse(f"cannot be formatted as {spec!r}", "it has no contents while tracing",
                         hint="kernel.python(...) runs the body on arrays")  # fmt: skip
        return repr(self)

    def __delitem__(self, key: Any) -> NoReturn:
        self._refuse("has a fixed extent; its elements cannot be deleted", "its shape is constant",
                     hint="a slice leaves elements out: A[2:6]")  # fmt: skip

    def __eq__(self, other: object) -> bool:
        if other is None:
            return NotImplemented  # A == None is false in Python
        return self._arithmetic()

    def __ne__(self, other: object) -> bool:
        return self.__eq__(other)

    def __hash__(self) -> int:
        self._refuse("cannot be a key of a dict or a set", "it exists only while its kernel is traced",
                     hint="arrays are called by their names: {'A': A}")  # fmt: skip

    def __bool__(self) -> bool:
        self._refuse(
            "is neither true nor false", "it has many elements", hint="test an element: if A[i] > 0:"
        )

    def __iter__(self) -> Any:
        self._refuse("cannot be iterated over", "Python would run the loop while tracing",
                     hint="for i in ta.range(len(A)): ... A[i] ...")  # fmt: skip

    __reversed__ = __iter__

    def __contains__(self, item: object) -> bool:
        self._refuse(
            "cannot be searched with 'in'",
            "its elements have no value while tracing",
            hint="compare the elements in a loop",
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        recorder = self._check()
        if recorder.runs:
            import numpy as np

            return np.asarray(recorder.contents(self._region()), *args, **kwargs)
        return self._refuse("cannot become a NumPy array", "it has no contents while tracing",
                     hint="read elements in a loop: A[i]; ta.zeros makes an array of the kernel")  # fmt: skip

    def __index__(self) -> int:
        self._refuse(
            "cannot be used where Python needs an int", "it has many elements", hint="read an element: A[i]"
        )

    def __float__(self) -> float:
        self._refuse("cannot be a float", "it has many elements", hint="read an element: A[i]")
