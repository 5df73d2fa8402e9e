"""Saturation mutagenesis: mutants a second, seqcnn against tangermeme with the same weights, in one process.

    python benchmarks/mutagenesis.py            101 and 1,000 bp, 16 and 128 filters of 24, both strands, 2 threads

tangermeme (its saturation_mutagenesis, raw outputs) runs with fast=True and with fast=False at several batch sizes, and
its best counts. It tries its fast way only on work of half a minute or more, because it first captures and checks the
model; here it always does, and what that takes is left out: the time counted is that of twice the sequences less that
of once, the median of three. ``--quick`` takes one batch size, for a look.
"""

from __future__ import annotations

import statistics
import sys

import mutagenesis_peer as peer
import numpy as np
import torch
from plain import PlainDeepBind, one_hot
from prediction import same_network
from torch import Tensor, nn

from seqcnn.interpret.mutagenesis import substitutions
from seqcnn.models.network import Network
from seqcnn.sequence.ragged import Ragged, offsets_of

RUNS = 5
CASES = (
    # bp, filters, sequences for us and for the peer, batch sizes, bar
    (101, 16, 2000, 100, (128, 512, 2048), 5),
    (1000, 16, 200, 12, (32, 128, 512), 30),
    (101, 128, 250, 30, (128, 512, 2048), 5),
    (1000, 128, 25, 8, (32, 128, 512), 30),
)


class Column(nn.Module):
    """The plain network with an axis for targets, as tangermeme wants it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.network(x)
        return scores[:, None]


def our_rate(network: Network, sequences: Ragged) -> float:
    """Return our mutants a second."""
    return statistics.median(
        len(sequences.data) * 3 / peer.seconds(lambda: substitutions(network, sequences)) for _ in range(RUNS)
    )


def compare(length: int, n_filters: int, n_ours: int, n_theirs: int, batch_sizes: tuple[int, ...], bar: int) -> None:
    torch.manual_seed(1)
    plain = PlainDeepBind(n_filters).eval().requires_grad_(False)
    network, model = same_network(plain), Column(plain).eval()
    codes = np.random.default_rng(1).integers(0, 4, (n_ours, length), dtype=np.uint8)
    sequences, tensor = Ragged(codes.reshape(-1), offsets_of(np.full(n_ours, length))), torch.from_numpy(codes)
    theirs = peer.changes(model, one_hot(tensor[:2]))
    ours = substitutions(network, sequences).change[..., 0].reshape(n_ours, length, 4)[:2].transpose(0, 2, 1)
    print(f"{length:,} bp, {n_filters} filters; largest difference {np.abs(ours - theirs).max():.1e}")
    rate = our_rate(network, sequences)
    x = one_hot(tensor[: 2 * (n_theirs // 2)])
    print(f"  {'seqcnn':<40}{rate:>12,.0f} mutants/s", flush=True)
    tried = {
        f"fast={fast}, batch {size}": peer.rate(model, x, len(x) // 2, size, fast=fast)
        for fast in (True, False)
        for size in batch_sizes
    }
    way, best = max(tried.items(), key=lambda item: item[1])
    print(f"  {f'tangermeme, {way}':<40}{best:>12,.0f} mutants/s{rate / best:>8.1f} x (bar: {bar})", flush=True)


def main() -> None:
    peer.set_up()
    for length, n_filters, n_ours, n_theirs, batch_sizes, bar in CASES:
        compare(length, n_filters, n_ours, n_theirs, batch_sizes[1:2] if "--quick" in sys.argv else batch_sizes, bar)


if __name__ == "__main__":
    main()
