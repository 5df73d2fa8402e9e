"""Accuracy on ten ENCODE ChIP-seq sets in DeepBind's own files: `seqcnn train` on X_AC, `seqcnn evaluate` on X_B.

    python benchmarks/encode10.py FOLDER [--calibrate] [--preset NAME] [--seed N] [--only NAME,...] [--plain]

FOLDER holds the files ``*_AC.seq.gz`` (positives to train on) and ``*_B.seq.gz`` (500 positives and 500 dinucleotide
shuffles to test on) of the DeepBind code release (Alipanahi et al. 2015, doi:10.1038/nbt.3300). Options are the
defaults; with --calibrate `seqcnn calibrate` takes the place of `train`, and sees the training file alone. Prints a
Markdown table beside a plain PyTorch DeepBind (16 filters, AdamW at 1e-3, 15 epochs, one shuffle of each positive) on
the same files: its figures of one run, or with --plain those of a run now.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from plain import PlainDeepBind, one_hot
from torch.nn import functional

from seqcnn.dataset.build import load
from seqcnn.dataset.negatives import NegativeOptions
from seqcnn.dataset.sources import ReadOptions, Tally
from seqcnn.training.metrics import auroc

PLAIN = {
    "ARID3A": 0.873, "CTCFL": 0.984, "ELK1": 0.954, "FOXA1": 0.982, "GABPA": 0.985,
    "MYC": 0.894, "REST": 0.998, "SP1": 0.896, "USF1": 0.994, "ZBTB7A": 0.872,
}  # fmt: skip


def train_plain(train: Path, test: Path, seed: int) -> float:
    """Train the peer and return its AUROC."""
    tally, reading = Tally(), ReadOptions()
    examples, _ = load([str(train)], reading, NegativeOptions(seed=seed), tally)
    held_out, _ = load([str(test)], reading, NegativeOptions(), tally)
    torch.manual_seed(seed)
    model = PlainDeepBind()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x = one_hot(torch.from_numpy(examples.sequences.padded()))
    y = torch.from_numpy(examples.targets[:, 0])
    for _ in range(15):
        for rows in torch.randperm(len(x)).split(64):
            loss = functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        scores = model.eval()(one_hot(torch.from_numpy(held_out.sequences.padded())))
    return auroc(held_out.targets[:, 0], scores.numpy())


def run(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "seqcnn", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", default=",".join(PLAIN))
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args()
    print("| protein | AUROC | 95% interval | AUPRC | plain PyTorch AUROC | difference | training |")
    print("|---|---|---|---|---|---|---|")
    areas, peers = [], []
    for protein in given.only.split(","):
        train = next(given.folder.glob(f"{protein}_*_AC.seq.gz"))
        test = next(given.folder.glob(f"{protein}_*_B.seq.gz"))
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            command = "calibrate" if given.calibrate else "train"
            run(command, train, "-o", f"{folder}/run", "--seed", given.seed, "--preset", given.preset, "--quiet")
            seconds = time.perf_counter() - began
            run("evaluate", f"{folder}/run", test, "-o", f"{folder}/test.json", "--quiet")
            metrics = json.loads(Path(f"{folder}/test.json").read_text())["metrics"]["Bound"]
        area = metrics["auroc"]
        areas.append(area["value"])
        peer = train_plain(train, test, int(given.seed)) if given.plain else PLAIN[protein]
        peers.append(peer)
        precision = metrics["auprc"]["value"]
        interval = f"{area['low']:.3f} to {area['high']:.3f}"
        print(
            f"| {protein} | {area['value']:.3f} | {interval} | {precision:.3f} | {peer:.3f} "
            f"| {area['value'] - peer:+.3f} | {seconds:.0f} s |",
            flush=True,
        )
    mean, plain = sum(areas) / len(areas), sum(peers) / len(peers)
    print(f"| mean | {mean:.4f} | | | {plain:.3f} | {mean - plain:+.3f} | |")


if __name__ == "__main__":
    main()
