"""The reads of several HT-SELEX rounds to one set of different sequences, each with what the rounds say of it.

A sequence that was read n times is one example of weight n: the same to the loss as n examples. Its targets are

``each``
    one for each round, 1 if it was read in that round and 0 if not: the multi-task form (as in DeepSELEX, Asif and
    Orenstein 2020, doi:10.1093/bioinformatics/btaa789). The last round's score ranks sequences by how well they bind.
``order``
    the mean round of its reads: 0 the first, 1 the last. Rounds count as if all had been sequenced to the same depth.

DeepBind itself (Alipanahi et al. 2015, doi:10.1038/nbt.3300) took the reads of one round against shuffles of them,
which needs no preparation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.duplicates import identical
from seqcnn.dataset.examples import Examples, join

_SUFFIXES: Final = (".gz", ".bgz", ".zst", ".fastq", ".fq", ".fasta", ".fa", ".fna", ".seq", ".txt", ".tsv", ".csv")

Counts = NDArray[np.int64]


def round_names(paths: Sequence[str]) -> list[str]:
    """Name rounds by their files, without folders and endings; by number where that is not one name each."""
    names = []
    for path in paths:
        name = PurePath(path).name
        while PurePath(name).suffix.lower() in _SUFFIXES:
            name = PurePath(name).stem
        names.append(name)
    return names if len(set(names)) == len(names) else [f"round_{i}" for i in range(len(names))]


def count_reads(reads: Examples, round_of: NDArray[np.intp], n_rounds: int) -> tuple[NDArray[np.intp], Counts]:
    """Count how often each different sequence was read in each round.

    Parameters
    ----------
    reads : Examples
    round_of : ndarray of int, shape (n,)
        The round of each read, from 0.
    n_rounds : int

    Returns
    -------
    rows : ndarray of int, shape (n_different,)
        The first read of each different sequence, in order.
    counts : ndarray of int64, shape (n_different, n_rounds)
    """
    first, which = identical(reads.sequences, False)
    counts = np.bincount(which * n_rounds + round_of, minlength=len(first) * n_rounds).reshape(-1, n_rounds)
    order = np.argsort(first)
    return first[order], counts[order]


def seen_in(counts: Counts) -> NDArray[np.float32]:
    """Return 1 for each round that a sequence was read in, else 0, shape (n, n_rounds)."""
    return (counts > 0).astype(np.float32)


def mean_round(counts: Counts) -> NDArray[np.float32]:
    """Return the mean round of each sequence's reads, from 0 for the first to 1 for the last, shape (n, 1).

    Reads are counted as shares of their round's, so that a round that was sequenced deeper does not count more.
    """
    shares = counts / np.maximum(1, counts.sum(axis=0))
    place = np.linspace(0, 1, counts.shape[1])
    mean: NDArray[np.float32] = ((shares @ place) / shares.sum(axis=1)).astype(np.float32)
    return mean[:, None]


def merge_rounds(rounds: Sequence[Sequence[Examples]], targets: str) -> tuple[Examples, Counts]:
    """Make one set of the reads of several rounds.

    Parameters
    ----------
    rounds : sequence of sequences of Examples
        The chunks of each round, in order; there are reads in each.
    targets : {"each", "order"}

    Returns
    -------
    examples : Examples
        The different sequences in order of appearance, named as their first reads; weights are numbers of reads.
    counts : ndarray of int64, shape (n, n_rounds)
    """
    reads = join([chunk for chunks in rounds for chunk in chunks])
    sizes = [sum(len(chunk) for chunk in chunks) for chunks in rounds]
    rows, counts = count_reads(reads, np.repeat(np.arange(len(rounds)), sizes), len(rounds))
    values = seen_in(counts) if targets == "each" else mean_round(counts)
    examples = reads.take(rows)
    weights = counts.sum(axis=1).astype(np.float32)
    return Examples(examples.sequences, examples.names, values, examples.origin, None, None, weights), counts
