"""Statements, their domains and accesses: what isl knows of a program.

A write that may not happen (under a condition on data, through a subscript on data, or somewhere inside
an opaque statement) is treated as an update: it also reads what it may overwrite. Every write is then a
certain one, and dependences and proofs need one rule.

An array that is allocated inside loops has an instance for every iteration of them; its elements carry
those iterators in front (`Statement.scopes`), so storage reuse never forbids a legal order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import islpy as isl

from tracealloc.poly.isl.equality import same_maps
from tracealloc.poly.isl.pickled import PickledAsText
from tracealloc.poly.isl.texts import Parameters, parameters_of
from tracealloc.poly.model.context import ANYTHING
from tracealloc.poly.model.effects import EffectsOf
from tracealloc.poly.model.tree import Tree
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Expr, Iter, IterRef
from tracealloc.trace.ir.program import Alloc, Array, Node, Program, Region, walk_nodes

__all__ = ["Access", "Model", "Part", "Statement"]

Part: TypeAlias = Expr | Region | Array
"""What an access names: an element, a view that is passed, or an array that is filled (or a value that a step
puts in the place of an element)."""


@dataclass(frozen=True)
class Access(PickledAsText):
    """The elements that each instance of a statement touches: instance -> element of `space`.

    `part` is what the statement names, `leaf` the field of it, and `text` says it. `tags` are the reads of
    the traced statement that a read is, whatever it is called now: steps that rewrite parts keep them.
    `chooses`: what it reads only chooses elements, so that it is not needed where these are no choice.
    `exact`: every instance touches exactly these elements.
    `sure`: every instance would, if the guards of the statement hold. `update` marks the read that a write
    that may not happen implies. `view` is there where a called kernel
    gets a view: (instance -> place in the view) -> element. `whole` gives all elements that a call gets
    where it touches fewer.
    """

    array: Array
    space: str
    relation: isl.Map = field(compare=False, hash=False)
    write: bool
    exact: bool
    text: str
    part: Part
    leaf: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    chooses: bool = False
    update: bool = False
    sure: bool = False
    view: isl.Map | None = field(default=None, compare=False, hash=False)
    whole: isl.Map | None = field(default=None, compare=False, hash=False)
    place: Place | None = field(default=None, compare=False)

    @property
    def held(self) -> isl.Map:
        """The elements that a buffer must hold: those that are touched, and what is passed with them."""
        return self.relation if self.whole is None else self.whole

    @property
    def holds_more(self) -> bool:
        """Whether more must be held than is touched, or all of the array."""
        if self.whole is None:
            return False
        return self.view is None or not same_maps(self.relation, self.whole)

    def of(self, onto: isl.Map) -> Access:
        """The access of a statement whose instances `onto` maps to those that this one is of."""
        view, whole = self.view, self.whole
        if view is not None:
            places = view.domain().unwrap().range().identity()
            view = onto.product(places).apply_range(view)
        if whole is not None:
            whole = onto.apply_range(whole)
        return replace(self, relation=onto.apply_range(self.relation), view=view, whole=whole)

    def onto(self, elements: isl.Map) -> Access:
        """The access to an array of which `elements` gives the elements that stand for those of this one."""
        whole = None if self.whole is None else self.whole.apply_range(elements)
        view = None if self.view is None else self.view.apply_range(elements)
        space = str(elements.range().get_tuple_name())
        return replace(
            self, space=space, relation=self.relation.apply_range(elements), view=view, whole=whole
        )

    def within(self, domain: isl.Set) -> Access:
        """The access of the instances in `domain` alone."""
        whole = None if self.whole is None else self.whole.intersect_domain(domain)
        return replace(self, relation=self.relation.intersect_domain(domain), whole=whole)


@dataclass(frozen=True)
class Statement(PickledAsText):
    """A node that isl sees as a unit, with the iterators of the affine loops around it.

    `guards` are conditions on data: the node runs where all hold. `origin` names the statement of the
    traced program whose instances this one runs (None for a copy that a primitive added), and
    `origin_instance` gives that instance's iterators (None: they are the same). `covered`: where the last of
    the guards does not hold, later statements store all that this one would have stored (the other side of
    an ``if``), so that it need not keep what was there. `traced` is the node as the kernel was traced, where
    loops inside it have been scheduled: the accesses are the traced ones, so that proofs find their reads.
    """

    name: str
    dims: tuple[Iter, ...]
    domain: isl.Set = field(compare=False, hash=False)
    node: Node
    guards: tuple[Expr, ...] = ()
    accesses: tuple[Access, ...] = ()
    scopes: tuple[tuple[Array, tuple[Expr, ...]], ...] = ()
    origin: str | None = None
    origin_instance: tuple[Expr, ...] | None = None
    copy: bool = False
    covered: bool = False
    traced: Node | None = None

    @property
    def as_traced(self) -> Node:
        """What proofs take it for."""
        return self.node if self.traced is None else self.traced

    @property
    def place(self) -> Place | None:
        """Where the user wrote it."""
        return self.node.place

    @property
    def where(self) -> str:
        """Where the user wrote it, or what a step added it for: ``gemm.py:8``, ``the copy into C_i``."""
        if self.place is not None:
            return self.place.short
        names = [access.array.name for access in self.writes]
        return f"the {'copy into' if self.copy else 'filling of'} {names[0]}" if names else self.name

    def scope(self, array: Array) -> tuple[Expr, ...]:
        """The instance of a scoped array that this statement uses, over its own iterators."""
        for known, exprs in self.scopes:
            if known == array:
                return exprs
        return ()

    @property
    def instance(self) -> tuple[Expr, ...]:
        """The instance of the traced statement, over the statement's own iterators."""
        own = self.origin_instance
        return tuple(IterRef(it) for it in self.dims) if own is None else own

    def within(self, domain: isl.Set) -> Statement:
        """The statement with the instances in `domain` alone."""
        accesses = tuple(access.within(domain) for access in self.accesses)
        return replace(self, domain=domain, accesses=accesses)

    @property
    def reads(self) -> tuple[Access, ...]:
        """The accesses that read."""
        return tuple(access for access in self.accesses if not access.write)

    def tagged(self) -> dict[str, list[Access]]:
        """The reads by their tags; of one tag there is one, but where steps have told apart what was one."""
        found: dict[str, list[Access]] = {}
        for read in self.reads:
            for tag in read.tags:
                found.setdefault(tag, []).append(read)
        return found

    @property
    def writes(self) -> tuple[Access, ...]:
        """The accesses that write."""
        return tuple(access for access in self.accesses if access.write)


