"""The motif scan: every filter against every window, pooled over positions.

A window of codes is scored by table look-up: what the filters give for all 5^m words of m bases is put in a table by
one small matrix product, and a window of k bases is the sum of k/m of its rows. Through the maximum over positions only
the winning window carries gradient, so the backward pass gathers k/m rows per filter instead of running a convolution.
The maximum is here; :mod:`seqcnn.models.scan_average` has the mean beside it, and :mod:`seqcnn.models.scan_convolution`
gives the same numbers by ``conv1d``, for a GPU. All equal the plain definition: one-hot, N = 0.25 in every row, k - 1 N
beyond both ends.

Structural contexts have words and tables of their own: a window's score is the sum of rows of both.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.contexts import N_BASES

SLICE: Final = 128
"""Filters scanned in one pass; wider tables fall out of the cache."""

BLOCK_BYTES: Final = 1 << 22
"""Window scores held at a time: more fall out of the cache, fewer are not worth the calls."""

FEW: Final = 1 << 19
"""Scores below which a second thread is not worth its start."""

SHORT_WORD: Final = 3
"""Bases per table row, of which there are 125 a group."""

LONG_WORD: Final = 4
"""The same where there are 625."""

LONG_WORDS_FROM: Final = 1 << 15
"""Windows in a batch from which long words beat short ones."""

CONTEXT_WORD: Final = 3
"""Contexts per table row, of which there are 343 a group."""


class Windows(NamedTuple):
    """Where each window of a batch reads the table.

    Parameters
    ----------
    rows : Tensor of int32, shape (n, n_windows, n_groups)
        Table rows whose sum is the window's score. A sequence shorter than the longest repeats its last window, which
        changes no maximum.
    counts : Tensor of int64, shape (n,), or None
        Windows that each sequence really has; None if all have ``n_windows``.
    word : int
        Bases per table row.
    """

    rows: Tensor
    counts: Tensor | None
    word: int


@cache
def words(word: int, n: int = 4) -> Tensor:
    """Return the one-hot form of all words of this many bases, shape (5^word, word * 4), N = 0.25.

    Or of n other symbols and, after them, the one that is not known: 1 / n.
    """
    with torch.inference_mode(False):  # else a table first used for predictions could not be trained with
        base = torch.cat([torch.eye(n), torch.full((1, n), 1 / n)])
        return base[torch.cartesian_prod(*[torch.arange(n + 1)] * word)].reshape((n + 1) ** word, word * n)


def build_table(filters: Tensor, word: int) -> Tensor:
    """Tabulate filters over words of `word` bases.

    Parameters
    ----------
    filters : Tensor, shape (width, n_channels, kernel_size)
    word : int

    Returns
    -------
    Tensor, shape (5^word * n_groups, width)
        Row ``w * n_groups + g`` is what word w at bases ``g * word ..`` of a window adds to each filter's score. If
        there are more than 4 channels, rows of contexts follow in the same way.
    """
    if filters.shape[1] == 4:
        return _table(filters, word)
    return torch.cat([_table(filters[:, :4], word), _table(filters[:, 4:], CONTEXT_WORD)])


def _table(filters: Tensor, word: int) -> Tensor:
    """Tabulate one kind of symbols."""
    width, n, kernel_size = filters.shape
    n_groups = -(-kernel_size // word)
    if n_groups * word != kernel_size:
        filters = functional.pad(filters, (0, n_groups * word - kernel_size))
    by_base = filters.reshape(width, n, n_groups, word).permute(3, 1, 2, 0).reshape(word * n, n_groups * width)
    return torch.mm(words(word, n), by_base).view(-1, width)


def table_to_filters(gradient: Tensor, word: int, kernel_size: int, contexts: int = 0) -> Tensor:
    """Return the gradient of filters, shape (width, 4, kernel_size), for that of their table: the transposed step.

    With contexts the shape is (width, 4 + contexts, kernel_size).
    """
    if not contexts:
        return _to_filters(gradient, word, kernel_size, 4)
    n_rows = _n_rows(word, kernel_size)
    of_bases = _to_filters(gradient[:n_rows], word, kernel_size, 4)
    return torch.cat([of_bases, _to_filters(gradient[n_rows:], CONTEXT_WORD, kernel_size, contexts)], dim=1)


def _to_filters(gradient: Tensor, word: int, kernel_size: int, n: int) -> Tensor:
    """Return the gradient of one kind of symbols."""
    width = gradient.shape[1]
    n_groups = -(-kernel_size // word)
    by_base = torch.mm(words(word, n).t(), gradient.view((n + 1) ** word, n_groups * width))
    filters = by_base.view(word, n, n_groups, width).permute(3, 1, 2, 0).reshape(width, n, n_groups * word)
    return filters[:, :, :kernel_size]


def _n_rows(word: int, kernel_size: int) -> int:
    """Return how many rows of a table are of bases."""
    rows: int = 5**word * -(-kernel_size // word)
    return rows


def find_windows(
    codes: Tensor,
    lengths: Tensor | None,
    kernel_size: int,
    *,
    batch_size: int | None = None,
    word: int | None = None,
    contexts: int = 0,
) -> Windows:
    """Find the table rows of every window of one batch, see :func:`window_batches`."""
    word = word or choose_word(min(len(codes), batch_size or len(codes)), codes.shape[1], kernel_size)
    return next(window_batches(codes, lengths, kernel_size, max(1, len(codes)), word, contexts))


def choose_word(n: int, length: int, kernel_size: int) -> int:
    """Return the length of words that is fastest for batches of this size; between them scores differ by rounding."""
    return LONG_WORD if n * (length + kernel_size - 1) >= LONG_WORDS_FROM else SHORT_WORD


def window_batches(
    codes: Tensor, lengths: Tensor | None, kernel_size: int, batch_size: int, word: int, contexts: int = 0
) -> Iterator[Windows]:
    """Find the table rows of every window, those that reach up to k - 1 N beyond either end included.

    The words are found for all sequences at once, the rows, which are n_groups times as many, batch by batch, so that a
    batch's are still in the cache when it is scanned.

    Parameters
    ----------
    codes : Tensor of uint8, shape (n, length)
        Short sequences are filled up at their end with N.
    lengths : Tensor of int64, shape (n,), or None
        Length of each sequence, at least 1; None if all fill the rectangle.
    kernel_size : int
    batch_size : int
    word : int
        Bases per table row, see :func:`choose_word`.
    contexts : int
        Structural contexts that bases are in, see :mod:`seqcnn.sequence.contexts`; 0 for bases alone.
    """
    if not contexts:
        yield from _batches(codes, lengths, kernel_size, batch_size, word, N_CODE)
        return
    of_bases = _batches(codes.remainder(N_BASES), lengths, kernel_size, batch_size, word, N_CODE)
    numbers = (codes.div(N_BASES, rounding_mode="floor") + contexts).remainder(
        contexts + 1
    )  # what is not known is last
    of_contexts = _batches(numbers, lengths, kernel_size, batch_size, CONTEXT_WORD, contexts)
    for first, second in zip(of_bases, of_contexts, strict=True):
        rows = torch.cat([first.rows, second.rows + _n_rows(word, kernel_size)], dim=2)
        yield Windows(rows, first.counts, word)


def _batches(
    codes: Tensor, lengths: Tensor | None, kernel_size: int, batch_size: int, word: int, n: int
) -> Iterator[Windows]:
    """Do as :func:`window_batches` for one kind of symbols, the n-th being the one that is not known."""
    length = codes.shape[1]
    n_windows = length + kernel_size - 1
    n_groups = -(-kernel_size // word)
    right = n_windows + n_groups * word - (kernel_size - 1) - length
    words = _words(functional.pad(codes, (kernel_size - 1, right), value=n), word, n + 1).mul_(n_groups)
    width = words.shape[1]
    group = torch.arange(n_groups, dtype=torch.int32)
    if lengths is None or bool((lengths == length).all()):
        groups = group.repeat(n_windows)  # added to whole lines: many numbers at a time
        for part in words.split(batch_size):  # type: ignore[no-untyped-call]
            rows = torch.empty(len(part), n_windows, n_groups, dtype=torch.int32)
            rows.copy_(part.as_strided(rows.shape, (width, 1, word), part.storage_offset()))
            rows.view(len(part), -1).add_(groups)
            yield Windows(rows, None, word)
        return
    for part, sizes in zip(words.split(batch_size), lengths.split(batch_size), strict=True):  # type: ignore[no-untyped-call]
        counts = sizes + (kernel_size - 1)
        position = torch.minimum(torch.arange(n_windows), counts[:, None] - 1)
        at = position[:, :, None] + torch.arange(n_groups) * word
        rows = part.gather(1, at.view(len(part), -1)).view(len(part), n_windows, n_groups).add_(group)
        yield Windows(rows, counts, word)


def _words(codes: Tensor, word: int, n: int) -> Tensor:
    """Return the number of the word of n symbols that begins at each base, int32, shape (n, length - word + 1)."""
    width = codes.shape[1] - word + 1
    numbers = codes[:, :width]
    for j in range(1, word):
        if n ** (j + 1) > 256 >= n**j:  # up to three bases, 125 words, a byte is enough
            numbers = numbers.to(torch.int32)
        numbers = numbers * n + codes[:, j : width + j]
    return numbers.to(torch.int32)


def blocks_of(n: int, n_windows: int, width: int) -> range:
    """Return the block starts; the step is the block's size."""
    rows = BLOCK_BYTES // (4 * n_windows * width)
    return range(0, n, max(1, rows))


