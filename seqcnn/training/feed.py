"""What feeds a fit: the examples of each epoch in random order, batch by batch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.dataset.examples import UNKNOWN, Examples, Origin
from seqcnn.models.network import Network, to_tensors
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.shuffle import dinucleotide_shuffle
from seqcnn.training import mixup, parallel
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.digest import digest

GATHER: Final = 4096
"""Examples brought together at a time; a batch is a part of them."""

Rows = NDArray[np.intp]


class Batch(NamedTuple):
    """Examples for one step.

    Parameters
    ----------
    rows : ndarray of int
        Which examples these are; where processes share a batch, all of them.
    inputs : object
        What the network's :meth:`seqcnn.models.network.Network.prepare` gave for them; where processes share a batch,
        for those of this process. One that has none gets the first, which is not to count.
    targets : Tensor, shape (n, n_targets)
        Of the inputs, on the network's device; shape (n, longest) where bases are trained on, see :func:`of_bases`.
    weights : Tensor, shape (n,), or None
        Likewise; None if all examples count alike.
    mix : Tensor, shape (n,), or None
        Likewise; each example's share of a mixture with its partner, see :mod:`seqcnn.training.mixup`.
    """

    rows: Rows
    inputs: Any
    targets: Tensor
    weights: Tensor | None = None
    mix: Tensor | None = None


class Feed(ABC):
    """Examples in a new order every epoch.

    Parameters
    ----------
    network : Network
    batch_size : int
    seed : int
        Of the order, of the shuffles and of all that follows: an epoch's batches depend on nothing else.
    augmentation : Augmentation, optional
        What sequences are changed by.
    alpha : float
        Of mixup, see :func:`seqcnn.training.mixup.shares`; 0 for none.

    Attributes
    ----------
    complete : bool
        No target is missing.
    share : slice
        Which rows of a batch are for this process.
    """

    complete: bool

    def __init__(
        self,
        network: Network,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
        alpha: float = 0.0,
    ) -> None:
        self.network, self.batch_size, self.seed = network, batch_size, seed
        self.augmentation, self.alpha = augmentation, alpha
        self.device = network.output_bias.device
        self.share = parallel.current().share(batch_size, pairs=alpha > 0)

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of examples."""

    @abstractmethod
    def names(self, rows: Rows) -> list[str]:
        """Return the names of examples."""

    @abstractmethod
    def digest(self) -> str:
        """Return a digest of the examples, see :func:`seqcnn.training.digest.digest`."""

    def batches(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Return the batches of an epoch (1, 2, ...) but the first `skip`; of unequal lengths, neighbours in length.

        The network must be in training mode.
        """
        return self._mixed(epoch, skip) if self.alpha else self.unmixed(epoch, skip)

    @abstractmethod
    def unmixed(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch but the first `skip`, as they are without mixup."""

    def _mixed(self, epoch: int, skip: int) -> Iterator[Batch]:
        """Yield the batches of an epoch with each example's share of a mixture."""
        shares = mixup.shares(self.alpha, self.batch_size, self.seed, epoch, skip)
        for batch in self.unmixed(epoch, skip):
            own = next(shares)[: len(batch.rows)][self.share]
            mix = own if len(own) else np.ones(len(batch.targets), dtype=np.float32)
            yield batch._replace(mix=to_device(mix, self.device))

    @property
    def n_batches(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self) / self.batch_size)

    def mine(self, rows: Rows) -> Rows:
        """Return which rows of a batch this process works on."""
        own = rows[self.share]
        return own if len(own) else rows[:1]


