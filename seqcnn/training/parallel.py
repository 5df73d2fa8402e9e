"""Training by several processes that each do a share of every batch, as ``torchrun`` starts them.

Every process has all examples, draws the same batches, takes its rows of each, and adds its gradient to that of the
others: all make the same step. So the result is that of one process but for the order in which float32 numbers are
added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.errors import DeviceError, TrainingError, UsageError
from seqcnn.models import predict
from seqcnn.models.network import Network
from seqcnn.processes import place
from seqcnn.sequence.ragged import Ragged

PATIENCE: Final = timedelta(hours=2)
"""Time that a process waits for the others, which may read data from a slower disk."""


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of a fit.

    Parameters
    ----------
    rank : int
        Which of them this is, from 0.
    size : int
        How many there are.
    """

    rank: int = 0
    size: int = 1

    def share(self, batch_size: int, *, pairs: bool = False) -> slice:
        """Return which rows of every batch are this process's; a shorter batch has the first of them.

        Parameters
        ----------
        batch_size : int
        pairs : bool
            Keep neighbours together: rows 0 and 1, 2 and 3, ...

        Raises
        ------
        UsageError
            If there are more processes than rows.
        """
        n = -(-batch_size // 2) if pairs else batch_size
        if n < self.size:
            whose = "mixup's pairs in a batch" if pairs else "a batch"
            raise UsageError(f"{whose} of {batch_size} cannot be divided among {self.size} processes; see --batch-size")
        if pairs:
            first, last = self.rank * n // self.size, (self.rank + 1) * n // self.size
            return slice(2 * first, min(2 * last, batch_size))
        return slice(self.rank * batch_size // self.size, (self.rank + 1) * batch_size // self.size)

    def add_up(self, tensor: Tensor) -> None:
        """Replace a tensor by its sum over processes, the same bits in each."""
        if self.size > 1:
            with _reported():
                dist.all_reduce(tensor)

    def agree(self, tensor: Tensor) -> None:
        """Replace a tensor by that of the first process."""
        if self.size > 1:
            with _reported():
                dist.broadcast(tensor, 0)


@contextmanager
def _reported() -> Iterator[None]:
    """Say in words that another process has gone."""
    try:
        yield
    except RuntimeError as error:
        what = " ".join(str(error).split())[:200]
        raise TrainingError(f"another process has gone, and training with it ({what})") from error


def current() -> Group:
    """Return the group that this process has joined; one of its own if none."""
    if dist.is_available() and dist.is_initialized():
        return Group(dist.get_rank(), dist.get_world_size())
    return Group()


@contextmanager
def joined(device: torch.device) -> Iterator[Group]:
    """Join the processes that were started together, if ``torchrun`` started this one; over gloo or, on GPUs, NCCL.

    Raises
    ------
    DeviceError
        If they cannot find each other, or the device is one that they cannot train on together.
    """
    if place().size == 1:
        yield Group()
        return
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"several processes cannot train on {device} together; use --device cpu, or one process")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    try:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise DeviceError(f"the processes do not find each other ({' '.join(str(error).split())[:200]})") from error
    try:
        yield current()
    finally:
        dist.destroy_process_group()


def member_scores(network: Network, sequences: Ragged) -> NDArray[np.float32]:
    """Do what :func:`seqcnn.models.predict.member_scores` does; each process scores a share, and all get all."""
    group = current()
    if group.size == 1:
        return predict.member_scores(network, sequences)
    mine = np.arange(group.rank, len(sequences), group.size)
    shape = (network.settings.n_members, len(sequences), network.settings.n_targets)
    scores = torch.zeros(shape, device=network.output_bias.device)
    scores[:, torch.from_numpy(mine)] = torch.from_numpy(predict.member_scores(network, sequences.take(mine))).to(
        scores.device
    )
    group.add_up(scores)
    return scores.cpu().numpy()
