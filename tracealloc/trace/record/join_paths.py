"""Join the recorded control paths of one body into a tree: common prefix, `Branch`, common suffix.

Two suffixes are common when they are equal up to the numbers of the values, arrays and iterators that
they define themselves (the branches numbered them apart).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeAlias

from tracealloc.trace.ir.dtype import DType
from tracealloc.trace.ir.expr import Binary, Expr, Intrinsic, Iter, IterRef, Load, Logical, rewrite, walk
from tracealloc.trace.ir.program import Alloc, Array, Call, Program, Store
from tracealloc.trace.queries.typing_rules import negate
from tracealloc.trace.record.events import (
    Branch,
    Close,
    Decide,
    Define,
    Event,
    ForEach,
    Open,
    Otherwise,
    Ref,
    Repeat,
)

__all__ = ["Unbalanced", "join", "nest"]

Key: TypeAlias = "int | str"


class Unbalanced(Exception):
    """A decision inside a `ta.when` block that changes what follows the block."""

    def __init__(self, decide: Decide) -> None:
        super().__init__()
        self.decide = decide


def join(paths: Sequence[Sequence[Event]], loops: tuple[Iter, ...] = (), start: int = 0) -> list[Event]:
    """One list of events without decisions for the paths of a body, which agree up to `start`.

    `loops` are the iterators around the body.
    """
    first = paths[0]
    position = start
    while position < len(first) and not isinstance(first[position], Decide):
        position += 1
    if position == len(first):
        return list(first[start:])
    decide = first[position]
    assert isinstance(decide, Decide)
    sides: tuple[list[Sequence[Event]], list[Sequence[Event]]] = ([], [])
    for path in paths:
        event = path[position]
        assert isinstance(event, Decide)
        sides[0 if event.outcome else 1].append(path)
    prefix = list(first[start:position])
    left, right = (join(side, loops, position + 1) if side else [] for side in sides)
    cut = _common(left, right, decide)
    chosen = _chosen(left, right, decide, cut, loops)
    if chosen is not None:
        return prefix + chosen
    then, orelse, suffix = left[: len(left) - cut], right[: len(right) - cut], left[len(left) - cut :]
    if then or orelse:
        branch = Branch(decide.cond, tuple(nest(then)), tuple(nest(orelse)), decide.place)
        prefix += _merged(branch, decide.number)
    return prefix + suffix


def _chosen(
    left: list[Event], right: list[Event], decide: Decide, strict: int, loops: tuple[Iter, ...]
) -> list[Event] | None:
    """The branches with a long common suffix in which only the values used differ, or None.

    The branches store their values to variables (one array of rank 0 each), which the suffix reads.
    """
    if any(isinstance(event, Open | Otherwise | Close) for event in (*left, *right)):
        return None
    matcher = _Matcher(decide.number, values=True)
    count = 0
    while count < min(len(left), len(right)):
        if not matcher.try_equal(left[-1 - count], right[-1 - count]):
            break
        count += 1
    while count > strict:
        suffix = left[len(left) - count :]
        made = {_made(event) for event in suffix}
        needed = _first_unmet(suffix, made, decide.number, arrays_only=True)
        if needed is None:
            break
        count -= needed + 1
    if count <= strict or not _heavy(left[len(left) - count : len(left) - strict]):
        return None
    suffix = left[len(left) - count :]
    variables: dict[int, Load] = {}
    heads: tuple[list[Event], list[Event]] = (left[: len(left) - count], right[: len(right) - count])
    names = {e.number: e.name for e in left if isinstance(e, Define)}
    allocs: list[Event] = []
    used: dict[int, DType] = {}
    inside: set[Key] = set()
    for event in suffix:
        _refs_of(event, used)
        _collect(event, set(), inside)
    for number, dtype in used.items():
        partner = matcher.there.get(number, number)
        if partner == number or number in inside:
            continue
        assert isinstance(partner, int)
        name = names.get(number) or ""
        key = f"%{max(number, partner)}v{decide.number}"  # made here, in the branches' order of numbers
        array = Array(key, name, dtype, (), "local", loops, place=decide.place)
        allocs.append(Alloc(array, None, decide.place))
        heads[0].append(Store(array, (), Ref(number, dtype), (), decide.place))
        heads[1].append(Store(array, (), Ref(partner, dtype), (), decide.place))
        variables[number] = Load(array)
    branch = Branch(decide.cond, tuple(heads[0]), tuple(heads[1]), decide.place)
    return [*allocs, branch, *(_with_variables(event, variables) for event in suffix)]


def _heavy(events: Sequence[Event]) -> bool:
    """Whether repeating `events` in two branches is worse than a variable."""
    if any(isinstance(event, ForEach | Repeat | Call) for event in events):
        return True
    return sum(isinstance(event, Store | Branch) for event in events) >= _MANY


_MANY = 8


def _refs_of(item: object, found: dict[int, DType]) -> None:
    if isinstance(item, Ref):
        found[item.number] = item.type
    elif isinstance(item, tuple):
        for part in item:
            _refs_of(part, found)
    elif hasattr(item, "__dataclass_fields__") and not isinstance(item, Program | Array | Iter | DType):
        for name in _fields(type(item)):
            _refs_of(getattr(item, name), found)


def _with_variables(item: Any, variables: dict[int, Load]) -> Any:
    """An event with references to values replaced by reads of variables."""
    if isinstance(item, Expr):
        return rewrite(item, lambda e: variables.get(e.number) if isinstance(e, Ref) else None)
    if isinstance(item, tuple):
        return tuple(_with_variables(part, variables) for part in item)
    if isinstance(item, Program | Array | Iter | DType) or not hasattr(item, "__dataclass_fields__"):
        return item
    changed = {name: _with_variables(getattr(item, name), variables) for name in _fields(type(item))}
    return replace(item, **changed)


def _merged(branch: Branch, limit: int) -> list[Event]:
    """Nested decisions with one common outcome as ``and`` and ``or``.

    Only where the inner condition reads nothing and cannot fail: what it would read may not exist where
    the outer condition is different.
    """
    cond, then, orelse = branch.cond, branch.then, branch.orelse
    if then and isinstance(then[-1], Branch) and all(map(_harmless, then[:-1])):
        inner = then[-1]
        if _Matcher(limit).equal(inner.orelse, orelse):
            test = _logical("and", cond, inner.cond)
            return [*then[:-1], Branch(test, inner.then, orelse, branch.place)]
        if _Matcher(limit).equal(inner.then, orelse):
            test = _logical("and", cond, negate(inner.cond))
            return [*then[:-1], Branch(test, inner.orelse, orelse, branch.place)]
    if orelse and isinstance(orelse[-1], Branch) and all(map(_harmless, orelse[:-1])):
        inner = orelse[-1]
        if _Matcher(limit).equal(then, inner.then):
            test = _logical("or", cond, inner.cond)
            return [*orelse[:-1], Branch(test, then, inner.orelse, branch.place)]
    return [branch]


def _harmless(event: Event) -> bool:
    """Whether an operation may also be done where it is not needed."""
    if not isinstance(event, Define):
        return False
    for node in walk(event.expr):
        if isinstance(node, Load) and (node.indices or node.array.kind == "stream"):
            return False
        if isinstance(node, Intrinsic) or (isinstance(node, Binary) and node.op in ("/", "//", "%")):
            return False
    return True


def _logical(op: str, *conds: Expr) -> Expr:
    """``and`` or ``or`` with the parts of nested ones beside each other."""
    parts: list[Expr] = []
    for cond in conds:
        parts += cond.operands if isinstance(cond, Logical) and cond.op == op else [cond]
    return Logical(op, tuple(parts))


def _common(left: list[Event], right: list[Event], decide: Decide) -> int:
    """How many events at the ends of two branches are the same statement."""
    matcher = _Matcher(decide.number)
    count = 0
    while count < min(len(left), len(right)):
        if not matcher.try_equal(left[-1 - count], right[-1 - count]):
            break
        count += 1
    while count:
        # What the suffix uses must be made before the branches, or in the suffix itself.
        made = {_made(e) for e in left[len(left) - count :]}
        needed = _first_unmet(left[len(left) - count :], made, decide.number)
        if needed is None:
            break
        count -= needed + 1
    while count >= 0:
        # An `Otherwise` stays with the `Open` that it belongs to.
        apart = count and isinstance(left[len(left) - count], Otherwise)
        if not apart and _balanced(left[: len(left) - count]) and _balanced(right[: len(right) - count]):
            return count
        count -= 1
    raise Unbalanced(decide)


def _balanced(events: Sequence[Event]) -> bool:
    depth = 0
    for event in events:
        if isinstance(event, Open | Otherwise):
            depth += 1
        elif isinstance(event, Close):
            depth -= 1
            if depth < 0:
                return False
    return depth == 0 and not (events and isinstance(events[0], Otherwise))


def _made(event: object) -> Key | None:
    match event:
        case Define(number=number):
            return number
        case Alloc(array=array):
            return array.key
        case _:
            return None


def _first_unmet(
    events: Sequence[Event], made: set[Key | None], limit: int, arrays_only: bool = False
) -> int | None:
    """The last event that uses something made in the branches but not in `events`."""
    for position in range(len(events) - 1, -1, -1):
        uses: set[Key] = set()
        inner: set[Key] = set()
        _collect(events[position], uses, inner)
        if arrays_only:
            uses = {key for key in uses if isinstance(key, str)}
        if any(_number(key) >= limit and key not in made and key not in inner for key in uses):
            return position
    return None


def _number(key: Key) -> int:
    if isinstance(key, int):
        return key
    return int(key[1:].partition("v")[0]) if key.startswith("%") else -1


def _collect(item: object, uses: set[Key], made: set[Key]) -> None:
    """The keys that an event or expression uses, and those that it makes inside."""
    match item:
        case Ref(number=number):
            uses.add(number)
        case Array(key=key) | Iter(key=key):
            uses.add(key)
        case Program():
            pass
        case tuple():
            for part in item:
                _collect(part, uses, made)
        case _ if hasattr(item, "__dataclass_fields__"):
            new = _made(item)
            if new is not None:
                made.add(new)
            if isinstance(item, ForEach | Repeat):
                made.add(item.iter.key)
            for name in _fields(type(item)):
                _collect(getattr(item, name), uses, made)
        case _:
            pass


_FIELDS: dict[type, tuple[str, ...]] = {}


def _fields(cls: type) -> tuple[str, ...]:
    found = _FIELDS.get(cls)
    if found is None:
        found = _FIELDS[cls] = tuple(f.name for f in fields(cls) if f.compare)
    return found


class _Matcher:
    """Equality up to a one-to-one renaming of what was made from `limit` on.

    With `values`, a value may stand for any other of its type (see `_chosen`).
    """

    def __init__(self, limit: int, values: bool = False) -> None:
        self.limit, self.values = limit, values
        self.there: dict[Key, Key] = {}
        self.back: dict[Key, Key] = {}
        self.log: list[tuple[Key, Key]] = []

    def try_equal(self, a: object, b: object) -> bool:
        """Compare; a failed comparison leaves no pairs behind."""
        self.log.clear()
        if self.equal(a, b):
            return True
        for x, y in self.log:
            del self.there[x], self.back[y]
        return False

    def pair(self, a: Key, b: Key) -> bool:
        known = self.there.get(a)
        if known is not None or b in self.back:
            return known == b
        free = self.values and isinstance(a, int)
        if not free and (_number(a) < self.limit or _number(b) < self.limit):
            return a == b
        self.there[a], self.back[b] = b, a
        self.log.append((a, b))
        return True

    def equal(self, a: object, b: object) -> bool:
        if type(a) is not type(b):
            return False
        match a:
            case Ref():
                assert isinstance(b, Ref)
                return a.type == b.type and self.pair(a.number, b.number)
            case Array():
                assert isinstance(b, Array)
                same = (a.dtype, a.shape, a.kind) == (b.dtype, b.shape, b.kind)
                return same and self.pair(a.key, b.key)
            case Iter():
                assert isinstance(b, Iter)
                return self.pair(a.key, b.key)
            case Define():
                assert isinstance(b, Define)
                return self.pair(a.number, b.number) and self.equal(a.expr, b.expr)
            case tuple():
                assert isinstance(b, tuple)
                return len(a) == len(b) and all(map(self.equal, a, b))
            case Program():
                return a is b
            case IterRef():
                return isinstance(b, IterRef) and self.equal(a.iter, b.iter)
            case Expr() if not _fields(type(a)):
                return True
            case _ if hasattr(a, "__dataclass_fields__") and not _is_type(a):
                names = _fields(type(a))
                return all(self.equal(getattr(a, n), getattr(b, n)) for n in names)
            case _:
                # repr tells -0.0 from 0.0 and makes NaN equal to itself.
                return repr(a) == repr(b) if isinstance(a, float) else a == b


def _is_type(item: object) -> bool:
    return isinstance(item, DType)


def nest(events: Sequence[Event]) -> list[Event]:
    """The blocks of `ta.when` as `Branch` events."""
    if not any(isinstance(event, Open) for event in events):
        return list(events)
    result, _ = _nested(events, 0)
    return result


def _nested(events: Sequence[Event], position: int) -> tuple[list[Event], int]:
    found: list[Event] = []
    while position < len(events):
        event = events[position]
        match event:
            case Close():
                return found, position
            case Open(cond=cond, place=place):
                then, position = _nested(events, position + 1)
                found.append(Branch(cond, tuple(then), (), place))
            case Otherwise():
                orelse, position = _nested(events, position + 1)
                last = found.pop()
                assert isinstance(last, Branch)
                found.append(Branch(last.cond, last.then, tuple(orelse), last.place))
            case _:
                found.append(event)
        position += 1
    return found, position
