"""Opening inputs and guessing what they hold."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from Bio import bgzf
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.errors import InputError
from seqcnn.formats.bgzf import BLOCK_BYTES, END, pack
from seqcnn.formats.stream import looks_like_bed, looks_like_sequence, open_input, sniff

TEXT = b"".join(b">seq_%d\nACGTACGTAC\n" % i for i in range(20_000))


def write(folder: Path, raw: bytes, name: str = "input") -> Path:
    path = folder / name
    path.write_bytes(raw)
    return path


def drain(path: Path) -> None:
    with open_input(path) as stream:
        while stream.read(1000):
            pass


def bgzipped(folder: Path) -> bytes:
    with bgzf.open(folder / "x.bgz", "wb") as handle:
        handle.write(TEXT)
    return (folder / "x.bgz").read_bytes()


@pytest.mark.parametrize("kind", ["plain", "gzip", "members", "bgzip", "bom"])
def test_the_bytes_are_the_same_however_they_are_packed(tmp_path: Path, kind: str) -> None:
    raw = {
        "plain": lambda: TEXT,
        "gzip": lambda: gzip.compress(TEXT, mtime=0),
        "members": lambda: gzip.compress(TEXT[:1000], mtime=0) + gzip.compress(b"") + gzip.compress(TEXT[1000:]),
        "bgzip": lambda: bgzipped(tmp_path),
        "bom": lambda: gzip.compress(b"\xef\xbb\xbf" + TEXT, mtime=0),
    }[kind]()
    with open_input(write(tmp_path, raw, "no_suffix")) as stream:
        assert stream.peek()[:4] == b">seq"
        assert b"".join(iter(lambda: stream.read(70_001), b"")) == TEXT
    assert stream.closed


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_stdin_is_read_and_left_open(monkeypatch: pytest.MonkeyPatch, pack: object) -> None:
    raw = io.BytesIO(pack(TEXT))  # type: ignore[operator]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=raw))
    with open_input("-") as stream:
        assert sniff(stream.peek()) == "fasta"
        assert stream.read() == TEXT
    assert not raw.closed


def test_a_pipe_that_gives_one_byte_at_a_time_can_be_peeked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            return super().readinto(memoryview(buffer)[:1])  # type: ignore[arg-type]

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Slow(gzip.compress(TEXT[:500], mtime=0))))
    with open_input("-") as stream:
        assert stream.peek() == TEXT[:500]


def test_missing_folder_and_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^.*/nothing: there is no such file$"):
        open_input(tmp_path / "nothing")
    with pytest.raises(InputError, match=r": is a folder, not a file$"):
        open_input(tmp_path)
    for raw in (b"", gzip.compress(b"", mtime=0), b"\xef\xbb\xbf"):
        with pytest.raises(InputError, match=r": is empty$"):
            open_input(write(tmp_path, raw))
    with pytest.raises(InputError, match=r"cannot be opened \(embedded null byte\)"):
        open_input("a\0b")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, TEXT)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything

        def refuse(*_args: object, **_options: object) -> None:
            raise PermissionError(13, "x")

        monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match=r": cannot be opened \(permission denied\)$"):
        open_input(path)


@given(st.integers(3, len(gzip.compress(TEXT, mtime=0)) - 1))
def test_truncated_gzip_is_told(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = write(tmp_path_factory.mktemp("cut"), gzip.compress(TEXT, mtime=0)[:length])
    with pytest.raises(InputError, match=r": gzip data end too early; the file is truncated"):
        drain(path)


@pytest.mark.parametrize("place", [3, 2000, -6])
def test_damaged_gzip_is_told(tmp_path: Path, place: int) -> None:
    raw = bytearray(gzip.compress(TEXT, mtime=0))
    raw[place] ^= 0xE0
    if place > 0:
        raw[2 if place == 3 else place : place + 20] = bytes(20)
    path = write(tmp_path, bytes(raw))
    with pytest.raises(InputError, match=r": gzip data (are damaged|end too early)"):
        drain(path)


def test_bgzf_that_ends_between_two_blocks_is_told(tmp_path: Path) -> None:
    """To gzip it is whole."""
    blocks = pack(b"ACGT" * BLOCK_BYTES)
    (tmp_path / "x.gz").write_bytes(b"".join(blocks[:2]))
    with pytest.raises(InputError, match=r"x.gz: is truncated: the block that ends a BGZF file is missing"):
        open_input(tmp_path / "x.gz")
    (tmp_path / "x.gz").write_bytes(b"".join([*blocks[:2], END]))
    with open_input(tmp_path / "x.gz") as stream:
        assert len(stream.read()) == 2 * BLOCK_BYTES


def test_text_after_gzip_data_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(TEXT, mtime=0) + b"ACGT")
    with pytest.raises(InputError, match=r": gzip data are damaged"):
        drain(path)


@pytest.mark.parametrize(
    ("raw", "kind"), [(bz2.compress(TEXT), "bzip2"), (lzma.compress(TEXT), "xz"), (b"PK\3\4", "zip")]
)
def test_other_compression_is_named(tmp_path: Path, raw: bytes, kind: str) -> None:
    with pytest.raises(InputError, match=rf": is (compressed with|a) {kind}.*, which is not read; unpack it"):
        open_input(write(tmp_path, raw))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b">a\nACGT\n", "fasta"),
        (b"\xef\xbb\xbf\r\n\n >a\n", "fasta"),
        (b"@a\nACGT\n+\nIIII\n", "fastq"),
        (b"\x89HDF\r\n\x1a\n\x00\x00", "hdf5"),
        (b"chr1\t1\t5\n", "table"),
        ("näme\tséquence\n".encode(), "table"),
        (b">looks fine\n\x00", "binary"),
        (bytes(range(1, 32)) * 3, "binary"),
        (os.urandom(4096), "binary"),
    ],
)
def test_sniff(head: bytes, expected: str) -> None:
    assert sniff(head) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("chr1\t10\t20", True),
        (b"track name=x\nbrowser position chr1:1-2\n#chrom\tstart\tend\n\nchrI 10 20 peak\n", True),
        ("chr1\t10\t20\tname\t5.5\t+\t1\t2\t3\t4", True),
        ("chrM\t10\t20", True),
        ("chr1\t-10\t20", False),
        ("chr1\t10", False),
        ("chr1\t1.5\t20", False),
        ("AAAAAACAACAGGAGGGCATCATGGAGCTGTCCAG\t1557\t183", False),
        ("FoldID\tEventID\tseq\tBound\n", False),
        ("sequence\t1\t2\nACGT\t0.5\t1\n", False),
        ("Seq 1 2\n", False),
        ("# only a comment\n", False),
    ],
)
def test_looks_like_bed(head: bytes | str, expected: bool) -> None:
    assert looks_like_bed(head) is expected


@pytest.mark.parametrize("cell", ["ACGT", "acgtn", "AUGC", "ACGTRACGTACG", "ACGTACGT1ACGTACG", " ACGT "])
def test_sequences_look_like_sequences(cell: str) -> None:
    assert looks_like_sequence(cell)


@pytest.mark.parametrize(
    "cell",
    ["", "CAT", "seq", "strand", "start", "batch", "chrM", "chrX", "data", "track", "1234", "Bound", "intensity"],
)
def test_words_do_not(cell: str) -> None:
    assert not looks_like_sequence(cell)
