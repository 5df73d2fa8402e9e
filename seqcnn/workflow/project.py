"""A ready Snakemake project, as it is copied from the package."""

from __future__ import annotations

import shutil
from os import PathLike
from pathlib import Path
from typing import Final

from seqcnn.formats.output import atomic_path, check_output

HERE: Final = Path(__file__).resolve().parent
TEMPLATE: Final = HERE / "template"
WRAPPERS: Final = HERE / "wrappers"
"""A folder for each command, in the layout of snakemake-wrappers."""


def files() -> list[Path]:
    """Return the files of a project, relative to its folder."""
    found = [path.relative_to(TEMPLATE) for path in TEMPLATE.rglob("*") if path.is_file()]
    return sorted(path for path in found if not {".snakemake", "__pycache__"} & set(path.parts))


def make(folder: str | PathLike[str], *, force: bool = False) -> list[Path]:
    """Write a project with its example into a folder.

    Parameters
    ----------
    folder : str or path
        Made if it is not there.
    force : bool
        Write into a folder that is not empty, and replace what has the same name.

    Returns
    -------
    list of Path
        What was written, relative to the folder.

    Raises
    ------
    OutputError
        If the folder is not empty, or cannot be written.
    """
    root = check_output(folder, force=force, directory=True)
    written = files()
    for path in written:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(root / path) as temporary:
            shutil.copyfile(TEMPLATE / path, temporary)
    return written
