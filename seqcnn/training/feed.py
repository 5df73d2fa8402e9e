"""What feeds a fit: the examples of each epoch in random order, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.models.network import Network, to_tensors
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.shuffle import dinucleotide_shuffle

GATHER: Final = 4096
"""Examples brought together at a time; a batch is a part of them."""


class Batch(NamedTuple):
    """Examples for one step.

    Parameters
    ----------
    rows : ndarray of int
        Which examples these are.
    inputs : object
        What the network's :meth:`seqcnn.models.network.Network.prepare` gave for them.
    targets : Tensor, shape (n, n_targets)
        On the network's device.
    """

    rows: NDArray[np.intp]
    inputs: Any
    targets: Tensor


class InMemory:
    """Examples in memory, in a new order every epoch, with dinucleotide negatives shuffled afresh on request.

    Parameters
    ----------
    examples : Examples
        With targets.
    network : Network
    batch_size : int
    resample : bool
        Shuffle the dinucleotide negatives afresh every epoch.
    seed : int
        Of the order and of the shuffles: an epoch's batches depend on nothing else.
    """

    def __init__(self, examples: Examples, network: Network, batch_size: int, *, resample: bool, seed: int) -> None:
        assert examples.targets is not None
        self.examples, self.network, self.batch_size = examples, network, batch_size
        self.resample, self.seed = resample, seed
        self.device = network.output_bias.device
        self.targets = torch.from_numpy(examples.targets).to(self.device)
        self.complete = not bool(self.targets.isnan().any())
        """No target is missing."""

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def n_batches(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self) / self.batch_size)

    def names(self, rows: NDArray[np.intp]) -> list[str]:
        """Return the names of examples."""
        return self.examples.names.take(rows).decode()

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch (1, 2, ...) but the first `skip`; of unequal lengths, neighbours in length.

        The network must be in training mode.
        """
        sequences = refresh(self.examples, self.seed, epoch) if self.resample else self.examples.sequences
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self))
        lengths = sequences.lengths
        size = self.batch_size
        gather = max(1, GATHER // size) * size
        equal = lengths.min() == lengths.max()
        first = skip * size // gather * gather
        skip -= first // size
        for start in range(first, len(order), gather):
            rows = order[start : start + gather]
            parts = self._equal(sequences, rows, skip) if equal else self._unequal(sequences, rows, skip)
            yield from parts
            skip = 0

    def _equal(self, sequences: Ragged, rows: NDArray[np.intp], skip: int) -> Iterator[Batch]:
        rows = rows[skip * self.batch_size :]
        if not len(rows):
            return
        targets = self.targets[torch.from_numpy(rows).to(self.device)]
        inputs = self.network.prepare(*to_tensors(sequences.take(rows), self.device), self.batch_size)
        for start, each in zip(range(0, len(rows), self.batch_size), inputs, strict=True):
            part = slice(start, start + self.batch_size)
            yield Batch(rows[part], each, targets[part])

    def _unequal(self, sequences: Ragged, rows: NDArray[np.intp], skip: int) -> Iterator[Batch]:
        starts = np.arange(0, len(rows), self.batch_size)
        starts = starts[np.argsort(rows[: len(starts)])]  # long ones are not always last: the rows are in random order
        rows = rows[np.argsort(sequences.lengths[rows], kind="stable")]
        for i in starts[skip:].tolist():
            part = rows[i : i + self.batch_size]
            for inputs in self.network.prepare(*to_tensors(sequences.take(part), self.device), self.batch_size):
                yield Batch(part, inputs, self.targets[torch.from_numpy(part).to(self.device)])


def refresh(examples: Examples, seed: int, round_number: int) -> Ragged:
    """Return the sequences with every dinucleotide negative shuffled afresh.

    A shuffle of a shuffle is as likely to be any permitted sequence as a shuffle of the original.
    """
    rows = np.flatnonzero(examples.origin == Origin.DINUCLEOTIDE)
    if not len(rows):
        return examples.sequences
    shuffled = dinucleotide_shuffle(examples.sequences.take(rows), seed, first_index=rows, round=round_number)
    data = examples.sequences.data.copy()
    lengths = shuffled.lengths
    shift = np.repeat(examples.sequences.offsets[:-1][rows] - shuffled.offsets[:-1], lengths)
    data[np.arange(len(shuffled.data)) + shift] = shuffled.data
    return Ragged(data, examples.sequences.offsets)
