"""Training on which bases are bound, where data and architecture have such: what is different then."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import UNKNOWN, Examples
from seqcnn.dataset.streamed import Streamed
from seqcnn.errors import UsageError
from seqcnn.models.bases import member_base_scores
from seqcnn.models.network import Network
from seqcnn.training import parallel
from seqcnn.training.augmentation import Augmentation
from seqcnn.training.options import TrainOptions
from seqcnn.training.plan import Plan


def counts(examples: Examples | Streamed) -> NDArray[np.int64]:
    """Return how many training bases are not bound, are, and how many of which it is not known, shape (3,)."""
    if isinstance(examples, Streamed):
        return examples.n_bases
    if examples.bound is None:
        return np.zeros(UNKNOWN + 1, dtype=np.int64)
    return np.bincount(examples.bound.data, minlength=UNKNOWN + 1)


def trains_on_bases(gives_bases: bool, n_targets: int, task: str, examples: Examples | Streamed) -> bool:
    """Say whether a network is trained on the bases: if it scores them, for one yes-or-no target, and they are known.

    Parameters
    ----------
    gives_bases : bool
        Whether its architecture does.
    n_targets : int
    task : str
    examples : Examples or Streamed
        That are trained on.
    """
    known = counts(examples)
    return gives_bases and n_targets == 1 and task == "binary" and bool(known[0] and known[1])


def balance(examples: Examples | Streamed) -> torch.Tensor:
    """Return bases that are not bound for one that is, shape (1,)."""
    known = counts(examples)
    return torch.tensor([known[0] / known[1]], dtype=torch.float32)


def check_tools(options: Plan | TrainOptions) -> None:
    """Raise UsageError for what would part bases from what is known of them, or is made for scores of sequences."""
    changes = options.augmentation or Augmentation()
    refused = {
        "--shift": changes.shift,
        "--reverse-complement": changes.reverse_complement,
        "--loss hinge": options.loss == "hinge",
    }
    said = next((name for name, given in refused.items() if given), None)
    if said is not None:
        raise UsageError(f"{said} does not go with training on bases: encode without --bound-bases, or leave it out")


def validation(network: Network, valid: Examples) -> tuple[NDArray[np.float32], ...]:
    """Score the bases that are known.

    Returns
    -------
    scores : ndarray, shape (n_members, n, 1)
    targets : ndarray, shape (n, 1)
    weights : ndarray, shape (n,)
        Of their sequences.
    """
    assert valid.bound is not None
    scores = torch.from_numpy(member_base_scores(network, valid.sequences)).to(network.output_bias.device)
    parallel.current().agree(scores)  # each process has scored all of them
    known = valid.bound.data != UNKNOWN
    weights = np.ones(len(valid), dtype=np.float32) if valid.weights is None else valid.weights
    of_each = np.repeat(weights, valid.sequences.lengths)
    return scores.cpu().numpy()[:, known], valid.bound.data[known, None].astype(np.float32), of_each[known]
