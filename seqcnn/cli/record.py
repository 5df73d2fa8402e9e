"""run.json: what was run, on what, with what outcome."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Final

import click

from seqcnn.formats.output import atomic_path
from seqcnn.version import __version__

SCHEMA: Final = 1


class Record:
    """Collects what a command did.

    Parameters
    ----------
    command : str
    options : mapping
        As resolved, defaults included.
    paths : iterable of str or None
        Input files; "-" and None are left out.
    """

    def __init__(self, command: str, options: Mapping[str, Any], paths: Iterable[str | None]) -> None:
        self._began = time.perf_counter()
        self.content: dict[str, Any] = {
            "schema": SCHEMA,
            "seqcnn": __version__,
            "command": command,
            "argv": click.get_current_context().find_root().obj,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "options": dict(options),
        }
        self._paths = [path for path in dict.fromkeys(paths) if path not in (None, "-")]

    def add(self, **entries: Any) -> None:
        """Put entries in."""
        self.content |= entries

    def inputs(self) -> list[dict[str, str | None]]:
        """Return path and sha256 of each input file, in order."""
        return [{"path": str(path), "sha256": sha256(path)} for path in self._paths if path]

    def finish(self) -> dict[str, Any]:
        """Return the record with the inputs' sha256 and the time taken."""
        self.content["inputs"] = self.inputs()
        self.content["seconds"] = round(time.perf_counter() - self._began, 3)
        return self.content


def sha256(path: str | PathLike[str]) -> str | None:
    """Return the sha256 of a file; None for what cannot be read again, such as a pipe."""
    if not Path(path).is_file():
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(content: Mapping[str, Any], path: str | PathLike[str]) -> None:
    """Write JSON under its name when it is whole; NaN and infinity become null."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(plain(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Return what JSON can hold: keys as text, NaN and infinity as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
