"""Kernels as ordinary Python: an oracle that shares nothing with the tracer.

`run_plain(kernel, *arrays)` runs the kernel's own Python function on NumPy arrays, element by element.
The names that a kernel looks up (`ta`, `grid`, other kernels, its module's helper functions) are
replaced in a copy of the function: `ta.range` becomes a plain loop, `ta.zeros` a plain array, and so on.
Every number is a `Value` with its type, so that integers are exact, stores wrap, and floating-point
operations round as their type says. An index outside an array, a negative one included, is an
`IndexError`; `with ta.when(c)` runs its body with stores switched off where `c` is false.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import itertools
import operator
import types
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from typing import Any

import numpy as np

from tests.plain_numpy import container, dtype_of, from_numpy, round_in_place, to_numpy
from tests.plain_value import (
    MATH,
    METHODS,
    Value,
    active,
    binary,
    bit_range,
    convert,
    float_class,
    from_bits,
    is_number,
    lift,
    to_bits,
)
from tracealloc.trace.ir import dtype as types_of
from tracealloc.trace.ir.dtype import ArrayType, DType, Fixed, Float, Struct

__all__ = ["PlainArray", "PlainScalar", "Value", "convert", "plain", "run_plain"]

# ----------------------------------------------------------------------------------------------- arrays


class PlainScalar(Value):
    """A mutable number, `ta.scalar`; the in-place operators update it."""

    __slots__ = ()

    @property
    def value(self) -> Value:
        return Value(self.number, self.dtype)

    def set(self, item: Any) -> None:
        if active[-1]:
            self.number = convert(lift(item).number, self.dtype)

    def __getitem__(self, key: Any) -> Value:
        return self.value if key in ((), ...) else self.value[key]

    def __setitem__(self, key: Any, item: Any) -> None:
        if not isinstance(key, slice | Value | int) and key in ((), ...):
            self.set(item)
        else:
            self.set(_with_bits(self.value, key, item))


def _in_place(op: str) -> Callable[[PlainScalar, Any], PlainScalar]:
    def method(self: PlainScalar, other: Any) -> PlainScalar:
        self.set(binary(op, self, other))
        return self

    return method


for _name, _op in METHODS.items():
    setattr(PlainScalar, f"__i{_name}__", _in_place(_op))


def _with_bits(old: Value, key: Any, item: Any) -> Value:
    low, width = bit_range(key, old.dtype)
    mask = ((1 << width) - 1) << low
    bits = (to_bits(old) & ~mask) | ((int(lift(item).number) << low) & mask)
    return Value(from_bits(bits, old.dtype), old.dtype)


class PlainElement(Value):
    """An element that was read; storing to its bits stores to the array."""

    __slots__ = ("array", "key")

    def __init__(self, number: Any, array: PlainArray, key: Any) -> None:
        super().__init__(number, array.dtype)
        self.array = array
        self.key = key

    @property
    def value(self) -> Value:
        return Value(self.number, self.dtype)

    def __setitem__(self, bits: Any, item: Any) -> None:
        self.array[self.key] = _with_bits(self.array[self.key].value, bits, item)


class PlainArray:
    """A NumPy array whose elements are read as `Value` and stored as their type converts."""

    def __init__(self, data: np.ndarray, dtype: DType) -> None:
        self.data = data
        self.dtype = dtype

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)

    def __len__(self) -> int:
        return len(self.data)

    def _key(self, key: Any) -> tuple[Any, ...]:
        parts = key if isinstance(key, tuple) else (key,)
        found: list[Any] = []
        for part, extent in zip(parts, self.data.shape, strict=False):
            if isinstance(part, slice):
                start = 0 if part.start is None else operator.index(part.start)
                stop = extent if part.stop is None else operator.index(part.stop)
                part = slice(start, stop)
                inside = 0 <= start <= stop <= extent
            else:
                part = operator.index(part)
                inside = 0 <= part < extent
            if not inside:
                if active[-1]:
                    raise IndexError(f"index {part} of extent {extent}")
                part = 0
            found.append(part)
        if len(parts) > self.data.ndim:
            raise IndexError(f"{len(parts)} indices for {self.data.ndim} dimensions")
        return tuple(found)

    def __getitem__(self, key: Any) -> Any:
        if key is Ellipsis:
            return self
        item = self.data[self._key(key)]
        if isinstance(item, np.ndarray) and item.ndim:
            return PlainArray(item, self.dtype)
        if isinstance(self.dtype, Struct):
            return PlainRecord(self.data[self._key(key)], self.dtype)
        return PlainElement(from_numpy(item, self.dtype), self, key)

    def __setitem__(self, key: Any, item: Any) -> None:
        if isinstance(item, PlainArray):
            if item.data is not self.data and item.data.base is not self.data:
                raise TypeError("an array cannot be stored as an element")
            return
        if isinstance(item, PlainRecord):
            if active[-1]:
                self.data[self._key(key)] = item.data
            return
        place = self._key(key)
        if len(place) != self.data.ndim:
            raise TypeError("a number cannot be stored to a view")
        number = convert(lift(item, self._like()).number, self.dtype)
        if active[-1]:
            self.data[place] = to_numpy(number, self.dtype)

    def _like(self) -> Value:
        return Value(0, self.dtype)


class PlainStream:
    """A queue of numbers, or of records."""

    def __init__(self, items: Any, dtype: DType) -> None:
        self.items = items
        self.dtype = dtype

    def get(self) -> Any:
        if isinstance(self.dtype, Struct):
            record = np.empty((), container(self.dtype))
            record[()] = tuple(self.items.popleft())
            return PlainRecord(record, self.dtype)
        return Value(from_numpy(self.items.popleft(), self.dtype), self.dtype)

    def put(self, item: Any) -> None:
        if isinstance(item, PlainRecord):
            if active[-1]:
                self.items.append(item.data.tolist())
            return
        number = convert(lift(item, Value(0, self.dtype)).number, self.dtype)
        if active[-1]:
            self.items.append(to_numpy(number, self.dtype))


class PlainStreams:
    """An array of queues."""

    def __init__(self, shape: tuple[int, ...], dtype: DType) -> None:
        self.queues = {place: PlainStream(deque(), dtype) for place in np.ndindex(*shape)}

    def __getitem__(self, key: Any) -> PlainStream:
        places = key if isinstance(key, tuple) else (key,)
        return self.queues[tuple(operator.index(place) for place in places)]


class PlainRecord:
    """One record of an array of structs; fields are attributes."""

    __slots__ = ("data", "dtype")

    def __init__(self, data: Any, dtype: Struct) -> None:
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "dtype", dtype)

    def __getattr__(self, name: str) -> Any:
        inner = self.dtype.field_type(name)
        if inner is None:
            raise AttributeError(name)
        if isinstance(inner, Struct):
            return PlainRecord(self.data[name], inner)
        return Value(from_numpy(self.data[name], inner), inner)

    def __setattr__(self, name: str, item: Any) -> None:
        inner = self.dtype.field_type(name)
        if inner is None:
            raise AttributeError(name)
        if isinstance(item, PlainRecord):
            return
        number = convert(lift(item, Value(0, inner)).number, inner)
        if active[-1]:
            self.data[name] = to_numpy(number, inner)


# ------------------------------------------------------------------------------------- the `ta` namespace


def _indices(bounds: tuple[Any, ...]) -> Iterator[Value]:
    for number in builtins.range(*(operator.index(bound) for bound in bounds)):
        yield Value(number, types_of.index)


_last_condition = [True]
_states: dict[Any, PlainArray] = {}


def _before(x: Value, y: Value) -> bool:
    """Whether NumPy takes `x` as the lesser: of equal ones the second, of float16 the first."""
    half = types_of.union_type(x.dtype, y.dtype) == types_of.float16
    return bool(x <= y if half else x < y)


class PlainNamespace:
    """What `ta` is in a kernel that runs as plain Python; types come from the real package."""

    abs = staticmethod(lambda x: abs(lift(x)))

    @staticmethod
    def grid(*extents: Any, name: str | None = None) -> Iterator[Any]:
        if len(extents) == 1:
            yield from _indices(extents)
            return
        yield from itertools.product(*(list(_indices((extent,))) for extent in extents))

    reduction = processes = grid
    dataflow = staticmethod(nullcontext)

    @staticmethod
    def range(*bounds: Any, name: str | None = None) -> Iterator[Value]:
        return _indices(bounds)

    @staticmethod
    def zeros(shape: Any, dtype: DType) -> PlainArray:
        return PlainNamespace.full(shape, 0, dtype)

    @staticmethod
    def empty(shape: Any, dtype: DType) -> PlainArray:
        # A value that shows when it is read before it is written.
        garbage = float("nan") if isinstance(dtype, Float) else 0x5555555555555555
        return PlainNamespace.full(shape, garbage, dtype)

    @staticmethod
    def full(shape: Any, fill: Any, dtype: DType) -> PlainArray:
        data = np.zeros(shape, container(dtype))
        if not isinstance(dtype, Struct):
            data[...] = to_numpy(convert(lift(fill).number, dtype), dtype)
        return PlainArray(data, dtype)

    @staticmethod
    def constant(data: Any, dtype: DType | None = None) -> PlainArray:
        array = np.asarray(data)
        dtype = dtype or dtype_of(array)
        if isinstance(dtype, Fixed):
            array = np.vectorize(lambda x: to_numpy(convert(Fraction(x), dtype), dtype))(array)
        return PlainArray(array.astype(container(dtype)), dtype)

    @staticmethod
    def state(first: Any, dtype: DType) -> PlainArray:
        """An array that lives across calls: of one run, and told apart by the line that makes it."""
        frame = inspect.currentframe()
        assert frame is not None and frame.f_back is not None
        key = id(frame.f_back.f_globals), frame.f_back.f_lasti  # each kernel has globals of its own
        if key not in _states:
            shape = isinstance(first, int | tuple)
            _states[key] = (
                PlainNamespace.zeros(first, dtype) if shape else PlainNamespace.constant(first, dtype)
            )
        return _states[key]

    @staticmethod
    def scalar(dtype: DType, init: Any = 0) -> PlainScalar:
        return PlainScalar(convert(lift(init).number, dtype), dtype)

    @staticmethod
    def where(cond: Any, then: Any, orelse: Any) -> Value:
        return PlainNamespace._choose(bool(cond), then, orelse)

    @staticmethod
    def minimum(a: Any, b: Any) -> Value:
        x, y = lift(a, b), lift(b, a)
        return PlainNamespace._choose(bool(x != x) or _before(x, y), a, b)

    @staticmethod
    def maximum(a: Any, b: Any) -> Value:
        x, y = lift(a, b), lift(b, a)
        return PlainNamespace._choose(bool(x != x) or _before(y, x), a, b)

    @staticmethod
    def _choose(first: bool, a: Any, b: Any) -> Value:
        x, y = lift(a, b), lift(b, a)
        dtype = types_of.union_type(x.dtype, y.dtype)
        assert dtype is not None
        return (x if first else y).astype(dtype)

    @staticmethod
    def stream(dtype: DType, depth: int | None = None, shape: Any = ()) -> PlainStream | PlainStreams:
        shape = shape if isinstance(shape, tuple) else (shape,)
        return PlainStreams(shape, dtype) if shape else PlainStream(deque(), dtype)

    @staticmethod
    def while_loop(cond: Callable[[], Any], body: Callable[[], Any], name: str = "while") -> None:
        while active[-1] and cond():
            body()

    @staticmethod
    @contextmanager
    def when(cond: Any) -> Iterator[None]:
        holds = bool(cond)
        active.append(active[-1] and holds)
        try:
            yield
        finally:
            active.pop()
            _last_condition[0] = holds

    @staticmethod
    def otherwise() -> Any:
        return PlainNamespace.when(not _last_condition[0])

    def __getattr__(self, name: str) -> Any:
        import tracealloc

        return getattr(tracealloc, name)


for _name, _function in MATH.items():
    setattr(PlainNamespace, _name, staticmethod(_function))


# ---------------------------------------------------------------------------------------------- running


def _replacement(item: Any, done: dict[int, Any]) -> Any:
    """What stands for a global or a closure value in the plain copy of a function."""
    import tracealloc

    if item is tracealloc:
        return PlainNamespace()
    name = getattr(item, "__name__", None)
    if isinstance(name, str) and getattr(tracealloc, name, None) is item and hasattr(PlainNamespace, name):
        return getattr(PlainNamespace, name)
    inner = getattr(item, "function", None)
    if isinstance(inner, types.FunctionType):
        return _patched(inner, done, callee=True)
    if isinstance(inner, types.MethodType):
        # A copy for each object: what it keeps is its own.
        own = done.setdefault(id(inner.__self__), {})
        return functools.partial(_patched(inner.__func__, own, callee=True), inner.__self__)
    if isinstance(item, types.FunctionType) and not item.__module__.startswith(("tracealloc", "numpy")):
        return _patched(item, done, callee=False)
    return item


def _patched(function: types.FunctionType, done: dict[int, Any], callee: bool) -> Callable[..., Any]:
    key = id(function)
    if key not in done:
        scope: dict[str, Any] = {}
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        copy = types.FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__, cells or None
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        done[key] = copy
        used = _names(function.__code__)
        for name, item in function.__globals__.items():
            scope[name] = _replacement(item, done) if name in used else item
        for cell, new in zip(function.__closure__ or (), cells, strict=True):
            new.cell_contents = _replacement(cell.cell_contents, done)
    copy = done[key]
    return _typed_call(function, copy) if callee else copy


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _annotations(function: types.FunctionType) -> dict[str, Any]:
    found = dict(function.__annotations__)
    scope = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        scope[name] = cell.cell_contents
    for name, item in found.items():
        if isinstance(item, str):
            try:
                found[name] = eval(item, scope)
            except NameError:  # a name that only the annotation uses is in no closure
                found[name] = None
    return found


def _typed_call(function: types.FunctionType, copy: Callable[..., Any]) -> Callable[..., Any]:
    """`copy` with its arguments wrapped as the annotations say."""
    annotations = _annotations(function)
    names = function.__code__.co_varnames[: function.__code__.co_argcount]

    def call(*args: Any) -> Any:
        wrapped = [_wrap(arg, annotations.get(name)) for name, arg in zip(names, args, strict=False)]
        return copy(*wrapped)

    return call


def _wrap(arg: Any, declared: Any) -> Any:
    dtype = declared.dtype if isinstance(declared, ArrayType) else declared
    if isinstance(arg, PlainArray):
        return arg
    if isinstance(arg, deque):
        return PlainStream(arg, declared.dtype)
    if isinstance(arg, np.ndarray) and arg.ndim:
        dtype = dtype if isinstance(dtype, DType) else dtype_of(arg)
        round_in_place(arg, dtype)
        return PlainArray(arg, dtype)
    if isinstance(dtype, Float) and not isinstance(arg, Value):
        return Value(float_class(dtype)(arg), dtype)
    if isinstance(dtype, Fixed) and not isinstance(arg, Value):
        return Value(from_numpy(arg, dtype), dtype)
    if isinstance(dtype, DType) and not isinstance(dtype, Struct):
        return Value(convert(lift(arg).number, dtype), dtype)
    return lift(arg) if is_number(arg) else arg


def _unwrap(result: Any) -> Any:
    if isinstance(result, tuple | list):
        return tuple(_unwrap(item) for item in result)
    if isinstance(result, PlainArray):
        return result.data
    return to_numpy(result.value.number, result.value.dtype) if isinstance(result, Value) else result


def plain(kernel: Any) -> Callable[..., Any]:
    """A callable that runs `kernel` (a kernel or its Python function) as plain Python, in place.

    What the kernel keeps (`ta.state`) it keeps until the next one is made.
    """
    function = getattr(kernel, "function", kernel)
    owner = ()
    if isinstance(function, types.MethodType):
        function, owner = function.__func__, (function.__self__,)
    call = _patched(function, {}, callee=True)
    _states.clear()

    def run(*args: Any) -> Any:
        return _unwrap(call(*owner, *args))

    return run


def run_plain(kernel: Any, *args: Any) -> Any:
    """Run `kernel` as plain Python on NumPy arrays, in place; what it returns, as NumPy arrays."""
    return plain(kernel)(*args)
