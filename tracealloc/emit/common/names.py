"""Every name in emitted text and of a project's files: the user's where possible, always distinct.

What the outside world has taken is one table, ``data/taken_names.txt``. A name that is there gets ``_`` at
its end, a function ``_kernel``; the text and the README say which names are changed. Arguments by name,
messages and reports keep the user's.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tracealloc.emit.common.target import reserved_names
from tracealloc.trace.record.naming import unused

if TYPE_CHECKING:
    from tracealloc.trace.ir.program import Program

__all__ = ["FileNames", "Names", "change_comment", "entry_name", "file_stem", "identifier", "member"]
__all__ += ["taken", "words_of"]

_TABLE = Path(__file__).parents[1] / "data" / "taken_names.txt"
# Names that compilers, our helpers and the vendor's headers make up are told by how they begin.
_PREFIXES = re.compile(r"__|_[A-Z]|(?i:ta_|tracealloc)|AP_|APFX_|AF_REF_|REF_BIN_|OP_(?:ASSIGN|BIN|CMP)_")


@dataclass(frozen=True, slots=True)
class _Taken:
    everywhere: frozenset[str]  # in every scope: keywords, macros, what our text mentions
    outside: frozenset[str]  # at file scope: functions, types, variables, exported symbols
    stems: frozenset[str]  # of files, in lower case


def taken() -> _Taken:
    """What the outside world and the helpers of back ends have taken."""
    return _taken_beside(reserved_names())


@cache
def _taken_beside(helpers: frozenset[str]) -> _Taken:
    found: dict[str, list[str]] = {}
    section: list[str] = []
    for line in _TABLE.read_text(encoding="ascii").splitlines():
        if line.startswith("["):
            section = found.setdefault(line[1:-1], [])
        elif not line.startswith("#"):
            section += line.split()
    text = [*found["text"], *helpers]
    floats = [f"{name}f" for name in text]  # of each function of libm
    return _Taken(
        frozenset((*found["keywords"], *found["macros"], *text, *floats)),
        frozenset(found["file scope"]),
        frozenset((*found["headers"], *found["devices"])),
    )


def _spelt(name: str) -> str:
    """`name` with every character written out that C does not allow, or that not every compiler does."""
    text = "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"_u{ord(c):x}_" for c in name)
    # "i.outer", "C[i, :]" and the like read better with a plain underscore.
    for mark in ".[]():, -":
        text = text.replace(f"_u{ord(mark):x}_", "_")
    return text


def _begun(text: str) -> str:
    """`text`, begun otherwise where it begins like no name of a user's may."""
    return f"v{text}" if not text or text[0].isdigit() or _PREFIXES.match(text) else text


def identifier(name: str) -> str:
    """`name`, or what it becomes where it is no identifier or taken in every scope."""
    text = _begun(_spelt(name))
    while text in taken().everywhere:
        text += "_"
    return text


def _function(name: str) -> str:
    """`name` for a function, which shares its scope with those of the C library and of the linker."""
    text = _begun(_spelt(name))
    text = f"v{text}" if text.startswith("_") else text
    return f"{text}_kernel" if text in taken().everywhere | taken().outside else text


def member(name: str) -> str:
    """A struct's field; two fields are never one, whatever else the struct has."""
    text = _spelt(re.sub(r"_(u[0-9a-f]+_)", r"_u5f_\1", name))
    if _PREFIXES.match(text.lstrip("v")):
        text = f"v{text}"
    return f"{text}_" if text.rstrip("_") in taken().everywhere else text


def _free(base: str, used: Container[str]) -> str:
    """`base`, or it with the least number that is not used."""
    text, count = base, 1
    while text in used:
        count += 1
        text = f"{base}_{count}"
    return text