def scan_scores(table: Tensor, rows: Tensor) -> Tensor:
    """Return every window's score, shape (n, n_windows, width), for table rows of shape (n, n_windows, n_groups)."""
    n, n_windows, n_groups = rows.shape
    bags = _bags(n * n_windows, n_groups)
    return torch.embedding_bag(table, rows.view(-1), bags, False, 0)[0].view(n, n_windows, -1)


@lru_cache(maxsize=8)
def _bags(n: int, n_groups: int) -> Tensor:
    """Return where each of n bags of n_groups rows begins."""
    with torch.inference_mode(False):
        return torch.arange(0, n * n_groups, n_groups, dtype=torch.int32)


def best_windows(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return each filter's largest score and the first window that has it, both of shape (n, width).

    As two-dimensional pooling over an image with filters as channels, this is one pass that compares many filters at a
    time; the library's maximum with indices takes six times as long.

    Parameters
    ----------
    scores : Tensor, shape (n, n_windows, width)
        Contiguous.
    """
    n, n_windows, width = scores.shape
    image = scores.view(n, 1, n_windows, width).permute(0, 3, 1, 2)
    maximum, position = functional.max_pool2d(image, (1, n_windows), return_indices=True)
    return maximum.view(n, width), position.view(n, width)


def max_pool(table: Tensor, rows: Tensor, *, with_position: bool) -> tuple[Tensor, Tensor | None]:
    """Scan and keep each filter's largest score and, on request, the window where it is; both of shape (n, width)."""
    n, n_windows, _ = rows.shape
    parts = table.split(SLICE, dim=1)  # type: ignore[no-untyped-call]
    blocks = rows.split(blocks_of(n, n_windows, parts[0].shape[1]).step)  # type: ignore[no-untyped-call]
    found = []
    for part in parts:
        part = part.contiguous()
        if with_position:
            pairs = [best_windows(scan_scores(part, block)) for block in blocks]
            found.append([torch.cat(each) if len(blocks) > 1 else each[0] for each in zip(*pairs, strict=True)])
        else:
            found.append([torch.cat([scan_scores(part, block).amax(1) for block in blocks])])
    joined = [each[0] if len(parts) == 1 else torch.cat(each, dim=1) for each in zip(*found, strict=True)]
    return joined[0], joined[1] if with_position else None


class _MaxScan(torch.autograd.Function):
    """Maximum over windows; the gradient goes to the table rows of the winning window alone, and on to the filters."""

    @staticmethod
    def forward(ctx, filters, rows, word):  # type: ignore[no-untyped-def]
        table = build_table(filters, word)
        maximum, position = max_pool(table, rows, with_position=ctx.needs_input_grad[0])
        ctx.save_for_backward(rows, position)
        ctx.word, ctx.n_rows, ctx.shape = word, len(table), filters.shape
        return maximum

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        rows, position = ctx.saved_tensors
        width = gradient.shape[1]
        sequence, column = gradient.nonzero(as_tuple=True)
        flat = rows[sequence, position[sequence, column]].to(torch.int64)
        flat.mul_(width).add_(column[:, None])
        values = gradient[sequence, column][:, None].expand_as(flat)
        table = torch.zeros(ctx.n_rows * width, dtype=gradient.dtype)
        table.scatter_add_(0, flat.view(-1), values.reshape(-1))
        _, n_channels, kernel_size = ctx.shape
        return table_to_filters(table.view(-1, width), ctx.word, kernel_size, n_channels - 4), None, None


def scan(filters: Tensor, windows: Windows) -> Tensor:
    """Scan a batch on the CPU; return each filter's largest score over windows, shape (n, width), differentiable.

    Parameters
    ----------
    filters : Tensor, shape (width, n_channels, kernel_size)
        Rows A C G T/U, then those of contexts, if windows have such.
    windows : Windows
        From :func:`find_windows` with the same kernel_size.

    References
    ----------
    Alipanahi et al. 2015, doi:10.1038/nbt.3300, Online Methods (convolve, rectify, pool).
    """
    maximum: Tensor = _MaxScan.apply(filters, windows.rows, windows.word)  # type: ignore[no-untyped-call]
    return maximum
