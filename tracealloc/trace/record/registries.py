"""What functions of the standard library and NumPy reach by themselves: modules, loggers, settings."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from tracealloc.trace.diagnostics.frames import is_installed, is_users

__all__ = ["REGISTRIES"]

Registered = Iterator[tuple[str, Any, Callable[[], Any] | None]]


def _modules(texts: frozenset[str], home: str) -> Registered:
    """``sys.modules[name]``: the modules that a text names, or else all of the user's.

    Of installed packages that of the code alone, `home`: others change in their own time.
    """
    loaded = dict(sys.modules)
    named = {name: loaded[name] for name in texts if name in loaded}
    users = {name: part for name, part in loaded.items() if _is_own(name, part, home)}
    for name, part in (named or users).items():
        if isinstance(part, types.ModuleType):
            yield name, part, None


def _is_own(name: str, module: Any, home: str) -> bool:
    top = name.partition(".")[0]
    if top == home.partition(".")[0]:
        return True
    files = [getattr(part, "__file__", None) for part in (module, sys.modules.get(top))]
    if any(file is not None and is_installed(file) for file in files):
        return False
    # One without a file was made while the program runs, unless it is Python's.
    return is_users(files[0]) if files[0] else getattr(module, "__spec__", None) is None


def _loggers(texts: frozenset[str], home: str) -> Registered:
    root: Any = getattr(sys.modules.get("logging"), "root", None)
    if root is not None:
        yield "logging.root", root, None
        for name, logger in list(root.manager.loggerDict.items()):
            yield f"logging.getLogger({name!r})", logger, None


def _setting(
    module: str, name: str | Callable[[], Any], show: str
) -> Callable[[frozenset[str], str], Registered]:
    """What a function (of a loaded module, if named) says of the whole process."""

    def find(texts: frozenset[str], home: str) -> Registered:
        if module in sys.modules:
            read = getattr(sys.modules[module], name) if isinstance(name, str) else name
            yield show, read, read

    return find


def _given(module: str, name: str) -> Callable[[frozenset[str], str], Registered]:
    """The object that a function of a loaded module gives to whoever calls it."""

    def find(texts: frozenset[str], home: str) -> Registered:
        if module in sys.modules:
            yield f"{module}.{name}()", getattr(sys.modules[module], name)(), None

    return find


def _umask() -> int:
    mask = os.umask(0o777)  # it can only be read by setting it: for a moment nobody may do anything
    os.umask(mask)
    return mask


def _niceness() -> int:
    return os.nice(0) if hasattr(os, "nice") else 0


def _locale() -> str:
    return str(sys.modules["locale"].setlocale(sys.modules["locale"].LC_ALL))


REGISTRIES: dict[str, Callable[[frozenset[str], str], Registered]] = {
    "modules": _modules, "import_module": _modules, "__import__": _modules,
    "getLogger": _loggers,
    "getcontext": _given("decimal", "getcontext"), "setcontext": _given("decimal", "getcontext"),
    "current_thread": _given("threading", "current_thread"),
    "main_thread": _given("threading", "main_thread"),
    "seterr": _setting("numpy", "geterr", "np.geterr()"),
    "chdir": _setting("os", "getcwd", "os.getcwd()"),
    "setrecursionlimit": _setting("sys", "getrecursionlimit", "sys.getrecursionlimit()"),
    "setswitchinterval": _setting("sys", "getswitchinterval", "sys.getswitchinterval()"),
    "set_threshold": _setting("gc", "get_threshold", "gc.get_threshold()"),
    "set_printoptions": _setting("numpy", "get_printoptions", "np.get_printoptions()"),
    "umask": _setting("os", _umask, "os.umask(...)"),
    "nice": _setting("os", _niceness, "os.nice(0)"),
    "setpriority": _setting("os", _niceness, "os.nice(0)"),
    "setlocale": _setting("locale", _locale, "locale.setlocale(locale.LC_ALL)"),
}  # fmt: skip
