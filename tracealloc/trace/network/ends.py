"""A process that puts what it stores to an array into queues, or takes what it reads from one.

    B[i] = v                     B.put(v)               where it keeps nothing of B for itself
    B[i] += v              ->    B[i] += v; if k == 7: B_fifo.put(B[i])
    C[i] = B[i // 2]             if i % 2 == 0: b = B.get()
                                 C[i] = b

In a kernel that the process calls, the argument becomes the queue: a function of its own for this call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tracealloc.trace.ir.expr import Const, Expr, Load, rewrite
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Node,
    Program,
    Region,
    Store,
    map_blocks,
    used_by,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_expressions, replace_arrays
from tracealloc.trace.network.endpoints import Site, fail, uses, whole_of
from tracealloc.trace.network.guards import ALWAYS, NEVER
from tracealloc.trace.network.outlined import called
from tracealloc.trace.record.naming import unused

__all__ = ["End", "with_ends"]


@dataclass(frozen=True)
class End:
    """An access that puts into a queue or takes from it, when `guard` holds.

    `holds`: elements that were taken are used again.
    """

    site: Site
    queue: Array
    guard: Expr
    holds: bool = False


def with_ends(
    program: Program,
    process: Node,
    array: Array,
    queues: Sequence[Array],
    ends: Sequence[End],
    kept: bool,
    taken: set[str],
    fill: Expr | None = None,
) -> Node:
    """The process with its ends of the queues; `kept`: it goes on to use the array, as its own.

    `taken` are the names of functions; those of new ones are added. `fill` is what the array holds at first.
    """
    change = _Change(program, taken, tuple(queues), tuple(ends), kept, fill)
    if any(end.holds for end in ends) and not isinstance(process, Call):
        head = change.head(array, {a.name for a in program.arrays()})
        (node,) = change.block((process,), array, head)
        name = unused(getattr(process, "band", None) or "process", taken)
        taken.add(name)
        return called((Alloc(head), node), {}, dict(program.layouts), name, process.place)
    head = change.head(array, {a.name for a in program.arrays()})
    new = change.block((process,), array, head)
    assert len(new) == 1
    return new[0]


@dataclass(frozen=True)
class _Change:
    program: Program
    taken: set[str]
    queues: tuple[Array, ...]
    ends: tuple[End, ...]
    kept: bool
    fill: Expr | None

    def head(self, array: Array, names: set[str]) -> Array:
        """Where the element at the head of the queue is held."""
        name = unused(f"{array.name}_head", names)
        return replace(
            array, key=f"{self.queues[0].key}:head", name=name, kind="local", shape=(), parameter=None
        )

    def block(
        self, nodes: Block, array: Array, head: Array, own: Mapping[Array, Array] | None = None
    ) -> Block:
        """Nodes with the ends of the queues in them; `own` are the queues as this function knows them."""
        own = own or {}
        found: list[Node] = []
        for node in nodes:
            if not uses((node,), array):
                found.append(node)
                continue
            gets, reads = self._taken(node, array, head, own)
            found += gets
            new = map_expressions(node, lambda e, reads=reads: _replaced(e, array, reads)) if reads else node  # type: ignore[misc]
            if isinstance(new, Store) and new.array == array:
                found += self._put(node, new, array, own)
            elif isinstance(new, Call):
                found.append(self._called(new, array, own))
            elif isinstance(new, Alloc):
                found += [new] if self.kept else []
            else:
                found.append(map_blocks(new, lambda block: self.block(block, array, head, own)))
        return tuple(found)

    def _ends(self, node: Node, stores: bool) -> list[End]:
        return [
            end for end in self.ends if end.site.stores == stores and any(n is node for n in end.site.nodes)
        ]

    def _taken(
        self, node: Node, array: Array, head: Array, own: Mapping[Array, Array]
    ) -> tuple[Block, dict[tuple[Expr, ...], Array]]:
        """What a statement takes before it runs, and where it finds its elements."""
        ends = self._ends(node, False)
        several = len(ends) > 1
        one = sum(not end.site.stores for end in self.ends if end.queue in {e.queue for e in ends}) == 1
        nodes: list[Node] = []
        reads: dict[tuple[Expr, ...], Array] = {}
        for number, end in enumerate(ends):
            name = f"{head.name}_{number}" if several else head.name
            turn = "" if one else f" {self.ends.index(end)}"
            held = replace(head, key=f"{head.key}{turn}", name=name, kind="value")
            get = Load(own.get(end.queue, end.queue))
            if not end.holds:
                nodes.append(Store(held, (), get, (), end.site.place))
            else:
                if end.guard != NEVER:
                    taken = Store(head, (), get, (), end.site.place)
                    nodes.append(
                        taken if end.guard == ALWAYS else If(end.guard, (taken,), (), end.site.place)
                    )
                if several:
                    nodes.append(Store(held, (), Load(head), (), end.site.place))
                else:
                    held = head
            reads[end.site.indices] = held
        return tuple(nodes), reads

    def _put(self, old: Node, new: Store, array: Array, own: Mapping[Array, Array]) -> Block:
        ends = [end for end in self._ends(old, True) if end.guard != NEVER]
        found: list[Node] = []
        if self.kept:
            found.append(new)
            value: Expr = Load(array, new.indices)
        else:
            value = new.value
            if len(ends) > 1:
                held = replace(
                    array, key=f"{array.key}:made", name=f"{array.name}_made", kind="value", shape=()
                )
                found.append(Store(held, (), value, (), new.place))
                value = Load(held)
        for end in ends:
            put = replace(new, array=own.get(end.queue, end.queue), indices=(), value=value, views=())
            found.append(put if end.guard == ALWAYS else If(end.guard, (put,), (), new.place))
        return tuple(found)

    # A kernel that is called.

    def _called(self, call: Call, array: Array, own: Mapping[Array, Array]) -> Call:
        """The call of a function in which the argument is the queues."""
        formals = whole_of(call, array)
        if not formals:
            return call
        (formal,) = formals
        callee = call.program
        names = {a.name for a in callee.arrays()}
        inner: dict[Array, Array] = {}
        for queue in self.queues:
            name = formal.name if not inner and not self.kept else unused(f"{formal.name}_fifo", names)
            names.add(name)
            inner[queue] = replace(queue, name=name, scope=(), key=f"{queue.key} of {callee.name}")
        head = self.head(formal, names)
        body = self.block(callee.body, formal, head, inner)
        if any(head in used_by(n) for n in walk_nodes(body)) and any(end.holds for end in self.ends):
            body = (Alloc(head), *body)
        kept = any(formal in used_by(n) for n in walk_nodes(body))
        local = replace(formal, kind="local", parameter=None)
        if kept and formal in callee.args:
            if self.fill is not None and not isinstance(self.fill, Const):
                fail(f"what {array.name!r} holds at first is computed, and {callee.name!r} goes on from it")
            body = (Alloc(local, self.fill), *body)
        given = tuple(Region(own.get(queue, queue), ()) for queue in self.queues)
        args: list[Array] = []
        parts: list[Region | Expr] = []
        for f, part in zip(callee.args, call.args, strict=True):
            args += tuple(inner.values()) if f == formal else (f,)
            parts += given if f == formal else (part,)
        results = [p for p in zip(callee.results, call.results, strict=True) if p[0] != formal]
        if formal in callee.results:
            args += inner.values()
            parts += given
        layouts = tuple(pair for pair in callee.layouts if kept or pair[0] != formal)
        new = replace(
            callee,
            name=self._name(callee),
            args=_placed(args),
            results=tuple(f for f, _ in results),
            body=_localised(body, formal, local) if kept else body,
            layouts=layouts,
        )
        symbol = new.name if call.callee else ""
        return replace(
            call, program=new, args=tuple(parts), results=tuple(part for _, part in results), callee=symbol
        )

    def _name(self, callee: Program) -> str:
        """The function's name: a new one where the kernel is called elsewhere too."""
        programs = (self.program, *self.program.callees())
        calls = [n for each in programs for n in walk_nodes(each.body) if isinstance(n, Call)]
        if sum(call.program is callee for call in calls) < 2:
            return callee.name
        name = unused(callee.name, self.taken)
        self.taken.add(name)
        return name


def _placed(args: Sequence[Array]) -> tuple[Array, ...]:
    """Arguments whose parameters say where they stand."""
    return tuple(
        a if a.parameter is None else replace(a, parameter=replace(a.parameter, position=k))
        for k, a in enumerate(args)
    )


def _localised(body: Block, formal: Array, local: Array) -> Block:
    return tuple(replace_arrays(node, {formal: local}) for node in body)


def _replaced(expr: Expr, array: Array, reads: Mapping[tuple[Expr, ...], Array]) -> Expr:
    def held(part: Expr) -> Expr | None:
        if isinstance(part, Load) and part.array == array and part.indices in reads:
            return Load(reads[part.indices], (), part.path)
        return None

    return rewrite(expr, held)
