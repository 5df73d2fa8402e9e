"""Members: networks of one shape that are trained side by side, each with a seed and rates of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.models import architectures
from seqcnn.models.network import Network, Scale
from seqcnn.training.fit import Fit, Plan, Watcher
from seqcnn.training.history import Epoch, History
from seqcnn.training.keeping import Keeper
from seqcnn.training.objectives import balance, unbalance
from seqcnn.training.optimiser import Rates
from seqcnn.training.options import TrainOptions
from seqcnn.training.start import Start


@dataclass(frozen=True, slots=True)
class Member:
    """What tells a member from those beside it.

    Parameters
    ----------
    seed : int
        Of its initial weights and its dropout.
    rates : Rates
    dropout : float
    scale : Scale or None
        Of its initial weights; None for the architecture's usual.
    """

    seed: int
    rates: Rates
    dropout: float
    scale: Scale | None = None


def member(options: TrainOptions, seed: int) -> Member:
    """Return the member that options describe."""
    sizes = (options.filter_scale, options.weight_scale)
    scale = None if sizes == (None, None) else Scale(*sizes)
    rates = Rates(options.learning_rate, options.weight_decay, options.momentum, options.filter_decay, options.nesterov)
    return Member(seed, rates, options.dropout, scale)


def usual_members(options: TrainOptions) -> list[Member]:
    """Return as many members as are asked for; they differ by their seeds."""
    return [member(options, options.seed * 1_000_003 + i) for i in range(options.members)]


def fit_members(
    options: TrainOptions,
    members: Sequence[Member],
    training: Examples,
    valid: Examples | None,
    *,
    task: str,
    both_strands: bool,
    epochs: int,
    device: torch.device,
    bears_loss: bool = False,
    checks: tuple[int, ...] | None = None,
    on_batch: Watcher | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    keeper: Keeper | None = None,
    start: Start | None = None,
) -> tuple[Network, History]:
    """Train members side by side.

    Parameters
    ----------
    options : TrainOptions
        What members share: the shape, the batches and the optimiser. What :class:`Member` has comes from there.
    members : sequence of Member
    training : Examples
        With targets.
    valid : Examples or None
    task : str
    both_strands : bool
    epochs : int
    device : torch.device
    bears_loss, checks
        See :class:`seqcnn.training.fit.Plan`.
    on_batch, on_epoch : callable, optional
        See :meth:`seqcnn.training.fit.Fit.run`.
    keeper : Keeper, optional
        Saves the fit while it runs, and has it go on from there.
    start : Start, optional
        What the first weights are, if not drawn.

    Returns
    -------
    network : Network
        Its scores are those of the task: the weights of classes, and the scaling of numbers, are taken out again.
    history : History
    """
    assert training.targets is not None
    network = architectures.create(
        options.architecture,
        {
            "n_members": len(members),
            "n_targets": training.targets.shape[1],
            "both_strands": both_strands,
            "dropout": options.dropout,
            "n_filters": options.n_filters,
            "kernel_size": options.kernel_size,
            "hidden": options.hidden,
            "pooling": options.pooling,
        },
    ).to(device)
    network.dropouts = tuple(each.dropout for each in members)
    network.scales = tuple(each.scale for each in members)
    network.seed([each.seed for each in members])
    mean, scale = _standard(training.targets) if task == "regression" else (np.float64(0), np.float64(1))
    weight = balance(torch.from_numpy(training.targets)).to(device) if task == "binary" and options.balance else None
    if start is not None:
        start.apply(network, task, shift=mean, scale=scale, positive_weight=weight)
    plan = Plan(
        task=task,
        epochs=epochs,
        batch_size=options.batch_size,
        optimiser=options.optimiser,
        schedule=options.schedule,
        rates=[each.rates for each in members],
        patience=options.patience,
        resample=options.resample,
        seed=options.seed,
        decay_from=options.decay_from,
        bears_loss=bears_loss,
        checks=checks,
    )
    validation = None if valid is None else _scaled(valid, mean, scale)
    fit = Fit(network, _scaled(training, mean, scale), validation, plan, weight)
    with nullcontext() if keeper is None else keeper.keeping(fit) as on_step:
        history = fit.run(on_batch=on_batch, on_epoch=on_epoch, on_step=on_step)
    if weight is not None:
        unbalance(network.output_bias, weight)
    if task == "regression":
        network.rescale(torch.as_tensor(scale), torch.as_tensor(mean))
    return network, history


Values = NDArray[np.float64] | np.float64


def _standard(targets: NDArray[np.float32]) -> tuple[Values, Values]:
    """Return mean and standard deviation of each target; in float32 the squares of tiny or huge ones are 0 or inf."""
    exact = targets.astype(np.float64)
    return np.nanmean(exact, axis=0), np.nanstd(exact, axis=0)


def _scaled(examples: Examples, mean: Values, scale: Values) -> Examples:
    assert examples.targets is not None
    return examples.with_targets(((examples.targets - mean) / scale).astype(np.float32))
