"""Writing a project's folder, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracealloc.trace.errors import BuildError

__all__ = ["MANIFEST", "write_files"]

MANIFEST = "tracealloc_project.json"


def write_files(path: Path, files: Mapping[str, str], top: str) -> Path:
    """Make `path` a folder with exactly `files`, a manifest, and what users added to an older version of it.

    Raises:
        BuildError: `path` holds something that tracealloc did not write, or cannot be written.
    """
    before = _manifest(path)
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
    listed = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(files.items())}
    return json.dumps({"writer": "tracealloc", "format": 1, "top": top, "files": listed}, indent=1) + "\n"


def _keep_additions(old: Path, new: Path, manifest: dict[str, Any]) -> None:
    """Copy what the user added or edited in an older version of the project."""
    listed = manifest.get("files")
    listed = listed if isinstance(listed, dict) else {}
    for folder, folders, names in os.walk(old):
        here = Path(folder)
        for name in list(folders):
            if (here / name).is_symlink():
                folders.remove(name)
                names.append(name)
        for name in names:
            file = here / name
            short = file.relative_to(old).as_posix()
            if short == MANIFEST:
                continue
            target = new / short
            if short in listed:
                if hashlib.sha256(file.read_bytes()).hexdigest() == listed[short]:
                    continue
                target = target.with_name(f"{target.name}.edited")
            elif target.exists():
                target = target.with_name(f"{target.name}.kept")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target, follow_symlinks=False)
