"""The encoded dataset: an HDF5 file of codes, written and read in constant memory.

==================  =======================  ==================================================
codes               uint8 (total,)           A C G T/U N = 0..4, sequences end to end
offsets             int64 (n + 1,)           sequence i is ``codes[offsets[i]:offsets[i + 1]]``
targets             float32 (n, n_targets)   NaN where missing; absent without targets
names, name_offsets uint8, int64             UTF-8, in the same way as the codes
origin              uint8 (n,)               0 given, 1 dinucleotide shuffle, 2 GC-matched, 3 flank
chrom start end     int32, int64, int64 (n,) 0-based half-open; absent where nothing has a place
strand              S1 (n,)                  "+", "-" or "."
chrom_size          int64 (n,)               bases of the chromosome, 2^63 - 1 where not known
split               int32 (n,)               absent unless the input had a split column
weights             float32 (n,)             how much each counts; absent unless the input had a weight column
bound               uint8 (total,)           beside the codes: 1 where a base is bound, 0 where not, 2 unknown (N);
                                             absent unless that was asked for
chrom_names         str                      what the numbers in ``chrom`` stand for, 0 being none:
split_names                                  ``file["chrom_names"].asstr()[:][file["chrom"][:]]``
contexts            uint8 (total,)           structural context of each base, E H B I M S = 1..6, 0 not
                                             known; absent unless RNA has structures
one_hot             uint8 (n, 4, length)     on request, for other tools; rows A C G T/U, N all 0
==================  =======================  ==================================================

Attributes: ``format``, ``version``, ``alphabet``, ``padding``, ``target_names`` and ``provenance`` (JSON);
``window_length`` (bp) where windows were cut around summits or midpoints; ``task`` where it was said; ``class_names``
(JSON) where the target is the number of a class; ``preparation`` (JSON) where targets were changed, see
:mod:`seqcnn.dataset.preparation`; ``structure`` (JSON) where there are contexts: how they came about, see
:mod:`seqcnn.dataset.structure`. A file that holds ``one_hot`` alone, with or without ``targets``, is
read too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import PathLike
from typing import Any, Final, Never

import h5py
import numpy as np

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.stored_rows import read_chunks
from seqcnn.errors import InputError
from seqcnn.formats.stream import open_input

FORMAT: Final = "seqcnn dataset"
VERSION: Final = 2
"""Of files with contexts; those without are of version 1, so that what cannot read contexts does not pass over them."""

CHUNK: Final = 1 << 14
"""Examples read at a time, fewer where they are long."""

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_ROWS: Final = ("origin", "targets", "chrom", "start", "end", "strand", "chrom_size", "split", "weights")


class Dataset:
    """An encoded dataset on disk.

    Raises
    ------
    InputError
        If the file is not one, or is damaged.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = str(path)
        if not self.is_one(path):
            open_input(path).close()  # says what is wrong, if it cannot be read at all
            raise InputError("is not an HDF5 file", self.path)
        try:
            with h5py.File(path, "r") as file:
                self.n_examples = self._check(file)
                self.alphabet = str(file.attrs.get("alphabet", "dna"))
                self.has_windows, self.has_weights = "chrom" in file, "weights" in file
                self.has_bound = "bound" in file
                length = file.attrs.get("window_length")
                self.window_length = None if length is None else int(length)
                names = file.attrs.get("target_names")
                n_targets = int(np.prod(file["targets"].shape[1:])) if "targets" in file else 0
                self.target_names: list[str] = [f"target_{i + 1}" for i in range(n_targets)]
                if names is not None:
                    self.target_names = json.loads(names)
                self.provenance: dict[str, Any] = json.loads(file.attrs.get("provenance", "{}"))
                task = file.attrs.get("task")
                self.task = None if task is None else str(task)
                self.class_names: list[str] = json.loads(file.attrs.get("class_names", "[]"))
                self.preparation: dict[str, Any] | None = json.loads(file.attrs.get("preparation", "null"))
                self.structure: dict[str, Any] | None = None
                if "contexts" in file:
                    self.structure = json.loads(file.attrs.get("structure", '{"method": "read"}'))
                if n_targets and len(self.target_names) != n_targets:
                    raise InputError(f"names {len(self.target_names)} targets, but holds {n_targets}", self.path)
        except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
            self._damaged(error)

    def _check(self, file: h5py.File) -> int:
        """Return the number of examples of a file whose columns go together."""
        if "codes" in file and "offsets" in file:
            version = int(file.attrs.get("version", 0))
            if version > VERSION:
                raise InputError(f"is a dataset of version {version}; this seqcnn reads up to {VERSION}", self.path)
            n_examples = int(file["offsets"].shape[0]) - 1
            lengths = {name: file[name].shape[0] for name in _ROWS if name in file}
            lengths["origin"], lengths["name_offsets"] = file["origin"].shape[0], file["name_offsets"].shape[0] - 1
            for data, offsets in (("codes", "offsets"), ("names", "name_offsets")):
                if data == "codes" and "bound" in file and file["bound"].shape != file["codes"].shape:
                    raise InputError("bound does not fit codes", self.path, hint="encode it again")
                if n_examples < 0 or int(file[offsets][-1]) != file[data].shape[0]:
                    raise InputError(f"{offsets} do not fit {data}", self.path, hint="encode it again")
            if "contexts" in file and file["contexts"].shape != file["codes"].shape:
                raise InputError("contexts do not fit codes", self.path, hint="encode it again")
        elif "one_hot" not in file:
            raise InputError("holds neither codes nor one_hot", self.path, hint="is it a seqcnn dataset?")
        elif file["one_hot"].ndim != 3 or file["one_hot"].shape[1] != 4:
            raise InputError(f"one_hot has shape {file['one_hot'].shape}, not (n, 4, length)", self.path)
        else:
            n_examples = int(file["one_hot"].shape[0])
            lengths = {name: file[name].shape[0] for name in ("targets", "weights") if name in file}
        for name, length in lengths.items():
            if length != n_examples:
                raise InputError(f"{name} has {length} rows for {n_examples} sequences", self.path)
        return n_examples

    def _damaged(self, error: Exception) -> Never:
        what = " ".join(str(error).split())
        raise InputError(f"is not a whole HDF5 dataset ({what})", self.path, hint="encode it again") from error

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

    def size(self) -> tuple[int, int]:
        """Return the number of letters, and of examples."""
        try:
            with h5py.File(self.path, "r") as file:
                n, _, length = file["one_hot"].shape if "codes" not in file else (0, 0, 0)
                return int(n * length or file["codes"].shape[0]), len(self)
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            self._damaged(error)

    def chunks(self, size: int = CHUNK) -> Iterator[Examples]:
        """Yield the examples, `size` at a time, in constant memory."""
        try:
            with h5py.File(self.path, "r") as file:
                yield from read_chunks(file, len(self), size)
        except (OSError, KeyError, ValueError, IndexError, RuntimeError) as error:
            self._damaged(error)
