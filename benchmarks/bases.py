"""Which bases are bound: a U-Net trained on peak intervals against scans by DeepBind and by a known motif.

    python benchmarks/bases.py FOLDER [--only NAME,...] [--seed N] [--motifs JASPAR]

FOLDER holds ``sacCer3.fa.gz`` and ``peaks/*_CX.bed``, 1-bp ChIP-exo peaks (Rossi et al. 2021,
doi:10.1038/s41586-021-03314-8). `seqcnn encode peaks.bed --genome sacCer3.fa.gz --length 201 --bound-bases 21
--negatives-ratio 2` keeps 21 bp around each peak as bound, in windows that lie anywhere around it, beside windows of
like GC; chromosomes IV and XII are held out. All are judged on the same bases of the same windows: AUROC, and AUPRC
beside the share of bound bases.

- unet: `seqcnn train data.h5 --architecture unet --test-chroms chr4,chr12`; the score of each base.
- deepbind: the default model on 101-bp windows of the same peaks, as `seqcnn scan --length 31` uses it: each base has
  the score of the window around it.
- motif: JASPAR's matrix, log-odds of the better strand; each base has the best of the sites whose middle lies within
  10 bp, as a peak of 21 bp has.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, join
from seqcnn.dataset.split import on_chromosomes
from seqcnn.dataset.store import Dataset
from seqcnn.formats.motif_files import read_motifs
from seqcnn.models.modelfile import load
from seqcnn.sequence.alphabet import one_hot, reverse_complement
from seqcnn.training.judging import base_metrics

MORE = ("--negatives-ratio", "2")
HELD_OUT, LENGTH, BOUND, SMALL = "chr4,chr12", "201", "21", 31


def seqcnn(*words: object) -> float:
    """Run a command; return its CPU seconds, where it runs alone on one thread."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "seqcnn", *map(str, words), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def held_out(path: Path) -> Examples:
    """Return the examples on the chromosomes that are held out."""
    examples = join(list(Dataset(path).chunks()))
    return examples.take(on_chromosomes(examples, HELD_OUT.split(","), []))


def by_windows(folder: Path, examples: Examples) -> NDArray[np.float32]:
    """Return for each base the score that a model gives the window around it."""
    network = load(folder).network
    half, scores = SMALL // 2, []
    for codes in examples.sequences:
        around = np.pad(codes, half, constant_values=4)
        scores.append(network.score_windows(around, np.arange(len(codes)), SMALL).mean(0)[:, 0])
    return np.concatenate(scores)


def by_motif(path: Path, name: str, examples: Examples) -> NDArray[np.float32]:
    """Return for each base the best log-odds of a site nearby."""
    motif = next(each for each in read_motifs(str(path)) if name.upper() in each.alternate.upper())
    odds = motif.pwm(0.1)
    width, reach, scores = odds.shape[1], int(BOUND) // 2, []
    for codes in examples.sequences:
        best = np.full(len(codes) + 2 * reach, -np.inf)
        for row, flip in ((codes, False), (reverse_complement(codes), True)):
            hot = one_hot(row[None])[0]
            sites = sum(odds[:, i] @ hot[:, i : len(row) - width + 1 + i] for i in range(width))
            sites = sites[::-1] if flip else sites
            first = width // 2 + reach
            best[first : first + len(sites)] = np.maximum(best[first : first + len(sites)], sites)
        scores.append(np.lib.stride_tricks.sliding_window_view(best, 2 * reach + 1).max(1))
    found = np.concatenate(scores)
    return np.where(np.isfinite(found), found, found[np.isfinite(found)].min()).astype(np.float32)


def judge(examples: Examples, scores: NDArray[np.float32]) -> dict[str, Any]:
    """Return the metrics of bases."""
    assert examples.bound is not None
    known = examples.bound.data < 2
    row = np.repeat(np.arange(len(examples)), examples.sequences.lengths)
    return base_metrics(examples.bound.data[known], scores[known], row[known])


def line(factor: str, how: str, metrics: dict[str, Any], seconds: float | None) -> str:
    """Return a row of the table."""
    area, precision = metrics["bases_auroc"], metrics["bases_auprc"]
    return (
        f"| {factor} | {how} | {area['value']:.3f} | {precision['value']:.3f} "
        f"| {precision['low']:.3f} to {precision['high']:.3f} | {metrics['bases_prevalence']:.4f} "
        f"| {'' if seconds is None else f'{seconds:.0f} s'} |"
    )


def main() -> None:
    """Train on each factor and print its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="Abf1,Reb1")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--motifs", type=Path, help="JASPAR matrices; no row of the motif without them.")
    parser.add_argument("--options", default="", help="More options of the U-Net's training, in one word.")
    given = parser.parse_args()
    print("| factor | bases are scored by | AUROC | AUPRC | 95% interval | share that is bound | training |")
    print("|---|---|---|---|---|---|---|")
    for factor in given.only.split(","):
        peaks, genome = given.folder / "peaks" / f"{factor}_CX.bed", given.folder / "sacCer3.fa.gz"
        with tempfile.TemporaryDirectory() as name:
            data, run, plain = Path(name) / "data.h5", Path(name) / "unet", Path(name) / "deepbind"
            where = ["--genome", genome, "--seed", given.seed]
            seqcnn("encode", peaks, *where, "--length", LENGTH, "--bound-bases", BOUND, *MORE, "-o", data)
            split = ["--test-chroms", HELD_OUT, "--seed", given.seed]
            seconds = seqcnn("train", data, "--architecture", "unet", *split, *given.options.split(), "-o", run)
            metrics = next(iter(json.loads((run / "metrics.json").read_text())["test"].values()))
            print(line(factor, "unet", metrics, seconds), flush=True)
            examples = held_out(data)
            seconds = seqcnn("train", peaks, *where, "--length", "101", "--test-chroms", HELD_OUT, "-o", plain)
            print(line(factor, "deepbind", judge(examples, by_windows(plain, examples)), seconds), flush=True)
            if given.motifs is not None:
                print(
                    line(factor, "motif", judge(examples, by_motif(given.motifs, factor, examples)), None), flush=True
                )


if __name__ == "__main__":
    main()
