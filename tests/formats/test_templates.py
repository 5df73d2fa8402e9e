"""FASTA that says what may stand where."""

from __future__ import annotations

import io

import pytest

from seqcnn.errors import InputError
from seqcnn.formats.templates import read_templates


def test_letters_are_choices_and_case_is_kept() -> None:
    first, second = read_templates(io.BytesIO(b">a words\nacR\n N\n\n>\nUT\r\n"), "x.fa")
    assert (first.name, second.name) == ("a", "row_2")
    assert ["".join("ACGT"[i] for i in row.nonzero()[0]) for row in first.choices] == ["A", "C", "AG", "ACGT"]
    assert first.lower.tolist() == [True, True, False, False]
    assert second.choices.argmax(1).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"ACGT\n", "x.fa:1: FASTA without a header: found 'ACGT'"),
        (b">a\nAC!T\n", "x.fa:2: '!' is not a nucleotide letter"),
        (b">a\nAC-T\n", "x.fa:2: '-' is not a nucleotide letter"),
        (b"\n", "x.fa: holds no sequences"),
        (b">a\n>b\nA\n", "x.fa:1: a has no letter"),
        (b">a\nA\n>a\nC\n", "x.fa:3: two sequences are called 'a'"),
    ],
)
def test_what_cannot_be_read(text: bytes, said: str) -> None:
    with pytest.raises(InputError, match=f"^{said.replace('?', '.')}"):
        read_templates(io.BytesIO(text), "x.fa")
