"""Where the filters of a first layer fire: each one's best window in each sequence, or all windows above a level."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.models import threads
from seqcnn.models.detectors import Detectors
from seqcnn.models.network import to_tensors
from seqcnn.models.predict import batches_of
from seqcnn.models.scan import LONG_WORD, SLICE, blocks_of, build_table, find_windows, max_pool, scan_scores
from seqcnn.models.scan_convolution import convolve
from seqcnn.sequence.ragged import Ragged

Rows = slice | NDArray[np.intp]
Found = TypeVar("Found")

LETTERS_AT_ONCE: Final = 1 << 17
"""Letters of sequences that a thread scans at a time: what is found in them is in its cache."""


class Fired(NamedTuple):
    """Windows that count, in the order of sequences.

    Parameters
    ----------
    sequence : ndarray of int64, shape (n,)
        Row.
    filter : ndarray of int64, shape (n,)
        Column: member * n_filters + filter.
    start : ndarray of int64, shape (n,)
        First base of the window on the given strand, negative before the sequence.
    minus : ndarray of bool, shape (n,)
        The reverse complement scores higher.
    activation : ndarray of float32, shape (n,)
        Score less threshold.
    """

    sequence: NDArray[np.int64]
    filter: NDArray[np.int64]
    start: NDArray[np.int64]
    minus: NDArray[np.bool_]
    activation: NDArray[np.float32]

    def take(self, rows: NDArray[Any]) -> Fired:
        """Return these windows, by indices or where the mask is true."""
        sequence, column, start, minus, activation = self
        return Fired(sequence[rows], column[rows], start[rows], minus[rows], activation[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best window of every filter in every sequence; of those that tie the first, the given strand first.

    Parameters
    ----------
    activation : ndarray of float32, shape (n, width)
        Score less threshold, not rectified.
    start : ndarray of int32, shape (n, width)
        As in :class:`Fired`.
    minus : ndarray of bool, shape (n, width)
    """

    activation: NDArray[np.float32]
    start: NDArray[np.int32]
    minus: NDArray[np.bool_]


class Activations:
    """A first layer, made ready for scanning many sequences.

    Parameters
    ----------
    detectors : Detectors

    Attributes
    ----------
    width : int
        Columns: members times filters.
    kernel_size : int
    """

    def __init__(self, detectors: Detectors) -> None:
        filters = detectors.filters.flatten(0, 1)
        self.width, _, self.kernel_size = filters.shape
        self.n_strands = 2 if detectors.both_strands else 1
        self._threshold = detectors.threshold.flatten().cpu().numpy()
        self._device = filters.device
        at_once = SLICE // self.n_strands
        parts = [filters[left : left + at_once] for left in range(0, self.width, at_once)]
        both = [torch.cat([part, part.flip(1, 2)]) if self.n_strands == 2 else part for part in parts]
        on_cpu = self._device.type == "cpu"
        self._parts = [build_table(part, LONG_WORD) if on_cpu else part for part in both]

    def best(self, sequences: Ragged) -> Best:
        """Find the best windows; no sequence may be empty."""
        n = len(sequences)
        found = Best(
            np.empty((n, self.width), np.float32), np.empty((n, self.width), np.int32), np.empty((n, self.width), bool)
        )

        @torch.inference_mode()
        def work(rows: Rows) -> None:
            part = sequences.slice(rows.start, rows.stop) if isinstance(rows, slice) else sequences.take(rows)
            left = 0
            for scores, position in self._largest(part):
                columns = slice(left, left + scores.shape[2])
                minus = scores[:, -1] > scores[:, 0]  # with one strand: never
                found.activation[rows, columns] = np.maximum(scores[:, 0], scores[:, -1]) - self._threshold[columns]
                found.start[rows, columns] = np.where(minus, position[:, -1], position[:, 0]) - (self.kernel_size - 1)
                found.minus[rows, columns] = minus
                left = columns.stop

        self._run(work, sequences)
        return found

    def above(self, sequences: Ragged, level: NDArray[np.float32]) -> Fired:
        """Find all windows with an activation above a level for each filter, shape (width,); each strand's better one.

        No sequence may be empty.
        """

        @torch.inference_mode()
        def work(rows: Rows) -> list[Fired]:
            part = sequences.slice(rows.start, rows.stop) if isinstance(rows, slice) else sequences.take(rows)
            at = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
            return [fired._replace(sequence=at[fired.sequence]) for fired in self._above(part, level)]

        parts = [fired for each in self._run(work, sequences) for fired in each]
        joined = Fired(*map(np.concatenate, zip(*parts, strict=True)))
        return joined.take(np.lexsort((joined.start, joined.filter, joined.sequence)))

    def _run(self, work: Callable[[Rows], Found], sequences: Ragged) -> list[Found]:
        """Do work on batches of neighbours in length, on all threads of the CPU."""
        rows = list(batches_of(sequences.lengths, None, LETTERS_AT_ONCE))
        if self._device.type != "cpu" or len(rows) < 2:
            return [work(each) for each in rows]
        with threads.taken_over():
            return threads.run(work, rows)

    def _largest(self, sequences: Ragged) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Yield for some filters at a time scores and positions of the best windows, (n, n_strands, filters)."""
        codes, lengths = to_tensors(sequences, self._device)
        if self._device.type != "cpu":
            for filters in self._parts:
                highest, where = convolve(filters, codes, lengths).max(2)
                yield self._by_strand(highest.cpu().numpy()), self._by_strand(where.cpu().numpy())
            return
        windows = find_windows(codes, lengths, self.kernel_size, word=LONG_WORD)
        for table in self._parts:
            highest, position = max_pool(table, windows.rows, with_position=True)
            assert position is not None
            yield self._by_strand(highest.numpy()), self._by_strand(position.numpy())

    def _above(self, sequences: Ragged, level: NDArray[np.float32]) -> Iterator[Fired]:
        """Yield the windows above the levels, for some filters and sequences at a time."""
        codes, lengths = to_tensors(sequences, self._device)
        n_windows = sequences.lengths + (self.kernel_size - 1)
        on_cpu, left = self._device.type == "cpu", 0
        rows = find_windows(codes, lengths, self.kernel_size, word=LONG_WORD).rows if on_cpu else None
        for part in self._parts:
            width = part.shape[1] if on_cpu else len(part)
            columns = slice(left, left + width // self.n_strands)
            limit = torch.from_numpy(level[columns] + self._threshold[columns]).to(self._device)
            blocks = blocks_of(len(codes), codes.shape[1] + self.kernel_size - 1, width)
            for start in blocks:
                block = slice(start, start + blocks.step)
                if rows is not None:
                    scores = scan_scores(part, rows[block])
                else:
                    scores = convolve(part, codes[block], None).transpose(1, 2)
                by_strand = scores.view(*scores.shape[:2], self.n_strands, -1)
                best = by_strand.amax(2)
                sequence, window, column = (each.cpu().numpy() for each in (best > limit).nonzero(as_tuple=True))
                there = window < n_windows[block][sequence]
                sequence, window, column = sequence[there], window[there], column[there]
                values = by_strand.cpu().numpy()[sequence, window, :, column]
                minus = values[:, -1] > values[:, 0]
                activation = values.max(1) - self._threshold[columns][column]
                where = window - (self.kernel_size - 1)
                yield Fired(sequence + start, column + left, where, minus, activation)
            left = columns.stop

    def _by_strand(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values of columns, shape (n, n_strands * filters), as (n, n_strands, filters)."""
        return values.reshape(len(values), self.n_strands, -1)
