"""The number that copies of a sequence, and shuffles of it, share."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.dataset import part_rule
from seqcnn.dataset.part_rule import content_keys
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import from_rows

ROWS = st.lists(st.lists(st.integers(0, 4), max_size=6).map(lambda row: np.array(row, dtype=np.uint8)), max_size=30)


def content(row: np.ndarray) -> tuple[int, tuple[tuple[tuple[int, int], int], ...]]:
    return int(row[0]), tuple(sorted(Counter(pairwise(row.tolist())).items()))


@settings(max_examples=80, deadline=None)
@given(ROWS, st.booleans(), st.sampled_from([1, 7, 1 << 16]))
def test_same_content_same_number(rows: list[np.ndarray], both_strands: bool, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part_rule, "_LETTERS", at_once)
        keys = content_keys(from_rows(rows), both_strands=both_strands)
    wanted = []
    for row in rows:
        if len(row):
            strands = [content(row), content(reverse_complement(row))]
            wanted.append(min(strands) if both_strands else strands[0])
    known = [int(key) for key, row in zip(keys, rows, strict=True) if len(row)]
    assert len(set(zip(known, wanted, strict=True))) == len(set(known)) == len(set(wanted))
