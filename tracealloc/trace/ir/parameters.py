"""What a kernel takes and gives: traced arguments and staged values in order, types of results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from tracealloc.trace.ir.dtype import ArrayType, DType, Stream

__all__ = ["Parameter", "Signature", "Type"]

Type: TypeAlias = ArrayType | DType | Stream


@dataclass(frozen=True, slots=True)
class Parameter:
    """A traced argument (`type` is set) or a staged value."""

    name: str
    type: Type | None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A kernel's parameters in order, and what its ``->`` says (None: nothing said)."""

    parameters: tuple[Parameter, ...]
    results: tuple[Type, ...] | None
    keyword_only: frozenset[str]

    @property
    def traced(self) -> tuple[Parameter, ...]:
        """The parameters that are the program's arguments."""
        return tuple(p for p in self.parameters if p.type is not None)
