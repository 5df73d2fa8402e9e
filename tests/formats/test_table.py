"""Rows of tables, against pandas, and each fault with its line."""

from __future__ import annotations

import csv
import gc
import io
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.errors import InputError
from seqcnn.formats.records import Records
from seqcnn.formats.stream import open_input
from seqcnn.formats.table import MISSING, read_table
from seqcnn.sequence.alphabet import encode
from seqcnn.sequence.ragged import decode_all

SEQUENCE = st.text(alphabet="ACGTNacgtu", min_size=4, max_size=20)
VALUE = st.one_of(st.floats(width=32, allow_infinity=False), st.integers(-1000, 1000), st.sampled_from(sorted(MISSING)))
NAME = st.text(alphabet='ab ,;"é#', max_size=6)
ROWS = st.lists(st.tuples(NAME, SEQUENCE, VALUE, VALUE, st.sampled_from(["train", "test"])), min_size=1, max_size=12)


def read(text: str, **options: object) -> list[Records]:
    return list(read_table(io.BytesIO(text.encode()), "t.tsv", **options))  # type: ignore[arg-type]


@given(ROWS, st.sampled_from("\t,;"), st.sampled_from(["\n", "\r\n"]), st.integers(1, 5), st.booleans())
def test_what_was_written_is_read(
    rows: list[tuple[str, str, object, object, str]], separator: str, end: str, chunk_rows: int, bom: bool
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    writer.writerows([("name", "seq", "one", "two", "fold"), *rows])
    text = "\ufeff" * bom + out.getvalue()
    reader = read_table(
        io.BytesIO(text.encode()), "t", target_columns=["two", "3"], split_column="fold", chunk_rows=chunk_rows
    )
    assert (reader.target_names, reader.sequence_name, reader.has_header) == (["two", "one"], "seq", True)
    chunks = list(reader)
    assert all(len(chunk) == chunk_rows for chunk in chunks[:-1])
    assert [name for chunk in chunks for name in chunk.names.decode()] == [row[0].strip() for row in rows]
    assert [row.tolist() for c in chunks for row in c.sequences] == [encode(row[1]).tolist() for row in rows]
    assert [name for chunk in chunks for name in chunk.columns["split"]] == [row[4] for row in rows]
    targets = np.concatenate([chunk.columns["targets"] for chunk in chunks])
    expected = [[math.nan if str(row[i]).lower() in MISSING else row[i] for i in (3, 2)] for row in rows]
    np.testing.assert_array_equal(targets, np.array(expected, dtype=np.float32))
    assert targets.dtype == np.float32


@pytest.mark.parametrize(
    ("text", "names", "sequences", "targets"),
    [
        ("FoldID\tEventID\tseq\tBound\nA\ts1\tACGT\t1\nB\ts2\tAAAA\t0\n", ["s1", "s2"], ["ACGT", "AAAA"], [1, 0]),
        ("ACGTA\t15.5\t1\n\nCCGTA\t14\t2\n", ["row_1", "row_2"], ["ACGTA", "CCGTA"], [15.5, 14]),
        ("-1.5   AGAGU\n 2 AGAGA\n", ["row_1", "row_2"], ["AGAGT", "AGAGA"], [-1.5, 2]),
        ('"","seq","y"\n"1","ACGT",0.5\n"2","ACGA",NA\n', ["row_1", "row_2"], ["ACGT", "ACGA"], [0.5, math.nan]),
        ("# made by x\n#name\tseq\ty\nx\tACGT\t1\ny\tACGA\t2\n", ["x", "y"], ["ACGT", "ACGA"], [1, 2]),
        ("name, sequence, label\na, ACGT, 1\n", ["a"], ["ACGT"], [1]),
    ],
)
def test_the_usual_shapes(text: str, names: list[str], sequences: list[str], targets: list[float]) -> None:
    (chunk,) = read(text)
    assert chunk.names.decode() == names
    assert decode_all(chunk.sequences) == sequences
    np.testing.assert_array_equal(chunk.columns["targets"], np.array(targets, dtype=np.float32)[:, None])
    assert set(chunk.columns) == {"targets"}


@pytest.mark.parametrize("text", ["ACGTACGT\n", "ACGTACGT", "\n\nACGTACGT\n\n", "seq\nACGTACGT\n"])
def test_the_stream_of_a_short_table_stays_open(text: str) -> None:
    """For whoever opened it, as long as the reader is there."""
    stream = io.BytesIO(text.encode())
    reader = read_table(stream, "t")
    gc.collect()
    with stream:
        assert [decode_all(chunk.sequences) for chunk in reader] == [["ACGTACGT"]]


def test_a_long_cell_in_quotation_marks() -> None:
    (chunk,) = read(f'name,seq\nx,"{"ACGT" * 50_000}"\n')
    assert chunk.sequences.lengths.tolist() == [200_000]


def test_a_table_without_targets_has_no_such_column() -> None:
    reader = read_table(io.BytesIO(b"name\tseq\nx\tACGTR\ny\tACGUU\n"), "t")
    (chunk,) = reader
    assert (reader.target_names, chunk.columns) == ([], {})
    assert (chunk.n_ambiguous, chunk.n_u, chunk.n_t) == (1, 2, 1)


def test_rows_are_numbered_on_through_the_chunks() -> None:
    chunks = read("ACGT\nACGA\nACGC\n", chunk_rows=2)
    assert [chunk.names.decode() for chunk in chunks] == [["row_1", "row_2"], ["row_3"]]


HEAD = "# a comment\nseq\ty\tz\nACGT\t1\t2\n\n"


@pytest.mark.parametrize("chunk_rows", [1, 100])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("ACGT\tbound\t2", r"'bound' in column 'y' is not a number; targets are finite numbers; a missing one is"),
        ("ACGT\tinf\t2", r"'inf' in column 'y' is not a number"),
        ("ACGT\t1e39\t2", r"'1e39' in column 'y' is not a number"),
        ("ACGT\t.\t1,5", r"'1,5' in column 'z' is not a number"),
        ("\t1\t2", r"row without a sequence; column 'seq' must not be empty"),
        ("AC1T\t1\t2", r"'1' is not a nucleotide letter"),
        ("AC T\t1\t2", r"' ' is not a nucleotide letter"),
        ("ACéT\t1\t2", r"'\?' is not a nucleotide letter"),
        ("ACGT\t1", r"found 2 columns, expected 3 as in the header; is the separator the same in every line\?"),
        ("ACGT\t1\t2\t", r"found 4 columns, expected 3 as in the header"),
        ('"ACGT\t1\t2', r"cannot be split into cells \(unexpected end of data\); a cell in quotation marks must end"),
    ],
)
def test_bad_rows_are_one_line_with_the_place(row: str, message: str, chunk_rows: int) -> None:
    text = HEAD + "ACGA\t3\t4\n" + row + "\nACGA\t3\t4\n"
    with pytest.raises(InputError, match=rf"^t\.tsv:6: {message}") as caught:
        read(text, target_columns=["y", "z"], chunk_rows=chunk_rows)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["\n\n", "# only\n", "seq\ty\n"])
