"""The files of `templates/`: headers copied as they are, and frames filled in with jinja2."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["filled", "template_text"]

_FOLDER = Path(__file__).parent.parent / "templates"


@cache
def template_text(name: str) -> str:
    """A file of `templates/`, as it is."""
    return (_FOLDER / name).read_text(encoding="utf-8")


@cache
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


@cache
def _compiled(name: str) -> Any:
    return _environment().from_string(template_text(name))


def filled(name: str, **values: object) -> str:
    """The frame `name` with `values` filled in; a value that is missing is an error."""
    text: str = _compiled(name).render(**values)
    return text
