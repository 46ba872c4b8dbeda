"""What a body can change outside the record: all that is reached from the names in its code.

The walk starts at a frame's variables, or at a function, and follows what they hold: containers,
attributes and slots, closures, default values, the functions called by name with the global variables,
modules and classes that they name or import, bound methods, generators, iterators. What has slots that can
be written is a `Space` of names and values. What has none (an iterator, a random generator, a buffer) is
compared as a whole, by what a pickle of it would hold, or its memory. Code of the standard library, NumPy
and this package is not followed; its objects are, and of those that only say what happens (a logger), the
attributes that the user's code stores to. Very many objects are compared in bulk.
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
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any, NamedTuple

from tracealloc.trace.record.bytecode_names import Instructions, instructions_of
from tracealloc.trace.record.mutable_places import (
    Attributes,
    Bulk,
    Cells,
    ClassVariables,
    Contents,
    Elements,
    Foreign,
    Items,
    Named,
    Slots,
    Space,
    Variables,
    Whole,
    slots_of,
)
from tracealloc.trace.record.opaque_objects import (
    LIBRARY,
    Identity,
    bytes_of,
    form_of,
    frozen,
    has_buffer,
    in_c,
    is_library,
    parts_of,
    pickles,
    position,
    seen_of,
    told_by,
    top_of,
)
from tracealloc.trace.record.outside_python import CALLS, OPENS, Calls, Files
from tracealloc.trace.record.registries import REGISTRIES

__all__ = ["PLAIN", "Reach"]

PLAIN = (int, float, complex, str, bytes, type(None), range, slice)
_EXACT = frozenset((*PLAIN, bool, types.EllipsisType, types.NotImplementedType, CodeType))
_ELEMENTS = 20_000  # of one container; those of a larger one are compared in bulk
_OBJECTS = 20_000  # in one walk; more are compared in bulk
# What only says what happens, or keeps what it found: of these, what the user's code stores to counts.
_QUIET_NAMES = """
    builtins tracealloc sys logging warnings time re inspect linecache typing abc _abc functools importlib
    _pytest pluggy
