"""``@kernel``: a Python function that runs on NumPy arrays, and can be traced and customized."""

from __future__ import annotations

import copy
import functools
import inspect
import threading
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, overload

from tracealloc.building import Buildable
from tracealloc.homes import Home, Homes
from tracealloc.pickling import by_value, found_by_import, imported, loaded, named_by_annotations
from tracealloc.trace.calls import call, staged_key
from tracealloc.trace.diagnostics.errors import TraceallocError, TraceError
from tracealloc.trace.diagnostics.public import public
from tracealloc.trace.diagnostics.source import caller_frame, caller_place
from tracealloc.trace.functions import trace
from tracealloc.trace.ir.program import Program
from tracealloc.trace.queries.stores import answer_with
from tracealloc.trace.record.recorder import active
from tracealloc.trace.signature import signature_of, unwrap

if TYPE_CHECKING:
    from tracealloc.schedule.core.state import Module

__all__ = ["Kernel", "kernel"]

_TRACING = threading.RLock()
_MOST = 256  # kernels for other staged values that are remembered


class Kernel(Buildable):
    """A kernel: called on NumPy arrays it is traced, compiled (cached on disk) and run.

    Called inside another kernel it records a call. On a method it binds ``self`` as a staged value;
    every look-up of ``obj.kernel`` is traced anew, so that changes of `obj` are seen.

    Attributes:
        function: the Python function, unchanged.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        namespace: Mapping[str, Any] | None = None,
        staged: Mapping[str, Any] | None = None,
        home: Home | None = None,
    ) -> None:
        self.function = function
        self.namespace = dict(namespace or {})
        self.staged = dict(staged or {})
        self._program: Program | None = None
        self._plain: dict[object, Any] = {}  # what `python` keeps between calls
        self._module: Any = None
        self._special: dict[object, Kernel] = {}
        self._home = home if home is not None else Home()
        self._from: tuple[Kernel | None, str, Any] | None = None  # of which kernel it was made, and how
        self._homes = Homes()  # of the objects whose method it is
        self._parameters: tuple[str, ...] | None = None  # names of staged parameters, once known
        self._defaults: dict[str, Any] = {}  # of scalar arguments: ``x: int32 = 7``
        functools.update_wrapper(self, function)

    @classmethod
    def of_program(cls, program: Program) -> Kernel:
        """The kernel of a program whose Python function is out of reach, in another process say."""

        def function(*args: Any, **kwargs: Any) -> Any:
            raise TraceError(
                "TA191", f"the Python function of {program.name} is not in this process", place=caller_place()
            )

        function.__name__ = function.__qualname__ = program.name
        made = cls(function)
        made._program, made._parameters = program, ()
        made._from = None, "program", program
        return made

    @property
    def name(self) -> str:
        """The kernel's name."""
        return str(getattr(self.function, "__name__", "kernel"))

    @property
    def owner(self) -> object:
        """What tells its states (`ta.state`) from those of other kernels."""
        return self._home.owner

    # -- running -------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on NumPy arrays; inside another kernel, record a call.

        Raises:
            ArgumentError: an argument does not fit; nothing has run.
            TraceError: the function cannot be traced.
        """
        if active() is not None:
            if self._is_unbound(args):
                return self.__get__(args[0])(*args[1:], **kwargs)
            return call(
                self.function,
                args,
                kwargs,
                name=self.name,
                namespace=self.namespace,
                staged=self.staged,
                owner=self.owner,
            )
        if self._module is not None and self._parameters == ():
            return self._module(*args, **kwargs)
        return self._slow_call(args, kwargs)

    def _slow_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._is_unbound(args):
            return self.__get__(args[0])(*args[1:], **kwargs)
        place = caller_place()
        try:
            target, args, kwargs = self._specialised(args, kwargs)
            if target._module is None:
                with _TRACING:
                    if target._module is None:
                        target._module = target._compiled()
        except TraceallocError as error:
            if error.place is None:
                error.place = place
            raise
        return target._module(*args, **kwargs)

    def _is_unbound(self, args: tuple[Any, ...]) -> bool:
        """Whether this is ``Class.method(obj, ...)``."""
        if not args or not isinstance(self.function, types.FunctionType):
            return False
        first = next(iter(inspect.signature(self.function).parameters.values()), None)
        if first is None or first.annotation is not first.empty or first.default is not first.empty:
            return False
        return any(item is self for base in type(args[0]).__mro__ for item in vars(base).values())

    @public()
    def reset(self) -> None:
        """Set what calls keep (`ta.state`) back to the first contents; builds have states of their own."""
        if self._home.built is not None:
            self._home.built[1].reset()

    def _staged_names(self) -> tuple[str, ...]:
        if self._parameters is None:
            plain, bound = unwrap(self.function)
            signature = signature_of(plain, None, self.staged, self.namespace, bound)
            names = [p.name for p in signature.parameters if p.type is None]
            first = 0 if bound is None else 1
            traced = tuple(p.name for p in signature.traced)
            given = inspect.signature(plain).parameters
            empty = inspect.Parameter.empty
            self._defaults = {n: given[n].default for n in traced if given[n].default is not empty}
            self._parameters = tuple(name for name in names[first:] if name not in self.staged)
        return self._parameters

    def _specialised(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Kernel, tuple[Any, ...], dict[str, Any]]:
        """The kernel for the staged values of a call, and the call's other arguments."""
        names = self._staged_names()
        if not names:
            return self, args, kwargs
        order = list(inspect.signature(self.function).parameters)
        order = [name for name in order if name not in self.staged]
        given = {name: value for name, value in zip(order, args, strict=False) if name in names}
        rest = tuple(
            value
            for position, value in enumerate(args)
            if position >= len(order) or order[position] not in names
        )
        given.update({name: value for name, value in kwargs.items() if name in names})
        others = {name: value for name, value in kwargs.items() if name not in names}
        return self.specialise(**given), rest, others

    def specialise(self, **staged: Any) -> Kernel:
        """The kernel with other values of its staged parameters."""
        if not staged:
            return self._with(())
        return self._with(tuple(sorted(staged.items(), key=lambda item: item[0])))

    def _with(self, staged: tuple[tuple[str, Any], ...]) -> Kernel:
        if not staged and not self._staged_names():
            return self
        key = tuple((name, staged_key(value, owners=True)) for name, value in staged)
        found = self._special.get(key)
        if found is None:
            if len(self._special) >= _MOST:
                self._special.clear()  # their homes keep what must last
            found = self._special[key] = self._made(staged, self._home.at(key))
        return found

    def _made(self, staged: tuple[tuple[str, Any], ...], home: Home) -> Kernel:
        values = {**self.staged, **dict(staged)}
        plain, bound = unwrap(self.function)
        defaults = {
            p.name: p.value
            for p in signature_of(plain, None, values, self.namespace, bound).parameters
            if p.type is None
        }
        if bound is not None:
            defaults.pop(next(iter(inspect.signature(plain).parameters)), None)
        made = Kernel(self.function, self.namespace, {**defaults, **values}, home)
        made._from = self, "staged", dict(staged)
        return made

    def python(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body as plain Python on the arrays, slowly: with real ``print``, ``assert`` and debugger.

        Types, widths and conversions are those of the kernel; arrays are changed in place when it ends.
        What it keeps (`ta.state`) is apart from that of calls.

        Raises:
            ArgumentError: an argument does not fit; nothing has run.
            InterpretError: an access outside an array, or to an element that nothing was stored to.
        """
        from tracealloc.check.plain import run_plainly

        target, rest, others = self.bound(args, kwargs)
        plain, bound = unwrap(target.function)
        signature = signature_of(plain, None, target.staged, target.namespace, bound)
        target._staged_names()
        defaults = tuple(target._defaults.items())
        return run_plainly(plain, signature, rest, others, defaults, target._plain, target._traced_or_none)

    def bound(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Kernel, tuple[Any, ...], dict[str, Any]]:
        """The kernel for the ``self`` and the staged values of a call, and the call's other arguments."""
        if self._is_unbound(args):
            return self.__get__(args[0]).bound(args[1:], kwargs)
        return self._specialised(args, kwargs)

    # -- tracing and building ------------------------------------------------------------------------

    @public()
    def trace(self) -> Program:
        """The traced program; accesses are proved to stay inside their arrays.

        Raises:
            TraceError: the function cannot be traced.
            BoundsError: an access leaves its array, with the first iteration that does.
        """
        from tracealloc.poly.proof.requirements import required
        from tracealloc.schedule.core.state import proved

        program = required(self._traced())
        for each in (*program.callees(), program):
            proved(each)
        return program

    def _traced(self) -> Program:
        """The traced program, not yet proved."""
        if self._program is None:
            with _TRACING:
                program = trace(self.function, self.name, staged=self.staged, namespace=self.namespace)
                self._staged_names()
                self._program = replace(program, defaults=tuple(self._defaults.items()))
        return self._program

    def _traced_or_none(self) -> Program | None:
        try:
            return self._traced()
        except TraceallocError:
            return None

    def _compiled(self) -> Any:
        """The C build: remembered from an earlier process where the trace is the same, else made."""
        from tracealloc.emit.run.trace_cache import key_of, recall, remember

        program = self._traced()
        key = key_of(program)
        if self._home.built is not None and self._home.built[0] == key:
            return self._home.built[1]
        module = recall(program, key, lambda: str(self.build().source), functools.partial(_for_c, program))
        if module is None:
            from tracealloc.emit.run.runtime import build_c

            module = build_c(_for_c(program))
            remember(program, key, module)
        module.signature.share(self._home.memory)
        self._home.built = key, module
        return module

    def _build(
        self, target: str, mode: str | None, project: str | PathLike[str] | None, options: Mapping[str, Any]
    ) -> Any:
        """Build without a schedule: ``ta.customize(kernel).build(...)``."""
        from tracealloc.customize import customize
        from tracealloc.emit.common.target import target_named

        own = target_named(target).hardware
        schedule = customize(self, target=None if own is None else own.name)
        return schedule.build(target, mode=mode, project=project, **options)

    def _timed(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Module, tuple[Any, ...], Mapping[str, Any]]:
        from tracealloc.customize import customize

        target, rest, others = self.bound(args, dict(kwargs))
        return customize(target).module, rest, others

    # -- Python --------------------------------------------------------------------------------------

    @overload
    def __get__(self, instance: None, owner: type) -> Kernel: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Kernel: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> Kernel:
        if instance is None:
            return self
        home = self._homes.of(instance)
        made = Kernel(types.MethodType(self.function, instance), self.namespace, self.staged, home)
        made._from = self, "method", instance
        return made

    def __repr__(self) -> str:
        return f"<kernel {self.name}>"

    def __copy__(self) -> Kernel:
        if self._from is not None and self._from[1] == "program":
            return Kernel.of_program(self._from[2])
        return Kernel(self.function, self.namespace, self.staged)

    def __deepcopy__(self, memo: dict[int, Any]) -> Kernel:
        if isinstance(self.function, types.MethodType) and self._from is not None:
            found: Kernel = _derived(*self._from[:2], copy.deepcopy(self._from[2], memo))
            return found
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        root = self
        while root._from is not None and root._from[0] is not None:
            root = root._from[0]
        if root._from is not None or root._is_found():
            return self._parts()
        return loaded, (by_value(self, Kernel, Kernel._parts),)

    def _is_found(self) -> bool:
        function = self.function
        return found_by_import(self, function.__module__, function.__qualname__)

    def _parts(self) -> tuple[Any, ...]:
        """What makes it again."""
        if self._from is not None:
            return _derived, self._from
        if self._is_found():
            return imported, (self.function.__module__, self.function.__qualname__)
        plain, _ = unwrap(self.function)
        namespace = named_by_annotations(plain, self.namespace)
        return _blank, (), (self.function, namespace, self.staged)

    def __setstate__(self, state: tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]) -> None:
        Kernel.__init__(self, *state)


