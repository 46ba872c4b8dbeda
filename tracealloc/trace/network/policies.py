"""How deep queues are to be: a number, or what is to hold of them, from which the number follows."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast, get_args

__all__ = ["POLICIES", "Asked", "Policy", "asked_depth", "queue_key", "room"]

Policy: TypeAlias = Literal["deadlock-free", "no-wait", "latency"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
Asked: TypeAlias = int | Policy | None
"""What was said of a depth; None: nothing."""


def asked_depth(value: object) -> Asked:
    """A depth as it was given.

    Raises:
        ValueError: it is neither a positive number nor the name of a policy.
    """
    if value is None or (isinstance(value, str) and value in POLICIES):
        return cast(Asked, value)
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise ValueError(value)
    return int(value.__index__())


def room(asked: Asked) -> int:
    """How many elements a queue has room for; 0, for any number, until a policy has made a number of it."""
    return asked if isinstance(asked, int) else 0


def queue_key(key: str) -> str:
    """The key under which a depth is asked: queues from one array to several processes have one."""
    base, found, _ = key.rpartition(":queue")
    return base + found if found else key
