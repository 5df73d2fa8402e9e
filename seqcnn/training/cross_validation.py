"""Cross-validation: a model for each fold, trained on the others; together they are the ensemble that is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.dataset.split import SplitOptions, assign
from seqcnn.errors import InputError, TrainingError
from seqcnn.models.modelfile import Model
from seqcnn.models.network import join_members
from seqcnn.training.evaluate import evaluate_part
from seqcnn.training.fit import Watcher
from seqcnn.training.held_out import HeldOut
from seqcnn.training.history import Epoch, History
from seqcnn.training.keeping import Keeper
from seqcnn.training.metrics import validation_score
from seqcnn.training.options import TrainOptions
from seqcnn.training.start import Start
from seqcnn.training.targets import check_targets
from seqcnn.training.train import make_model, train


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """What cross-validation gives.

    Parameters
    ----------
    model : Model
        All folds' members.
    histories : list of History
        Of each fold.
    metrics : list of dict
        Of each fold's model on the fold that it has not seen, see :func:`seqcnn.training.evaluate.evaluate`.
    held_out : list of HeldOut
        The scores of these folds.
    """

    model: Model
    histories: list[History]
    metrics: list[dict[str, Any]]
    held_out: list[HeldOut]


def cross_validate(
    examples: Examples,
    folds: NDArray[np.int64],
    options: TrainOptions,
    *,
    valid_fraction: float,
    target_names: Sequence[str],
    alphabet: str,
    length: int | None,
    device: torch.device,
    class_column: str = "class",
    start: Start | None = None,
    on_fold: Callable[[int, Mapping[str, int]], None] | None = None,
    on_batch: Watcher | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    keeper: Keeper | None = None,
) -> CrossValidated:
    """Train a model on all folds but one, for each fold.

    Parameters
    ----------
    examples : Examples
        With targets; none of those held out for the final test.
    folds : ndarray of int64, shape (n,)
    options : TrainOptions
    valid_fraction : float
        Share of the other folds that chooses the best epoch; 0 keeps the last epoch's weights.
    target_names, alphabet, length, device, class_column, start, on_batch, on_epoch
        As for :func:`seqcnn.training.train.train`.
    on_fold : callable, optional
        Called before each fold (from 0) with the counts of its parts.
    keeper : Keeper, optional
        Has a part for each fold: those that are done are not done again.

    Raises
    ------
    InputError, TrainingError
    """
    both_strands = options.reads_both_strands(alphabet)
    networks, histories, metrics, scored = [], [], [], []
    for fold in range(int(folds.max()) + 1):
        others, held_out = examples.take(folds != fold), examples.take(folds == fold)
        splitting = SplitOptions(valid_fraction=valid_fraction)
        split = assign(
            replace(others, split=None),
            splitting,
            both_strands=both_strands,
            seed=options.seed,
            multiclass=options.task == "multiclass",
        )
        if on_fold is not None:
            on_fold(fold, {"train": len(split.rows("train")), "valid": len(split.rows("valid")), "fold": len(held_out)})
        trained = train(
            others,
            split,
            options,
            target_names=list(target_names),
            alphabet=alphabet,
            length=length,
            device=device,
            class_column=class_column,
            start=start,
            on_batch=on_batch,
            on_epoch=on_epoch,
            keeper=None if keeper is None else keeper.part(f"fold {fold + 1}"),
        )
        networks.append(trained.model.network)
        histories.append(trained.history)
        judged, scores = evaluate_part(trained.model, held_out, f"fold {fold + 1}", seed=options.seed)
        metrics.append(judged)
        scored.append(scores)
    said = replace(options, task=trained.model.task, epochs=trained.model.training["options"]["epochs"])
    counts = {"train": len(examples), "folds": len(networks)}
    model = make_model(join_members(networks), said, examples, counts, target_names, alphabet, length, class_column)
    model.training["folds"] = metrics
    return CrossValidated(model, histories, metrics, scored)


def check_folds(examples: Examples, folds: NDArray[np.int64], task: str, class_names: Sequence[str] = ()) -> None:
    """Refuse folds on which a model cannot be judged, or without which one cannot be trained.

    Parameters
    ----------
    examples : Examples
        With targets.
    folds : ndarray of int64, shape (n,)
    task : str
    class_names : sequence of str
        For several classes.

    Raises
    ------
    InputError, TrainingError
        Names the fold.
    """
    targets, weights = examples.targets, examples.weights
    assert targets is not None
    hint = "use fewer --folds, or divide them by another --folds-by"
    n_scores = max(len(class_names), targets.shape[1])
    for fold in range(int(folds.max()) + 1):
        held_out = folds == fold
        try:
            check_targets(task, targets, np.flatnonzero(~held_out), weights, class_names)
        except TrainingError as error:
            raise TrainingError(f"without fold {fold + 1}, {error}; or {hint}") from error
        anything = np.random.default_rng(fold).random((int(held_out.sum()), n_scores), dtype=np.float32)
        if np.isnan(
            validation_score(task, targets[held_out], anything, None if weights is None else weights[held_out])
        ):
            raise InputError(
                f"fold {fold + 1} has one class, or one value, only: nothing can be judged on it", hint=hint
            )


def summarise(metrics: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """Return mean, standard deviation and 95% interval (Student's t) of a metric over folds, and each fold's.

    Parameters
    ----------
    metrics : sequence of mapping
        For one target, of each fold.
    key : str
        Such as "auroc".
    """
    from scipy.stats import t

    each = np.array([fold[key]["value"] if key in fold else np.nan for fold in metrics])
    known = each[~np.isnan(each)]
    result: dict[str, Any] = {"folds": each.tolist(), "mean": float(known.mean()) if len(known) else np.nan}
    if len(known) < 2:
        return result | {"sd": np.nan, "low": np.nan, "high": np.nan}
    sd = float(known.std(ddof=1))
    margin = float(t.ppf(0.975, len(known) - 1)) * sd / len(known) ** 0.5
    return result | {"sd": sd, "low": result["mean"] - margin, "high": result["mean"] + margin}


def summarise_all(folds: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return for each target the summary of every metric that has a value in some fold."""
    result: dict[str, dict[str, Any]] = {}
    for target in folds[0]:
        of_target = [fold[target] for fold in folds]
        pairs = [pair for metrics in of_target for pair in metrics.items()]
        keys = dict.fromkeys(key for key, value in pairs if isinstance(value, Mapping) and "value" in value)
        result[target] = {key: summarise(of_target, key) for key in keys}
    return result
