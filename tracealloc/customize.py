"""The user's `Schedule`: a frozen module underneath, primitives as methods, builds and proofs on top."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from tracealloc.poly.named import LOCK
from tracealloc.schedule import primitives
from tracealloc.schedule.auto import for_c, interchanged
from tracealloc.schedule.concurrent import check_marked
from tracealloc.schedule.handle import ArrayHandle, BandHandle, LoopHandle
from tracealloc.schedule.history import Step
from tracealloc.schedule.primitive import REGISTRY, ArrayRef, Edit, LoopRef, Primitive
from tracealloc.schedule.resolve import Resolver, bands_of, find_array, full_name, visible_arrays
from tracealloc.schedule.state import Module, State, lowered, module_of
from tracealloc.schedule.text import marked_text, schedule_text
from tracealloc.trace.errors import (
    BuildError,
    ScheduleError,
    TraceallocError,
    TraceallocWarning,
    UnknownArrayError,
    nearest,
)
from tracealloc.trace.program import Program
from tracealloc.trace.source import Place, caller_place

if TYPE_CHECKING:
    from tracealloc.check.verify import Verification
    from tracealloc.kernel import Kernel
    from tracealloc.schedule.conflicts import Conflicts

__all__ = ["Schedule", "customize", "verify"]

for _found in pkgutil.iter_modules(primitives.__path__):
    importlib.import_module(f"{primitives.__name__}.{_found.name}")


class _NoSuchName(UnknownArrayError, AttributeError):
    """``s.name`` is neither a method nor an array."""


class Schedule:
    """A kernel being turned into an accelerator, one proved step at a time.

    Loops and arrays are named by strings or handles (``s.loops()``, ``s.C``, what primitives return).
    Every primitive of the manual is a method: it is proved legal first, then applied and recorded; where
    it is refused, the schedule stays exactly as it was.
    """

    def __init__(self, kernel: Kernel, program: Program, reassociate: bool = False) -> None:
        with LOCK:
            self._module = module_of(program, reassociate)
        self._kernel = kernel
        self._program = program
        self._first = self._module
        self._past: tuple[tuple[Step, Module], ...] = ()
        self._lowered: tuple[Module, Program] | None = None

    @property
    def kernel(self) -> Kernel:
        """The kernel that is scheduled."""
        return self._kernel

    @property
    def name(self) -> str:
        """The name of the top kernel."""
        return self._module.top

    @property
    def program(self) -> Program:
        """The traced program, which a schedule never changes."""
        return self._program

    @property
    def module(self) -> Module:
        """The frozen module as it stands; ``print(s.module)`` shows the lowered loops of all functions."""
        return self._module

    @property
    def lowered(self) -> Program:
        """The loop nest as it stands, as a program."""
        if self._lowered is None or self._lowered[0] is not self._module:
            with LOCK:
                self._lowered = (self._module, lowered(self._module))
        return self._lowered[1]

    # -- names ---------------------------------------------------------------------------------------

    def loops(self, function: str | None = None) -> list[LoopHandle]:
        """Handles of all loops of a function (None: the top), outermost first."""
        name, state = self._function(function)
        return [LoopHandle(self, name, loop.key, full_name(state, loop)) for loop in state.loops()]

    def arrays(self, function: str | None = None) -> list[ArrayHandle]:
        """Handles of all arrays of a function (None: the top), arguments first."""
        name, state = self._function(function)
        found = visible_arrays(state)
        return [ArrayHandle(self, name, array.key, array.name) for array in found]

    def bands(self, function: str | None = None) -> list[BandHandle]:
        """Handles of all bands of a function (None: the top), in textual order."""
        name, state = self._function(function)
        return [BandHandle(self, name, band) for band, _ in bands_of(state.tree)]

    def _function(self, name: str | None) -> tuple[str, State]:
        found = name or self._module.top
        known = self._module.names()
        if found not in known:
            close = nearest(str(found), known)
            raise ScheduleError(
                "TA202",
                f"no function {found!r} is called in {self.name}",
                place=caller_place(),
                because=[f"the functions are {', '.join(known)}"],
                hint=f"{close!r}" if close else None,
            )
        return found, self._module.state(found)

    def __getitem__(self, name: str) -> ArrayHandle:
        try:
            function, array = find_array(self._module, name)
        except ScheduleError as error:
            error.place = caller_place()
            raise
        return ArrayHandle(self, function, array.key, array.name)

    def __getattr__(self, name: str) -> ArrayHandle:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except ScheduleError as error:
            close = nearest(name, REGISTRY)
            raise _NoSuchName(
                error.code,
                f"a schedule has neither a method nor an array called {name!r}",
                place=error.place,
                because=error.because,
                hint=f"s.{close}" if close else error.hint,
            ) from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(handle.name for handle in self.arrays())})

    # -- steps ---------------------------------------------------------------------------------------

    @property
    def history(self) -> tuple[Step, ...]:
        """The applied steps, first to last."""
        return tuple(step for step, _ in self._past)

    def undo(self, count: int = 1) -> Schedule:
        """Take back the last `count` steps.

        Raises:
            ScheduleError: fewer steps were taken.
        """
        if not 0 <= count <= len(self._past):
            raise ScheduleError(
                "TA206",
                f"undo({count}) goes back further than the schedule's {len(self._past)} steps",
                place=caller_place(),
            )
        if count:
            self._module = self._past[-count][1]
            self._past = self._past[:-count]
        return self

    def copy(self) -> Schedule:
        """A schedule of its own in the same state."""
        other = Schedule.__new__(Schedule)
        other.__dict__.update(self.__dict__)
        return other

    def script(self) -> str:
        """Python that rebuilds the schedule, given ``ta`` and the kernel's name."""
        lines = [f"s = ta.customize({self._program.name})"]
        return "\n".join([*lines, *(f"s.{step.call()}" for step in self.history)]) + "\n"

    def replay(self, kernel: Kernel) -> Schedule:
        """The same steps on another kernel (of another size, say)."""
        other = customize(kernel)
        for step in self.history:
            other._apply(REGISTRY[step.primitive], step.args, dict(step.kwargs), step.place)
        return other

    def _apply(
        self, primitive: Primitive, args: tuple[Any, ...], kwargs: Mapping[str, Any], place: Place | None
    ) -> Any:
        with LOCK:
            try:
                return self._checked_apply(primitive, args, kwargs, place)
            except TraceallocError as error:
                if error.place is None:
                    error.place = place
                raise

    def _checked_apply(
        self, primitive: Primitive, args: tuple[Any, ...], kwargs: Mapping[str, Any], place: Place | None
    ) -> Any:
        try:
            bound = primitive.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ScheduleError(
                "TA207",
                f"{primitive.name}: {error}",
                because=[f"the primitive is {primitive.name}{primitive.signature}"],
            ) from None
        resolver = Resolver(self, primitive)
        positional, named = resolver.resolve(bound)
        step = Step(primitive.name, *resolver.record(args, kwargs), place)
        before = self._module
        edit = Edit(before.state(resolver.function), step.call(), before, resolver.function)
        result = primitive.function(edit, *positional, **named)
        after = result.next_module(edit)
        check_marked(edit, after)
        self._module = after
        self._past = (*self._past, (step, before))
        for text in result.warnings:
            warnings.warn(f"{step.call()}: {text}", TraceallocWarning, stacklevel=5)
        made = tuple(self._handle(resolver.function, ref) for ref in result.made)
        return None if not made else made[0] if len(made) == 1 else made

    def _handle(self, function: str, ref: LoopRef | ArrayRef) -> LoopHandle | ArrayHandle:
        state = self._module.state(function)
        if isinstance(ref, LoopRef):
            loop = next(loop for loop in state.loops() if loop.key == ref.key)
            return LoopHandle(self, function, loop.key, loop.name)
        array = next(array for array in state.model.arrays if array.key == ref.key)
        return ArrayHandle(self, function, array.key, array.name)

    def removed_by(self, function: str, key: str) -> Step | None:
        """The step after which a loop was gone, or None where it never was."""
        for number, (step, before) in enumerate(self._past):
            after = self._past[number + 1][1] if number + 1 < len(self._past) else self._module
            had, has = (any(loop.key == key for loop in m.state(function).loops()) for m in (before, after))
            if had and not has:
                return step
        return None

    # -- building and checking -----------------------------------------------------------------------

    def build(
        self,
        target: str = "c",
        *,
        mode: str | None = None,
        project: str | PathLike[str] | None = None,
        **options: Any,
    ) -> Any:
        """Make something that runs, or a project.

        ``target="c"``: a callable on NumPy arrays, with `.source`. ``target="vitis_hls"``: an `HLSProject`
        with `.source` and ``.write(path)``; with `mode` ``"csim"`` a callable on NumPy arrays, with
        ``"csyn"``, ``"cosim"``, ``"hw_emu"`` or ``"hw"`` a run of the vendor's tools in the folder `project`.

        Raises:
            BuildError: an unknown target or mode, or a tool is missing or fails.
        """
        place = caller_place()
        try:
            return self._build(target, mode, project, options)
        except TraceallocError as error:
            if error.place is None:
                error.place = place
            raise

    def _build(
        self, target: str, mode: str | None, project: str | PathLike[str] | None, options: dict[str, Any]
    ) -> Any:
        if target == "c":
            from tracealloc.emit.runtime import build_c

            if mode is not None or project is not None:
                raise BuildError("TA801", "the C target takes neither mode nor project")
            return build_c(self.compiled, **options)
        if target == "vitis_hls":
            from tracealloc.emit.project import build_hls

            if options.get("reference") is None and self._is_exact():
                options["reference"] = self._traced_build
            return build_hls(self.lowered, mode=mode, project=project, **options)
        raise BuildError("TA800", f"unknown target {target!r}", hint='"c" or "vitis_hls"')

    def _is_exact(self) -> bool:
        """Whether the schedule computes the very bits of the traced kernel, on arguments of its types."""
        same = all(
            (mine.dtype, mine.shape) == (traced.dtype, traced.shape)
            for mine, traced in zip(self.lowered.args, self._program.args, strict=True)
        )
        notes = [note for _, state in self._module.states for note in state.assumptions]
        return same and not any("float" in note for note in notes)

    def _traced_build(self, *args: Any) -> Any:
        """Run the traced kernel: the reference of a testbench, made without the schedule."""
        from tracealloc.emit.runtime import build_c

        return build_c(for_c(self._program))(*args)

    @property
    def compiled(self) -> Program:
        """What the C target compiles: the loop nest, untouched nests in the order that runs fastest."""
        with LOCK:
            module = interchanged(self._module)
            return self.lowered if module is self._module else lowered(module)

    def conflicts(self) -> Conflicts:
        """Accesses per bank and cycle against ports, for every pipelined loop and array.

        Where the ports do not allow the asked interval, the least partition that does is proposed.
        """
        from tracealloc.schedule.conflicts import conflicts_of

        return conflicts_of(self.lowered)

    def verify(self, method: str | None = None) -> Verification:
        """Prove that the schedule computes what the traced kernel does, for all data.

        Raises:
            VerifyError: an unknown method.
        """
        from tracealloc.check.verify import verify_module

        try:
            return verify_module(self._module, method)
        except TraceallocError as error:
            error.place = error.place or caller_place()
            raise

    # -- text ----------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return schedule_text(self.lowered, self._module, self.history)

    def __repr__(self) -> str:
        steps = len(self._past)
        return f"<schedule of {self.name}, {steps} step{'' if steps == 1 else 's'}>"

    def marked_text(self, function: str, key: str) -> str:
        """The printed loops of a function with ``# <-- here`` at one loop (handles print this)."""
        return marked_text(self.lowered, self._module, function, key)


def _method(primitive: Primitive) -> Callable[..., Any]:
    def apply(self: Schedule, *args: Any, **kwargs: Any) -> Any:
        return self._apply(primitive, args, kwargs, caller_place())

    parameter = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = primitive.signature
    apply.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[parameter, *signature.parameters.values()]
    )
    apply.__name__ = primitive.name
    apply.__qualname__ = f"Schedule.{primitive.name}"
    apply.__doc__ = primitive.function.__doc__
    return apply


for _primitive in REGISTRY.values():
    setattr(Schedule, _primitive.name, _method(_primitive))


def customize(kernel: Kernel, *, reassociate: bool = False) -> Schedule:
    """A schedule of `kernel` in which nothing is scheduled yet.

    `reassociate` allows floating-point sums to be reordered from the start.
    """
    return Schedule(kernel, kernel.trace(), reassociate)


def verify(a: Schedule | Kernel, b: Schedule | Kernel, method: str | None = None) -> Verification:
    """Prove that two schedules or kernels compute the same, for all data.

    Raises:
        VerifyError: an unknown method.
    """
    from tracealloc.check.verify import verify_pair

    first, second = (item if isinstance(item, Schedule) else customize(item) for item in (a, b))
    return verify_pair(first.module, second.module, method)
