"""An encoded dataset that is read in blocks, in any order, so that it need not fit into memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import UNKNOWN, Examples, Origin, join
from seqcnn.dataset.part_rule import TEST, TRAIN, VALID, PartRule
from seqcnn.dataset.split import PARTS, SplitOptions
from seqcnn.dataset.store import CHUNK, Dataset
from seqcnn.dataset.stored_rows import read_bare
from seqcnn.dataset.target_summary import TargetSummary
from seqcnn.errors import InputError

BLOCK_LETTERS: Final = 1 << 17
"""Letters of a block, about: what is read from one place."""

MOST_ROWS: Final = 1 << 12
"""Examples of a block, at most."""

HELD_OUT_LETTERS: Final = 1 << 25
"""Letters of a part that is held in memory, to validate or to test."""

_LEFT_OUT: Final = len(PARTS)

Rows = NDArray[np.int64]


class Streamed:
    """The examples of an encoded dataset with their parts of a split, on disk.

    Everything is read once, to give each example its part and to know the targets; the parts are kept in a temporary
    file, a byte an example.

    Parameters
    ----------
    dataset : Dataset
        With targets.
    options : SplitOptions
    both_strands : bool
        A sequence and its reverse complement are the same.
    seed : int
    on_chunk : callable, optional
        Called with the number of examples read.

    Attributes
    ----------
    counts : dict
        Examples in each part.
    training : TargetSummary
        Of the training targets.
    everything : TargetSummary
        Of all.
    longest : int
        Length of the longest sequence, bp.
    has_bound : bool
        Whether it is known which bases are bound.
    n_bases : ndarray of int64, shape (3,)
        Bases of the training examples that are not bound, that are, and of which it is not known.
    has_shuffles : bool
        Whether there are dinucleotide shuffles among the training examples.
    digest : str
        Of all that matters to a fit.
    notes : list of str

    Raises
    ------
    InputError, UsageError
    """

    def __init__(
        self,
        dataset: Dataset,
        options: SplitOptions,
        *,
        both_strands: bool,
        seed: int,
        on_chunk: Callable[[int], None] | None = None,
    ) -> None:
        self.dataset, self.seed = dataset, seed
        self._file = _opened(dataset)
        if "targets" not in self._file:
            raise InputError("there are no targets to train on", dataset.path)
        rule = PartRule(
            options,
            chrom_names=_words(self._file, "chrom"),
            said=_said(self._file),
            both_strands=both_strands,
            seed=seed,
        )
        self.notes = rule.notes
        self._change: Callable[[Examples], Examples] | None = None
        self._parts = _Bytes()
        self.has_bound, self.n_bases = dataset.has_bound, np.zeros(UNKNOWN + 1, dtype=np.int64)
        self.training, self.everything = (TargetSummary(len(dataset.target_names)) for _ in range(2))
        self.longest, self.has_shuffles, self.has_weights = 0, False, dataset.has_weights
        letters = self._survey(rule, on_chunk or (lambda _: None))
        self.rows_per_block = int(np.clip(BLOCK_LETTERS * len(dataset) // max(1, letters), 1, MOST_ROWS))
        each = [np.bincount(self.parts_of(block), minlength=_LEFT_OUT + 1) for block in range(self.n_blocks)]
        self.n_in_block = np.array(each, dtype=np.int64).reshape(-1, _LEFT_OUT + 1).T
        *counts, left_out = self.n_in_block.sum(1).tolist()
        self.counts = dict(zip(PARTS, counts, strict=True))
        if left_out:
            self.notes.append(f"{left_out:,} empty sequences left out")
        for name, what in (("valid", "validation"), ("test", "the test")):
            if self.counts[name] > self._most_held_out:
                self.notes.append(
                    f"{self._most_held_out:,} of the {self.counts[name]:,} examples for {what}, drawn at random, are "
                    "used: more would not be held in memory"
                )

    def _survey(self, rule: PartRule, on_chunk: Callable[[int], None]) -> int:
        """Read everything once; return the number of letters."""
        letters, read, state = 0, 0, hashlib.blake2b(digest_size=16)
        for chunk in self.dataset.chunks(CHUNK):
            parts = np.where(chunk.sequences.lengths > 0, rule.parts(chunk), _LEFT_OUT).astype(np.uint8)
            self._parts.append(parts.tobytes())
            train = parts == TRAIN
            self.training.add(chunk.take(train))
            self.everything.add(chunk.take(parts != _LEFT_OUT))
            if chunk.bound is not None:
                self.n_bases += np.bincount(chunk.bound.take(train).data, minlength=len(self.n_bases))
            self.has_shuffles |= bool((chunk.origin[train] == Origin.DINUCLEOTIDE).any())
            self.longest = max(self.longest, int(chunk.sequences.lengths.max(initial=0)))
            letters += len(chunk.sequences.data)
            bound = None if chunk.bound is None else chunk.bound.data
            for array in (chunk.sequences.data, chunk.sequences.lengths, chunk.targets, chunk.weights, parts, bound):
                state.update(b"" if array is None else array.tobytes())
            on_chunk(read := read + len(chunk))
        self.digest = state.hexdigest()
        return letters

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def has_contexts(self) -> bool:
        """Whether bases are in structural contexts, see :mod:`seqcnn.sequence.contexts`."""
        return self.dataset.structure is not None

    @property
    def _most_held_out(self) -> int:
        return max(1, HELD_OUT_LETTERS // max(1, self.longest))

    @property
    def n_blocks(self) -> int:
        """Blocks of neighbouring rows that the file is read in."""
        return -(-len(self) // self.rows_per_block)

    def rows_of(self, block: int) -> slice:
        """Return the rows of a block."""
        return slice(block * self.rows_per_block, min(len(self), (block + 1) * self.rows_per_block))

    def parts_of(self, block: int) -> NDArray[np.uint8]:
        """Return the parts of a block's examples."""
        rows = self.rows_of(block)
        return np.frombuffer(self._parts[rows], dtype=np.uint8)

    def changed(self, change: Callable[[Examples], Examples]) -> Streamed:
        """Return the same with targets that are changed so as they are read, and weights whose mean is 1."""
        other = copy(self)
        other._change = change
        return other

    def read(self, blocks: Iterable[int], part: int = TRAIN) -> tuple[Examples, Rows]:
        """Return the examples of a part in some blocks, without names and places, and their rows in the file.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        examples, rows = [], []
        try:
            for block in blocks:
                there = self.rows_of(block)
                chosen = np.flatnonzero(self.parts_of(block) == part)
                if len(chosen):
                    whole = read_bare(self._file, there)
                    if not whole.sequences.lengths[chosen].all():
                        raise ValueError("sequences have gone from it")
                    examples.append(whole if len(chosen) == len(whole) else whole.take(chosen))
                    rows.append(there.start + chosen)
        except (OSError, KeyError, ValueError, IndexError, RuntimeError) as error:
            what = " ".join(str(error).split())
            raise InputError(f"cannot be read any more ({what})", self.dataset.path) from error
        joined = join(examples)
        if self._change is not None:
            weights = joined.weights
            joined = self._change(replace(joined, weights=None))
            if weights is not None:
                mean = self.training.weight / max(1, self.training.n) or 1.0
                joined = replace(joined, weights=(weights / mean).astype(np.float32))
        return joined, np.concatenate(rows)

    def names(self, rows: Sequence[int]) -> list[str]:
        """Return the names of examples."""
        if "names" not in self._file:
            return [f"row_{row + 1}" for row in rows]
        offsets, names = self._file["name_offsets"], self._file["names"]
        return [names[offsets[row] : offsets[row + 1]].tobytes().decode("utf-8", "replace") for row in rows]

    def held_out(self, name: str) -> Examples | None:
        """Return the "valid" or "test" examples in memory, or as many of them, at random, as may be there.

        None if there are none.
        """
        part = {"valid": VALID, "test": TEST}[name]
        per_block = self.n_in_block[part]
        n = int(per_block.sum())
        if n == 0:
            return None
        at_most = min(n, self._most_held_out)
        rng = np.random.default_rng([self.seed, 7, part])
        parts = []
        taken = rng.multivariate_hypergeometric(per_block, at_most, method="marginals")
        for block in np.flatnonzero(taken).tolist():
            examples, _ = self.read([block], part)
            if taken[block] < len(examples):
                examples = examples.take(np.sort(rng.permutation(len(examples))[: taken[block]]))
            parts.append(examples)
        return join(parts)


class _Bytes:
    """Bytes in a file without a name, which goes with this object."""

    def __init__(self) -> None:
        self._handle, name = tempfile.mkstemp(prefix="seqcnn")
        os.unlink(name)

    def append(self, data: bytes) -> None:
        """Write more at the end."""
        while data:
            data = data[os.write(self._handle, data) :]

    def __getitem__(self, place: slice) -> bytes:
        return os.pread(self._handle, place.stop - place.start, place.start)

    def __del__(self) -> None:
        os.close(self._handle)


def _opened(dataset: Dataset) -> h5py.File:
    """Open a file so that of a chunk no more is read than is asked for, where that can be."""
    with h5py.File(dataset.path, "r") as file:
        columns = [file[name] for name in ("codes", "one_hot") if name in file]
        packed = any(column.compression is not None for column in columns)
    options: dict[str, Any] = {} if packed else {"rdcc_nbytes": 0}
    return h5py.File(dataset.path, "r", **options)


def _words(file: h5py.File, name: str) -> list[str]:
    """Return what the numbers of a column stand for."""
    return file[f"{name}_names"].asstr()[:].tolist() if name in file and f"{name}_names" in file else []


def _said(file: h5py.File) -> dict[str, int]:
    """Return how often each word of the split column is said."""
    words = _words(file, "split")
    counts = np.zeros(len(words), dtype=np.int64)
    if words:
        column = file["split"]
        for start in range(0, len(column), 1 << 20):
            counts += np.bincount(column[start : start + (1 << 20)], minlength=len(words))
    return {word: int(n) for word, n in zip(words, counts, strict=True) if n}
