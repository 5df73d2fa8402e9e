"""FASTA with structures: what RNAfold and others write, and what is wrong where."""

from __future__ import annotations

import io
from unittest import mock

import pytest

from seqcnn.errors import InputError
from seqcnn.formats import fasta_structure
from seqcnn.formats.fasta_structure import read_fasta_with_structure
from seqcnn.sequence.alphabet import decode
from seqcnn.sequence.contexts import CONTEXTS, contexts


def read(text: str, **options: bool) -> list[tuple[str, str, str]]:
    found = []
    for records in read_fasta_with_structure(io.BytesIO(text.encode()), "x.fa", **options):
        for name, row in zip(records.names.decode(), records.sequences, strict=True):
            found.append((name, decode(row, "rna"), "".join(CONTEXTS[i - 1] for i in contexts(row))))
    return found


def test_dot_bracket_energy_and_letters() -> None:
    text = ">a first\nGGGAAACCCA\n(((...))). (-1.20)\n\n>b\r\nACGUN\r\n..... (  0.00)\r\n>c\nggt\nsBe\n>\nA\nE\n"
    wanted = [("a", "GGGAAACCCA", "SSSHHHSSSE"), ("b", "ACGUN", "EEEEE"), ("c", "GGU", "SBE"), ("", "A", "E")]
    assert read(text) == wanted
    assert [name for name, *_ in read(text, full_headers=True)] == ["a first", "b", "c", ""]
    with mock.patch.object(fasta_structure, "RECORDS_AT_ONCE", 1):
        assert read(text) == wanted


def test_letters_are_counted() -> None:
    (records,) = read_fasta_with_structure(io.BytesIO(b">a\nUTRN\n....\n"), "x.fa")
    assert (records.n_u, records.n_t, records.n_ambiguous) == (1, 1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.fa: holds no sequences"),
        ("ACG\n", "x.fa:1: FASTA without a header: found 'ACG'"),
        (">a\nACG\n>b\nA\n.\n", "x.fa:1: record 'a' has no line of structure"),
        (">a\n", "x.fa:1: record 'a' has no line of sequence and structure"),
        (">a\nACG\n...\n...\n", "x.fa:4: record 'a' has a third line"),
        (">a\nACG\n....\n", "x.fa:3: the structure has 4 characters, but the sequence 3 letters"),
        (">a\nACG\n(..\n", r"x.fa:3: structure: '\(' at position 1 is not closed"),
        (">a\nACG\nEEZ\n", "x.fa:3: structure: 'Z' at position 3 is no structural context"),
        (">b\nA\n.\n>a\nAJG\n...\n", "x.fa:5: 'J' is not a nucleotide letter"),
    ],
)
def test_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text)
