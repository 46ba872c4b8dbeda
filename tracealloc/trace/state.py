"""What a loop's body can change outside the record: the caller's variables, cells and containers.

A body is run once per control path, from the same state each time: what an earlier run changed is
replaced by a `Carried`, which refuses every use. So a plain variable that carries a value from one
iteration to the next is found where it is read, whatever it is used for. What Python decides without
asking the value (``x is None``, ``isinstance(x, int)``, patterns) shows when the body is run once more
from what a run really left.
"""

from __future__ import annotations

import ctypes
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping
from types import FrameType
from typing import Any, NoReturn, TypeAlias

__all__ = ["Carried", "Slot", "State", "keep_hint", "same"]

_DEPTH = 4
_ELEMENTS = 20_000
_LEFT = 32
_PLAIN = (int, float, complex, str, bytes, type(None), tuple, frozenset, range, slice)
_ABSENT: Any = type("_Absent", (), {"__slots__": (), "__repr__": lambda self: "nothing"})()


def keep_hint(name: str) -> str:
    """What to write instead of a carried variable."""
    short = name.split("[")[0].split(".")[-1]
    return (
        f"make it part of the kernel: {short} = ta.scalar(dtype, init) before the loop, then +=, or .set(v)"
    )


class Carried:
    """Stands for a variable whose value would come from another iteration; every use is an error."""

    __slots__ = ("_name", "_refuse")
    _name: str
    _refuse: Callable[[str], NoReturn]

    def __init__(self, name: str, refuse: Any) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_refuse", refuse)

    def __repr__(self) -> str:
        return f"<{self._name}: from another iteration>"


def _use(self: Carried, *_args: object, **_kwargs: object) -> NoReturn:
    self._refuse(self._name)


_REFUSED = """
    add sub mul truediv floordiv mod pow lshift rshift and or xor matmul divmod radd rsub rmul
    rtruediv rfloordiv rmod rpow rlshift rrshift rand ror rxor rmatmul rdivmod iadd isub imul
    itruediv ifloordiv imod ipow ilshift irshift iand ior ixor imatmul neg pos invert abs eq ne lt
    le gt ge bool int float complex index hash len iter next contains getitem setitem delitem
    getattr setattr call str format array enter exit round trunc floor ceil
"""
for _word in _REFUSED.split():
    setattr(Carried, f"__{_word}__", _use)


def same(a: Any, b: Any) -> bool:
    """Whether two Python values are one: identical, or equal plain data."""
    if a is b:
        return True
    if type(a) is not type(b) or not (isinstance(a, _PLAIN) or _is_numpy_number(a)):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) or (a != a and b != b)


class _Namespace:
    """Something with named slots: a frame's variables, a list's elements, an object's attributes."""

    def __init__(self, label: str, holder: Any) -> None:
        self.label, self.holder = label, holder
        self.first = self.read()

    def read(self) -> dict[Any, Any]:
        holder = self.holder
        if isinstance(holder, list | deque):
            return dict(enumerate(holder))
        if isinstance(holder, set):
            return {id(item): item for item in holder}
        if isinstance(holder, bytearray):
            return {"bytes": bytes(holder)}
        return dict(holder)

    def write(self, key: Any, value: Any) -> None:
        """Put `value` in a slot, where the container allows it."""
        if isinstance(self.holder, list | deque):
            if key < len(self.holder):
                self.holder[key] = value
        elif isinstance(self.holder, MutableMapping):
            self.holder[key] = value

    def name(self, key: Any) -> str:
        return f"{self.label}[{key!r}]"

    def length_changed(self) -> bool:
        return len(self.read()) != len(self.first)


class _Frame(_Namespace):
    """The variables of a frame, its cells included."""

    def __init__(self, frame: FrameType) -> None:
        super().__init__("", frame)

    def read(self) -> dict[Any, Any]:
        return dict(self.holder.f_locals)

    def write(self, key: Any, value: Any) -> None:
        self.holder.f_locals[key] = value
        if sys.version_info < (3, 13):  # since then f_locals writes the variables themselves (PEP 667)
            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(self.holder), ctypes.c_int(0))

    def name(self, key: Any) -> str:
        return str(key)

    def length_changed(self) -> bool:
        return False


