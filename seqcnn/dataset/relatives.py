"""Examples that say the same, and so must be in one part of a split: near-duplicates, overlapping windows, shuffles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.duplicates import duplicate_groups
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.overlaps import clusters
from seqcnn.sequence.contexts import bases_of
from seqcnn.sequence.counter import random_uint64
from seqcnn.sequence.ragged import Ragged


def related_groups(examples: Examples, both_strands: bool) -> NDArray[np.int64]:
    """Group examples that are near-duplicates, or whose windows share a base, directly or through others.

    Parameters
    ----------
    examples : Examples
    both_strands : bool
        A sequence and its reverse complement are the same.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    groups = duplicate_groups(bases_of(examples.sequences), both_strands)
    if examples.windows is None:
        return groups
    # A shuffle has the place of its positive, but none of its sequence.
    placed = np.flatnonzero((examples.windows.chrom != "") & (examples.origin != Origin.DINUCLEOTIDE))
    if not len(placed):
        return groups
    n_groups = int(groups.max()) + 1
    place = n_groups + clusters(examples.windows.take(placed))
    n_nodes = int(place.max()) + 1
    links = coo_array((np.ones(len(placed), dtype=np.bool_), (groups[placed], place)), shape=(n_nodes, n_nodes))
    component: NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
    return component[groups]


def shuffled_from(examples: Examples) -> NDArray[np.int64]:
    """Return for each dinucleotide shuffle the row of a sequence that it may be a shuffle of, else -1; shape (n,).

    A shuffle is known by what it keeps: its first letter and its dinucleotides.
    """
    found = np.full(len(examples), -1, dtype=np.int64)
    made = examples.origin == Origin.DINUCLEOTIDE
    shuffles, others = np.flatnonzero(made), np.flatnonzero(~made)
    if not len(shuffles) or not len(others):
        return found
    key = _dinucleotide_key(bases_of(examples.sequences))
    others = others[np.argsort(key[others], kind="stable")]
    at = np.searchsorted(key[others], key[shuffles]).clip(max=len(others) - 1)
    same = key[others[at]] == key[shuffles]
    found[shuffles[same]] = others[at[same]]
    return found


def _dinucleotide_key(sequences: Ragged) -> NDArray[np.uint64]:
    """Return a number for each sequence that those with the same first letter and dinucleotides share."""
    data, offsets = sequences.data.astype(np.intp), sequences.offsets
    weights = random_uint64(0, 0, np.arange(30))
    of_pairs = np.zeros(len(data) + 1, dtype=np.uint64)
    if len(data) > 1:
        np.cumsum(weights[5 * data[:-1] + data[1:]], out=of_pairs[1:-1])  # wraps around, which is as good
        of_pairs[-1] = of_pairs[-2]
    begin, end = offsets[:-1], offsets[1:]
    last = np.maximum(end - 1, begin)
    key: NDArray[np.uint64] = of_pairs[last] - of_pairs[begin]
    known = end > begin
    key[known] += weights[25 + data[begin[known]]]
    return key
