"""Motifs of filters: the windows that activate each filter, aligned and counted.

Sequences are scanned once. Which windows count, say those above half a filter's largest activation, is known only at
the end; so windows that may count are laid aside on disk with their sequences, and counted when all have been seen.
Memory does not depend on the number of sequences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples
from seqcnn.errors import UsageError
from seqcnn.interpret.activations import Activations, Fired
from seqcnn.interpret.level_counts import LevelCounts
from seqcnn.interpret.spool import Spool
from seqcnn.models.detectors import Detectors
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.contexts import bases_of
from seqcnn.sequence.ragged import Ragged
from seqcnn.sequence.windows import Windows

RULES: Final = ("best", "fraction")
"""Which windows count: the best of each sequence if it activates the filter, or all above a share of the maximum."""

WEIGHTS: Final = ("none", "activation")
"""What a window counts: each 1, or in proportion to its activation."""


@dataclass(frozen=True, slots=True)
class ExtractionOptions:
    """How windows become a motif.

    Parameters
    ----------
    rule : str
        One of :data:`RULES`. "best" is DeepBind's (doi:10.1038/nbt.3300), "fraction" that of Basset
        (doi:10.1101/gr.200535.115).
    fraction : float
        Share of a filter's largest activation that a window must be above; of the rule "best" too, where it is 0 unless
        said.
    weights : str
        One of :data:`WEIGHTS`.

    Notes
    -----
    The defaults, DeepBind's rule, were chosen on models of ten ENCODE ChIP-seq sets and five yeast factors: for the six
    filters with the largest effects, the mean -log10 p against the protein's own JASPAR matrices was 8.5 with them, 8.5
    above 0.2 of the maximum, 8.4 with weights, 8.3 above 0.35 and 8.0 above 0.5 of the maximum.
    """

    rule: str = "best"
    fraction: float | None = None
    weights: str = "none"

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UsageError(f"rule {self.rule!r} is unknown; there are: {', '.join(RULES)}")
        if self.weights not in WEIGHTS:
            raise UsageError(f"weights {self.weights!r} is unknown; there are: {', '.join(WEIGHTS)}")
        if self.fraction is not None and not 0 <= self.fraction < 1:
            raise UsageError(f"the fraction of the largest activation must be at least 0 and below 1: {self.fraction}")

    @property
    def share(self) -> float:
        """The share of the largest activation that a window must be above."""
        return {"best": 0.0, "fraction": 0.5}[self.rule] if self.fraction is None else self.fraction


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Sequences that were scanned together, and the windows in them that count.

    Parameters
    ----------
    first : int
        Row of the first sequence in the whole set.
    sequences, names : Ragged
    labels : ndarray of float32, shape (n,)
        1, 0, or NaN where there is none.
    weights : ndarray of float32, shape (n,)
    windows : Windows or None
    used : ndarray of bool, shape (n,)
        Whether motifs are made of this sequence.
    fired : Fired
    """

    first: int
    sequences: Ragged
    names: Ragged
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]
    windows: Windows | None
    used: NDArray[np.bool_]
    fired: Fired


