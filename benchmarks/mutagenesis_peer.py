"""tangermeme's saturation mutagenesis as the peer of two benchmarks: how it is set up, and how it is timed."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import torch
from numpy.typing import NDArray
from tangermeme import saturation_mutagenesis as peer
from torch import Tensor, nn

from seqcnn.models.device import keep_freed_memory

THREADS = 2


def set_up() -> None:
    """Two threads for both; tangermeme tries its fast way however little work there is."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(THREADS)
    keep_freed_memory()
    peer._FAST_MIN_SECONDS, peer._FAST_MAX_RELATIVE_TIME = 0.0, float("inf")


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    began = clock()
    work()
    return clock() - began


def changes(model: nn.Module, x: Tensor) -> NDArray:
    """Return what each substitution changes, shape (n, 4, length)."""
    result = peer.saturation_mutagenesis(model, x, device="cpu", fast=False, raw_outputs=True)
    return (result.y_hat - result.y0[:, None, None])[..., 0].numpy()


def rate(
    model: nn.Module,
    x: Tensor,
    fewer: int,
    batch_size: int,
    *,
    fast: bool,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return mutants a second; the fast way is first prepared, so what the first `fewer` sequences take is left out."""

    def run(n: int) -> float:
        return seconds(
            lambda: peer.saturation_mutagenesis(
                model, x[:n], batch_size=batch_size, device="cpu", fast=fast, raw_outputs=True
            ),
            clock,
        )

    mutants = 3 * x.shape[2]
    if not fast:
        return len(x) * mutants / min(run(len(x)) for _ in range(2))
    more = statistics.median(run(len(x)) - run(fewer) for _ in range(3))
    return (len(x) - fewer) * mutants / more if more > 0 else 0.0  # too little work to be told from the preparation
