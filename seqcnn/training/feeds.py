"""Which feed suits the examples and the device."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.streamed import Streamed
from seqcnn.models.network import Network
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.feed import Feed, InMemory
from seqcnn.training.feed_device import Resident, fits
from seqcnn.training.feed_disk import FromDisk


def create_feed(
    examples: Examples | Streamed,
    network: Network,
    batch_size: int,
    *,
    resample: bool,
    seed: int,
    last_epoch: int,
    augmentation: Augmentation | None = None,
    alpha: float = 0.0,
) -> Feed:
    """Return the feed of a fit: from the device's memory if it is a GPU with room for the examples.

    Parameters
    ----------
    examples : Examples or Streamed
        With targets.
    network : Network
    batch_size : int
    resample : bool
        Shuffle dinucleotide negatives afresh every epoch.
    seed : int
    last_epoch : int
    augmentation, alpha
        See :class:`seqcnn.training.feed.Feed`.
    """
    if isinstance(examples, Streamed):
        return FromDisk(
            examples, network, batch_size, resample=resample, seed=seed, augmentation=augmentation, alpha=alpha
        )
    kind: Callable[..., Feed] = InMemory
    if not network.on_cpu and fits(examples, network.output_bias.device):
        kind = partial(Resident, last_epoch=last_epoch)
    return kind(examples, network, batch_size, resample=resample, seed=seed, augmentation=augmentation, alpha=alpha)
