"""Training on sequences and targets that are in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqcnn.api.predictor import Predictor
from seqcnn.api.strings import as_examples, encode, refuse_u
from seqcnn.dataset.class_names import ClassNames, renumber
from seqcnn.dataset.split import SplitOptions, assign
from seqcnn.models import catalogue
from seqcnn.models import device as devices
from seqcnn.sequence.alphabet import LETTERS
from seqcnn.training.options import TrainOptions, combine
from seqcnn.training.presets import PRESETS
from seqcnn.training.train import train


def fit(
    sequences: Sequence[str],
    targets: ArrayLike,
    *,
    alphabet: str | None = None,
    preset: str = "default",
    valid_fraction: float = 0.1,
    test_fraction: float = 0.0,
    device: str = "auto",
    target_names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
    **options: Any,
) -> Predictor:
    """Train a model.

    Parameters
    ----------
    sequences : sequence of str
    targets : array, shape (n,) or (n, n_targets)
        0 and 1, or numbers; NaN where missing. With ``task="poisson"`` counts; with ``task="multiclass"``, shape (n,),
        the names of classes, or whole numbers.
    alphabet : {"dna", "rna"}, optional
        DNA, the usual, is read on both strands; with U in the sequences it must be said which they are.
    preset : str
        A name in :data:`seqcnn.training.presets.PRESETS`.
    valid_fraction, test_fraction : float
        Shares held out to choose the best epoch, and for the test.
    device : str
    target_names : sequence of str, optional
        Of several classes: all there are, in the order that the scores are to have; else they are sorted.
    weights : array, shape (n,), optional
        How much each sequence counts, 0 or more.
    **options
        Fields of :class:`seqcnn.training.options.TrainOptions` and settings of the architecture, over those of the
        preset.

    Returns
    -------
    Predictor
        With the metrics on the held-out parts, and notes on how they were held out.

    Raises
    ------
    TypeError, ValueError, seqcnn.errors.SeqcnnError
        If the options are unknown, or the data cannot be trained on.
    """
    chosen = _options(preset, options)
    if alphabet not in (None, *LETTERS):
        raise ValueError(f"unknown alphabet {alphabet!r}; there are: {', '.join(LETTERS)}")
    codes = encode(sequences)
    if alphabet is None:
        refuse_u(sequences)
        alphabet = "dna"
    if chosen.task == "multiclass":
        values, target_names = _class_numbers(targets, target_names)
    else:
        with np.errstate(over="ignore"):
            values = np.asarray(targets, dtype=np.float32)
        values = values[:, None] if values.ndim == 1 else values
        if np.isinf(values).any():
            raise ValueError(f"the target of sequence {np.isinf(values).any(1).argmax() + 1} is not a finite number")
    if values.ndim != 2 or len(values) != len(codes):
        raise ValueError(f"{len(codes)} sequences, but targets of shape {np.shape(targets)}")
    default = [f"target_{i + 1}" for i in range(values.shape[1])]
    called = default if target_names is None or not len(target_names) else list(target_names)
    if len(set(called)) < len(called):
        raise ValueError(f"two targets are named {max(called, key=called.count)!r}")
    if chosen.task != "multiclass" and len(called) != values.shape[1]:
        raise ValueError(f"{values.shape[1]} targets, but {len(called)} names for them")
    examples = as_examples(codes, values, _weights(weights, len(codes)))
    both = chosen.reads_both_strands(alphabet)
    fractions = SplitOptions(valid_fraction=valid_fraction, test_fraction=test_fraction)
    split = assign(examples, fractions, both_strands=both, seed=chosen.seed, multiclass=chosen.task == "multiclass")
    trained = train(
        examples,
        split,
        chosen,
        target_names=called,
        alphabet=alphabet,
        length=None,
        device=devices.find(device),
    )
    return Predictor(trained.model, trained.metrics, split.notes)


def _class_numbers(targets: ArrayLike, names: Sequence[str] | None) -> tuple[NDArray[np.float32], list[str]]:
    """Return the numbers of classes, shape (n, 1), and the names of all classes."""
    import pandas as pd

    given = np.asarray(targets)
    if given.ndim != 1:
        raise ValueError(f"classes are one a sequence, but targets have shape {given.shape}")
    classes = ClassNames(names or ())
    if given.dtype.kind in "OUS":
        numbers = np.array([classes.number("" if pd.isna(name) else str(name)) for name in given.tolist()])
        numbers = numbers.astype(np.float32)
    else:
        numbers = classes.adopt(given.astype(np.float32), names or ())
    called, places = classes.order()
    return renumber(numbers, places)[:, None], called


def _weights(weights: ArrayLike | None, n: int) -> NDArray[np.float32] | None:
    """Return weights as an array that has one for each of `n` sequences."""
    if weights is None:
        return None
    values = np.asarray(weights, dtype=np.float32)
    if values.shape != (n,):
        raise ValueError(f"{n} sequences, but weights of shape {values.shape}")
    if not ((values >= 0) & (values < np.inf)).all():
        raise ValueError(f"a weight is {values[~((values >= 0) & (values < np.inf))][0]}, not a number of 0 or more")
    return values


def _options(preset: str, options: dict[str, Any]) -> TrainOptions:
    """Return the options of a preset, with others over them."""
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; there are: {', '.join(PRESETS)}")
    known = {field.name for field in dataclasses.fields(TrainOptions)} | catalogue.options().keys()
    unknown = sorted(set(options) - known)
    if unknown:
        raise TypeError(f"unknown option {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    return combine(preset, options)
