"""What the tools of training do to the AUROC on held-out examples, each by itself, over some repeats.

    python benchmarks/training_tools.py FOLDER [--repeats N] [--only NAME,...] [--set NAME] [--out FILE]

FOLDER holds ``deepbind_encode10/MYC_*_AC.seq.gz`` and ``_B.seq.gz`` of the DeepBind code release, and
``clip/QKI.train.fa.gz`` and ``.test.fa.gz`` (Strazar et al. 2016). MYC: DeepBind of 16 filters, 15 epochs, negatives
shuffled afresh; QKI: basset of 16 filters on 4,000 training examples drawn at random, 8 epochs, judged on 4,000. Both
strands of MYC are read, but for the rows of one strand, which QKI, RNA, does not have.

Repeats are members of one fit, each with weights and dropout of its own, judged one by one: not as an ensemble. Their
epochs are chosen by validation as ever (a tenth of the training examples); the test files are only scored. Prints a
Markdown table: mean and standard deviation of the AUROC over repeats, the difference to training without, or to that on
one strand, from the same first weights, with its standard error, and CPU seconds of a fit of all repeats. --out adds
every result to a TSV and does not train what is in it again.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import tempfile
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from seqcnn.cli.main import run
from seqcnn.models.modelfile import load, save

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
N_QKI = 4000
SETS = {
    "MYC, deepbind": ["--n-filters", "16", "--epochs", "15"],
    "QKI, basset": ["--architecture", "basset", "--n-filters", "16", "--epochs", "8"],
}


def files(name: str, folder: Path, scratch: Path) -> tuple[Path, Path]:
    """Return what is trained on and what is held out."""
    if name.startswith("MYC"):
        found = {end: next((folder / "deepbind_encode10").glob(f"MYC_*_{end}.seq.gz")) for end in ("AC", "B")}
        return found["AC"], found["B"]
    for part in ("train", "test"):
        with gzip.open(folder / "clip" / f"QKI.{part}.fa.gz", "rt") as file:
            records = file.read().split(">")[1:]
        chosen = np.random.default_rng(0).permutation(len(records))[:N_QKI]
        (scratch / f"{part}.fa").write_text("".join(f">{records[i]}" for i in chosen))
    return scratch / "train.fa", scratch / "test.fa"


def seqcnn(*words: str) -> float:
    """Run a command in this process; return its CPU seconds."""
    began = time.process_time()
    if run([*words, "--quiet", "--threads", "1"]):
        sys.exit(1)
    return time.process_time() - began


def measure(train: Path, test: Path, words: list[str], repeats: int) -> list[float]:
    """Return the CPU seconds of training, and the AUROC of each member on what was held out."""
    labels = ["--label-pattern", "class:([01])"] if train.suffix == ".fa" else []
    rna = ["--alphabet", "rna"] if labels else []
    with tempfile.TemporaryDirectory() as scratch:
        several = ["--members", str(repeats), "--seed", "1"]
        results = [seqcnn("train", str(train), *labels, *rna, *words, *several, "-o", f"{scratch}/run")]
        model = load(f"{scratch}/run")
        for member in range(repeats):
            save(replace(model, network=model.network.members([member])), f"{scratch}/one.safetensors")
            seqcnn("evaluate", f"{scratch}/one.safetensors", str(test), *labels, "-o", f"{scratch}/{member}.json")
            results.append(float(find(json.loads(Path(scratch, f"{member}.json").read_text()), "auroc")["value"]))
    return results


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
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--set", choices=[*SETS])
    parser.add_argument("--out", type=Path)
    said = parser.parse_args()
    known: dict[tuple[str, str], list[float]] = {}
    if said.out and said.out.exists():
        with said.out.open() as file:
            for name, tool, *results in csv.reader(file, delimiter="\t"):
                known[name, tool] = [float(result) for result in results]
    tools = [tool for tool in TOOLS if not said.only or tool in said.only.split(",")]
    names = [said.set] if said.set else list(SETS)
    with tempfile.TemporaryDirectory() as scratch:
        data = {name: files(name, said.folder, Path(scratch)) for name in names}
        for tool, name in product(tools, names):
            if (name, tool) in known or (name.startswith("QKI") and "strands" in tool):
                continue
            results = known[name, tool] = measure(*data[name], SETS[name] + TOOLS[tool].split(), said.repeats)
            print(name, tool, *results, file=sys.stderr)
            if said.out:
                with said.out.open("a") as file:
                    csv.writer(file, delimiter="\t").writerow([name, tool, *results])
    for name in names:
        print_table(name, {tool: known[name, tool] for tool in tools if (name, tool) in known})


def print_table(name: str, known: dict[str, list[float]]) -> None:
    print(f"\n| {name} | AUROC (sd) | difference (s.e.) | CPU s |\n|---|---|---|---|")
    for tool, (seconds, *areas) in known.items():
        base = "--strands one" if tool.startswith("--strands one ") else "plain"
        difference = ""
        if tool != base and base in known:
            off = [area - other for area, other in zip(areas, known[base][1:], strict=True)]
            difference = f"{mean(off):+.4f} ({spread(off) / len(off) ** 0.5:.4f})"
        print(f"| {tool} | {mean(areas):.4f} ({spread(areas):.4f}) | {difference} | {seconds:.0f} |")


def spread(values: list[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
