"""Dinucleotide shuffle, 20,000 sequences of 200 bp on one thread: ours, and tangermeme's where it is installed.

    python benchmarks/shuffle.py [--runs 5]

Each run shuffles every sequence once. The peer takes and gives one-hot tensors, built beforehand and not timed;
ours takes and gives codes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np

from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.shuffle import dinucleotide_shuffle

N_SEQUENCES, LENGTH = 20_000, 200


def sequences_per_second(shuffle: Callable[[int], object], n_sequences: int, runs: int) -> float:
    """Return the median speed over `runs` seeds, after one run to warm up."""
    shuffle(0)
    seconds = []
    for seed in range(1, runs + 1):
        start = time.perf_counter()
        shuffle(seed)
        seconds.append(time.perf_counter() - start)
    return n_sequences / median(seconds)


def peer_speed(codes: np.ndarray, runs: int) -> float | None:
    """Return tangermeme's speed, or None where it is not installed."""
    try:
        import torch
        from tangermeme.ersatz import dinucleotide_shuffle as peer_shuffle
    except ImportError:
        return None
    torch.set_num_threads(1)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(codes).long(), 4).transpose(1, 2).to(torch.int8).contiguous()
    return sequences_per_second(lambda seed: peer_shuffle(one_hot, n=1, random_state=seed), len(codes), runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="timed runs, of which the median counts (default 5)")
    runs = parser.parse_args().runs
    codes = np.random.default_rng(0).integers(0, 4, (N_SEQUENCES, LENGTH)).astype(np.uint8)
    rows = Ragged(codes.reshape(-1), np.arange(N_SEQUENCES + 1, dtype=np.int64) * LENGTH)
    ours = sequences_per_second(lambda seed: dinucleotide_shuffle(rows, seed), N_SEQUENCES, runs)
    print(f"{N_SEQUENCES:,} x {LENGTH} bp, one thread, median of {runs}")
    print(f"seqcnn      {ours:12,.0f} sequences/s")
    peer = peer_speed(codes, runs)
    if peer is None:
        print("tangermeme  not installed here: pip install tangermeme, in an environment of its own")
    else:
        print(f"tangermeme  {peer:12,.0f} sequences/s   ratio {ours / peer:.1f}")


if __name__ == "__main__":
    main()
