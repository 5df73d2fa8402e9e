"""Write an encoded dataset, piece by piece; its columns are those that :mod:`seqcnn.dataset.store` lists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.class_names import renumber
from seqcnn.dataset.disk import Disk
from seqcnn.dataset.examples import UNKNOWN, Examples, unknown_bases
from seqcnn.dataset.store import CHUNK, FORMAT, VERSION
from seqcnn.dataset.stored_rows import LETTERS, read_chunks
from seqcnn.errors import InputError
from seqcnn.sequence.contexts import bases_of, contexts
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.windows import NO_END

_LATE: Final = {
    **{"targets": np.nan, "split": 0, "weights": 1},
    **{"chrom": 0, "start": 0, "end": 0, "strand": b".", "chrom_size": NO_END},
}
"""Columns that may begin late or have gaps, and what they hold where nothing is known."""


class DatasetWriter:
    """Appends examples to a new dataset; use it in a ``with`` block.

    Parameters
    ----------
    path : str or path
    alphabet : {"dna", "rna"}
    target_names : list of str
        Empty for none.
    length : int, optional
        Of the windows that were cut around summits or midpoints, bp.
    with_one_hot : bool
        Also write ``one_hot``; all sequences must have one length.
    structure : dict, optional
        How the structures came about; None for sequences without contexts.

    Raises
    ------
    OSError
        Here, while appending and at the end of the block, if the file cannot be written.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        alphabet: str,
        target_names: list[str],
        *,
        length: int | None = None,
        with_one_hot: bool = False,
        structure: dict[str, Any] | None = None,
    ) -> None:
        self._disk = Disk(path)
        # What HDF5 1.10 reads, not what only the newest does; attributes may be longer than 64 kB.
        self._file = h5py.File(self._disk, "w", libver=("v110", "latest"))
        attributes = self._file.attrs
        attributes["format"], attributes["version"] = FORMAT, 1 if structure is None else VERSION
        attributes["alphabet"] = alphabet
        attributes["padding"] = "N (0.25 in every one-hot row) beyond both ends"
        attributes["target_names"] = json.dumps(target_names)
        if length is not None:
            attributes["window_length"] = length
        self._with_one_hot = with_one_hot
        self._numbers: dict[str, _Numbers] = {}
        if structure is not None:
            attributes["structure"] = json.dumps(structure)
        for name in ("codes", "names", "origin", *["contexts"] * (structure is not None)):
            self._column(name, np.dtype(np.uint8))
        for name in ("offsets", "name_offsets"):
            self._column(name, np.dtype(np.int64))
            self._extend(name, np.zeros(1, dtype=np.int64))

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        self._disk.close()
        if kind is None and self._disk.error is not None:
            raise self._disk.error

    def __len__(self) -> int:
        return int(self._file["offsets"].shape[0]) - 1

    def append(self, examples: Examples) -> None:
        """Append examples; what only some of them know is filled up as unknown.

        Raises
        ------
        InputError
            If one-hot is wanted and lengths differ.
        """
        before, after = len(self), len(self) + len(examples)
        if after == before:
            return
        sequences = bases_of(examples.sequences)
        if self._with_one_hot:
            self._append_one_hot(sequences)
        if "contexts" in self._file:
            self._extend("contexts", contexts(examples.sequences.data))
        self._append_bound(examples)
        for data, offsets, rows in (
            ("codes", "offsets", sequences),
            ("names", "name_offsets", examples.names),
        ):
            end = int(self._file[offsets][-1])
            self._extend(data, rows.data)
            self._extend(offsets, rows.offsets[1:] + end)
        self._extend("origin", examples.origin)
        columns: dict[str, NDArray[Any] | None] = {"targets": examples.targets, "weights": examples.weights}
        if examples.split is not None:
            columns["split"] = self._numbered("split", examples.split)
        windows = examples.windows
        if windows is not None:
            strand = np.full(len(windows), "+") if windows.strand is None else windows.strand
            columns |= {"chrom": self._numbered("chrom", windows.chrom), "strand": strand.astype("S1")}
            columns |= {"start": windows.start, "end": windows.end, "chrom_size": windows.chrom_size}
        for name, values in columns.items():
            if values is not None:
                self._extend(name, values, before)
        for name in _LATE:
            if name in self._file:
                self._file[name].resize(after, axis=0)
        if self._disk.error is not None:
            raise self._disk.error

    def read_back(self) -> Iterator[Examples]:
        """Yield what has been appended so far."""
        yield from read_chunks(self._file, len(self), CHUNK)

    def renumber(self, places: NDArray[np.float32]) -> None:
        """Give every target, which is the number of a class, its place instead."""
        targets = self._file["targets"]
        for start in range(0, len(self), CHUNK):
            rows = slice(start, start + CHUNK)
            targets[rows] = renumber(targets[rows], places)

    def retarget(self, targets: NDArray[np.float32]) -> None:
        """Give the examples other targets, shape (n, n_targets)."""
        self._file["targets"][:] = targets

    def finish(
        self,
        provenance: dict[str, Any],
        *,
        task: str | None = None,
        class_names: Sequence[str] | None = None,
        preparation: dict[str, Any] | None = None,
    ) -> None:
        """Write how the dataset came about, and what is known of its targets."""
        self._file.attrs["provenance"] = json.dumps(provenance)
        if task is not None:
            self._file.attrs["task"] = task
        if class_names is not None:
            self._file.attrs["class_names"] = json.dumps(list(class_names))
        if preparation is not None:
            self._file.attrs["preparation"] = json.dumps(preparation)

    def _column(self, name: str, dtype: np.dtype[Any], *, shape: tuple[int, ...] = ()) -> None:
        per_row = max(1, int(np.prod(shape, dtype=np.int64))) * dtype.itemsize
        chunk = (max(1, (1 << 18) // per_row), *shape)
        fill = UNKNOWN if name == "bound" else _LATE.get(name)
        packed = {"compression": "gzip", "compression_opts": 1} if name == "bound" else {}  # long runs of few values
        self._file.create_dataset(
            name, (0, *shape), maxshape=(None, *shape), chunks=chunk, dtype=dtype, fillvalue=fill, **packed
        )

    def _extend(self, name: str, values: NDArray[Any], before: int = 0) -> None:
        """Append to a column; one that begins late is filled up for the `before` rows that there are already."""
        if name not in self._file:
            self._column(name, values.dtype, shape=values.shape[1:])
            self._file[name].resize(before, axis=0)
        column = self._file[name]
        start = column.shape[0]
        column.resize(start + len(values), axis=0)
        column[start:] = values

    def _numbered(self, name: str, values: NDArray[Any]) -> NDArray[np.int32]:
        """Return numbers for strings that recur, and write which string is which."""
        numbers = self._numbers.setdefault(name, _Numbers())
        known = len(numbers)
        numbered = np.fromiter(map(numbers.__getitem__, values.tolist()), dtype=np.int32, count=len(values))
        if name not in self._file:
            known = 0
            text = h5py.string_dtype()
            self._file.create_dataset(f"{name}_names", (0,), maxshape=(None,), chunks=(1 << 10,), dtype=text)
        if len(numbers) > known:
            there = self._file[f"{name}_names"]
            there.resize(len(numbers), axis=0)
            there[known:] = list(numbers)[known:]
        return numbered

    def _append_bound(self, examples: Examples) -> None:
        """Append which bases are bound, before the codes; unknown where only some examples know it."""
        if examples.bound is not None or "bound" in self._file:
            if "bound" not in self._file:
                self._column("bound", np.dtype(np.uint8))
                self._file["bound"].resize(self._file["codes"].shape[0], axis=0)
            self._extend("bound", (examples.bound or unknown_bases(examples.sequences)).data)

    def _append_one_hot(self, sequences: Ragged) -> None:
        lengths = np.unique(sequences.lengths)
        known = self._file["one_hot"].shape[2] if "one_hot" in self._file else lengths[0]
        if len(lengths) > 1 or lengths[0] != known:
            raise InputError(
                f"--one-hot needs sequences of one length, but there are {known} and {lengths[lengths != known][0]} bp",
                hint="set --length, or leave --one-hot out",
            )
        at_once = max(1, LETTERS // (4 * max(1, int(known))))
        for start in range(0, len(sequences), at_once):
            codes = sequences.slice(start, start + at_once).padded()
            self._extend("one_hot", (codes[:, None, :] == np.arange(4)[:, None]).view(np.uint8))


class _Numbers(dict[str, int]):
    """Gives each string a number when it is first asked for; the empty one has 0."""

    def __init__(self) -> None:
        super().__init__({"": 0})

    def __missing__(self, text: str) -> int:
        return self.setdefault(text, len(self))
