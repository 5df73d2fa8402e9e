"""Shuffles that keep every dinucleotide count, drawn exactly and for thousands of sequences at once.

A sequence is a walk over letters that uses each of its dinucleotides as an edge once. All other walks with the
same edges and the same first letter end in the same last letter, and each is fixed by the order in which every
letter's outgoing edges are used. An order gives a whole walk exactly when the letters' last edges form a tree
that leads to the last letter. So: draw that tree with probability proportional to the product of its edges'
multiplicities, put all other edges in random order, and walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.alphabet import N_CODE, decode
from seqcnn.sequence.counter import random_uint64, random_unit
from seqcnn.sequence.ragged import Ragged, encode_all

_BLOCK: Final = 1 << 18  # letters at a time: 2 MB of keys, which stay in cache
_BEYOND: Final = 7  # the "letter" beyond a row's end: its edges sort after all others
_LAST: Final = np.uint64(1 << 60)


def dinucleotide_shuffle(
    sequences: Ragged, seed: int, first_index: int | NDArray[np.integer] = 0, round: int = 0
) -> Ragged:
    """Shuffle each sequence, keeping its dinucleotide counts and its first and last letter.

    Every sequence with the same counts and ends comes out with the same probability. N counts as a fifth letter.

    Parameters
    ----------
    sequences : Ragged
        Codes 0..4, any lengths.
    seed : int
    first_index : int or ndarray of int, shape (n,)
        Index of the first sequence, the others following, or the index of each. A sequence's shuffle depends
        on its letters, the seed, its index and `round`, never on the sequences beside it.
    round : int
        Another number gives another, independent shuffle.

    Returns
    -------
    Ragged
        Same lengths, same order.

    Raises
    ------
    ValueError
        If a code is above 4.

    Notes
    -----
    Altschul and Erickson 1985, doi:10.1093/oxfordjournals.molbev.a040370; trees in proportion to their weight, so
    that the choice is uniform, as in Kandel, Matias, Unger and Winkler 1996, doi:10.1016/S0166-218X(97)81456-4.
    """
    if sequences.data.max(initial=0) > N_CODE:
        raise ValueError(f"code {sequences.data.max()} is not a letter; codes are 0 to {N_CODE}")
    index = np.asarray(first_index)
    if index.ndim == 0:
        index = index + np.arange(len(sequences))
    lengths, starts = sequences.lengths, sequences.offsets[:-1]
    has_n = np.zeros(len(sequences), dtype=bool)
    has_n[np.searchsorted(sequences.offsets, np.flatnonzero(sequences.data == N_CODE), side="right") - 1] = True
    shuffled = sequences.data.copy()
    for n_letters, group in ((4, ~has_n), (5, has_n)):
        for rows in _blocks(np.flatnonzero(group & (lengths > 3)), lengths):  # three letters leave no choice
            width = lengths[rows[0]]
            inside = np.arange(width) < lengths[rows, None]
            places = np.minimum(starts[rows, None] + np.arange(width), len(shuffled) - 1)
            codes = np.where(inside, sequences.data[places], np.uint8(_BEYOND))
            result = _shuffle_block(codes, lengths[rows], n_letters, seed, index[rows], round)
            shuffled[places[inside]] = result[inside]
    return Ragged(shuffled, sequences.offsets)


def shuffle_strings(sequences: Sequence[str], seed: int = 0, round: int = 0) -> list[str]:
    """Shuffle strings of DNA or RNA; see :func:`dinucleotide_shuffle`.

    Letters come back in upper case, IUPAC ambiguity letters as N, and U as U where a sequence has it.

    Raises
    ------
    ValueError
        If a character is not an IUPAC nucleotide letter.
    """
    rows = dinucleotide_shuffle(encode_all(sequences), seed, round=round)
    return [
        decode(row, "rna" if "U" in text or "u" in text else "dna") for row, text in zip(rows, sequences, strict=True)
    ]


def _blocks(rows: NDArray[np.intp], lengths: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Cut rows, longest first, into blocks of about `_BLOCK` letters with the padding counted."""
    rows = rows[np.argsort(-lengths[rows], kind="stable")]
    start = 0
    while start < len(rows):
        stop = start + max(1, _BLOCK // int(lengths[rows[start]]))
        yield rows[start:stop]
        start = stop


def _shuffle_block(
    codes: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    n_letters: int,
    seed: int,
    index: NDArray[np.integer],
    round: int,
) -> NDArray[np.uint8]:
    """Shuffle the rows of a rectangle, longest first, padded with `_BEYOND`."""
    n_rows, n_edges = len(codes), codes.shape[1] - 1
    row = np.arange(n_rows)
    last_letter = codes[row, lengths - 1]
    pairs = codes[:, :-1] << 3 | codes[:, 1:]
    if lengths[-1] <= n_edges:
        pairs[codes[:, 1:] == _BEYOND] = _BEYOND << 3 | _BEYOND
    cells = pairs.astype(np.int64)
    counts = np.bincount((cells + row[:, None] * 64).ravel(), minlength=n_rows * 64).reshape(n_rows, 8, 8)

    keys = random_uint64(seed, (index[:, None], round), np.arange(1, n_edges + 1))
    keys >>= np.uint64(4)
    keys &= ~np.uint64(7)
    keys |= _KEY_ENDS[cells]  # from-letter | last? | 57 random bits | to-letter
    exits = _last_exits(counts[:, :n_letters, :n_letters], last_letter, random_unit(seed, (index, round), 0))
    for letter in range(n_letters):
        is_exit = pairs == (exits[:, letter] | letter << 3)[:, None]
        column = is_exit.argmax(axis=1)  # any one of the equal edges
        found = np.flatnonzero(is_exit[row, column] & (last_letter != letter))
        keys[found, column[found]] |= _LAST
    keys.sort(axis=1)
    return _walk(keys, counts.sum(axis=2), codes[:, 0], lengths)


_KEY_ENDS: Final = np.array([pair >> 3 << 61 | pair & 7 for pair in range(64)], dtype=np.uint64)


def _last_exits(
    counts: NDArray[np.int64], last_letter: NDArray[np.uint8], unit: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Draw the letter that each letter leads to on its last use.

    Parameters
    ----------
    counts : ndarray of int64, shape (n, n_letters, n_letters)
        How often each letter is followed by each.
    last_letter : ndarray of uint8, shape (n,)
        The root of the trees; its own exit means nothing.
    unit : ndarray of float64, shape (n,)
        A random number in [0, 1) for each row.

    Returns
    -------
    ndarray of uint8, shape (n, n_letters)
    """
    n_rows, n_letters = counts.shape[:2]
    row = np.arange(n_rows)
    weights = counts.astype(np.float64)
    # A letter that is never left is absent, or the root. An edge of weight 1 straight to the root lets it be
    # without changing what the others may do: nothing leads to an absent letter.
    absent = np.flatnonzero(counts.sum(axis=2).ravel() == 0)
    weights[absent // n_letters, absent % n_letters, last_letter[absent // n_letters]] = 1.0
    weights[row, last_letter, last_letter] = 1.0
    trees = _trees_to(n_letters)[last_letter]
    flat = weights.reshape(n_rows, -1)
    weight = np.ones(trees.shape[:2])
    for letter in range(n_letters):
        weight *= np.take_along_axis(flat, trees[:, :, letter] + letter * n_letters, axis=1)
    total = np.cumsum(weight, axis=1)
    aim = np.minimum(unit * total[:, -1], np.nextafter(total[:, -1], 0))
    chosen = np.count_nonzero(total <= aim[:, None], axis=1)
    exits: NDArray[np.uint8] = trees[row, chosen].astype(np.uint8)
    return exits


@cache
def _trees_to(n_letters: int) -> NDArray[np.intp]:
    """List all trees that lead to each root, shape (n_letters, n_trees, n_letters): the parent of each letter."""
    tables = []
    for root in range(n_letters):
        choices = [[root] if letter == root else range(n_letters) for letter in range(n_letters)]
        tables.append([parents for parents in product(*choices) if _all_reach(parents, root)])
    return np.array(tables, dtype=np.intp)


def _all_reach(parents: tuple[int, ...], root: int) -> bool:
    places = set(range(len(parents)))
    for _ in parents:
        places = {parents[place] for place in places}
    return places == {root}


def _walk(
    keys: NDArray[np.uint64], outgoing: NDArray[np.int64], first: NDArray[np.uint8], lengths: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Follow each row's sorted edges from its first letter, all rows a step at a time."""
    n_rows, n_edges = keys.shape
    base = np.arange(n_rows) * 8
    keys &= np.uint64(7)
    arrivals = keys.view(np.int64)  # where an edge ends: 8 * row + letter
    arrivals += base[:, None]
    ends = arrivals.reshape(-1)
    group_starts = np.zeros((n_rows, 8), dtype=np.int64)
    np.cumsum(outgoing[:, :-1], axis=1, out=group_starts[:, 1:])
    next_edge = (group_starts + np.arange(n_rows)[:, None] * n_edges).ravel()
    steps = np.empty((n_edges + 1, n_rows), dtype=np.uint8)
    at = base + first
    steps[0] = first
    active = np.searchsorted(-lengths, -np.arange(n_edges + 1), side="left").tolist()  # rows longer than p
    for p in range(1, n_edges + 1):
        at = at[: active[p]]
        edge = next_edge[at]
        next_edge[at] = edge + 1
        at = ends[edge]
        steps[p, : active[p]] = at.astype(np.uint8)
    steps &= 7
    return np.ascontiguousarray(steps.T)
