"""Where the processes of a network stand in its picture: grids as grids, loaders and drainers around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import networkx as nx

__all__ = ["family_of", "places_of"]

_NAME = re.compile(r"(.*)\[([-\d, ]+)\]")


def family_of(name: str) -> tuple[str, tuple[int, ...]]:
    """``PE[0, 1]`` -> PE, (0, 1); a process that is alone has no numbers."""
    found = _NAME.fullmatch(name)
    return (name, ()) if found is None else (found[1], tuple(map(int, found[2].split(", "))))


def places_of(names: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Columns and rows.

    Grids of two indices are blocks, what feeds or drains an edge stands beside it, and all else by how far it
    is from where data come in.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from((a, b) for a, b in edges if a in graph and b in graph and a != b)
    places: dict[str, tuple[float, float]] = {}
    left = 0.0
    families: dict[str, list[str]] = {}
    for name in graph:
        families.setdefault(family_of(name)[0], []).append(name)
    for members in families.values():
        at = [family_of(name)[1] for name in members]
        if all(len(each) == 2 for each in at):
            rows, columns = min(each[0] for each in at), min(each[1] for each in at)
            for name, (i, j) in zip(members, at, strict=True):
                places[name] = left + 1 + j - columns, 1.0 + i - rows
            left = max(x for x, _ in places.values()) + 2
    if places:
        _beside(graph, families, places)
    rest = [name for name in graph if name not in places]
    if rest:
        start = max((x for x, _ in places.values()), default=-1.0) + 1
        for name, rank in _ranks(graph, rest).items():
            row = float(sum(1 for x, _ in places.values() if x == start + rank))
            places[name] = start + rank, row
    return places


def _beside(
    graph: nx.DiGraph, families: Mapping[str, list[str]], places: dict[str, tuple[float, float]]
) -> None:
    """Put what has one index beside the edge of the grid that it feeds or drains."""
    lowest = min(x for x, _ in places.values()), min(y for _, y in places.values())
    highest = max(x for x, _ in places.values()), max(y for _, y in places.values())
    for members in families.values():
        near = {}
        for name in members:
            if name not in places:
                others = (*graph.successors(name), *graph.predecessors(name))
                near[name] = next((places[other] for other in others if other in places), None)
        known = {name: at for name, at in near.items() if at is not None}
        if not known or len(known) < len(near):
            continue
        columns, rows = {x for x, _ in known.values()}, {y for _, y in known.values()}
        ahead = any(o in places for name in known for o in graph.successors(name))
        for name, (x, y) in known.items():
            if len(columns) == 1 and (len(rows) > 1 or x == lowest[0] or len(known) == 1):
                places[name] = (lowest[0] - 1 if ahead else highest[0] + 1), y
            else:
                places[name] = x, (lowest[1] - 1 if ahead else highest[1] + 1)
    low = min(x for x, _ in places.values()), min(y for _, y in places.values())
    for name, (x, y) in places.items():
        places[name] = x - low[0], y - low[1]


def _ranks(graph: nx.DiGraph, names: list[str]) -> dict[str, int]:
    """How many steps each is from where data come in; those that wait for one another stand together."""
    inner = graph.subgraph(names)
    whole = nx.condensation(inner)
    found: dict[str, int] = {}
    ranks: dict[int, int] = {}
    for part in nx.topological_sort(whole):
        base = max((ranks[p] + whole.nodes[p]["size"] for p in whole.predecessors(part)), default=0)
        ranks[part] = base
        members = sorted(whole.nodes[part]["members"])
        whole.nodes[part]["size"] = len(members)
        for k, name in enumerate(members):
            found[name] = base + k
    return found
