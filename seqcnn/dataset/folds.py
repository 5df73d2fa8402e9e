"""Folds for cross-validation: whole chromosomes, or whole groups of related examples, never divided."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.relatives import related_groups, shuffled_from
from seqcnn.errors import InputError, UsageError

FOLDS_BY: Final = ("auto", "chromosome", "similarity")

MOST_CLASSES: Final = 32
"""Different values of the first target up to which folds are given the same share of each."""

Numbers = NDArray[np.int64]


def assign_folds(
    examples: Examples, n_folds: int, *, both_strands: bool, seed: int, by: str = "auto"
) -> tuple[Numbers, str]:
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
        0 to n_folds - 1, none of them empty. A dinucleotide shuffle is where the sequence is that it was made of.
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
        groups = np.unique(chrom, return_inverse=True)[1].astype(np.int64)
    else:
        groups = related_groups(examples, both_strands)
    n_groups = len(np.unique(groups[own]))
    if n_groups < n_folds:
        what = "chromosomes" if by == "chromosome" else "groups of related examples"
        raise InputError(f"{n_folds} folds cannot be made of {n_groups} {what}", hint="lower --folds")
    folds = np.empty(len(examples), dtype=np.int64)
    folds[own] = _spread(groups[own], _classes(examples)[own], n_folds, np.random.default_rng([seed, 5]))
    folds[~own] = folds[parent[~own]]
    return folds, by


def _chromosomes_serve(chrom: NDArray[np.str_], n_folds: int) -> bool:
    counts = np.unique(chrom[chrom != ""], return_counts=True)[1]
    return bool((chrom != "").all()) and len(counts) >= 2 * n_folds and counts.max() * n_folds <= len(chrom)


def _classes(examples: Examples) -> Numbers:
    """Number the values of the first target, a missing one being a value; all are 0 where they are too many."""
    if examples.targets is None:
        return np.zeros(len(examples), dtype=np.int64)
    values, which = np.unique(examples.targets[:, 0], return_inverse=True)
    return which.astype(np.int64) if len(values) <= MOST_CLASSES else np.zeros(len(examples), dtype=np.int64)


def _spread(groups: Numbers, classes: Numbers, n_folds: int, rng: np.random.Generator) -> Numbers:
    """Give each group a fold: the largest first, to the fold that has fewest of its classes; single examples last."""
    _, groups = np.unique(groups, return_inverse=True)
    of_group = np.zeros((int(groups.max()) + 1, int(classes.max()) + 1), dtype=np.int64)
    np.add.at(of_group, (groups, classes), 1)
    size = of_group.sum(1)
    held = np.zeros((n_folds, of_group.shape[1]), dtype=np.int64)
    fold = np.empty(len(of_group), dtype=np.int64)
    order = rng.permutation(len(of_group))
    order = order[np.argsort(-size[order], kind="stable")]
    n_large = int(np.count_nonzero(size > 1))
    for group in order[:n_large].tolist():
        best = int(np.lexsort((held.sum(1), held @ of_group[group]))[0])
        fold[group] = best
        held[best] += of_group[group]
    single = order[n_large:]
    for value in range(of_group.shape[1]):
        rows = single[of_group[single, value] == 1]
        added = _share_out(len(rows), held[:, value], held.sum(1))
        fold[rows] = np.repeat(np.arange(n_folds), added)
        held[:, value] += added
    _fill_empty(fold, size, n_folds)
    return fold[groups]


def _share_out(n: int, held: Numbers, size: Numbers) -> Numbers:
    """Return how many of `n` examples each fold gets, so that what folds hold is as even as can be.

    Where one is left over, the folds of the smallest size get it.
    """
    added = np.zeros_like(held)
    order = np.lexsort((size, held))
    for n_lowest in range(len(held), 0, -1):  # those folds that get any end on one level
        lowest = order[:n_lowest]
        total = n + int(held[lowest].sum())
        if total >= n_lowest * held[lowest[-1]]:
            added[lowest] = total // n_lowest - held[lowest]
            by_size = lowest[np.argsort((size + added)[lowest], kind="stable")]
            added[by_size[: total % n_lowest]] += 1
            break
    return added


def _fill_empty(fold: Numbers, size: Numbers, n_folds: int) -> None:
    """Give each fold without a group the smallest one of the fold that has most groups."""
    for empty in np.setdiff1d(np.arange(n_folds), fold).tolist():
        rows = np.flatnonzero(fold == np.bincount(fold, minlength=n_folds).argmax())
        fold[rows[np.argmin(size[rows])]] = empty
