"""The command line tool: ``tracealloc show|build|verify|estimate|explain|doctor``.

The first four work on ``path.py:name``, where `name` is a kernel, a schedule, or a function that
returns one. A `TraceallocError` is printed as its text, with exit code 1.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from tracealloc import __version__
from tracealloc.emit.common.target import DEFAULT, listed, target_named, targets
from tracealloc.trace.diagnostics.errors import TraceallocError, nearest

if TYPE_CHECKING:
    from tracealloc.customize import Schedule
    from tracealloc.kernel import Kernel
    from tracealloc.trace.diagnostics.source import Place

__all__ = ["main"]

_MODAL = next(each for each in targets().values() if each.modes)  # meant where a mode is given and no target

_NAMES = listed(list(targets()))


class _Group(click.Group):
    """A group whose commands report a `TraceallocError`, and what the user's file raises, as text."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except TraceallocError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            ctx.exit(1)
        except (Exception, SystemExit) as error:
            place = _raised_at(error)
            if place is None:
                raise
            click.echo("\n".join([f"{type(error).__name__}: {error}", *place.excerpt()]), err=True)
            ctx.exit(1)


def _raised_at(error: BaseException) -> Place | None:
    """The line of the user's that an exception came from; None: it is not the user's."""
    from tracealloc.trace.diagnostics.source import Place, raised_at

    if isinstance(error, SyntaxError) and error.filename is not None:
        return Place(error.filename, error.lineno or 1, error.offset or 0, error.end_offset or 0)
    return raised_at(error)


class _Target(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """``path.py:name``, loaded."""

    name = "path.py:name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        path_text, colon, name = value.rpartition(":")
        if not colon or not name or not path_text.endswith(".py"):
            file = Path(f"{(path_text or value).removesuffix('.py')}.py")
            more = _there(vars(_load(file))) if file.is_file() else _no_file(file)
            self.fail(f"expected path.py:name, not {value!r}; {more}", param, ctx)
        path = Path(path_text)
        if not path.is_file():
            self.fail(_no_file(path), param, ctx)
        found = vars(_load(path)).get(name)
        if not _is_kernel(found) and not _is_schedule(found) and not callable(found):
            self.fail(_unknown(name, path_text, found, vars(_load(path))), param, ctx)
        return found


def _load(path: Path) -> ModuleType:
    """The file as a module, its folder first on the path, as ``python path.py`` has it."""
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path.resolve()):
        return known
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _no_file(path: Path) -> str:
    """That a file is not there, and which may be meant."""
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if path.is_dir():
        return f"{path} is a folder, not a file of Python"
    near = nearest(path.name, [file.name for file in sorted(folder.glob("*.py"))])
    return f"there is no file {path}" + (f"; did you mean {folder / near}?" if near else "")


def _is_kernel(value: object) -> bool:
    from tracealloc.kernel import Kernel

    return isinstance(value, Kernel)


def _is_schedule(value: object) -> bool:
    from tracealloc.customize import Schedule

    return isinstance(value, Schedule)


def _good(names: Mapping[str, object]) -> list[str]:
    return [key for key, value in names.items() if _is_kernel(value) or _is_schedule(value)]


def _functions(names: Mapping[str, object]) -> list[str]:
    """The functions of a file's own."""
    own = [key for key, value in names.items() if inspect.isfunction(value) and not key.startswith("_")]
    return [key for key in own if getattr(names[key], "__module__", None) == names.get("__name__")]


def _there(names: Mapping[str, object]) -> str:
    """The kernels and schedules of a file, or else the functions that may make some."""
    if good := _good(names):
        return f"kernels and schedules there: {', '.join(good)}"
    own = _functions(names)
    return "there is no kernel in it" + (f"; functions there: {', '.join(own)}" if own else "")


def _unknown(name: str, path: str, found: object, names: Mapping[str, object]) -> str:
    """What is wrong with a name, and which ones would do."""
    good = _good(names)
    listed = _there(names)
    if found is not None:
        return f"{name} in {path} is {found!r}, not a kernel, a schedule or a function; {listed}"
    near = nearest(name, [*good, *_functions(names)])
    return f"{path} has no {name}; " + (f"did you mean {near}? " if near else "") + listed


def _resolve(target: Any, settings: tuple[str, ...]) -> Kernel | Schedule:
    """A kernel or schedule as it is; a function is called with the settings, all else is refused."""
    if _is_kernel(target) or _is_schedule(target):
        if settings:
            raise click.UsageError("--set gives arguments to a function; this is none")
        return target  # type: ignore[no-any-return]
    values = dict(_setting(text) for text in settings)
    try:
        inspect.signature(target).bind(**values)
    except TypeError as error:
        signature = f"{getattr(target, '__name__', target)}{inspect.signature(target)}"
        raise click.UsageError(f"{signature}: {error}; give it with --set NAME=NUMBER") from None
    made = target(**values)
    if not _is_kernel(made) and not _is_schedule(made):
        raise click.UsageError(f"{target!r} returned {made!r}, not a kernel or a schedule")
    return made  # type: ignore[no-any-return]


