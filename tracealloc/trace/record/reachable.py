"""What a body can change outside the record: all that is reached from the names in its code.

The walk starts at a frame's variables, or at a function, and follows what they hold: containers,
attributes and slots, closures, default values, the functions called by name with the global variables,
modules and classes that they name, bound methods, generators, iterators. What has slots that can be
written is a `Space` of names and values. What has none (an iterator, a random generator, a buffer) is
compared as a whole, by what a pickle of it would hold. Code of the standard library, NumPy and this
package is not followed; its objects are.
"""

from __future__ import annotations

import contextvars
import functools
import io
import sys
import threading
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FrameType
from typing import Any

from tracealloc.trace.record.mutable_places import (
    Attributes,
    Cells,
    ClassVariables,
    Contents,
    Elements,
    Items,
    Named,
    Slots,
    Space,
    Variables,
    Whole,
    slots_of,
)

__all__ = ["PLAIN", "Identity", "Reach"]

PLAIN = (int, float, complex, str, bytes, type(None), range, slice)
_EXACT = frozenset((*PLAIN, bool, types.EllipsisType, types.NotImplementedType, CodeType))
_ELEMENTS = 20_000  # of one container; a larger one is told by its length
_OBJECTS = 50_000  # in one walk
_BYTES = 1 << 20
# What only says what happens, or keeps what it found: changes of it are nobody's state.
_QUIET_NAMES = """
    builtins tracealloc sys logging warnings threading _thread time re inspect linecache typing abc _abc
    functools importlib
"""
_QUIET = frozenset(_QUIET_NAMES.split())
_LIBRARY = frozenset((*sys.stdlib_module_names, "tracealloc", "numpy")) - {"__main__"}
_TELLING = ("qsize", "digest", "line_num")  # of queues, hashes and readers in C
_LRU: type = type(functools.lru_cache(lambda: None))


def _top(item: Any) -> str:
    module = getattr(item, "__module__", None)
    return module.partition(".")[0] if isinstance(module, str) else ""


@functools.cache
def names_in(code: CodeType) -> frozenset[str]:
    """The names that a code object, or one inside it, mentions; texts that could be names, too."""
    found = set(code.co_names)
    for part in code.co_consts:
        if isinstance(part, str) and part.isidentifier():
            found.add(part)
        elif isinstance(part, CodeType):
            found |= names_in(part)
    return frozenset(found)


class Identity:
    """An object, told from others by identity; it lives as long as what it is part of."""

    __slots__ = ("item",)

    def __init__(self, item: object) -> None:
        self.item = item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and other.item is self.item

    def __hash__(self) -> int:
        return id(self.item)


