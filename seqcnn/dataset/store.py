"""The encoded dataset: an HDF5 file of codes, written and read in constant memory.

==================  =======================  ==================================================
codes               uint8 (total,)           A C G T/U N = 0..4, sequences end to end
offsets             int64 (n + 1,)           sequence i is ``codes[offsets[i]:offsets[i + 1]]``
targets             float32 (n, n_targets)   NaN where missing; absent without targets
names, name_offsets uint8, int64             UTF-8, in the same way as the codes
origin              uint8 (n,)               0 given, 1 dinucleotide shuffle, 2 GC-matched, 3 flank
chrom start end     str, int64, int64 (n,)   0-based half-open; absent where nothing has a place
strand              str (n,)                 "+", "-" or "."
split               str (n,)                 absent unless the input had a split column
one_hot             uint8 (n, 4, length)     on request, for other tools; rows A C G T/U, N all 0
==================  =======================  ==================================================

Attributes: ``format``, ``version``, ``alphabet``, ``padding``, ``target_names``, ``provenance`` (JSON). A file that
holds ``one_hot`` alone is read too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import PathLike
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.errors import InputError
from seqcnn.sequence.alphabet import N_CODE, one_hot
from seqcnn.sequence.ragged import Ragged, from_text, offsets_of
from seqcnn.sequence.windows import Windows

FORMAT: Final = "seqcnn dataset"
VERSION: Final = 1
CHUNK: Final = 1 << 14
"""Examples read at a time."""

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_TEXT: Final = h5py.string_dtype()


class DatasetWriter:
    """Appends examples to a new dataset; use it in a ``with`` block.

    Parameters
    ----------
    path : str or path
    alphabet : {"dna", "rna"}
    target_names : list of str
        Empty for none.
    with_one_hot : bool
        Also write ``one_hot``; all sequences must have one length.
    """

    def __init__(
        self, path: str | PathLike[str], alphabet: str, target_names: list[str], *, with_one_hot: bool = False
    ) -> None:
        self._file = h5py.File(path, "w", libver="latest")
        attributes = self._file.attrs
        attributes["format"], attributes["version"] = FORMAT, VERSION
        attributes["alphabet"] = alphabet
        attributes["padding"] = "N (0.25 in every one-hot row) beyond both ends"
        attributes["target_names"] = json.dumps(target_names)
        self._with_one_hot = with_one_hot
        for name in ("offsets", "name_offsets"):
            self._column(name, np.dtype(np.int64))
            self._extend(name, np.zeros(1, dtype=np.int64))

    def __enter__(self) -> DatasetWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return int(self._file["offsets"].shape[0]) - 1

    def append(self, examples: Examples) -> None:
        """Append examples.

        Raises
        ------
        InputError
            If one-hot is wanted and lengths differ.
        """
        before = len(self)
        for data, offsets, rows in (
            ("codes", "offsets", examples.sequences),
            ("names", "name_offsets", examples.names),
        ):
            end = int(self._file[offsets][-1])
            self._extend(data, rows.data)
            self._extend(offsets, rows.offsets[1:] + end)
        self._extend("origin", examples.origin)
        if examples.targets is not None:
            self._extend("targets", examples.targets)
        windows = examples.windows
        if windows is not None:
            strand = np.full(len(windows), "+") if windows.strand is None else windows.strand
            for name, column in (("chrom", windows.chrom), ("strand", strand.astype(object))):
                self._extend(name, column, before, "" if name == "chrom" else ".")
            self._extend("start", windows.start, before, 0)
            self._extend("end", windows.end, before, 0)
        elif "chrom" in self._file:
            for name in ("chrom", "start", "end", "strand"):
                self._file[name].resize(before + len(examples), axis=0)
        if examples.split is not None:
            self._extend("split", examples.split, before, "")
        if self._with_one_hot:
            self._append_one_hot(examples.sequences)

    def read_back(self) -> Iterator[Examples]:
        """Yield what has been appended so far."""
        yield from _chunks(self._file, 0, len(self))

    def finish(self, provenance: dict[str, Any]) -> None:
        """Write how the dataset came about."""
        self._file.attrs["provenance"] = json.dumps(provenance)

    def _column(self, name: str, dtype: np.dtype[Any], *, shape: tuple[int, ...] = (), fill: Any = None) -> None:
        per_row = max(1, int(np.prod(shape, dtype=np.int64))) * dtype.itemsize
        chunk = (max(1, (1 << 18) // per_row), *shape)
        self._file.create_dataset(name, (0, *shape), maxshape=(None, *shape), chunks=chunk, dtype=dtype, fillvalue=fill)

    def _extend(self, name: str, values: NDArray[Any], before: int = 0, fill: Any = None) -> None:
        """Append to a column; one that begins late is filled up for the `before` rows that there are already."""
        if name not in self._file:
            dtype = _TEXT if values.dtype == object else values.dtype
            self._column(name, dtype, shape=values.shape[1:], fill=fill)
            self._file[name].resize(before, axis=0)
        column = self._file[name]
        start = column.shape[0]
        column.resize(start + len(values), axis=0)
        column[start:] = values

    def _append_one_hot(self, sequences: Ragged) -> None:
        lengths = np.unique(sequences.lengths)
        known = self._file["one_hot"].shape[2] if "one_hot" in self._file else lengths[0]
        if len(lengths) > 1 or lengths[0] != known:
            raise InputError(
                f"--one-hot needs sequences of one length, but there are {known} and {lengths[lengths != known][0]} bp",
                hint="set --length, or leave --one-hot out",
            )
        self._extend("one_hot", one_hot(sequences.padded(), n_value=0).astype(np.uint8))


class Dataset:
    """An encoded dataset on disk.

    Raises
    ------
    InputError
        If the file is not one, or is damaged.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = str(path)
        try:
            with h5py.File(path, "r") as file:
                self._check(file)
                self.alphabet = str(file.attrs.get("alphabet", "dna"))
                self.has_windows = "chrom" in file
                names = file.attrs.get("target_names")
                if names is not None:
                    self.target_names: list[str] = json.loads(names)
                else:
                    n_targets = file["targets"].shape[1] if "targets" in file else 0
                    self.target_names = [f"target_{i + 1}" for i in range(n_targets)]
                self.provenance: dict[str, Any] = json.loads(file.attrs.get("provenance", "{}"))
                rows = file["offsets"].shape[0] - 1 if "offsets" in file else file["one_hot"].shape[0]
                self.n_examples = int(rows)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"is not a whole HDF5 dataset ({error})", self.path, hint="encode it again") from error

    def _check(self, file: h5py.File) -> None:
        if "codes" in file and "offsets" in file:
            version = int(file.attrs.get("version", 0))
            if version > VERSION:
                raise InputError(f"is a dataset of version {version}; this seqcnn reads up to {VERSION}", self.path)
        elif "one_hot" not in file:
            raise InputError("holds neither codes nor one_hot", self.path, hint="is it a seqcnn dataset?")
        elif file["one_hot"].ndim != 3 or file["one_hot"].shape[1] != 4:
            raise InputError(f"one_hot has shape {file['one_hot'].shape}, not (n, 4, length)", self.path)

    @staticmethod
    def is_one(path: str | PathLike[str]) -> bool:
        """Say whether a file begins as HDF5 does."""
        try:
            with open(path, "rb") as file:
                return file.read(len(_SIGNATURE)) == _SIGNATURE
        except OSError:
            return False

    def __len__(self) -> int:
        return self.n_examples

    def chunks(self, size: int = CHUNK) -> Iterator[Examples]:
        """Yield the examples, `size` at a time, in constant memory."""
        try:
            with h5py.File(self.path, "r") as file:
                yield from _chunks(file, 0, len(self), size)
        except OSError as error:
            raise InputError(f"cannot be read ({error})", self.path, hint="encode it again") from error


