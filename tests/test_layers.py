"""Imports point left only: trace -> poly -> schedule -> emit -> check (see CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tracealloc"
LAYERS = ["trace", "poly", "schedule", "emit", "check"]
ABOVE = {"library", "frontend"}  # beside the root modules: they may import everything
HEAVY = ["islpy", "sympy", "networkx", "jinja2", "rich", "click", "ml_dtypes", "greenlet"]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported_names(name: str, path: Path) -> Iterator[tuple[int, str]]:
    """The line and full name of every import anywhere in a module, those for type checking included."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield node.lineno, inner if inner in MODULES else base


def folder(name: str) -> str:
    """The folder of a module; a module at the root is ``root``, the package itself ``package``."""
    parts = name.split(".")
    if len(parts) == 1:
        return "package"
    return parts[1] if parts[1] in LAYERS or parts[1] in ABOVE else "root"


def allowed(importer: str, imported: str) -> bool:
    source, target = folder(importer), folder(imported)
    if source not in LAYERS:
        return True
    return target in LAYERS and LAYERS.index(target) <= LAYERS.index(source)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_left(name: str) -> None:
    wrong = [
        f"{MODULES[name].relative_to(ROOT)}:{line} imports {imported}"
        for line, imported in imported_names(name, MODULES[name])
        if imported.split(".")[0] == "tracealloc" and not allowed(name, imported)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_rule_itself() -> None:
    assert allowed("tracealloc.emit.c.function", "tracealloc.trace.ir.program")
    assert allowed("tracealloc.library.linear", "tracealloc.kernel")
    assert allowed("tracealloc", "tracealloc.kernel")
    assert not allowed("tracealloc.trace.ir.program", "tracealloc.poly.model.model")
    assert not allowed("tracealloc.check.interpret.interpret", "tracealloc.customize")
    assert not allowed("tracealloc.check.interpret.interpret", "tracealloc")


def test_trace_does_without_isl() -> None:
    users = [
        name
        for name, path in MODULES.items()
        if folder(name) == "trace" and any(n.split(".")[0] == "islpy" for _, n in imported_names(name, path))
    ]
    assert not users


@pytest.mark.parametrize(("right", "left"), [("emit", ("poly", "schedule", "check")), ("check", ("poly",))])
def test_nothing_right_of_schedules_asks_isl(right: str, left: tuple[str, ...]) -> None:
    """A back end prints programs and facts (`trace.ir.facts`); checks ask schedules for verdicts."""
    users = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        if folder(name) == right
        for _, imported in imported_names(name, path)
        if imported.split(".")[0] == "islpy" or folder(imported) in left
    ]
    assert not users


@pytest.mark.parametrize("right_of_trace", ["poly", "schedule", "emit", "check"])
def test_no_two_modules_import_one_another(right_of_trace: str) -> None:
    """Nor do more in a circle, not even for types: what two of them share is a module of its own."""
    inside = {name: path for name, path in MODULES.items() if folder(name) == right_of_trace}
    imports = {
        name: {found for _, found in imported_names(name, path) if found in inside} - {name}
        for name, path in inside.items()
    }
    assert sum(map(len, imports.values())) > 10
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("of", ["trace", "poly", "schedule", "emit", "check"])
def test_rooms_of_a_folder_point_one_way(of: str) -> None:
    def room(name: str) -> str:
        return ".".join(name.split(".")[1:-1])

    imports: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        if folder(name) == of:
            found = {room(other) for _, other in imported_names(name, path) if other in MODULES}
            own = {each for each in found if each.split(".")[0] == of}
            imports.setdefault(room(name), set()).update(own - {room(name)})
    assert sum(map(len, imports.values())) > 0
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_a_back_end_is_one_folder() -> None:
    """Nothing but its own folder knows a back end of synthesis; the types of `build` name what it gives."""
    users = {
        name
        for name, path in MODULES.items()
        if not name.startswith("tracealloc.emit.vitis.")
        and any(found.startswith("tracealloc.emit.vitis") for _, found in imported_names(name, path))
    }
    assert users == {"tracealloc.building"}


def test_one_module_addresses_isl_dimensions() -> None:
    users = {
        name
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr == "dim_type")
        or (isinstance(node, ast.ImportFrom) and any(alias.name == "dim_type" for alias in node.names))
    }
    assert len(users) <= 1, f"only one module of poly/ may spell isl.dim_type: {sorted(users)}"
    assert all(folder(name) == "poly" for name in users)


def test_import_loads_nothing_heavy() -> None:
    program = "import sys, tracealloc; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(HEAVY) & set(loaded)
