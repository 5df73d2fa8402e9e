"""The written-out gradient against automatic differentiation and against finite differences."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.models import cpu_step, modelfile, threads
from seqcnn.models.architectures.deepbind import Model, Settings
from seqcnn.models.network import Network, to_tensors
from seqcnn.models.scan import Windows, find_windows
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import from_rows
from seqcnn.training.objectives import Objective
from seqcnn.training.optimiser import AdamW, Rates

NAN = float("nan")
Rows = Sequence[NDArray[np.uint8]]


def make(seed: int = 0, **options: Any) -> Model:
    """Return a network in training with gradients to add to, and thresholds and biases that are not 0."""
    network = Model(Settings(**options))
    reseed(network, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if not network.is_decayed(name):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return network.train()


def reseed(network: Network, seed: int) -> None:
    """Draw the weights at the first call; give every member the same random numbers again at others."""
    if not network.generators:
        network.seed([seed + member for member in range(network.settings.n_members)])
    network.dropout_generators = [np.random.default_rng(seed + i) for i in range(network.settings.n_members)]


def random_rows(seed: int, lengths: Sequence[int]) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return [rng.choice(5, length, p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8) for length in lengths]


def windows_of(network: Model, rows: Rows, word: int) -> Windows:
    codes, lengths = to_tensors(from_rows(rows), torch.device("cpu"))
    return find_windows(codes, lengths, network.settings.kernel_size, word=word)


def gradients(network: Model, windows: Windows, targets: Tensor, loss: Objective, how: Any) -> list[Tensor]:
    """Return the losses and every parameter's gradient, by the step of this class; dropout is the same each time."""
    reseed(network, 5)
    for parameter in network.parameters():
        assert parameter.grad is not None
        parameter.grad.zero_()
    losses = how.add_gradients(network, windows, targets, loss)
    return [losses, *(p.grad.clone() for p in network.parameters() if p.grad is not None)]


def check_same(network: Model, windows: Windows, targets: Tensor, loss: Objective) -> None:
    got = gradients(network, windows, targets, loss, Model)
    assert network._step is not None
    wanted = gradients(network, windows, targets, loss, Network)
    for name, one, other in zip(["loss", *dict(network.named_parameters())], got, wanted, strict=True):
        scale = max(1.0, float(other.abs().max()))
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6 * scale, msg=name)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_the_gradient_is_that_of_automatic_differentiation(data: st.DataObject) -> None:
    task = data.draw(st.sampled_from(["binary", "regression"]))
    n_targets, seed = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 10**6))
    network = make(
        seed,
        n_members=data.draw(st.integers(1, 5)),
        n_filters=data.draw(st.integers(1, 9)),
        kernel_size=data.draw(st.integers(1, 25)),
        hidden=data.draw(st.sampled_from([0, 1, 6])),
        n_targets=n_targets,
        both_strands=data.draw(st.booleans()),
        dropout=data.draw(st.sampled_from([0.0, 0.25, 0.5])),
    )
    n, equal = data.draw(st.integers(1, 9)), data.draw(st.booleans())
    lengths = data.draw(st.lists(st.integers(1, 40), min_size=n, max_size=n))
    windows = windows_of(
        network, random_rows(seed, lengths[:1] * n if equal else lengths), data.draw(st.sampled_from([3, 4]))
    )
    rng = np.random.default_rng(seed)
    complete = data.draw(st.booleans())
    values = rng.choice([0.0, 1.0] if complete else [0.0, 1.0, NAN], (n, n_targets))
    weight = torch.from_numpy(rng.uniform(0.2, 5, n_targets).astype(np.float32)) if data.draw(st.booleans()) else None
    if task == "regression":
        values, weight = values + rng.normal(size=values.shape), None
    with a_way(data.draw(st.sampled_from([1, 1, 2, 3])), wide=data.draw(st.booleans())):
        check_same(network, windows, torch.from_numpy(values.astype(np.float32)), Objective(task, weight, complete))


