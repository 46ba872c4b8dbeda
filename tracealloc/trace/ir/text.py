"""The printed form of programs and expressions: what a person reads (and tests compare)."""

from __future__ import annotations

import math
from typing import NamedTuple, assert_never

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Fixed, Float, Index, float32, float64
from tracealloc.trace.ir.expr import (
    Binary,
    Bitcast,
    Bits,
    Cast,
    Compare,
    Const,
    Expr,
    GetField,
    Intrinsic,
    IterRef,
    Load,
    Logical,
    MakeStruct,
    Select,
    SetBits,
    Unary,
    is_checked,
    unchecked,
)
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Slice,
    Store,
    While,
    reduction_of,
)
from tracealloc.trace.ir.quantise import fixed_text

__all__ = [
    "array_type_text",
    "const_text",
    "expr_text",
    "head_text",
    "program_lines",
    "program_text",
    "range_text",
]

COMMENT_COLUMN = 59

# Python's precedence levels, tightest first.
ATOM, PREFIX, PRODUCT, SUM, SHIFT, AND_BITS, XOR_BITS, OR_BITS, ORDER, NOT, AND, OR, CHOICE = range(13, 0, -1)
_LEVELS = {
    "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "+": SUM, "-": SUM, "<<": SHIFT,
    ">>": SHIFT, "&": AND_BITS, "^": XOR_BITS, "|": OR_BITS,
}  # fmt: skip


def expr_text(expr: Expr) -> str:
    """An expression as a Python user would write it."""
    return _text(expr)[0]


def _at(expr: Expr, level: int) -> str:
    text, own = _text(expr)
    return text if own >= level else f"({text})"


def _text(expr: Expr) -> tuple[str, int]:
    match expr:
        case Const():
            text = const_text(expr)
            return text, PREFIX if text.startswith("-") else ATOM
        case IterRef(iter=iterator):
            return iterator.name, ATOM
        case Load(array=array, indices=indices, path=path):
            if array.kind == "stream":
                return ".".join((f"{_element(array, indices)}.get()", *path)), ATOM
            return _element(array, indices, path), ATOM
        case Unary() | Binary() | Compare() | Logical():
            return _operator(expr)
        case Select() if is_checked(expr):
            return _text(unchecked(expr))
        case Select(cond=cond, then=then, orelse=orelse):
            return f"where({expr_text(cond)}, {expr_text(then)}, {expr_text(orelse)})", ATOM
        case Cast(operand=operand, type=dtype):
            if isinstance(dtype, Index):  # a subscript or a bound: the conversion is not news
                return _text(operand)
            return f"{dtype}({expr_text(operand)})", ATOM
        case Bitcast(operand=operand, type=dtype):
            return f"bitcast({expr_text(operand)}, {dtype})", ATOM
        case Bits(operand=operand, low=low, type=dtype):
            return f"{_at(operand, ATOM)}[{_bits(low, dtype.bits)}]", ATOM
        case SetBits(operand=operand, low=low, value=value):
            bits = _bits(low, value.dtype.bits)
            return f"setbits({expr_text(operand)}, {bits}, {expr_text(value)})", ATOM
        case Intrinsic(name=name, args=args):
            return f"{name}({', '.join(map(expr_text, args))})", ATOM
        case MakeStruct(values=values, type=dtype):
            names = [name for name, _ in getattr(dtype, "fields", ())]
            pairs = (f"{n}={expr_text(v)}" for n, v in zip(names, values, strict=True))
            return f"Struct({', '.join(pairs)})", ATOM
        case GetField(operand=operand, name=name):
            return f"{_at(operand, ATOM)}.{name}", ATOM
        case _:
            return _foreign(expr), ATOM


def _foreign(expr: Expr) -> str:
    """Expressions of other modules (the recorder's references) print as they like."""
    return str(expr)


