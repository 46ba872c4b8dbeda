"""The user's `Schedule`: a frozen module underneath, primitives as methods, builds and proofs on top."""

from __future__ import annotations

import operator
import pickle
from collections.abc import Mapping, Sequence
from html import escape
from os import PathLike
from types import FunctionType
from typing import TYPE_CHECKING, Any

from tracealloc.building import Buildable, ScheduledDesign
from tracealloc.emit.common.target import DEFAULT_HARDWARE, hardware_named, target_named
from tracealloc.poly.isl.named import LOCK
from tracealloc.schedule.core.boundaries import scope_of
from tracealloc.schedule.core.names import bands_of, full_names, loops_of, used_arrays, visible_arrays
from tracealloc.schedule.core.primitive import REGISTRY, Primitive
from tracealloc.schedule.core.state import Module, State, lowered, module_of
from tracealloc.schedule.session.apply import call_text, take
from tracealloc.schedule.session.handle import ArrayHandle, BandHandle, Handles, LoopHandle
from tracealloc.schedule.session.history import Made, Named, Step, script_of
from tracealloc.schedule.session.listing import Layouts, Listing
from tracealloc.schedule.session.loop_order import interchanged
from tracealloc.schedule.session.methods import Methods
from tracealloc.schedule.session.plain_values import shown
from tracealloc.schedule.session.resolve import find_array
from tracealloc.schedule.session.text import marked_text, schedule_text
from tracealloc.trace.diagnostics.errors import (
    ScheduleError,
    TraceallocError,
    UnknownArrayError,
    nearest,
)
from tracealloc.trace.diagnostics.public import public
from tracealloc.trace.diagnostics.source import Place, caller_place, warn
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.program import Program
from tracealloc.trace.network.policies import room
from tracealloc.trace.network.relay import Relay

if TYPE_CHECKING:
    from tracealloc.check.simulate.depths import Depths
    from tracealloc.check.verify import Verification
    from tracealloc.kernel import Kernel
    from tracealloc.schedule.timing.conflicts import Conflicts

__all__ = ["Schedule", "customize", "verify"]


class UnknownNameError(UnknownArrayError, AttributeError):
    """``s.name`` is neither a method nor an array."""


