"""seqcnn from Python: strings in, NumPy arrays out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.split import SplitOptions, assign
from seqcnn.models import device as devices
from seqcnn.models import modelfile
from seqcnn.models.predict import predict
from seqcnn.sequence import alphabet, shuffle
from seqcnn.sequence.ragged import encode_all, from_text
from seqcnn.training.presets import PRESETS
from seqcnn.training.train import TrainOptions, train


class Predictor:
    """A trained model.

    Parameters
    ----------
    model : seqcnn.models.modelfile.Model
    metrics : dict, optional
        What it reached on held-out data.
    """

    def __init__(self, model: modelfile.Model, metrics: dict[str, Any] | None = None) -> None:
        self.model = model
        self.metrics = metrics if metrics is not None else model.training.get("metrics", {})

    @property
    def target_names(self) -> tuple[str, ...]:
        """The names of what is predicted."""
        return self.model.target_names

    def predict(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        """Score sequences.

        Parameters
        ----------
        sequences : sequence of str
            DNA or RNA in any case, of any lengths.

        Returns
        -------
        ndarray, shape (n, n_targets)
            Log-odds of binding, or the predicted value; NaN for an empty sequence.

        Raises
        ------
        ValueError
            If a letter is not an IUPAC nucleotide letter.
        """
        return predict(self.model.network, encode_all(sequences))

    def predict_probability(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of binding, shape (n, n_targets).

        Raises
        ------
        ValueError
            If the model predicts numbers, not classes.
        """
        if self.model.task != "binary":
            raise ValueError(f"a {self.model.task} model predicts no probabilities")
        probability: NDArray[np.float64] = 1 / (1 + np.exp(-self.predict(sequences).astype(np.float64)))
        return probability

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model file."""
        modelfile.save(self.model, path)


def load(path: str | PathLike[str], device: str = "cpu") -> Predictor:
    """Read a model from its file or its run folder.

    Parameters
    ----------
    path : str or path
    device : str
        "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises
    ------
    seqcnn.errors.ModelFileError
        If it is not a whole model.
    """
    return Predictor(modelfile.load(path, devices.find(device)))


def fit(
    sequences: Sequence[str],
    targets: ArrayLike,
    *,
    alphabet: str = "dna",
    preset: str = "default",
    valid_fraction: float = 0.1,
    test_fraction: float = 0.0,
    device: str = "auto",
    target_names: Sequence[str] | None = None,
    **options: Any,
) -> Predictor:
    """Train a model.

    Parameters
    ----------
    sequences : sequence of str
    targets : array, shape (n,) or (n, n_targets)
        0 and 1, or numbers; NaN where missing.
    alphabet : {"dna", "rna"}
        DNA is read on both strands.
    preset : str
        A name in :data:`seqcnn.training.presets.PRESETS`.
    valid_fraction, test_fraction : float
        Shares held out to choose the best epoch, and for the test.
    device : str
    target_names : sequence of str, optional
    **options
        Fields of :class:`seqcnn.training.train.TrainOptions`, over those of the preset.

    Returns
    -------
    Predictor
        With the metrics on the held-out parts.

    Raises
    ------
    TypeError, ValueError, seqcnn.errors.SeqcnnError
        If the options are unknown, or the data cannot be trained on.
    """
    values = np.asarray(targets, dtype=np.float32)
    values = values[:, None] if values.ndim == 1 else values
    if len(values) != len(sequences):
        raise ValueError(f"{len(sequences)} sequences, but {len(values)} targets")
    known = {field.name for field in dataclasses.fields(TrainOptions)}
    unknown = sorted(set(options) - known)
    if unknown:
        raise TypeError(f"unknown option {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    chosen = TrainOptions(**PRESETS[preset] | options)
    codes = encode_all(sequences)
    names = from_text(f"row_{i + 1}" for i in range(len(codes)))
    examples = Examples(codes, names, values, np.full(len(codes), Origin.GIVEN, dtype=np.uint8))
    both = (chosen.strands or ("both" if alphabet == "dna" else "one")) == "both"
    fractions = SplitOptions(valid_fraction=valid_fraction, test_fraction=test_fraction)
    split = assign(examples, fractions, both_strands=both, seed=chosen.seed)
    trained = train(
        examples,
        split,
        chosen,
        target_names=list(target_names or [f"target_{i + 1}" for i in range(values.shape[1])]),
        alphabet=alphabet,
        length=None,
        device=devices.find(device),
    )
    return Predictor(trained.model, trained.metrics)


def one_hot(sequence: str, n_value: float = 0.25) -> NDArray[np.float32]:
    """Return a sequence as one-hot, shape (4, length), rows A C G T/U; see :func:`seqcnn.sequence.alphabet.one_hot`."""
    return alphabet.one_hot(alphabet.encode(sequence), n_value)


def dinucleotide_shuffle(sequences: Sequence[str], seed: int = 0) -> list[str]:
    """Shuffle sequences, keeping their dinucleotides; see :func:`seqcnn.sequence.shuffle.dinucleotide_shuffle`."""
    return shuffle.shuffle_strings(sequences, seed)
