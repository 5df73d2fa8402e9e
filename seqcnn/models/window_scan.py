"""Every window of a run of bases, pooled as a sequence of its own: N beyond both of its ends.

In a window most offsets of a detector lie wholly inside, and are shared by many windows. At the others the detector
hangs over an end, and what hangs over meets N. With each detector's mean over the four bases taken out N adds nothing,
so that a detector that hangs over a window's right end gives the sum of its first m columns over the last m bases,
whatever window ends there. These sums grow by one column for all places at once: with k columns, all windows cost k
steps from the left and k - 1 from the right, each of a look-up, an addition and a maximum, and the maxima inside.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_VALUES: Final = 1 << 16
"""Numbers in each of the arrays that a step goes through: together they stay in the cache."""


class Columns(NamedTuple):
    """Detectors by column.

    Parameters
    ----------
    steps : ndarray of float32, shape (kernel_size, 5, width)
        What a base at each of a detector's columns adds, mean taken out; 0 for N.
    start : ndarray of float32, shape (width,)
        The score of a detector over N alone, less its threshold.
    """

    steps: NDArray[np.float32]
    start: NDArray[np.float32]

    def part(self, columns: slice) -> Columns:
        """Return some of the detectors."""
        return Columns(np.ascontiguousarray(self.steps[:, :, columns]), self.start[columns])


def tabulate(filters: NDArray[np.float32], threshold: NDArray[np.float32]) -> Columns:
    """Return detectors, shape (width, 4, kernel_size), less their thresholds, shape (width,), by column."""
    exact = filters.astype(np.float64)
    mean = exact.mean(1)
    steps = np.zeros((filters.shape[2], 5, len(filters)), dtype=np.float32)
    steps[:, :4] = (exact - mean[:, None]).transpose(2, 1, 0)
    return Columns(steps, (mean.sum(1) - threshold).astype(np.float32))


def window_features(
    columns: Columns, codes: NDArray[np.uint8], length: int, *, average: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Pool the detectors over each window.

    Parameters
    ----------
    columns : Columns
        Of detectors of length k.
    codes : ndarray of uint8, shape (n,)
        0..4.
    length : int
        Of the windows, bp: from k to n.
    average : bool
        Also pool by the mean over the offsets.

    Returns
    -------
    maximum, average : ndarray of float32, shape (n - length + 1, width), or None
        Of ``relu(score - threshold)``, over all length + k - 1 offsets at which a detector meets the window.
    """
    kernel_size, _, width = columns.steps.shape
    n_windows = len(codes) - length + 1
    maximum = np.zeros((n_windows, width), dtype=np.float32)
    mean = np.zeros_like(maximum) if average else None
    size = max(4 * length, BLOCK_VALUES // width)
    scratch = np.empty((2, min(size, n_windows) + length - 1, width), dtype=np.float32)
    indices = codes.astype(np.intp)
    for start in range(0, n_windows, size):
        block = slice(start, min(start + size, n_windows))
        part = indices[start : block.stop + length - 1]
        _pool(columns, part, length, scratch[:, : len(part)], maximum[block], None if mean is None else mean[block])
    if mean is not None:
        mean /= np.float32(length + kernel_size - 1)
    return maximum, mean


def _pool(
    columns: Columns,
    codes: NDArray[np.intp],
    length: int,
    scratch: NDArray[np.float32],
    maximum: NDArray[np.float32],
    total: NDArray[np.float32] | None,
) -> None:
    """Raise `maximum` to each window's largest score, and add its positive scores to `total`."""
    steps, (sums, added) = columns.steps, scratch
    k, n, n_windows = len(steps), len(codes), len(maximum)

    def keep(scores: NDArray[np.float32]) -> None:
        np.maximum(maximum, scores, out=maximum)
        if total is not None:
            active = np.maximum(scores, 0, out=added[:n_windows])
            np.add(total, active, out=total)

    # sums[e]: the last m columns over the m bases up to e, which begin where a window does.
    sums[:] = columns.start
    for m in range(1, k):
        sums[m - 1 :] += np.take(steps[k - m], codes[: n - m + 1], axis=0, out=added[: n - m + 1], mode="clip")
        keep(sums[m - 1 : m - 1 + n_windows])
    # sums[q]: the first m columns over the m bases from q on, which end where a window does.
    sums[:] = columns.start
    for m in range(1, k + 1):
        sums[: n - m + 1] += np.take(steps[m - 1], codes[m - 1 :], axis=0, out=added[: n - m + 1], mode="clip")
        if m < k:
            keep(sums[length - m : length - m + n_windows])
    inside = sums[: n - k + 1]
    if total is not None:
        total += slide(np.add, np.maximum(inside, 0), length - k + 1)
    np.maximum(maximum, slide(np.maximum, inside, length - k + 1), out=maximum)


def slide(combine: np.ufunc, values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Combine every `size` neighbouring rows, by doubling; shape (n - size + 1, width).

    Sums do so with no more rounding than a sum of their size has, unlike differences of running totals.

    Parameters
    ----------
    combine : ufunc
        ``np.maximum`` or ``np.add``.
    values : ndarray, shape (n, width)
    size : int
        At least 1.
    """
    whole, done, span = None, 0, 1
    n = len(values) - size + 1
    while True:
        if combine is np.maximum and 2 * span > size:
            # What is left overlaps what is done, which does not matter to a maximum.
            return np.maximum(values[:n], values[size - span : size - span + n]) if span < size else values
        if combine is not np.maximum and size & span:
            part = values[done : done + n]
            whole = part.copy() if whole is None else np.add(whole, part, out=whole)
            done += span
            if done == size:
                return whole
        values = combine(values[:-span], values[span:])
        span *= 2
