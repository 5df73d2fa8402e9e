"""Train, validation or test for examples that are never all in memory: each one's part follows from itself alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.chromosomes import reconcile
from seqcnn.dataset.examples import Examples
from seqcnn.dataset.split import PARTS, SplitOptions, part_of_word
from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.contexts import bases_of
from seqcnn.sequence.counter import random_uint64, random_unit
from seqcnn.sequence.ragged import Ragged

TRAIN, VALID, TEST = range(3)
"""Parts as numbers, in the order of :data:`seqcnn.dataset.split.PARTS`."""

_LETTERS: Final = 1 << 16
_WEIGHTS: Final = random_uint64(0, 0, np.arange(30))
_OF_PAIR, _OF_FIRST = _WEIGHTS[:25], _WEIGHTS[25:]
_COMPLEMENT: Final = reverse_complement(np.arange(5, dtype=np.uint8))[::-1]
_OF_OTHER_PAIR: Final = _OF_PAIR.reshape(5, 5)[_COMPLEMENT][:, _COMPLEMENT].T.reshape(-1)
"""What a pair of letters counts for on the strand, and its reverse complement on the other."""

STRETCH: Final = 20
"""Binary digits of the length of the genome's stretches that are in one part: 1,048,576 bp."""


class PartRule:
    """Says the part of each example.

    What the input says goes first, then chromosomes, then the fractions. By a fraction a part is drawn for a whole
    stretch of the genome, so that overlapping windows go together; for sequences without a place it is drawn for all
    that have the same first letter and dinucleotides, so that copies, and shuffles and what they are shuffles of, do.

    Parameters
    ----------
    options : SplitOptions
    chrom_names : sequence of str
        All names of chromosomes in the data.
    said : mapping of str to int
        How many examples each word of the split column is said of; empty without one.
    both_strands : bool
        A sequence and its reverse complement are the same.
    seed : int

    Attributes
    ----------
    notes : list of str
        What is to be known of it.

    Raises
    ------
    InputError, UsageError
        If the split column, a chromosome or an option cannot be used.
    """

    def __init__(
        self,
        options: SplitOptions,
        *,
        chrom_names: Sequence[str],
        said: Mapping[str, int],
        both_strands: bool,
        seed: int,
    ) -> None:
        if options.split_file is not None:
            raise UsageError("--split-file needs all examples in memory: say --in-memory, or encode a split column")
        self.both_strands, self.seed = both_strands, seed
        self.notes: list[str] = []
        self._said = {word: self._number(word) for word in said}
        self._shares = self._count(said)
        self._chroms: dict[str, int] = {}
        for number, chroms in ((VALID, options.valid_chroms), (TEST, options.test_chroms)):
            for name in self._known(chroms, chrom_names):
                if self._chroms.setdefault(name, number) != number:
                    raise UsageError(f"{name}: a chromosome cannot be in both the validation and the test part")
        taken = {*self._shares, *self._chroms.values()}
        self._fractions = {
            number: fraction
            for number, fraction in ((TEST, options.test_fraction), (VALID, options.valid_fraction))
            if fraction and number not in taken
        }
        if self._fractions:
            drawn = f"stretches of {1 << STRETCH:,} bp" if any(chrom_names) else "sequences and their copies"
            self.notes.append(
                f"examples are read in blocks, so that parts of the split are drawn for {drawn}, and near-duplicates "
                "are not looked for; --in-memory looks for them"
            )

    def parts(self, examples: Examples) -> NDArray[np.uint8]:
        """Return the part of each example, shape (n,): 0 train, 1 validation, 2 test."""
        parts = np.zeros(len(examples), dtype=np.uint8)
        keys = self._keys(examples) if self._fractions or self._shares else np.zeros(0, dtype=np.uint64)
        if examples.split is not None and self._said:
            said = np.array([self._said[word] for word in examples.split.tolist()])
            parts[said > 0] = said[said > 0]
            parts[said < 0] = self._drawn(keys[said < 0])
        if self._chroms and examples.windows is not None:
            held_out = np.array([self._chroms.get(name, 0) for name in examples.windows.chrom.tolist()])
            parts[held_out > 0] = held_out[held_out > 0]
        for i, (number, fraction) in enumerate(self._fractions.items()):
            parts[(parts == TRAIN) & (random_unit(self.seed, keys, i) < fraction)] = number
        return parts

    def _count(self, said: Mapping[str, int]) -> dict[int, float]:
        """Return the share of each held-out part among the examples of which a part is said."""
        counts = dict.fromkeys((TEST, VALID), 0)
        for word, n in said.items():
            if self._said[word] in counts:
                counts[self._said[word]] += n
        known = sum(n for word, n in said.items() if self._said[word] >= 0)
        unknown = sum(said.values()) - known
        if unknown and known:
            self.notes.append(
                f"{unknown:,} examples for which no part is said are divided at random, as the others are"
            )
        return {number: n / known for number, n in counts.items() if n}

    def _drawn(self, keys: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """Return parts in the shares in which they are said of others."""
        unit = random_unit(self.seed, keys, 2)
        parts, below = np.zeros(len(keys), dtype=np.uint8), 0.0
        for number, share in self._shares.items():
            parts[(unit >= below) & (unit < below + share)] = number
            below += share
        return parts

    def _number(self, word: str) -> int:
        """Return the part that a word of the split column means, -1 if it is empty."""
        part = part_of_word(word)
        if part is None:
            raise InputError(f"the split column says {word!r}", hint="it may say train, valid or test")
        return PARTS.index(part) if part else -1

    def _known(self, chroms: Sequence[str], there: Sequence[str]) -> list[str]:
        """Return the data's names of chromosomes."""
        if not chroms:
            return []
        there = [name for name in there if name]
        if not there:
            raise UsageError(
                "a split by chromosome needs regions (BED, narrowPeak) with --genome; use --valid-fraction"
            )
        names, message = reconcile(chroms, dict.fromkeys(there, 0))
        for name in chroms:
            if name not in names:
                raise InputError(f"no example is on chromosome {name!r}", hint=f"there are: {', '.join(there[:20])}")
        if message:
            self.notes.append(message.replace("in the peaks", "in the options").replace("in the genome", "here"))
        return [names[name] for name in chroms]

    def _keys(self, examples: Examples) -> NDArray[np.uint64]:
        """Return a number for each example that those which are to be in one part share."""
        keys = content_keys(bases_of(examples.sequences), both_strands=self.both_strands)
        if examples.windows is not None:
            windows = examples.windows
            names, chrom = np.unique(windows.chrom.astype(str), return_inverse=True)
            of_name = np.array([int.from_bytes(name.encode()[-8:], "little") for name in names], dtype=np.uint64)
            stretch = (windows.start + windows.end) // 2 >> STRETCH
            placed = windows.chrom != ""
            keys = np.where(placed, random_uint64(1, (of_name[chrom], stretch), 0), keys)
        return keys


def content_keys(sequences: Ragged, *, both_strands: bool) -> NDArray[np.uint64]:
    """Return a number for each sequence that those with the same first letter and dinucleotides share.

    With `both_strands` also those whose reverse complement has the same. Empty sequences have any number.
    """
    keys = np.zeros(len(sequences), dtype=np.uint64)
    at_once = max(1, _LETTERS * len(sequences) // max(1, len(sequences.data)))
    for start in range(0, len(sequences), at_once):
        part = sequences.slice(start, start + at_once)
        if len(part.data):
            keys[start : start + at_once] = _keys_of(part, both_strands)
    return keys


def _keys_of(sequences: Ragged, both_strands: bool) -> NDArray[np.uint64]:
    codes = sequences.data
    first = np.minimum(sequences.offsets[:-1], len(codes) - 1)
    last = np.maximum(sequences.offsets[1:] - 1, first)
    pairs = np.zeros(len(codes), dtype=np.uint8)
    pairs[1:] = codes[:-1] * np.uint8(5) + codes[1:]
    before = np.cumsum(_OF_PAIR[pairs])  # wraps around, which is as good
    keys: NDArray[np.uint64] = before[last] - before[first] + _OF_FIRST[codes[first]]
    if both_strands:
        before = np.cumsum(_OF_OTHER_PAIR[pairs])
        keys = np.minimum(keys, before[last] - before[first] + _OF_FIRST[_COMPLEMENT[codes[last]]])
    return keys
