"""Arrays laid aside on disk, block after block, for what can be decided only when all have been seen."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from os import PathLike
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Spool:
    """A file without a name that is gone when the context ends.

    Parameters
    ----------
    folder : str or path, optional
        Where there is room; by default where temporary files go.
    """

    def __init__(self, folder: str | PathLike[str] | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by the context)
        self._sizes: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def append(self, arrays: list[NDArray[Any]]) -> None:
        """Lay a block of arrays aside; none may hold objects."""
        for array in arrays:
            np.save(self._file, array, allow_pickle=False)
        self._sizes.append(len(arrays))

    def __iter__(self) -> Iterator[list[NDArray[Any]]]:
        self._file.seek(0)
        for size in self._sizes:
            yield [np.load(self._file, allow_pickle=False) for _ in range(size)]
