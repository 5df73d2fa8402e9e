"""The tabix index of a sorted VCF that is packed by BGZF, made while it is written."""

from __future__ import annotations

import struct
from os import PathLike
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.bgzf import END, pack
from seqcnn.formats.output import atomic_path

FARTHEST: Final = 1 << 29
"""Positions from here on cannot be in such an index."""

_LINEAR_SHIFT: Final = 14
_LEVELS: Final = ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1))
"""For each level of bins, from the smallest: bits of a position that are one bin's, and the number of the first."""

Chunks = dict[int, list[list[int]]]


class TabixIndex:
    """Collects where records are; virtual offsets are ``offset of the block << 16 | offset in the block``.

    Attributes
    ----------
    problem : str or None
        Why there can be no index.

    References
    ----------
    Li 2011, doi:10.1093/bioinformatics/btq671; the tabix and SAM format specifications.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._bins: dict[bytes, Chunks] = {}
        self._linear: dict[bytes, NDArray[np.uint64]] = {}
        self._last: tuple[bytes, int] | None = None

    def add(
        self, chrom: bytes, start: NDArray[np.int64], end: NDArray[np.int64], begins: NDArray[np.uint64], stop: int
    ) -> None:
        """Take in records of one chromosome that follow each other in the file.

        Parameters
        ----------
        chrom : bytes
        start, end : ndarray of int64, shape (n,)
            0-based, half-open; n is not 0.
        begins : ndarray of uint64, shape (n,)
            Virtual offset of each record.
        stop : int
            Virtual offset of what follows the last.
        """
        if self.problem is not None:
            return
        before = self._last[1] if self._last is not None and self._last[0] == chrom else 0
        if (chrom in self._bins and (self._last is None or self._last[0] != chrom)) or (
            np.diff(start, prepend=before) < 0
        ).any():
            self.problem = "the records are not sorted"
        elif int(end.max()) > FARTHEST:
            self.problem = f"a position is above {FARTHEST:,}"
        if self.problem is not None:
            self._bins, self._linear = {}, {}
            return
        self._last = chrom, int(start[-1])
        ends = np.append(begins[1:], np.uint64(stop))
        self._add_bins(self._bins.setdefault(chrom, {}), _bin(start, end), begins, ends)
        self._add_linear(chrom, start, end, begins)

    @staticmethod
    def _add_bins(
        chunks: Chunks, of_record: NDArray[np.int64], begins: NDArray[np.uint64], ends: NDArray[np.uint64]
    ) -> None:
        """Add runs of records that are in one bin."""
        first = np.flatnonzero(np.diff(of_record, prepend=-1))
        last = np.append(first[1:], len(of_record)) - 1
        runs = zip(of_record[first].tolist(), begins[first].tolist(), ends[last].tolist(), strict=True)
        for number, begin, end in runs:
            there = chunks.setdefault(number, [])
            if there and there[-1][1] == begin:
                there[-1][1] = end
            else:
                there.append([begin, end])

    def _add_linear(
        self, chrom: bytes, start: NDArray[np.int64], end: NDArray[np.int64], begins: NDArray[np.uint64]
    ) -> None:
        """Note the first record over each stretch of 16 kb."""
        first, last = start >> _LINEAR_SHIFT, np.maximum(end - 1, start) >> _LINEAR_SHIFT
        known = self._linear.get(chrom, np.zeros(0, dtype=np.uint64))
        top = int(last.max())
        if len(known) <= top:
            known = np.append(known, np.zeros(max(top + 1, 2 * len(known)) - len(known), dtype=np.uint64))
        stretch, row = np.unique(first, return_index=True)
        known[stretch] = np.where(known[stretch] == 0, begins[row], known[stretch])
        long = np.flatnonzero(last > first)
        for begin, a, b in zip(begins[long].tolist(), first[long].tolist(), last[long].tolist(), strict=True):
            part = known[a : b + 1]
            part[(part == 0) | (part > begin)] = begin
        self._linear[chrom] = known

    def write(self, path: str | PathLike[str]) -> None:
        """Write the index (.tbi) under its name when it is whole."""
        names = b"".join(chrom + b"\0" for chrom in self._bins)
        parts = [b"TBI\1", struct.pack("<8i", len(self._bins), 2, 1, 2, 0, ord("#"), 0, len(names)), names]
        for chrom, chunks in self._bins.items():
            parts.append(struct.pack("<i", len(chunks)))
            for number, there in sorted(chunks.items()):
                parts.append(struct.pack("<Ii", number, len(there)))
                parts.append(np.array(there, dtype="<u8").tobytes())
            linear = np.trim_zeros(self._linear[chrom], "b")
            # A stretch without a record leads to the next record, or rather to what was last before it.
            filled = np.maximum.accumulate(linear)
            parts += [struct.pack("<i", len(filled)), filled.astype("<u8").tobytes()]
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"".join([*pack(b"".join(parts)), END]))


def _bin(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the smallest bin that holds each interval."""
    last = np.maximum(end - 1, start)
    number = np.zeros(len(start), dtype=np.int64)
    for shift, first in reversed(_LEVELS):
        within = (start >> shift) == (last >> shift)
        number[within] = first + (start[within] >> shift)
    return number
