"""The motif scan by ``conv1d``, the faster way on a GPU.

Through the maximum only the winning window of each (sequence, filter) carries gradient: the backward pass gathers those
windows and sums them, instead of running a convolution over all, and the scores need not be kept for it. Nothing here
waits for the device, copies from the host, or depends on values, so that a CUDA graph can hold it.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from seqcnn.models.one_hot import one_hot
from seqcnn.sequence.alphabet import N_CODE

WON_AT_ONCE: Final = 1 << 25
"""Numbers of winning windows that are held at a time."""


def scan_by_convolution(filters: Tensor, codes: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Do what :func:`seqcnn.models.scan.scan` does on any device; under autocast in its precision.

    Parameters
    ----------
    filters : Tensor, shape (width, n_channels, kernel_size)
        Rows A C G T/U, and of contexts if there are more.
    codes : Tensor of uint8, shape (n, length)
        Short sequences are filled up at their end with N.
    lengths : Tensor of int64, shape (n,), or None
        Length of each sequence, at least 1; None if all fill the rectangle.

    Returns
    -------
    Tensor, shape (n, width)
        Each filter's largest score over windows, in the type of the filters.
    """
    maximum: Tensor = _MaxConvolution.apply(filters, _with_ends(codes, filters), lengths)  # type: ignore[no-untyped-call]
    return maximum


def convolve_with_average(
    filters: Tensor, codes: Tensor, lengths: Tensor | None, threshold: Tensor
) -> tuple[Tensor, Tensor]:
    """Do what :func:`seqcnn.models.scan_average.scan_with_average` does; see :func:`scan_by_convolution`."""
    scores = _scores(filters, _with_ends(codes, filters)).to(filters.dtype)
    active = functional.relu(scores - threshold[:, None])
    if lengths is None:
        return scores.amax(2), active.mean(2)
    there = _there(scores, lengths, filters)
    maximum = scores.masked_fill(~there, -torch.inf).amax(2)
    return maximum, (active * there).sum(2) / (lengths + filters.shape[2] - 1)[:, None]


def convolve(filters: Tensor, codes: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the scores of all windows, shape (n, width, n_windows), minus infinity where a sequence has none.

    Parameters are those of :func:`scan_by_convolution`.
    """
    scores = _scores(filters, _with_ends(codes, filters))
    return scores if lengths is None else scores.masked_fill(~_there(scores, lengths, filters), -torch.inf)


def _scores(filters: Tensor, padded: Tensor) -> Tensor:
    return functional.conv1d(one_hot(padded, _precision(filters), filters.shape[1] - 4), filters)


def _with_ends(codes: Tensor, filters: Tensor) -> Tensor:
    """Put k - 1 N beyond both ends."""
    beyond = filters.shape[2] - 1
    return functional.pad(codes, (beyond, beyond), value=N_CODE)


def _precision(filters: Tensor) -> torch.dtype:
    """Return the type to compute in."""
    kind = filters.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else filters.dtype


def _there(scores: Tensor, lengths: Tensor, filters: Tensor) -> Tensor:
    """Say which windows a sequence really has, shape (n, 1, n_windows)."""
    position = torch.arange(scores.shape[2], device=scores.device)
    return (position < (lengths + filters.shape[2] - 1)[:, None])[:, None]


class _MaxConvolution(torch.autograd.Function):
    """Maximum over windows; the gradient goes to the winning window alone, the first of those that tie."""

    @staticmethod
    def forward(ctx, filters, padded, lengths):  # type: ignore[no-untyped-def]
        scores = _scores(filters, padded)
        if lengths is not None:
            scores.masked_fill_(~_there(scores, lengths, filters), -torch.inf)
        if not ctx.needs_input_grad[0]:
            return scores.amax(2).to(filters.dtype)
        maximum, position = scores.max(2)
        ctx.save_for_backward(padded, position)
        ctx.n_channels, ctx.kernel_size = filters.shape[1:]
        return maximum.to(filters.dtype)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        padded, position = ctx.saved_tensors
        n, width = gradient.shape
        n_channels, kernel_size = ctx.n_channels, ctx.kernel_size
        of_filters = gradient.new_zeros(width, n_channels, kernel_size)
        at_once = max(1, WON_AT_ONCE // (width * n_channels * kernel_size))
        for start in range(0, n, at_once):
            part = slice(start, start + at_once)
            windows = one_hot(padded[part], gradient.dtype, n_channels - 4).unfold(2, kernel_size, 1)
            at = position[part, None, :, None].expand(-1, n_channels, -1, kernel_size)
            of_filters += torch.einsum("nw,nbwk->wbk", gradient[part], windows.gather(2, at))
        return of_filters, None, None
