"""A sample that does not depend on the blocks."""

from __future__ import annotations

import numpy as np
import pytest

from seqcnn.interpret import sequence_sample
from seqcnn.interpret.sequence_sample import SequenceSample
from seqcnn.sequence.ragged import Ragged, decode_all
from tests.interpret.small_networks import sequences


def sample(codes: Ragged, blocks: list[int], size: int = 20, seed: int = 0) -> list[str]:
    made, first = SequenceSample(size, seed), 0
    for n in blocks:
        made.add(codes.slice(first, first + n))
        first += n
    return decode_all(made.sequences)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sequences, also where letters are the limit; all of a small set."""
    codes = sequences([12] * 200)
    whole = sample(codes, [200])
    assert len(whole) == 20
    assert sorted(sample(codes, [1, 10, 100, 89])) == sorted(whole)
    assert sample(codes, [200], seed=1) != whole
    assert sorted(sample(codes, [15])) == sorted(decode_all(codes.slice(0, 15)))
    monkeypatch.setattr(sequence_sample, "MOST_LETTERS", 60)
    assert sorted(sample(codes, [200])) == sorted(sample(codes, [3, 97, 100]))
    assert len(sample(codes, [200])) == 5
    monkeypatch.setattr(sequence_sample, "MOST_LETTERS", 5)
    assert len(sample(codes, [200])) == 1


def test_each_with_the_same_chance() -> None:
    """Late sequences as often as early ones."""
    codes = sequences([12] * 40)
    letters = decode_all(codes)
    counts = np.zeros(40)
    for seed in range(300):
        for row in sample(codes, [13, 27], 10, seed):
            counts[letters.index(row)] += 1
    assert abs(counts[:20].mean() - counts[20:].mean()) < 10
    assert counts.min() > 40
