"""The motif scan against plain one-hot convolution in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seqcnn.models import scan as module
from seqcnn.models import scan_convolution
from seqcnn.models.scan import Windows, best_windows, build_table, find_windows, window_batches
from seqcnn.models.scan import scan as scan_for_maximum
from seqcnn.models.scan_average import scan_with_average
from seqcnn.sequence.alphabet import N_CODE, one_hot

Codes = NDArray[np.uint8]
ALWAYS, NEVER = 0, 1 << 60
WORDS = pytest.mark.parametrize("word", [3, 4])
KERNELS = [1, 2, 3, 5, 7, 10, 11, 13, 16, 22, 24, 25, 29, 30]


class Pooled(NamedTuple):
    """Largest score, shape (n, width), and mean over windows of ``relu(score - threshold)``, if asked for."""

    maximum: Tensor
    average: Tensor | None


def scan(filters: Tensor, windows: Windows, *, threshold: Tensor | None = None) -> Pooled:
    """Pool in one way or, with a threshold, in both."""
    if threshold is None:
        return Pooled(scan_for_maximum(filters, windows), None)
    return Pooled(*scan_with_average(filters, windows, threshold))


def scan_by_convolution(
    filters: Tensor, codes: Tensor, lengths: Tensor | None = None, *, threshold: Tensor | None = None
) -> Pooled:
    """Do the same by convolution."""
    if threshold is None:
        return Pooled(scan_convolution.scan_by_convolution(filters, codes, lengths), None)
    return Pooled(*scan_convolution.convolve_with_average(filters, codes, lengths, threshold))


@pytest.fixture
def usewords(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Fix the bases per table row, which otherwise follows from the size of the batch."""
    return lambda word: monkeypatch.setattr(module, "LONG_WORDS_FROM", {3: NEVER, 4: ALWAYS}[word])


def random_rows(rng: np.random.Generator, lengths: Sequence[int], n_share: float = 0.05) -> list[Codes]:
    base = [rng.integers(0, 4, length) for length in lengths]
    return [np.where(rng.random(len(row)) < n_share, N_CODE, row).astype(np.uint8) for row in base]


def rectangle(rows: Sequence[Codes]) -> tuple[Tensor, Tensor]:
    codes = np.full((len(rows), max(len(row) for row in rows)), N_CODE, dtype=np.uint8)
    for i, row in enumerate(rows):
        codes[i, : len(row)] = row
    return torch.from_numpy(codes), torch.tensor([len(row) for row in rows])


def plain(filters: Tensor, rows: Sequence[Codes], threshold: Tensor) -> tuple[Tensor, Tensor]:
    """One sequence at a time: k - 1 N at both ends, convolve, largest score and mean of relu(score - threshold)."""
    k = filters.shape[2]
    maximum, average = [], []
    for row in rows:
        hot = torch.from_numpy(one_hot(np.pad(row, k - 1, constant_values=N_CODE))).to(filters.dtype)
        scores = functional.conv1d(hot[None], filters)[0]
        assert scores.shape[1] == len(row) + k - 1
        maximum.append(scores.max(1).values)
        average.append(functional.relu(scores - threshold[:, None]).mean(1))
    return torch.stack(maximum), torch.stack(average)


def compare(
    filters: Tensor,
    threshold: Tensor,
    rows: Sequence[Codes],
    run: Callable[[Tensor, Tensor | None], Pooled],
    mean: bool,
) -> None:
    """Check pooled scores, and the gradients of filters and thresholds under random upstream gradients, to 1e-5."""
    exact, exact_threshold = filters.double().requires_grad_(), threshold.double().requires_grad_()
    wanted = plain(exact, rows, exact_threshold)
    filters, threshold = filters.clone().requires_grad_(), threshold.clone().requires_grad_()
    got = run(filters, threshold if mean else None)
    up = [torch.randn(value.shape, generator=torch.Generator().manual_seed(i)) for i, value in enumerate(wanted)]
    torch.testing.assert_close(got.maximum.double(), wanted[0], rtol=1e-5, atol=1e-5)
    assert (got.average is None) is not mean
    loss, exact_loss = (got.maximum * up[0]).sum(), (wanted[0] * up[0]).sum()
    if got.average is not None:
        torch.testing.assert_close(got.average.double(), wanted[1], rtol=1e-5, atol=1e-5)
        loss, exact_loss = loss + (got.average * up[1]).sum(), exact_loss + (wanted[1] * up[1]).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    exact_loss.backward()
    for one, other in ((filters, exact), (threshold, exact_threshold)):
        if one is threshold and not mean:
            assert one.grad is None
            continue
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(
            one.grad.double(), other.grad, rtol=1e-5, atol=1e-5 * max(1, float(other.grad.abs().max()))
        )


