"""The unit that every reader yields: a chunk of sequences with their names and columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from seqcnn.sequence.ragged import Ragged


@dataclass(slots=True)
class Records:
    """A chunk of sequences as read from a file.

    Parameters
    ----------
    sequences : Ragged
        Codes 0..4, one row a sequence.
    names : Ragged
        UTF-8; names may repeat.
    columns : dict of str to ndarray, each of shape (n,)
        What else the file says of each sequence.
    n_ambiguous : int
        IUPAC letters other than A C G T U N that were read as N.
    n_u, n_t : int
        Letters U and T, in either case: they tell RNA from DNA.
    """

    sequences: Ragged
    names: Ragged
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    n_ambiguous: int = 0
    n_u: int = 0
    n_t: int = 0

    def __len__(self) -> int:
        return len(self.sequences)
