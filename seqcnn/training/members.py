"""Members: networks of one shape that are trained side by side, each with a seed and rates of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.streamed import Streamed
from seqcnn.models import architectures
from seqcnn.models.network import Network, Scale
from seqcnn.sequence.contexts import N_CONTEXTS
from seqcnn.training import bases
from seqcnn.training.fit import Fit, Plan, Watcher
from seqcnn.training.history import Epoch, History
from seqcnn.training.keeping import Keeper
from seqcnn.training.log_odds import give_log_odds
from seqcnn.training.objectives import class_weights, unbalance
from seqcnn.training.optimiser import Rates
from seqcnn.training.options import TrainOptions
from seqcnn.training.scaling import find_scaling
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
    training: Examples | Streamed,
    valid: Examples | None,
    *,
    task: str,
    both_strands: bool,
    epochs: int,
    device: torch.device,
    n_scores: int | None = None,
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
    training : Examples or Streamed
        With targets.
    valid : Examples or None
    task : str
    both_strands : bool
    epochs : int
    device : torch.device
    n_scores : int, optional
        The number of classes; None for as many as there are in the data, or for one score a target.
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
    known = training.training.sketch() if isinstance(training, Streamed) else training
    n_scores = n_scores or _count_scores(task, known, valid)
    network = _create(options, members, n_scores, both_strands, N_CONTEXTS * training.has_contexts, device)
    scaling = find_scaling(task, known)
    weight = _class_weights(task, scaling.apply(known), n_scores, device) if options.balance else None
    if weight is not None and bases.trains_on_bases(network.gives_bases, n_scores, task, training):
        weight = bases.balance(training).to(device)
    training = training.changed(scaling.apply) if isinstance(training, Streamed) else scaling.apply(training)
    valid = None if valid is None else scaling.apply(valid)
    if start is not None:
        as_weighted = None if options.loss == "hinge" else weight
        start.apply(network, task, shift=scaling.shift, scale=scaling.scale, positive_weight=as_weighted)
    plan = Plan(
        task=task,
        epochs=epochs,
        batch_size=options.batch_size,
        optimiser=options.optimiser,
        schedule=options.schedule,
        rates=[each.rates for each in members],
        patience=options.patience,
        resample=options.resample and not network.settings.contexts,  # shuffles would have to be folded anew
        seed=options.seed,
        decay_from=options.decay_from,
        bears_loss=bears_loss,
        checks=checks,
        augmentation=options.augmentation,
        mixup=options.mixup or None,
        loss=options.loss,
        averaging=options.averaging,
    )
    fit = Fit(network, training, valid, plan, weight)
    with nullcontext() if keeper is None else keeper.keeping(fit) as on_step:
        history = fit.run(on_batch=on_batch, on_epoch=on_epoch, on_step=on_step)
    if options.loss == "hinge":
        give_log_odds(network, task, training, valid)
    elif weight is not None:
        unbalance(network.output_bias, weight)
    scaling.undo(network)
    return network, history


def _create(
    options: TrainOptions,
    members: Sequence[Member],
    n_scores: int,
    both_strands: bool,
    contexts: int,
    device: torch.device,
) -> Network:
    """Return a network of these members with its first weights."""
    network = architectures.create(
        options.architecture,
        {
            "n_members": len(members),
            "n_targets": n_scores,
            **({"contexts": contexts} if contexts else {}),
            **options.network_settings(both_strands=both_strands),
        },
    ).to(device)
    network.precision = options.precision
    network.dropouts = tuple(each.dropout for each in members)
    network.scales = tuple(each.scale for each in members)
    network.seed([each.seed for each in members])
    return network


def _count_scores(task: str, training: Examples, valid: Examples | None) -> int:
    """Return how many scores a network must give."""
    assert training.targets is not None
    if task != "multiclass":
        return int(training.targets.shape[1])
    parts = [part.targets for part in (training, valid) if part is not None and part.targets is not None]
    return int(max(np.nanmax(targets, initial=0) for targets in parts)) + 1


def _class_weights(task: str, training: Examples, n_scores: int, device: torch.device) -> torch.Tensor | None:
    """Return the weights by which the classes of a training set count alike, if there are such."""
    assert training.targets is not None
    weights = None if training.weights is None else torch.from_numpy(training.weights)
    found = class_weights(task, torch.from_numpy(training.targets), n_scores, weights)
    return None if found is None else found.to(device)
