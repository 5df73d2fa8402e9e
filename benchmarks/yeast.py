"""Accuracy on peaks and a genome as one has them: five yeast factors, two chromosomes held out.

    python benchmarks/yeast.py FOLDER [--preset NAME] [--seed N] [--only NAME,...]

FOLDER holds ``sacCer3.fa.gz`` and ``peaks/*_CX.bed``, 1-bp ChIP-exo peaks (Rossi et al. 2021,
doi:10.1038/s41586-021-03314-8). Each model is trained by `seqcnn train peaks.bed --genome sacCer3.fa.gz --length 101
--negatives gc --test-chroms chr4,chr12 --seed 1` on 101-bp windows around the peaks and windows of like GC away from
them. Prints a Markdown table of the test on the held-out chromosomes.
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

FACTORS, HELD_OUT, LENGTH = "Reb1,Abf1,Mcm1,Tbf1,Cin5", "chr4,chr12", "101"


def train(folder: Path, factor: str, preset: str, seed: str, run: Path) -> tuple[float, dict[str, Any]]:
    """Train on one factor; return the seconds and the test's metrics."""
    peaks = folder / "peaks" / f"{factor}_CX.bed"
    command = [sys.executable, "-m", "seqcnn", "train", peaks, "--genome", folder / "sacCer3.fa.gz", "-o", run]
    command += ["--length", LENGTH, "--negatives", "gc", "--test-chroms", HELD_OUT, "--seed", seed]
    began = time.perf_counter()
    subprocess.run([*map(str, command), "--preset", preset, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    metrics = json.loads((run / "metrics.json").read_text())["test"]
    return time.perf_counter() - began, next(iter(metrics.values()))


def main() -> None:
    """Train on each factor and print its row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", default=FACTORS)
    given = parser.parse_args()
    print("| factor | peaks | test examples | AUROC | 95% interval | AUPRC | prevalence | training |")
    print("|---|---|---|---|---|---|---|---|")
    for factor in given.only.split(","):
        n_peaks = len((given.folder / "peaks" / f"{factor}_CX.bed").read_text().splitlines())
        with tempfile.TemporaryDirectory() as name:
            seconds, metrics = train(given.folder, factor, given.preset, given.seed, Path(name) / "run")
        area, precision = metrics["auroc"], metrics["auprc"]["value"]
        interval = f"{area['low']:.3f} to {area['high']:.3f}"
        print(
            f"| {factor} | {n_peaks:,} | {metrics['n']} | {area['value']:.3f} | {interval} "
            f"| {precision:.3f} | {metrics['prevalence']:.3f} | {seconds:.0f} s |",
            flush=True,
        )


if __name__ == "__main__":
    main()
