"""Scores for many sequences: batches of neighbouring length, the same numbers whatever their size."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.models import threads
from seqcnn.models.network import Network
from seqcnn.sequence.ragged import Ragged

WINDOW_BATCH_LETTERS: Final = 1 << 15
"""Letters scored at a time where each sequence is scored by its windows, which takes a hundred times as long."""


def member_scores(network: Network, sequences: Ragged, batch_size: int | None = None) -> NDArray[np.float32]:
    """Score sequences of any lengths.

    On the CPU each thread works on batches of its own, which keeps them in its cache.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    sequences : Ragged
        Codes; no sequence may be empty.
    batch_size : int, optional
        Most sequences scored at a time; it does not change the scores.

    Returns
    -------
    ndarray, shape (n_members, n, n_targets)
        Logits (binary) or values (regression).

    Raises
    ------
    ValueError
        If a sequence is empty.
    """
    empty = np.flatnonzero(sequences.lengths == 0)
    if len(empty):
        raise ValueError(f"sequence {empty[0] + 1} is empty; it has no score")
    settings = network.settings
    out = np.empty((settings.n_members, len(sequences), settings.n_targets), dtype=np.float32)
    device = network.output_bias.device

    @torch.inference_mode()
    def score(rows: slice | NDArray[np.intp]) -> None:
        _score_rows(network, sequences, rows, out)

    most = _even_share(sequences.lengths, _most_letters(network))
    batches = list(batches_of(sequences.lengths, batch_size, most))
    if device.type == "cpu" and len(batches) > 1:
        with threads.taken_over():
            threads.run(score, batches)
    elif device.type == "cuda":
        stream = torch.cuda.current_stream(device)  # what is scored may have been changed there just now

        def on_stream(rows: slice | NDArray[np.intp]) -> None:
            with torch.cuda.stream(stream):
                score(rows)

        with ThreadPoolExecutor(2) as pool:  # one brings a batch together while the other waits for the device
            list(pool.map(on_stream, batches))
    else:
        for rows in batches:
            score(rows)
    return out


def _most_letters(network: Network) -> int:
    return WINDOW_BATCH_LETTERS if network.rule == "window" else network.letters_at_once


@torch.inference_mode()
def scores_alone(network: Network, sequences: Ragged) -> NDArray[np.float32]:
    """Return the scores of :func:`member_scores`, computed in this thread alone; no sequence may be empty."""
    settings = network.settings
    out = np.empty((settings.n_members, len(sequences), settings.n_targets), dtype=np.float32)
    for rows in batches_of(sequences.lengths, None, _most_letters(network)):
        _score_rows(network, sequences, rows, out)
    return out


def _score_rows(network: Network, sequences: Ragged, rows: slice | NDArray[np.intp], out: NDArray[np.float32]) -> None:
    part = sequences.slice(rows.start, rows.stop) if isinstance(rows, slice) else sequences.take(rows)
    out[:, rows] = network.score_by_windows(part) if network.rule == "window" else network.score(part)


def _even_share(lengths: NDArray[np.int64], most: int) -> int:
    """Return how many letters a batch may have, so that each thread gets as many batches as the others."""
    total, n_threads = int(lengths.sum()), torch.get_num_threads()
    n_batches = -(-total // most)
    if n_batches <= 1:
        return most
    n_batches = -(-n_batches // n_threads) * n_threads
    return min(most, total // n_batches + int(lengths.max()))


def batches_of(lengths: NDArray[np.int64], batch_size: int | None, letters: int) -> Iterator[slice | NDArray[np.intp]]:
    """Yield the rows of each batch, neighbours in length together."""
    if not len(lengths):
        return
    order = None if lengths.min() == lengths.max() else np.argsort(lengths, kind="stable")
    start = 0
    while start < len(lengths):
        first = int(lengths[start] if order is None else lengths[order[start]])
        stop = start + max(1, min(batch_size or len(lengths), letters // first))
        if order is None:
            yield slice(start, min(stop, len(lengths)))
        else:
            ahead = lengths[order[start:stop]]
            fits = ahead * np.arange(1, len(ahead) + 1) <= max(letters, first)
            stop = start + int(np.count_nonzero(fits))
            yield order[start:stop]
        start = stop


def predict(network: Network, sequences: Ragged, batch_size: int | None = None) -> NDArray[np.float32]:
    """Return the mean score over members, shape (n, n_targets); NaN for a sequence without a letter.

    Parameters are those of :func:`member_scores`.
    """
    return mean_and_spread(network, sequences, batch_size)[0]


def mean_and_spread(
    network: Network, sequences: Ragged, batch_size: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation over members, both (n, n_targets); NaN for a sequence without a letter.

    Parameters are those of :func:`member_scores`.
    """
    there = sequences.lengths > 0
    whole = bool(there.all())
    scores = member_scores(network, sequences if whole else sequences.take(there), batch_size)
    mean: NDArray[np.float32] = scores.mean(0)
    spread: NDArray[np.float32] = (
        scores.std(0, dtype=np.float64).astype(np.float32) if len(scores) > 1 else np.zeros_like(mean)
    )
    if whole:
        return mean, spread
    out = np.full((2, len(sequences), mean.shape[1]), np.nan, dtype=np.float32)
    out[0, there], out[1, there] = mean, spread
    return out[0], out[1]