def _operator(expr: Unary | Binary | Compare | Logical) -> tuple[str, int]:
    match expr:
        case Unary(op="abs", operand=operand):
            return f"abs({expr_text(operand)})", ATOM
        case Unary(op="not", operand=operand):
            return f"not {_at(operand, NOT)}", NOT
        case Unary(op=op, operand=operand):
            return f"{op}{_at(operand, ATOM)}", PREFIX
        case Binary(op=("min" | "max") as op):
            return f"{op}({', '.join(map(expr_text, _operands(expr, op)))})", ATOM
        case Binary(op="+", left=Unary(op="-", operand=operand), right=Const() as right):
            return f"{_at(right, SUM)} - {_at(operand, PRODUCT)}", SUM
        case Binary(op=op, left=left, right=right):
            level = _LEVELS[op]
            return f"{_at(left, level)} {op} {_at(right, level + 1)}", level
        case Compare(op=op, left=left, right=right):
            return f"{_at(left, ORDER + 1)} {op} {_at(right, ORDER + 1)}", ORDER
        case Logical(op=op, operands=operands):
            level = AND if op == "and" else OR
            return f" {op} ".join(_at(operand, level + 1) for operand in operands), level
        case _:
            assert_never(expr)


def _operands(expr: Expr, op: str) -> list[Expr]:
    """The operands of a minimum of minima (or maximum of maxima), from left to right."""
    if isinstance(expr, Binary) and expr.op == op:
        return [*_operands(expr.left, op), *_operands(expr.right, op)]
    return [expr]


def const_text(const: Const) -> str:
    """A literal: the shortest decimal that gives the value in its type."""
    value, dtype = const.value, const.type
    if isinstance(dtype, Fixed):
        return fixed_text(int(value), dtype)
    if isinstance(dtype, Float) and math.isfinite(value):
        if value == int(value) and abs(value) < 1e16:
            return f"{int(value)}" if value or math.copysign(1, value) > 0 else "-0.0"
        if dtype == float64:
            return repr(float(value))
        import numpy as np

        return str(np.float32(value)) if dtype == float32 else str(np.float16(value))
    return repr(value)


def _bits(low: Expr, width: int) -> str:
    if width == 1:
        return expr_text(low)
    if isinstance(low, Const):
        return f"{low.value}:{int(low.value) + width}"
    return f"{expr_text(low)}:{_at(low, SUM)} + {width}"


def _element(array: Array, indices: tuple[Expr, ...], path: tuple[str, ...] = ()) -> str:
    text = array.name
    if indices:
        text += f"[{', '.join(map(expr_text, indices))}]"
    return ".".join((text, *path))


def array_type_text(array: Array) -> str:
    """``C: float32[64, 64]``."""
    shape = f"[{', '.join(map(str, array.shape))}]" if array.shape else ""
    element = f"Stream[{array.dtype}]" if array.kind == "stream" else str(array.dtype)
    return f"{array.name}: {element}{shape}"


def region_text(region: Region) -> str:
    """``A[i, 2:6]``; the whole array is just its name."""
    parts = []
    for part, extent in zip(region.indices, region.array.shape, strict=True):
        if not isinstance(part, Slice):
            parts.append(expr_text(part))
        elif part.extent == extent:
            parts.append(":")
        elif isinstance(part.start, Const):
            parts.append(f"{part.start.value}:{int(part.start.value) + part.extent}")
        else:
            parts.append(f"{expr_text(part.start)}:+{part.extent}")
    if all(part == ":" for part in parts):
        return region.array.name
    return f"{region.array.name}[{', '.join(parts)}]"


def head_text(program: Program) -> str:
    """``kernel gemm(A: float32[64, 64]) -> C: float32[64, 64]``."""
    args = ", ".join(array_type_text(array) for array in program.args)
    text = f"kernel {program.name}({args})"
    if program.results:
        known = set(program.args)
        parts = [a.name if a in known else array_type_text(a) for a in program.results]
        text += " -> " + (parts[0] if len(parts) == 1 else f"({', '.join(parts)})")
    return text


class Line(NamedTuple):
    """A line of a printed program, and the loop that begins there."""

    text: str
    loop: Loop | While | None = None


def program_text(program: Program, callees: bool = True) -> str:
    """A program as readable loops; programs that it calls follow, each once."""
    return "\n".join(line.text for line in program_lines(program, callees))


def program_lines(program: Program, callees: bool = True) -> list[Line]:
    """The lines of `program_text`."""
    lines = [Line(head_text(program)), *_block(program.body, 2)]
    if program.results:
        lines.append(Line(f"  return {', '.join(array.name for array in program.results)}"))
    for inner in program.callees() if callees else ():
        lines += [Line(""), *program_lines(inner, callees=False)]
    return lines


