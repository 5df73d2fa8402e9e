"""What any list of edits does to the score, exactly, for any network.

DeepBind networks are worked on incrementally, see :mod:`seqcnn.interpret.incremental`; under the window rule only the
windows that an edit reaches are scored again; other networks score every edited sequence whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.interpret import brute_force, window_edits
from seqcnn.interpret.edits import Edits
from seqcnn.interpret.incremental import LETTERS_AT_ONCE, Incremental
from seqcnn.models import threads
from seqcnn.models.architectures import collection, deepbind
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.sequence.ragged import Ragged, offsets_of

SCANNED_AT_ONCE: Final = 1 << 15
"""Letters scanned at a time for a list of edits."""

EDITS_AT_ONCE: Final = 1 << 11
"""Edits scored at a time; fewer where they insert much."""

Floats = NDArray[np.float32]
Method = Callable[[Ragged, Edits], tuple[Floats, Floats]]
"""Scores sequences and their edits: (n_members, n, n_targets) and the changes, (n_members, m, n_targets)."""


@dataclass(frozen=True, slots=True)
class EditScores:
    """The change of the score by each of a list of edits, for each member.

    Parameters
    ----------
    reference : ndarray, shape (n_members, n, n_targets)
        Scores of the sequences as they are; NaN for one without a letter.
    change : ndarray, shape (n_members, m, n_targets)
        Score of the edited sequence less that of the unedited; NaN where one of them has no letter.
    """

    reference: Floats
    change: Floats


def score_edits(network: Network, sequences: Ragged, edits: Edits, batch_size: int | None = None) -> EditScores:
    """Score any edits, each made in its original sequence.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    sequences : Ragged
        Codes, of any lengths.
    edits : Edits
    batch_size : int, optional
        Most sequences scored at a time where they are scored whole.

    Raises
    ------
    ValueError
        If an edit does not lie within its sequence.
    """
    lengths = sequences.lengths
    edits.check(lengths)
    settings = network.settings
    reference = np.full((settings.n_members, len(sequences), settings.n_targets), np.nan, dtype=np.float32)
    change = np.full((settings.n_members, len(edits), settings.n_targets), np.nan, dtype=np.float32)
    before = lengths[edits.sequence]
    scored = (before > 0) & (before + edits.replacement.lengths > edits.stop - edits.start)
    there = np.flatnonzero(lengths > 0)
    asked = edits.take(scored)
    asked = Edits(np.searchsorted(there, asked.sequence), asked.start, asked.stop, asked.replacement)
    found = _score_edits(network, sequences.take(there), asked, network.rule, batch_size)
    reference[:, there], change[:, scored] = found.reference, found.change
    return EditScores(reference, change)


def _score_edits(network: Network, sequences: Ragged, edits: Edits, rule: str, batch_size: int | None) -> EditScores:
    """Do as :func:`score_edits` where no sequence is, or becomes, empty."""
    settings = network.settings
    if type(network) is collection.Model:
        parts = [_score_edits(each, sequences, edits, rule, batch_size) for each in network.networks]
        order = np.argsort(np.concatenate(network.columns))
        reference = np.concatenate([part.reference[:, :, 0] for part in parts])[order]
        change = np.concatenate([part.change[:, :, 0] for part in parts])[order]
        return EditScores(reference.T[None], change.T[None])
    if rule == "window":
        return _in_batches(network, sequences, edits, partial(window_edits.edit_changes, network), LETTERS_AT_ONCE)
    if type(network) is deepbind.Model and not settings.contexts:
        method = Incremental(network)

        def incrementally(part: Ragged, some: Edits) -> tuple[Floats, Floats]:
            scanned = method.scan(part)
            change = np.empty((settings.n_members, len(some), settings.n_targets), dtype=np.float32)
            for rows in _edit_batches(some.replacement.lengths, method.kernel_size):
                change[:, rows] = method.edits(scanned, some.take(rows)).numpy()
            return scanned.base.best.numpy(), change

        return _in_batches(network, sequences, edits, incrementally, SCANNED_AT_ONCE)
    reference = member_scores(network, sequences, batch_size)
    return EditScores(reference, brute_force.edit_changes(network, sequences, edits, reference, batch_size))


def _in_batches(network: Network, sequences: Ragged, edits: Edits, method: Method, letters: int) -> EditScores:
    """Score batches of sequences, each with its edits, in the threads."""
    settings = network.settings
    reference = np.empty((settings.n_members, len(sequences), settings.n_targets), dtype=np.float32)
    change = np.empty((settings.n_members, len(edits), settings.n_targets), dtype=np.float32)
    order = np.argsort(edits.sequence, kind="stable")
    bounds = np.searchsorted(edits.sequence[order], np.arange(len(sequences) + 1))

    @torch.inference_mode()
    def work(rows: NDArray[np.intp]) -> None:
        n_edits = np.diff(bounds)[rows]
        ends = offsets_of(n_edits)
        of_rows = order[np.arange(ends[-1]) + np.repeat(bounds[rows] - ends[:-1], n_edits)]
        part = edits.take(of_rows)
        part = Edits(np.repeat(np.arange(len(rows)), n_edits), part.start, part.stop, part.replacement)
        reference[:, rows], change[:, of_rows] = method(sequences.take(rows), part)

    with threads.taken_over():
        threads.run(work, list(batches(sequences.lengths, letters)))
    return EditScores(reference, change)


def batches(lengths: NDArray[np.int64], letters: int) -> Iterator[NDArray[np.intp]]:
    """Yield the rows of sequences that have a letter, neighbours in length together, so many letters at a time."""
    order = np.argsort(lengths, kind="stable")
    order = order[np.searchsorted(lengths[order], 1) :]
    while len(order):
        ahead = lengths[order[:letters]]
        fits = ahead * np.arange(1, len(ahead) + 1) <= letters
        size = max(1, int(np.count_nonzero(fits)))
        yield order[:size]
        order = order[size:]


def _edit_batches(inserted: NDArray[np.int64], kernel_size: int) -> Iterator[NDArray[np.intp]]:
    """Yield rows of edits that are scored together, neighbours in the number of letters they insert."""
    order = np.argsort(inserted, kind="stable")
    most = EDITS_AT_ONCE * 2 * kernel_size
    while len(order):
        ahead = inserted[order[:EDITS_AT_ONCE]] + 2 * kernel_size
        size = max(1, int(np.count_nonzero(ahead * np.arange(1, len(ahead) + 1) <= most)))
        yield order[:size]
        order = order[size:]
