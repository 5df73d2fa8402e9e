"""Motif files of any format."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from seqcnn.errors import InputError
from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import MOTIF_FORMATS, find_format, read_motifs, render_motifs, write_motifs
from tests.formats.motif_texts import motifs

RAW = ">a b\n1 2 3 4\n5 6 7 8\n1 1 1 1\n2 2 2 2\n"
SQUARE = ">ACGT\tb\t1.5\n1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"


@pytest.mark.parametrize("format", MOTIF_FORMATS)
@settings(max_examples=40)
@given(written=motifs())
def test_the_format_is_found(format: str, written: list[Motif]) -> None:
    text = render_motifs(written, format)
    assert find_format(text.splitlines(), "x") == format
    assert find_format(("\n\n" + text).splitlines(), "x") == format


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (RAW, "jaspar"),
        (RAW.replace("1 2 3 4", "1 2 3"), "jaspar"),
        (RAW.replace("1 2 3 4", "1 2 3 x"), "jaspar"),
        (SQUARE, "homer"),
        (SQUARE.replace("\tb\t1.5", ""), "homer"),
        (">a\n1 2 3 4\n1 2 3 4\n", "homer"),
        (">a\n", "jaspar"),
        ("ALPHABET= ACGT\nMOTIF a\nletter-probability matrix: w= 1\n1 0 0 0\n", "meme"),
        ("ID a\nPO A C G T\n0 1 2 3 4\n", "transfac"),
    ],
)
def test_formats_that_look_alike(text: str, format: str) -> None:
    assert find_format(text.splitlines(), "x") == format


@pytest.mark.parametrize("format", MOTIF_FORMATS)
def test_files(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.array([[8, 0, 1, 2, 3], [0, 8, 2, 2, 3], [0, 0, 5, 2, 1], [0, 0, 0, 2, 1]])
    motif = Motif.from_counts("x", table)
    path = tmp_path / f"motifs.{format}"
    write_motifs([motif, motif], path)
    packed = tmp_path / "motifs.gz"
    packed.write_bytes(gzip.compress(path.read_bytes().replace(b"\n", b"\r\n")))
    stdin = io.TextIOWrapper(io.BytesIO(path.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    for source in (path, packed, "-"):
        found = read_motifs(source)
        assert [m.name for m in found] == ["x", "x"]
        np.testing.assert_allclose(found[1].ppm, motif.ppm, atol=1e-6)
    assert read_motifs(path, format)[0].consensus() == motif.consensus()


def test_the_format_may_be_said(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(SQUARE.replace("\tb\t1.5", ""))
    assert read_motifs(path)[0].nsites is None
    assert read_motifs(path, "jaspar")[0].consensus() == "ACGT"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "holds no motifs: every line is blank"),
        (b"MEME version 4\nALPHABET= ACGT\n", "holds no motifs"),
        (b"<!DOCTYPE HTML>\n<p>", "1: is HTML or XML, which is not read; give the text file"),
        (b"chr1\t5\t10\n", "1: is not a motif file: it begins with 'chr1\\t5\\t10'; give a file in MEME, JASPAR"),
        (b"ACGT\x00\x01", "is binary, not a motif file"),
        (gzip.compress(b">a\nA [1]\n", mtime=0)[:-4], "gzip data end too early"),
        (b">s1\nACGTACGTAC\n", "2: motif 's1' has 1 rows, not four"),
    ],
)
def test_what_is_no_motif_file(text: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(text)
    with pytest.raises(InputError) as caught:
        read_motifs(path)
    assert str(caught.value).startswith(f"{path}:")
    assert message in str(caught.value)


def test_nothing_to_write(tmp_path: Path) -> None:
    motif = Motif("x", np.full((4, 1), 0.25))
    with pytest.raises(ValueError, match="no motifs to write"):
        render_motifs([], "meme")
    with pytest.raises(ValueError, match="no motif format is called 'txt'; there are meme, jaspar"):
        write_motifs([motif], tmp_path / "x.txt")
    write_motifs([motif], tmp_path / "x.txt", "meme")
    assert (tmp_path / "x.txt").read_text().startswith("MEME version 4")


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "n", "alphabet"),
    [
        ("HOCOMOCOv12_core.meme.gz", 1443, "dna"),
        ("JASPAR2024_CORE_fungi_latest.jaspar", 178, "dna"),
        ("Ray2013_rbp_RNA.meme", 102, "rna"),
        ("macisaac_yeast.v1.meme", 124, "dna"),
    ],
)
def test_databases(name: str, n: int, alphabet: str, shared_data: Path, tmp_path: Path) -> None:
    found = read_motifs(shared_data / "motif_refs" / name)
    assert len(found) == n
    assert {motif.alphabet for motif in found} == {alphabet}
    for format in MOTIF_FORMATS:
        write_motifs(found[:50], tmp_path / f"x.{format}")
        for motif, again in zip(found, read_motifs(tmp_path / f"x.{format}"), strict=False):
            assert again.name == motif.name
            np.testing.assert_allclose(again.ppm, motif.ppm, atol=1e-5)