def _block(block: Block, indent: int) -> list[Line]:
    lines = [line for node in block for line in _node(node, indent)]
    return lines or [Line(" " * indent + "pass")]


def _line(indent: int, text: str, note: str = "", loop: Loop | While | None = None) -> Line:
    text = " " * indent + text
    return Line(f"{text.ljust(COMMENT_COLUMN - 2)}  {note}" if note else text, loop)


def _comment(place: Place | None) -> str:
    return "" if place is None else f"# {place.short}"


def _node(node: Node, indent: int) -> list[Line]:
    match node:
        case Alloc(array=array, fill=fill, place=place):
            return [_alloc(array, fill, place, indent)]
        case Store(place=place):
            return [_line(indent, store_text(node), _comment(place))]
        case Loop(iter=it, body=body, marks=marks):
            label = f"{node.band}: " if node.band is not None else ""
            note = _words(marks.words() + (["sum"] if node.reduction else []))
            text = f"{label}for {it.name} in {range_text(node)}"
            return [_line(indent, text, note, node), *_block(body, indent + len(label) + 2)]
        case While(iter=it, prologue=prologue, cond=cond, body=body, marks=marks):
            name = "" if it.name == "while" else f"{it.name}: "
            head = _line(indent, f"{name}{range_text(node)}:", _words(marks.words()), node)
            if not prologue:
                return [head, *_block(body, indent + 2)]
            stop = _line(indent + 2, f"if not {_at(cond, NOT)}: break")
            return [head, *_block(prologue, indent + 2), stop, *_block(body, indent + 2)]
        case If():
            return _if(node, indent)
        case Call(program=program, args=args, results=results, place=place):
            parts = [region_text(arg) if isinstance(arg, Region) else expr_text(arg) for arg in args]
            text = f"{program.name}({', '.join(parts)})"
            if results:
                text = f"{', '.join(map(region_text, results))} = {text}"
            return [_line(indent, text, _comment(place))]
        case _:
            assert_never(node)


def range_text(loop: Loop | While) -> str:
    """What a loop runs over: ``0:64``, ``0:n:2``, ``while x > 0``."""
    if isinstance(loop, While):
        return f"while {'True' if loop.prologue else expr_text(loop.cond)}"
    step = f":{loop.step}" if loop.step != 1 else ""
    return f"{_at(loop.start, OR)}:{_at(loop.stop, OR)}{step}"


def _alloc(array: Array, fill: Expr | None, place: Place | None, indent: int) -> Line:
    text = array.name if array.kind == "result" else array_type_text(array)
    if isinstance(fill, Const) and fill.value == 0 and array.shape:
        text += " = zeros"
    elif fill is not None:
        text += f" = full({expr_text(fill)})" if array.shape else f" = {expr_text(fill)}"
    elif array.kind == "result":
        text += " = empty" if array.shape else f": {array.dtype}"
    note = f"# buffer of {array.origin}" if array.origin is not None else _comment(place)
    return _line(indent, text, note)


def store_text(store: Store) -> str:
    """``C[i, j] += A[i, k] * B[k, j]``; the conversion to the element's type is not shown."""
    target = _element(store.array, store.indices, store.path)
    found = reduction_of(store)
    if found is not None and found[0] in _LEVELS:
        return f"{target} {found[0]}= {expr_text(found[1])}"
    value = store.value
    if isinstance(value, Cast) and store.array.kind != "value":
        value = value.operand
    if store.array.kind == "stream":
        return f"{target}.put({expr_text(value)})"
    return f"{target} = {expr_text(value)}"


def _if(node: If, indent: int) -> list[Line]:
    lines: list[Line] = []
    word, rest = "if", node
    while True:
        if rest.then:
            lines += [_line(indent, f"{word} {expr_text(rest.cond)}:"), *_block(rest.then, indent + 2)]
            orelse = rest.orelse
        else:
            lines += [_line(indent, f"{word} not {_at(rest.cond, NOT)}:")]
            lines += _block(rest.orelse, indent + 2)
            orelse = ()
        if len(orelse) == 1 and isinstance(orelse[0], If):
            word, rest = "elif", orelse[0]
            continue
        break
    if orelse:
        lines += [_line(indent, "else:"), *_block(orelse, indent + 2)]
    return lines


def _words(words: list[str]) -> str:
    return f"[{', '.join(words)}]" if words else ""
