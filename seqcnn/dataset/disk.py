"""A file that HDF5 writes to without learning that the disk is full."""

from __future__ import annotations

import io
from os import PathLike
from typing import Any


class Disk(io.FileIO):
    """A new file for reading and writing; what cannot be written is dropped, and `error` says why.

    HDF5 that is told of a failed write can no longer close its file, and ends the process with a segmentation fault.
    So it is told nothing, and whoever opened the file looks at `error` after each step.

    Parameters
    ----------
    path : str or path

    Attributes
    ----------
    error : OSError or None
        The first that occurred.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        super().__init__(path, "w+b")
        self.error: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write all of `data`."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """Set the length of the file."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0
