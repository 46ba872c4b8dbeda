"""Back ends by name. A back end is one folder beside this one, whose ``target.py`` registers its `Target`.

``build(target=...)``, the command line and ``doctor`` ask a `Target` for all in which back ends differ, and
name none of them. A back end that lives elsewhere calls `register` when it is imported.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol

from tracealloc.trace.diagnostics.errors import BuildError, nearest

if TYPE_CHECKING:
    from tracealloc.trace.ir.facts import Lowered
    from tracealloc.trace.ir.hardware import Hardware
    from tracealloc.trace.ir.program import Program

__all__ = [
    "DEFAULT",
    "DEFAULT_HARDWARE",
    "Design",
    "Folder",
    "Target",
    "Tool",
    "listed",
    "register",
    "reserved_names",
]
__all__ += ["hardware_named", "target_named", "targets", "unknown_mode"]

DEFAULT = "c"  # what is built unless a target is named
DEFAULT_HARDWARE = "vitis_hls"  # what a schedule is for
Folder = str | PathLike[str] | None


class Design(Protocol):
    """What a back end is given: a schedule, in the forms that back ends ask for. Each is made when asked."""

    def hardware(self) -> Hardware:
        """What the schedule is for."""

    def lowered(self) -> Program:
        """The loop nest as it was scheduled."""

    def for_processor(self) -> Program:
        """The same, with untouched nests in the order that runs fastest from a processor's caches."""

    def for_hls(self) -> Lowered:
        """The same as high-level synthesis is to see it, with what was proved of it."""

    def reference(self) -> Callable[..., Any] | None:
        """The kernel without its schedule, compiled; None where the schedule changes bits."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A command of a vendor's: what it is for, and what to do without it."""

    command: str
    purpose: str
    advice: str


@dataclass(frozen=True, slots=True)
class Target:
    """A back end.

    Attributes:
        name: what a user calls it: ``build(target=name)``.
        title: what messages call it.
        build: makes what ``build`` gives, of a design, a mode, a folder, and options: a value with `source`;
            a project also has `top`, ``write(path, overwrite=...)``, and ``rehearse()`` if it is simulated.
        options: the functions whose keyword-only parameters are the options of ``build``.
        modes: what ``build(mode=...)`` may make.
        projects: whether it writes projects, and is what ``build`` gives without a mode.
        simulation: the mode that gives a callable, which runs without the vendor's tools.
        reserved: names that no text of any target uses for a variable, since this one's helpers have them.
        tools: the vendor's commands.
        hardware: what schedules for it go by, and nothing that another target's ones do can be built for it;
            None: it takes any schedule.
    """

    name: str
    title: str
    build: Callable[[Design, str | None, Folder, Mapping[str, Any]], Any]
    options: Callable[[], Sequence[Callable[..., Any]]] = tuple
    modes: tuple[str, ...] = ()
    projects: bool = False
    simulation: str | None = None
    reserved: frozenset[str] = frozenset()
    tools: tuple[Tool, ...] = ()
    hardware: Hardware | None = None

    def option_names(self) -> list[str]:
        """The options of ``build``."""
        found = [p for build in self.options() for p in inspect.signature(build).parameters.values()]
        return [p.name for p in found if p.kind is p.KEYWORD_ONLY]

    def made(self, design: Design, mode: str | None, project: Folder, options: Mapping[str, Any]) -> Any:
        """What ``build`` gives.

        Raises:
            BuildError: the target has no such option, neither modes nor projects, or cannot build that.
        """
        if (not self.projects and project is not None) or (not self.modes and mode is not None):
            raise self._has_none("project" if self.modes else "mode" if self.projects else "mode nor project")
        self._check(options)
        if mode is not None and mode not in self.modes:
            raise unknown_mode(mode, self.modes)
        made_for = design.hardware().name
        if self.hardware is not None and self.hardware.name != made_for:
            raise BuildError(
                "TA826",
                f"the schedule is for {made_for!r}, and cannot be built for {self.name!r}",
                because=["its ports, memories and intervals are those of the other target's hardware"],
                hint=f"ta.customize(kernel, target={self.name!r})",
            )
        return self.build(design, mode, project, options)

    def _has_none(self, what: str) -> BuildError:
        others = [name for name, each in targets().items() if each.modes and each.projects]
        return BuildError(
            "TA825",
            f"the {self.title} target takes {'neither' if ' nor ' in what else 'no'} {what}",
            hint=listed([f'target="{name}"' for name in others]) or None,
        )

    def _check(self, options: Mapping[str, object]) -> None:
        """Refuse options that the target does not have."""
        known = self.option_names()
        for name in options:
            if name in known:
                continue
            close = nearest(name, known)
            others = [other for other, each in targets().items() if name in each.option_names()]
            hint = f"{close}=" if close else None
            raise BuildError(
                "TA825",
                f"build(target={self.name!r}) has no option {name!r}",
                because=[f"its options are {', '.join(known) or '(none)'}"],
                hint=f'build(target="{others[0]}", {name}=...)' if others else hint,
            )


_REGISTERED: dict[str, Target] = {}


def register(target: Target) -> Target:
    """Make a back end known by its name; its own, which is not taken.

    Raises:
        ValueError: another has that name, or its hardware has another.
    """
    if target.hardware is not None and target.hardware.name != target.name:
        raise ValueError(f"the target {target.name!r} has the hardware of {target.hardware.name!r}")
    if _REGISTERED.setdefault(target.name, target) != target:
        raise ValueError(f"there are two targets {target.name!r}")
    reserved_names.cache_clear()
    return target


@cache
def _find() -> None:
    """Import the back ends of this package."""
    above = __package__.rpartition(".")[0]
    for folder in pkgutil.iter_modules(importlib.import_module(above).__path__, f"{above}."):
        if folder.ispkg and find_spec(f"{folder.name}.target") is not None:
            importlib.import_module(f"{folder.name}.target")


def targets() -> Mapping[str, Target]:
    """All back ends by name."""
    _find()
    return _REGISTERED


def target_named(name: str) -> Target:
    """The back end of that name.

    Raises:
        BuildError: there is none.
    """
    found = targets().get(name) if isinstance(name, str) else None
    if found is None:
        raise BuildError(
            "TA800", f"unknown target {name!r}", hint=listed([f'"{known}"' for known in targets()])
        )
    return found


def hardware_named(name: str | None) -> Hardware:
    """The hardware of the target of that name, None: of the usual one.

    Raises:
        BuildError: there is no such target, or it takes any schedule.
    """
    found = target_named(DEFAULT_HARDWARE if name is None else name).hardware
    if found is None:
        others = [f'target="{each.name}"' for each in targets().values() if each.hardware is not None]
        raise BuildError(
            "TA826",
            f"no schedule is made for the target {name!r}: it takes any",
            hint=listed(others) or None,
        )
    return found


def unknown_mode(mode: object, modes: Sequence[str]) -> BuildError:
    """The error for a mode that is none of `modes`."""
    near = nearest(str(mode), modes)
    return BuildError(
        "TA815",
        f"there is no build mode {mode!r}",
        because=[f"the modes are {', '.join(map(repr, modes))}"],
        hint=f"mode={near!r}" if near else None,
    )


def listed(names: Sequence[str]) -> str:
    """``a, b or c``."""
    return " or ".join([part for part in (", ".join(names[:-1]), *names[-1:]) if part])


@cache
def reserved_names() -> frozenset[str]:
    """The names that every text leaves to the helpers of all back ends: a name is spelt alike in all."""
    return frozenset().union(*(each.reserved for each in targets().values()))
