import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.sequence.windows import Windows, centred_windows


def arrays(*values):
    return tuple(np.array([value], dtype=np.int64) for value in values)


@pytest.mark.parametrize(
    ("start", "end", "summit", "length", "expected"),
    [
        (10, 11, -1, 1, (10, 11)),
        (10, 11, -1, 5, (8, 13)),
        (10, 11, -1, 4, (8, 12)),
        (10, 13, -1, 1, (11, 12)),
        (10, 14, -1, 1, (12, 13)),
        (10, 14, 10, 3, (9, 12)),
        (0, 4, 0, 3, (-1, 2)),
    ],
)
def test_centre_rule(start, end, summit, length, expected):
    first, last = centred_windows(*arrays(start, end, summit), length)
    assert (first[0], last[0]) == expected


@given(st.integers(0, 10**9), st.integers(1, 5000), st.integers(1, 3000))
def test_centre_is_base_half_length_of_the_window(start, width, length):
    first, last = centred_windows(*arrays(start, start + width), None, length)
    assert last[0] - first[0] == length
    assert first[0] + length // 2 == start + width // 2


def test_odd_window_around_odd_region_is_symmetric():
    first, last = centred_windows(*arrays(100, 151), None, 11)
    assert 100 - first[0] == last[0] - 151


def test_negative_summit_means_midpoint():
    start, end = arrays(0, 100)
    summit = np.array([-1])
    assert centred_windows(start, end, summit, 9)[0] == centred_windows(start, end, None, 9)[0]


def test_empty_window_is_refused():
    with pytest.raises(ValueError, match="at least 1 base"):
        centred_windows(*arrays(0, 1), None, 0)


def test_take_rows_and_mask():
    windows = Windows(np.array(["a", "b"], dtype=object), np.array([1, 2]), np.array([3, 4]))
    assert windows.take(np.array([1])).chrom.tolist() == ["b"]
    assert windows.take(np.array([True, False])).end.tolist() == [3]
    assert len(windows) == 2
