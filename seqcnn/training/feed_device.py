"""What feeds a fit on a GPU: the examples lie there as codes, a byte a base, and batches are brought together there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.models.network import Network
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.ragged import Ragged
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.feed import Batch, InMemory, Rows, groups, of_bases, pinned, refresh, to_device

WIDTHS: Final = 32
"""Batches of unequal lengths are as wide as a multiple of this, so that few shapes of them occur."""

SHARE_OF_MEMORY: Final = 0.5
"""Of the device's free memory, at most, for examples."""


class Codes:
    """Sequences on a device.

    Parameters
    ----------
    sequences : Ragged
    device : torch.device
    """

    def __init__(self, sequences: Ragged, device: torch.device) -> None:
        lengths = sequences.lengths
        self.lengths = lengths
        self.letters = torch.empty(len(sequences.data), dtype=torch.uint8, device=device)
        self.refill(sequences)
        self.equal = len(lengths) == 0 or bool(lengths.min() == lengths.max())
        if not self.equal:
            self.starts, self.sizes = to_device(sequences.offsets[:-1], device), to_device(lengths, device)
            self.positions = torch.arange(-(-int(lengths.max()) // WIDTHS) * WIDTHS, device=device)

    def refill(self, sequences: Ragged) -> None:
        """Take other sequences of the same lengths."""
        self.letters.copy_(pinned(sequences.data, self.letters.device), non_blocking=True)

    def take(self, at: Tensor, longest: int) -> tuple[Tensor, Tensor | None]:
        """Return codes, shape (n, width), filled up with N, and lengths, shape (n,) (None if all are equal).

        Parameters
        ----------
        at : Tensor of int64, shape (n,)
            Which sequences, on the device.
        longest : int
            Length of the longest of them.
        """
        if self.equal:
            return self.letters.view(len(self.lengths), -1).index_select(0, at), None
        sizes = self.sizes.index_select(0, at)
        position = self.positions[: -(-longest // WIDTHS) * WIDTHS]
        places = (self.starts.index_select(0, at)[:, None] + position).clamp_(max=len(self.letters) - 1)
        return self.letters[places].masked_fill_(position >= sizes[:, None], N_CODE), sizes


class Resident(InMemory):
    """Examples on the device. Their batches are those of :class:`seqcnn.training.feed.InMemory`.

    Fresh shuffles are made by another thread while the epoch before is trained on.

    Parameters
    ----------
    examples, network, batch_size, resample, seed, augmentation, alpha, ids
        See :class:`seqcnn.training.feed.InMemory`.
    last_epoch : int
        No shuffles are made for later ones.
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
        last_epoch: int = 0,
    ) -> None:
        super().__init__(
            examples, network, batch_size, resample=resample, seed=seed, augmentation=augmentation, alpha=alpha, ids=ids
        )
        self.codes = Codes(examples.sequences, self.device)
        self.bound_codes = None if self.bound is None else Codes(self.bound, self.device)
        self.resample = resample and bool((examples.origin == Origin.DINUCLEOTIDE).any())
        self.last_epoch = last_epoch
        self._ids = None if ids is None else to_device(ids, self.device)
        self._coming: tuple[int, Future[Ragged]] | None = None
        self._thread = ThreadPoolExecutor(1)

    def unmixed(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch but the first `skip`."""
        if self.resample:
            self.codes.refill(self._refreshed(epoch))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self))
        yield from self.cut(self.examples.sequences, order, epoch, skip)

    def cut(self, sequences: Ragged, order: Rows, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of the sequences on the device, which are of these lengths, but the first `skip`."""
        size = self.batch_size
        parts: list[Rows] = []
        for rows, _ in groups(self.codes.lengths, order, size, skip):
            parts += [rows[start : start + size] for start in range(0, len(rows), size)]
        mine = [self.mine(part) for part in parts]
        if not mine:
            return
        longest = [int(self.codes.lengths[own].max()) for own in mine] if not self.codes.equal else [0] * len(mine)
        everything = to_device(np.concatenate(mine), self.device)  # once, so that no batch waits for it
        start = 0
        for part, own, width in zip(parts, mine, longest, strict=True):
            at = everything[start : start + len(own)]
            start += len(own)
            codes, lengths = self.changed_at(*self.codes.take(at, width), at, epoch)
            weights = None if self.weights is None else self.weights.index_select(0, at)
            if self.bound_codes is None:
                targets = self.targets.index_select(0, at)
            else:
                targets = of_bases(self.bound_codes.take(at, width)[0])
            for inputs in self.network.prepare(codes, lengths, len(own)):
                yield Batch(part, inputs, targets, weights)

    def changed_at(self, codes: Tensor, lengths: Tensor | None, at: Tensor, epoch: int) -> tuple[Tensor, Tensor | None]:
        """Do what :meth:`changed` does, for rows that are on the device."""
        if not self.augmentation:
            return codes, lengths
        ids = at if self._ids is None else self._ids.index_select(0, at)
        return self.augmentation(codes, lengths, ids, self.seed, epoch), lengths

    def _refreshed(self, epoch: int) -> Ragged:
        """Return the sequences of an epoch, and have those of the next one made."""
        if self._coming is not None and self._coming[0] == epoch:
            sequences = self._coming[1].result()
        else:
            sequences = refresh(self.examples, self.seed, epoch)
        if epoch < self.last_epoch:
            self._coming = epoch + 1, self._thread.submit(refresh, self.examples, self.seed, epoch + 1)
        return sequences


def fits(examples: Examples, device: torch.device) -> bool:
    """Say whether there is room for examples on a device."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    n_targets = 0 if examples.targets is None else examples.targets.shape[1]
    per_letter = 1 if examples.bound is None else 2
    return per_letter * len(examples.sequences.data) + len(examples) * (24 + 4 * n_targets) < SHARE_OF_MEMORY * free
