"""A trained model for notebooks: scores, maps of mutations, variants, motifs."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqcnn.api.strings import as_examples, encode
from seqcnn.interpret.allele_scores import VariantOptions
from seqcnn.interpret.extraction import ExtractionOptions
from seqcnn.interpret.filter_motifs import MotifOptions
from seqcnn.interpret.filter_search import FilterSearch, SearchOptions
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.interpret.mutate import MutateOptions, mutate, rectangle
from seqcnn.models import device as devices
from seqcnn.models import modelfile
from seqcnn.models.embedding import embed, joined
from seqcnn.models.predict import predict
from seqcnn.models.tasks import RESPONSES, respond

if TYPE_CHECKING:
    import pandas as pd


class Predictor:
    """A trained model.

    Parameters
    ----------
    model : seqcnn.models.modelfile.Model
    metrics : dict, optional
        What it reached on held-out data.
    notes : sequence of str
        What else there is to know of its training, such as examples that were moved from one part to another.
    """

    def __init__(
        self, model: modelfile.Model, metrics: dict[str, Any] | None = None, notes: Sequence[str] = ()
    ) -> None:
        self.model, self.notes = model, list(notes)
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
        return predict(self.model.network, encode(sequences))

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

    def embed(
        self, sequences: Sequence[str], *, layer: str = "last", ensemble: str = "concatenate"
    ) -> NDArray[np.float32]:
        """Return the features that scores are made of, shape (n, n_features); NaN for an empty sequence.

        Parameters
        ----------
        sequences : sequence of str
            DNA or RNA in any case, of any lengths.
        layer, ensemble : str
            See :data:`seqcnn.models.embedding.LAYERS` and :data:`seqcnn.models.embedding.ENSEMBLES`.

        Raises
        ------
        TypeError, ValueError, seqcnn.errors.UsageError
            If sequences or options are not as said.
        """
        return joined(embed(self.model.network, encode(sequences), layer), ensemble)

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
        number, codes = self._number(target), encode(sequences)
        changes = mutate(self.model, codes, MutateOptions(score, method)).substitution
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
            Which target or class effects are measured on; the first unless said. Of several imported models, the one
            whose motifs are returned; all unless said.
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
        examples = as_examples(encode(sequences))
        known = None if labels is None else np.asarray(labels, dtype=np.float32)
        if known is not None and known.shape != (len(examples),):
            raise ValueError(f"{len(examples)} sequences, but labels of shape {known.shape}")
        options = SearchOptions(
            ExtractionOptions(rule, fraction, weights),
            MotifOptions(**trimming),
            merge,
            top,
            None if target is None else self._number(target),
            seed=seed,
        )
        with FilterSearch(self.model, options) as search:
            search.take(examples, known)
            return search.find()

    def _number(self, target: str | None) -> int:
        """Return the place of a target among those of the model; the first unless said."""
        if target is None:
            return 0
        if target not in self.target_names:
            raise ValueError(f"there is no target {target!r}; there are: {', '.join(self.target_names)}")
        return self.target_names.index(target)

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