def _chunks(file: h5py.File, first: int, last: int, size: int = CHUNK) -> Iterator[Examples]:
    for start in range(first, last, size):
        rows = slice(start, min(last, start + size))
        n = rows.stop - rows.start
        targets = file["targets"][rows].astype(np.float32, copy=False) if "targets" in file else None
        if targets is not None and targets.ndim == 1:
            targets = targets[:, None]
        if "codes" not in file:
            names = from_text(f"row_{i + 1}" for i in range(rows.start, rows.stop))
            given = np.full(n, Origin.GIVEN, dtype=np.uint8)
            yield Examples(_from_one_hot(file["one_hot"][rows]), names, targets, given)
            continue
        windows = None
        if "chrom" in file:
            chrom, strand = (file[name].asstr()[rows] for name in ("chrom", "strand"))
            windows = Windows(chrom.astype(object), file["start"][rows], file["end"][rows], strand.astype(str))
        yield Examples(
            _rows(file, "codes", "offsets", rows),
            _rows(file, "names", "name_offsets", rows),
            targets,
            file["origin"][rows],
            windows,
            file["split"].asstr()[rows].astype(object) if "split" in file else None,
        )


def _rows(file: h5py.File, data: str, offsets: str, rows: slice) -> Ragged:
    bounds = file[offsets][rows.start : rows.stop + 1]
    return Ragged(file[data][bounds[0] : bounds[-1]], bounds - bounds[0])


def _from_one_hot(array: NDArray[Any]) -> Ragged:
    """Return codes; a column that is not exactly one base is N."""
    codes = array.argmax(1).astype(np.uint8)
    known = (array.max(1) == 1) & (array.sum(1) == 1)
    codes[~known] = N_CODE
    return Ragged(codes.reshape(-1), offsets_of(np.full(len(array), array.shape[2])))
