"""Ground truth: are motifs that were planted in simulated sequences among the three strongest that are found?

    python benchmarks/planted_motifs.py DATABASE [--sets N] [--first N] [--method NAME] [--folder FOLDER]

DATABASE is a file of JASPAR matrices, such as JASPAR2024_CORE_vertebrates_latest.jaspar. A set is made of 1 to 3 of
them, drawn at random from those of 7 to 20 bp with at least 9 bits that do not resemble each other, and 2,000 random
sequences of 101 bp (40 to 50% GC). Each sequence holds each motif with a probability of 0.6, and one at least; sites
are drawn base by base from the matrix, on either strand, anywhere, not overlapping. `seqcnn train` with its defaults
(negatives are shuffles), then `seqcnn motifs --merge --database DATABASE` (--method contributions: without --merge).

A planted motif counts as found where one of the three motifs with the largest effect matches its matrix with q < 0.01,
the database being the whole of JASPAR; of several it is the one with the smallest p. Pearson is that of the
probabilities in all aligned columns; beside it stands the share of the matrix's information that lies in them. With
--folder, runs are kept there and models that are there already are not trained again. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import read_motifs
from seqcnn.interpret.comparison import Database, Matches
from seqcnn.sequence.alphabet import decode, reverse_complement

LENGTH, PRESENT, TOP, LIMIT, LIKE = 101, 0.6, 3, 0.01, 1e-3


@dataclass(frozen=True)
class Recovery:
    """How well a planted motif was found again; rank 0 if none of the strongest motifs matches it."""

    planted: Motif
    rank: int
    q: float
    pearson: float
    covered: float
    best: str


def choose(known: list[Motif], database: Database, rng: np.random.Generator) -> list[Motif]:
    """Draw 1 to 3 matrices that do not resemble each other."""
    fit = [i for i, m in enumerate(known) if 7 <= m.width <= 20 and m.information().sum() >= 9]
    chosen: list[int] = []
    alike = np.zeros(len(known), dtype=bool)
    for number in rng.permutation(fit)[:200]:
        if not alike[number]:
            chosen.append(int(number))
            alike |= database.search(known[number]).p < LIKE
        if len(chosen) == 3:
            break
    return [known[i] for i in chosen[: int(rng.integers(1, 4))]]


def site(motif: Motif, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a site, on either strand."""
    levels = np.cumsum(motif.ppm, axis=0)
    drawn = np.minimum((rng.random(motif.width) > levels).sum(0), 3).astype(np.uint8)
    return reverse_complement(drawn) if rng.random() < 0.5 else drawn


def simulate(planted: list[Motif], n: int, rng: np.random.Generator, path: Path) -> None:
    """Write sequences with sites."""
    gc = rng.uniform(0.4, 0.5)
    codes = rng.choice(4, (n, LENGTH), p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]).astype(np.uint8)
    with path.open("w") as file:
        for number, row in enumerate(codes):
            there = rng.random(len(planted)) < PRESENT
            if not there.any():
                there[rng.integers(len(planted))] = True
            sites = [site(planted[i], rng) for i in rng.permutation(np.flatnonzero(there))]
            free = LENGTH - sum(map(len, sites))
            gaps = np.sort(rng.integers(0, free + 1, len(sites)))
            before = 0
            for gap, each in zip(gaps.tolist(), sites, strict=True):
                row[gap + before : gap + before + len(each)] = each
                before += len(each)
            file.write(f">s{number}\n{decode(row)}\n")


def recover(planted: Motif, place: int, strongest: list[Motif], found: list[Matches], database: Database) -> Recovery:
    """Look for a planted matrix, the database's number `place`, among the strongest motifs."""
    hits = [(matches.p[place], i) for i, matches in enumerate(found)]
    if not hits:
        return Recovery(planted, 0, 1.0, 0.0, 0.0, "-")
    _, number = min(hits)
    matches, motif = found[number], strongest[number]
    q = float(matches.q[place])
    target = planted.reverse_complement() if matches.strand[place] == "-" else planted
    offset, overlap = int(matches.offset[place]), int(matches.overlap[place])
    mine, theirs = max(-offset, 0), max(offset, 0)
    ours, truth = motif.ppm[:, mine : mine + overlap], target.ppm[:, theirs : theirs + overlap]
    pearson = float(np.corrcoef(ours.ravel(), truth.ravel())[0, 1])
    information = target.information()
    covered = float(information[theirs : theirs + overlap].sum() / information.sum())
    best = database.targets[int(matches.order()[0])]
    return Recovery(planted, number + 1 if q < LIMIT else 0, q, pearson, covered, best.shown_name())


def strongest_motifs(folder: Path, top: int) -> list[Motif]:
    """Return the motifs with the largest effect."""
    with (folder / "motifs.tsv").open() as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["status"] == "kept"]
    rows.sort(key=lambda row: -float(row["effect"] or 0))
    if not rows:
        return []
    by_name = {motif.name: motif for motif in read_motifs(folder / "motifs.meme")}
    return [by_name[row["name"]] for row in rows[:top]]


def run(*arguments: str | Path) -> float:
    """Run a command of seqcnn; return the seconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "seqcnn", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def one_set(
    number: int, known: list[Motif], database: Database, given: argparse.Namespace, folder: Path
) -> list[Recovery]:
    """Simulate, train, find motifs; print a row for each planted one."""
    rng = np.random.default_rng([20, number])
    planted = choose(known, database, rng)
    folder.mkdir(parents=True, exist_ok=True)
    simulate(planted, given.positives, rng, folder / "positives.fa")
    seconds = 0.0
    if not (folder / "run" / "model.safetensors").exists():
        seconds = run("train", folder / "positives.fa", "-o", folder / "run", "--seed", "1", "--quiet", "--force")
    how = ["--method", "contributions"] if given.method == "contributions" else ["--merge"]
    out = folder / given.method
    found_in = run(
        *("motifs", folder / "run", folder / "positives.fa", "--negatives", "dinucleotide", "-o", out, *how),
        *("--database", given.database, "--logos", "none", "--quiet", "--force"),
    )
    strongest = strongest_motifs(out, TOP)
    matches = [database.search(motif) for motif in strongest]
    rows = []
    for motif in planted:
        place = known.index(motif)
        row = recover(motif, place, strongest, matches, database)
        rows.append(row)
        print(
            f"| {number} | {motif.shown_name()} {motif.consensus()} | {row.rank or 'none'} | {row.q:.1e} "
            f"| {row.pearson:.3f} | {row.covered:.2f} | {row.best} | {seconds:.0f} s | {found_in:.0f} s |",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", type=Path)
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="number of the first set")
    parser.add_argument("--method", choices=["filters", "contributions"], default="filters")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--positives", type=int, default=2000)
    given = parser.parse_args()
    known = read_motifs(given.database)
    database = Database(known)
    print("| set | planted | rank | q | Pearson | covered | top match of that motif | training | motifs |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows: list[Recovery] = []
    with tempfile.TemporaryDirectory() as name:
        for number in range(given.first, given.first + given.sets):
            rows += one_set(number, known, database, given, (given.folder or Path(name)) / f"set{number}")
    n, ranked = len(rows), [row for row in rows if row.rank]
    close = sum(row.pearson >= 0.9 for row in ranked)
    print(
        f"\n{len(ranked)} of {n} planted motifs ({len(ranked) / n:.0%}) among the top {TOP} with q < {LIMIT}; bar 95%"
    )
    print(f"{close} of these {len(ranked)} with a Pearson correlation of at least 0.9; bar: all")


if __name__ == "__main__":
    main()