def test_a_table_without_rows_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^t\.tsv: table holds no rows"):
        read(text)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "pandas_options", "sequence", "target", "row_name"),
    [
        ("deepbind_encode10/MYC_H1-hESC_c-Myc_Stanford_B.seq.gz", {"sep": "\t"}, "seq", "Bound", "EventID"),
        ("gue_tf2/train.csv.gz", {}, "sequence", "label", None),
        ("dream5_pbm/Cebpb_ME.txt.gz", {"sep": "\t", "header": None}, 0, 1, None),
        ("rnacompete/RNCMPT00001.test.txt.gz", {"sep": " ", "header": None}, 1, 0, None),
    ],
)
def test_published_tables(
    shared_data: Path, name: str, pandas_options: dict[str, object], sequence: object, target: object, row_name: object
) -> None:
    frame = pd.read_csv(shared_data / name, **pandas_options)  # type: ignore[call-overload]
    with open_input(shared_data / name) as stream:
        chunks = list(read_table(stream, name, chunk_rows=7_000))
    letters = [text for chunk in chunks for text in decode_all(chunk.sequences)]
    assert letters == frame[sequence].str.replace("U", "T").tolist()
    targets = np.concatenate([chunk.columns["targets"] for chunk in chunks])
    np.testing.assert_array_equal(targets[:, 0], frame[target].to_numpy(np.float32))
    names = [text for chunk in chunks for text in chunk.names.decode()]
    assert names == ([f"row_{i + 1}" for i in range(len(frame))] if row_name is None else frame[row_name].tolist())


@pytest.mark.parametrize("chunk_rows", [1, 100])
def test_weights(chunk_rows: int) -> None:
    text = "seq\tscore\tw\nACGT\t1\t0.5\nACGA\t2\t0\nACGC\t3\t1e3\n"
    for column in ("w", "3"):
        chunks = read(text, weight_column=column, chunk_rows=chunk_rows)
        weights = np.concatenate([chunk.columns["weights"] for chunk in chunks])
        assert (weights.dtype, weights.tolist()) == (np.float32, [0.5, 0, 1000])
        assert np.concatenate([chunk.columns["targets"] for chunk in chunks])[:, 0].tolist() == [1, 2, 3]
    assert "weights" not in read(text)[0].columns
    assert "targets" not in read(text, weight_column="score")[0].columns


@pytest.mark.parametrize("cell", ["-1", "nan", "", ".", "inf", "1e39", "x"])
def test_what_is_no_weight(cell: str) -> None:
    text = f"seq\ty\tw\n\nACGT\t1\t0.5\nACGA\t2\t{cell}\n"
    message = rf"^t\.tsv:4: '{re.escape(cell)}' in column 'w' is not a weight; weights are numbers of 0 or more, none m"
    with pytest.raises(InputError, match=message):
        read(text, weight_column="w")


def test_targets_read_otherwise() -> None:
    kinds = {"a": 0.0, "b": 1.0, "": math.nan}

    def number(cell: str) -> float:
        if cell not in kinds:
            raise ValueError(f"{cell!r} is no kind")
        return kinds[cell]

    text = "seq\tkind\nACGT\tb\nACGA\ta\nACGC\t\n"
    (chunk,) = read(text, target_columns=["kind"], read_target=number)
    np.testing.assert_array_equal(chunk.columns["targets"], np.array([[1], [0], [math.nan]], dtype=np.float32))
    with pytest.raises(InputError, match=r"^t\.tsv:5: column 'kind': 'c' is no kind$"):
        read(text + "ACGT\tc\n", target_columns=["kind"], read_target=number, chunk_rows=2)
