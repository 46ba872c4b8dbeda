"""The primitives as methods of `Schedule`; ``methods.pyi`` shows their types to editors and type checkers."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping
from typing import Any

from tracealloc.schedule import primitives
from tracealloc.schedule.core.primitive import REGISTRY, Kind, Primitive
from tracealloc.schedule.session.resolve import is_many
from tracealloc.trace.diagnostics.source import Place, caller_place

__all__ = ["Methods", "user_signature"]

for _found in pkgutil.iter_modules(primitives.__path__):
    importlib.import_module(f"{primitives.__name__}.{_found.name}")

RETURNS = {
    "buffer_at": "ArrayHandle",
    "compute_at": "LoopHandle | None",
    "distribute": "tuple[LoopHandle, ...]",
    "fuse": "LoopHandle",
    "merge": "LoopHandle",
    "peel": "LoopHandle | None",
    "permute": "ArrayHandle",
    "relay": "ArrayHandle",
    "reshape": "ArrayHandle",
    "reuse_at": "ArrayHandle",
    "rfactor": "ArrayHandle",
    "split": "tuple[LoopHandle, LoopHandle]",
    "stream": "ArrayHandle",
    "tile": "tuple[LoopHandle, ...]",
    "unfold": "LoopHandle | tuple[LoopHandle, ...]",
}
"""What a primitive hands back to the user, where that is something."""

_KINDS: dict[Kind, str] = {
    "loop": "str | LoopHandle",
    "array": "str | ArrayHandle",
    "storage": "str | ArrayHandle",
    "nest": "str | LoopHandle | ArrayHandle | BandHandle",
}


class Methods:
    """The methods of a schedule that are primitives."""

    def _apply(
        self, primitive: Primitive, args: tuple[Any, ...], kwargs: Mapping[str, Any], place: Place | None
    ) -> Any:
        raise NotImplementedError


def user_signature(primitive: Primitive) -> inspect.Signature:
    """The signature of a primitive's method, in the types that a user sees."""
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for parameter in primitive.signature.parameters.values():
        kind = primitive.kinds.get(parameter.name)
        text = str(parameter.annotation)
        if kind is not None:
            text = _KINDS[kind]
            if is_many(parameter):
                text = f"Sequence[{text}] | {text}"
            if parameter.default is None:
                text += " | None"
        parameters.append(parameter.replace(annotation=_Text(text)))
    returns = _Text(RETURNS.get(primitive.name, "None"))
    return inspect.Signature(parameters, return_annotation=returns)


class _Text(str):
    """An annotation that prints without quotes."""

    def __repr__(self) -> str:
        return str(self)


def stub_text() -> str:
    """The text of ``methods.pyi``."""
    lines = [
        '"""The types of the primitives, as methods; a test keeps this file like `REGISTRY`."""',
        "",
        "from collections.abc import Sequence",
        "",
        "from tracealloc.schedule.core.primitive import Primitive",
        "from tracealloc.schedule.session.handle import ArrayHandle, BandHandle, LoopHandle",
        "from tracealloc.trace.ir.dtype import DType",
        "from tracealloc.trace.ir.layout import BankKind",
        "",
        "RETURNS: dict[str, str]",
        "",
        "def user_signature(primitive: Primitive) -> object: ...",
        "def stub_text() -> str: ...",
        "",
        "class Methods:",
    ]
    for name, primitive in sorted(REGISTRY.items()):
        signature = user_signature(primitive)
        lines.append(f"    def {name}(")
        seen_star = False
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY and not seen_star:
                lines.append("        *,")
            seen_star |= parameter.kind in (parameter.VAR_POSITIONAL, parameter.KEYWORD_ONLY)
            text = re.sub(" +", " ", str(parameter)).replace("'", '"')
            lines.append(f"        {text},")
        returned = str(signature.return_annotation)
        lines.append(f"    ) -> {returned}: ...")
    return "\n".join(lines) + "\n"


def _method(primitive: Primitive) -> Callable[..., Any]:
    def apply(self: Methods, *args: Any, **kwargs: Any) -> Any:
        return self._apply(primitive, args, kwargs, caller_place())

    apply.__signature__ = user_signature(primitive)  # type: ignore[attr-defined]
    apply.__name__ = primitive.name
    apply.__qualname__ = f"Schedule.{primitive.name}"
    apply.__doc__ = primitive.function.__doc__
    return apply


for _primitive in REGISTRY.values():
    setattr(Methods, _primitive.name, _method(_primitive))
