"""BGZF and its index, read back by htslib."""

from __future__ import annotations

import gzip
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from cyvcf2 import VCF

from seqcnn.errors import InputError
from seqcnn.formats.bgzf import BLOCK_BYTES, END, check_whole, pack
from seqcnn.formats.tabix import FARTHEST, TabixIndex


@pytest.mark.parametrize("n", [0, 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 1])
def test_packed_is_unpacked(n: int, tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(0, 256, n, dtype=np.uint8).tobytes()
    blocks = pack(data)
    assert len(blocks) == -(-n // BLOCK_BYTES)
    assert max(map(len, blocks), default=0) <= 1 << 16
    assert gzip.decompress(b"".join([*blocks, END])) == data
    (tmp_path / "a.gz").write_bytes(b"".join([*blocks, END]))
    check_whole(tmp_path / "a.gz")
    if n:
        (tmp_path / "a.gz").write_bytes(b"".join(blocks))
        with pytest.raises(InputError, match="truncated"):
            check_whole(tmp_path / "a.gz")
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))
    check_whole(tmp_path / "a.gz")


def test_every_stretch_is_found(tmp_path: Path) -> None:
    """Records of any length, in several calls: what the index finds is what overlaps."""
    rng = np.random.default_rng(2)
    records = []
    for chrom, size in (("b", 3_000_000), ("a", 400_000_000), ("c", 900)):
        starts = np.sort(rng.integers(0, size - 200, 700 if size > 1000 else 5))
        records += [(chrom, int(s), int(s) + int(rng.choice([1, 1, 3, 150]))) for s in starts]
    head = b"##fileformat=VCFv4.2\n" + b"".join(b"##contig=<ID=%s>\n" % c for c in (b"a", b"b", b"c", b"d"))
    head += b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    lines = [b"%s\t%d\t.\t%s\tC\t.\t.\t.\n" % (c.encode(), s + 1, b"A" * (e - s)) for c, s, e in records]
    blocks, index = pack(head), TabixIndex()
    at, first = sum(map(len, blocks)), 0
    while first < len(records):
        part = slice(first, first + int(rng.integers(1, 900)))
        packed = pack(b"".join(lines[part]))
        begins = at + np.cumsum([0, *map(len, packed)])
        block, within = np.divmod(np.cumsum([0, *map(len, lines[part])]), BLOCK_BYTES)
        virtual = ((begins[block] << 16) | within).astype(np.uint64)
        virtual[-1] = int(begins[-1]) << 16
        for chrom, group in groupby(enumerate(records[part]), key=lambda entry: entry[1][0]):
            rows = [i for i, _ in group]
            start, end = (np.array([records[part][i][j] for i in rows]) for j in (1, 2))
            index.add(chrom.encode(), start, end, virtual[rows], int(virtual[rows[-1] + 1]))
        blocks += packed
        at, first = int(begins[-1]), part.stop
    assert index.problem is None
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(b"".join([*blocks, END]))
    index.write(f"{path}.tbi")
    file = VCF(path)
    for chrom, size in (("b", 3_000_000), ("a", 400_000_000), ("c", 900)):
        for _ in range(30):
            begin = int(rng.integers(0, size - 1))
            stop = min(size, begin + int(rng.choice([1, 1000, 30_000, 5_000_000])))
            expected = [s + 1 for c, s, e in records if c == chrom and s < stop and e > begin]
            if expected:
                assert [v.POS for v in file(f"{chrom}:{begin + 1}-{stop}")] == expected


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        ([(b"a", 5), (b"a", 4)], "the records are not sorted"),
        ([(b"a", 5), (b"b", 4), (b"a", 6)], "the records are not sorted"),
        ([(b"a", FARTHEST)], "a position is above"),
    ],
)
def test_what_cannot_be_indexed(calls: list[tuple[bytes, int]], problem: str) -> None:
    index = TabixIndex()
    for i, (chrom, start) in enumerate(calls):
        index.add(chrom, np.array([start]), np.array([start + 1]), np.array([i << 16], dtype=np.uint64), (i + 1) << 16)
    assert index.problem is not None
    assert problem in index.problem
