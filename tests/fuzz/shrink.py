"""Making a failing program small: statements and subexpressions are removed while it still fails alike."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator

__all__ = ["shrink"]

_BLOCKS = ("body", "orelse")


def shrink(text: str, fails: Callable[[str], bool], attempts: int = 400) -> str:
    """The smallest program found for which `fails` still holds."""
    tree = ast.parse(text)
    improved = True
    while improved and attempts > 0:
        improved = False
        for candidate in _smaller(tree):
            attempts -= 1
            if attempts <= 0:
                break
            shown = ast.unparse(ast.fix_missing_locations(candidate)) + "\n"
            if fails(shown):
                tree, improved = ast.parse(shown), True
                break
    return ast.unparse(tree) + "\n"


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _smaller(tree: ast.Module) -> Iterator[ast.Module]:
    """Programs with one thing less, biggest steps first."""
    yield from _without_functions(tree)
    yield from _without_statements(tree)
    yield from _with_bodies_only(tree)
    yield from _with_operands_only(tree)


def _without_functions(tree: ast.Module) -> Iterator[ast.Module]:
    for position, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name != "main":
            other = copy.deepcopy(tree)
            del other.body[position]
            yield other


def _places(tree: ast.AST) -> Iterator[tuple[int, str, int]]:
    """Every statement of every function, as (number of its parent, block, position)."""
    for number, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Module):
            continue
        for block in _BLOCKS:
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                yield from ((number, block, position) for position in range(len(statements)))


def _parent(tree: ast.AST, number: int) -> ast.AST:
    return list(ast.walk(tree))[number]


def _without_statements(tree: ast.Module) -> Iterator[ast.Module]:
    for number, block, position in _places(tree):
        other = copy.deepcopy(tree)
        parent = _parent(other, number)
        statements = getattr(parent, block)
        if isinstance(statements[position], ast.Pass):
            continue
        del statements[position]
        if not statements and block == "body":
            statements.append(ast.Pass())
        yield other


def _with_bodies_only(tree: ast.Module) -> Iterator[ast.Module]:
    """An ``if`` or ``with`` replaced by what it holds."""
    for number, block, position in _places(tree):
        other = copy.deepcopy(tree)
        statements = getattr(_parent(other, number), block)
        inner = statements[position]
        if isinstance(inner, ast.If | ast.With):
            statements[position : position + 1] = inner.body
            yield other


def _with_operands_only(tree: ast.Module) -> Iterator[ast.Module]:
    """An expression replaced by one of its operands, or by a literal."""
    for number, node in enumerate(ast.walk(tree)):
        if not isinstance(node, ast.expr):
            continue
        for field in node._fields:
            inner = getattr(node, field)
            items = inner if isinstance(inner, list) else [inner]
            for at, item in enumerate(items):
                yield from _replacements(tree, number, field, at if isinstance(inner, list) else None, item)
    for number, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.If):
            field = "test" if isinstance(node, ast.If) else "value"
            yield from _replacements(tree, number, field, None, getattr(node, field))


def _replacements(
    tree: ast.Module, number: int, field: str, at: int | None, item: object
) -> Iterator[ast.Module]:
    if not isinstance(
        item, ast.BinOp | ast.Call | ast.IfExp | ast.UnaryOp | ast.Compare | ast.BoolOp | ast.Subscript
    ):
        return
    for part in ast.iter_child_nodes(item):
        if not isinstance(part, ast.expr) or isinstance(part, ast.Slice):
            continue
        other = copy.deepcopy(tree)
        parent = _parent(other, number)
        new = copy.deepcopy(part.value if isinstance(part, ast.Attribute) else part)
        if at is None:
            setattr(parent, field, new)
        else:
            getattr(parent, field)[at] = new
        yield other