class Extraction:
    """Scans sequences, then gives back what fired.

    Parameters
    ----------
    groups : sequence of Detectors
        From :meth:`seqcnn.models.network.Network.detectors`; at least one.
    options : ExtractionOptions
    spool : Spool

    Attributes
    ----------
    detectors : list of (int, int)
        Member and filter of each column.
    kernel_size : ndarray of int64, shape (width,)
        Of each column, bp.
    n_sequences, n_positives, n_negatives : int
        Scanned so far.
    """

    def __init__(self, groups: Sequence[Detectors], options: ExtractionOptions, spool: Spool) -> None:
        self.options, self._spool = options, spool
        self._groups = [Activations(each) for each in groups]
        self.detectors = [
            (member, f) for each in groups for member in each.members for f in range(each.filters.shape[1])
        ]
        self.kernel_size = np.concatenate([np.full(each.width, each.kernel_size) for each in self._groups])
        self.both_strands = any(each.both_strands for each in groups)
        ranges = [_activation_range(each) for each in groups]
        self._levels = LevelCounts(*(np.concatenate(side) for side in zip(*ranges, strict=True)))
        width = len(self.detectors)
        self._largest = {True: np.zeros(width, np.float32), False: np.zeros(width, np.float32)}
        self._bases = np.zeros(5, dtype=np.int64)
        self.n_sequences = self.n_positives = self.n_negatives = 0
        self._any_labels = self._other_labels = False

    def take(self, examples: Examples, labels: NDArray[np.float32] | None) -> None:
        """Scan sequences; none may be empty.

        Parameters
        ----------
        examples : Examples
        labels : ndarray of float32, shape (n,), optional
            What :attr:`labelled` says of them; NaN where there is none.
        """
        known = np.full(len(examples), np.nan, np.float32) if labels is None else labels.astype(np.float32)
        self._any_labels |= bool((~np.isnan(known)).any())
        self._other_labels |= bool((~np.isnan(known) & (known != 0) & (known != 1)).any())
        positive = known == 1
        fired = self._scan(examples.sequences, known, positive)
        self._bases += np.bincount(bases_of(examples.sequences).data, minlength=5)
        self._lay_aside(examples, known, fired)
        self.n_sequences += len(examples)
        self.n_positives += int(positive.sum())
        self.n_negatives += int((known == 0).sum())

    def _scan(self, sequences: Ragged, labels: NDArray[np.float32], positive: NDArray[np.bool_]) -> list[Fired]:
        """Scan with every group; keep the windows that may count."""
        found, best_of_all, left = [], [], 0
        for group in self._groups:
            columns = slice(left, left + group.width)
            best = group.best(sequences)
            best_of_all.append(best.activation)
            for used, rows in ((True, positive), (False, slice(None))):
                part = best.activation[rows]
                if len(part):
                    np.maximum(self._largest[used][columns], part.max(0), out=self._largest[used][columns])
            # No higher than it will be at the end: the largest activation grows, and all sequences may come to count.
            level = self.options.share * self._largest[self._any_labels][columns]
            if self.options.rule == "best":
                row, column = np.nonzero(best.activation > level)
                at = row, column
                start = best.start[at].astype(np.int64)
                fired = Fired(row, column, start, best.minus[at], best.activation[at])
            else:
                fired = group.above(sequences, level)
            found.append(fired._replace(filter=fired.filter + left))
            left = columns.stop
        if not np.isnan(labels).all():
            self._levels.add(np.concatenate(best_of_all, axis=1), labels)
        return found

    def _lay_aside(self, examples: Examples, labels: NDArray[np.float32], found: list[Fired]) -> None:
        n, windows = len(examples), examples.windows
        weights = np.ones(n, np.float32) if examples.weights is None else examples.weights
        names = examples.names
        arrays: list[NDArray[Any]] = [examples.sequences.data, examples.sequences.offsets, names.data, names.offsets]
        arrays += [labels, weights]
        kinds = (np.int32, np.int32, np.int32, np.bool_, np.float32)
        arrays += [
            np.concatenate(column).astype(kind) for column, kind in zip(zip(*found, strict=True), kinds, strict=True)
        ]
        if windows is not None:
            strand = np.full(n, "+") if windows.strand is None else windows.strand
            arrays += [
                windows.chrom.astype(np.str_),
                windows.start,
                windows.end,
                strand.astype(np.str_),
                windows.last(),
            ]
        self._spool.append(arrays)

    @property
    def labelled(self) -> bool:
        """Whether labels are 0 and 1, and there are positives: motifs are made of these alone then."""
        return self.n_positives > 0 and not self._other_labels

    @property
    def largest(self) -> NDArray[np.float32]:
        """Each filter's largest activation over the sequences that motifs are made of, 0 if it never fires."""
        return self._largest[self.labelled]

    @property
    def background(self) -> NDArray[np.float64]:
        """Share of A C G T/U in all sequences, of both strands where both are read; shape (4,)."""
        bases = self._bases[:4].astype(np.float64)
        if self.both_strands:
            bases += bases[::-1]
        return bases / bases.sum() if bases.sum() else np.full(4, 0.25)

    def auroc(self) -> NDArray[np.float64]:
        """Return each filter's AUROC, its best activation in a sequence, not rectified, against the labels."""
        if not self.labelled:
            return np.full(len(self.detectors), np.nan)
        return self._levels.auroc()

    def blocks(self) -> Iterator[Block]:
        """Give back the sequences and the windows that count, in all sequences: see :attr:`Block.used`."""
        first, level = 0, self.options.share * self.largest
        for arrays in self._spool:
            sequences, names = Ragged(arrays[0], arrays[1]), Ragged(arrays[2], arrays[3])
            labels, weights = arrays[4], arrays[5]
            fired = Fired(*arrays[6:11])
            counts = fired.activation > level[fired.filter]
            windows = None
            if len(arrays) > 11:
                windows = Windows(arrays[11].astype(object), *arrays[12:16])
            used = labels == 1 if self.labelled else np.ones(len(labels), dtype=bool)
            kept = fired.take(counts)
            yield Block(first, sequences, names, labels, weights, windows, used, kept)
            first += len(sequences)

    def count(self) -> tuple[list[NDArray[np.float64]], NDArray[np.int64]]:
        """Count the bases of each filter's windows in the sequences that motifs are made of.

        An N, or what lies beyond a sequence's end, counts as the background. Weights are scaled so that a filter's
        windows weigh 1 on average: a column sums to the number of windows.

        Returns
        -------
        counts : list of ndarray, one a filter, shape (4, kernel_size)
        n_windows : ndarray of int64, shape (width,)
        """
        width, longest = len(self.detectors), int(self.kernel_size.max())
        counts, weight = np.zeros((width, longest, 5)), np.zeros(width)
        n_windows = np.zeros(width, dtype=np.int64)
        for block in self.blocks():
            _count_block(block, self.kernel_size, self.options.weights == "activation", counts, weight, n_windows)
        scale = np.divide(n_windows, weight, out=np.zeros(width), where=weight > 0)
        counts *= scale[:, None, None]
        filled = counts[..., :4] + counts[..., N_CODE, None] * self.background
        return [filled[i, :k].T for i, k in enumerate(self.kernel_size.tolist())], n_windows


