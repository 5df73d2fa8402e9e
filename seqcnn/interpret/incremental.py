"""How edits change the score of a DeepBind network, exactly, from one scan of the unedited sequence.

A convolution is linear: a substitution at base i adds to each of the k windows that cover it the difference of two
weights of the filter. The other windows keep their scores, and the largest of them is known from running maxima from
both ends. So the pooled value of a mutant costs k additions a filter and no scan. For any other edit the windows over
the new letters are scanned, and those wholly left or right of it keep their scores.

Windows are those of :mod:`seqcnn.models.scan`: window w ends at base w and covers bases w - k + 1 to w, N beyond the
ends. The windows over base i are therefore i to i + k - 1. Scores here are less the filter's threshold, so that a
pooled feature is the largest score, or 0.

The work is bound by memory, not by arithmetic; it is done on the CPU, wherever the network is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from seqcnn.interpret.edits import Edits
from seqcnn.interpret.head import Base, Head
from seqcnn.interpret.outer_windows import largest_of_first, outside
from seqcnn.models.architectures import deepbind
from seqcnn.models.network import to_tensors
from seqcnn.models.scan import build_table, scan_scores
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.ragged import Ragged

WORD: Final = 4
"""Bases per table row: as in predictions, so that reference scores are the same."""

SLICE: Final = 128
"""Filters worked on at a time."""

BLOCK_BYTES: Final = 1 << 20
"""Scores of changed windows held at a time: more fall out of the cache."""

LETTERS_AT_ONCE: Final = 8192
"""Bases mutated at a time."""


class Scanned(NamedTuple):
    """Unedited sequences.

    Parameters
    ----------
    codes : Tensor of uint8, shape (n, length)
    n_windows : Tensor of int64, shape (n,)
    scores : Tensor, shape (n, longest n_windows, width)
        Of every window, less the threshold; minus infinity beyond a shorter sequence's last.
    maximum : Tensor, shape (n, width)
        Pooled features.
    average : Tensor, shape (n, width), or None
    base : Base
    """

    codes: Tensor
    n_windows: Tensor
    scores: Tensor
    maximum: Tensor
    average: Tensor | None
    base: Base


class Incremental:
    """A DeepBind network made ready to score edits.

    Parameters
    ----------
    network : deepbind.Model
        In evaluation mode.
    """

    def __init__(self, network: deepbind.Model) -> None:
        settings = network.settings
        self.kernel_size, self.n_members = settings.kernel_size, settings.n_members
        self.strands = 2 if settings.both_strands else 1
        self.with_average = settings.pooling == "max-average"
        filters = network.filters.detach().cpu().flatten(0, 1)
        if self.strands == 2:
            filters = torch.cat([filters, filters.flip(1, 2)])
        self.threshold = network.threshold.detach().cpu().flatten().repeat(self.strands)
        self.table = build_table(filters, WORD)
        self.replaced = _replacements(filters)
        self.head = Head(network)

    def scan(self, sequences: Ragged) -> Scanned:
        """Score every window of sequences that all have a letter."""
        codes, lengths = to_tensors(sequences, torch.device("cpu"))
        overhang = self.kernel_size - 1
        scores = self._scores(functional.pad(codes, (overhang, overhang), value=N_CODE))
        n, n_windows = scores.shape[:2]
        counts = torch.full((n,), n_windows) if lengths is None else lengths + overhang
        if lengths is not None:
            scores.masked_fill_((torch.arange(n_windows) >= counts[:, None])[:, :, None], -torch.inf)
        maximum = scores.amax(1).clamp_(min=0)
        average = None
        if self.with_average:
            average = (functional.relu(scores).double().sum(1) / counts[:, None]).to(scores.dtype)
        base = self.head.base(self._features(maximum[:, None], None if average is None else average[:, None])[:, 0])
        return Scanned(codes, counts, scores, maximum, average, base)

    def substitutions(self, scanned: Scanned) -> Tensor:
        """Return the changes by every substitution, shape (n_members, n, length, 3, n_targets).

        Alternative r of a base with code c is code ``(c + 1 + r) % 4``. What stands at an N, and beyond a short
        sequence's end, means nothing.
        """
        n, length = scanned.codes.shape
        others = outside(scanned.scores, self.kernel_size, length)
        step = length if n * length <= LETTERS_AT_ONCE else max(1, LETTERS_AT_ONCE // n)
        parts = []
        for first in range(0, length, step):
            place = slice(first, min(first + step, length))
            largest, total = self._substituted(scanned, place)
            torch.maximum(largest, others[:, place, None], out=largest)
            largest -= scanned.maximum[:, None, None]
            if total is not None:
                total /= scanned.n_windows[:, None, None, None]
            bases = largest.shape[1]
            changed = self._features(
                largest.view(n, bases * 3, -1), None if total is None else total.view(n, bases * 3, -1)
            )
            parts.append(self.head.changes(changed, scanned.base).view(self.n_members, n, bases, 3, -1))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)

    def _substituted(self, scanned: Scanned, place: slice) -> tuple[Tensor, Tensor | None]:
        """Return of the k windows over each base of a stretch, for each alternative, the largest score and, for average
        pooling, the change of the sum of positive scores; both of shape (n, bases, 3, width)."""
        k = self.kernel_size
        codes = scanned.codes[:, place]
        scores = scanned.scores[:, place.start : place.stop + k - 1]
        (n, bases), (n_windows, width) = codes.shape, scores.shape[1:]
        pairs = _pairs(n, bases, k)
        torch.add(codes.reshape(-1, 1), torch.arange(k, dtype=torch.int32) * 5 + n * n_windows, out=pairs[:, :, 1])
        largest = torch.empty(n * bases, 3, width)
        total = torch.empty_like(largest) if self.with_average else None
        for left in range(0, width, SLICE):
            columns = slice(left, min(left + SLICE, width))
            size = columns.stop - left
            table = torch.empty(n * n_windows + 5 * k, 3, size)
            table[: n * n_windows].view(n, n_windows, 3, size).copy_(scores[:, :, None, columns].expand(-1, -1, 3, -1))
            table[n * n_windows :] = self.replaced[:, :, columns]
            rows = max(1, BLOCK_BYTES // (4 * 3 * size * k))
            for start in range(0, n * bases, rows):
                block = slice(start, start + rows)
                some = pairs[block]
                changed = torch.embedding_bag(
                    table.view(-1, 3 * size), some.view(-1), _bags(some.shape[0] * k), False, 0
                )[0].view(-1, k, 3, size)
                largest[block, :, columns] = changed.amax(1)
                if total is not None:
                    total[block, :, columns] = changed.clamp_(min=0).sum(1)
        shape = (n, bases, 3, width)
        if total is None:
            return largest.view(shape), None
        active, before = functional.relu(scores), torch.zeros(n, bases, width)
        for d in range(k):
            before += active[:, d : d + bases]
        return largest.view(shape), total.view(shape).sub_(before[:, :, None])

    def edits(self, scanned: Scanned, edits: Edits) -> Tensor:
        """Return the changes by edits, shape (n_members, m, n_targets); no edit may take the last letter away."""
        k = self.kernel_size
        sequence, start, stop = (torch.from_numpy(each) for each in (edits.sequence, edits.start, edits.stop))
        local = self._local_scores(scanned.codes, sequence, start, stop, edits.replacement)
        counts = torch.from_numpy(edits.replacement.lengths) + (k - 1)
        if (counts < local.shape[1]).any():
            local.masked_fill_((torch.arange(local.shape[1]) >= counts[:, None])[:, :, None], -torch.inf)
        right = scanned.scores.shape[1] - (stop + k - 1)  # windows from the last back that do not reach the edit
        largest = torch.maximum(
            largest_of_first(scanned.scores, sequence, start),
            largest_of_first(scanned.scores, sequence, right, from_end=True),
        )
        if local.shape[1]:
            torch.maximum(largest, local.amax(1), out=largest)
        largest -= scanned.maximum[sequence]
        average = None
        if scanned.average is not None:
            before = scanned.n_windows[sequence, None]
            after = before + counts[:, None] - (stop - start + k - 1)[:, None]
            sums = functional.pad(functional.relu(scanned.scores).double().cumsum(1), (0, 0, 1, 0))
            gone = sums[sequence, stop + k - 1] - sums[sequence, start]
            come = functional.relu(local).double().sum(1)
            average = (come - gone + scanned.average[sequence] * (before - after)) / after
            average = average.to(largest.dtype)[:, None]
        changed = self._features(largest[:, None], average)
        return self.head.changes(changed, scanned.base.take(sequence))[:, :, 0]

    def _local_scores(self, codes: Tensor, sequence: Tensor, start: Tensor, stop: Tensor, letters: Ragged) -> Tensor:
        """Score the windows over each edit's letters, or over its seam: (m, longest replacement + k - 1, width)."""
        overhang, length = self.kernel_size - 1, codes.shape[1]
        padded = functional.pad(codes, (overhang, overhang), value=N_CODE)
        size = torch.from_numpy(letters.lengths)[:, None]
        new = torch.from_numpy(letters.padded().copy())
        at = torch.arange(2 * overhang + new.shape[1])
        # Before the edit the sequence's own letters, then the new ones, then again its own from `stop` on.
        own = torch.where(at < overhang, start[:, None] + at, stop[:, None] + at - size)
        text = padded[sequence[:, None], own.clamp_(0, length + 2 * overhang - 1)]
        if new.shape[1]:
            inside = (at >= overhang) & (at < overhang + size)
            text = torch.where(
                inside, new.gather(1, (at - overhang).clamp(0, new.shape[1] - 1).expand(len(new), -1)), text
            )
        if text.shape[1] < self.kernel_size:  # filters of one base have no window over a deletion's seam
            return torch.empty(len(text), 0, len(self.threshold))
        return self._scores(text)

    def _scores(self, codes: Tensor) -> Tensor:
        """Score the windows that lie wholly within the rows of codes, less the thresholds."""
        return scan_scores(self.table, _table_rows(codes, self.kernel_size)).sub_(self.threshold)

    def _features(self, maximum: Tensor, average: Tensor | None) -> Tensor:
        """Lay features out as the head wants them: (n, p, n_strands, n_members, n_features)."""
        shape = (*maximum.shape[:2], self.strands, self.n_members, -1)
        if average is None:
            return maximum.view(shape)
        return torch.cat([maximum.view(shape), average.view(shape)], dim=4)