class Reach:
    """The spaces that are reached; `opaque` are types of objects that a body may change as it likes."""

    def __init__(self, opaque: tuple[type, ...]) -> None:
        self.opaque = opaque
        self.spaces: list[Space] = []
        self.names: set[str] = set()
        self._seen: dict[int, object] = {}
        self._queue: deque[tuple[str, Any]] = deque()
        self._owners: list[tuple[str, Any]] = []  # modules and classes: only what is named is reached
        self._memos: list[tuple[str, Any]] = []

    def frame(self, frame: FrameType) -> Reach:
        """Start at the variables of a frame, and the global ones that its code names."""
        self._space(Variables(frame))
        self._code(frame.f_code, frame.f_globals)
        return self._walk()

    def roots(self, items: Iterable[tuple[str, Any]]) -> Reach:
        """Start at some objects."""
        for label, item in items:
            self.add(label, item)
        return self._walk()

    def add(self, label: str, item: Any) -> None:
        """Look at `item` later, unless it cannot change."""
        if type(item) in _EXACT or id(item) in self._seen or isinstance(item, self.opaque):
            return
        if len(self._seen) < _OBJECTS:
            self._seen[id(item)] = item
            self._queue.append((label, item))

    def _walk(self) -> Reach:
        known = -1
        while self._queue or known != len(self.names):
            while self._queue:
                self._inside(*self._queue.popleft())
            known = len(self.names)
            for label, owner in self._owners:
                self._named_parts(label, owner)
        if {"cache_info", "cache_parameters"} & self.names:
            for label, memo in self._memos:
                self._whole(label, memo, functools.partial(_counts, memo))
        for label, owner in self._owners:
            if isinstance(owner, types.ModuleType):
                self.spaces.append(Named(label, vars(owner), frozenset(self.names), imported=True))
        return self

    def _space(self, space: Space) -> None:
        self.spaces.append(space)
        for key, item in space.first.items():
            if type(item) not in _EXACT:
                self.add(space.name(key), item)

    def _whole(self, label: str, item: Any, read: Callable[[], Any]) -> None:
        self.spaces.append(Whole(label, item, read))

    def _code(self, code: CodeType, variables: dict[str, Any]) -> None:
        names = names_in(code)
        self.names |= names
        self._space(Named("", variables, names))
        for name in sorted(names & variables.keys()):
            if isinstance(variables[name], types.ModuleType):
                self.add(name, variables[name])

    # -- one object ----------------------------------------------------------------------------------

    def _inside(self, label: str, item: Any) -> None:
        for kinds, visit in _VISITS:
            if isinstance(item, kinds):
                visit(self, label, item)
                return
        self._object(label, item)

    def _elements(self, label: str, item: Any) -> None:
        for number, part in enumerate(item):
            if number >= _ELEMENTS:
                break
            if type(part) not in _EXACT:
                self.add(f"{label}[{number}]", part)
        self._attributes(label, item)

    def _container(self, label: str, item: Any) -> None:
        if len(item) <= _ELEMENTS:
            self._space(Items(label, item))
        else:
            self._whole(label, item, lambda: len(item))
        self._attributes(label, item)

    def _function(self, label: str, item: types.FunctionType) -> None:
        if str(item.__globals__.get("__name__")).partition(".")[0] in _LIBRARY:
            # What `functools.wraps` gives a user's name to: a context manager, a dispatching function.
            self.add(label, getattr(item, "__wrapped__", None))
            self.add(label, tuple(getattr(item, "registry", {}).values()))
            return
        self._code(item.__code__, item.__globals__)
        if item.__closure__:
            self._space(Cells(label, item))
        for part in (item.__defaults__, item.__kwdefaults__):
            self.add(f"{label}.__defaults__", part)
        self._space(Attributes(label, item))

    def _method(self, label: str, item: Any) -> None:
        self.add(f"{label}.__self__", item.__self__)
        self.add(f"{label}.__func__", getattr(item, "__func__", None))

    def _builtin(self, label: str, item: Any) -> None:
        if not isinstance(item.__self__, types.ModuleType | type):
            self.add(f"{label}.__self__", item.__self__)

    def _descriptor(self, label: str, item: Any) -> None:
        for part in ("__func__", "fget", "fset", "func", "__wrapped__"):
            self.add(label, getattr(item, part, None))

    def _partial(self, label: str, item: functools.partial[Any]) -> None:
        for part in (item.func, item.args, item.keywords):
            self.add(label, part)

    def _reference(self, label: str, item: weakref.ref[Any]) -> None:
        self.add(label, item())

    def _view(self, label: str, item: Any) -> None:
        mapping = getattr(item, "mapping", item)
        if len(mapping) <= _ELEMENTS:
            self._whole(label, item, lambda: dict(mapping))
            self._elements(label, list(mapping.values()))

    def _memo(self, label: str, item: Any) -> None:
        self._memos.append((label, item))
        self.add(label, item.__wrapped__)

    def _variable(self, label: str, item: contextvars.ContextVar[Any]) -> None:
        self._whole(label, item, lambda: item.get(None))
        self.add(label, item.get(None))

    def _generator(self, label: str, item: Any) -> None:
        prefix = next(name for name in ("gi", "cr", "ag") if hasattr(item, f"{name}_frame"))

        def read() -> Any:
            frame = getattr(item, f"{prefix}_frame")
            return None if frame is None else (frame.f_lasti, _frozen(dict(frame.f_locals)))

        self._whole(label, item, read)
        frame = getattr(item, f"{prefix}_frame")
        if frame is not None:
            self._code(frame.f_code, frame.f_globals)
            for name, part in frame.f_locals.items():
                self.add(f"{label}.{name}", part)

    def _owner(self, label: str, item: Any) -> None:
        if isinstance(item, type):
            if _top(item) in _LIBRARY:
                return
            self._space(ClassVariables(label, item))
            for base in (*item.__mro__[1:], type(item)):
                self.add(base.__name__, base)
        elif item.__name__.partition(".")[0] in _QUIET:
            return
        self._owners.append((label, item))

    def _named_parts(self, label: str, owner: Any) -> None:
        """What code can reach of a module or a class: what it names, and what operators call."""
        for name, part in list(vars(owner).items()):
            special = isinstance(owner, type) and name.startswith("__") and callable(part)
            if (name in self.names or special) and type(part) not in _EXACT:
                self.add(f"{label}.{name}", part)

    def _array(self, label: str, item: Any) -> None:
        if item.dtype == object and item.size <= _ELEMENTS:
            self._space(Elements(label, item))
        elif item.nbytes <= _BYTES and item.flags.writeable and not item.dtype.hasobject:
            self.spaces.append(Contents(label, item))

    def _buffer(self, label: str, item: Any) -> None:
        self._whole(label, item, lambda: _bytes_of(item))

    def _object(self, label: str, item: Any) -> None:
        kind: Any = type(item)
        if _top(kind) in _QUIET and not isinstance(item, BaseException):
            if kind.__module__ == "builtins" and hasattr(kind, "__next__"):
                self._pickled(label, item)
            return
        self._attributes(label, item)
        if isinstance(item, io.IOBase) and not hasattr(item, "getvalue"):
            self._whole(label, item, lambda: _position(item))
        elif _has_buffer(kind):
            self._buffer(label, item)
        else:
            self._pickled(label, item)
        self.add(kind.__name__, kind)

    def _attributes(self, label: str, item: Any) -> None:
        kind: Any = type(item)
        if isinstance(getattr(item, "__dict__", None), dict):
            self._space(Attributes(label, item))
        if slots_of(kind):
            self._space(Slots(label, item))
        if isinstance(item, BaseException):
            self._whole(label, item, lambda: item.args)
        if kind not in (tuple, list, dict, set, frozenset, deque):
            self.add(kind.__name__, kind)

    def _pickled(self, label: str, item: Any) -> None:
        kind: Any = type(item)
        if _pickles(kind):
            self._whole(label, item, lambda: _frozen(item))
            for part in _parts(item):
                self.add(label, part)
        elif _top(kind) in _LIBRARY:
            self._whole(label, item, lambda: _told_by(item, _TELLING))


_GENERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_VIEWS: tuple[type, ...] = (types.MappingProxyType, type({}.keys()), type({}.values()), type({}.items()))


class _NumpyMeta(type):
    def __instancecheck__(cls, item: object) -> bool:
        return type(item).__module__ == "numpy"


class _Numpy(metaclass=_NumpyMeta):
    """Every object of NumPy's own module, without importing it."""


def _numpy(reach: Reach, label: str, item: Any) -> None:
    if hasattr(item, "tobytes") and hasattr(item, "flags") and getattr(item, "shape", ()) != ():
        reach._array(label, item)
    elif isinstance(getattr(item, "__dict__", None), dict):  # of a class in Python, such as np.vectorize
        reach._attributes(label, item)
    elif hasattr(item, "__next__"):
        reach._whole(label, item, lambda: _told_by(item, ("index", "iterindex")))


_VISITS: tuple[tuple[Any, Callable[[Reach, str, Any], None]], ...] = (
    (_Numpy, _numpy),
    (types.FunctionType, Reach._function),
    (types.MethodType, Reach._method),
    ((types.BuiltinFunctionType, types.MethodWrapperType), Reach._builtin),
    ((type, types.ModuleType), Reach._owner),
    ((tuple, frozenset), Reach._elements),
    ((list, dict, set, deque, bytearray), Reach._container),
    ((staticmethod, classmethod, property, functools.cached_property), Reach._descriptor),
    (functools.partial, Reach._partial),
    (_LRU, Reach._memo),
    (weakref.ref, Reach._reference),
    (contextvars.ContextVar, Reach._variable),
    (_VIEWS, Reach._view),
    (_GENERATORS, Reach._generator),
    (memoryview, Reach._buffer),
    (threading.local, Reach._attributes),
)


# -- what has no slots -------------------------------------------------------------------------------


def _counts(memo: Any) -> tuple[int, ...]:
    return tuple(memo.cache_info())


@functools.cache
def _pickles(kind: Any) -> bool:
    """Whether a class of the standard library or of NumPy says what a pickle of `kind` holds."""
    for base in kind.__mro__:
        own = {"__reduce__", "__reduce_ex__", "__getstate__"} & vars(base).keys()
        if own and base is not object:
            return _top(base) in _LIBRARY
    return False


@functools.cache
def _has_buffer(kind: Any) -> bool:
    import ctypes

    data = (ctypes.Structure, ctypes.Union, ctypes.Array, ctypes.c_int.__mro__[1])
    return kind.__module__ in ("array", "mmap") or issubclass(kind, data)


def _told_by(item: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """What some attributes or methods say of an object that does not pickle."""
    found = []
    for name in names:
        try:
            value = getattr(item, name, None)
            found.append(value() if callable(value) else value)
        except (ValueError, TypeError):  # an iterator that does not count, or has ended
            continue
    return tuple(found)


def _bytes_of(item: Any) -> Any:
    try:
        view = memoryview(item)
    except (TypeError, ValueError):
        return None
    return view.tobytes() if view.nbytes <= _BYTES else None


def _position(item: Any) -> Any:
    """Where a file is read; what is written to one is nobody's state."""
    try:
        return item.tell() if item.readable() and item.seekable() else None
    except (OSError, ValueError):
        return None


def _parts(item: Any) -> Iterator[Any]:
    """The objects that an iterator of the standard library goes through."""
    if not hasattr(item, "__next__"):
        return
    try:
        found = item.__reduce__()
    except Exception:
        return
    yield from (part for part in found[1] if not isinstance(part, PLAIN)) if len(found) > 1 else ()


def _frozen(item: Any, depth: int = 0) -> Any:
    """What tells an object from itself after a change, as far as a pickle would."""
    kind: Any = type(item)
    if kind in _EXACT:
        return item
    if depth > 8:
        return Identity(item)
    if isinstance(item, tuple | list) and len(item) <= _ELEMENTS:
        return kind, tuple(_frozen(part, depth + 1) for part in item)
    if isinstance(item, dict) and len(item) <= _ELEMENTS:
        return kind, tuple((_frozen(k, depth + 1), _frozen(v, depth + 1)) for k, v in item.items())
    if kind.__module__ == "numpy" and hasattr(item, "tobytes"):
        return item.tobytes() if item.nbytes <= _BYTES else Identity(item)
    if not _pickles(kind):
        return Identity(item)
    try:
        found = item.__reduce_ex__(2)
    except Exception:  # what cannot be pickled cannot be seen
        return Identity(item)
    return kind, _frozen(found[1:] if isinstance(found, tuple) else found, depth + 1)
