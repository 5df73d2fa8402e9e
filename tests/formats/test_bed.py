import io
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.errors import InputError
from seqcnn.formats import bed
from seqcnn.formats.bed import read_bed


def read(text):
    return read_bed(io.BytesIO(text if isinstance(text, bytes) else text.encode()), "peaks.bed")


def rows(regions):
    return [
        (chrom, int(start), int(end), name, None if math.isnan(score) else float(score), str(strand), int(summit))
        for chrom, start, end, name, score, strand, summit in zip(
            regions.chrom,
            regions.start,
            regions.end,
            regions.name.decode(),
            regions.score,
            regions.strand,
            regions.summit,
            strict=True,
        )
    ]


NARROW = "chr1\t100\t200\tp1\t37\t.\t1.5\t2\t-1\t{}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chr1\t5\t9\n", ("chr1", 5, 9, "chr1:5-9", None, ".", -1)),
        ("chr1\t5\t9\tx\n", ("chr1", 5, 9, "x", None, ".", -1)),
        ("chr1\t5\t9\tx y\t3.5\n", ("chr1", 5, 9, "x y", 3.5, ".", -1)),
        ("chr1\t5\t9\t.\t.\t-\n", ("chr1", 5, 9, "chr1:5-9", None, "-", -1)),
        ("chr1\t5\t9\tx\thigh\t+\n", ("chr1", 5, 9, "x", None, "+", -1)),
        ("chr1 5 9 x 1e2 +\n", ("chr1", 5, 9, "x", 100.0, "+", -1)),
        ("  chr1   5\u00209 \n", ("chr1", 5, 9, "chr1:5-9", None, ".", -1)),
        ("chr1\t5\t9\t\t\t\n", ("chr1", 5, 9, "chr1:5-9", None, ".", -1)),
        ("chr1\t5\t9 \n", ("chr1", 5, 9, "chr1:5-9", None, ".", -1)),
        ("chr1\t005\t9\tn\u00e9\n", ("chr1", 5, 9, "n\u00e9", None, ".", -1)),
        ("chr1\t5\t9\tx\t1\t+\t5\t9\t0\t1\t4\t0\n", ("chr1", 5, 9, "x", 1.0, "+", -1)),
        ("chr1\t5\t9\tx\t1\t+\t5\t9\t0,0,255\t1\n", ("chr1", 5, 9, "x", 1.0, "+", -1)),
        (NARROW.format(0), ("chr1", 100, 200, "p1", 37.0, ".", 100)),
        (NARROW.format(99), ("chr1", 100, 200, "p1", 37.0, ".", 199)),
        (NARROW.format(-1), ("chr1", 100, 200, "p1", 37.0, ".", -1)),
        (NARROW.format(7).strip() + "\t1.2\t3.4\t100\t200\n", ("chr1", 100, 200, "p1", 37.0, ".", 107)),
    ],
)
def test_one_line(text, expected):
    assert rows(read(text)) == [expected]
    assert rows(read(text.replace("\n", "\r\n"))) == [expected]
    assert rows(read(text.removesuffix("\n"))) == [expected]


def test_headers_and_blank_lines_keep_line_numbers():
    text = "track name=x\nbrowser position chr1\n# note\n\nchr1\t1\t2\n  \n#x\ntrack1\t3\t4\nbrowserA\t5\t6"
    regions = read(text)
    assert regions.chrom.tolist() == ["chr1", "track1", "browserA"]
    assert regions.line.tolist() == [5, 8, 9]