def _replacements(filters: Tensor) -> Tensor:
    """Return what a substitution adds to the d-th window over its base, shape (k * 5, 3, width), row ``d * 5 + code``.

    In the d-th window, which ends d bases further on, the base is the filter's column k - 1 - d.
    """
    by_window = filters.flip(2).permute(2, 1, 0)
    replaced = torch.zeros(len(by_window), 5, 3, by_window.shape[2])
    for code in range(4):
        for r in range(3):
            replaced[:, code, r] = by_window[:, (code + 1 + r) % 4] - by_window[:, code]
    return replaced.flatten(0, 1)


def _table_rows(codes: Tensor, kernel_size: int) -> Tensor:
    """Return the table rows of the windows within rows of codes, shape (n, n_windows, n_groups), int32."""
    n, length = codes.shape
    n_groups = -(-kernel_size // WORD)
    padded = functional.pad(codes, (0, n_groups * WORD - kernel_size), value=N_CODE).to(torch.int32)
    width = padded.shape[1] - WORD + 1
    words = padded[:, :width].clone()
    for j in range(1, WORD):
        words.mul_(5).add_(padded[:, j : width + j])
    words.mul_(n_groups)
    rows = torch.empty(n, length - kernel_size + 1, n_groups, dtype=torch.int32)
    torch.add(words.as_strided(rows.shape, (width, 1, WORD)), torch.arange(n_groups, dtype=torch.int32), out=rows)
    return rows


@lru_cache(maxsize=8)
def _bags(n: int) -> Tensor:
    """Return where each of n bags of two rows begins."""
    with torch.inference_mode(False):
        return torch.arange(0, 2 * n, 2, dtype=torch.int32)


def _pairs(n: int, bases: int, kernel_size: int) -> Tensor:
    """Return pairs of table rows, shape (n * bases, k, 2), int32, the first of each set: the k windows of each base."""
    pairs = torch.empty(n * bases, kernel_size, 2, dtype=torch.int32)
    window = torch.arange(n, dtype=torch.int32)[:, None] * (bases + kernel_size - 1) + torch.arange(
        bases, dtype=torch.int32
    )
    torch.add(window.view(-1, 1), torch.arange(kernel_size, dtype=torch.int32), out=pairs[:, :, 0])
    return pairs
