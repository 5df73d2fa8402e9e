"""Sequences that are nearly the same, so that they never lie on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.sequence.alphabet import N_CODE, reverse_complement
from seqcnn.sequence.counter import random_uint64
from seqcnn.sequence.ragged import Ragged

WORD: Final = 12
"""Letters of the words that two near-duplicates share."""

SHARED: Final = 0.5
"""Share of the shorter sequence's words that must be found in the other."""

LEAST_WORDS: Final = 8
"""Shared words below which only identical sequences are duplicates: 8 words are 19 letters."""

COMMON: Final = 0.05
"""A word in more of the sequences than this (and in more than ten) is a linker or repeat: it does not count."""

_WINDOW: Final = 8  # neighbouring sketch words of which the smallest hash is kept
_NEIGHBOURS: Final = 8  # members of a bucket that each member is compared with
_LETTERS: Final = 1 << 18  # at a time
_NO_HASH: Final = np.uint32(0xFFFFFFFF)


def duplicate_groups(sequences: Ragged, both_strands: bool) -> NDArray[np.int64]:
    """Group sequences that are near-duplicates of one another.

    Two sequences are near-duplicates when they are identical, or when at least half of the 12-letter words of
    the one that has fewer, and at least 8 words, occur in the other; every place in a sequence counts as a word,
    and a word that recurs counts as often as both have it. So copies of 101 letters that are shifted by up to 45
    or differ in 3 letters are; so is a short sequence and a longer one that holds it. A group is all that is
    connected through such pairs.

    Words that hold N do not count, nor words in more than 5 % of the sequences (and more than ten of them), so
    that a linker or tag on every probe does not make one group of all.

    Parameters
    ----------
    sequences : Ragged
        Codes 0..4.
    both_strands : bool
        A sequence and its reverse complement are the same (DNA).

    Returns
    -------
    ndarray of int64, shape (n,)
        The group of each sequence, numbered from 0 in order of first appearance.

    Notes
    -----
    Not found: relatives that share less, such as two members of a repeat family; pairs without 19 to 23 letters
    in common without a break (the more sequences, the more letters; many of these are found still); pairs
    whose only shared stretches are met in many other sequences too. Words are sampled as minimizers (Roberts et
    al. 2004, doi:10.1093/bioinformatics/bth408), and sequences with a sampled word in common are compared by all
    their words. Time and memory grow with the number of letters: about 0.15 us and 5 to 10 bytes for each.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, identity = identical(sequences, both_strands)
    common = _common_words(sequences, first, both_strands)
    entries = _sketches(sequences, first, both_strands, common)
    label = np.arange(len(sequences))
    links: list[NDArray[np.int64]] = []
    refused = np.zeros(0, dtype=np.uint64)
    for distance in range(1, _NEIGHBOURS + 1):
        pairs = _neighbours(entries, distance)
        a, b = _rows_of(pairs)
        pairs = pairs[label[a] != label[b]]
        pairs = np.setdiff1d(pairs, refused, assume_unique=True)
        near = _near_identical(sequences, pairs, both_strands, common)
        refused = np.concatenate([refused, pairs[~near]])
        if near.any():
            links.append(np.stack(_rows_of(pairs[near])))
            a, b = np.concatenate(links, axis=1)
            graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(len(sequences), len(sequences)))
            label = connected_components(graph, directed=False)[1]
    return _renumber(label[first][identity])


def keep_together(split: NDArray[Any], groups: NDArray[np.integer]) -> tuple[NDArray[Any], int]:
    """Move the members of each group to the part of the split that most of them are in.

    Parameters
    ----------
    split : ndarray of str or int, shape (n,)
        The part of each sequence, such as "train", "valid", "test".
    groups : ndarray of int, shape (n,)
        From :func:`duplicate_groups`.

    Returns
    -------
    split : ndarray, shape (n,)
        Parts that tie: train before valid before test before others in sorted order (numbers: the smallest).
    n_moved : int
        How many sequences changed.
    """
    if not len(split):
        return split.copy(), 0
    parts, part = np.unique(split, return_inverse=True)
    ranks = {"train": 0, "valid": 1, "test": 2}
    order = np.array(sorted(range(len(parts)), key=lambda i: (ranks.get(str(parts[i]), 3), i)))
    group = np.unique(groups, return_inverse=True)[1]
    votes = np.bincount(group * len(parts) + part, minlength=(group.max() + 1) * len(parts)).reshape(-1, len(parts))
    winner = order[votes[:, order].argmax(axis=1)][group]
    return parts[winner], int(np.count_nonzero(winner != part))


def identical(sequences: Ragged, both_strands: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first row of each set of identical sequences, and the set of each sequence."""
    hashes = np.empty(len(sequences), dtype=np.uint64)
    complement = reverse_complement(np.array([4, 3, 2, 1, 0], dtype=np.uint8)).astype(np.int64)
    for start, chunk in _chunks(sequences):
        lengths = np.repeat(chunk.lengths, chunk.lengths)
        place = np.arange(len(lengths)) - np.repeat(chunk.offsets[:-1], chunk.lengths)
        hashed = _sum_rows(random_uint64(1, 0, place * 8 + chunk.data), chunk.offsets)
        if both_strands:
            other = random_uint64(1, 0, (lengths - 1 - place) * 8 + complement[chunk.data])
            hashed = np.minimum(hashed, _sum_rows(other, chunk.offsets))
        hashes[start : start + len(chunk)] = hashed
    _, first, identity = np.unique(hashes, return_index=True, return_inverse=True)
    return first, identity


