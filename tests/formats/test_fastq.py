"""FASTQ: names and sequences out, any fault with its line."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.errors import InputError
from seqcnn.formats.fastq import read_fastq
from seqcnn.formats.records import Records
from seqcnn.sequence.alphabet import encode

NAME = st.text(alphabet="abc@+:1", min_size=1, max_size=8)
QUALITY_LETTERS = "@+I>"


def read(text: str, **options: object) -> list[Records]:
    return list(read_fastq(io.BytesIO(text.encode()), "x.fq", **options))  # type: ignore[arg-type]


@given(st.data(), st.sampled_from(["\n", "\r\n"]), st.integers(1, 5))
def test_what_was_written_is_read(data: st.DataObject, end: str, chunk_rows: int) -> None:
    rows = data.draw(st.lists(st.tuples(NAME, st.text(alphabet="ACGTUNacgtR", min_size=1, max_size=20)), min_size=1))
    text = ""
    for name, sequence in rows:
        quality = data.draw(st.text(QUALITY_LETTERS, min_size=len(sequence), max_size=len(sequence)))
        text += end.join([f"@{name} more", sequence, "+", quality, ""])
    chunks = read(text, chunk_rows=chunk_rows)
    assert [name for chunk in chunks for name in chunk.names.decode()] == [name for name, _ in rows]
    assert [row.tolist() for c in chunks for row in c.sequences] == [encode(sequence).tolist() for _, sequence in rows]
    assert all(len(chunk) == chunk_rows for chunk in chunks[:-1])
    assert sum(chunk.n_ambiguous for chunk in chunks) == sum(sequence.count("R") for _, sequence in rows)


def test_full_headers() -> None:
    (chunk,) = read("@a b c\nAC\n+\nII\n", full_headers=True)
    assert chunk.names.decode() == ["a b c"]


GOOD = "@a\nACGT\n+\nIIII\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "@b\nAC1\n+\nIII\n", r"x\.fq:6: '1' is not a nucleotide letter"),
        (GOOD + "@b\nAC\n+\nIII\n" + GOOD, r"x\.fq:5: not FASTQ: lengths of sequence and quality values differs"),
        (GOOD + "@b\nACGT\n+\n", r"x\.fq:5: not FASTQ: unexpected end of file"),
        (GOOD + "@b\nACGT\n", r"x\.fq:5: not FASTQ: end of file without quality information"),
        ("ACGT\n", r"x\.fq:1: not FASTQ: records in Fastq files should start with '@'"),
        ("", r"x\.fq: holds no sequences"),
    ],
)
def test_bad_input_is_one_line_with_the_place(text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}") as caught:
        read(text)
    assert str(caught.value).isprintable()
