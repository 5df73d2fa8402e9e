"""Where the records of a VCF are, for its index, while it is written packed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.bgzf import BLOCK_BYTES
from seqcnn.formats.tabix import TabixIndex
from seqcnn.formats.vcf_records import Records


class Places(NamedTuple):
    """Records by runs of one chromosome, and where in the text each begins before packing."""

    runs: list[tuple[bytes, int, int]]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    offset: NDArray[np.int64]


def places(records: Records, lines: Sequence[bytes]) -> Places:
    """Return where records are in the genome, and in the text of their lines, each with a line end."""
    offset = np.cumsum([0, *map(len, lines)], dtype=np.int64)[:-1] + np.arange(len(lines))
    end = records.start + records.ref_length
    if b"<" in b"".join(records.alt):
        for i, row in enumerate(records.fields):
            if b"<" in row[4]:
                end[i] = max(int(end[i]), _declared_end(row[7]))
    runs, first = [], 0
    for chrom, same in groupby(records.chrom):
        n = sum(1 for _ in same)
        runs.append((chrom, first, first + n))
        first += n
    return Places(runs, records.start, end, offset)


def enter(index: TabixIndex, found: Places, blocks: Sequence[bytes], at: int) -> None:
    """Tell an index where records will be: in BGZF blocks that begin at byte `at` of the file."""
    begins = at + np.cumsum([0, *map(len, blocks)], dtype=np.int64)
    block, within = np.divmod(found.offset, BLOCK_BYTES)
    virtual = ((begins[block] << 16) | within).astype(np.uint64)
    stop = int(begins[-1]) << 16
    for chrom, first, last in found.runs:
        end = stop if last == len(virtual) else int(virtual[last])
        index.add(chrom, found.start[first:last], found.end[first:last], virtual[first:last], end)


def _declared_end(info: bytes) -> int:
    """Return END of the INFO column; 0 where there is none."""
    for entry in info.split(b";"):
        if entry.startswith(b"END=") and entry[4:].isdigit():
            return int(entry[4:])
    return 0
