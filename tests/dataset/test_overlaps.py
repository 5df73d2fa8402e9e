import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.dataset.overlaps import overlapping
from seqcnn.sequence.windows import Windows

rows = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-3, 30), st.integers(1, 8)), max_size=12)


def windows(given_rows):
    chrom = np.array([row[0] for row in given_rows], dtype=object)
    start = np.array([row[1] for row in given_rows], dtype=np.int64)
    return Windows(chrom, start, start + np.array([row[2] for row in given_rows], dtype=np.int64))


@given(rows, rows)
def test_same_as_comparing_bases(mine, others):
    covered = {(c, i) for c, s, w in others for i in range(max(s, 0), s + w)}
    expected = [any((c, i) in covered for i in range(s, s + w)) for c, s, w in mine]
    assert overlapping(windows(mine), windows(others)).tolist() == expected