class _Cells(_Namespace):
    """The cells of a function's closure."""

    def read(self) -> dict[Any, Any]:
        names = self.holder.__code__.co_freevars
        found = {}
        for name, cell in zip(names, self.holder.__closure__, strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # an empty cell
                continue
        return found

    def write(self, key: Any, value: Any) -> None:
        index = self.holder.__code__.co_freevars.index(key)
        self.holder.__closure__[index].cell_contents = value

    def name(self, key: Any) -> str:
        return str(key)

    def length_changed(self) -> bool:
        return False


class _Globals(_Namespace):
    """The global variables that a code object mentions."""

    def __init__(self, code: types.CodeType, variables: dict[str, Any]) -> None:
        self.names = code.co_names
        super().__init__("", variables)

    def read(self) -> dict[Any, Any]:
        holder = self.holder
        return {name: holder[name] for name in self.names if name in holder}

    def name(self, key: Any) -> str:
        return str(key)

    def length_changed(self) -> bool:
        return False


class _Attributes(_Namespace):
    def __init__(self, label: str, holder: Any) -> None:
        super().__init__(label, holder.__dict__)

    def name(self, key: Any) -> str:
        return f"{self.label}.{key}"

    def length_changed(self) -> bool:
        return False


class _Bytes(_Namespace):
    """The contents of a NumPy array, compared as a whole."""

    def read(self) -> dict[Any, Any]:
        return {"data": self.holder.tobytes()}

    def write(self, key: Any, value: Any) -> None:
        pass

    def name(self, key: Any) -> str:
        return self.label


Slot: TypeAlias = tuple[int, Any]  # the number of a namespace, and the name in it


class State:
    """The state before a loop's first iteration, and what the runs of the body did to it."""

    def __init__(self, frame: FrameType, opaque: tuple[type, ...]) -> None:
        self.opaque = (*opaque, type, types.ModuleType, types.BuiltinFunctionType, Carried, *_PLAIN)
        self.seen: set[int] = set()
        self.spaces: list[_Namespace] = []
        self.changed: dict[Slot, list[Any]] = {}  # slot -> the values that runs left there
        # What runs left that Python can tell from what was there, of each kind once; how many were tried.
        self.all_left: list[dict[Slot, Any]] = []
        self.tried = 0
        self.kinds: set[tuple[Any, ...]] = set()
        self.ours = opaque
        variables, names = _Frame(frame), _Globals(frame.f_code, frame.f_globals)
        self.spaces += [variables, names]
        for space in (variables, names):
            for name, item in space.first.items():
                self._reach(str(name), item, 0)
        self.known = {id(item) for space in self.spaces for item in space.first.values()}

    def _reach(self, label: str, item: Any, depth: int) -> None:
        if isinstance(item, self.opaque) and not isinstance(item, tuple):
            return
        if depth > _DEPTH or id(item) in self.seen:
            return
        self.seen.add(id(item))
        for inner_label, inner in self._inside(label, item):
            self._reach(inner_label, inner, depth + 1)

    def _inside(self, label: str, item: Any) -> Iterator[tuple[str, Any]]:
        """Note `item` when it can change, and yield what it holds."""
        space: _Namespace | None = None
        if isinstance(item, tuple):
            yield from ((f"{label}[{n}]", inner) for n, inner in enumerate(item[:_ELEMENTS]))
            return
        if isinstance(item, list | deque | dict | set | bytearray):
            if len(item) <= _ELEMENTS:
                space = _Namespace(label, item)
        elif isinstance(item, types.FunctionType):
            if not item.__module__ or item.__module__.partition(".")[0] in ("tracealloc", "numpy"):
                return
            named = _Globals(item.__code__, item.__globals__)
            self.spaces.append(named)
            yield from named.first.items()
            if item.__closure__:
                space = _Cells(label, item)
        elif isinstance(item, types.MethodType):
            yield f"{label}.__self__", item.__self__
            return
        elif type(item).__module__ == "numpy":
            if getattr(item, "nbytes", 1 << 30) <= 1 << 20 and hasattr(item, "tobytes"):
                self.spaces.append(_Bytes(label, item))
            return
        elif _is_users(item) and isinstance(getattr(item, "__dict__", None), dict):
            space = _Attributes(label, item)
        if space is not None:
            self.spaces.append(space)
            yield from ((space.name(key), inner) for key, inner in space.first.items())

    def compare(self) -> str | None:
        """Note what a run changed; the name of a container that cannot be set back, or None."""
        trouble: str | None = None
        left: dict[Slot, Any] = {}
        for number, space in enumerate(self.spaces):
            now = space.read()
            for key, value in now.items():
                if not same(value, space.first.get(key, _ABSENT)) and type(value) is not Carried:
                    self.changed.setdefault((number, key), []).append(value)
                    if key in space.first and self._tells(value, space.first[key]):
                        left[number, key] = value
            cannot = isinstance(space, _Bytes) or isinstance(space.holder, set | bytearray)
            if space.length_changed() or (cannot and not _same_all(now, space.first)):
                trouble = trouble or space.label
        kinds = tuple((slot, self._kind(value)) for slot, value in left.items())
        if kinds and kinds not in self.kinds:
            if len(self.kinds) >= _LEFT:  # a machine of many states in plain variables: too many to follow
                number, key = next(iter(left))
                return trouble or self.spaces[number].name(key)
            self.kinds.add(kinds)
            self.all_left.append(left)
        return trouble

    def _tells(self, value: Any, first: Any) -> bool:
        """Whether Python can tell two values apart without asking them."""
        if isinstance(value, self.ours) and id(value) not in self.known:
            return False  # made in the iteration: a use in the next one is refused
        return bool(self._kind(value) != self._kind(first))

    def _kind(self, value: Any, depth: int = 0) -> Any:
        """What ``is``, `isinstance` and patterns see of a value."""
        if isinstance(value, tuple) and depth < _DEPTH:
            return (type(value), *(self._kind(item, depth + 1) for item in value))
        if value is None or isinstance(value, bool):
            return type(value), value
        if isinstance(value, _PLAIN) or _is_numpy_number(value) or type(value) is Carried:
            return (type(value),)
        return id(value) if id(value) in self.known else ("new", type(value))

    def names(self, ours: tuple[type, ...]) -> list[str]:
        """The slots that runs changed to something that is not a new one of ours."""
        return [
            self.spaces[number].name(key)
            for (number, key), values in self.changed.items()
            if not isinstance(values[-1], ours) or id(values[-1]) in self.known
        ]

    def poison(self, refuse: Any, left: dict[Slot, Any]) -> None:
        """Replace everything that runs changed by a `Carried`, or by what `left` says."""
        for number, key in self.changed:
            space = self.spaces[number]
            known = (number, key) in left
            space.write(key, left[number, key] if known else Carried(space.name(key), refuse))

    def next_left(self) -> dict[Slot, Any]:
        """What some run left, for another run from there; nothing when all kinds have been tried."""
        self.tried += 1
        return self.all_left[self.tried - 1] if self.tried <= len(self.all_left) else {}

    def release(self, runs: int, settle: Any) -> None:
        """After the loop: a slot keeps its value where all runs agree, else uses of it are refused."""
        for (number, key), values in self.changed.items():
            space = self.spaces[number]
            space.write(key, settle(space.name(key), values, len(values) == runs))


def _same_all(a: dict[Any, Any], b: dict[Any, Any]) -> bool:
    return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())


def _is_numpy_number(item: Any) -> bool:
    return (
        type(item).__module__ == "numpy" and getattr(item, "shape", None) == () and item.dtype.kind in "biuf"
    )


def _is_users(item: Any) -> bool:
    return type(item).__module__.partition(".")[0] not in ("builtins", "tracealloc", "numpy")
