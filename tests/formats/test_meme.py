"""MEME files: read as the format says, written so that Biopython reads them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.errors import InputError
from seqcnn.formats.meme import parse, render
from seqcnn.formats.motif import Motif
from tests.formats.motif_texts import in_biopython, motifs, table_of

MINIMAL = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies (from somewhere):
A 0.3 C 0.2 G 0.2 T 0.3

MOTIF MA0001.1 AGL3
letter-probability matrix: alength= 4 w= 2 nsites= 17 E= 4.1e-009
 0.5 0.5 0.0 0.0
 0.1 0.2 0.3 0.4
URL http://example.org/AGL3
"""

STREME = """********************************************************************************
STREME - Sensitive, Thorough, Rapid, Enriched Motif Elicitation
********************************************************************************
MEME version 5.5.0 (Release date: Wed Sep 7 14:10:31 2022 -0700)

ALPHABET "RNA" RNA-LIKE
A "Adenine" CC0000
C "Cytosine" 0000CC
G "Guanine" FFB300
U "Uracil" 008000
N "Any base" = ACGU
X = ACGU
T = U
END ALPHABET

strands: +

Background letter frequencies
A 0.25 C 0.25
G 0.25 U 0.25

MOTIF 1-UGUA STREME-1
letter-probability matrix: alength= 4 w= 1 nsites= 98 E= 1.7e-023
 0.000000 0.000000 0.000000 1.000000
"""

FULL = """MEME version 4.12.0 (Release date: 2017)

ALPHABET= ACGT

MOTIF GATA MEME-1	width =   2  sites =  18  llr = 180  E-value = 1.1e-022
--------------------------------------------------------------------------------
	Motif GATA MEME-1 sites sorted by position p-value
--------------------------------------------------------------------------------
seq1  12 1.0e-5 AAA GA TTT
	Motif GATA MEME-1 position-specific scoring matrix
log-odds matrix: alength= 4 w= 2 n= 100 bayes= 5 E= 1.1e-022
 -100 -100 180 -100
 180 -100 -100 -100
	Motif GATA MEME-1 position-specific probability matrix
letter-probability matrix: alength= 4 w= 2 nsites= 18 E= 1.1e-022
 0.0 0.0 1.0 0.0
 1.0 0.0 0.0 0.0
	Motif GATA MEME-1 regular expression
GA
"""


def read(text: str) -> list[Motif]:
    return parse(text.splitlines(), "x.meme")


def test_a_minimal_file() -> None:
    (motif,) = read(MINIMAL)
    assert (motif.name, motif.alternate, motif.alphabet, motif.url) == (
        "MA0001.1",
        "AGL3",
        "dna",
        "http://example.org/AGL3",
    )
    assert (motif.nsites, motif.evalue, motif.counts) == (17, 4.1e-9, None)
    np.testing.assert_allclose(motif.background, [0.3, 0.2, 0.2, 0.3])
    np.testing.assert_allclose(motif.ppm, [[0.5, 0.1], [0.5, 0.2], [0, 0.3], [0, 0.4]])


def test_a_defined_alphabet_and_a_background_of_two_lines() -> None:
    (motif,) = read(STREME)
    assert (motif.alphabet, motif.name, motif.alternate, motif.evalue) == ("rna", "1-UGUA", "STREME-1", 1.7e-23)
    assert motif.consensus() == "U"


def test_what_meme_prints() -> None:
    (motif,) = read(FULL)
    assert (motif.name, motif.alternate, motif.nsites, motif.consensus()) == ("GATA", "MEME-1", 18, "GA")


def test_everything_about_a_matrix_is_optional() -> None:
    text = "MEME version 4\nMOTIF a\nletter-probability matrix:\n 1 0 0 0\n 0 1 0 0\n\nMOTIF b\n"
    text += "letter-probability matrix: alength=4 w=1\n0 0 1 0\n0 0 0 0\n"
    first, second = read(text)
    assert (first.consensus(), first.nsites, first.evalue, first.background.tolist()) == ("AC", None, None, [0.25] * 4)
    assert second.consensus() == "G"


@settings(max_examples=40)
@given(motifs(weights=False))
def test_biopython_reads_what_is_written(written: list[Motif]) -> None:
    text = render(written)
    for ours, theirs in zip(written, in_biopython(text, "minimal"), strict=True):
        assert (theirs.name, theirs.num_occurrences) == (ours.name, ours.nsites)
        # Biopython keeps round(p * nsites)
        assert np.abs(table_of(theirs) - ours.ppm * ours.nsites).max() <= 0.5 + 1e-6 * theirs.num_occurrences
        letters = "ACGU" if ours.alphabet == "rna" else "ACGT"
        assert [theirs.background[letter] for letter in letters] == pytest.approx(ours.background, abs=1e-6)


