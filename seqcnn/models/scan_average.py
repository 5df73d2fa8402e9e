"""The motif scan on the CPU that pools each filter's scores over windows by their maximum and by their mean."""

from __future__ import annotations

import torch
from torch import Tensor

from seqcnn.models.scan import Windows, best_windows, blocks_of, build_table, scan_scores


def scan_with_average(filters: Tensor, windows: Windows, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """Scan a batch on the CPU and pool over windows in both ways; differentiable.

    Parameters
    ----------
    filters : Tensor, shape (width, 4, kernel_size)
        Rows A C G T/U.
    windows : Windows
        From :func:`seqcnn.models.scan.find_windows` with the same kernel_size.
    threshold : Tensor, shape (width,)
        Is taken from each score before the ReLU of the mean.

    Returns
    -------
    maximum : Tensor, shape (n, width)
        Largest score, before threshold and ReLU.
    average : Tensor, shape (n, width)
        Mean over windows of ``relu(score - threshold)``.

    References
    ----------
    Alipanahi et al. 2015, doi:10.1038/nbt.3300, Online Methods (convolve, rectify, pool).
    """
    table = build_table(filters, windows.word)
    maximum, average = _MaxAverageScan.apply(table, threshold, windows.rows, windows.counts)  # type: ignore[no-untyped-call]
    return maximum, average


class _MaxAverageScan(torch.autograd.Function):
    """Maximum of the scores and mean over windows of ``relu(score - threshold)``."""

    @staticmethod
    def forward(ctx, table, threshold, rows, counts):  # type: ignore[no-untyped-def]
        n, n_windows, _ = rows.shape
        maximum, average = torch.empty(n, table.shape[1]), torch.empty(n, table.shape[1])
        position = torch.empty(n, table.shape[1], dtype=torch.int64) if any(ctx.needs_input_grad) else None
        blocks = blocks_of(n, n_windows, table.shape[1])
        for start in blocks:
            part = slice(start, start + blocks.step)
            scores = scan_scores(table, rows[part])
            if position is None:
                maximum[part] = scores.amax(1)
            else:
                maximum[part], position[part] = best_windows(scores)
            average[part] = _mean_active(
                scores - threshold, None if counts is None else counts[part], exact=position is None
            )
        ctx.save_for_backward(table, threshold, rows, counts, position)
        return maximum, average

    @staticmethod
    def backward(ctx, grad_maximum, grad_average):  # type: ignore[no-untyped-def]
        table, threshold, rows, counts, position = ctx.saved_tensors
        n, n_windows, n_groups = rows.shape
        width = table.shape[1]
        out, grad_threshold = torch.zeros_like(table), torch.zeros_like(threshold)
        blocks = blocks_of(n, n_windows, width)
        for start in blocks:
            part = slice(start, start + blocks.step)
            active = scan_scores(table, rows[part]) > threshold
            if counts is None:
                each = (active * (grad_average[part] / n_windows)[:, None]).to(table.dtype)
            else:
                real = torch.arange(n_windows) < counts[part, None]
                each = active * real[:, :, None] * (grad_average[part] / counts[part, None])[:, None]
            grad_threshold -= each.sum((0, 1))
            each.scatter_add_(1, position[part, None], grad_maximum[part, None])
            for group in range(n_groups):
                out.index_add_(0, rows[part, :, group].reshape(-1), each.view(-1, width))
        return out, grad_threshold, None, None


def _mean_active(shifted: Tensor, counts: Tensor | None, *, exact: bool) -> Tensor:
    """Return the mean over windows of the positive part, repeats of the last window left out.

    `exact` sums in double precision, so that the mean does not depend, not even by rounding, on how many repeats.
    """
    active = shifted.clamp_(min=0).to(torch.float64 if exact else shifted.dtype)
    if counts is None:
        return active.mean(1).to(shifted.dtype)
    # Not the sum less the repeats: beside a much longer sequence little of a short one's sum would be left.
    real = (torch.arange(active.shape[1]) < counts[:, None]).to(active.dtype)
    return (torch.bmm(real[:, None], active)[:, 0] / counts[:, None]).to(shifted.dtype)
