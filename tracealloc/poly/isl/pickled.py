"""What isl holds in pickles: as text, the same text whenever one object is written.

isl simplifies its objects in place, so that what it prints of one may change while others only look at it;
a schedule's pickle must not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import islpy as isl

__all__ = ["PickledAsText"]


@dataclass(frozen=True)
class _Text:
    """A set or a map as isl printed it first."""

    is_map: bool
    text: str

    def read(self) -> isl.Set | isl.Map:
        """The set or map."""
        found: Any = isl.Map(self.text) if self.is_map else isl.Set(self.text)
        found._written = self
        return found  # type: ignore[no-any-return]


class PickledAsText:
    """A frozen dataclass whose fields may hold sets and maps, or tuples of them."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: _written(value) for name, value in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: _read(value) for name, value in state.items()})


def _written(value: Any) -> Any:
    if isinstance(value, tuple) and value and isinstance(value[0], isl.Map):
        return tuple(_written(each) for each in value)
    if not isinstance(value, isl.Set | isl.Map):
        return value
    held: Any = value  # isl's objects take attributes
    try:
        return held._written
    except AttributeError:
        held._written = found = _Text(isinstance(value, isl.Map), str(value))
        return found


def _read(value: Any) -> Any:
    if isinstance(value, tuple) and value and isinstance(value[0], _Text):
        return tuple(each.read() for each in value)
    return value.read() if isinstance(value, _Text) else value
