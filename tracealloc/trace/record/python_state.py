"""What a loop's body can change outside the record: the caller's variables, cells and containers.

A body is run once per control path, from the same state each time: what an earlier run changed is
replaced by a `Carried`, which refuses every use. So a plain variable that carries a value from one
iteration to the next is found where it is read, whatever it is used for. What Python decides without
asking the value (``x is None``, ``isinstance(x, int)``, patterns) shows when the body is run once more
from what a run really left.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn, TypeAlias

from tracealloc.trace.record.mutable_places import MANY, Bulk, Held, Space, Whole
from tracealloc.trace.record.opaque_objects import Identity
from tracealloc.trace.record.reachable import PLAIN, Reach
from tracealloc.trace.record.recorder import fail

__all__ = ["Carried", "Slot", "State", "keep_hint", "same", "short_name"]

_DEPTH = 4
_LEFT = 32
_PLAIN = (int, float, complex, str, bytes, type(None), tuple, frozenset, range, slice)
_ABSENT: Any = type("_Absent", (), {"__slots__": (), "__repr__": lambda self: "nothing"})()


def short_name(name: str) -> str:
    """The variable or attribute that a slot's name is about."""
    return name.split("[")[0].split(".")[-1]


def keep_hint(name: str) -> str:
    """What to write instead of a carried variable."""
    short = short_name(name)
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


Slot: TypeAlias = tuple[int, Any]  # the number of a namespace, and the name in it


class State:
    """The state before a loop's first iteration, and what the runs of the body did to it."""

    def __init__(
        self, frame: FrameType | None, opaque: tuple[type, ...], also: tuple[tuple[str, Any], ...] = ()
    ) -> None:
        self.reach = Reach((*opaque, Carried))
        if frame is not None:
            self.reach.frame(frame)
        self.spaces: list[Space] = self.reach.roots(also).spaces
        _refuse_unseen(self.spaces)
        self.changed: dict[Slot, list[Any]] = {}  # slot -> the values that runs left there
        # What runs left that Python can tell from what was there, of each kind once; how many were tried.
        self.all_left: list[dict[Slot, Any]] = []
        self.tried = 0
        self.kinds: set[tuple[Any, ...]] = set()
        self.ours = opaque
        self.due = 0  # how often all paths must be run once more
        # Something that moves on, such as an iterator: refused after all runs, unless what they recorded
        # differs, which says more.
        self.late: str | None = None
        self.known = {id(item) for space in self.spaces for item in space.first.values()}

    def compare(self) -> str | None:
        """Note what a run changed; the name of a container that cannot be set back, or None."""
        trouble: str | None = None
        left: dict[Slot, Any] = {}
        for number, space in enumerate(self.spaces):
            now = space.read()
            if space.sealed:
                if now != space.first:
                    if isinstance(space, Whole):
                        self.late = self.late or space.label
                    else:
                        trouble = trouble or space.label
                continue
            for key, value in now.items():
                if not same(value, space.first.get(key, _ABSENT)) and type(value) is not Carried:
                    self.changed.setdefault((number, key), []).append(value)
                    if key in space.first and self._tells(value, space.first[key]):
                        left[number, key] = value
            if space.rearranged():
                trouble = trouble or space.label
        late = self.reach.late()
        if late:  # what the body has imported is as this run left it: one to see a change, one to see a use
            self.spaces += late
            self.due = 2
        self.known |= {id(item) for space in late for item in space.first.values()}
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

    def next_left(self) -> dict[Slot, Any] | None:
        """What some run left, for another run from there; None when all kinds have been tried."""
        if self.tried < len(self.all_left):
            self.tried += 1
            return self.all_left[self.tried - 1]
        self.due -= 1
        return {} if self.due >= 0 else None

    def key(self) -> object:
        """What tells this state from another."""
        return tuple(
            (type(space), space.label, *((key, _told(value)) for key, value in space.first.items()))
            for space in self.spaces
        )

    def restore(self) -> str | None:
        """Set everything back to what it was first; the name of something that cannot be set back."""
        for space in self.spaces:
            if not space.restore():
                return space.label
        return None

    def release(self, runs: int, settle: Any) -> None:
        """After the loop: a slot keeps its value where all runs agree, else uses of it are refused."""
        for (number, key), values in self.changed.items():
            space = self.spaces[number]
            space.write(key, settle(space.name(key), values, len(values) == runs))

    def set_back(self, refuse: Any) -> None:
        """After a loop that never runs: a slot holds what it held before; uses of new ones are refused."""
        for number, key in self.changed:
            space = self.spaces[number]
            space.write(key, space.first[key] if key in space.first else Carried(space.name(key), refuse))


def _refuse_unseen(spaces: list[Space]) -> None:
    for space in spaces:
        if isinstance(space, Bulk) and space.unseen:
            fail(
                "TA103",
                f"{space.label!r} leads to over {MANY:,} objects, too many to see whether one is changed",
                "a body is traced once: what one iteration leaves in Python for the next must not be missed",
                hint="keep large tables in NumPy arrays, or make what the kernel needs of it before",
            )


def _told(value: Any) -> object:
    """What tells a value from another: what it holds is told elsewhere."""
    if isinstance(value, tuple):
        return tuple(map(_told, value))
    if isinstance(value, Held):
        return value
    return (type(value), repr(value)) if type(value) in (*PLAIN, bool) else Identity(value)


def _is_numpy_number(item: Any) -> bool:
    return (
        type(item).__module__ == "numpy" and getattr(item, "shape", None) == () and item.dtype.kind in "biuf"
    )