def _setting(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    try:
        return name, int(value)
    except ValueError:
        raise click.UsageError(f"expected NAME=NUMBER, not {text!r}") from None


def _schedule(made: Kernel | Schedule) -> Schedule:
    from tracealloc.customize import Schedule, customize

    return made if isinstance(made, Schedule) else customize(made)


def _on_target(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command its TARGET argument and ``--set``."""
    setting = click.option(
        "--set", "settings", multiple=True, metavar="NAME=NUMBER", help="An argument of the function TARGET."
    )
    return setting(click.argument("target", type=_Target())(command))


@click.group(cls=_Group)
@click.version_option(__version__, prog_name="tracealloc")
def main() -> None:
    """Look at, build and check tracealloc kernels and schedules."""


@main.command()
@_on_target
def show(target: Any, settings: tuple[str, ...]) -> None:
    """Print the loops of TARGET."""
    from tracealloc.kernel import Kernel

    made = _resolve(target, settings)
    click.echo(str(made.trace() if isinstance(made, Kernel) else made))


@main.command()
@_on_target
@click.option("--target", "backend", help=f"{_NAMES}.  [default: {DEFAULT}, with --mode {_MODAL.name}]")
@click.option("--mode", help=f"{_MODAL.name}: {listed(_MODAL.modes)}.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Where the text or project goes.")
@click.option("--overwrite", is_flag=True, help="Replace files of a project that were edited.")
@click.option("--device", help="vitis_hls: a card, a board or a part number.  [default: u280]")
@click.option("--clock-mhz", type=float, help="vitis_hls: the clock.  [default: the device's]")
def build(
    target: Any,
    settings: tuple[str, ...],
    backend: str | None,
    mode: str | None,
    output: Path | None,
    **given: Any,
) -> None:
    """Build TARGET; write its C (a file) or its Vitis HLS project (a folder).

    With --mode csim the C simulation is compiled and run once, on the testbench's data; the other modes run
    the vendor's tools in the project.
    """
    schedule = _schedule(_resolve(target, settings))
    chosen = target_named(backend or (DEFAULT if mode is None else _MODAL.name))
    options = {name: value for name, value in given.items() if value not in (None, False)}
    if mode is None and not chosen.projects:
        source: str = schedule.build(chosen.name, **options).source
        _write_text(source, output)
    elif mode is None:
        overwrite = bool(options.pop("overwrite", False))
        made = schedule.build(chosen.name, **options)
        folder = made.write(output if output is not None else f"{made.top}_hls", overwrite=overwrite)
        click.echo(f"wrote {folder}/: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    elif mode == chosen.simulation:
        overwrite = bool(options.pop("overwrite", False))
        made = schedule.build(chosen.name, **options)
        if output is not None:
            click.echo(f"wrote {made.write(output, overwrite=overwrite)}/")
        wrong = made.rehearse()
        click.echo(f"{'FAIL' if wrong else 'PASS'}: {made.top}" + "".join(f"\n{line}" for line in wrong))
        sys.exit(1 if wrong else 0)
    else:
        click.echo(str(schedule.build(chosen.name, mode=mode, project=output, **options)))


def _write_text(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text)
        return
    if output.is_dir():
        raise click.UsageError(f"{output} is a folder: give the name of a file")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror or error}") from None
    click.echo(f"wrote {output}")


@main.command()
@_on_target
@click.option("--method", type=click.Choice(["polyhedral", "symbolic"]), help="Default: both.")
def verify(target: Any, settings: tuple[str, ...], method: str | None) -> None:
    """Prove that TARGET computes what its kernel computes; exit code 1 when it does not."""
    result = _schedule(_resolve(target, settings)).verify(method)
    click.echo(str(result))
    if not result:
        sys.exit(1)


@main.command()
@_on_target
@click.option("--device", default="u280", show_default=True)
@click.option("--clock-mhz", type=float, default=300, show_default=True)
def estimate(target: Any, settings: tuple[str, ...], device: str, clock_mhz: float) -> None:
    """Print estimated cycles and resources of TARGET."""
    schedule = _schedule(_resolve(target, settings))
    method = getattr(schedule, "estimate", None)
    if method is None:
        raise click.ClickException("this version of tracealloc does not estimate cycles and resources yet")
    click.echo(str(method(device=device, clock_mhz=clock_mhz)))


@main.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Explain an error CODE, with a wrong and a right example; without one, list all codes."""
    from tracealloc.explain import explain as explanation
    from tracealloc.trace.diagnostics import errors

    kind = getattr(errors, code or "", None)  # the name of a class of errors
    try:
        click.echo(explanation(kind if isinstance(kind, type) else code))
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@main.command()
def doctor() -> None:
    """List what is installed, and what to do about what is not."""
    from tracealloc.doctor import report

    report()
