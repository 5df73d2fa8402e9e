"""FASTA against Biopython, for any layout and any size of block."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from Bio.SeqIO.FastaIO import SimpleFastaParser
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.errors import InputError
from seqcnn.formats.fasta import read_fasta
from seqcnn.formats.records import Records
from seqcnn.formats.stream import open_input
from seqcnn.sequence.alphabet import encode

LETTERS = "ACGTUNRYacgtunry"
LINE_END = st.sampled_from(["\n", "\r\n"])
HEADER = st.text(alphabet="abc>; |:\t1é", max_size=12)
RECORDS = st.lists(st.tuples(HEADER, st.lists(st.text(alphabet=LETTERS + " \t", max_size=15), max_size=4)), min_size=1)


@st.composite
def fasta_texts(draw: st.DrawFn) -> str:
    end = draw(LINE_END)
    lines = [""] * draw(st.integers(0, 2))
    for header, sequence in draw(RECORDS):
        lines += [">" + header, *sequence]
    return end.join(lines) + end * draw(st.integers(0, 2))


def read(text: str | bytes, **options: object) -> list[Records]:
    raw = text.encode() if isinstance(text, str) else text
    return list(read_fasta(io.BytesIO(raw), "x.fa", **options))  # type: ignore[arg-type]


def flat(chunks: list[Records]) -> tuple[list[str], list[list[int]]]:
    names = [name for chunk in chunks for name in chunk.names.decode()]
    return names, [row.tolist() for chunk in chunks for row in chunk.sequences]


@given(fasta_texts(), st.integers(1, 64), st.booleans())
def test_records_are_those_of_biopython(text: str, chunk_bytes: int, full_headers: bool) -> None:
    parsed = list(SimpleFastaParser(io.StringIO(text.replace("\r\n", "\n").lstrip("\n"))))
    titles = [title.strip(" \t") for title, _ in parsed]
    words = titles if full_headers else [title.replace("\t", " ").split(" ")[0] for title in titles]
    sequences = [sequence.replace("\t", "") for _, sequence in parsed]

    chunks = read(text, chunk_bytes=chunk_bytes, full_headers=full_headers)
    assert flat(chunks) == (words, [encode(sequence).tolist() for sequence in sequences])
    letters = "".join(sequences).upper()
    assert sum(chunk.n_t for chunk in chunks) == letters.count("T")
    assert sum(chunk.n_u for chunk in chunks) == letters.count("U")
    assert sum(chunk.n_ambiguous for chunk in chunks) == letters.count("R") + letters.count("Y")
    for chunk in chunks:
        assert chunk.sequences.data.dtype == np.uint8
        assert chunk.sequences.data.flags.writeable
        assert chunk.sequences.offsets.dtype == chunk.names.offsets.dtype == np.int64


@given(fasta_texts(), st.integers(1, 64), st.data())
def test_a_wrong_letter_is_reported_on_its_line(text: str, chunk_bytes: int, data: st.DataObject) -> None:
    lines = text.split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith(">"))
    row = data.draw(st.integers(first + 1, len(lines)))
    lines.insert(row, "AC1GT")
    with pytest.raises(InputError, match=rf"^x\.fa:{row + 1}: '1' is not a nucleotide letter"):
        read("\n".join(lines), chunk_bytes=chunk_bytes)


def test_one_line_records_of_one_length_make_one_chunk() -> None:
    chunks = read("".join(f">s{i} of many\nACGTN\n" for i in range(100)))
    assert len(chunks) == 1
    assert chunks[0].names.decode() == [f"s{i}" for i in range(100)]
    assert (chunks[0].sequences.padded() == [0, 1, 2, 3, 4]).all()


def test_names_may_repeat_and_sequences_may_be_empty() -> None:
    assert flat(read(">1\nAC\n>1\n>\n\n>0 x\n")) == (["1", "1", "", "0"], [[0, 1], [], [], []])


def test_full_headers_keep_what_follows_the_first_word() -> None:
    text = "> chr1,+,69071,69171; class:0 \nAC\nGT\n"
    assert flat(read(text))[0] == ["chr1,+,69071,69171;"]
    assert flat(read(text, full_headers=True))[0] == ["chr1,+,69071,69171; class:0"]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\nACGT\n>a\nAC\n", r"x\.fa:3: FASTA without a header: found 'ACGT'"),
        ("name\tseq\n", r"x\.fa:1: FASTA without a header: found 'name\\tseq'"),
        (" >a\nAC\n", r"x\.fa:1: FASTA without a header"),
        (">a\nAC-T\n", r"x\.fa:2: '-' is not a nucleotide letter; gaps must be removed"),
        (">a\nACGT*\n", r"x\.fa:2: '\*' is not a nucleotide letter; is this protein"),
        (">a\nAC\n>b\r\nA\r\n\r\nMKLE\r\n", r"x\.fa:6: 'L' is not a nucleotide letter; is this protein"),
        (">a\nAC\n>b\rACGT\r>c\rAC\r\n", r"x\.fa:3: carriage return inside a header"),
        ("\n \n", r"x\.fa: holds no sequences"),
    ],
)
def test_bad_input_is_one_line_with_the_place(text: str, message: str, chunk_bytes: int) -> None:
    with pytest.raises(InputError, match=f"^{message}") as caught:
        read(text, chunk_bytes=chunk_bytes)
    assert str(caught.value).isprintable()


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "n_records", "first"),
    [
        ("clip/QKI.test.fa.gz", 10_000, "chr1,+,367697,367797;"),
        ("fastsk_tfbs/EP300.train.fasta.gz", 2_000, "1"),
        ("pysster_rbp/pum2.test.positive.fasta.gz", 1_296, "chr1:203771248-203771448(+)"),
    ],
)
def test_published_sets(shared_data: Path, name: str, n_records: int, first: str) -> None:
    with open_input(shared_data / name) as stream:
        names, rows = flat(list(read_fasta(stream, name, chunk_bytes=10_000)))
    assert (len(names), names[0]) == (n_records, first)
    with gzip.open(shared_data / name, "rt") as handle:
        assert rows == [encode(sequence).tolist() for _, sequence in SimpleFastaParser(handle)]
