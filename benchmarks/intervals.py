"""100,000 random 101-bp intervals of a BED file from a 100-Mb FASTA: seqcnn against tangermeme's extract_loci.

    python benchmarks/intervals.py [--repeats 5] [--threads 2]

Timed, the same for both: reading the BED file, opening the FASTA with its .fai index already there, and cutting the
sequences out. Not timed: imports, and one call on 100 intervals before (tangermeme compiles its loops on the first).
seqcnn gives codes (uint8, n x 101), tangermeme one-hot (int8, n x 4 x 101). Every run is a process of its own, whose
peak resident memory is that of the process with all that it imported; "grown" is what the timed part adds to it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

N_INTERVALS, LENGTH, N_CHROMS, CHROM, LINE = 100_000, 101, 5, 20_000_000, 60


def make_inputs(folder: Path) -> None:
    """Write genome.fa, intervals.bed and a short few.bed."""
    rng = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    with open(folder / "genome.fa", "wb") as file:
        for c in range(N_CHROMS):
            file.write(b">chr%d\n" % (c + 1))
            sequence = letters[rng.integers(0, 4, CHROM, dtype=np.uint8)]
            full = CHROM // LINE
            lines = np.full((full, LINE + 1), ord("\n"), dtype=np.uint8)
            lines[:, :LINE] = sequence[: full * LINE].reshape(full, LINE)
            file.write(lines.tobytes() + sequence[full * LINE :].tobytes() + b"\n")
    chroms, starts = rng.integers(1, N_CHROMS + 1, N_INTERVALS), rng.integers(0, CHROM - LENGTH, N_INTERVALS)
    rows = [f"chr{c}\t{s}\t{s + LENGTH}\n" for c, s in zip(chroms.tolist(), starts.tolist(), strict=True)]
    (folder / "intervals.bed").write_text("".join(rows))
    (folder / "few.bed").write_text("".join(rows[:100]))


def seqcnn_codes(bed: str, fasta: str) -> np.ndarray:
    """Cut out with seqcnn; codes, shape (n, 101)."""
    from seqcnn.formats.bed import read_bed
    from seqcnn.formats.genome import Genome
    from seqcnn.formats.stream import open_input

    with open_input(bed) as stream:
        regions = read_bed(stream, bed)
    with Genome(fasta) as genome:
        return genome.extract(regions.chrom, regions.start, regions.end, regions.strand).padded()


def tangermeme_one_hot(bed: str, fasta: str, threads: int) -> np.ndarray:
    """Cut out with tangermeme; one-hot, shape (n, 4, 101)."""
    from tangermeme.io import extract_loci

    return extract_loci(bed, fasta, in_window=LENGTH, n_jobs=threads).numpy()


def run_one(who: str, folder: Path, threads: int) -> None:
    """Time one run in this process and print it as JSON."""
    cut = seqcnn_codes if who == "seqcnn" else lambda bed, fasta: tangermeme_one_hot(bed, fasta, threads)
    fasta = str(folder / "genome.fa")
    cut(str(folder / "few.bed"), fasta)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    rows = cut(str(folder / "intervals.bed"), fasta)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    codes = rows if who == "seqcnn" else rows.argmax(axis=1).astype(np.uint8)
    checksum = int(np.bitwise_xor.reduce(codes.astype(np.int64).sum(axis=1) * np.arange(1, len(codes) + 1)))
    result = {"seconds": seconds, "peak": peak / 1024, "grown": (peak - before) / 1024, "checksum": checksum}
    print(json.dumps(result | {"n": len(rows)}))


def measure(who: str, folder: Path, threads: int, repeats: int) -> dict[str, float]:
    """Return medians over runs, each in a process of its own."""
    command = [sys.executable, __file__, "--run", who, "--folder", str(folder), "--threads", str(threads)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "NUMBA_NUM_THREADS": str(threads)}
    runs = []
    for _ in range(repeats):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{who} failed:\n{done.stderr}")
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def main() -> None:
    """Run both and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--run", choices=["inputs", "seqcnn", "tangermeme"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run == "inputs":
        make_inputs(options.folder)
        return
    if options.run:
        run_one(options.run, options.folder, options.threads)
        return
    if importlib.util.find_spec("tangermeme") is None:
        raise SystemExit("tangermeme is not installed; run: python -m pip install -r benchmarks/requirements.txt")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a child's peak memory starts at that of the process that starts it.
        subprocess.run([sys.executable, __file__, "--run", "inputs", "--folder", name], check=True)
        measure("seqcnn", folder, options.threads, 1)  # makes the .fai that both use
        ours = measure("seqcnn", folder, options.threads, options.repeats)
        peer = measure("tangermeme", folder, options.threads, options.repeats)
    if ours["checksum"] != peer["checksum"]:
        raise SystemExit("the two gave different sequences")
    print(f"{N_INTERVALS:,} intervals of {LENGTH} bp from {N_CHROMS * CHROM / 1e6:.0f} Mb, median of {options.repeats}")
    print(f"{'':24}{'seqcnn':>12}{'tangermeme':>12}{'ratio':>8}")
    for label, ours_value, peer_value, form in (
        ("seconds", ours["seconds"], peer["seconds"], ".3f"),
        ("intervals/s", ours["n"] / ours["seconds"], peer["n"] / peer["seconds"], ",.0f"),
        ("peak memory, MB", ours["peak"], peer["peak"], ".0f"),
        ("grown by, MB", ours["grown"], peer["grown"], ".0f"),
    ):
        print(f"{label:24}{ours_value:>12{form}}{peer_value:>12{form}}{ours_value / peer_value:>8.2f}")


if __name__ == "__main__":
    main()
