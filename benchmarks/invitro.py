"""Correlation on in-vitro assays, train on one design and test on the other, beside the published DeepBind models.

    python benchmarks/invitro.py FOLDER [--only NAME,...] [--seed N] [--bias] [--threads N]

FOLDER holds rnacompete/RNCMPT00001.{train,test}.txt.gz (sets A and B, 30,000 probes of each: ``intensity sequence``)
and dream5_pbm/{Cebpb,Foxo1,Egr2}_{HK,ME}.txt.gz (``sequence signal background``). Each row is made by the two commands
below it, which are what a user would type; metrics are on the intensities of the test array as they are in its file.

The settings were chosen on the training arrays alone: of fifths of RNCMPT00001 set A and of the HK arrays, three to
train on, one to choose the epoch, one to judge. RNA is folded by ViennaRNA, and for comparison not. With --bias, PBM
models are trained and judged once more with the bias of each probe, told from the arrays of the other two proteins: two
are few, DeepBind took all of the challenge.

Published: Pearson of the DeepBind models D00084.001 and those of the DREAM5 challenge (Alipanahi et al. 2015,
doi:10.1038/nbt.3300) on the same test rows.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PUBLISHED = {"RNCMPT00001": 0.555, "Cebpb": 0.745, "Foxo1": 0.592, "Egr2": 0.724}
PROTEINS = ("Cebpb", "Foxo1", "Egr2")

RNACOMPETE = (
    "--alphabet rna --prepare rnacompete --power 0.75 --kernel-size 8 --n-filters 256 --dropout 0 --epochs 6 "
    "--learning-rate 0.005"
)
PBM = (
    "--target-column 2 --prepare pbm --strands one --kernel-size 12 --n-filters 256 --members 8 --epochs 6 "
    "--learning-rate 0.005"
)


@dataclass(frozen=True)
class Pair:
    """Two designs, and the options of both commands."""

    name: str
    train: Path
    test: Path
    training: list[str]
    judging: list[str]


def pairs(folder: Path, *, bias: bool) -> list[Pair]:
    """Return what is to be trained and judged."""
    pools = [folder / "rnacompete" / f"RNCMPT00001.{part}.txt.gz" for part in ("train", "test")]
    made = [
        Pair("RNCMPT00001 with structure", *pools, [*RNACOMPETE.split(), "--structure", "fold"], []),
        Pair("RNCMPT00001", *pools, RNACOMPETE.split(), []),
    ]
    for protein in PROTEINS:
        train, test = (folder / "dream5_pbm" / f"{protein}_{design}.txt.gz" for design in ("HK", "ME"))
        made.append(Pair(protein, train, test, PBM.split(), ["--target-column", "2"]))
        if bias:
            others = {
                path: ",".join(str(path).replace(protein, other) for other in PROTEINS if other != protein)
                for path in (train, test)
            }
            training = [*PBM.split(), "--bias", others[train]]
            made.append(
                Pair(f"{protein} with bias", train, test, training, [*made[-1].judging, "--bias", others[test]])
            )
    return made


def run(*arguments: str | Path) -> str:
    """Run a command and return what the user would type."""
    words = [str(argument) for argument in arguments]
    subprocess.run([sys.executable, "-m", "seqcnn", *words], check=True, stdout=subprocess.DEVNULL)
    return "seqcnn " + shlex.join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--bias", action="store_true")
    parser.add_argument("--threads", default="2")
    given = parser.parse_args()
    columns = "data", "trained on", "tested on", "Pearson", "95% interval", "Spearman", "published", "difference"
    print(f"| {' | '.join([*columns, 'training'])} |")
    print("|---|---|---|---|---|---|---|---|---|")
    commands = []
    for pair in pairs(given.folder, bias=given.bias):
        protein = pair.name.split()[0]
        if given.only and protein not in given.only.split(","):
            continue
        with tempfile.TemporaryDirectory() as folder:
            common = ["--threads", given.threads, "--quiet"]
            began = time.perf_counter()
            options = [*pair.training, "--seed", given.seed]
            train = run("train", pair.train, "-o", f"{folder}/run", *options, *common)
            seconds = time.perf_counter() - began
            judge = run("evaluate", f"{folder}/run", pair.test, "-o", f"{folder}/test.json", *pair.judging, *common)
            (metrics,) = json.loads(Path(f"{folder}/test.json").read_text())["metrics"].values()
            commands += [command.replace(folder, "OUT") for command in (train, judge)]
        pearson, published = metrics["pearson"], PUBLISHED[protein]
        print(
            f"| {pair.name} | {pair.train.name} | {pair.test.name} | {pearson['value']:.3f} "
            f"| {pearson['low']:.3f} to {pearson['high']:.3f} | {metrics['spearman']['value']:.3f} | {published:.3f} "
            f"| {pearson['value'] - published:+.3f} | {seconds:.0f} s |",
            flush=True,
        )
    print("\nCommands:\n")
    print("\n".join(f"    {command}" for command in commands))


if __name__ == "__main__":
    main()
