"""Make the example that `seqcnn workflow init` copies: a part of the files that make_example.py makes.

    python data/workflow_example.py [--out DIR]

Training and test examples are files of their own where there are no chromosomes to hold out.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

from Bio import bgzf
from make_example import write_gzip

DATA = Path(__file__).resolve().parent
HOME = DATA.parent / "seqcnn" / "workflow" / "template" / "data"
CHROMOSOMES = ("chr2", "chr4")
N_RNAS, N_PROBES = 800, 800
"""For training; half as many are for the test."""


def write_genome(path: Path) -> None:
    """Write the chosen chromosomes, bgzipped."""
    records = gzip.decompress((DATA / "genome.fa.gz").read_bytes()).decode().split(">")[1:]
    text = "".join(f">{record}" for record in records if record.split(None, 1)[0] in CHROMOSOMES).encode()
    with bgzf.BgzfWriter(str(path), compresslevel=9) as out:
        for start in range(0, len(text), 65_280):  # blocks as bgzip cuts them
            out.write(text[start : start + 65_280])
            out.flush()


def write_peaks(path: Path) -> None:
    lines = (DATA / "peaks.narrowPeak").read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.split("\t")[0] in CHROMOSOMES))


def write_variants(path: Path) -> None:
    lines = (DATA / "variants.vcf").read_text().splitlines(keepends=True)
    other = [f"ID=chr{number}," for number in range(1, 5) if f"chr{number}" not in CHROMOSOMES]
    kept = [
        line
        for line in lines
        if line.split("\t")[0] in CHROMOSOMES
        or (line.startswith("#") and not any(f"contig=<{name}" in line for name in other))
    ]
    path.write_text("".join(kept))


def write_rnas(folder: Path) -> None:
    records = gzip.decompress((DATA / "clip.fa.gz").read_bytes()).decode().split(">")[1:]
    parts = {"train": records[:N_RNAS], "test": records[N_RNAS : N_RNAS + N_RNAS // 2]}
    for part, chosen in parts.items():
        write_gzip(folder / f"rbfox1.{part}.fa.gz", "".join(f">{record}" for record in chosen))


def write_probes(folder: Path) -> None:
    """Write array A for training and array B for the test."""
    header, *lines = (DATA / "probes.tsv").read_text().splitlines(keepends=True)
    for part, array, n in (("train", "A", N_PROBES), ("test", "B", N_PROBES // 2)):
        chosen = [line for line in lines if line.rstrip().endswith(f"\t{array}")][:n]
        write_gzip(folder / f"gabpa.{part}.tsv.gz", "".join([header, *chosen]))


def make_all(folder: Path) -> None:
    """Write every file of the example into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_genome(folder / "genome.fa.gz")
    write_peaks(folder / "ctcf.narrowPeak")
    write_variants(folder / "variants.vcf")
    write_rnas(folder)
    write_probes(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HOME, help="folder (default: that of the package)")
    make_all(parser.parse_args().out)


if __name__ == "__main__":
    main()