@dataclass(frozen=True, repr=False)
class Model(PickledAsText):
    """All statements of a program and an order of them that is known to be right.

    `reference` is a tree in whose order the statements compute what the kernel says; dependences are
    taken in that order. `arrays` gives every array a number (its isl name is ``A<number>``). `origins` say
    of which element each element of a buffer is a copy. `versions` counts the changes of an array's
    layout: each has isl names of its own. `effects` tells what calls do. `context` is what the parameters
    may be: domains and accesses lie in it.
    """

    program: Program
    statements: tuple[Statement, ...]
    arrays: tuple[Array, ...]
    reference: Tree
    effects: EffectsOf = field(compare=False, hash=False)
    origins: tuple[isl.Map, ...] = field(default=(), compare=False, hash=False)
    versions: tuple[tuple[Array, int], ...] = ()
    context: isl.Set = field(default=ANYTHING, compare=False, hash=False)
    memo: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What was computed of this model (names, dependences); nothing that a reader can tell."""

    def __post_init__(self) -> None:
        self.memo["statements"] = {s.name: s for s in self.statements}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "memo": {"statements": self.memo["statements"]}}

    @property
    def parameters(self) -> Parameters:
        """The parameters by their isl names."""
        return parameters_of(self.program.args)

    def __repr__(self) -> str:
        return f"<model of {self.program.name}: {len(self.statements)} statements>"

    def statement(self, name: str) -> Statement:
        """The statement called `name`."""
        found: Statement = self.memo["statements"][name]
        return found

    def has(self, name: str) -> bool:
        """Whether there is a statement called `name`."""
        return name in self.memo["statements"]

    def space(self, array: Array, path: tuple[str, ...] = ()) -> str:
        """The isl name of an array (of one field of its elements)."""
        names: dict[Array, str] | None = self.memo.get("spaces")
        if names is None:
            versions = dict(self.versions)
            ends = [f"_v{versions[each]}" if versions.get(each) else "" for each in self.arrays]
            names = {each: f"A{n}{ends[n]}" for n, each in enumerate(self.arrays)}
            self.memo["spaces"] = names
        return "_".join((names[array], *path))

    def array_at(self, space: str) -> Array:
        """The array of which `space` names the elements (of a field of them, in some layout)."""
        return self.arrays[int(space.partition("_")[0].removeprefix("A"))]

    def outputs(self) -> tuple[Array, ...]:
        """The arrays whose final contents a caller sees."""
        found: tuple[Array, ...] | None = self.memo.get("outputs")
        if found is None:
            given = set(self.program.args)  # a queue of its own ends with the kernel
            kept = [a for a in self.arrays if a.kind in ("argument", "state", "kept") or a in given]
            found = self.memo["outputs"] = tuple(dict.fromkeys([*kept, *self.program.results]))
        return found

    def with_statements(self, statements: Sequence[Statement], reference: Tree) -> Model:
        """The model with other statements, whose order `reference` is right."""
        known = dict.fromkeys(self.arrays)
        for statement in statements:
            for access in statement.accesses:
                known.setdefault(access.array)
            for node in walk_nodes((statement.node,)):
                if isinstance(node, Alloc):
                    known.setdefault(node.array)
        return replace(self, statements=tuple(statements), arrays=tuple(known), reference=reference)