@contextmanager
def a_way(n_threads: int, *, wide: bool) -> Iterator[None]:
    """Have threads share the members however little there is to do; take the way of wide networks, or of narrow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu_step, "WIDE", 0 if wide else 10**9)
        patch.setattr(cpu_step, "FEW", 1)
        torch.set_num_threads(n_threads)
        try:
            with threads.taken_over():
                yield
        finally:
            torch.set_num_threads(1)


def test_only_wide_networks_take_the_way_of_the_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make(0, n_members=2, n_filters=30, kernel_size=5)
    step = cpu_step.Step(network, strands=2, dropout=False)
    short, long = (windows_of(network, random_rows(0, [length] * 2), 3) for length in (36, 37))
    assert step._is_wide(short)
    assert not step._is_wide(long)
    monkeypatch.setattr(cpu_step, "MOST_BYTES", 2 * 40 * 6 * 4 * 4)
    assert step._is_wide(short)
    monkeypatch.setattr(cpu_step, "MOST_BYTES", 2 * 40 * 6 * 4 * 4 - 1)
    assert not step._is_wide(short)


@pytest.mark.parametrize(
    ("members", "n_threads", "ends"),
    [(1, 2, [1]), (2, 2, [1, 2]), (3, 2, [3]), (6, 3, [2, 4, 6]), (8, 3, [8]), (13, 3, [4, 8, 13]), (2, 1, [2])],
)
def test_threads_share_the_members_where_they_can_evenly(members: int, n_threads: int, ends: list[int]) -> None:
    network = make(0, n_members=members, n_filters=2, kernel_size=5)
    windows = windows_of(network, random_rows(0, [30] * 4), 3)
    step = cpu_step.Step(network, strands=2, dropout=False)
    with a_way(n_threads, wide=False):
        assert [share.stop for share in step._split(windows)] == ends
    torch.set_num_threads(n_threads)
    with threads.taken_over():
        assert step._split(windows) == [slice(0, members)]  # too little to do


@pytest.mark.parametrize("width", [100, 300])
def test_many_filters_and_long_sequences(width: int) -> None:
    """Wide tables are scanned in slices, long sequences in blocks."""
    network = make(2, n_members=1, n_filters=width, kernel_size=11, hidden=4)
    windows = windows_of(network, random_rows(2, [700] * 12), 4)
    check_same(network, windows, torch.ones(12, 1), Objective("binary", None, True))


def plain_loss(
    weights: dict[str, NDArray[np.float64]], rows: Rows, targets: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return each member's cross-entropy, position by position in double precision."""
    base = np.vstack([np.eye(4), np.full(4, 0.25)])
    members, k = len(weights["filters"]), weights["filters"].shape[3]
    out = np.zeros(members)
    for m in range(members):
        for row, target in zip(rows, targets, strict=True):
            scores = []
            for strand in (row, reverse_complement(row)):
                hot = base[np.pad(strand, k - 1, constant_values=4)]
                at = np.lib.stride_tricks.sliding_window_view(hot, k, axis=0)
                best = np.einsum("wck,fck->wf", at, weights["filters"][m]).max(0)
                x = np.maximum(best - weights["threshold"][m], 0)
                x = np.maximum(x @ weights["hidden_weight"][m] + weights["hidden_bias"][m, 0], 0)
                scores.append(x @ weights["output_weight"][m] + weights["output_bias"][m])
            score = np.maximum(*scores)
            out[m] += (np.logaddexp(0, score) - target * score).sum()
    return out / targets.size


def test_the_gradient_by_finite_differences() -> None:
    network = make(7, n_members=2, n_filters=3, kernel_size=4, hidden=3, n_targets=2)
    rows = random_rows(7, [12, 9, 15, 6])
    targets = np.array([[0, 1], [1, 1], [0, 0], [1, 0]], dtype=np.float64)
    loss = Objective("binary", None, True)
    got = gradients(network, windows_of(network, rows, 3), torch.from_numpy(targets).float(), loss, Model)
    weights = {name: value.detach().numpy().astype(np.float64) for name, value in network.named_parameters()}
    np.testing.assert_allclose(got[0].numpy(), plain_loss(weights, rows, targets), rtol=1e-6)
    for (name, value), gradient in zip(weights.items(), got[1:], strict=True):
        assert gradient.any(), name
        for place in np.ndindex(value.shape):
            kept = value[place]
            ends = []
            for step in (1e-6, -1e-6):
                value[place] = kept + step
                ends.append(plain_loss(weights, rows, targets)[place[0]])
            value[place] = kept
            assert float(gradient[place]) == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-6), (name, place)


def test_palindromes() -> None:
    """Both strands are the same sequence: either has the whole gradient."""
    halves = random_rows(3, [10, 7, 15, 1])
    rows = [np.concatenate([half, reverse_complement(half)]) for half in halves]
    for kernel_size in (1, 6, 13):
        network = make(4, n_members=2, n_filters=5, kernel_size=kernel_size, hidden=4)
        for word in (3, 4):
            check_same(
                network, windows_of(network, rows, word), torch.tensor([[0.0], [1], [1], [0]]), Objective("binary")
            )


def test_the_forward_strand_has_the_gradient_where_both_score_the_same() -> None:
    network = make(4, n_members=2, n_filters=5, hidden=3)
    step = cpu_step.Step(network, strands=2, dropout=False)
    strand = np.random.default_rng(0).random((2, 6, 1, 5)).astype(np.float32)
    both = np.repeat(strand, 2, axis=2).reshape(2, 12, 5)
    scores = both @ step.output_weight[:, :3].repeat(2, axis=1)[:, :5]
    _, of_scores = step._through_loss(scores, np.zeros((6, 1), dtype=np.float32), Objective("binary").with_gradient)
    of_strands = of_scores.reshape(2, 6, 2, 1)
    assert of_strands[:, :, 0].all()
    assert not of_strands[:, :, 1].any()


