import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.dataset.examples import Examples, Origin, join
from seqcnn.sequence.ragged import encode_all, from_text
from seqcnn.sequence.windows import Windows


@st.composite
def chunks(draw, max_rows=6):
    """Examples of which some know targets, places or parts and some do not."""
    n = draw(st.integers(1, max_rows))
    some = st.lists(st.text("ACGTN", max_size=9), min_size=n, max_size=n)
    names = draw(st.lists(st.text(st.characters(codec="utf-8"), max_size=4), min_size=n, max_size=n))
    numbers = st.lists(st.sampled_from([0.0, 1.0, 2.5, float("nan")]), min_size=2 * n, max_size=2 * n)
    targets = np.array(draw(numbers), dtype=np.float32).reshape(n, 2) if draw(st.booleans()) else None
    windows = None
    if draw(st.booleans()):
        chrom = np.array(
            draw(st.lists(st.sampled_from(["chr1", "chrII", "ü", ""]), min_size=n, max_size=n)), dtype=object
        )
        start = np.array(draw(st.lists(st.integers(-9, 2**40), min_size=n, max_size=n)), dtype=np.int64)
        strand = np.array(draw(st.lists(st.sampled_from("+-."), min_size=n, max_size=n)))
        windows = Windows(chrom, start, start + 7, strand if draw(st.booleans()) else None)
    split = None
    if draw(st.booleans()):
        split = np.array(draw(st.lists(st.sampled_from(["train", "test", ""]), min_size=n, max_size=n)), dtype=object)
    origin = np.array(draw(st.lists(st.sampled_from(list(Origin)), min_size=n, max_size=n)), dtype=np.uint8)
    weights = None
    if draw(st.booleans()):
        weights = np.array(draw(st.lists(st.floats(0, 99, width=32), min_size=n, max_size=n)), dtype=np.float32)
    return Examples(encode_all(draw(some)), from_text(names), targets, origin, windows, split, weights)


def rows_of(examples):
    """Every example as plain values, what is not known filled up."""
    n = len(examples)
    targets = [(None, None)] * n
    if examples.targets is not None:
        targets = [tuple(None if np.isnan(value) else value for value in row) for row in examples.targets.tolist()]
    places = [("", 0, 0, ".")] * n
    windows = examples.windows
    if windows is not None:
        strand = ["+"] * n if windows.strand is None else windows.strand.tolist()
        places = list(zip(windows.chrom.tolist(), windows.start.tolist(), windows.end.tolist(), strand, strict=True))
    split = [""] * n if examples.split is None else examples.split.tolist()
    weights = [1.0] * n if examples.weights is None else examples.weights.tolist()
    codes = [row.tolist() for row in examples.sequences]
    columns = (codes, examples.names.decode(), targets, examples.origin.tolist(), places, split, weights)
    return list(zip(*columns, strict=True))


@given(st.lists(chunks(), min_size=1, max_size=4))
def test_join_keeps_every_row_and_fills_up_what_is_unknown(parts):
    joined = join(parts)
    assert rows_of(joined) == [row for part in parts for row in rows_of(part)]
    for name in ("targets", "windows", "split", "weights"):
        assert (getattr(joined, name) is None) == all(getattr(part, name) is None for part in parts)


@given(chunks(), st.data())
def test_take(examples, data):
    rows = np.array(data.draw(st.lists(st.integers(0, len(examples) - 1), max_size=8)), dtype=np.intp)
    assert rows_of(examples.take(rows)) == [rows_of(examples)[i] for i in rows]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(examples), max_size=len(examples))))
    assert rows_of(examples.take(mask)) == [row for row, kept in zip(rows_of(examples), mask, strict=True) if kept]


def test_targets_that_only_one_part_has_are_missing_in_the_other():
    one = Examples(encode_all(["A"]), from_text(["a"]), np.ones((1, 2), np.float32), np.zeros(1, np.uint8))
    other = one.with_targets(None)
    joined = join([other, one])
    assert joined.targets.dtype == np.float32
    np.testing.assert_array_equal(joined.targets, [[np.nan, np.nan], [1, 1]])
    assert join([other, other]).targets is None


def test_examples_cannot_be_changed():
    one = Examples(encode_all(["A"]), from_text(["a"]), None, np.zeros(1, np.uint8))
    with pytest.raises(AttributeError):
        one.targets = np.zeros((1, 1))
