"""Writing a project's folder, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracealloc.trace.diagnostics.errors import BuildError

__all__ = ["MANIFEST", "write_files"]

MANIFEST = "tracealloc_project.json"


def write_files(path: Path, files: Mapping[str, str], top: str, *, overwrite: bool = False) -> Path:
    """Make `path` a folder with exactly `files`, a manifest, and what users added to an older version of it.

    Raises:
        BuildError: `path` holds something that tracealloc did not write, or files that were edited since
            and `overwrite` is not said, or cannot be written.
    """
    before = _manifest(path)
    if before is not None and not overwrite:
        _check_edits(path, files, before)
    stamp = f"{os.getpid()}-{os.urandom(4).hex()}"
    target = path.absolute()
    part = target.with_name(f".{target.name}.{stamp}.part")
    old = target.with_name(f".{target.name}.{stamp}.old")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        for name, text in files.items():
            file = part / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        (part / MANIFEST).write_text(_manifest_text(files, top), encoding="utf-8", newline="\n")
        if before is not None:
            _keep_additions(target, part, before)
            target.rename(old)
        elif target.exists():
            target.rmdir()  # it is empty
        try:
            part.rename(target)
        except OSError:
            if before is not None:
                old.rename(target)
            raise
    except OSError as error:
        raise BuildError(
            "TA818",
            f"the project cannot be written to {str(path)!r}: {error.strerror or error}",
            hint="give a folder that can be made and written",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
    return path


def _manifest(path: Path) -> dict[str, Any] | None:
    """What tracealloc wrote at `path` before; None where there is nothing."""
    if path.is_dir():
        try:
            found = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            if isinstance(found, dict) and found.get("writer") == "tracealloc":
                return found
        except (OSError, ValueError):
            pass
        if not any(path.iterdir()):
            return None
        listed = ", ".join(sorted(item.name for item in path.iterdir())[:5])
        raise BuildError(
            "TA817",
            f"the folder {str(path)!r} is not empty, and tracealloc did not write it",
            because=[f"it holds {listed}", f"it has no {MANIFEST}"],
            hint="give another folder, or remove that one",
        )
    if path.exists() or path.is_symlink():
        raise BuildError(
            "TA817",
            f"{str(path)!r} is a file, not a folder",
            hint="give another path for the project",
        )
    return None


def _manifest_text(files: Mapping[str, str], top: str) -> str:
    listed = {name: _hash(text.encode()) for name, text in sorted(files.items())}
    return json.dumps({"writer": "tracealloc", "format": 1, "top": top, "files": listed}, indent=1) + "\n"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _written(manifest: dict[str, Any]) -> dict[str, str]:
    """The files of a manifest, each with the hash of its text."""
    listed = manifest.get("files")
    return listed if isinstance(listed, dict) else {}


def _check_edits(path: Path, files: Mapping[str, str], manifest: dict[str, Any]) -> None:
    """Refuse to replace files that are not as they were written, nor as they are to be."""
    written = _written(manifest)
    lost = []
    for name in sorted({*written, *files}):
        file = path / name
        if file.is_symlink() or file.exists():
            found = _hash(file.read_bytes()) if file.is_file() else ""
            if found not in (written.get(name), _hash(files.get(name, "").encode())):
                lost.append(name)
    if not lost:
        return
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    raise BuildError(
        "TA823",
        f"writing the project to {str(path)!r} would replace files that were edited there",
        because=[f"{', '.join(lost[:5])}{more} {'is' if len(lost) == 1 else 'are'} not as tracealloc wrote "
                 f"{'it' if len(lost) == 1 else 'them'}"],
        hint="give another folder, or overwrite=True to lose the edits",
    )  # fmt: skip


def _keep_additions(old: Path, new: Path, manifest: dict[str, Any]) -> None:
    """Copy what the user added to an older version of the project."""
    written = _written(manifest)
    for folder, folders, names in os.walk(old):
        here = Path(folder)
        for name in list(folders):
            if (here / name).is_symlink():
                folders.remove(name)
                names.append(name)
        for name in names:
            file = here / name
            short = file.relative_to(old).as_posix()
            target = new / short
            if short == MANIFEST or short in written or target.exists():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target, follow_symlinks=False)