def random_filters(width: int, kernel_size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1000 * kernel_size + width + seed)
    filters = torch.randn(width, 4, kernel_size, generator=generator)
    return filters, torch.randn(width, generator=generator) * kernel_size**0.5


def check_scan(filters: Tensor, threshold: Tensor, rows: Sequence[Codes], mean: bool) -> None:
    codes, lengths = rectangle(rows)
    windows = find_windows(codes, lengths, filters.shape[2])
    compare(filters, threshold, rows, lambda f, t: scan(f, windows, threshold=t), mean)


@WORDS
@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("kernel_size", KERNELS)
def test_scan_is_a_convolution(
    kernel_size: int, mean: bool, word: int, usewords: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    usewords(word)
    monkeypatch.setattr(module, "BLOCK_BYTES", 1 << 15)  # several blocks
    rng = np.random.default_rng([kernel_size, word])
    rows = random_rows(rng, [1, 2, 300, *rng.integers(1, 120, 6).tolist()])
    check_scan(*random_filters(9, kernel_size), rows, mean)


@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("kernel_size", KERNELS)
def test_convolution_path(kernel_size: int, ragged: bool, mean: bool) -> None:
    rng = np.random.default_rng(kernel_size)
    rows = random_rows(rng, [1, 2, 300, *rng.integers(1, 120, 6).tolist()] if ragged else [40] * 5)
    codes, lengths = rectangle(rows)
    real = lengths if ragged else None
    compare(*random_filters(9, kernel_size), rows, lambda f, t: scan_by_convolution(f, codes, real, threshold=t), mean)


def test_winning_windows_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_convolution, "WON_AT_ONCE", 9 * 4 * 11 * 2)  # two sequences
    rows = random_rows(np.random.default_rng(3), [30, 7, 44, 12, 5])
    codes, lengths = rectangle(rows)
    compare(*random_filters(9, 11), rows, lambda f, t: scan_by_convolution(f, codes, lengths, threshold=t), False)


@pytest.mark.parametrize("mean", [False, True])
def test_convolution_under_autocast(mean: bool) -> None:
    """Scores are rounded to 8 bits; the gradient is that of the windows which win then, in float32."""
    rows = random_rows(np.random.default_rng(5), [50] * 8)
    codes, _ = rectangle(rows)
    filters, threshold = random_filters(6, 8)
    filters.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = scan_by_convolution(filters, codes, threshold=threshold if mean else None)
    exact = scan_by_convolution(filters, codes, threshold=threshold if mean else None)
    for one, other in zip(rounded, exact, strict=True):
        if one is not None and other is not None:
            assert one.dtype == torch.float32
            torch.testing.assert_close(one, other, rtol=0.02, atol=0.05)
            assert not torch.equal(one, other)
    rounded.maximum.sum().backward()  # type: ignore[no-untyped-call]
    assert filters.grad is not None
    if not mean:
        assert (filters.grad.sum(1) == 8).all()  # a base or a quarter of each, at every place of eight windows


