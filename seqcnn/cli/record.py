"""run.json: what was run, on what, with what outcome."""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
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
        self._paths = [str(path) for path in dict.fromkeys(paths) if path not in (None, "-")]
        self._inputs: Future[list[dict[str, str | None]]] | None = None

    def add(self, **entries: Any) -> None:
        """Put entries in."""
        self.content |= entries

    def read_inputs(self) -> None:
        """Begin to find the sha256 of each input file, beside what else is done."""
        found = self._inputs = Future()

        def work() -> None:
            try:
                found.set_result([{"path": path, "sha256": sha256(path)} for path in self._paths])
            except OSError as error:
                found.set_exception(error)

        threading.Thread(target=work, daemon=True).start()  # nobody waits for it where the command fails

    def inputs(self) -> list[dict[str, str | None]]:
        """Return path and sha256 of each input file, in order."""
        if self._inputs is None:
            self.read_inputs()
        assert self._inputs is not None
        return self._inputs.result()

    def finish(self) -> dict[str, Any]:
        """Return the record with the inputs' sha256 and the time taken."""
        self.content["inputs"] = self.inputs()
        self.content["seconds"] = round(time.perf_counter() - self._began, 3)
        return self.content


def sha256(path: str | PathLike[str]) -> str | None:
    """Return the sha256 of a file, or of a run folder's model; None for what cannot be read again, such as a pipe."""
    if Path(path).is_dir():
        from seqcnn.models.modelfile import FILE_NAME

        path = Path(path) / FILE_NAME
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