class InMemory(Feed):
    """Examples in memory, with dinucleotide negatives shuffled afresh every epoch on request.

    Parameters
    ----------
    examples : Examples
        With targets.
    network, batch_size, seed
        See :class:`Feed`.
    resample : bool
        Shuffle the dinucleotide negatives afresh every epoch.
    augmentation, alpha
        See :class:`Feed`.
    ids : ndarray of int, shape (n,), optional
        What tells an example from others, if not its row.
    """

    def __init__(
        self,
        examples: Examples,
        network: Network,
        batch_size: int,
        *,
        resample: bool,
        seed: int,
        augmentation: Augmentation | None = None,
        alpha: float = 0.0,
        ids: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(network, batch_size, seed, augmentation, alpha)
        assert examples.targets is not None
        self.examples, self.resample, self.ids = examples, resample, ids
        self.targets = to_device(examples.targets, self.device)
        self.weights = None if examples.weights is None else to_device(examples.weights, self.device)
        self.bound = examples.bound if network.per_base else None
        self.complete = self.bound is None and not np.isnan(examples.targets).any()

    def __len__(self) -> int:
        return len(self.examples)

    def names(self, rows: Rows) -> list[str]:
        """Return the names of examples."""
        return self.examples.names.take(rows).decode()

    def digest(self) -> str:
        """Return a digest of the examples."""
        return digest(self.examples)

    def unmixed(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch but the first `skip`."""
        sequences = refresh(self.examples, self.seed, epoch) if self.resample else self.examples.sequences
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self))
        yield from self.cut(sequences, order, epoch, skip)

    def cut(self, sequences: Ragged, order: Rows, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch's sequences in this order but the first `skip`."""
        for rows, at_once in groups(sequences.lengths, order, self.batch_size, skip):
            yield from self._equal(sequences, rows, epoch) if at_once else self._single(sequences, rows, epoch)

    def changed(self, codes: Tensor, lengths: Tensor | None, rows: Rows, epoch: int) -> tuple[Tensor, Tensor | None]:
        """Return the codes of these rows as an epoch has them, and their lengths."""
        if not self.augmentation:
            return codes, lengths
        ids = to_device(rows if self.ids is None else self.ids[rows], self.device)
        return self.augmentation(codes, lengths, ids, self.seed, epoch), lengths

    def _equal(self, sequences: Ragged, rows: Rows, epoch: int) -> Iterator[Batch]:
        """Yield many batches of equal length, which are prepared together."""
        size = self.batch_size
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        mine = rows if self.share == slice(0, size) else np.concatenate([self.mine(part) for part in parts])
        targets, weights = self._of(mine)
        tensors = self.changed(*to_tensors(sequences.take(mine), self.device), mine, epoch)
        inputs = self.network.prepare(*tensors, self.share.stop - self.share.start)
        start = 0
        for part, each in zip(parts, inputs, strict=True):
            stop = start + len(self.mine(part))
            yield Batch(part, each, targets[start:stop], None if weights is None else weights[start:stop])
            start = stop

    def _single(self, sequences: Ragged, rows: Rows, epoch: int) -> Iterator[Batch]:
        mine = self.mine(rows)
        tensors = self.changed(*to_tensors(sequences.take(mine), self.device), mine, epoch)
        for inputs in self.network.prepare(*tensors, self.batch_size):
            yield Batch(rows, inputs, *self._of(mine))

    def _of(self, rows: Rows) -> tuple[Tensor, Tensor | None]:
        """Return targets and weights of examples."""
        at = torch.from_numpy(rows).to(self.device)
        if self.bound is not None:
            targets = of_bases(torch.from_numpy(self.bound.take(rows).padded(fill=UNKNOWN)).to(self.device))
            return targets, None if self.weights is None else self.weights[at]
        return self.targets[at], None if self.weights is None else self.weights[at]


def of_bases(bound: Tensor) -> Tensor:
    """Return which bases are bound, uint8, as targets: 1, 0, and NaN for what is not known or beyond the ends."""
    return bound.to(torch.float32).masked_fill_(bound >= UNKNOWN, torch.nan)


def pinned(array: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array as a tensor that can be copied to a GPU while other work goes on; on the CPU as it is."""
    if device.type != "cuda":
        return torch.from_numpy(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy()).pin_memory()


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array as a tensor on a device, without waiting for it; on the CPU it is not copied."""
    return pinned(array, device).to(device, non_blocking=True)


def groups(lengths: NDArray[np.int64], order: Rows, batch_size: int, skip: int) -> Iterator[tuple[Rows, bool]]:
    """Yield the rows of batches, of equal lengths many batches together; the flag says which.

    Sequences of unequal lengths are sorted by length, some thousands at a time, and their batches are in random order.
    The first `skip` batches are left out.
    """
    gather = max(1, GATHER // batch_size) * batch_size
    equal = len(lengths) == 0 or lengths.min() == lengths.max()
    first = skip * batch_size // gather * gather
    skip -= first // batch_size
    for start in range(first, len(order), gather):
        rows = order[start : start + gather]
        if equal:
            if len(rows := rows[skip * batch_size :]):
                yield rows, True
        else:
            starts = np.arange(0, len(rows), batch_size)
            starts = starts[np.argsort(rows[: len(starts)])]  # long ones are not always last: the rows are random
            rows = rows[np.argsort(lengths[rows], kind="stable")]
            for i in starts[skip:].tolist():
                yield rows[i : i + batch_size], False
        skip = 0


def refresh(examples: Examples, seed: int, round_number: int, index: NDArray[np.integer] | None = None) -> Ragged:
    """Return the sequences with every dinucleotide negative shuffled afresh.

    A shuffle of a shuffle is as likely to be any permitted sequence as a shuffle of the original.

    Parameters
    ----------
    examples : Examples
    seed, round_number : int
    index : ndarray of int, shape (n,), optional
        What tells an example from others, if not its row.
    """
    rows = np.flatnonzero(examples.origin == Origin.DINUCLEOTIDE)
    if not len(rows):
        return examples.sequences
    numbers = rows if index is None else index[rows]
    shuffled = dinucleotide_shuffle(examples.sequences.take(rows), seed, first_index=numbers, round=round_number)
    data = examples.sequences.data.copy()
    lengths = shuffled.lengths
    shift = np.repeat(examples.sequences.offsets[:-1][rows] - shuffled.offsets[:-1], lengths)
    data[np.arange(len(shuffled.data)) + shift] = shuffled.data
    return Ragged(data, examples.sequences.offsets)
