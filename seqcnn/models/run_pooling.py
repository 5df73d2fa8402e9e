"""The features of all windows along a run of bases, for a DeepBind network on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.models.sliding import Sliding
from seqcnn.models.window_scan import Columns, tabulate, window_features

if TYPE_CHECKING:
    from seqcnn.models.architectures.deepbind import Model

WIDTH: Final = 64
"""Detectors, those of both strands counted, that go through a run together: the cache holds what is kept of them."""

SLIDING_WIDTH: Final = 32
"""The same for :class:`Sliding`."""

LOCK: Final = threading.Lock()


class RunPooling:
    """A network's detectors, made ready for windows of one length.

    Parameters
    ----------
    network : Model
        On the CPU.
    length : int
        Of the windows, bp, at least the detectors'.
    exact : bool
        Not even by rounding may a window's features depend on what else is in its run.
    """

    def __init__(self, network: Model, length: int, *, exact: bool) -> None:
        settings = network.settings
        self.length, self.exact, self._made_of = length, exact, version(network)
        self._average = settings.pooling == "max-average"
        self._n_filters, self._n_strands = settings.n_filters, 2 if settings.both_strands else 1
        filters, threshold = network.filters.detach(), network.threshold.detach()
        strands = [filters, filters.flip(2, 3)][: self._n_strands]
        self._per_member = self._n_strands * self._n_filters
        columns = tabulate(
            torch.stack(strands, dim=1).flatten(0, 2).numpy(),
            threshold[:, None].expand(-1, self._n_strands, -1).flatten().numpy(),
        )
        slides = not exact and not self._average and settings.kernel_size > 1
        width = SLIDING_WIDTH if slides else WIDTH
        at_once = max(1, width // self._per_member)
        self._members = [
            slice(first, min(first + at_once, settings.n_members)) for first in range(0, settings.n_members, at_once)
        ]
        self._parts: list[list[Columns | Sliding]] = []
        for members in self._members:
            begin, end = members.start * self._per_member, members.stop * self._per_member
            cut = [columns.part(slice(at, min(at + width, end))) for at in range(begin, end, width)]
            self._parts.append([Sliding(part, length) if slides else part for part in cut])

    def fits(self, network: Model, length: int, *, exact: bool) -> bool:
        """Say whether this was made for windows of this length and of the weights that the network has now."""
        return self.length == length and self.exact == exact and self._made_of == version(network)

    def features(
        self, codes: NDArray[np.uint8], starts: NDArray[np.intp] | None
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield, for some members at a time, the features of windows.

        Parameters
        ----------
        codes : ndarray of uint8, shape (n,)
        starts : ndarray of int, shape (n_windows,), or None
            Windows that are wanted; None for all.

        Yields
        ------
        members : slice
        features : ndarray of float32, shape (n_windows, n_members, n_strands, n_features)
        """
        for members, parts in zip(self._members, self._parts, strict=True):
            pooled = [self._pool(part, codes) for part in parts]
            kinds = []
            for kind in range(2 if self._average else 1):
                values = pooled[0][kind] if len(pooled) == 1 else np.concatenate([one[kind] for one in pooled], axis=1)
                chosen = values if starts is None else values[starts]
                kinds.append(chosen.reshape(len(chosen), -1, self._n_strands, self._n_filters))
            yield members, kinds[0] if len(kinds) == 1 else np.concatenate(kinds, axis=3)

    def _pool(self, part: Columns | Sliding, codes: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        if isinstance(part, Sliding):
            return [part.features(codes)]
        maximum, average = window_features(part, codes, self.length, average=self._average)
        return [maximum] if average is None else [maximum, average]


def version(network: Model) -> tuple[int, ...]:
    """Return what is another after the detectors were changed or replaced."""
    return tuple(n for part in (network.filters, network.threshold) for n in (part.data_ptr(), part._version))