def _count_block(
    block: Block,
    kernel_size: NDArray[np.int64],
    by_activation: bool,
    counts: NDArray[np.float64],
    weight: NDArray[np.float64],
    n_windows: NDArray[np.int64],
) -> None:
    """Add a block's windows to counts, shape (width, longest kernel, 5)."""
    fired, beyond = block.fired, int(kernel_size.max()) - 1
    padded = _with_ends(bases_of(block.sequences), beyond)
    starts = block.sequences.offsets[:-1] + beyond * (2 * np.arange(len(block.sequences)) + 1)
    keys = fired.filter * 2 + fired.minus
    keys = np.where(block.used[fired.sequence], keys, -1)
    order = np.argsort(keys.astype(np.int32), kind="stable")
    order = order[np.searchsorted(keys[order], 0) :]
    at = starts[fired.sequence[order]] + fired.start[order]
    each = block.weights[fired.sequence[order]].astype(np.float32)
    if by_activation:
        each *= fired.activation[order]
    for key, begin, end in runs_of(keys[order]):
        column, minus = divmod(key, 2)
        k = int(kernel_size[column])
        windows = sliding_window_view(padded, k)[at[begin:end]]
        found = np.stack([each[begin:end] @ (windows == base).astype(np.float32) for base in range(5)], axis=1)
        if minus:
            found = found[::-1, [3, 2, 1, 0, 4]]
        counts[column, :k] += found
        weight[column] += each[begin:end].sum(dtype=np.float64)
        n_windows[column] += end - begin


def runs_of(values: NDArray[np.integer]) -> Iterator[tuple[int, int, int]]:
    """Yield each value of an ascending array with its first place and the place after its last."""
    present, bounds = np.unique(values, return_index=True)
    starts = bounds.tolist()
    yield from zip(present.tolist(), starts, [*starts[1:], len(values)] if starts else [], strict=True)


def _with_ends(sequences: Ragged, beyond: int) -> NDArray[np.uint8]:
    """Return all codes in a row, each sequence with so many N at both of its ends."""
    n = len(sequences)
    out = np.full(len(sequences.data) + 2 * beyond * n, N_CODE, dtype=np.uint8)
    lengths = sequences.lengths
    if n and lengths.min() == lengths.max():
        out.reshape(n, -1)[:, beyond : beyond + int(lengths[0])] = sequences.data.reshape(n, -1)
        return out
    shift = np.repeat(beyond * (2 * np.arange(n) + 1), lengths)
    out[np.arange(len(sequences.data)) + shift] = sequences.data
    return out


def _activation_range(detectors: Detectors) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the least and the largest activation that each filter can have."""
    filters, threshold = detectors.filters.flatten(0, 1), detectors.threshold.flatten()
    low, high = -threshold, -threshold
    for part in (filters[:, :4], filters[:, 4:]):  # one base and one context at each position
        if part.shape[1]:
            low, high = low + part.amin(1).sum(1), high + part.amax(1).sum(1)
    return low.cpu().numpy(), high.cpu().numpy()