def _sum_rows(values: NDArray[np.uint64], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    total: NDArray[np.uint64] = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(values, dtype=np.uint64)])
    sums: NDArray[np.uint64] = total[offsets[1:]] - total[offsets[:-1]]
    return sums


def _words(sequences: Ragged, k: int, both_strands: bool) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return the word that starts at each letter, and whether there is one (inside the row, without N).

    A word is a number of 2 bits a letter (k <= 16); with `both_strands` the smaller one of word and reverse
    complement.
    """
    codes = np.zeros(len(sequences.data) + k - 1, dtype=np.uint32)
    codes[: len(sequences.data)] = sequences.data & 3
    words = _joined(codes, k, forward=True)
    if both_strands:
        np.minimum(words, _joined(codes ^ np.uint32(3), k, forward=False), out=words)
    ends = np.repeat(sequences.offsets[1:], sequences.lengths)
    valid = np.arange(k, len(words) + k) <= ends
    if sequences.data.max(initial=0) >= N_CODE:
        seen = np.zeros(len(codes) + 1, dtype=np.int64)
        np.cumsum(sequences.data >= N_CODE, out=seen[1 : len(words) + 1])
        seen[len(words) + 1 :] = seen[len(words)]
        valid &= seen[k:] == seen[:-k]
    return words, valid


def _joined(codes: NDArray[np.uint32], k: int, forward: bool) -> NDArray[np.uint32]:
    """Join the k letters from each start into a number, the first one highest (`forward`) or lowest, by doubling."""
    words, width = codes, 1
    for bit in bin(k)[3:]:
        for right, right_width in ((words, width), (codes, 1))[: 1 + int(bit)]:
            left, right = words[: len(words) - right_width], right[width:]
            words = left << np.uint32(2 * right_width) | right if forward else left | right << np.uint32(2 * width)
            width += right_width
    return words


def _common_words(sequences: Ragged, rows: NDArray[np.intp], both_strands: bool) -> NDArray[np.bool_] | None:
    """Return a table of all words, true for common ones, as seen in an even sample of rows; None if there are none."""
    step = max(len(rows) // 20_000, len(sequences.data) // 20_000_000, 1)
    sample = sequences.take(rows[::step])
    words, valid = _words(sample, WORD, both_strands)
    row = np.repeat(np.arange(len(sample), dtype=np.uint64), sample.lengths)
    in_rows = np.unique((row << np.uint64(2 * WORD) | words)[valid]) & np.uint64(4**WORD - 1)
    found, n_rows = np.unique(in_rows, return_counts=True)
    common = found[n_rows > max(COMMON * len(sample), 10)].astype(np.int64)
    if not len(common):
        return None
    table = np.zeros(4**WORD, dtype=np.bool_)
    table[common] = True
    return table


def _sketches(
    sequences: Ragged, rows: NDArray[np.intp], both_strands: bool, common: NDArray[np.bool_] | None
) -> NDArray[np.uint64]:
    """Return the minimizers of these rows as ``hash << 32 | row``, sorted, those met in one row only left out."""
    # Longer words in larger sets, so that a word is rarely met twice by chance.
    k = min(max(ceil(log(max(len(sequences.data), 2), 4)) + 2, WORD), 16)
    wanted = np.zeros(len(sequences), dtype=np.bool_)
    wanted[rows] = True
    parts = [np.zeros(0, dtype=np.uint64)]
    for start, chunk in _chunks(sequences):
        words, valid = _words(chunk, k, both_strands)
        if common is not None:
            short, _ = _words(chunk, WORD, both_strands)
            is_common = common[short]
            is_common[: len(short) - (k - WORD)] &= is_common[k - WORD :]
            valid &= ~is_common
        hashes = np.where(valid, _scrambled(words), _NO_HASH)
        least = np.concatenate([hashes, np.full(_WINDOW - 1, _NO_HASH)])
        for by in (1, 2, 4):  # the least of _WINDOW neighbours, by doubling
            least = np.minimum(least[:-by], least[by:])
        lengths = np.repeat(chunk.lengths, chunk.lengths)
        place = np.arange(len(lengths)) - np.repeat(chunk.offsets[:-1], chunk.lengths)
        row = np.repeat(np.arange(start, start + len(chunk), dtype=np.uint64), chunk.lengths)
        # Full windows, or the first one of a row too short for any; rows shorter than k have no word.
        keep = (place <= np.maximum(lengths - k - _WINDOW + 1, 0)) & (lengths >= k) & (least != _NO_HASH)
        keep[1:] &= (least[1:] != least[:-1]) | (place[1:] == 0)
        keep &= wanted[row]
        parts.append(least[keep].astype(np.uint64) << np.uint64(32) | row[keep])
    entries = np.concatenate(parts)
    parts.clear()
    entries.sort()
    entries = entries[np.diff(entries, prepend=~entries[:1]) != 0]
    with_next = np.zeros(len(entries), dtype=np.bool_)
    with_next[:-1] = entries[1:] >> np.uint64(32) == entries[:-1] >> np.uint64(32)
    shared: NDArray[np.uint64] = entries[with_next | np.roll(with_next, 1)]
    return shared


def _scrambled(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Mix 32 bits one to one (the finalizer of MurmurHash3), so that the least is any word but poly-A."""
    words = words ^ words >> np.uint32(16)
    words *= np.uint32(0x85EBCA6B)
    words ^= words >> np.uint32(13)
    words *= np.uint32(0xC2B2AE35)
    words ^= words >> np.uint32(16)
    return words