def test_lines_of_different_widths_and_separators():
    regions = read("chr1\t1\t2\nchr2 3 4 a 7 -\nchr3\t5\t6\tb\n")
    assert rows(regions) == [
        ("chr1", 1, 2, "chr1:1-2", None, ".", -1),
        ("chr2", 3, 4, "a", 7.0, "-", -1),
        ("chr3", 5, 6, "b", None, ".", -1),
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("chr1\t1\t2\nchr1\t5\n", 2, "2 columns, but a BED line has at least 3"),
        ("chr1\n", 1, "1 column,"),
        ("chr1\t1\t2\n#\nchr1\tx\t5\n", 3, "start is not a whole number: 'x'"),
        ("chr1\t1\t5.0\n", 1, "end is not a whole number: '5.0'"),
        ("chr1\t1_0\t50\n", 1, "start is not a whole number: '1_0'"),
        ("chr1\t+1\t50\n", 1, "start is not a whole number"),
        ("chr1\t\t50\n", 1, "start is not a whole number: ''"),
        ("chr1\t1\t1" + "0" * 18 + "\n", 1, "end is not a whole number"),
        ("chr1\t-1\t5\n", 1, "start is negative: -1"),
        ("chr1\t1\t2\nchr1\t5\t5\n", 2, "start 5 is not less than end 5"),
        ("chr1\t9\t5\n", 1, "start 9 is not less than end 5"),
        ("\t9\t15\n", 1, "chromosome (column 1) is empty"),
        ("chr1\t1\t2\tx\t0\tminus\n", 1, "strand (column 6) is 'minus'"),
        (NARROW.format(5) + NARROW.format(100), 2, "summit (column 10) is 100, outside the region of 100 bases"),
        (NARROW.format(-2), 1, "summit (column 10) is -2"),
        (NARROW.format(5) + NARROW.format("x"), 2, "summit (column 10) is not a whole number: 'x'"),
        (NARROW.format(5) + "chr1\t1\t5\n", 2, "3 columns, but the file began as narrowPeak"),
        ("chr1\t0\t1\nchr1\t9\t5\nchr1\tx\t5\n", 2, "start 9"),
    ],
)
def test_faults_name_the_line(text, line, message):
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).startswith(f"peaks.bed:{line}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"\n\n", b"track x\n# y\n"])
def test_no_regions(text):
    with pytest.raises(InputError, match="holds no regions"):
        read(text)


def test_binary():
    with pytest.raises(InputError, match="is binary"):
        read(b"chr1\t1\t2\n\0\1\2")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["chr1", "2", "track", "b", "scaffold_17.1", "t\u00e9"]),
            st.integers(0, 10**12),
            st.integers(1, 10**6),
            st.sampled_from(["a", "peak 1", "\u00fc", "#"]),
            st.floats(allow_nan=False, allow_infinity=False),
            st.sampled_from("+-."),
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_read(given_rows, newline):
    given_rows = [("chr_track" if row[0] == "track" else row[0], *row[1:]) for row in given_rows]
    text = newline.join(f"{c}\t{s}\t{s + w}\t{n}\t{v!r}\t{t}" for c, s, w, n, v, t in given_rows)
    assert rows(read(text)) == [(c, s, s + w, n, v, t, -1) for c, s, w, n, v, t in given_rows]


