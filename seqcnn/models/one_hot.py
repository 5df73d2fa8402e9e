"""Codes to one-hot on their device, the other strand, and what lies beyond the ends of sequences."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from seqcnn.models.signal import Rows
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.contexts import N_BASES

PADDINGS: Final = ("N", "same", "valid", "centred")
"""What detectors see beyond the ends: N, 0.25 of each base, at every window that holds a base; nothing, 0, at as many
windows as there are bases; or there are no such windows. Centred: N, at as many windows as there are bases."""


def lead(padding: str, kernel_size: int) -> int:
    """Return how many bases the first window lies before the first base of a sequence."""
    return {"N": kernel_size - 1, "valid": 0}.get(padding, (kernel_size - 1) // 2)


def one_hot(codes: Tensor, dtype: torch.dtype = torch.float32, contexts: int = 0) -> Tensor:
    """Return one-hot on the codes' device, shape (n, 4, length), 0.25 in every row of an N.

    Nothing is copied from the host, so that a CUDA graph can hold it. Codes are uint8, shape (n, length). Of bases in
    so many contexts, see :mod:`seqcnn.sequence.contexts`, a row for each context follows, with 1 / contexts in all
    where none is known.
    """
    if contexts:
        known = codes.div(N_BASES, rounding_mode="floor")
        of_bases = one_hot(codes.remainder(N_BASES), dtype)
        return torch.cat([of_bases, _hot(known, 1, contexts, 0, dtype)], dim=1)
    return _hot(codes, 0, 4, N_CODE, dtype)


def _hot(codes: Tensor, first: int, n: int, unknown: int, dtype: torch.dtype) -> Tensor:
    """Return a row for each of n codes from the first on, 1 / n in every row of the one that is not known."""
    rows = torch.arange(first, first + n, dtype=codes.dtype, device=codes.device)
    hot = (codes[:, None] == rows[:, None]).to(dtype)
    return hot.add_((codes[:, None] == unknown).to(dtype), alpha=1 / n)


def other_strand(codes: Tensor, lengths: Tensor | None) -> Tensor:
    """Return reverse complements, each beginning where its row does; lengths, shape (n,), None if all fill theirs."""
    complement = torch.where(codes < N_CODE, 3 - codes, codes)
    if lengths is None:
        return complement.flip(1)
    at = lengths[:, None] - 1 - torch.arange(codes.shape[1], device=codes.device)
    return torch.where(at < 0, N_CODE, complement.gather(1, at.clamp(min=0)))


def padded(
    x: Tensor, lengths: Tensor | None, kernel_size: int, padding: str, stride: int = 1
) -> tuple[Tensor, Rows | None]:
    """Add what detectors are to see beyond the ends.

    Parameters
    ----------
    x : Tensor, shape (n, n_channels, width)
        One-hot, N beyond the ends of shorter sequences.
    lengths : Tensor, shape (n,), or None
        None if every sequence fills its row.
    kernel_size : int
        Of the detectors.
    padding : str
        One of :data:`PADDINGS`. With "valid" a sequence shorter than a detector gets N behind it, for one window.
    stride : int
        Odd; the windows of each sequence are placed so that their middle is in the middle of a stretch of this many:
        what is pooled then is the same on both strands. 1 for nothing of the kind.

    Returns
    -------
    padded : Tensor, shape (n, n_channels, n_windows + kernel_size - 1)
    rows : Rows or None
        Which windows are of each sequence.
    """
    width = x.shape[2]
    if padding == "N":
        before, after, value = kernel_size - 1, kernel_size - 1, 0.25
    elif padding in ("same", "centred"):
        before, after, value = lead(padding, kernel_size), kernel_size // 2, 0.0 if padding == "same" else 0.25
        if lengths is not None and padding == "same":
            at = torch.arange(width, device=x.device)
            x = torch.where((at < lengths[:, None])[:, None], x, 0)
    else:
        before, after, value = 0, max(0, kernel_size - width), 0.25
    n_windows = width + before + after - kernel_size + 1
    stops = None
    if lengths is not None:
        stops = (lengths + (before + after - kernel_size + 1 if padding != "valid" else 1 - kernel_size)).clamp(min=1)
    if stride == 1:
        rows = None if stops is None else Rows(torch.zeros_like(stops), stops)
        return _with_ends(x, before, after, value), rows
    half = (stride + 1) // 2  # times 2 it is 1, modulo the stride
    if stops is None:
        shift = (stride - n_windows % stride) * half % stride
        x = _with_ends(x, before + shift, after + shift, value)
        start = torch.full((x.shape[0],), shift, device=x.device)
        return x, Rows(start, start + n_windows)
    shifts = -stops * half % stride
    x = functional.pad(x, (before, after + 2 * (stride - 1)), value=value)
    at = torch.arange(x.shape[2], device=x.device) - shifts[:, None]
    inside = (at >= 0)[:, None]
    x = torch.where(inside, x.gather(2, at.clamp(min=0)[:, None].expand_as(x)), value)
    return x, Rows(shifts, shifts + stops)


def _with_ends(x: Tensor, before: int, after: int, value: float) -> Tensor:
    """Put columns beyond both ends: a value in each row of bases, and as much in all rows of contexts together."""
    if x.shape[1] == 4:
        return functional.pad(x, (before, after), value=value)
    bases, contexts = x[:, :4], x[:, 4:]
    alike = 4 * value / contexts.shape[1]
    parts = [functional.pad(part, (before, after), value=each) for part, each in ((bases, value), (contexts, alike))]
    return torch.cat(parts, dim=1)