@given(st.integers(1, 5000), st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=8))
def test_biopython_reads_the_counts_of_full_columns(nsites: int, cuts: list[tuple[float, ...]]) -> None:
    ends = [sorted([0, nsites, *(int(nsites * cut) for cut in row)]) for row in cuts]
    counts = np.diff(np.array(ends)).T
    (theirs,) = in_biopython(render([Motif.from_counts("x", counts)]), "minimal")
    assert np.array_equal(table_of(theirs), counts)


@settings(max_examples=40)
@given(motifs())
def test_what_is_written_is_read(written: list[Motif]) -> None:
    text = render(written)
    for ours, again in zip(written, read(text), strict=True):
        assert (again.name, again.alternate, again.alphabet) == (ours.name, ours.alternate, ours.alphabet)
        assert again.nsites == max(1, round(ours.nsites or 0))
        np.testing.assert_allclose(again.ppm, ours.ppm, atol=1.1e-6)
        np.testing.assert_allclose(again.background, ours.background, atol=1.1e-6)
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and all(word[:2] in ("0.", "1.") for word in words):
            assert sum(round(1e6 * float(word)) for word in words) == 10**6


def test_e_values_and_urls_are_kept() -> None:
    (again,) = read(render(read(MINIMAL)))
    assert (again.evalue, again.url) == (4.1e-9, "http://example.org/AGL3")


def test_names_with_blanks_become_words() -> None:
    motif = Motif("a b", np.full((4, 1), 0.25), "c  d")
    (again,) = read(render([motif]))
    assert (again.name, again.alternate) == ("a_b", "c_d")


@pytest.mark.parametrize("change", [{"alphabet": "rna"}, {"background": [0.4, 0.1, 0.1, 0.4]}])
def test_a_file_has_one_alphabet_and_background(change: dict[str, object]) -> None:
    ppm = np.full((4, 1), 0.25)
    with pytest.raises(ValueError, match="must share alphabet and background"):
        render([Motif("a", ppm), Motif("b", ppm, **change)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "ALPHABET= ACGT",
            "ALPHABET= ACDEFGHIKLMNPQRSTVWY",
            "x.meme:3: motifs over the letters 'ACDEFGHIKLMNPQRSTVWY'",
        ),
        ("A 0.3 C 0.2 G 0.2 T 0.3", "A 0.3 C 0.2", "x.meme:8: background frequencies are not as in 'A 0.25 C 0.25"),
        ("A 0.3 C 0.2", "A 0.3 C 0.1", "x.meme:8: the probabilities of a position sum to 0.9, not 1"),
        ("A 0.3 C", "A much C", "x.meme:8: 'much' is not a number"),
        ("MOTIF MA0001.1 AGL3", "MOTIF", "x.meme:10: MOTIF without a name"),
        ("MOTIF MA0001.1 AGL3\n", "", "x.meme:10: a letter-probability matrix without a MOTIF line"),
        ("alength= 4", "alength= 20", "x.meme:11: alength= 20, but DNA and RNA have 4 letters"),
        ("w= 2", "w= two", "x.meme:11: w= 'two' is not a number"),
        ("w= 2", "w= 3", "x.meme:14: a matrix row of 2 fields, not 4"),
        ("0.1 0.2 0.3 0.4", "0.1 0.2 0.3", "x.meme:13: a matrix row of 3 fields, not 4"),
        ("0.1 0.2 0.3 0.4", "0.1 0.2 0.3 0.1", "x.meme:13: the probabilities of a position sum to 0.7, not 1"),
        ("0.1 0.2 0.3 0.4", "0.1 0.2 0.3 x", "x.meme:13: 'x' is not a number of a motif matrix"),
        ("0.1 0.2 0.3 0.4", "-0.1 0.2 0.5 0.4", "x.meme:13: '-0.1' cannot be a count or probability"),
        ("0.1 0.2 0.3 0.4", "nan 0.2 0.5 0.4", "x.meme:13: 'nan' cannot be a count or probability"),
        (
            " 0.1 0.2 0.3 0.4\nURL http://example.org/AGL3\n",
            "",
            "x.meme:12: the matrix of motif 'MA0001.1' ends after 1 rows of 2",
        ),
        (
            "letter-probability matrix: alength= 4 w= 2",
            "letter probability",
            "x.meme:10: motif 'MA0001.1' has no letter-probability matrix",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, message: str) -> None:
    assert MINIMAL.count(old) >= 1
    with pytest.raises(InputError) as caught:
        read(MINIMAL.replace(old, new, 1))
    assert str(caught.value).startswith(message)


def test_a_motif_without_a_matrix_before_another() -> None:
    with pytest.raises(InputError, match=r"x\.meme:2: motif 'a' has no letter-probability matrix"):
        read("MEME version 4\nMOTIF a\nMOTIF b\nletter-probability matrix:\n1 0 0 0\n")
