"""The C back end: what `build` asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracealloc.emit.common.target import Design, Folder, Target, register

__all__ = ["C"]


def _build(design: Design, _mode: str | None, _project: Folder, options: Mapping[str, Any]) -> Any:
    from tracealloc.emit.run.runtime import build_c

    return build_c(design.for_processor(), **options)


def _options() -> tuple[Any, ...]:
    from tracealloc.emit.run.runtime import build_c

    return (build_c,)


C = register(Target("c", "C", _build, _options))
