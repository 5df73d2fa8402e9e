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
from seqcnn.sequence import alphabet as letters
from seqcnn.sequence import shuffle
from seqcnn.sequence.alphabet import LETTERS
from seqcnn.sequence.ragged import Ragged, encode_all, from_text
from seqcnn.training.presets import PRESETS
from seqcnn.training.options import TrainOptions
from seqcnn.training.train import train


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
        TypeError
            If `sequences` is one string.
        ValueError
            If a letter is not an IUPAC nucleotide letter.
        """
        return predict(self.model.network, _encode(sequences))

    def predict_probability(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of binding, shape (n, n_targets).

        Raises
        ------
        ValueError
            If the model predicts numbers, not classes.
        """
        if self.model.task != "binary":
            raise ValueError(f"a {self.model.task} model predicts no probabilities")
        from scipy.special import expit

        probability: NDArray[np.float64] = expit(self.predict(sequences).astype(np.float64))
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
        Fields of :class:`seqcnn.training.options.TrainOptions`, over those of the preset.

    Returns
    -------
    Predictor
        With the metrics on the held-out parts.

    Raises
    ------
    TypeError, ValueError, seqcnn.errors.SeqcnnError
        If the options are unknown, or the data cannot be trained on.
    """
    chosen = _options(preset, options)
    if alphabet not in LETTERS:
        raise ValueError(f"unknown alphabet {alphabet!r}; there are: {', '.join(LETTERS)}")
    codes, values = _encode(sequences), np.asarray(targets, dtype=np.float32)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != len(codes):
        raise ValueError(f"{len(codes)} sequences, but targets of shape {np.shape(targets)}")
    if not len(codes) or not codes.lengths.all():
        raise ValueError(f"sequence {codes.lengths.argmin() + 1} is empty" if len(codes) else "there are no sequences")
    called = list(target_names or [f"target_{i + 1}" for i in range(values.shape[1])])
    if len(called) != values.shape[1]:
        raise ValueError(f"{values.shape[1]} targets, but {len(called)} names for them")
    names = from_text(f"row_{i + 1}" for i in range(len(codes)))
    examples = Examples(codes, names, values, np.full(len(codes), Origin.GIVEN, dtype=np.uint8))
    both = chosen.reads_both_strands(alphabet)
    fractions = SplitOptions(valid_fraction=valid_fraction, test_fraction=test_fraction)
    split = assign(examples, fractions, both_strands=both, seed=chosen.seed)
    trained = train(
        examples,
        split,
        chosen,
        target_names=called,
        alphabet=alphabet,
        length=None,
        device=devices.find(device),
    )
    return Predictor(trained.model, trained.metrics)


def _options(preset: str, options: dict[str, Any]) -> TrainOptions:
    """Return the options of a preset, with others over them."""
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; there are: {', '.join(PRESETS)}")
    known = {field.name for field in dataclasses.fields(TrainOptions)}
    unknown = sorted(set(options) - known)
    if unknown:
        raise TypeError(f"unknown option {unknown[0]!r}; there are: {', '.join(sorted(known))}")
    return TrainOptions(**PRESETS[preset] | options)


def _encode(sequences: Sequence[str]) -> Ragged:
    """Encode sequences; one string would be read as sequences of one letter each."""
    if isinstance(sequences, str):
        raise TypeError("sequences is one string; give a list of strings")
    return encode_all(sequences)


def one_hot(sequence: str, n_value: float = 0.25) -> NDArray[np.float32]:
    """Return a sequence as one-hot, shape (4, length), rows A C G T/U; see :func:`seqcnn.sequence.alphabet.one_hot`."""
    return letters.one_hot(letters.encode(sequence), n_value)


def dinucleotide_shuffle(sequences: Sequence[str], seed: int = 0) -> list[str]:
    """Shuffle sequences, keeping their dinucleotides; see :func:`seqcnn.sequence.shuffle.dinucleotide_shuffle`."""
    return shuffle.shuffle_strings(sequences, seed)
