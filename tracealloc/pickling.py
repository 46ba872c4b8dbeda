"""Kernels in pickles: by name where an import finds them, else by value, with what their functions name."""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

__all__ = ["by_value", "found_by_import", "imported", "loaded", "named_by_annotations"]


def imported(module: str, path: str) -> Any:
    """The object at a dotted path of a module."""
    import importlib

    importlib.import_module(module)
    found: Any = sys.modules[module]
    for name in path.split("."):
        found = getattr(found, name)
    return found


def found_by_import(item: Any, module: str, path: str) -> bool:
    """Whether another process finds `item` there: ``__main__`` is another module in each."""
    known = sys.modules.get("cloudpickle")
    if module == "__main__" or (known is not None and module in known.list_registry_pickle_by_value()):
        return False
    try:
        return imported(module, path) is item
    except (AttributeError, ImportError, KeyError):
        return False


def named_by_annotations(function: types.FunctionType, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """What annotations that are text name: code does not, so a pickle of the function leaves it out."""
    names: set[str] = set()
    for text in function.__annotations__.values():
        if isinstance(text, str):
            try:
                names.update(compile(text, "<annotation>", "eval").co_names)
            except SyntaxError:
                continue  # tracing says so
    found = {**function.__globals__, **namespace}
    return {name: found[name] for name in sorted(names) if name in found}


@cache
def _pickler(kind: type, parts: Callable[[Any], Any]) -> type[pickle.Pickler]:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Writes kernels natively, each once; in other pickles each of them is a pickle of its own."""

        def reducer_override(self, obj: Any) -> Any:
            return parts(obj) if isinstance(obj, kind) else super().reducer_override(obj)

    return Pickler


def by_value(item: Any, kind: type, parts: Callable[[Any], Any]) -> bytes:
    """The pickle of `item`, in which `parts` reduces all of its `kind`.

    Raises:
        PicklingError: something that it names cannot be pickled.
    """
    file = io.BytesIO()
    try:
        _pickler(kind, parts)(file, protocol=pickle.HIGHEST_PROTOCOL).dump(item)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise pickle.PicklingError(f"{item!r} cannot be pickled by value: {error}") from error
    return file.getvalue()


def loaded(data: bytes) -> Any:
    """What `by_value` wrote."""
    return pickle.loads(data)
