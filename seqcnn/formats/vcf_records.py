"""From lines of a VCF to alleles: what is replaced by what, 0-based, and why an allele cannot be taken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.vcf import Block
from seqcnn.sequence.alphabet import ENCODE_TABLE, INVALID, N_CODE
from seqcnn.sequence.ragged import Ragged, concatenate, from_rows


class Reason(IntEnum):
    """Why an allele has no score."""

    SCORED = 0
    NO_ALTERNATE = 1
    SPANNING_DELETION = 2
    SYMBOLIC = 3
    BREAKEND = 4
    NOT_ACGT = 5
    SAME = 6
    BAD_REFERENCE = 7
    LONG = 8
    UNKNOWN_CHROMOSOME = 9
    OUTSIDE = 10
    MISMATCH = 11


SAID = {
    Reason.NO_ALTERNATE: "without an alternate allele",
    Reason.SPANNING_DELETION: "* (deleted by another variant)",
    Reason.SYMBOLIC: "symbolic, such as <DEL>",
    Reason.BREAKEND: "breakends",
    Reason.NOT_ACGT: "ALT has letters other than A C G T",
    Reason.SAME: "ALT is REF",
    Reason.BAD_REFERENCE: "REF has characters that are no nucleotides",
    Reason.LONG: "longer than --max-allele",
    Reason.UNKNOWN_CHROMOSOME: "on a chromosome that the genome does not have",
    Reason.OUTSIDE: "beyond the end of the chromosome",
    Reason.MISMATCH: "REF is not what the genome has",
}
"""In words."""


class Records(NamedTuple):
    """Records, split.

    Parameters
    ----------
    line : ndarray of int64, shape (n,)
        1-based line of each in the file.
    fields : list of list of bytes
        The eight fixed columns, then all else as one.
    chrom, ref, alt : tuple of bytes, of length n
    start : ndarray of int64, shape (n,)
        First base of REF, 0-based.
    ref_length : ndarray of int64, shape (n,)
    """

    line: NDArray[np.int64]
    fields: list[list[bytes]]
    chrom: tuple[bytes, ...]
    ref: tuple[bytes, ...]
    alt: tuple[bytes, ...]
    start: NDArray[np.int64]
    ref_length: NDArray[np.int64]

    def take(self, rows: NDArray[np.bool_]) -> Records:
        """Return the records where the mask is true."""
        if rows.all():
            return self
        fields = list(compress(self.fields, rows.tolist()))
        chrom, ref, alt = (tuple(row[i] for row in fields) for i in (0, 3, 4))
        return Records(self.line[rows], fields, chrom, ref, alt, self.start[rows], self.ref_length[rows])


class Region(NamedTuple):
    """A stretch of a chromosome, 0-based, half-open."""

    chrom: str
    start: int
    stop: int


def parse_region(text: str) -> Region:
    """Read CHROM, CHROM:POSITION, CHROM:FIRST- or CHROM:FIRST-LAST as bcftools does.

    Positions count from 1; both are included.

    Raises
    ------
    UsageError
    """
    found = re.fullmatch(r"(.+?)(?::([0-9,]+)(-([0-9,]*))?)?", text)
    if found is None:
        raise UsageError(f"region {text!r} is not CHROM, CHROM:POSITION or CHROM:FIRST-LAST")
    first = int((found[2] or "1").replace(",", "") or 0)
    last = int(((found[4] if found[3] else found[2]) or str(1 << 62)).replace(",", "") or 0)
    if first < 1 or last < first:
        raise UsageError(f"region {text!r}: positions count from 1, and the first is not behind the last")
    return Region(found[1], first - 1, last)


@dataclass(slots=True)
class Alleles:
    """Alternate alleles, in the order of the file. REF and ALT are without the letters that they share at their ends.

    Parameters
    ----------
    record : ndarray of int64, shape (m,)
        Row of the record that an allele is of, ascending.
    start, stop : ndarray of int64, shape (m,)
        The bases that go, 0-based, half-open; none for an insertion.
    alt : Ragged
        Codes that come in their place.
    reason : ndarray of uint8, shape (m,)
        A :class:`Reason`.
    """

    record: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    alt: Ragged
    reason: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.record)


def split(block: Block, path: str) -> Records:
    """Split the lines of a block.

    Raises
    ------
    InputError
        If a line has fewer than eight columns, or no position; naming the line.
    """
    fields = [line.split(b"\t", 8) for line in block.lines]
    if not fields:
        nothing = np.zeros(0, dtype=np.int64)
        return Records(nothing, fields, (), (), (), nothing, nothing)
    if min(map(len, fields)) < 8:
        i = next(i for i, row in enumerate(fields) if len(row) < 8)
        raise InputError(f"{len(fields[i])} columns, but a VCF has 8 or more, split by tabs", path, block.line + i)
    chrom, position, _, ref, alt, *_ = zip(*fields, strict=False)
    try:
        start = np.fromiter(map(int, position), dtype=np.int64, count=len(position))
    except (ValueError, OverflowError) as error:
        i = next(i for i, text in enumerate(position) if not (text.isdigit() and len(text) < 19))
        shown = position[i].decode("utf-8", "replace")
        raise InputError(f"{shown!r} is not a position", path, block.line + i) from error
    start -= 1
    line = block.line + np.arange(len(fields))
    ref_length = np.fromiter(map(len, ref), dtype=np.int64, count=len(ref))
    if not ref_length.all():
        raise InputError("REF is empty", path, int(line[ref_length.argmin()]))
    return Records(line, fields, chrom, ref, alt, start, ref_length)


def find_alleles(records: Records, longest: int) -> Alleles:
    """List the alternate alleles of records; those of which REF or ALT is longer than `longest` are not taken."""
    n = len(records.alt)
    alt_length = np.fromiter(map(len, records.alt), dtype=np.int64, count=n)
    simple = (records.ref_length == 1) & (alt_length == 1)
    rows = np.flatnonzero(simple)
    if len(rows) == n:
        return _single_letters(records, rows, records.ref, records.alt)
    parts = [_single_letters(records, rows, [records.ref[i] for i in rows], [records.alt[i] for i in rows])]
    record, start, stop, letters, reasons = [], [], [], [], []
    for i in np.flatnonzero(~simple).tolist():
        ref, at = records.ref[i], int(records.start[i])
        for alt in records.alt[i].split(b","):
            reason, skipped, removed, new = compare(ref, alt, longest)
            record.append(i)
            start.append(at + skipped)
            stop.append(at + skipped + removed)
            letters.append(new)
            reasons.append(reason)
    parts.append(
        Alleles(
            np.array(record, dtype=np.int64),
            np.array(start, dtype=np.int64),
            np.array(stop, dtype=np.int64),
            from_rows(letters),
            np.array(reasons, dtype=np.uint8),
        )
    )
    return _merged(parts)


def _merged(parts: Sequence[Alleles]) -> Alleles:
    """Put alleles in the order of their records."""
    record = np.concatenate([part.record for part in parts])
    order = np.argsort(record, kind="stable")
    return Alleles(
        record[order],
        np.concatenate([part.start for part in parts])[order],
        np.concatenate([part.stop for part in parts])[order],
        concatenate([part.alt for part in parts]).take(order),
        np.concatenate([part.reason for part in parts])[order],
    )


def _single_letters(records: Records, rows: NDArray[np.int64], ref: Sequence[bytes], alt: Sequence[bytes]) -> Alleles:
    """List the alleles of records with one letter each in REF and ALT."""
    letters = b"".join(alt)
    old = np.frombuffer(b"".join(ref).translate(ENCODE_TABLE), dtype=np.uint8)
    new = np.frombuffer(letters.translate(ENCODE_TABLE), dtype=np.uint8)
    reason = np.zeros(len(rows), dtype=np.uint8)
    reason[old == new] = Reason.SAME
    reason[old == INVALID] = Reason.BAD_REFERENCE
    reason[new >= N_CODE] = Reason.NOT_ACGT
    text = np.frombuffer(letters, dtype=np.uint8)
    reason[text == ord(".")] = Reason.NO_ALTERNATE
    reason[text == ord("*")] = Reason.SPANNING_DELETION
    start = records.start[rows]
    return Alleles(rows, start, start + 1, Ragged(new, np.arange(len(rows) + 1, dtype=np.int64)), reason)


def compare(ref: bytes, alt: bytes, longest: int) -> tuple[Reason, int, int, bytes]:
    """Return the reason, the letters that both begin with, those that go, and the codes that come."""
    reason = _unfit(alt)
    old, new = ref.translate(ENCODE_TABLE), alt.translate(ENCODE_TABLE)
    if reason is Reason.SCORED:
        if INVALID in old:
            reason = Reason.BAD_REFERENCE
        elif max(new) >= N_CODE:
            reason = Reason.NOT_ACGT
        elif old == new:
            reason = Reason.SAME
        elif max(len(old), len(new)) > longest:
            reason = Reason.LONG
    if reason is not Reason.SCORED:
        return reason, 0, len(ref), b""
    end = 0
    while end < min(len(old), len(new)) and old[-1 - end] == new[-1 - end]:
        end += 1
    old, new = old[: len(old) - end], new[: len(new) - end]
    begin = 0
    while begin < min(len(old), len(new)) and old[begin] == new[begin]:
        begin += 1
    return reason, begin, len(old) - begin, new[begin:]


def _unfit(alt: bytes) -> Reason:
    """Say whether an ALT is not a row of letters."""
    if alt in (b".", b""):
        return Reason.NO_ALTERNATE
    if alt == b"*":
        return Reason.SPANNING_DELETION
    if alt.startswith(b"<"):
        return Reason.SYMBOLIC
    if b"[" in alt or b"]" in alt or alt.startswith(b".") or alt.endswith(b"."):
        return Reason.BREAKEND
    return Reason.SCORED
