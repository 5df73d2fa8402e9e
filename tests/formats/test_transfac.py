"""TRANSFAC files, with Biopython as the other reader."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from seqcnn.errors import InputError
from seqcnn.formats.motif import Motif
from seqcnn.formats.transfac import parse, render
from tests.formats.motif_texts import in_biopython, motifs, table_of

TEXT = """VV  EXAMPLE January 15, 2013
XX
//
AC  M00001
XX
ID  V$MYOD_01
XX
NA  MyoD
XX
BF  T00525; MyoD; Species: human, Homo sapiens.
P0      A      C      G      T
01      1      2      2      0      S
02      2      1      2      0      R
XX
CC  a remark of several words
//
ID  second
PO A C G T
0  0.5 0.5 0 0
1  0 0 0.25 0.75 T
//
"""


def test_columns_between_tabs() -> None:
    """As JASPAR has them."""
    motifs = read("AC MA0004.1\nXX\nID Arnt\nXX\nPO\tA\tC\tG\tT\n01\t4.0\t16.0\t0.0\t0.0\n02\t19\t0\t1\t0\nXX\n//\n")
    assert [motif.name for motif in motifs] == [
        each.name for each in read("AC MA0004.1\nID Arnt\nPO A C G T\n01 1 0 0 0\n//\n")
    ]
    np.testing.assert_array_equal(motifs[0].counts, np.array([[4, 16, 0, 0], [19, 0, 1, 0]]).T)


def read(text: str) -> list[Motif]:
    return parse(text.splitlines(), "x.transfac")


def test_a_file() -> None:
    first, second = read(TEXT)
    assert (first.name, first.alternate, first.nsites) == ("M00001", "MyoD", 5)
    assert first.pfm.tolist() == [[1, 2], [2, 1], [2, 2], [0, 0]]
    assert (second.name, second.alternate, second.nsites, second.consensus()) == ("second", "", None, "MT")


def test_the_id_is_the_other_name_where_there_is_none() -> None:
    first, _ = read(TEXT.replace("NA  MyoD\n", ""))
    assert (first.name, first.alternate) == ("M00001", "V$MYOD_01")


def test_letters_in_another_order_and_rna() -> None:
    (motif,) = read("ID  x\nP0 U G C A\n01 1 2 3 4\n")
    assert (motif.alphabet, motif.pfm[:, 0].tolist()) == ("rna", [4, 3, 2, 1])


@settings(max_examples=40)
@given(motifs(("dna",)))
def test_biopython_reads_what_is_written(written: list[Motif]) -> None:
    for ours, theirs in zip(written, in_biopython(render(written), "transfac"), strict=True):
        assert (theirs["AC"], theirs.get("NA", "")) == (ours.name, ours.alternate)
        np.testing.assert_allclose(table_of(theirs), ours.pfm, rtol=1e-9)


@settings(max_examples=40)
@given(motifs())
def test_what_is_written_is_read(written: list[Motif]) -> None:
    for ours, again in zip(written, read(render(written)), strict=True):
        assert (again.name, again.alphabet) == (ours.name, ours.alphabet)
        assert again.alternate == (ours.alternate if ours.alternate != ours.name else "")
        np.testing.assert_allclose(again.pfm, ours.pfm, rtol=1e-9)
        np.testing.assert_allclose(again.ppm, ours.ppm, atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "P0      A      C",
            "P0      W      C",
            "x.transfac:11: a P0 line for the letters 'WCGT', not A C G T or A C G U",
        ),
        ("02      2      1      2      0", "02      2      1", "x.transfac:13: 'R' is not a number"),
        ("02      2      1      2      0      R", "02  2  1", "x.transfac:13: position 02 has 2 numbers, not 4"),
        ("02      2", "02      x", "x.transfac:13: 'x' is not a number"),
        (
            "01      1      2      2",
            "01      0      0      0",
            "x.transfac:12: position 1 of motif 'M00001' has no counts",
        ),
        ("01  ", "a1  ", "x.transfac:11: the P0 table of motif 'M00001' has no rows"),
        ("CC  a remark of several words\n//\n", "", "x.transfac:16: a second matrix before the //"),
        ("AC  M00001", "AC  M00000\n//\nAC  M00001", "x.transfac:5: motif 'M00000' has no P0 table"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, message: str) -> None:
    assert TEXT.count(old) == 1
    with pytest.raises(InputError) as caught:
        read(TEXT.replace(old, new))
    assert str(caught.value).startswith(message)
