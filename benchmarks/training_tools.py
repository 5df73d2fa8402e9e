"""What the tools of training do to the AUROC on held-out examples, each by itself, over some seeds.

    python benchmarks/training_tools.py FOLDER [--seeds N] [--only NAME,...] [--set NAME] [--out FILE]

FOLDER holds ``deepbind_encode10/MYC_*_AC.seq.gz`` and ``_B.seq.gz`` of the DeepBind code release, and
``gue_tf2/train.csv.gz`` and ``test.csv.gz`` of the GUE benchmark. MYC: one DeepBind of 16 filters, 15
epochs, negatives shuffled afresh; GUE: basset of 16 filters on 2,000 training examples drawn at random, 10 epochs. Both
strands are read, but for the two rows that compare one strand with and without reverse complements.

The model is chosen by validation as ever (a tenth of the training examples); the test files are only scored. Prints a
Markdown table: mean and standard deviation of the AUROC over seeds, the difference to plain of the same seeds with its
standard error, and CPU seconds of a training. --out adds every single result to a TSV and does not train those in it
again.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from seqcnn.cli.main import run

TOOLS = {
    "plain": "",
    "--shift 10": "--shift 10",
    "--mutate-rate 0.05": "--mutate-rate 0.05",
    "--erase 20": "--erase 20",
    "--mixup 0.4": "--mixup 0.4",
    "--loss hinge": "--loss hinge",
    "--schedule constant": "--schedule constant",
    "--weight-averaging ema": "--weight-averaging ema",
    "--schedule constant --weight-averaging ema": "--schedule constant --weight-averaging ema",
    "--schedule constant --weight-averaging swa": "--schedule constant --weight-averaging swa",
    "--strands one": "--strands one",
    "--strands one --reverse-complement": "--strands one --reverse-complement",
}
N_GUE = 2000
SETS = {
    "MYC, deepbind": ["--members", "1", "--n-filters", "16", "--epochs", "15"],
    "GUE, basset": ["--architecture", "basset", "--members", "1", "--n-filters", "16", "--epochs", "10"],
}


def files(name: str, folder: Path, scratch: Path) -> tuple[Path, Path]:
    """Return what is trained on and what is held out."""
    if name.startswith("MYC"):
        found = {end: next((folder / "deepbind_encode10").glob(f"MYC_*_{end}.seq.gz")) for end in ("AC", "B")}
        return found["AC"], found["B"]
    out = scratch / "train.csv"
    with gzip.open(folder / "gue_tf2" / "train.csv.gz", "rt") as file:
        header, *rows = file.readlines()
    chosen = np.random.default_rng(0).permutation(len(rows))[:N_GUE]
    out.write_text(header + "".join(rows[i] for i in chosen))
    return out, folder / "gue_tf2" / "test.csv.gz"


def seqcnn(*words: str) -> float:
    """Run a command in this process; return its CPU seconds."""
    began = time.process_time()
    if run([*words, "--quiet", "--threads", "1"]):
        sys.exit(1)
    return time.process_time() - began


def measure(train: Path, test: Path, words: list[str], seed: int) -> tuple[float, float]:
    """Return AUROC on what was held out, and the CPU seconds of training."""
    with tempfile.TemporaryDirectory() as scratch:
        column = ["--target-column", "label"] if train.suffix == ".csv" else []
        seconds = seqcnn("train", str(train), *column, *words, "--seed", str(seed), "-o", f"{scratch}/run")
        seqcnn("evaluate", f"{scratch}/run", str(test), *column, "-o", f"{scratch}/test.json")
        found = json.loads(Path(scratch, "test.json").read_text())
    return float(find(found, "auroc")["value"]), seconds


def find(content: object, key: str) -> dict[str, float]:
    """Return what stands under a key, however deep."""
    if isinstance(content, dict):
        if key in content:
            return dict(content[key])
        for value in content.values():
            if found := find(value, key):
                return found
    return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--set", choices=[*SETS])
    parser.add_argument("--out", type=Path)
    said = parser.parse_args()
    known: dict[tuple[str, str, int], tuple[float, float]] = {}
    if said.out and said.out.exists():
        with said.out.open() as file:
            for name, tool, seed, auroc, seconds in csv.reader(file, delimiter="\t"):
                known[name, tool, int(seed)] = float(auroc), float(seconds)
    chosen = [tool for tool in TOOLS if not said.only or tool in said.only.split(",")]
    names = [said.set] if said.set else list(SETS)
    with tempfile.TemporaryDirectory() as scratch:
        data = {name: files(name, said.folder, Path(scratch)) for name in names}
        for seed, name, tool in product(range(1, said.seeds + 1), names, chosen):
            if (name, tool, seed) in known:
                continue
            known[name, tool, seed] = measure(*data[name], SETS[name] + TOOLS[tool].split(), seed)
            print(name, tool, seed, *known[name, tool, seed], file=sys.stderr)
            if said.out:
                with said.out.open("a") as file:
                    csv.writer(file, delimiter="\t").writerow([name, tool, seed, *known[name, tool, seed]])
    for name in names:
        print_table(name, chosen, said.seeds, known)


def print_table(
    name: str, tools: list[str], seeds: int, known: dict[tuple[str, str, int], tuple[float, float]]
) -> None:
    print(f"\n| {name} | AUROC (sd) | to plain (s.e.) | CPU s |\n|---|---|---|---|")
    for tool in tools:
        base = "--strands one" if tool.startswith("--strands one ") else "plain"
        results = [known[name, tool, seed] for seed in range(1, seeds + 1)]
        areas = [area for area, _ in results]
        shown = f"{mean(areas):.4f}" + (f" ({stdev(areas):.4f})" if seeds > 1 else "")
        difference = ""
        if tool != base and base in tools:
            off = [area - known[name, base, seed][0] for seed, area in enumerate(areas, 1)]
            difference = f"{mean(off):+.4f}" + (f" ({stdev(off) / seeds**0.5:.4f})" if seeds > 1 else "")
        print(f"| {tool} | {shown} | {difference} | {mean(seconds for _, seconds in results):.0f} |")


if __name__ == "__main__":
    main()