def test_gradients_add_up() -> None:
    """As of several batches before one step."""
    network, loss = make(1, n_members=2, kernel_size=7), Objective("binary")
    windows, targets = windows_of(network, random_rows(1, [20] * 4), 3), torch.tensor([[0.0], [1], [1], [0]])
    once = gradients(network, windows, targets, loss, Model)[1:]
    network.add_gradients(windows, targets, loss)
    for parameter, gradient in zip(network.parameters(), once, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, 2 * gradient)


def test_a_loss_that_is_not_finite_is_returned_without_a_warning() -> None:
    """The fit says so."""
    network = make(1, n_members=2, kernel_size=7)
    windows = windows_of(network, random_rows(1, [20] * 2), 3)
    for value in (NAN, float("inf"), 3e38):
        with torch.no_grad():
            network.output_weight[0] = value
        for task in ("binary", "regression"):
            losses = network.add_gradients(windows, torch.tensor([[0.0], [1]]), Objective(task))
            assert not losses[0].isfinite()
            assert losses[1].isfinite()


class Train:
    """A few steps on the same small batch."""

    def __init__(self, network: Model) -> None:
        self.rows = random_rows(9, [30] * 16)
        self.targets = torch.tensor([[0.0], [1]] * 8)
        self.network = network

    def __call__(self, steps: int = 3) -> list[float]:
        """Train with a new optimiser; return the first member's losses."""
        network = self.network.train()
        optimiser = AdamW(network, [Rates(0.01)] * network.settings.n_members, 100, "constant")
        seen = []
        for _ in range(steps):
            windows = windows_of(network, self.rows, 3)
            seen.append(float(network.add_gradients(windows, self.targets, Objective("binary"))[0]))
            optimiser.step()
        return seen


def test_a_new_optimiser_moves_the_memory() -> None:
    network = make(6, n_members=2, n_filters=6, kernel_size=8)
    first = Train(network)()
    second = Train(network)()
    assert first[0] > first[-1] > second[0] > second[-1]
    windows = windows_of(network, random_rows(1, [20] * 4), 3)
    check_same(network, windows, torch.tensor([[0.0], [1], [1], [0]]), Objective("binary"))


def test_a_copy_of_a_trained_network_trains_by_itself() -> None:
    network = make(6, n_members=2, n_filters=6, kernel_size=8)
    Train(network)()
    twin = copy.deepcopy(network)
    assert network._step is not None
    assert twin._step is None, "its arrays would be taken for the copy's, should that come to lie at the same address"
    assert "_step" not in network.state_dict()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    losses = Train(twin)()
    assert losses[-1] < losses[0]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert losses == Train(network)()


def test_loaded_weights_are_trained_on() -> None:
    network, other = (make(seed, n_members=2, n_filters=6, kernel_size=8) for seed in (6, 7))
    Train(network)(), Train(other)()
    other.load_state_dict(network.state_dict())
    assert Train(other)() == Train(network)()


def test_a_trained_network_is_saved_and_loaded(tmp_path: Path) -> None:
    network = make(6, n_members=2, n_filters=6, kernel_size=8)
    Train(network)()
    modelfile.save(modelfile.Model(network.eval(), "deepbind", "dna", "binary", ("t",), None, {}), tmp_path / "m")
    loaded = modelfile.load(tmp_path / "m").network
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert isinstance(loaded, Model)
    assert Train(loaded.requires_grad_())() == Train(network)()


@pytest.mark.parametrize("why", ["evaluation", "averages", "no gradient"])
def test_where_the_step_does_not_serve(why: str) -> None:
    """Then the gradient is that of automatic differentiation; no dropout in evaluation."""
    pooling = "max-average" if why == "averages" else "max"
    network = make(3, n_members=2, kernel_size=7, dropout=0.5, pooling=pooling)
    network.train(why != "evaluation")
    windows, targets = windows_of(network, random_rows(1, [20] * 4), 3), torch.tensor([[0.0], [1], [1], [0]])
    wanted = gradients(network, windows, targets, Objective("binary"), Network)
    if why == "no gradient":
        network.zero_grad(set_to_none=True)
        reseed(network, 5)
        got = [network.add_gradients(windows, targets, Objective("binary"))]
        got += [p.grad for p in network.parameters() if p.grad is not None]
    else:
        got = gradients(network, windows, targets, Objective("binary"), Model)
    assert network._step is None
    assert all(map(torch.equal, got, wanted))
