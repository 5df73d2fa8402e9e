"""Examples: sequences with names, targets and, where known, places in a genome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.contexts import has_contexts
from seqcnn.sequence.ragged import Ragged, concatenate
from seqcnn.sequence.windows import Windows
from seqcnn.sequence.windows import concatenate as windows_together


class Origin(IntEnum):
    """Where an example comes from."""

    GIVEN = 0
    DINUCLEOTIDE = 1
    GC = 2
    FLANK = 3


UNKNOWN: Final = 2
"""Of a base of which it is not known whether it is bound (1) or not (0)."""


@dataclass(frozen=True, slots=True)
class Examples:
    """A set, or a chunk of a stream, of examples.

    Parameters
    ----------
    sequences : Ragged
        Codes 0..4; of RNA with structures bases in their contexts, see :mod:`seqcnn.sequence.contexts`.
    names : Ragged
        UTF-8, not necessarily unique.
    targets : ndarray of float32, shape (n, n_targets), or None
        NaN where missing; None if nothing is known.
    origin : ndarray of uint8, shape (n,)
        See :class:`Origin`.
    windows : Windows or None
        Where in the genome each is from; chromosome "" where it has no place.
    split : ndarray of str (object), shape (n,), or None
        What the input says of each example's part: train, valid, test, or a fold's name.
    weights : ndarray of float32, shape (n,), or None
        How much each counts, 0 or more; None for all alike, 1.
    bound : Ragged or None
        Of each base 1 where it is bound, 0 where not, :data:`UNKNOWN`; as long as the sequences.
    """

    sequences: Ragged
    names: Ragged
    targets: NDArray[np.float32] | None
    origin: NDArray[np.uint8]
    windows: Windows | None = None
    split: NDArray[Any] | None = None
    weights: NDArray[np.float32] | None = None
    bound: Ragged | None = None

    def __len__(self) -> int:
        return len(self.sequences)

    def take(self, rows: NDArray[Any]) -> Examples:
        """Return these rows (indices or mask), in that order."""
        return Examples(
            self.sequences.take(rows),
            self.names.take(rows),
            None if self.targets is None else self.targets[rows],
            self.origin[rows],
            None if self.windows is None else self.windows.take(np.asarray(rows)),
            None if self.split is None else self.split[rows],
            None if self.weights is None else self.weights[rows],
            None if self.bound is None else self.bound.take(rows),
        )

    @property
    def has_contexts(self) -> bool:
        """Whether bases are in structural contexts, see :mod:`seqcnn.sequence.contexts`."""
        return has_contexts(self.sequences)

    def with_targets(self, targets: NDArray[np.float32] | None) -> Examples:
        """Return the same examples with other targets."""
        return replace(self, targets=targets)


def join(parts: Sequence[Examples]) -> Examples:
    """Put parts one after another; what only some of them know is filled up as unknown, and weights as 1."""
    if len(parts) == 1:
        return parts[0]
    windows = None
    if any(p.windows is not None for p in parts):
        windows = windows_together([p.windows or _nowhere(len(p)) for p in parts])
    split = None
    if any(p.split is not None for p in parts):
        split = np.concatenate([np.full(len(p), "", dtype=object) if p.split is None else p.split for p in parts])
    weights = None
    if any(p.weights is not None for p in parts):
        weights = np.concatenate([np.ones(len(p), dtype=np.float32) if p.weights is None else p.weights for p in parts])
    bound = None
    if any(p.bound is not None for p in parts):
        bound = concatenate([p.bound or unknown_bases(p.sequences) for p in parts])
    targets = None
    n_targets = max((p.targets.shape[1] for p in parts if p.targets is not None), default=0)
    if n_targets:
        unknown = np.full((1, n_targets), np.nan, dtype=np.float32)
        targets = np.concatenate(
            [np.repeat(unknown, len(p), axis=0) if p.targets is None else p.targets for p in parts]
        )
    return Examples(
        concatenate([p.sequences for p in parts]),
        concatenate([p.names for p in parts]),
        targets,
        np.concatenate([p.origin for p in parts]),
        windows,
        split,
        weights,
        bound,
    )


def unknown_bases(sequences: Ragged) -> Ragged:
    """Return what is known of which bases are bound where nothing is."""
    return Ragged(np.full(len(sequences.data), UNKNOWN, dtype=np.uint8), sequences.offsets)


def _nowhere(n: int) -> Windows:
    zero = np.zeros(n, dtype=np.int64)
    return Windows(np.full(n, "", dtype=object), zero, zero, np.full(n, "."))
