"""Lines of a VCF, and the alleles in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.vcf import COLUMNS, Block, Vcf
from seqcnn.formats.vcf_records import Reason, Region, find_alleles, parse_region, split
from seqcnn.sequence.alphabet import decode

LETTERS = st.text("ACGT", min_size=1, max_size=6)


@given(st.lists(st.tuples(st.integers(1, 99), LETTERS, st.lists(LETTERS, min_size=1, max_size=3)), max_size=8))
def test_alleles_put_in_give_the_alternate(rows: list[tuple[int, str, list[str]]]) -> None:
    lines = [f"c\t{position}\t.\t{ref}\t{','.join(alts)}\t.\t.\t.".encode() for position, ref, alts in rows]
    records = split(Block(0, 1, lines), "a.vcf")
    alleles = find_alleles(records, 100)
    flat = [(i, position - 1, ref, alt) for i, (position, ref, alts) in enumerate(rows) for alt in alts]
    assert alleles.record.tolist() == [row[0] for row in flat]
    for i, (_, start, ref, alt) in enumerate(flat):
        if ref == alt:
            assert alleles.reason[i] == Reason.SAME
            continue
        assert alleles.reason[i] == Reason.SCORED
        first, last = int(alleles.start[i]) - start, int(alleles.stop[i]) - start
        new, old = decode(alleles.alt[i]), ref[first:last]
        assert ref[:first] + new + ref[last:] == alt
        assert not (old and new) or (old[0] != new[0] and old[-1] != new[-1])


def test_lines_are_kept(tmp_path: Path) -> None:
    head = [
        b"##fileformat=VCFv4.2",
        b"##INFO=<Number=1,ID=x>",
        b"##contig=<ID=c1,length=5>",
        COLUMNS + b"\tFORMAT\ts t",
    ]
    rows = [b"c1\t%d\t.\tA\tC\t.\t.\tx=1\tGT\t0|1" % i for i in range(1, 6)]
    (tmp_path / "a.vcf").write_bytes(b"\n".join([*head, *rows]))
    with Vcf(tmp_path / "a.vcf") as vcf:
        assert (vcf.header, vcf.samples, vcf.contigs, vcf.info) == (head, [b"s t"], ["c1"], ["x"])
        assert vcf.header_with(["##new"]) == b"\n".join([*head[:-1], b"##new", head[-1], b""])
        blocks = list(vcf.blocks(2))
    assert [block.lines for block in blocks] == [rows[:2], rows[2:4], rows[4:]]
    assert [(block.first, block.line) for block in blocks] == [(0, 5), (2, 7), (4, 9)]


def test_a_bcf_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.bcf").write_bytes(b"BCF\2\2 and nothing")
    with pytest.raises(InputError, match=r"a\.bcf: cannot be read as BCF"):
        Vcf(tmp_path / "a.bcf")


def test_regions() -> None:
    assert parse_region("chr1") == Region("chr1", 0, 1 << 62)
    assert parse_region("chr1:7") == Region("chr1", 6, 7)
    assert parse_region("HLA:1:1,000-2,000") == Region("HLA:1", 999, 2000)
    for text in ("", "chr1:0", "chr1:5-4"):
        with pytest.raises(UsageError, match="region"):
            parse_region(text)