def _neighbours(entries: NDArray[np.uint64], distance: int) -> NDArray[np.uint64]:
    """Return pairs of rows, as ``lower << 32 | higher``, that lie `distance` apart in a bucket, each pair once."""
    low = np.uint64(0xFFFFFFFF)
    one, other = entries[:-distance], entries[distance:]
    same = np.flatnonzero(one >> np.uint64(32) == other >> np.uint64(32))
    return np.unique(one[same] << np.uint64(32) | other[same] & low)


def _rows_of(pairs: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _near_identical(
    sequences: Ragged, pairs: NDArray[np.uint64], both_strands: bool, common: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    """Compare the rows of each pair by all their words."""
    near = np.zeros(len(pairs), dtype=np.bool_)
    a, b = _rows_of(pairs)
    letters = np.cumsum(sequences.lengths[a] + sequences.lengths[b])
    start = 0
    while start < len(pairs):
        stop = max(start + 1, int(np.searchsorted(letters, letters[start] + _LETTERS)))
        sides = [_counted_words(sequences.take(rows[start:stop]), both_strands, common) for rows in (a, b)]
        n = stop - start
        least = np.minimum(*(np.bincount(pair_of, minlength=n) for _, pair_of in sides))
        merged = np.concatenate([words for words, _ in sides])
        merged.sort()
        twice = merged[1:][merged[1:] == merged[:-1]] >> np.uint64(2 * WORD + 16)
        n_shared = np.bincount(twice.astype(np.int64), minlength=n)
        near[start:stop] = n_shared >= np.maximum(SHARED * least, LEAST_WORDS)
        start = stop
    return near


def _counted_words(
    sequences: Ragged, both_strands: bool, common: NDArray[np.bool_] | None
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return each row's words, numbered where they recur, as ``row | word | number``, and the row of each."""
    words, valid = _words(sequences, WORD, both_strands)
    if common is not None:
        valid &= ~common[words]
    row = np.repeat(np.arange(len(sequences), dtype=np.uint64), sequences.lengths)
    keys = (row << np.uint64(2 * WORD) | words)[valid]
    keys.sort()
    place = np.arange(len(keys))
    is_new = np.diff(keys, prepend=~keys[:1]) != 0
    number = place - np.maximum.accumulate(np.where(is_new, place, 0))
    counted = keys << np.uint64(16) | np.minimum(number, 0xFFFF).astype(np.uint64)
    return counted, (keys >> np.uint64(2 * WORD)).astype(np.int64)


def _chunks(sequences: Ragged) -> Iterator[tuple[int, Ragged]]:
    """Cut into slices of about `_LETTERS`, each with the number of its first row."""
    start = 0
    while start < len(sequences):
        stop = int(np.searchsorted(sequences.offsets, sequences.offsets[start] + _LETTERS, side="right")) - 1
        stop = max(stop, start + 1)
        yield start, sequences.slice(start, stop)
        start = stop


def _renumber(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Number labels from 0 in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    numbered: NDArray[np.int64] = rank[inverse]
    return numbered
