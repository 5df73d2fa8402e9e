"""Calibration: what 30 settings x 3 folds cost beside one training, and many members beside one.

    python benchmarks/calibration.py [ELK1_..._AC.seq.gz] [--steps 350] [--full]       2 threads

On the sequences of a file with one dinucleotide shuffle each, or on as many simulated ones of the size of DeepBind's
ELK1 set; the median of three runs, but for the search and for commands. "Steps" are those of one training: of a trial
on the folds that it is trained on, of a plain training on all. All are of the same preset and data; none is judged,
but for a trial on the fold held out, which is part of what it costs. A plain training is a single network of the shape
of a trial, or the default four wide ones. Then `seqcnn train` from the shell, on the positives alone, otherwise with
all defaults: 16 members and 1, of 16 detectors (as in the paper and in trials) and with --full also of the default 64;
and with --full `calibrate` beside `train`.
"""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from training import ragged, simulate

from seqcnn.dataset.build import load
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.folds import assign_folds
from seqcnn.dataset.negatives import NegativeOptions
from seqcnn.dataset.sources import ReadOptions, Tally
from seqcnn.models.device import keep_freed_memory
from seqcnn.sequence.ragged import from_text
from seqcnn.training.calibrate import run_piece
from seqcnn.training.members import fit_members, usual_members
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import CALIBRATION, PRESETS
from seqcnn.training.search import SPACES
from seqcnn.training.trials import CalibrateOptions, draw_trials, pieces

N_SIMULATED, TRIALS, FOLDS, RUNS, THREADS = 10_168, 30, 3, 3, 2
CPU = torch.device("cpu")


def read(path: str | None) -> Examples:
    """Return the examples of a file, or simulated ones."""
    if path is not None:
        return load([path], ReadOptions(), NegativeOptions(seed=1), Tally())[0]
    codes, labels = simulate(N_SIMULATED, np.random.default_rng(1))
    origin = np.where(labels == 1, Origin.GIVEN, Origin.DINUCLEOTIDE).astype(np.uint8)
    return Examples(ragged(codes), from_text("" for _ in labels), labels[:, None], origin)


def seconds(work: Callable[[], object]) -> float:
    """Return the median time of a few runs."""
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def train(options: TrainOptions, examples: Examples, steps: int) -> None:
    """Train for so many steps, on as many examples as they need."""
    part, epochs = cut(examples, steps, options.batch_size)
    fit_members(
        options, usual_members(options), part, None, task="binary", both_strands=True, epochs=epochs, device=CPU
    )


def cut(examples: Examples, steps: int, batch_size: int) -> tuple[Examples, int]:
    """Return examples and a number of epochs that make so many steps."""
    epochs = math.ceil(steps * batch_size / len(examples))
    rows = np.random.default_rng(0).permutation(len(examples))[: steps * batch_size // epochs]
    return examples.take(np.sort(rows)), epochs


def calibrate(
    base: TrainOptions, examples: Examples, steps: int, usual: Any, device: torch.device = CPU
) -> tuple[float, int]:
    """Return the time of all trials, and the steps of each."""
    folds = assign_folds(examples, FOLDS, both_strands=True, seed=1)[0]
    trained = len(examples) * (FOLDS - 1) // FOLDS
    epochs = max(1, round(steps * base.batch_size / trained))
    options = CalibrateOptions(
        space=SPACES["default"],
        trials=TRIALS,
        folds=FOLDS,
        epochs=epochs,
        checkpoints=1,
        best=1,
        restarts=1,
        keep="best",
        trial_filters=usual.trial_filters,
    )
    began = time.perf_counter()
    for piece in pieces(draw_trials(options, base), options):
        run_piece(piece, base, options, examples, folds, task="binary", both_strands=True, device=device)
    return time.perf_counter() - began, epochs * math.ceil(trained / base.batch_size)


def show(what: str, taken: float, bar: float | None = None, beside: float | None = None) -> None:
    said = f"{what:<58}{taken:>9.2f} s"
    if beside is not None:
        said += f"{taken / beside:>8.1f} x" + (f" (bar: {bar:g})" if bar is not None else "")
    print(said, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?")
    parser.add_argument("--steps", type=int, default=350)
    parser.add_argument("--full", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(THREADS)
    keep_freed_memory()
    examples = read(given.file)
    usual = CALIBRATION["default"]
    default = TrainOptions(**PRESETS["default"])
    narrow = replace(default, members=1, n_filters=usual.trial_filters or default.n_filters)
    train(narrow, examples, 20)
    print(f"{len(examples):,} examples, batches of {default.batch_size}, {torch.get_num_threads()} threads")
    calibration, steps = calibrate(default, examples, given.steps, usual)
    alone = seconds(lambda: train(narrow, examples, steps))
    whole = seconds(lambda: train(default, examples, steps))
    show(f"calibration: {TRIALS} settings x {FOLDS} folds, {steps} steps each", calibration)
    show(f"  one network of that shape ({narrow.n_filters} filters), {steps} steps", alone)
    print(f"{'':<58}{calibration / alone:>11.1f} x (bar: 12)")
    show(f"  default training ({default.members} x {default.n_filters} filters), {steps} steps", whole)
    print(f"{'':<58}{calibration / whole:>11.1f} x (bar: 12)")
    for n_filters in (narrow.n_filters, default.n_filters):
        shape = replace(narrow, n_filters=n_filters)
        one, many = (
            seconds(lambda n=n, shape=shape: train(replace(shape, members=n), examples, steps // 3)) for n in (1, 16)
        )
        show(f"16 members of {n_filters} filters, {steps // 3} steps, beside 1", many, 5, one)
    with tempfile.TemporaryDirectory() as folder:
        positives = Path(given.file or write_positives(examples, Path(folder) / "positives.fa"))
        for n_filters in (narrow.n_filters, default.n_filters) if given.full else (narrow.n_filters,):
            shape = ("train", "--n-filters", str(n_filters), "--members")
            one, many = (command(*shape, str(n), path=positives) for n in (1, 16))
            show(f"seqcnn train --n-filters {n_filters} --members 16, beside 1", many, 5, one)
        if given.full:
            one, many = (command(name, path=positives) for name in ("train", "calibrate"))
            show("seqcnn calibrate, beside seqcnn train", many, None, one)


def write_positives(examples: Examples, path: Path) -> Path:
    """Write the positives as FASTA."""
    letters = np.frombuffer(b"ACGTN", dtype=np.uint8)
    rows = np.flatnonzero(examples.targets[:, 0] == 1)
    records = (b">%d\n%s\n" % (row, letters[examples.sequences[row]].tobytes()) for row in rows.tolist())
    path.write_bytes(b"".join(records))
    return path


def command(*words: str, path: Path) -> float:
    """Return the seconds of a command, start-up included."""
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "seqcnn", *words, str(path), "-o", f"{folder}/run", "--threads", str(THREADS)]
        began = time.perf_counter()
        subprocess.run([*call, "--quiet"], check=True)
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