"""
_QUIET = frozenset(_QUIET_NAMES.split())
_LRU: type = type(functools.lru_cache(lambda: None))
_BY_NAME = frozenset(("setattr", "delattr", "__setattr__", "__delattr__", "__dict__", "vars"))
# Attributes that lie in no dictionary: of functions, and the class of anything.
_SPECIAL = frozenset(("__defaults__", "__kwdefaults__", "__code__", "__doc__", "__class__"))

_COUNTS = frozenset(("cache_info", "cache_parameters"))


class Mentions(NamedTuple):
    """What a code object, or one inside it, mentions.

    Attributes:
        names: variables and attributes; texts that could be names, too.
        stored: attributes that it stores to or deletes.
        modules: what it imports.
        texts: all texts.
    """

    names: frozenset[str]
    stored: frozenset[str]
    modules: frozenset[str]
    texts: frozenset[str]


_MENTIONS: weakref.WeakKeyDictionary[Instructions, Mentions] = weakref.WeakKeyDictionary()


def mentions(code: CodeType) -> Mentions:
    """What a code object mentions, read once."""
    read = instructions_of(code)  # one for each code object, told by identity
    found = _MENTIONS.get(read)
    if found is None:
        found = _MENTIONS[read] = _mentions(code)
    return found


def _mentions(code: CodeType) -> Mentions:
    texts = {part for part in code.co_consts if isinstance(part, str)}
    names = {*code.co_names, *filter(str.isidentifier, texts)}
    ops = [(i.opname, i.argval) for i in instructions_of(code).instructions]
    stored = {str(name) for op, name in ops if op in ("STORE_ATTR", "DELETE_ATTR")}
    modules = {str(name) for op, name in ops if op == "IMPORT_NAME"}
    if names & _BY_NAME:
        stored |= names
    inside = [part for part in code.co_consts if isinstance(part, CodeType)]
    if names & {"exec", "eval"}:
        inside += filter(None, map(_compiled, texts))
    for inner in map(mentions, inside):
        names, stored = names | inner.names, stored | inner.stored
        modules, texts = modules | inner.modules, texts | inner.texts
    return Mentions(frozenset(names), frozenset(stored), frozenset(modules), frozenset(texts))


def _compiled(text: str) -> CodeType | None:
    """The code that a text is, where it is one."""
    try:
        return compile(text, "<text>", "exec")
    except (SyntaxError, ValueError):
        return None


class Reach:
    """The spaces that are reached; `opaque` are types of objects that a body may change as it likes."""

    def __init__(self, opaque: tuple[type, ...], before: Reach | None = None) -> None:
        self.opaque = opaque
        self.spaces: list[Space] = []
        self.names: set[str] = set() if before is None else set(before.names)
        self.stored: set[str] = set() if before is None else set(before.stored)
        self._modules: set[str] = set()  # that code imports, or may look up by a text
        self._seen: dict[int, tuple[str, Any]] = {}
        self._known: set[int] = set() if before is None else {*before._known, *before._seen}
        self._queue: deque[tuple[str, Any]] = deque()
        self._owners: list[tuple[str, Any]] = []  # modules and classes: only what is named is reached
        self._memos: list[tuple[str, Any]] = []
        self._foreign: list[tuple[str, Any]] = []
        self._functions: list[tuple[str, Any]] = []
        self._draws = False  # whether something draws random numbers of the system
        self._rest: dict[str, list[Any]] = {}  # what is compared in bulk

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

    def late(self) -> list[Space]:
        """The spaces of modules that code has imported since: as they are now."""
        known = self._known | self._seen.keys()
        loaded = [(name, sys.modules[name]) for name in sorted(self._modules) if name in sys.modules]
        fresh = [(name, module) for name, module in loaded if id(module) not in known]
        spaces: list[Space] = []
        if fresh:
            later = Reach(self.opaque, self)
            spaces = later.roots(fresh).spaces
            self._known |= later._seen.keys()
            self._modules |= later._modules
        return spaces

    def add(self, label: str, item: Any) -> None:
        """Look at `item` later, unless it cannot change."""
        known = id(item) in self._seen or id(item) in self._known
        if known or type(item) in _EXACT or isinstance(item, self.opaque):
            return
        if len(self._seen) < _OBJECTS:
            self._seen[id(item)] = label, item
            self._queue.append((label, item))
        else:
            self._rest.setdefault("an object", []).append(item)

    def _walk(self) -> Reach:
        known = -1
        while self._queue or known != len(self.names):
            while self._queue:
                self._inside(*self._queue.popleft())
            known = len(self.names)
            for label, owner in self._owners:
                self._named_parts(label, owner)
        if _COUNTS & self.names:
            for label, memo in self._memos:
                self._whole(label, memo, functools.partial(_counts, memo))
        for label, owner in self._owners:
            if isinstance(owner, types.ModuleType):
                self.spaces.append(Named(label, vars(owner), frozenset(self.names), imported=True))
        if self.stored:
            self._stored_to()
        self._special()
        if self.names & OPENS:
            self.spaces.append(Files(frozenset(self.names)))
        if self.names & CALLS or self._draws:
            self.spaces.append(Calls(frozenset(self.names), self._draws))
        seen = set(self._seen) if self._rest else set()
        for label, items in self._rest.items():
            self.spaces.append(Bulk(label, items, seen, self.opaque))
        return self

    def _stored_to(self) -> None:
        """Attributes that the user's code stores to, of what is foreign."""
        names = frozenset(self.stored)
        for label, owner in self._foreign:
            parts = [(label, owner)]
            if isinstance(owner, types.ModuleType):
                parts += [
                    (f"{label}.{name}", part) for name, part in vars(owner).items() if name in self.names
                ]
            for each, part in parts:
                if hasattr(part, "__dict__"):
                    self.spaces.append(Foreign(each, part, names))

    def _special(self) -> None:
        """What lies in no dictionary, of what the user's code stores to or can change in place."""
        for name in (self.stored & _SPECIAL) | (self.names & {"__annotations__"}):
            for label, item in list(self._seen.values()) if name == "__class__" else self._functions:
                self._whole(f"{label}.{name}", item, functools.partial(_attribute, item, name))

    def _space(self, space: Space) -> None:
        self.spaces.append(space)
        for key, item in space.first.items():
            if type(item) not in _EXACT:
                self.add(space.name(key), item)

    def _whole(self, label: str, item: Any, read: Callable[[], Any]) -> None:
        self.spaces.append(Whole(label, item, read))

    def _code(self, code: CodeType, variables: dict[str, Any]) -> None:
        found = mentions(code)
        names = found.names
        self.names |= names
        self.stored |= found.stored
        self._space(Named("", variables, names))
        for name in sorted(names & variables.keys()):
            if isinstance(variables[name], types.ModuleType):
                self.add(name, variables[name])
        self._modules |= found.modules | found.texts
        for name in sorted(found.modules):
            self._import(name, variables)
        for name in sorted(names & REGISTRIES.keys()):
            for label, item, read in REGISTRIES[name](found.texts, str(variables.get("__name__"))):
                self.add(label, item)
                if read is not None:
                    self._whole(label, item, read)

    # -- one object ----------------------------------------------------------------------------------

    def _inside(self, label: str, item: Any) -> None:
        for kinds, visit in _VISITS:
            if isinstance(item, kinds):
                visit(self, label, item)
                return
        self._object(label, item)

    def _elements(self, label: str, item: Any) -> None:
        if len(item) > _ELEMENTS:
            self._rest[label] = [item]
            return
        for number, part in enumerate(item):
            if type(part) not in _EXACT:
                self.add(f"{label}[{number}]", part)
        self._attributes(label, item)

    def _container(self, label: str, item: Any) -> None:
        if isinstance(item, bytearray):
            self._buffer(label, item)
        elif len(item) <= _ELEMENTS:
            self._space(Items(label, item))
        else:
            self._rest[label] = [item]
        self._attributes(label, item)

    def _function(self, label: str, item: types.FunctionType) -> None:
        if str(item.__globals__.get("__name__")).partition(".")[0] in LIBRARY:
            self._foreign.append((label, item))
            # What `functools.wraps` gives a user's name to: a context manager, a dispatching function.
            self.add(label, getattr(item, "__wrapped__", None))
            self.add(label, tuple(getattr(item, "registry", {}).values()))
            return
        self._functions.append((label, item))
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
        else:
            self._rest[label] = [mapping]

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
            return None if frame is None else (frame.f_lasti, frozen(dict(frame.f_locals)))

        self._whole(label, item, read)
        frame = getattr(item, f"{prefix}_frame")
        if frame is not None:
            self._code(frame.f_code, frame.f_globals)
            for name, part in frame.f_locals.items():
                self.add(f"{label}.{name}", part)

    def _owner(self, label: str, item: Any) -> None:
        if isinstance(item, type):
            if is_library(item):
                self._foreign.append((label, item))
                return
            self._space(ClassVariables(label, item))
            for base in (*item.__mro__[1:], type(item)):
                self.add(base.__name__, base)
        elif item.__name__.partition(".")[0] in _QUIET:
            self._foreign.append((label, item))
            return
        self._owners.append((label, item))

    def _named_parts(self, label: str, owner: Any) -> None:
        """What code can reach of a module or a class: what it names, and what operators call."""
        for name, part in list(vars(owner).items()):
            special = isinstance(owner, type) and name.startswith("__") and callable(part)
            if (name in self.names or special) and type(part) not in _EXACT:
                self.add(f"{label}.{name}", part)

    def _array(self, label: str, item: Any) -> None:
        self._whole(label, item, functools.partial(form_of, item))
        if item.dtype == object and item.size <= _ELEMENTS:
            self._space(Elements(label, item))
        elif item.dtype.hasobject:
            self._rest[label] = [item]
        elif item.flags.writeable:
            self.spaces.append(Contents(label, item))

    def _buffer(self, label: str, item: Any) -> None:
        self._whole(label, item, lambda: bytes_of(item))

    def _object(self, label: str, item: Any) -> None:
        kind: Any = type(item)
        self._draws |= kind.__name__ == "SystemRandom"
        if top_of(kind) in _QUIET and not isinstance(item, BaseException):
            self._foreign.append((label, item))
            if kind.__module__ == "builtins" and hasattr(kind, "__next__"):
                self._pickled(label, item)
            return
        self._attributes(label, item)
        if isinstance(item, io.IOBase) and not hasattr(item, "getvalue"):
            self._whole(label, item, lambda: position(item))
        elif has_buffer(kind):
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
        if pickles(kind):
            self._whole(label, item, lambda: frozen(item))
            for part in parts_of(item):
                self.add(label, part)
        elif in_c(kind) is not None:
            self._whole(label, item, lambda: seen_of(item, in_c(kind)))

    def _thread(self, label: str, item: threading.Thread) -> None:
        self._foreign.append((label, item))  # what it does beside is its own

    def _import(self, name: str, variables: dict[str, Any]) -> None:
        found = sys.modules.get(name)
        if found is not None:
            self.add(name, found)


_GENERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_VIEWS: tuple[type, ...] = (types.MappingProxyType, type({}.keys()), type({}.values()), type({}.items()))


class _NumpyMeta(type):
    def __instancecheck__(cls, item: object) -> bool:
        return type(item).__module__ == "numpy"


class _Numpy(metaclass=_NumpyMeta):
    """Every object of NumPy's own module, without importing it."""


def _numpy(reach: Reach, label: str, item: Any) -> None:
    if isinstance(item, sys.modules["numpy"].ndarray):
        reach._array(label, item)
    elif isinstance(getattr(item, "__dict__", None), dict):  # of a class in Python, such as np.vectorize
        reach._attributes(label, item)
    elif hasattr(item, "__next__"):
        reach._whole(label, item, lambda: told_by(item, ("index", "iterindex")))


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
    (threading.Thread, Reach._thread),
)


def _attribute(item: Any, name: str) -> Any:
    value = getattr(item, name, None)
    return frozen(value) if isinstance(value, dict | tuple | str) else Identity(value)


def _counts(memo: Any) -> tuple[int, ...]:
    return tuple(memo.cache_info())
