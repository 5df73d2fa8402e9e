"""Training and prediction on a CUDA device: sequences a second, with the CPU of the same machine beside.

    python benchmarks/gpu.py [--device cuda] [--sequences N] [--epochs N] [--length BP] [--threads N]

The default preset (four members of 64 filters) and a single network of 16 filters, random sequences, both strands. The
device gets N sequences, the CPU a tenth. Rates are medians: of the epochs but the first, and of five predictions after
one to warm up. Scores of the same network on both are compared. No bar; ends with one line and status 1 where there is
no such device.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.split import Split
from seqcnn.errors import SeqcnnError
from seqcnn.models import device as devices
from seqcnn.models.network import Network
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import Ragged, from_text, offsets_of
from seqcnn.training.options import TrainOptions
from seqcnn.training.presets import PRESETS
from seqcnn.training.train import train

MODELS: dict[str, dict[str, int]] = {"4 x 64 filters": {}, "1 x 16 filters": {"members": 1, "n_filters": 16}}
"""What differs from the default preset."""
RUNS = 5


def simulate(n: int, length: int) -> Examples:
    """Return random sequences, half of them positive."""
    codes = np.random.default_rng(1).integers(0, 4, (n, length), dtype=np.uint8)
    targets = (np.arange(n) % 2).astype(np.float32)[:, None]
    sequences = Ragged(codes.reshape(-1), offsets_of(np.full(n, length)))
    return Examples(sequences, from_text("" for _ in range(n)), targets, np.full(n, Origin.GIVEN, dtype=np.uint8))


def train_rate(examples: Examples, changes: dict[str, int], epochs: int, device: torch.device) -> tuple[float, Network]:
    """Return training examples a second, and the network."""
    options = TrainOptions(**PRESETS["default"] | changes | {"epochs": epochs})
    split = Split(np.full(len(examples), "train"))
    trained = train(examples, split, options, target_names=["bound"], alphabet="dna", length=None, device=device)
    rates = [epoch.sequences_per_second for epoch in trained.history.epochs]
    return statistics.median(rates[1:] or rates), trained.model.network


def predict_rate(network: Network, sequences: Ragged) -> float:
    """Return sequences scored a second."""
    predict(network, sequences)
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        predict(network, sequences)
        seconds.append(time.perf_counter() - began)
    return len(sequences) / statistics.median(seconds)


def main() -> None:
    """Time both models on both devices and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sequences", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--length", type=int, default=101)
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    given = parser.parse_args()
    try:
        device = devices.find(given.device)
    except SeqcnnError as error:
        raise SystemExit(f"gpu.py: {error}") from None
    devices.set_threads(given.threads)
    devices.keep_freed_memory()
    many, few = simulate(given.sequences, given.length), simulate(max(1, given.sequences // 10), given.length)
    cpu = torch.device("cpu")
    print(f"{devices.describe(device)} beside {devices.describe(cpu)}; torch {torch.__version__}, {given.length} bp")
    print(f"{'sequences/s':<26}{device.type:>14}{'cpu':>14}{'ratio':>8}")
    for name, changes in MODELS.items():
        here, network = train_rate(many, changes, given.epochs, device)
        there, _ = train_rate(few, changes, min(2, given.epochs), cpu)
        print(f"{f'train, {name}':<26}{here:>14,.0f}{there:>14,.0f}{here / there:>7.1f}x", flush=True)
        here = predict_rate(network, many.sequences)
        scores = predict(network, few.sequences)
        network = network.to(cpu)
        there = predict_rate(network, few.sequences)
        print(f"{f'predict, {name}':<26}{here:>14,.0f}{there:>14,.0f}{here / there:>7.1f}x", flush=True)
        difference = np.abs(scores - predict(network, few.sequences)).max()
        print(f"{'  largest difference':<26}{difference:>14.1e}  of scores to {np.abs(scores).max():.2f}")


if __name__ == "__main__":
    main()
