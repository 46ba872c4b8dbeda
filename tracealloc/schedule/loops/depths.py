"""Depths of queues, as steps take them, and a module whose policies have become numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import Module
from tracealloc.trace.network.policies import POLICIES, Asked, Policy, asked_depth
from tracealloc.trace.network.relay import Relay
from tracealloc.trace.network.streamed import Streamed

__all__ = ["depth_of", "policies_of", "with_depths"]


def depth_of(edit: Edit, code: str, depth: object) -> Asked:
    """A depth that a step was given.

    Raises:
        ScheduleError: it is neither a positive number nor a policy.
    """
    try:
        return asked_depth(depth)
    except ValueError:
        names = " or ".join(f"{name!r}" for name in POLICIES)
        raise edit.error(
            code, f"needs a depth that is a positive int, not {depth!r}", hint=f"depth=16, or {names}"
        ) from None


def policies_of(module: Module) -> dict[tuple[str, str], tuple[Policy, bool]]:
    """The policies that no number stands for yet, by function and key of the queue; whether one was given."""
    found: dict[tuple[str, str], tuple[Policy, bool]] = {}
    for name, state in module.functions.items():
        for each in state.relays:
            if not isinstance(each.depth, int):
                usual: Policy = "latency" if isinstance(each, Relay) else "no-wait"
                found[name, _key(each)] = each.depth or usual, each.depth is not None
    return found


def with_depths(module: Module, depths: Mapping[tuple[str, str], int]) -> Module:
    """The module in which queues have these depths, by function and key of the queue."""
    for name, state in module.functions.items():
        relays = tuple(
            replace(each, depth=depths[name, _key(each)]) if (name, _key(each)) in depths else each
            for each in state.relays
        )
        if relays != state.relays:
            module = module.with_state(name, replace(state, relays=relays))
    return module


def _key(each: Relay | Streamed) -> str:
    """The key of the queue."""
    return f"{each.buffer if isinstance(each, Relay) else each.array}:queue"
