"""Names of arrays, values and loops that nobody gave, made unique; names of bands.

Names are metadata of nodes that only this trace holds, so they are set in place.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from itertools import count

from tracealloc.trace.ir.expr import Iter
from tracealloc.trace.ir.program import Array, Block, Call, If, Loop, Node, blocks_of, map_blocks, walk_nodes

__all__ = ["default_band", "is_default_band", "name_arrays", "name_bands", "unused"]


def unused(name: str, taken: Container[str | None]) -> str:
    """`name`, or it with the least number that makes it none of `taken`: ``i``, ``i_1``, ``i_2``, ..."""
    return name if name not in taken else next(n for k in count(1) if (n := f"{name}_{k}") not in taken)


def _set_name(item: Array | Iter, name: str) -> None:
    object.__setattr__(item, "name", name)


def name_arrays(args: Sequence[Array], arrays: Sequence[Array], body: Block) -> None:
    """Unique names: the user's where possible, ``t0``, ``t1`` for values, ``a0``, ... for arrays."""
    loops = {node.iter.name for node in walk_nodes(body) if isinstance(node, Loop)}
    taken = {array.name for array in args}
    counts: dict[str, int] = {}
    for array in arrays:
        base = array.name.lstrip("_")
        if base and base not in taken and base not in loops:
            name = base
        elif base:
            number = counts.get(base, 1)
            while f"{base}_{number}" in taken:
                number += 1
            counts[base] = number + 1
            name = f"{base}_{number}"
        else:
            letter = "t" if array.kind == "value" else "c" if array.kind == "constant" else "a"
            number = counts.get(letter, 0)
            while f"{letter}{number}" in taken | loops:
                number += 1
            counts[letter] = number + 1
            name = f"{letter}{number}"
        taken.add(name)
        if name != array.name:
            _set_name(array, name)
    for node in walk_nodes(body):
        if isinstance(node, Loop) and node.iter.name in taken:
            _set_name(node.iter, unused(node.iter.name, taken | loops))


def default_band(number: int) -> str:
    """The name of a band to which the user gave none."""
    return f"L{number}"


def is_default_band(name: str) -> bool:
    """Whether a band has a name that says its number alone."""
    return name[1:].isdecimal() and name == default_band(int(name[1:]))


def name_bands(body: Block) -> Block:
    """Give the outermost loops ``L0``, ``L1``, ... and call sites ``name_0``, ``name_1``, ...

    Band names that the user gave are kept, and made unique.
    """
    given = {node.band for node in walk_nodes(body) if isinstance(node, Loop) and node.band is not None}
    seen: set[str] = set()
    counter = 0
    sites: dict[str, int] = {}

    def visit(block: Block, top: bool) -> Block:
        return tuple(rename(node, top) for node in block)

    def rename(node: Node, top: bool) -> Node:
        nonlocal counter
        inner = top and isinstance(node, If)
        if isinstance(node, Call):
            number = sites.get(node.program.name, 0)
            sites[node.program.name] = number + 1
            return replace(node, site=f"{node.program.name}_{number}", callee=node.program.name)
        if isinstance(node, Loop):
            band = node.band
            if band is None and top:
                while default_band(counter) in given:
                    counter += 1
                band = default_band(counter)
                counter += 1
            elif band is not None and band in seen:
                band = unused(band, given | seen)
            if band is not None:
                seen.add(band)
            node = replace(node, band=band)
        return map_blocks(node, lambda block: visit(block, inner)) if blocks_of(node) else node

    return visit(body, True)
