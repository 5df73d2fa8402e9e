"""Peak memory and speed of `seqcnn encode` and `seqcnn predict` on 1,000,000 and 10,000,000 x 101 bp.

    python benchmarks/memory.py [--large] [--folder FOLDER] [--members M] [--filters F] [--threads N]

Each command runs in a process of its own; its peak is the resident memory that the system counted for it, with all that
it imported. Bars: under 700 MB, and with --large (FOLDER then needs 4 GB for a while) 10,000,000 sequences within 1.1
times the memory of 1,000,000. The model has random weights, which take the same time and memory as trained ones.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LENGTH, AT_ONCE, SMALL, LARGE, BAR_MB, BAR_GROWTH = 101, 10_000, 1_000_000, 10_000_000, 700, 1.1


def make_fasta(path: Path, n: int) -> None:
    """Write random sequences, one line each."""
    import numpy as np

    rng, letters = np.random.default_rng(1), np.frombuffer(b"ACGT", dtype=np.uint8)
    with path.open("wb") as file:
        for start in range(0, n, AT_ONCE):
            rows = letters[rng.integers(0, 4, (min(AT_ONCE, n - start), LENGTH), dtype=np.uint8)]
            file.write(b"".join(b">seq_%08d\n%s\n" % (start + i, row.tobytes()) for i, row in enumerate(rows, 1)))


def make_model(path: Path, members: int, filters: int) -> None:
    """Write a model with random weights."""
    from seqcnn.models import architectures
    from seqcnn.models.modelfile import Model, save

    network = architectures.create("deepbind", {"n_members": members, "n_filters": filters})
    network.seed(range(members))
    save(Model(network.eval(), "deepbind", "dna", "binary", ("bound",), None, {}), path)


def measure(*arguments: str | Path) -> tuple[float, float]:
    """Run a command; return its peak resident memory in MB (1e6 bytes) and its seconds."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "seqcnn", *map(str, arguments)], stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"seqcnn {arguments[0]} failed")
    unit = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * unit / 1e6, time.perf_counter() - began


def measure_size(folder: Path, n: int, threads: list[str]) -> dict[str, float]:
    """Print a line for each command on `n` sequences; return the peaks."""
    fasta, encoded, scores, model = (folder / name for name in ("in.fa", "in.h5", "scores.tsv", "model.safetensors"))
    # In a process of its own: a child's peak memory starts at that of the process that starts it.
    subprocess.run([sys.executable, __file__, "--make-fasta", str(n), "--folder", folder], check=True)
    commands: dict[str, list[str | Path]] = {
        "encode FASTA": ["encode", fasta, "--negatives", "none", "-o", encoded],
        "predict FASTA": ["predict", model, fasta, "-o", scores, *threads],
        "predict HDF5": ["predict", model, encoded, "-o", scores, *threads],
    }
    peaks = {}
    for name, command in commands.items():
        peaks[name], seconds = measure(*command, "--quiet", "--force")
        print(f"{name:<16}{n:>12,}{peaks[name]:>9.0f} MB{seconds:>8.1f} s{n / seconds:>12,.0f} sequences/s", flush=True)
    return peaks


def main() -> None:
    """Make inputs, run all, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help=f"also {LARGE:,} sequences")
    parser.add_argument("--folder", type=Path, help="where temporary files go (default: the system's place)")
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--threads", type=int, help="CPU threads of predict (default: all)")
    parser.add_argument("--make-fasta", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--make-model", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make_fasta:
        make_fasta(given.folder / "in.fa", given.make_fasta)
        return
    if given.make_model:
        make_model(given.folder / "model.safetensors", given.members, given.filters)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        shape = ["--members", str(given.members), "--filters", str(given.filters)]
        subprocess.run([sys.executable, __file__, "--make-model", "--folder", name, *shape], check=True)
        threads = ["--threads", str(given.threads)] if given.threads else []
        print(f"{LENGTH} bp; model of {given.members} x {given.filters} filters; bar: under {BAR_MB} MB")
        small = measure_size(Path(name), SMALL, threads)
        if given.large:
            large = measure_size(Path(name), LARGE, threads)
            for task, peak in large.items():
                print(f"{task:<16}{peak / small[task]:>9.3f} x the memory of {SMALL:,} (bar: {BAR_GROWTH})")


if __name__ == "__main__":
    main()
