"""Encoding 100,000 x 101 bp FASTA: ours, a Biopython loop that builds one-hot arrays, and reading plus one look-up.

    python benchmarks/encoding.py

All three run in this process, in turn; the table gives the median of five. Bars: at least 15 times the loop's speed,
and at most 3 times the time of reading the bytes and looking each up in a table.
"""

from __future__ import annotations

import os

THREADS = 2
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, str(THREADS))

import statistics  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
from Bio.SeqIO.FastaIO import SimpleFastaParser  # noqa: E402

from seqcnn.formats.fasta import read_fasta  # noqa: E402
from seqcnn.formats.stream import open_input  # noqa: E402
from seqcnn.sequence.alphabet import ENCODE_TABLE  # noqa: E402

N_SEQUENCES = 100_000
LENGTH = 101
REPEATS = 5

TABLE = np.frombuffer(ENCODE_TABLE, dtype=np.uint8)
COLUMNS = {letter: np.eye(4, dtype=np.float32)[i] for i, letter in enumerate("ACGT")}
BASES = np.frombuffer(b"ACGT", dtype=np.uint8)[:, None]


def write_fasta(path: Path) -> None:
    """Write random sequences, one line each."""
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[np.random.default_rng(0).integers(0, 4, (N_SEQUENCES, LENGTH))]
    path.write_bytes(b"".join(b">seq_%06d\n%s\n" % (i, row.tobytes()) for i, row in enumerate(letters, start=1)))


def ours(path: Path) -> int:
    """Read names, codes and offsets into memory."""
    with open_input(path) as stream:
        return sum(len(records) for records in list(read_fasta(stream, path)))


def biopython_letters(path: Path) -> int:
    """Build each one-hot array from one column a letter, as is usual."""
    with path.open() as handle:
        return len([np.stack([COLUMNS[c] for c in s], axis=1) for _, s in SimpleFastaParser(handle)])


def biopython_numpy(path: Path) -> int:
    """Build each one-hot array by one comparison, the fastest loop that we know."""
    with path.open() as handle:
        rows = ((np.frombuffer(s.encode(), np.uint8) == BASES).astype(np.float32) for _, s in SimpleFastaParser(handle))
        return len(list(rows))


def read_and_look_up(path: Path) -> int:
    """Read the bytes and look each up: the least that any encoder in numpy must do."""
    return len(TABLE[np.frombuffer(path.read_bytes(), dtype=np.uint8)])


def main() -> None:
    """Time all, in turn, and print the table."""
    tasks: list[Callable[[Path], int]] = [ours, read_and_look_up, biopython_numpy, biopython_letters]
    seconds: dict[str, list[float]] = {task.__name__: [] for task in tasks}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.fa"
        write_fasta(path)
        for _ in range(REPEATS):
            for task in tasks:
                start = time.perf_counter()
                task(path)
                seconds[task.__name__].append(time.perf_counter() - start)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    mine = median["ours"]
    print(f"encoding {N_SEQUENCES:,} x {LENGTH} bp FASTA, {THREADS} threads, median of {REPEATS}")
    print(f"{'':<20}{'ms':>9}  {'ratio':<28}bar")
    print(f"{'ours':<20}{mine * 1e3:>9.1f}")
    look_up = median.pop("read_and_look_up")
    print(f"{'read_and_look_up':<20}{look_up * 1e3:>9.1f}  {f'ours takes {mine / look_up:.2f} x':<28}<= 3 x")
    for name in ("biopython_numpy", "biopython_letters"):
        print(f"{name:<20}{median[name] * 1e3:>9.1f}  {f'ours is {median[name] / mine:.1f} x as fast':<28}>= 15 x")


if __name__ == "__main__":
    main()
