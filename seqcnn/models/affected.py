"""All single-base substitutions of sequences through a network of several layers, each as far as it reaches.

A base changes the scores of the detectors that cover it; what these change in the next layer is a little wider, and so
on. Only such stretches are computed again, exactly; beyond them every layer has what it had. Positions that lie alike
in the grid of the pooling are done together: their stretches are as wide as each other and equally far apart, so that
they are views of the unedited signals.

The idea, for networks whose kernels are small against the sequence, is that of Nair et al. 2022,
doi:10.1093/bioinformatics/btac135 (fastISM).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from torch import Tensor

from seqcnn.models import threads
from seqcnn.models.layers import Memory
from seqcnn.models.one_hot import lead, one_hot, other_strand
from seqcnn.models.signal import Signal, Window, apart, both_ways
from seqcnn.sequence.contexts import N_BASES

if TYPE_CHECKING:
    from seqcnn.models.deep import Model

MUTANTS_AT_ONCE: Final = 384
"""Edited sequences whose stretches are computed together; more do not fit into a core's cache."""


class _Reference(NamedTuple):
    """What there is of unedited sequences.

    Parameters
    ----------
    scores : Tensor
        Of the detectors, before the activation, normalised.
    letters : Tensor, shape (5, channels, kernel_size)
        What each letter adds to the scores around it, from the window that ends with it.
    output : Signal
        What is pooled.
    """

    scores: Tensor
    letters: Tensor
    ends: tuple[int, int]
    memory: Memory
    output: Signal


@torch.inference_mode()
def substitution_scores(network: Model, codes: Tensor) -> Tensor:
    """Score every sequence with each base replaced by each of the four.

    Parameters
    ----------
    network : Model
        In evaluation mode.
    codes : Tensor of uint8, shape (n, length)
        What is put for an N is not right.

    Returns
    -------
    Tensor, shape (n_members, n, length, 4, n_targets)
        For the base that is there, the score of the sequence as it is.
    """
    settings = network.settings
    scores = _of_strand(network, codes)
    if not settings.both_strands or network.maker.paired:
        return scores
    other = _of_strand(network, other_strand(codes, None)).flip(2, 3)
    return torch.maximum(scores, other) if settings.strands == "best" else (scores + other) / 2


def _of_strand(network: Model, codes: Tensor) -> Tensor:
    """Do as :func:`substitution_scores` on one strand."""
    reference, stride = _remember(network, codes), network.stride
    n, length = codes.shape
    own = network.head(network.readout(reference.output))
    out = own[:, :, None, None].repeat(1, 1, length, 4, 1)
    at_once = max(1, MUTANTS_AT_ONCE // (3 * n))
    tasks = [
        torch.arange(first, length, stride, device=codes.device)[begin : begin + at_once]
        for first in range(min(stride, length))
        for begin in range(0, -(-(length - first) // stride), at_once)
    ]

    @torch.inference_mode()
    def work(at: Tensor) -> None:
        base = codes[:, at].long().remainder(N_BASES)
        alternatives = (base[:, :, None] + torch.arange(1, 4, device=codes.device)) % 4
        found = _changed(network, reference, at, base, alternatives)
        values = apart(network.head(found), 1, alternatives.shape)
        row = torch.arange(n, device=codes.device)[:, None, None]
        out[:, row, at[None, :, None], alternatives] = values

    threads.run(work, tasks)
    return out


def _remember(network: Model, codes: Tensor) -> _Reference:
    """Score sequences as they are, and keep what every layer gives."""
    signal = network.detector_scores(one_hot(codes, contexts=network.settings.contexts), None)
    filters: Tensor = network.filters
    scores = signal.values
    paired = network.maker.paired
    if network.first_norm is not None:
        scale, shift = network.first_norm.scale_and_shift()
        if paired:
            shift, both = both_ways(shift), both_ways(scale)
        else:
            both = scale
        scores = scores * both.flatten()[:, None] + shift.flatten()[:, None]
        filters = filters * scale[:, :, None, None]
    if paired:
        filters = both_ways(filters, 2, 3)
    letters = filters.flatten(0, 1).flip(2).transpose(0, 1)[:4]  # contexts stay as they are
    letters = torch.cat([letters, letters.mean(0, keepdim=True)])
    memory: Memory = {}
    first = Signal(network.activation(scores), signal.rows).cleaned()
    output = network.last(network.body.remember(first, memory))
    ends = (0, scores.shape[2])
    if signal.rows is not None:
        ends = int(signal.rows.start[0]), int(signal.rows.stop[0])
    return _Reference(scores, letters, ends, memory, output)


def _changed(network: Model, reference: _Reference, at: Tensor, base: Tensor, alternatives: Tensor) -> Tensor:
    """Return the features of edited sequences, (n_members, n * n_positions * 3, n_features)."""
    letters, k = reference.letters, network.settings.kernel_size
    start = int(at[0]) + lead(network.padding, k) + reference.ends[0] - (k - 1)
    empty = letters.new_empty(len(base), len(at), 3, 0, k)
    window = Window(empty, start, network.stride, reference.ends)
    scores = letters[alternatives] - letters[base][:, :, None]
    scores += window.reference(reference.scores, start, k)
    values = network.activation(scores)
    outside = window.outside(start, k)
    if outside is not None:
        values = values.masked_fill(outside, 0.0)
    changed = network.body.affected(window._replace(values=values), reference.memory)
    if isinstance(changed, Window):
        return network.readout.affected(network.last_changed(changed), reference.output)
    features: Tensor = network.readout(network.last(changed))
    return features