def test_one_hot_on_the_device() -> None:
    codes = torch.randint(0, 5, (3, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    hot = scan_convolution.one_hot(codes, torch.float32)
    assert np.array_equal(hot.numpy(), np.stack([one_hot(row) for row in codes.numpy()]))


@WORDS
@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("width", [1, 127, 128, 129, 300])
def test_width_across_slices(width: int, mean: bool, word: int, usewords: Callable[[int], None]) -> None:
    usewords(word)
    rng = np.random.default_rng(width)
    check_scan(*random_filters(width, 11), random_rows(rng, [30, 30, 30, 30]), mean)
    check_scan(*random_filters(width, 11), random_rows(rng, [5, 30, 17]), mean)


@WORDS
@pytest.mark.parametrize("mean", [False, True])
def test_repeats(mean: bool, word: int, usewords: Callable[[int], None]) -> None:
    """Ties between windows of the same letters; the gradient is the same whichever wins."""
    usewords(word)
    rows = [np.tile(np.array(unit, dtype=np.uint8), 30)[:61] for unit in ([0], [4], [0, 3], [1, 2, 0], [3, 1, 2, 0, 4])]
    check_scan(*random_filters(6, 10), rows, mean)
    check_scan(*random_filters(6, 10), [row[: 61 - 13 * i] for i, row in enumerate(rows)], mean)


@WORDS
def test_all_n_scores_the_mean_of_each_column(word: int, usewords: Callable[[int], None]) -> None:
    usewords(word)
    filters, _ = random_filters(5, 7)
    windows = find_windows(torch.full((1, 20), N_CODE, dtype=torch.uint8), None, 7)
    torch.testing.assert_close(scan(filters, windows).maximum[0], filters.sum((1, 2)) / 4)


@WORDS
@pytest.mark.parametrize("mean", [False, True])
def test_tied_windows_share_out_the_gradient_once(mean: bool, word: int, usewords: Callable[[int], None]) -> None:
    """All filters 0: every window ties, and each (sequence, filter) gives its gradient to one of them."""
    usewords(word)
    codes, lengths = rectangle(random_rows(np.random.default_rng(1), [3, 50, 20]))
    filters = torch.zeros(4, 4, 9, requires_grad=True)
    pooled = scan(filters, find_windows(codes, lengths, 9), threshold=torch.ones(4) if mean else None)
    up = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    (pooled.maximum * up).sum().backward()  # type: ignore[no-untyped-call]
    assert filters.grad is not None
    torch.testing.assert_close(filters.grad.sum(1), up.sum(0)[:, None].expand(4, 9))


@pytest.mark.parametrize("mean", [False, True])
def test_short_beside_very_long(mean: bool) -> None:
    """A short sequence's mean does not drown in the repeats of its last window."""
    rows = random_rows(np.random.default_rng(5), [20000, 12, 1])
    filters, threshold = random_filters(3, 8)
    codes, lengths = rectangle(rows)
    got = scan(filters, find_windows(codes, lengths, 8), threshold=threshold - 3 if mean else None)
    maximum, average = plain(filters.double(), rows, threshold.double() - 3)
    torch.testing.assert_close(got.maximum.double(), maximum, rtol=1e-5, atol=1e-5)
    if got.average is not None:
        torch.testing.assert_close(got.average.double(), average, rtol=2e-6, atol=1e-6)


def test_bothwords_and_convolution_agree_on_a_full_batch(usewords: Callable[[int], None]) -> None:
    codes, lengths = rectangle(random_rows(np.random.default_rng(2), [101] * 256))
    filters, threshold = random_filters(32, 24)
    by_convolution = scan_by_convolution(filters, codes, lengths, threshold=threshold)
    for word in (3, 4):
        usewords(word)
        windows = find_windows(codes, lengths, 24)
        assert windows.word == word
        assert windows.counts is None
        for one, other in zip(scan(filters, windows, threshold=threshold), by_convolution, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(scan(filters, windows).maximum, by_convolution.maximum, rtol=1e-5, atol=1e-5)


@WORDS
def test_parts_of_a_batch_score_as_the_whole(word: int, usewords: Callable[[int], None]) -> None:
    usewords(word)
    codes, lengths = rectangle(random_rows(np.random.default_rng(3), [9, 30, 4, 22, 30, 1, 17]))
    filters, threshold = random_filters(7, 6)
    windows = find_windows(codes, lengths, 6)
    whole = scan(filters, windows, threshold=threshold)
    for size in (1, 3, 7, 100):
        parts = [
            scan(filters, part, threshold=threshold) for part in window_batches(codes, lengths, 6, size, windows.word)
        ]
        assert torch.equal(torch.cat([part.maximum for part in parts]), whole.maximum)
        averages = [part.average for part in parts if part.average is not None]
        torch.testing.assert_close(torch.cat(averages), whole.average, rtol=1e-6, atol=1e-6)


def test_longwords_from_a_large_batch() -> None:
    codes = torch.zeros(300, 100, dtype=torch.uint8)
    n_windows = 100 + 24 - 1
    small = module.LONG_WORDS_FROM // n_windows
    assert find_windows(codes, None, 24).word == 4
    assert find_windows(codes, None, 24, batch_size=small).word == 3
    assert find_windows(codes[:small], None, 24).word == 3
    assert find_windows(codes, None, 24, batch_size=small + 1).word == 4


@WORDS
@pytest.mark.parametrize("kernel_size", [1, 4, 5, 9])
def test_table_holds_every_word(kernel_size: int, word: int) -> None:
    filters, _ = random_filters(3, kernel_size)
    table = build_table(filters, word)
    n_groups = -(-kernel_size // word)
    assert table.shape == (5**word * n_groups, 3)
    padded = functional.pad(filters, (0, n_groups * word - kernel_size))
    rng = np.random.default_rng(0)
    for bases in rng.integers(0, 5, (20, word)).astype(np.uint8):
        row = int("".join(map(str, bases)), 5)
        hot = torch.from_numpy(one_hot(bases))
        for group in range(n_groups):
            wanted = (padded[:, :, group * word : (group + 1) * word] * hot).sum((1, 2))
            torch.testing.assert_close(table[row * n_groups + group], wanted)


NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, float("inf"), float("-inf"), 1e-42, -1e-42]),
    st.floats(width=32, allow_nan=False),
    st.integers(0, 300).map(lambda steps: -1 + steps * 2.0**-24),
)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 3)).flatmap(
        lambda shape: arrays(np.float32, shape, elements=NUMBERS)
    )
)
def test_best_windows_are_the_first_of_the_largest(values: NDArray[np.float32]) -> None:
    scores = torch.from_numpy(values)
    maximum, position = best_windows(scores)
    assert torch.equal(maximum, scores.amax(1))
    assert np.array_equal(position.numpy(), values.argmax(1))


