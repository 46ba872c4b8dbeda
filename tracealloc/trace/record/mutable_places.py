"""Places with named slots that a body can change: variables, elements, attributes; and opaque objects."""

from __future__ import annotations

import array
import ctypes
import enum
import functools
import gc
import sys
import types
from collections import deque
from collections.abc import Callable, MutableMapping
from operator import is_
from types import FrameType
from typing import Any

from tracealloc.trace.record.opaque_objects import array_bytes, bytes_of

__all__ = [
    "MANY",
    "Attributes",
    "Bulk",
    "Cells",
    "ClassVariables",
    "Contents",
    "Elements",
    "Foreign",
    "Held",
    "Items",
    "Named",
    "Slots",
    "Space",
    "Variables",
    "Whole",
    "slots_of",
]


class Space:
    """Named slots of `holder`, as they were first.

    Attributes:
        sealed: single slots cannot be written; any change is one of the whole.
    """

    sealed = False

    def __init__(self, label: str, holder: Any) -> None:
        self.label, self.holder = label, holder
        self.first: dict[Any, Any] = self.read()

    def read(self) -> dict[Any, Any]:
        """The slots and what they hold."""
        raise NotImplementedError

    def write(self, key: Any, value: Any) -> None:
        """Put `value` in a slot."""

    def delete(self, key: Any) -> None:
        """Take a slot away."""

    def name(self, key: Any) -> str:
        """How the user would write a slot."""
        return f"{self.label}.{key}" if self.label else str(key)

    def rearranged(self) -> bool:
        """Whether it is a container that grew, shrank or was put in another order."""
        return False

    def restore(self) -> bool:
        """Set everything back to what it was first; False where that cannot be done."""
        now = self.read()
        for key in now.keys() - self.first.keys():
            self.delete(key)
        for key, value in self.first.items():
            if now.get(key, self) is not value:
                self.write(key, value)
        return True


class Items(Space):
    """The elements of a built-in container."""

    def __init__(self, label: str, holder: Any) -> None:
        self.sealed = isinstance(holder, set | bytearray)
        super().__init__(label, holder)

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
        if isinstance(self.holder, list | deque):
            if key < len(self.holder):
                self.holder[key] = value
        elif isinstance(self.holder, MutableMapping):
            self.holder[key] = value

    def name(self, key: Any) -> str:
        return f"{self.label}[{key!r}]"

    def rearranged(self) -> bool:
        return list(self.read()) != list(self.first)

    def restore(self) -> bool:
        first, holder, now = self.first, self.holder, self.read()
        if list(now) == list(first) and all(now[key] is value for key, value in first.items()):
            return True
        if isinstance(holder, bytearray):
            holder[:] = first["bytes"]
            return True
        holder.clear()
        if isinstance(holder, dict):
            holder.update(first)
        elif isinstance(holder, set):
            holder.update(first.values())
        else:
            holder.extend(first.values())
        return True


class Variables(Space):
    """The variables of a frame, its cells included."""

    def __init__(self, frame: FrameType) -> None:
        super().__init__("", frame)

    def read(self) -> dict[Any, Any]:
        return dict(self.holder.f_locals)

    def write(self, key: Any, value: Any) -> None:
        self.holder.f_locals[key] = value
        if sys.version_info < (3, 13):  # since then f_locals writes the variables themselves (PEP 667)
            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(self.holder), ctypes.c_int(0))


