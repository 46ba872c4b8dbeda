"""For every read the last write before it in the order of a tree: what moments say, in instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dataflow.last_writes import LastWrites
from tracealloc.poly.dataflow.timestamps import FINAL, INPUT, Clock, points_of
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.named import union_of
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import Tree

__all__ = ["FINAL", "INPUT", "Solution", "answered", "last_writes", "solve"]


@dataclass(frozen=True)
class Solution:
    """`sources`: write -> (read -> element); `unset`: read -> element of reads that see no write."""

    sources: isl.UnionMap
    unset: isl.UnionMap


def solve(
    model: Model,
    tree: Tree,
    reads: Sequence[isl.Map],
    writes: Sequence[isl.Map],
    updates: Sequence[isl.Map] = (),
) -> Solution:
    """For every read the last write before it in the order of a tree, and all `updates` since that.

    ``Final`` is after everything, ``Input`` before.
    """
    return answered(last_writes(model, tree, writes, updates), reads)


def last_writes(
    model: Model, tree: Tree, writes: Sequence[isl.Map], updates: Sequence[isl.Map] = ()
) -> LastWrites:
    """What finds the last of some writes, and all updates since that, in the order of a tree."""
    return LastWrites(Clock(model, tree), writes, updates)


def answered(last: LastWrites, reads: Sequence[isl.Map]) -> Solution:
    """What some reads see."""
    seen = [last.of(read) for read in points_of(last.clock, reads, numbered=False)]
    sources = [flow.range_factor_domain().reverse() for each in seen for flow in each.flows]
    unset = [each.unread for each in seen if each.unread is not None]
    return Solution(coalesced(union_of(sources)), coalesced(union_of(unset)))
