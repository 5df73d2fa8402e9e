"""JASPAR files, with Biopython as the other reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from seqcnn.errors import InputError
from seqcnn.formats.jaspar import parse, render
from seqcnn.formats.motif import Motif
from tests.formats.motif_texts import in_biopython, motifs, table_of

TEXT = """>MA0004.1	Arnt
A  [ 4 19  0 ]
C  [16  0 20 ]
G  [ 0  1  0 ]
T  [ 0  0  0 ]
"""


def read(text: str) -> list[Motif]:
    return parse(text.splitlines(), "x.jaspar")


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("\n", "\n\n"),
        ">MA0004.1 Arnt\n4 19 0\n16 0 20\n0 1 0\n0 0 0\n",
        ">MA0004.1 Arnt\nT [ 0 0 0 ]\nG | 0 1 0\nc: 16 0 20\nA 4 19 0\n",
    ],
)
def test_every_layout(text: str) -> None:
    (motif,) = read(text)
    assert (motif.name, motif.alternate, motif.alphabet, motif.nsites) == ("MA0004.1", "Arnt", "dna", 20)
    assert motif.pfm.tolist() == [[4, 19, 0], [16, 0, 20], [0, 1, 0], [0, 0, 0]]
    assert motif.consensus() == "CAC"


def test_rna() -> None:
    (motif,) = read(TEXT.replace("T  [", "U  ["))
    assert motif.alphabet == "rna"


def test_probabilities_are_not_counts() -> None:
    (motif,) = read(">a\nA [0.5 0.21]\nC [0.5 0.8]\nG [0 0]\nT [0 0]\n")
    assert (motif.counts, motif.nsites) == (None, None)
    assert motif.ppm.sum(axis=0) == pytest.approx([1, 1])


@settings(max_examples=40)
@given(motifs(("dna",)))
def test_biopython_reads_what_is_written(written: list[Motif]) -> None:
    for ours, theirs in zip(written, in_biopython(render(written), "jaspar"), strict=True):
        assert (theirs.matrix_id, theirs.name) == (ours.name, ours.alternate or ours.name)
        np.testing.assert_allclose(table_of(theirs), ours.pfm, rtol=1e-9)


@settings(max_examples=40)
@given(motifs())
def test_what_is_written_is_read(written: list[Motif]) -> None:
    for ours, again in zip(written, read(render(written)), strict=True):
        assert (again.name, again.alternate, again.alphabet) == (ours.name, ours.alternate, ours.alphabet)
        np.testing.assert_allclose(again.pfm, ours.pfm, rtol=1e-9)
        np.testing.assert_allclose(again.ppm, ours.ppm, atol=1e-9)
        assert again.nsites == pytest.approx(ours.nsites)


def test_without_counts_probabilities_are_written() -> None:
    motif = Motif("a", np.array([[1 / 3], [1 / 3], [1 / 3], [0]]))
    text = render([motif])
    assert text == ">a\nA  [ 0.333334 ]\nC  [ 0.333333 ]\nG  [ 0.333333 ]\nT  [ 0.000000 ]\n"
    (again,) = read(text)
    assert again.nsites is None


@pytest.mark.realdata
def test_the_database(shared_data: Path) -> None:
    path = shared_data / "motif_refs" / "JASPAR2024_CORE_vertebrates_latest.jaspar"
    text = path.read_text()
    ours, theirs = read(text), in_biopython(text, "jaspar")
    assert len(ours) == 879
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.name, mine.alternate) == (other.matrix_id, other.name)
        assert np.array_equal(mine.pfm, table_of(other))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT[1:], "x.jaspar:1: a matrix without a line '>accession name' before it"),
        (TEXT.replace("MA0004.1\tArnt", ""), "x.jaspar:1: '>' without a name"),
        (TEXT.replace("T  [ 0  0  0 ]\n", ""), "x.jaspar:4: motif 'MA0004.1' has 3 rows, not four (A C G T)"),
        (">a\n", "x.jaspar:1: motif 'a' has 0 rows"),
        (TEXT + "T [ 1 1 1 ]\n", "x.jaspar:6: motif 'MA0004.1' has 5 rows"),
        (TEXT.replace("G  [ 0  1  0 ]", "G  [ 0  1 ]"), "x.jaspar:4: a row of 2 numbers, not 3 as the row before"),
        (TEXT.replace("[ 4 19  0 ]", "[ ]"), "x.jaspar:2: a row of 0 numbers"),
        (TEXT.replace("19", "x9"), "x.jaspar:2: 'x9' is not a number"),
        (TEXT.replace("19", "-9"), "x.jaspar:2: '-9' cannot be a count"),
        (TEXT.replace("G  [", "C  ["), "x.jaspar:2: the rows of motif 'MA0004.1' are named 'ACCT', not 'ACGT'"),
        (TEXT.replace("G  [", "["), "x.jaspar:2: the rows of motif 'MA0004.1' are named 'ACT', not 'ACGT'"),
        (TEXT.replace("[16  0 20 ]", "[16  0  0 ]"), "x.jaspar:2: position 3 of motif 'MA0004.1' has no counts"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).startswith(message)
