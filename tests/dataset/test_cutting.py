import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.dataset import cutting
from seqcnn.dataset.cutting import cut_out, pieces
from seqcnn.formats.genome import Genome
from seqcnn.sequence.alphabet import decode
from seqcnn.sequence.windows import Windows

CHROMS = {"a": "ACGTTGCAAC", "b": "GGGATCC"}
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = tmp_path_factory.mktemp("g") / "g.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in CHROMS.items()))
    with Genome(path) as opened:
        yield opened


@st.composite
def overhanging(draw):
    """A window that shares a base with its chromosome."""
    chrom = draw(st.sampled_from(list(CHROMS)))
    size = len(CHROMS[chrom])
    start = draw(st.integers(-8, size - 1))
    end = draw(st.integers(max(start, 0) + 1, size + 8))
    return chrom, start, end, draw(st.sampled_from("+-."))


def letters(chrom, start, end, strand):
    text = "".join(CHROMS[chrom][i] if 0 <= i < len(CHROMS[chrom]) else "N" for i in range(start, end))
    return text[::-1].translate(COMPLEMENT) if strand == "-" else text


@settings(deadline=None)
@given(st.lists(overhanging(), min_size=1, max_size=8), st.booleans())
def test_same_as_letter_by_letter(genome, rows, stranded):
    chrom, start, end, strand = (np.array(column) for column in zip(*rows, strict=True))
    windows = Windows(chrom.astype(object), start, end, strand if stranded else None)
    sequences, n_beyond = cut_out(genome, windows)
    expected = [letters(c, a, b, s if stranded else "+") for c, a, b, s in rows]
    assert [decode(row) for row in sequences] == expected
    assert n_beyond == sum(a < 0 or b > len(CHROMS[c]) for c, a, b, _ in rows)


@given(st.lists(st.integers(0, 9)), st.integers(1, 4), st.integers(1, 20))
def test_pieces_are_all_rows_in_order(lengths, rows, bases):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_WINDOWS_AT_ONCE", rows)
        patch.setattr(cutting, "_BASES_AT_ONCE", bases)
        cut = [piece.tolist() for piece in pieces(np.array(lengths, dtype=np.int64))]
    assert [row for piece in cut for row in piece] == list(range(len(lengths)))
    assert all(len(piece) == 1 or (len(piece) <= rows and sum(lengths[i] for i in piece) <= bases) for piece in cut)