class Schedule(Buildable, Methods):
    """A kernel being turned into an accelerator, one proved step at a time.

    Loops and arrays are named by strings or handles (``s.loops()``, ``s.C``, what primitives return).
    Every primitive of the manual is a method: it is proved legal first, then applied and recorded; where
    it is refused, the schedule stays exactly as it was.
    """

    def __init__(
        self, kernel: Kernel, program: Program, hardware: Hardware, reassociate: bool = False
    ) -> None:
        with LOCK:
            self._module = module_of(program, hardware, reassociate)
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
        module, known = self._module, self._lowered
        if known is None or known[0] is not module:
            with LOCK:
                self._lowered = known = (module, lowered(module))
        return known[1]

    # -- names ---------------------------------------------------------------------------------------

    @public()
    def loops(self, function: str | None = None) -> list[LoopHandle]:
        """Handles of all loops of a function (None: the top), outermost first."""
        name, state = self._function(function)
        born, names, host = self.history, full_names(state), self._module.host(name)
        loops = loops_of(state, scope_of(self._module, name))
        return Listing(LoopHandle(self, host, x.key, names[x.key], born) for x in loops)

    @public()
    def arrays(self, function: str | None = None) -> list[ArrayHandle]:
        """Handles of all arrays of a function (None: the top), arguments first."""
        name, state = self._function(function)
        born, host = self.history, self._module.host(name)
        arrays = used_arrays(state, scope_of(self._module, name))
        return Listing(ArrayHandle(self, host, x.key, x.name, born) for x in arrays)

    @public()
    def bands(self, function: str | None = None) -> list[BandHandle]:
        """Handles of all bands of a function (None: the top), in textual order."""
        name, state = self._function(function)
        host, inside = self._module.host(name), {x.key for x in loops_of(state, scope_of(self._module, name))}
        return Listing(
            BandHandle(self, host, band) for band, loop in bands_of(state.tree) if loop.key in inside
        )

    @public()
    def layouts(self) -> Layouts:
        """``(kind, factor)`` for each dimension of each array: ``"A"``, in a callee ``"callee:A"``.

        An array that has an instance for each iteration of outer loops has their dimensions in front.
        """
        with LOCK:
            return Layouts(self._module)

    def _function(self, name: str | None) -> tuple[str, State]:
        found = self._module.top if name is None else name
        known = self._module.names()
        if found not in known:
            close = nearest(str(found), known) if isinstance(found, str) else None
            raise ScheduleError(
                "TA202",
                f"no function {shown(found)} is called in {self.name}",
                place=caller_place(),
                because=[f"the functions are {', '.join(known)}"],
                hint=f"{close!r}" if close else None,
            )
        return found, self._module.state(found)

    def __getitem__(self, name: str) -> ArrayHandle:
        try:
            if not isinstance(name, str):
                raise UnknownArrayError("TA209", f"s[...] takes the name of an array, not {shown(name)}")
            function, array = find_array(self._module, name)
        except ScheduleError as error:
            error.place = caller_place()
            raise
        return ArrayHandle(self, function, array.key, array.name, self.history)

    def __contains__(self, name: object) -> bool:
        """Whether the schedule has an array of that name."""
        return any(array.name == name for array in visible_arrays(self._module.state(self.name)))

    def __getattr__(self, name: str) -> ArrayHandle:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except ScheduleError as error:
            close = nearest(name, REGISTRY)
            raise UnknownNameError(
                error.code,
                f"a schedule has neither a method nor an array called {name!r}",
                place=error.place,
                because=error.because,
                hint=f"s.{close}" if close else error.hint,
            ) from None

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):
            raise UnknownNameError(
                "TA204",
                f"nothing can be stored in a schedule as {name!r}",
                place=caller_place(),
                because=["s.name is an array or a method"],
            )
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(handle.name for handle in self.arrays())})

    # -- steps ---------------------------------------------------------------------------------------

    @property
    def history(self) -> tuple[Step, ...]:
        """The applied steps, first to last."""
        return tuple(step for step, _ in self._past)

    def module_after(self, count: int) -> Module:
        """The module after the first `count` steps."""
        return self._past[count][1] if count < len(self._past) else self._module

    @public()
    def undo(self, count: int = 1) -> Schedule:
        """Take back the last `count` steps.

        Raises:
            ScheduleError: fewer steps were taken, or `count` is no whole number of at least 0.
        """
        steps = len(self._past)
        if isinstance(count, bool) or not hasattr(count, "__index__") or count < 0:
            raise ScheduleError(
                "TA206", f"undo needs a number of steps, not {shown(count)}", place=caller_place()
            )
        if count > steps:
            raise ScheduleError(
                "TA206",
                f"undo({count}) goes back further than the schedule's {steps} step{'s' * (steps != 1)}",
                place=caller_place(),
                hint=f"s.undo({steps}) takes back all" if steps else None,
            )
        with LOCK:
            kept = steps - operator.index(count)
            self._commit(self.module_after(kept), self._past[:kept])
        return self

    @public()
    def copy(self) -> Schedule:
        """A schedule of its own in the same state."""
        other = Schedule.__new__(Schedule)
        other.__dict__.update(self.__dict__)
        return other

    __copy__ = copy

    def __deepcopy__(self, memo: object) -> Schedule:
        return self.copy()  # everything inside is frozen

    @public()
    def script(self) -> str:
        """Python that rebuilds the schedule, given ``ta`` and the kernel's name.

        Handles that were passed on from step to step are variables.
        """
        freely = ", reassociate=True" if self._first.state(self._first.top).proof.reassociate else ""
        name, hardware = self._program.name, self._module.hardware.name
        target = "" if hardware == DEFAULT_HARDWARE else f", target={hardware!r}"
        head = f"s = ta.customize({name}{freely}{target})"
        return script_of(head, self.history, {name}, set(dir(Schedule)))

    @public()
    def replay(self, kernel: Kernel) -> Schedule:
        """The same steps on another kernel (of another size, say).

        Raises:
            ScheduleError: a step is refused there; the message says which.
        """
        place = caller_place()
        freely = self._first.state(self._first.top).proof.reassociate
        other = customize(kernel, reassociate=freely, target=self._module.hardware.name)
        for number, step in enumerate(self.history):
            args, kwargs = step.map(other._named)
            try:
                other._apply(REGISTRY[step.primitive], args, kwargs, step.place, place)
            except TraceallocError as error:
                where = f" ({step.place.short})" if step.place is not None else ""
                of = f"of {len(self._past)} of the schedule of {self.name}{where}"
                error.place = place
                error.because = (*error.because, f"s.{step.call()} is step {number + 1} {of}")
                raise
        return other

    def _named(self, named: Named) -> LoopHandle | ArrayHandle | str:
        """The handle that a step of another schedule was given, on this one."""
        if named.step is not None:
            made = self._past[named.step][0].made
            if named.position < len(made):
                return self._handle(made[named.position])
        return named.name if named.step is not None else self._by_name(named.name)

    def _by_name(self, name: str) -> ArrayHandle | str:
        try:
            function, array = find_array(self._module, name)
        except ScheduleError:
            return name  # the step says what is wrong with it
        return ArrayHandle(self, function, array.key, array.name, self.history)

    def _apply(
        self,
        primitive: Primitive,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        place: Place | None,
        seen: Place | None = None,
    ) -> Any:
        """Take a step, all of it or nothing; `seen` is the place for messages, where it is another."""
        with LOCK:
            before = (self._module, self._past)
            try:
                taken = take(self, primitive, args, kwargs, place)
                for text in taken.warnings:
                    warn(text, seen or place)
                self._commit(taken.module, (*self._past, (taken.step, self._module)))
                made = tuple(map(self._handle, taken.step.made))
            except BaseException as error:
                self._commit(*before)
                if isinstance(error, TraceallocError):
                    error.place = error.place or seen or place
                elif isinstance(error, Exception) and not isinstance(error, Warning):
                    call, where = call_text(primitive.name, args, kwargs), seen or place
                    error.add_note(f"a fault of tracealloc in s.{call} at {where}; the schedule is as it was")
                raise
        return None if not made else made[0] if len(made) == 1 else Handles(made)

    def _commit(self, module: Module, past: tuple[tuple[Step, Module], ...]) -> None:
        """Change the state at once: no interruption can come between its parts."""
        self.__dict__.update({"_module": module, "_past": past})

    def _handle(self, made: Made) -> LoopHandle | ArrayHandle:
        handle = LoopHandle if made.kind == "loop" else ArrayHandle
        return handle(self, made.function, made.key, made.name, self.history)

    def __getstate__(self) -> dict[str, Any]:
        """Without what can be made again, and without a kernel that only its own process can find."""
        state = {**self.__dict__, "_lowered": None}
        try:
            pickle.dumps(self._kernel)
        except Exception:
            state["_kernel"] = None
        else:
            state["_kernel"] = pickle.dumps(self._kernel)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        from tracealloc.kernel import Kernel

        self.__dict__.update(state)
        try:
            self._kernel = pickle.loads(state["_kernel"])
        except Exception:
            self._kernel = Kernel.of_program(self._program)

    # -- building and checking -----------------------------------------------------------------------

    def _build(
        self, target: str, mode: str | None, project: str | PathLike[str] | None, given: Mapping[str, Any]
    ) -> Any:
        return target_named(target).made(ScheduledDesign(self), mode, project, given)

    def _timed(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Module, tuple[Any, ...], Mapping[str, Any]]:
        return self.resolved[0], args, kwargs

    def _loops(self, program: Program) -> str:
        return str(self)

    @property
    def resolved(self) -> tuple[Module, Depths | None]:
        """The module in which policies of depths have become numbers, and what is said of them."""
        from tracealloc.check.simulate.depths import resolved

        module, known = self._module, self.__dict__.get("_resolved")
        if known is None or known[0] is not module:
            known = module, resolved(module)
            self.__dict__["_resolved"] = known
        found: tuple[Module, Depths | None] = known[1]
        return found

    @property
    def compiled(self) -> Program:
        """What a processor is given: the loop nest, untouched nests in the order that runs fastest."""
        with LOCK:
            module = interchanged(self._module)
            return self.lowered if module is self._module else lowered(module)

    @public()
    def conflicts(self) -> Conflicts:
        """Accesses per bank and cycle against ports, for every pipelined loop and array.

        Where the ports do not allow the asked interval, the least partition that does is proposed.
        """
        from tracealloc.schedule.timing.conflicts import conflicts_of

        return conflicts_of(self.lowered, self._module)

    @public()
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

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return f"<pre>{escape(str(self))}</pre>"

    def __repr__(self) -> str:
        steps = len(self._past)
        return f"<schedule of {self.name}, {steps} step{'' if steps == 1 else 's'}>"

    def _is_exact(self) -> bool:
        """Whether the schedule computes the very bits of the traced kernel, on arguments of its types."""
        pairs = zip(self.lowered.args, self.program.args, strict=True)
        same = all((mine.dtype, mine.shape) == (traced.dtype, traced.shape) for mine, traced in pairs)
        states = self._module.functions.values()
        return same and all(note.exact for state in states for note in state.proof.assumptions)

    def depth_of(self, function: str, key: str) -> int | None:
        """How deep the queues are that an array became, or that carry a buffer (None: it has none)."""
        for each in self.resolved[0].state(function).relays:
            if key == (each.buffer if isinstance(each, Relay) else each.array):
                return room(each.depth)
        array = self._module.state(function).array(key)
        return array.depth if array is not None and array.kind == "stream" else None

    def marked_text(self, function: str, keys: Sequence[str]) -> str:
        """The printed loops of a function with ``# <-- here`` at some (handles print this)."""
        return marked_text(self.lowered, self._module, function, keys)


