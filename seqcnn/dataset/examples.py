"""Examples: sequences with names, targets and, where known, places in a genome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.ragged import Ragged, concatenate


class Origin(IntEnum):
    """Where an example comes from."""

    GIVEN = 0
    DINUCLEOTIDE = 1
    GC = 2
    FLANK = 3


@dataclass(frozen=True, slots=True)
class Regions:
    """Places in a genome, 0-based half-open.

    Parameters
    ----------
    chrom, strand : ndarray of str (object), shape (n,)
        "" and "." where an example has no place.
    start, end : ndarray of int64, shape (n,)
    """

    chrom: NDArray[Any]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: NDArray[Any]

    def take(self, rows: Any) -> Regions:
        """Return these rows (indices, mask or slice)."""
        return Regions(self.chrom[rows], self.start[rows], self.end[rows], self.strand[rows])


@dataclass(frozen=True, slots=True)
class Examples:
    """A set, or a chunk of a stream, of examples.

    Parameters
    ----------
    sequences : Ragged
        Codes 0..4.
    names : Ragged
        UTF-8, not necessarily unique.
    targets : ndarray of float32, shape (n, n_targets), or None
        NaN where missing; None if nothing is known.
    origin : ndarray of uint8, shape (n,)
        See :class:`Origin`.
    regions : Regions or None
    split : ndarray of str (object), shape (n,), or None
        What the input says of each example's part: train, valid, test, or a fold's name.
    """

    sequences: Ragged
    names: Ragged
    targets: NDArray[np.float32] | None
    origin: NDArray[np.uint8]
    regions: Regions | None = None
    split: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.sequences)

    def take(self, rows: NDArray[Any]) -> Examples:
        """Return these rows (indices or mask), in that order."""
        return Examples(
            self.sequences.take(rows),
            self.names.take(rows),
            None if self.targets is None else self.targets[rows],
            self.origin[rows],
            None if self.regions is None else self.regions.take(rows),
            None if self.split is None else self.split[rows],
        )

    def with_targets(self, targets: NDArray[np.float32] | None) -> Examples:
        """Return the same examples with other targets."""
        return replace(self, targets=targets)


def join(parts: Sequence[Examples]) -> Examples:
    """Put parts one after another; what only some of them know is filled up as unknown."""
    if len(parts) == 1:
        return parts[0]
    regions = None
    if any(p.regions is not None for p in parts):
        known = [p.regions or _nowhere(len(p)) for p in parts]
        regions = Regions(
            np.concatenate([r.chrom for r in known]),
            np.concatenate([r.start for r in known]),
            np.concatenate([r.end for r in known]),
            np.concatenate([r.strand for r in known]),
        )
    split = None
    if any(p.split is not None for p in parts):
        split = np.concatenate([np.full(len(p), "", dtype=object) if p.split is None else p.split for p in parts])
    targets = None
    if all(p.targets is not None for p in parts):
        targets = np.concatenate([p.targets for p in parts if p.targets is not None])
    return Examples(
        concatenate([p.sequences for p in parts]),
        concatenate([p.names for p in parts]),
        targets,
        np.concatenate([p.origin for p in parts]),
        regions,
        split,
    )


def _nowhere(n: int) -> Regions:
    zero = np.zeros(n, dtype=np.int64)
    return Regions(np.full(n, "", dtype=object), zero, zero, np.full(n, ".", dtype=object))
