"""What feeds a fit whose examples are not all in memory: blocks from all over the file, mixed, read ahead."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, join
from seqcnn.dataset.part_rule import TRAIN
from seqcnn.dataset.streamed import Streamed
from seqcnn.models.network import Network
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.feed import Batch, Feed, InMemory, Rows, refresh
from seqcnn.training.feed_device import Resident

BLOCKS_AT_ONCE: Final = 128
"""Blocks that are mixed: with usual lengths 16 million letters. Three times as much is held at a time, about."""


class Piece(NamedTuple):
    """Examples for some batches.

    Parameters
    ----------
    examples : Examples
    ids : ndarray of int
        Their rows in the file.
    order : ndarray of int
        In which they come; some, which are left for the next piece, do not.
    """

    examples: Examples
    ids: NDArray[np.int64]
    order: Rows


class FromDisk(Feed):
    """The training examples of a dataset on disk: blocks in random order, the examples of many blocks mixed.

    The next examples are read by another thread while these are trained on.

    Parameters
    ----------
    streamed : Streamed
    network, batch_size, seed
        See :class:`seqcnn.training.feed.Feed`.
    resample : bool
        Shuffle the dinucleotide negatives afresh every epoch.
    augmentation, alpha
        See :class:`seqcnn.training.feed.Feed`.
    """

    def __init__(
        self,
        streamed: Streamed,
        network: Network,
        batch_size: int,
        *,
        resample: bool,
        seed: int,
        augmentation: Augmentation | None = None,
        alpha: float = 0.0,
    ) -> None:
        super().__init__(network, batch_size, seed, augmentation, alpha)
        self.examples, self.resample = streamed, resample and streamed.has_shuffles
        self.complete = streamed.training.complete and not network.per_base

    def __len__(self) -> int:
        n: int = self.examples.counts["train"]
        return n

    def names(self, rows: Rows) -> list[str]:
        """Return the names of examples."""
        return self.examples.names(rows.tolist())

    def digest(self) -> str:
        """Return a digest of the dataset and its split."""
        return self.examples.digest

    def unmixed(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch but the first `skip`."""
        kind = InMemory if self.network.on_cpu else Resident
        windows, starts = self._windows(epoch)
        # The first piece with a batch that is not skipped. A piece begins with what is left of the one before.
        firsts = starts[:-1] // self.batch_size
        first = int(np.searchsorted(firsts, skip, side="right")) - 1
        skip -= int(firsts[first])
        with ThreadPoolExecutor(1) as thread:
            pieces = self._pieces(epoch, windows, starts, first)
            coming = thread.submit(next, pieces, None)
            while (piece := coming.result()) is not None:
                coming = thread.submit(next, pieces, None)
                feed = kind(
                    piece.examples,
                    self.network,
                    self.batch_size,
                    resample=False,
                    seed=self.seed,
                    augmentation=self.augmentation,
                    alpha=self.alpha,
                    ids=piece.ids,
                )
                for batch in feed.cut(piece.examples.sequences, piece.order, epoch, skip):
                    yield batch._replace(rows=piece.ids[batch.rows])
                skip = 0

    def _windows(self, epoch: int) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """Return the blocks that are mixed with each other, and how many examples come before each of these windows.

        All but the last window have a batch or more.
        """
        per_block = self.examples.n_in_block[TRAIN]
        blocks = np.random.default_rng([self.seed, epoch]).permutation(np.flatnonzero(per_block))
        before = np.concatenate([[0], np.cumsum(per_block[blocks])])
        at = [0]
        while at[-1] < len(blocks):
            enough = int(np.searchsorted(before, before[at[-1]] + self.batch_size))
            at.append(min(len(blocks), max(at[-1] + BLOCKS_AT_ONCE, enough)))
        windows = [np.sort(blocks[start:stop]) for start, stop in pairwise(at)]
        return windows, before[at]

    def _pieces(
        self, epoch: int, windows: list[NDArray[np.int64]], starts: NDArray[np.int64], first: int
    ) -> Iterator[Piece]:
        """Yield the pieces from one on; what does not fill a batch is left for the next piece."""
        size = self.batch_size
        left: tuple[Examples, NDArray[np.int64]] | None = None
        if n_left := int(starts[first]) % size:
            examples, ids, order = self._read(epoch, windows, first - 1)
            left = examples.take(order[-n_left:]), ids[order[-n_left:]]
        for number in range(first, len(windows)):
            examples, ids, order = self._read(epoch, windows, number)
            if left is not None:
                n = len(examples)
                shuffled = np.random.default_rng([self.seed, epoch, 1, number]).permutation(len(left[0]))
                order = np.concatenate([n + shuffled, order])
                examples, ids = join([examples, left[0]]), np.concatenate([ids, left[1]])
            last = number + 1 == len(windows)
            n_left = 0 if last else len(order) % size
            rest = order[len(order) - n_left :]
            left = (examples.take(rest), ids[rest]) if n_left else None
            yield Piece(examples, ids, order[: len(order) - n_left])

    def _read(
        self, epoch: int, windows: list[NDArray[np.int64]], number: int
    ) -> tuple[Examples, NDArray[np.int64], Rows]:
        """Return the examples of a window, their rows in the file, and a random order of them."""
        examples, ids = self.examples.read(windows[number].tolist())
        if self.resample:
            examples = replace(examples, sequences=refresh(examples, self.seed, epoch, ids))
        return examples, ids, np.random.default_rng([self.seed, epoch, number]).permutation(len(examples))