def test_best_window_of_nan_is_in_range() -> None:
    scores = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0))
    scores[0, 7, 1] = torch.nan
    maximum, position = best_windows(scores)
    assert position[0, 1] == 7
    assert maximum[0, 1].isnan()
    assert maximum.isnan().sum() == 1
    assert position.max() < 50


@pytest.mark.parametrize("mean", [False, True])
def test_no_gradient_wanted(mean: bool) -> None:
    codes, _ = rectangle(random_rows(np.random.default_rng(4), [30, 30]))
    filters, threshold = random_filters(4, 6)
    for part in scan(filters, find_windows(codes, None, 6), threshold=threshold if mean else None):
        assert part is None or not part.requires_grad


def test_threshold_alone_learns() -> None:
    rows = random_rows(np.random.default_rng(6), [30, 12])
    codes, lengths = rectangle(rows)
    filters, threshold = random_filters(4, 6)
    threshold.requires_grad_()
    average = scan(filters, find_windows(codes, lengths, 6), threshold=threshold).average
    assert average is not None
    average.sum().backward()  # type: ignore[no-untyped-call]
    exact = threshold.detach().double().requires_grad_()
    plain(filters.double(), rows, exact)[1].sum().backward()  # type: ignore[no-untyped-call]
    assert threshold.grad is not None
    torch.testing.assert_close(threshold.grad.double(), exact.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mean", [False, True])
def test_convolution_on_a_gpu(mean: bool) -> None:
    from seqcnn.models.device import find

    device = find("cuda")
    rows = random_rows(np.random.default_rng(7), [101] * 16)
    codes, _ = rectangle(rows)

    def run(filters: Tensor, threshold: Tensor | None) -> Pooled:
        on_gpu = None if threshold is None else threshold.to(device)
        pooled = scan_by_convolution(filters.to(device), codes.to(device), threshold=on_gpu)
        return Pooled(pooled.maximum.cpu(), None if pooled.average is None else pooled.average.cpu())

    compare(*random_filters(32, 24), rows, run, mean)
