"""Folds for cross-validation: whole chromosomes, or whole groups of related examples, never divided."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.relatives import related_groups, shuffled_from
from seqcnn.errors import InputError, UsageError

FOLDS_BY: Final = ("auto", "chromosome", "similarity")


def assign_folds(
    examples: Examples, n_folds: int, *, both_strands: bool, seed: int, by: str = "auto"
) -> tuple[NDArray[np.int64], str]:
    """Divide examples into folds of like size, of like class balance where that can be.

    Parameters
    ----------
    examples : Examples
    n_folds : int
        At least 2.
    both_strands : bool
        A sequence and its reverse complement are the same.
    seed : int
    by : {"auto", "chromosome", "similarity"}
        "chromosome" keeps chromosomes whole. "similarity" keeps near-duplicates and overlapping windows together.
        "auto" goes by chromosome where every example has one, none holds more than a fold's share, and there are at
        least twice as many of them as folds.

    Returns
    -------
    folds : ndarray of int64, shape (n,)
        0 to n_folds - 1.
    by : str
        What was done: "chromosome" or "similarity".

    Raises
    ------
    InputError, UsageError
        If there are fewer groups than folds, or examples have no chromosomes.
    """
    chrom = None if examples.windows is None else examples.windows.chrom.astype(str)
    parent = shuffled_from(examples)
    own = parent < 0
    if by == "chromosome" and (chrom is None or not (chrom[own] != "").all()):
        raise UsageError("folds by chromosome need regions (BED, narrowPeak) with --genome; use --folds-by similarity")
    if by == "auto":
        by = "chromosome" if chrom is not None and _chromosomes_serve(chrom[own], n_folds) else "similarity"
    if by == "chromosome":
        assert chrom is not None
        groups = np.unique(chrom, return_inverse=True)[1]
    else:
        groups = related_groups(examples, both_strands)
    folds = np.empty(len(examples), dtype=np.int64)
    folds[own] = _spread(groups[own], _classes(examples)[own], n_folds, np.random.default_rng([seed, 5]))
    folds[~own] = folds[parent[~own]]
    return folds, by


def _chromosomes_serve(chrom: NDArray[np.str_], n_folds: int) -> bool:
    counts = np.unique(chrom[chrom != ""], return_counts=True)[1]
    return bool((chrom != "").all()) and len(counts) >= 2 * n_folds and counts.max() * n_folds <= len(chrom)


def _classes(examples: Examples) -> NDArray[np.int64]:
    """Return 0 or 1 for a first target that says so, 2 for others."""
    if examples.targets is None:
        return np.full(len(examples), 2, dtype=np.int64)
    first = examples.targets[:, 0]
    return np.where(np.isin(first, (0, 1)), first, 2).astype(np.int64)


def _spread(
    groups: NDArray[np.intp] | NDArray[np.int64], classes: NDArray[np.int64], n_folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Give each group a fold: the largest first, to the fold that has fewest of its classes; single examples last."""
    _, groups = np.unique(groups, return_inverse=True)
    n_groups = int(groups.max(initial=-1)) + 1
    if n_groups < n_folds:
        raise InputError(f"{n_folds} folds cannot be made of {n_groups} groups of related examples", hint="see --folds")
    of_group = np.zeros((n_groups, 3), dtype=np.int64)
    np.add.at(of_group, (groups, classes), 1)
    size = of_group.sum(1)
    held = np.zeros((n_folds, 3), dtype=np.int64)
    fold = np.empty(n_groups, dtype=np.int64)
    order = rng.permutation(n_groups)
    order = order[np.argsort(-size[order], kind="stable")]
    n_large = int(np.count_nonzero(size > 1))
    for group in order[:n_large].tolist():
        best = int(np.argmin(held @ of_group[group]))
        fold[group] = best
        held[best] += of_group[group]
    single = order[n_large:]
    for value in range(3):
        rows = single[of_group[single, value] == 1]
        wanted = (held[:, value].sum() + len(rows)) / n_folds
        room = np.maximum(wanted - held[:, value], 0)
        ends = np.round(np.cumsum(room) / max(room.sum(), 1e-9) * len(rows)).astype(np.int64)
        fold[rows] = np.searchsorted(ends, np.arange(len(rows)), side="right").clip(max=n_folds - 1)
    return fold[groups]
