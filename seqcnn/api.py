"""seqcnn from Python: strings in, NumPy arrays out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqcnn.dataset.class_names import ClassNames, renumber
from seqcnn.dataset.examples import Examples, Origin
from seqcnn.dataset.split import SplitOptions, assign
from seqcnn.interpret.allele_scores import VariantOptions
from seqcnn.interpret.extraction import ExtractionOptions
from seqcnn.interpret.filter_motifs import MotifOptions
from seqcnn.interpret.filter_search import FilterSearch, SearchOptions
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.interpret.mutate import MutateOptions, mutate, rectangle
from seqcnn.models import catalogue, modelfile
from seqcnn.models import device as devices
from seqcnn.models.predict import predict
from seqcnn.models.tasks import RESPONSES, respond
from seqcnn.sequence import alphabet as letters
from seqcnn.sequence import shuffle
from seqcnn.sequence.alphabet import LETTERS
from seqcnn.sequence.ragged import Ragged, encode_all, from_text
from seqcnn.training.options import TrainOptions, combine
from seqcnn.training.presets import PRESETS
from seqcnn.training.train import train

if TYPE_CHECKING:
    import pandas as pd


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
            Log-odds of binding, the predicted value, the log of the expected count, or a score for each class; NaN for
            an empty sequence.

        Raises
        ------
        TypeError
            If `sequences` is one string.
        ValueError
            If a letter is not an IUPAC nucleotide letter.
        """
        return predict(self.model.network, _encode(sequences))

    def predict_probability(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Return the probability of binding, shape (n, n_targets), or of each class, which sum to 1.

        Raises
        ------
        ValueError
            If the model predicts numbers, not classes.
        """
        return self._respond(sequences, "probability", "probabilities")

    def predict_rate(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Return the expected counts, shape (n, n_targets).

        Raises
        ------
        ValueError
            If the model does not predict counts.
        """
        return self._respond(sequences, "rate", "rates")

    def _respond(self, sequences: Sequence[str], response: str, several: str) -> NDArray[np.float64]:
        if RESPONSES.get(self.model.task) != response:
            raise ValueError(f"a {self.model.task} model predicts no {several}")
        return respond(self.model.task, self.predict(sequences))

    def saturation_mutagenesis(
        self,
        sequences: Sequence[str],
        *,
        score: str = "difference",
        method: str = "saturation",
        target: str | None = None,
    ) -> NDArray[np.float32]:
        """Return what every substitution does to the score, exactly.

        Parameters
        ----------
        sequences : sequence of str
            DNA or RNA in any case, of any lengths.
        score : str
            One of :data:`seqcnn.interpret.definitions.DEFINITIONS`: how a change is expressed.
        method : str
            One of :data:`seqcnn.interpret.mutate.METHODS`; all but "saturation" estimate it from gradients.
        target : str, optional
            Which target's score; to be said where there are several.

        Returns
        -------
        ndarray, shape (n, 4, longest)
            Rows A C G T/U; 0 for the base that is there, NaN beyond the end of shorter sequences.

        Raises
        ------
        TypeError, ValueError, seqcnn.errors.UsageError
            If sequences or options are not as said.
        """
        if target is None and len(self.target_names) > 1:
            raise ValueError(f"say of which target: {', '.join(self.target_names)}")
        if target is not None and target not in self.target_names:
            raise ValueError(f"there is no target {target!r}; there are: {', '.join(self.target_names)}")
        codes = _encode(sequences)
        changes = mutate(self.model, codes, MutateOptions(score, method)).substitution
        number = 0 if target is None else self.target_names.index(target)
        return rectangle(changes[..., number : number + 1], codes.lengths)[:, 0]

    def score_variants(
        self,
        vcf: str | PathLike[str],
        genome: str | PathLike[str],
        *,
        length: int | None = None,
        summary: str = "mean",
        ref_mismatch: str = "skip",
        null_size: int = 2000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Score the variants of a VCF, as ``seqcnn variants`` does.

        Parameters
        ----------
        vcf : str or path
            VCF (also .gz) or BCF.
        genome : str or path
            FASTA that the variants were called on.
        length : int, optional
            Bases that a substitution is in the middle of; as in training by default.
        summary : str
            Of the members of an ensemble: "mean", "median", "min" or "max".
        ref_mismatch : str
            Where REF is not what the genome has: "skip", "warn" (put REF in its place) or "error".
        null_size : int
            Random variants of each kind that p and z are found from; 0 for no p and z.
        seed : int
            Of the random variants.

        Returns
        -------
        pandas.DataFrame
            One row an alternate allele: chrom, pos (from 1), id, ref, alt; SEQCNN_REF, SEQCNN_ALT and SEQCNN_DELTA,
            with SEQCNN_LOGODDS, SEQCNN_SD, SEQCNN_P and SEQCNN_Z where there are such, NaN without a score; skipped,
            why there is none, or None.

        Raises
        ------
        seqcnn.errors.SeqcnnError
            If a file cannot be used, or a length is missing.
        """
        from seqcnn.interpret.variant_table import score_table

        options = VariantOptions(length, summary, ref_mismatch, null_size=null_size, seed=seed)
        return score_table(self.model, vcf, genome, options)

    def motifs(
        self,
        sequences: Sequence[str],
        labels: ArrayLike | None = None,
        *,
        target: str | None = None,
        merge: bool = False,
        top: int | None = None,
        rule: str = "best",
        fraction: float | None = None,
        weights: str = "none",
        seed: int = 0,
        **trimming: Any,
    ) -> list[FoundMotif]:
        """Return the motifs of the first layer's filters, the largest effect first; those that do not count are last.

        Parameters
        ----------
        sequences : sequence of str
            DNA or RNA in any case, of any lengths but 0.
        labels : array, shape (n,), optional
            1 and 0 (NaN where unknown): motifs are made of the positives. Else of all sequences.
        target : str, optional
            Which target or class effects are measured on; the first unless said.
        merge : bool
            Make one motif of those that are alike.
        top : int, optional
            Keep so many.
        rule, fraction, weights
            Which windows count and how much, see :class:`seqcnn.interpret.extraction.ExtractionOptions`.
        seed : int
        **trimming
            Fields of :class:`seqcnn.interpret.filter_motifs.MotifOptions`.

        Returns
        -------
        list of FoundMotif

        Raises
        ------
        TypeError, ValueError, seqcnn.errors.SeqcnnError
            If sequences or options are not as said, or no filter fires.
        """
        codes = _encode(sequences)
        if not len(codes) or not codes.lengths.all():
            raise ValueError(f"sequence {codes.lengths.argmin() + 1} is empty" if len(codes) else "no sequences")
        known = None if labels is None else np.asarray(labels, dtype=np.float32)
        if known is not None and known.shape != (len(codes),):
            raise ValueError(f"{len(codes)} sequences, but labels of shape {known.shape}")
        if target is not None and target not in self.target_names:
            raise ValueError(f"there is no target {target!r}; there are: {', '.join(self.target_names)}")
        number = 0 if target is None else self.target_names.index(target)
        options = SearchOptions(
            ExtractionOptions(rule, fraction, weights), MotifOptions(**trimming), merge, top, number, seed=seed
        )
        names = from_text(f"row_{i + 1}" for i in range(len(codes)))
        origin = np.full(len(codes), Origin.GIVEN, dtype=np.uint8)
        with FilterSearch(self.model, options) as search:
            search.take(Examples(codes, names, None, origin), known)
            return search.find()

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
    alphabet : {"dna", "rna"}
        DNA is read on both strands.
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
        With the metrics on the held-out parts.

    Raises
    ------
    TypeError, ValueError, seqcnn.errors.SeqcnnError
        If the options are unknown, or the data cannot be trained on.
    """
    chosen = _options(preset, options)
    if alphabet not in LETTERS:
        raise ValueError(f"unknown alphabet {alphabet!r}; there are: {', '.join(LETTERS)}")
    codes = _encode(sequences)
    if chosen.task == "multiclass":
        values, target_names = _class_numbers(targets, target_names)
    else:
        values = np.asarray(targets, dtype=np.float32)
        values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != len(codes):
        raise ValueError(f"{len(codes)} sequences, but targets of shape {np.shape(targets)}")
    if not len(codes) or not codes.lengths.all():
        raise ValueError(f"sequence {codes.lengths.argmin() + 1} is empty" if len(codes) else "there are no sequences")
    called = list(target_names or [f"target_{i + 1}" for i in range(values.shape[1])])
    if chosen.task != "multiclass" and len(called) != values.shape[1]:
        raise ValueError(f"{values.shape[1]} targets, but {len(called)} names for them")
    names = from_text(f"row_{i + 1}" for i in range(len(codes)))
    origin = np.full(len(codes), Origin.GIVEN, dtype=np.uint8)
    examples = Examples(codes, names, values, origin, weights=_weights(weights, len(codes)))
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
    return Predictor(trained.model, trained.metrics)


def _class_numbers(targets: ArrayLike, names: Sequence[str] | None) -> tuple[NDArray[np.float32], list[str]]:
    """Return the numbers of classes, shape (n, 1), and the names of all classes."""
    given = np.asarray(targets)
    if given.ndim != 1:
        raise ValueError(f"classes are one a sequence, but targets have shape {given.shape}")
    classes = ClassNames(names or ())
    if given.dtype.kind in "OUS":
        numbers = np.array([classes.number("" if name is None else str(name)) for name in given.tolist()])
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