@public()
def customize(kernel: Kernel, *, reassociate: bool = False, target: str | None = None) -> Schedule:
    """A schedule of `kernel` in which nothing is scheduled yet.

    `reassociate` allows floating-point sums to be reordered from the start. `target` is the back end whose
    ports, memories and latencies the schedule goes by; None: ``"vitis_hls"``. C takes any schedule.

    Raises:
        ScheduleError: `kernel` is none.
        BuildError: there is no such target, or it has no hardware of its own.
        TraceError: it cannot be traced.
    """
    if isinstance(kernel, Schedule | type) or not hasattr(kernel, "trace"):
        raise _no_kernel(kernel)
    try:
        hardware = hardware_named(target)
    except TraceallocError as error:
        error.place = caller_place()
        raise
    return Schedule(kernel, kernel.trace(), hardware, bool(reassociate))


def _no_kernel(value: object) -> ScheduleError:
    hint = "s.copy() branches, and s.kernel is the kernel" if isinstance(value, Schedule) else None
    text = shown(value)
    if isinstance(value, FunctionType):
        text, hint = f"the function {value.__name__!r}", "@kernel before its def makes it one"
    return ScheduleError("TA200", f"{text} is no kernel", place=caller_place(), hint=hint)


@public()
def verify(a: Schedule | Kernel, b: Schedule | Kernel, method: str | None = None) -> Verification:
    """Prove that two schedules or kernels compute the same, for all data.

    Raises:
        VerifyError: an unknown method.
    """
    from tracealloc.check.verify import verify_pair

    first, second = (item if isinstance(item, Schedule) else customize(item) for item in (a, b))
    try:
        return verify_pair(first.module, second.module, method)
    except TraceallocError as error:
        error.place = error.place or caller_place()
        raise
