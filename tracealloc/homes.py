"""Where the states of kernels live: with the kernel, or with the object whose method it is."""

from __future__ import annotations

import sys
import weakref
from typing import Any

__all__ = ["Home", "Homes"]

_MOST = 256  # kernels for staged values that are remembered, of those that keep nothing


class Home:
    """What the calls of a kernel keep from one to the next.

    Attributes:
        owner: tells its states from others' where another kernel calls it.
        memory: the contents of its states.
        built: the module that its calls run, behind what tells its program from others.
    """

    __slots__ = ("_special", "built", "memory", "owner")

    def __init__(self, owner: Home | None = None) -> None:
        self.owner: Home = owner if owner is not None else self
        self.memory: dict[object, Any] = {}
        self.built: tuple[str, Any] | None = None
        self._special: dict[object, Home] = {}

    def at(self, staged: object) -> Home:
        """The home of the same kernel with values for its staged parameters."""
        found = self._special.get(staged)
        if found is None:
            if len(self._special) >= _MOST:
                self._special = {key: home for key, home in self._special.items() if home.memory}
            found = self._special[staged] = Home(self.owner)
        return found


class Homes:
    """A home for each object, told apart by identity, for as long as the object lives."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[weakref.ref[Any], Home]] = {}
        # Objects that no weak reference can be made to (slots, tuples): held until nobody else does.
        self._held: dict[int, tuple[Any, Home]] = {}
        self._sweep_at = 16

    def of(self, item: object) -> Home:
        """The home of `item`."""
        known = self._found.get(id(item))
        if known is not None and known[0]() is item:
            return known[1]
        held = self._held.get(id(item))
        if held is not None:
            return held[1]
        home, found, key = Home(), self._found, id(item)

        def forget(gone: weakref.ref[Any]) -> None:
            if key in found and found[key][0] is gone:
                del found[key]

        try:
            found[key] = weakref.ref(item, forget), home
        except TypeError:
            self._sweep()
            self._held[key] = item, home
        return home

    def _sweep(self) -> None:
        """Let go of the objects that only this table holds."""
        if len(self._held) < self._sweep_at:
            return
        for key in list(self._held):
            # One reference is the table's, one is the argument of the question.
            if sys.getrefcount(self._held[key][0]) <= 2:
                del self._held[key]
        self._sweep_at = 2 * len(self._held) + 16
