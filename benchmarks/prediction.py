"""Prediction: sequences a second, seqcnn against plain PyTorch ``conv1d`` with the same weights, in one process.

    python benchmarks/prediction.py         101 bp, 16 filters of 24, both strands, 2 threads, median of 5 (at last 15)

Both go from codes to scores. Plain PyTorch runs at each batch size and its best counts, once with the C library's
memory as it is and once (in a second process) tuned to keep freed pages.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from plain import PlainDeepBind, one_hot

from seqcnn.models import architectures
from seqcnn.models.device import keep_freed_memory
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import Ragged, offsets_of

N, LENGTH, RUNS, PAIRS, THREADS = 32_768, 101, 5, 15, 2
BATCH_SIZES = (64, 128, 256, 512, 1024)
TUNED = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "67108864",
}


def same_network(plain: PlainDeepBind) -> architectures.Network:
    """Return our network with the same weights."""
    network = architectures.create("deepbind", {"dropout": 0.25, "n_filters": len(plain.conv.weight)})
    with torch.no_grad():
        network.filters.copy_(plain.conv.weight[None])
        network.threshold.copy_(-plain.conv.bias[None])
        network.hidden_weight.copy_(plain.hidden.weight.T[None])
        network.hidden_bias.copy_(plain.hidden.bias[None, None])
        network.output_weight.copy_(plain.output.weight.T[None])
        network.output_bias.copy_(plain.output.bias[None])
    return network.eval().requires_grad_(False)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    plain = PlainDeepBind().eval().requires_grad_(False)
    network = same_network(plain)
    codes = np.random.default_rng(1).integers(0, 4, (N, LENGTH), dtype=np.uint8)
    sequences = Ragged(codes.reshape(-1), offsets_of(np.full(N, LENGTH)))
    tensor = torch.from_numpy(codes)

    def theirs(batch_size: int) -> torch.Tensor:
        return torch.cat([plain(one_hot(part)) for part in tensor.split(batch_size)])

    if "--ours-not" not in sys.argv:
        keep = os.environ.get("MALLOC_TOP_PAD_") is None
        difference = np.abs(predict(network, sequences)[:, 0] - theirs(512).numpy()).max()
        print(f"largest difference of scores: {difference:.1e}")
    tries = {}
    for batch_size in BATCH_SIZES:
        theirs(batch_size)
        tries[batch_size] = statistics.median(N / seconds(lambda b=batch_size: theirs(b)) for _ in range(RUNS))
    batch_size, best = max(tries.items(), key=lambda item: item[1])
    if "--ours-not" in sys.argv:
        print(batch_size, best)
        return
    if keep:
        keep_freed_memory()
    predict(network, sequences)
    # In turn, as a machine that others use too changes its speed from one second to the next.
    pairs = [(seconds(lambda: predict(network, sequences)), seconds(lambda: theirs(batch_size))) for _ in range(PAIRS)]
    ours, best = (N / statistics.median(each) for each in zip(*pairs, strict=True))
    command = [sys.executable, __file__, "--ours-not"]
    said = subprocess.run(
        command, env={**os.environ, **TUNED}, capture_output=True, text=True, check=True
    ).stdout.split()
    print(f"{'seqcnn':<44}{ours:>12,.0f} sequences/s")
    print(f"{f'plain PyTorch, batch {batch_size}':<44}{best:>12,.0f} sequences/s{ours / best:>8.1f} x (bar: 5)")
    tuned = float(said[1])
    print(f"{'plain PyTorch, memory tuned':<44}{tuned:>12,.0f} sequences/s{ours / tuned:>8.1f} x (bar: 3)")


if __name__ == "__main__":
    main()
