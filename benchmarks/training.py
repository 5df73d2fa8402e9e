"""Training: examples a second, seqcnn against plain PyTorch ``conv1d``, in one process, to the same AUROC.

    python benchmarks/training.py       101 bp, 16 filters of 24, hidden 32, both strands, AdamW, 2 threads, median of 5

Both train on the same simulated sequences for the same number of epochs, without validation; both are then judged on
the same held-out sequences. Plain PyTorch takes batches of 64 and holds its one-hot tensors ready, which spares it the
encoding; seqcnn takes batches of 64, of its default size, and larger, the learning rate in proportion.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from numpy.typing import NDArray
from plain import PlainDeepBind, one_hot
from torch.nn import functional

from seqcnn.dataset.examples import Examples
from seqcnn.models import architectures
from seqcnn.models.device import keep_freed_memory
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import Ragged, from_text, offsets_of
from seqcnn.training.fit import Plan, fit
from seqcnn.training.metrics import auroc
from seqcnn.training.optimiser import Rates

N_TRAIN, N_TEST, LENGTH, EPOCHS, BATCH, RUNS, THREADS = 12_800, 4_000, 101, 8, 64, 5, 2
SITE = "TGACTCAGCA"
OURS = ((64, 1e-3), (128, 2e-3), (256, 4e-3))
"""Batch sizes and learning rates of seqcnn; 128 is its default."""


def simulate(n: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return codes and labels: half the sequences hold a site with errors, on either strand."""
    codes = rng.integers(0, 4, (n, LENGTH), dtype=np.uint8)
    labels = (np.arange(n) % 2).astype(np.float32)
    site = np.array(["ACGT".index(base) for base in SITE], dtype=np.uint8)
    for row in np.flatnonzero(labels):
        noisy = np.where(rng.random(len(site)) < 0.12, rng.integers(0, 4, len(site)), site).astype(np.uint8)
        noisy = noisy if rng.random() < 0.5 else 3 - noisy[::-1]
        start = rng.integers(0, LENGTH - len(site))
        codes[row, start : start + len(site)] = noisy
    return codes, labels


def ragged(codes: NDArray[np.uint8]) -> Ragged:
    return Ragged(codes.reshape(-1), offsets_of(np.full(len(codes), codes.shape[1])))


def train_ours(
    codes: NDArray[np.uint8], labels: NDArray[np.float32], seed: int, batch_size: int, learning_rate: float
) -> tuple[float, architectures.Network]:
    names = from_text("" for _ in labels)
    examples = Examples(ragged(codes), names, labels[:, None], np.zeros(len(labels), dtype=np.uint8))
    network = architectures.create("deepbind", {"dropout": 0.25})
    network.seed([seed])
    plan = Plan("binary", EPOCHS, batch_size, "adamw", "constant", [Rates(learning_rate)], 0, False, seed)
    began = time.perf_counter()
    fit(network, examples, None, plan)
    return time.perf_counter() - began, network


def train_plain(x: torch.Tensor, labels: NDArray[np.float32], seed: int) -> tuple[float, PlainDeepBind]:
    torch.manual_seed(seed)
    model = PlainDeepBind()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0)
    y = torch.from_numpy(labels)
    began = time.perf_counter()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            loss = functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return time.perf_counter() - began, model.eval()


def main() -> None:
    torch.set_num_threads(THREADS)
    rng = np.random.default_rng(1)
    codes, labels = simulate(N_TRAIN, rng)
    test, truth = simulate(N_TEST, rng)
    x, x_test = one_hot(torch.from_numpy(codes)), one_hot(torch.from_numpy(test))
    keep_freed_memory()  # for both
    names = ["plain PyTorch, batch 64", *(f"seqcnn, batch {size}, rate {rate:g}" for size, rate in OURS)]
    times: list[list[float]] = [[] for _ in names]
    areas: list[list[float]] = [[] for _ in names]
    for run in range(RUNS):
        seconds, model = train_plain(x, labels, run)
        times[0].append(seconds)
        with torch.no_grad():
            areas[0].append(auroc(truth, model(x_test).numpy()))
        for i, (batch_size, rate) in enumerate(OURS, 1):
            seconds, network = train_ours(codes, labels, run, batch_size, rate)
            times[i].append(seconds)
            areas[i].append(auroc(truth, predict(network, ragged(test))[:, 0]))
    rates = [N_TRAIN * EPOCHS / statistics.median(each) for each in times]
    medians = [statistics.median(each) for each in areas]
    for name, rate, area in zip(names, rates, medians, strict=True):
        print(
            f"{name:<34}{rate:>10,.0f} examples/s{rate / rates[0]:>7.1f} x (bar: 5)   "
            f"AUROC {area:.4f} ({area - medians[0]:+.4f}; bar: .005)"
        )


if __name__ == "__main__":
    main()
