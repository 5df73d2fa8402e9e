"""Sequences with planted motifs, and a network whose filters are those motifs: what is to be found again."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.models import architectures
from seqcnn.models.network import Network
from seqcnn.sequence.alphabet import encode, reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows

CONSENSUS = ("GGTTCAATCG", "CCACGAAGGT")
"""Two motifs that are not like each other, on either strand."""


def ppm(consensus: str, sure: float = 0.88) -> NDArray[np.float64]:
    """Return probabilities, shape (4, width): `sure` for the base of the consensus, the rest for the others alike."""
    table = np.full((4, len(consensus)), (1 - sure) / 3)
    table[encode(consensus), np.arange(len(consensus))] = sure
    return table


def plant(
    rng: np.random.Generator, n: int, motifs: tuple[str, ...] = CONSENSUS, *, length: int = 80, minus: bool = True
) -> tuple[Ragged, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return sequences, each with one of the motifs in turn; which it is, where it starts, and on which strand."""
    codes = rng.integers(0, 4, (n, length), dtype=np.uint8)
    which = np.arange(n) % len(motifs)
    strand = (rng.random(n) < 0.5) & minus
    width = len(motifs[0])
    start = rng.integers(0, length - width + 1, n)
    for row in range(n):
        levels = np.cumsum(ppm(motifs[which[row]]), axis=0)
        site = np.minimum((rng.random(width) > levels).sum(0), 3).astype(np.uint8)
        codes[row, start[row] : start[row] + width] = reverse_complement(site) if strand[row] else site
    return from_rows(list(codes)), which, start, strand


def network_of(
    motifs: tuple[str, ...] = CONSENSUS, *, both_strands: bool = True, n_members: int = 1, sign: float = 1.0
) -> Network:
    """Return a network that scores the best site of each motif: about 0 for a random sequence, above with a site.

    Filters have the width of the motifs; with a sign of -1 the last motif lowers the score.
    """
    shape = {"n_filters": len(motifs), "kernel_size": len(motifs[0]), "hidden": 0}
    network = architectures.create("deepbind", {**shape, "n_members": n_members, "both_strands": both_strands})
    network.seed(range(n_members))
    tables = np.log2(np.stack([ppm(each) for each in motifs]) / 0.25).astype(np.float32)
    with torch.no_grad():
        state = network.state_dict()
        for member in range(n_members):
            state["filters"][member] = torch.from_numpy(tables) * (1 + 0.1 * member)
        state["threshold"].fill_(9.0)
        state["output_weight"].fill_(1.0)
        state["output_weight"][:, -1] *= sign
        state["output_bias"].fill_(-0.5)
    return network.eval().requires_grad_(False)
