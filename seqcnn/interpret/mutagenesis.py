"""What every substitution of a sequence does to the score, exactly, for any network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.interpret.brute_force import LETTERS_AT_ONCE as EDITED_AT_ONCE
from seqcnn.interpret.edit_scores import batches, score_edits
from seqcnn.interpret.edits import single_bases
from seqcnn.interpret.incremental import LETTERS_AT_ONCE, Incremental
from seqcnn.models import threads
from seqcnn.models.architectures import collection, deepbind
from seqcnn.models.network import Network
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.contexts import bases, bases_of, contexts, in_context
from seqcnn.sequence.ragged import Ragged

STRETCHES_AT_ONCE: Final = 1 << 12
"""Letters of sequences whose stretches are computed together."""

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Substitutions:
    """The change of the score by every substitution.

    Parameters
    ----------
    reference : ndarray, shape (n, n_targets)
        Scores of the sequences as they are; NaN for one without a letter.
    change : ndarray, shape (total, 4, n_targets)
        Bases of all sequences end to end, alternatives A C G T/U: score of the mutant less `reference`; 0 for the base
        that is there.
    spread : ndarray, shape (total, 4, n_targets), or None
        Standard deviation of the change over members; None for a single one.
    """

    reference: Floats
    change: Floats
    spread: Floats | None

    def keep(self, base: Indices, alternative: Indices, values: Floats) -> None:
        """Put changes of members, shape (n_members, ..., n_targets), in their places."""
        self.change[base, alternative] = values.mean(0)
        if self.spread is not None:
            self.spread[base, alternative] = values.std(0)


class _Columns:
    """Some targets of a result, that each member of a network scores one of."""

    def __init__(self, whole: Substitutions, targets: Sequence[int]) -> None:
        self.whole, self.targets = whole, np.array(targets)

    def keep(self, base: Indices, alternative: Indices, values: Floats) -> None:
        """Put changes, shape (n_members, ..., 1), in their places."""
        place = base[..., None], alternative[..., None], self.targets
        self.whole.change[place] = np.moveaxis(values[..., 0], 0, -1)


def substitutions(network: Network, sequences: Ragged, batch_size: int | None = None) -> Substitutions:
    """Score every single-base substitution.

    The score of a mutant is the mean over members, of each the better of both strands where the network reads both.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    sequences : Ragged
        Codes, of any lengths. An N is replaced by each of the four bases. Structural contexts, where there are such,
        stay as they are.
    batch_size : int, optional
        Most sequences scored at a time where they are scored whole.
    """
    settings = network.settings
    shape = (len(sequences.data), 4, settings.n_targets)
    result = Substitutions(
        np.full((len(sequences), settings.n_targets), np.nan, dtype=np.float32),
        np.zeros(shape, dtype=np.float32),
        np.zeros(shape, dtype=np.float32) if settings.n_members > 1 else None,
    )
    left = np.flatnonzero(bases_of(sequences).data == N_CODE)
    if network.rule == "whole" and type(network) is deepbind.Model and not settings.contexts:
        result.reference[:] = _incrementally(network, sequences, result).mean(0)
    elif network.rule == "whole" and type(network) is collection.Model:
        for part, targets in zip(network.networks, network.columns, strict=True):
            scores = _incrementally(part, sequences, _Columns(result, targets))
            result.reference[:, targets] = scores[:, :, 0].T
    elif network.rule == "whole" and (reference := _by_stretches(network, sequences, result)) is not None:
        result.reference[:] = reference
    else:
        result.reference[:] = predict(network, sequences, batch_size)
        left = np.arange(len(sequences.data))
    _as_edits(network, sequences, left, result, batch_size)
    return result


def _incrementally(network: deepbind.Model, sequences: Ragged, result: Substitutions | _Columns) -> Floats:
    """Score the substitutions of all bases but N; return the reference scores, (n_members, n, n_targets)."""
    method = Incremental(network)
    settings = network.settings
    reference = np.full((settings.n_members, len(sequences), settings.n_targets), np.nan, dtype=np.float32)
    codes = sequences.data.astype(np.intp)

    @torch.inference_mode()
    def work(rows: Indices) -> None:
        part = sequences.take(rows)
        scanned = method.scan(part)
        reference[:, rows] = scanned.base.best.numpy()
        values = method.substitutions(scanned).numpy()
        # Which entries of the rectangle are bases, and which bases of all those are.
        entry = np.flatnonzero((scanned.codes.numpy() != N_CODE).reshape(-1))
        row, place = np.divmod(entry, scanned.codes.shape[1])
        base = sequences.offsets[rows[row]] + place
        alternative = (codes[base, None] + np.arange(1, 4)) % 4
        result.keep(base[:, None], alternative, values.reshape(len(values), -1, *values.shape[3:])[:, entry])

    with threads.taken_over():
        threads.run(work, list(batches(sequences.lengths, LETTERS_AT_ONCE)))
    return reference


def _by_stretches(network: Network, sequences: Ragged, result: Substitutions) -> Floats | None:
    """Score the substitutions of all bases but N, if the network has a way; return the reference, (n, n_targets)."""
    lengths, device = sequences.lengths, network.output_bias.device
    reference = np.full((len(sequences), network.settings.n_targets), np.nan, dtype=np.float32)
    with threads.taken_over(), torch.inference_mode():
        for length in np.unique(lengths[lengths > 0]).tolist():
            rows = np.flatnonzero(lengths == length)
            size = max(1, STRETCHES_AT_ONCE // length)
            for some in (rows[first : first + size] for first in range(0, len(rows), size)):
                codes = sequences.take(some).data.reshape(len(some), length)
                found = network.substitution_scores(torch.from_numpy(codes).to(device))
                if found is None:
                    return None
                scores = found.cpu().numpy()
                base = sequences.offsets[some, None] + np.arange(length)
                letter, codes = np.arange(4), bases(codes)
                is_base = codes != N_CODE
                own = np.take_along_axis(scores, np.minimum(codes, 3)[None, :, :, None, None], axis=3)
                change = scores - own
                result.keep(base[is_base][:, None], letter, change[:, is_base])
                reference[some] = predict(network, sequences.take(some))
    return reference


def _as_edits(
    network: Network, sequences: Ragged, wanted: Indices, result: Substitutions, batch_size: int | None
) -> None:
    """Score the substitutions of these bases, one by one."""
    base, alternative = (each.reshape(-1) for each in np.broadcast_arrays(wanted[:, None], np.arange(4)))
    other = bases(sequences.data[base]) != alternative
    base, alternative = base[other], alternative[other]
    replacement = in_context(alternative.astype(np.uint8), contexts(sequences.data[base]))
    sequence = np.searchsorted(sequences.offsets, base, side="right") - 1
    for first in range(0, len(base), EDITED_AT_ONCE):
        some = slice(first, first + EDITED_AT_ONCE)
        # Only the sequences that are edited, else all would be scanned for a few N.
        rows, row = np.unique(sequence[some], return_inverse=True)
        place = base[some] - sequences.offsets[sequence[some]]
        edits = single_bases(row, place, replacement[some])
        scores = score_edits(network, sequences.take(rows), edits, batch_size)
        result.keep(base[some], alternative[some], scores.change)