@given(st.text(alphabet="chr1 \t\n\r.-+x9", max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text):
    message = ""
    try:
        regions = read(text)
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    assert "millions" not in message
    if not message:
        assert (regions.start < regions.end).all()
        assert len(regions) == len(regions.name) == len(regions.line)


def test_chunks_do_not_show(monkeypatch):
    text = "".join(f"chr{i % 3}\t{i}\t{i + 9}\tn{i}\n" + ("#\n" if i % 7 == 0 else "") for i in range(300))
    whole = read(text)
    monkeypatch.setattr(bed, "_CHUNK", 50)
    parts = read(text)
    assert rows(parts) == rows(whole)
    assert parts.line.tolist() == whole.line.tolist()
    with pytest.raises(InputError, match=r"peaks.bed:344: start is not"):
        read(text + "chr1\tx\t1\n")


def test_take():
    regions = read("a\t1\t2\tx\nb\t3\t4\ty\n").take(np.array([1]))
    assert rows(regions) == [("b", 3, 4, "y", None, ".", -1)]
    assert regions.line.tolist() == [2]


def test_hundred_thousand_lines_are_fast():
    text = "".join(f"chr{i % 22}\t{i * 997}\t{i * 997 + 101}\tpeak{i}\t{i % 999}\t+\n" for i in range(100_000)).encode()
    started = time.process_time()  # others on the machine do not count
    assert len(read(text)) == 100_000
    assert time.process_time() - started < 0.5  # it takes 0.06 s


@pytest.mark.realdata
def test_real_narrow_peaks_against_pandas(shared_data):
    import pandas as pd

    path = shared_data / "macs_narrowpeak" / "run_callpeak_narrow0_peaks.narrowPeak"
    with open(path, "rb") as stream:
        regions = read_bed(stream, path)
    table = pd.read_csv(path, sep="\t", header=None)
    assert len(regions) == 730
    assert regions.chrom.tolist() == table[0].tolist()
    assert regions.name.decode() == table[3].tolist()
    np.testing.assert_array_equal(regions.summit, table[1] + table[9])
    np.testing.assert_array_equal(regions.score, table[4])


@pytest.mark.realdata
def test_real_peaks_after_a_track_line(shared_data):
    path = shared_data / "macs_narrowpeak" / "hmmratac_yeast500k_accessible_regions.narrowPeak"
    with open(path, "rb") as stream:
        regions = read_bed(stream, path)
    assert len(regions) == 1605
    assert regions.line[0] == 2
    assert regions.summit[0] == 238


BROAD = "chr1\t100\t200\tp1\t37\t.\t1.5\t2\t-1\n"


@pytest.mark.parametrize(
    ("text", "column", "value"),
    [
        (NARROW.format(0), "score", 37),
        (NARROW.format(0), "5", 37),
        (NARROW.format(0), "signalValue", 1.5),
        (NARROW.format(0), "signalvalue", 1.5),
        (NARROW.format(0), "qValue", -1),
        (NARROW.format(7), "peak", 7),
        (NARROW.format(0), "8", 2),
        (BROAD, "pValue", 2),
        ("chr1\t5\t9\tx\t.\n", "score", math.nan),
        ("chr1\t5\t9\tx\thigh\n", "score", math.nan),
        ("chr1 5 9 x 1e2\n", "score", 100),
        ("chr1\t5\t9\tx\t1\t+\t5\t9\t0\t1\t4\t0\n", "8", 9),
    ],
)
def test_a_column_of_values(text, column, value):
    found = read_bed(io.BytesIO(text.encode()), "peaks.bed", column)
    np.testing.assert_array_equal(found.value, [value])
    assert rows(found) == rows(read(text))
    assert read(text).value is None


def test_values_of_lines_that_lack_them(monkeypatch):
    text = "chr1\t1\t9\ta\t1\n" + "chr1\t1\t9\n" + "chr1\t1\t9\tb\t3\n"
    np.testing.assert_array_equal(read_bed(io.BytesIO(text.encode()), "x", "score").value, [1, math.nan, 3])
    monkeypatch.setattr(bed, "_CHUNK", 4)
    found = read_bed(io.BytesIO(text.encode()), "x", "score")
    np.testing.assert_array_equal(found.value, [1, math.nan, 3])
    np.testing.assert_array_equal(found.take(np.array([2, 0])).value, [3, 1])


@pytest.mark.parametrize(
    ("text", "column", "there"),
    [
        ("chr1\t5\t9\n", "score", "chrom, start, end, and the numbers 1 to 3"),
        ("chr1\t5\t9\n", "4", "chrom, start, end, and the numbers 1 to 3"),
        ("chr1\t5\t9\tx\t1\n", "0", "chrom, start, end, name, score, and the numbers 1 to 5"),
        (
            "chr1\t5\t9\tx\t1\t+\t5\t9\t0\t1\t4\t0\n",
            "signalValue",
            "chrom, start, end, name, score, strand, and the numbers 1 to 12",
        ),
    ],
)
def test_a_column_that_is_not_there(text, column, there):
    with pytest.raises(InputError, match=f"^x: there is no column '{column}'; there are: {there}$"):
        read_bed(io.BytesIO(text.encode()), "x", column)