class Cells(Space):
    """The cells of a function's closure."""

    def read(self) -> dict[Any, Any]:
        found = {}
        for name, cell in zip(self.holder.__code__.co_freevars, self.holder.__closure__, strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # an empty cell
                continue
        return found

    def write(self, key: Any, value: Any) -> None:
        self._cell(key).cell_contents = value

    def delete(self, key: Any) -> None:
        del self._cell(key).cell_contents

    def _cell(self, key: str) -> Any:
        return self.holder.__closure__[self.holder.__code__.co_freevars.index(key)]

    def name(self, key: Any) -> str:
        return str(key)


class Named(Space):
    """The variables of a module that code mentions; modules are none.

    In a module that is `imported`, what appears late is only one where it is plain data: modules load
    their functions and classes when they are first asked for.
    """

    def __init__(
        self, label: str, variables: dict[str, Any], names: frozenset[str], imported: bool = False
    ) -> None:
        self.names, self.imported = names, imported
        self.first = {name: variables[name] for name in names if name in variables}
        super().__init__(label, variables)

    def read(self) -> dict[Any, Any]:
        holder = self.holder
        found = {name: holder[name] for name in self.names if name in holder}
        return {name: value for name, value in found.items() if self._counts(name, value)}

    def _counts(self, name: str, value: Any) -> bool:
        if isinstance(value, types.ModuleType):
            return False
        return not self.imported or name in self.first or isinstance(value, int | float | str | tuple)

    def write(self, key: Any, value: Any) -> None:
        self.holder[key] = value

    def delete(self, key: Any) -> None:
        self.holder.pop(key, None)


class Foreign(Space):
    """The attributes of somebody else's object or module that code stores to; the rest is not the user's."""

    def __init__(self, label: str, holder: Any, names: frozenset[str]) -> None:
        self.names = names
        super().__init__(label, holder)

    def read(self) -> dict[Any, Any]:
        found = vars(self.holder)
        return {name: found[name] for name in self.names if name in found}

    def write(self, key: Any, value: Any) -> None:
        setattr(self.holder, key, value)

    def delete(self, key: Any) -> None:
        delattr(self.holder, key)


class Attributes(Space):
    """The attributes of an object; what it only remembers of a `functools.cached_property` is none."""

    def read(self) -> dict[Any, Any]:
        kind = type(self.holder)
        return {
            name: value
            for name, value in list(self.holder.__dict__.items())
            if not isinstance(getattr(kind, name, None), functools.cached_property)
        }

    def write(self, key: Any, value: Any) -> None:
        self.holder.__dict__[key] = value

    def delete(self, key: Any) -> None:
        self.holder.__dict__.pop(key, None)


@functools.cache
def slots_of(kind: Any) -> tuple[tuple[str, types.MemberDescriptorType], ...]:
    """The slots of a class, those of its bases included."""
    found: dict[str, types.MemberDescriptorType] = {}
    for base in kind.__mro__:
        if isinstance(vars(base).get("__slots__"), str | tuple | list | dict):
            for name, part in vars(base).items():
                if isinstance(part, types.MemberDescriptorType):
                    found.setdefault(name, part)
    return tuple(found.items())


class Slots(Space):
    """The ``__slots__`` of an object."""

    def read(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        kind: Any = type(self.holder)
        for name, slot in slots_of(kind):
            try:
                found[name] = slot.__get__(self.holder)
            except AttributeError:
                continue
        return found

    def write(self, key: Any, value: Any) -> None:
        self._slot(key).__set__(self.holder, value)

    def delete(self, key: Any) -> None:
        self._slot(key).__delete__(self.holder)

    def _slot(self, key: str) -> Any:
        kind: Any = type(self.holder)
        return dict(slots_of(kind))[key]


class ClassVariables(Space):
    """The variables of a class; functions, properties and what Python keeps there are none."""

    def read(self) -> dict[Any, Any]:
        return {
            name: value
            for name, value in list(vars(self.holder).items())
            if not (name.startswith(("__", "_abc_")) or hasattr(type(value), "__get__") or self._kept(name))
        }

    def _kept(self, name: str) -> bool:
        """Whether an enumeration keeps there what it found."""
        return isinstance(self.holder, enum.EnumMeta) and name.startswith("_") and name.endswith("_")

    def write(self, key: Any, value: Any) -> None:
        type.__setattr__(self.holder, key, value)

    def delete(self, key: Any) -> None:
        type.__delattr__(self.holder, key)


class Contents(Space):
    """The contents of a NumPy array."""

    sealed = True

    def read(self) -> dict[Any, Any]:
        return {"data": array_bytes(self.holder)}

    def name(self, key: Any) -> str:
        return self.label

    def restore(self) -> bool:
        import numpy as np

        holder = self.holder
        if self.read() == self.first:
            return True
        if not isinstance(self.first["data"], bytes):
            return False
        holder[...] = np.frombuffer(self.first["data"], holder.dtype).reshape(holder.shape)
        return True


class Elements(Space):
    """The elements of a NumPy array of Python objects."""

    def read(self) -> dict[Any, Any]:
        return dict(enumerate(self.holder.ravel().tolist()))

    def write(self, key: Any, value: Any) -> None:
        self.holder[self._index(key)] = value

    def name(self, key: Any) -> str:
        return f"{self.label}[{', '.join(map(str, self._index(key)))}]"

    def _index(self, key: int) -> tuple[int, ...]:
        import numpy as np

        return tuple(map(int, np.unravel_index(key, self.holder.shape)))


class Bulk(Space):
    """What very many objects hold, seen at once: no slot of them is told from another."""

    sealed = True

    def __init__(self, label: str, roots: list[Any], seen: set[int], opaque: tuple[type, ...]) -> None:
        self.levels: list[list[Any]] = []
        level = roots
        while level and len(seen) < MANY:
            self.levels.append([getattr(item, "__dict__", item) for item in level])
            held = gc.get_referents(*self.levels[-1])
            held += [part for item in level if _is_array(item) for part in item.ravel().tolist()]
            follow = {kind for kind in set(map(type, held)) if _holds(kind) and not issubclass(kind, opaque)}
            fresh = {id(item): item for item in held if type(item) in follow and id(item) not in seen}
            seen.update(fresh)
            level = list(fresh.values())
        self.unseen = bool(level)
        super().__init__(label, roots)

    def read(self) -> dict[Any, Any]:
        return {"state": Held(self.levels)}

    def name(self, key: Any) -> str:
        return self.label

    def restore(self) -> bool:
        return bool(self.read() == self.first)


class Held:
    """The objects that others hold, by identity, and the bytes of those that are buffers."""

    def __init__(self, levels: list[list[Any]]) -> None:
        self.held: list[Any] = []
        self.data: list[Any] = []
        for level in levels:
            self.held += gc.get_referents(*level)
            if set(map(type, level)) - {dict, list, tuple, set}:
                arrays = [item for item in level if _is_array(item)]
                self.held += [
                    part for item in arrays if item.dtype.hasobject for part in item.ravel().tolist()
                ]
                self.data += [array_bytes(item) for item in arrays if not item.dtype.hasobject]
                self.data += [bytes_of(item) for item in level if isinstance(item, bytearray | array.array)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Held) or len(self.held) != len(other.held):
            return False
        return all(map(is_, self.held, other.held)) and self.data == other.data

    def __hash__(self) -> int:
        return len(self.held)


def _is_array(item: Any) -> bool:
    return type(item).__module__ == "numpy" and hasattr(item, "ravel") and getattr(item, "shape", ()) != ()


@functools.cache
def _holds(kind: Any) -> bool:
    """Whether objects of a class can hold what a user's code changes."""
    return not issubclass(kind, _NO_STATE)


MANY = 1_000_000
_NO_STATE = (
    int, float, complex, str, bytes, type(None), range, slice, type, types.ModuleType, types.FunctionType,
    types.BuiltinFunctionType, types.CodeType, types.FrameType, types.EllipsisType,
)  # fmt: skip


class Whole(Space):
    """An object whose state can be seen and not set: an iterator, a random generator, a buffer."""

    sealed = True

    def __init__(self, label: str, holder: Any, look: Callable[[], Any]) -> None:
        self.look = look
        super().__init__(label, holder)

    def read(self) -> dict[Any, Any]:
        return {"state": self.look()}

    def name(self, key: Any) -> str:
        return self.label

    def restore(self) -> bool:
        return bool(self.look() == self.first["state"])
