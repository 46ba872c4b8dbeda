"""A strict reader of value change dumps (IEEE 1364-2005, section 18): what breaks a rule is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Dump", "read"]


@dataclass
class Dump:
    """What a dump says: comments, and by path what each variable is from when on (None: unknown)."""

    scale: str = ""
    comments: list[str] = field(default_factory=list)
    values: dict[str, list[tuple[int, int | None]]] = field(default_factory=dict)
    end: int = 0

    def at(self, path: str, time: int) -> int | None:
        """A variable's value at a time."""
        return [value for when, value in self.values[path] if when <= time][-1]


def read(text: str) -> Dump:
    """A dump, each variable a wire."""
    found = Dump()
    head, closing, body = text.partition("$enddefinitions $end\n")
    assert closing and text.isascii()
    variables = _head(head, found)
    assert re.fullmatch(r"(1|10|100) ?(s|ms|us|ns|ps|fs)", found.scale)
    now, initial = -1, False
    seen: set[str] = set()
    for line in body.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"#\d+", line) and int(line[1:]) > now, line
            assert not initial
            now = found.end = int(line[1:])
            seen.clear()
        elif line == "$dumpvars":
            assert now == 0 and not initial
            initial = True
        elif line == "$end":
            assert initial
            initial = False
            assert seen == set(variables), "all variables have a first value"
        else:
            part = re.fullmatch(r"(?:b([01]+|x) ([!-~]+))|(?:([01x])([!-~]+))", line)
            assert part and now >= 0, line
            bits, mark = (part[1], part[2]) if part[2] else (part[3], part[4])
            path, width = variables[mark]
            assert mark not in seen and len(bits) <= width and bool(part[2]) == (width > 1), line
            assert bits == "0" or not bits.startswith("0")
            seen.add(mark)
            found.values[path].append((now, None if bits == "x" else int(bits, 2)))
    assert not initial and now >= 0
    return found


def _head(text: str, found: Dump) -> dict[str, tuple[str, int]]:
    """The variables by mark: path and width."""
    variables: dict[str, tuple[str, int]] = {}
    scopes: list[str] = []
    closed: set[str] = set()
    for keyword, words in re.findall(r"\$(\w+) (.*?)\s?\$end\n", text, flags=re.DOTALL):
        match keyword:
            case "comment":
                found.comments.append(words)
            case "timescale":
                assert not found.scale
                found.scale = words
            case "scope":
                kind, name = words.split(" ")
                scopes.append(name)
                path = ".".join(scopes)
                assert kind == "module" and re.fullmatch(r"[\w\[\]]+", name) and path not in closed
                closed.add(path)
            case "upscope":
                scopes.pop()
            case "var":
                kind, width, mark, name = words.split(" ")
                path = ".".join([*scopes, name])
                assert kind == "wire" and int(width) > 0 and scopes and path not in found.values
                assert mark not in variables and re.fullmatch(r"[!-~]+", mark)
                assert re.fullmatch(r"[A-Za-z_]\w*", name)
                variables[mark] = path, int(width)
                found.values[path] = []
            case _:
                raise AssertionError(keyword)
    assert not scopes
    rest = re.sub(r"\$(\w+) (.*?)\s?\$end\n", "", text, flags=re.DOTALL)
    assert not rest.strip(), rest
    return variables