class Names:
    """Names by scope: a name is free again when the block that declared it has ended.

    Args:
        reserved: words that are taken besides those of the table.

    Attributes:
        changed: names of the user's, and what they are in the text.
    """

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        self._reserved = reserved
        self._scopes: list[dict[object, str]] = [{}]
        self._ever: set[str] = set()  # every name of the file, of whichever scope
        self._labels: set[str] = set()
        self._seen: set[object] = set()
        self._outside = 0  # the number of scopes of which `_seen` notes the keys
        self.changed: dict[str, str] = {}

    def open(self) -> None:
        """A block begins."""
        self._scopes.append({})

    def close(self) -> None:
        """The block ends; its names are free."""
        self._scopes.pop()

    def declare(self, key: object, name: str) -> str:
        """A name for `key` in the innermost block, unlike every other that is visible."""
        return self._note(key, name, identifier(name))

    def declare_own(self, key: object, name: str) -> str:
        """A name for what is no user's: no news where it is another."""
        text = self._free_here(identifier(name))
        self._scopes[-1][key] = text
        self._ever.add(text)
        return text

    def _note(self, key: object, name: str, base: str) -> str:
        text = self._free_here(base)
        self._scopes[-1][key if key else object()] = text  # "": a name that nobody looks up
        self._ever.add(text)
        plain = name.replace(".", "_")
        if isinstance(key, tuple) and text != plain and (base != plain or key[0] in ("function", "array")):
            self.changed[name] = text  # an iterator that only shares its name is no news
        return text

    def _free_here(self, base: str) -> str:
        return _free(base, self._reserved.union(*(scope.values() for scope in self._scopes)))

    def declare_function(self, key: object, name: str) -> str:
        """A name for a function of the file."""
        return self._note(key, name, _function(name))

    def declare_global(self, name: str) -> str:
        """A name for something of the whole file, unlike every name that is or was in any scope of it."""
        base = identifier(name)
        text = _free(base, self._ever | taken().outside)
        self._ever.add(text)
        self._scopes[0]["global", text] = text
        return text

    def label(self, name: str) -> str:
        """A name for a loop, unlike every other of the function: labels have a scope of their own."""
        text = unused(identifier(name), self._labels)
        self._labels.add(text)
        return text

    def fields(self, names: Iterable[str]) -> dict[str, str]:
        """The fields of a struct of the file, and what they are in the text."""
        found = {name: member(name) for name in names}
        self._ever.update(found.values())
        self.changed.update({name: text for name, text in found.items() if name != text})
        return found

    def is_global(self, key: object) -> bool:
        """Whether `key` has a name of the whole file."""
        return key in self._scopes[0]

    def find(self, key: object) -> str | None:
        """The visible name of `key`, or None."""
        for number in range(len(self._scopes) - 1, -1, -1):
            found = self._scopes[number].get(key)
            if found is not None:
                if 0 < number < self._outside:
                    self._seen.add(key)
                return found
        return None

    @contextmanager
    def watched(self) -> Iterator[set[object]]:
        """Note which keys are looked for whose names were there before, those of the whole file aside."""
        self._seen, self._outside = set(), len(self._scopes)
        yield self._seen
        self._outside = 0

    def fork(self) -> Names:
        """The names of another function of the same file: those of the outermost scope are shared."""
        other = Names(self._reserved)
        other._scopes = [self._scopes[0], {}]
        other._ever, other.changed = self._ever, self.changed
        return other

    def bind(self, key: object, text: str) -> None:
        """Give `key` a name that exists already, such as one of the whole file."""
        self._scopes[-1][key] = text


def change_comment(changed: Mapping[str, str]) -> list[str]:
    """Comment lines that say which names of the user's are others in the text; none where none is."""
    lines = ["// Named otherwise here, as C++, its libraries or this text have taken the name:"]
    for name, text in changed.items():
        pair = f" {_shown(name)} is {text},"
        lines += ["//"] if len(lines[-1]) + len(pair) > 100 else []
        lines[-1] += pair
    return [*lines[:-1], f"{lines[-1].rstrip(',')}."] if changed else []


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() and c != "\\" else "?" for c in name)


def words_of(frame: str) -> frozenset[str]:
    """The identifiers that a frame of a file has of its own: comments, texts and what is filled in aside."""
    plain = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|//[^\n]*|\"[^\"\n]*\"", " ", frame)
    return frozenset(re.findall(r"[A-Za-z_]\w*", plain))


def file_stem(top: str) -> str:
    """The name of the kernel's files, without suffix, that no header and no other file of a project has."""
    return f"{top}_kernel" if top.casefold() in taken().stems else top


class FileNames:
    """Names of files in one folder, distinct also where capitals do not count."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def declare(self, name: str) -> str:
        """A stem for the file of `name`."""
        base = _spelt(name)
        if base.casefold() in taken().stems:
            base += "_"
        text, count = base, 1
        while text.casefold() in self._used:
            count += 1
            text = f"{base}_{count}"
        self._used.add(text.casefold())
        return text


def entry_name(program: Program) -> str:
    """The name of the exported function of a program."""
    return Names().declare_function("", program.name)
