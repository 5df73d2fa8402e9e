"""Which feed suits the examples and the device."""

from __future__ import annotations

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.streamed import Streamed
from seqcnn.models.network import Network
from seqcnn.training.feed import Feed, InMemory
from seqcnn.training.feed_device import Resident, fits
from seqcnn.training.feed_disk import FromDisk


def create_feed(
    examples: Examples | Streamed, network: Network, batch_size: int, *, resample: bool, seed: int, last_epoch: int
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
    """
    if isinstance(examples, Streamed):
        return FromDisk(examples, network, batch_size, resample=resample, seed=seed)
    if network.on_cpu or not fits(examples, network.output_bias.device):
        return InMemory(examples, network, batch_size, resample=resample, seed=seed)
    return Resident(examples, network, batch_size, resample=resample, seed=seed, last_epoch=last_epoch)