def _for_c(program: Program) -> Program:
    """What the C target compiles of a traced program; takes isl, which most calls do without."""
    from tracealloc.schedule.session.loop_order import for_c

    return for_c(program)


def _may_store(program: Program, name: str) -> bool:
    from tracealloc.schedule.core.stores import may_store  # most kernels need no isl to run again

    return may_store(program, name)


answer_with(_may_store)


def _blank() -> Kernel:
    return Kernel.__new__(Kernel)


def _derived(root: Kernel | None, how: str, what: Any) -> Any:
    """A kernel that was made of another: the method of an object, or one for staged values."""
    if root is None:
        return Kernel.of_program(what)
    return root.__get__(what) if how == "method" else root.specialise(**what)


@public("@kernel, without parentheses, above the def")
def kernel(function: Callable[..., Any]) -> Kernel:
    """Make a Python function a kernel (a decorator). The body is run on proxies, never parsed.

    Example:
        >>> @kernel
        ... def double(A: float32[8]):
        ...     for i in grid(8):
        ...         A[i] = A[i] * 2
    """
    frame = caller_frame()
    # Annotations that are strings see the variables around the decorator, like those of a closure do.
    namespace = {} if frame.f_locals is frame.f_globals else dict(frame.f_locals)
    return Kernel(function, namespace)
