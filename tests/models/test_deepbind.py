"""DeepBind with members, against one plain float64 network a member."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seqcnn.errors import UsageError
from seqcnn.models import scan as scan_module
from seqcnn.models.architectures.deepbind import Model, Settings
from seqcnn.models.predict import member_scores
from seqcnn.sequence.alphabet import N_CODE, one_hot, reverse_complement
from seqcnn.sequence.ragged import from_rows

Codes = NDArray[np.uint8]


def random_rows(seed: int, lengths: Sequence[int]) -> list[Codes]:
    rng = np.random.default_rng(seed)
    return [rng.choice(5, length, p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8) for length in lengths]


def to_inputs(rows: Sequence[Codes]) -> tuple[Tensor, Tensor | None]:
    lengths = [len(row) for row in rows]
    codes = np.full((len(rows), max(lengths)), N_CODE, dtype=np.uint8)
    for i, row in enumerate(rows):
        codes[i, : len(row)] = row
    return torch.from_numpy(codes), None if len(set(lengths)) == 1 else torch.tensor(lengths)


def make(seed: int = 0, **options: Any) -> Model:
    """Return a network whose biases and thresholds are not 0 either."""
    network = Model(Settings(**options))
    network.seed([seed + member for member in range(network.settings.n_members)])
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if not network.is_decayed(name):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return network


def score(network: Model, rows: Sequence[Codes]) -> Tensor:
    return torch.cat(list(score_inputs(network, rows)), dim=1)


def score_inputs(network: Model, rows: Sequence[Codes]) -> list[Tensor]:
    return [network(inputs) for inputs in network.prepare(*to_inputs(rows), len(rows))]


def plain_strand(weights: dict[str, Tensor], member: int, row: Codes, pooling: str) -> Tensor:
    """Score one strand of one sequence by one member, shape (n_targets,)."""
    filters, threshold = weights["filters"][member], weights["threshold"][member]
    beyond = filters.shape[2] - 1
    hot = torch.from_numpy(one_hot(np.pad(row, beyond, constant_values=N_CODE))).to(filters.dtype)
    active = functional.relu(functional.conv1d(hot[None], filters)[0] - threshold[:, None])
    x = active.max(1).values
    if pooling == "max-average":
        x = torch.cat([x, active.mean(1)])
    if "hidden_weight" in weights:
        x = functional.relu(x @ weights["hidden_weight"][member] + weights["hidden_bias"][member, 0])
    return x @ weights["output_weight"][member] + weights["output_bias"][member]


def plain(weights: dict[str, Tensor], rows: Sequence[Codes], settings: Settings) -> Tensor:
    members = []
    for member in range(settings.n_members):
        scores = []
        for row in rows:
            one = plain_strand(weights, member, row, settings.pooling)
            if settings.both_strands:
                one = torch.maximum(one, plain_strand(weights, member, reverse_complement(row), settings.pooling))
            scores.append(one)
        members.append(torch.stack(scores))
    return torch.stack(members)


SHAPES: list[dict[str, Any]] = [
    {"n_members": 1, "n_filters": 5, "kernel_size": 11, "hidden": 0},
    {"n_members": 3, "n_filters": 4, "kernel_size": 7, "hidden": 6},
    {"n_members": 3, "n_filters": 4, "kernel_size": 10, "hidden": 6, "n_targets": 2},
    {"n_members": 9, "n_filters": 8, "kernel_size": 5, "hidden": 3},  # both strands: 144 filters, two slices
]


@pytest.mark.parametrize("pooling", ["max", "max-average"])
@pytest.mark.parametrize("both_strands", [False, True])
@pytest.mark.parametrize("shape", range(len(SHAPES)))
@pytest.mark.parametrize(("path", "word"), [("look-up", 3), ("look-up", 4), ("convolution", 0)])
def test_scores_and_gradients(
    path: str, word: int, shape: int, both_strands: bool, pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_module, "LONG_WORDS_FROM", 0 if word == 4 else 1 << 60)
    network = make(shape, **SHAPES[shape], both_strands=both_strands, pooling=pooling)
    weights = {name: value.detach().double().requires_grad_() for name, value in network.named_parameters()}
    for lengths in ([25, 25, 25], [1, 60, 24, 7]):
        rows = random_rows(len(lengths), lengths)
        wanted = plain(weights, rows, network.settings)
        got = network(to_inputs(rows)) if path == "convolution" else score(network, rows)
        torch.testing.assert_close(got.double(), wanted, rtol=1e-5, atol=1e-5)
        up = torch.randn(got.shape, generator=torch.Generator().manual_seed(1))
        (got * up).sum().backward()  # type: ignore[no-untyped-call]
        (wanted * up).sum().backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        exact = weights[name].grad
        assert parameter.grad is not None
        assert exact is not None
        torch.testing.assert_close(parameter.grad.double(), exact, rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.parametrize("pooling", ["max", "max-average"])
@pytest.mark.parametrize("training", [False, True])
def test_both_strands_give_one_score(pooling: str, training: bool) -> None:
    """In training too: both strands lose the same features."""
    network = make(3, n_members=2, n_filters=6, kernel_size=9, n_targets=2, pooling=pooling, dropout=0.5)
    network.train(training)
    rows = random_rows(0, [40, 12, 33, 5])
    other = [reverse_complement(row) for row in rows]
    with torch.no_grad():
        network.dropout_generators = [np.random.default_rng(i) for i in range(2)]
        one = score(network, rows)
        network.dropout_generators = [np.random.default_rng(i) for i in range(2)]
        torch.testing.assert_close(score(network, other), one, rtol=1e-6, atol=1e-6)


def test_one_strand_tells_strands_apart() -> None:
    network = make(3, n_filters=6, kernel_size=9, both_strands=False)
    rows = random_rows(0, [40, 12])
    assert not torch.allclose(score(network, rows), score(network, [reverse_complement(row) for row in rows]))


def test_dropout() -> None:
    """None in evaluation; in training the mean over draws is the score without it (the head is linear)."""
    network = make(5, n_members=2, n_filters=6, kernel_size=5, hidden=0, both_strands=False, dropout=0.4)
    rows = random_rows(1, [30] * 4)
    with torch.no_grad():
        network.eval()
        wanted = score(network, rows)
        assert torch.equal(score(network, rows), wanted)
        network.train()
        draws = torch.stack([score(network, rows) for _ in range(600)])
    assert not torch.equal(draws[0], draws[1])
    error = draws.std(0) / len(draws) ** 0.5
    assert bool(((draws.mean(0) - wanted).abs() < 5 * error).all())


def test_dropout_without_a_generator_is_not_needed_in_evaluation() -> None:
    network = Model(Settings(n_filters=2, kernel_size=3, dropout=0.5)).eval()
    with torch.no_grad():
        network.filters.fill_(0.1)
        network.hidden_weight.fill_(0.1)
        network.output_weight.fill_(0.1)
    assert score(network, random_rows(0, [9])).shape == (1, 1, 1)


def test_initial_weights() -> None:
    options: dict[str, Any] = {"n_filters": 8, "kernel_size": 6, "hidden": 5, "dropout": 0.1}
    network = make(0, n_members=3, **options)
    network.seed([4, 5, 6])
    alone = make(9, n_members=1, **options)
    alone.seed([5])
    for (name, many), one in zip(network.named_parameters(), alone.parameters(), strict=True):
        assert torch.equal(many[1], one[0]), name
        if not network.is_decayed(name):
            assert not many.any(), name  # of an earlier training nothing is left
    for weight, inputs in ((network.filters, 24), (network.hidden_weight, 8), (network.output_weight, 5)):
        assert weight.abs().max() <= inputs**-0.5
        assert weight.abs().max() > 0.5 * inputs**-0.5
        assert not torch.equal(weight[0], weight[1])
    assert torch.equal(network.draw(3)[1], alone.draw(3)[0])


@pytest.mark.parametrize("hidden", [0, 7])
@pytest.mark.parametrize("pooling", ["max", "max-average"])
def test_number_of_parameters(pooling: str, hidden: int) -> None:
    network = Model(Settings(n_members=3, n_targets=2, n_filters=4, kernel_size=6, hidden=hidden, pooling=pooling))
    features = 8 if pooling == "max-average" else 4
    head = features * hidden + hidden + hidden * 2 + 2 if hidden else features * 2 + 2
    assert network.n_parameters == 4 * 4 * 6 + 4 + head


def test_decay_is_for_weights() -> None:
    network = Model(Settings())
    decayed = {name for name, _ in network.named_parameters() if network.is_decayed(name)}
    assert decayed == {"filters", "hidden_weight", "output_weight"}


def test_batches() -> None:
    network = make(1, n_filters=3, kernel_size=4)
    rows = random_rows(2, [20] * 10)
    parts = list(network.prepare(*to_inputs(rows), 4))
    scores = [network(part) for part in parts]
    assert [part.shape[1] for part in scores] == [4, 4, 2]
    torch.testing.assert_close(torch.cat(scores, dim=1), score(network, rows), rtol=1e-6, atol=1e-6)


def test_rescale_is_linear_in_the_score() -> None:
    network = make(2, n_members=2, n_targets=2, n_filters=3, kernel_size=4)
    rows = random_rows(2, [20] * 5)
    before = score(network, rows)
    scale, shift = torch.tensor([3.0, 0.5]), torch.tensor([-1.0, 10.0])
    network.rescale(scale, shift)
    torch.testing.assert_close(score(network, rows), before * scale + shift, rtol=1e-5, atol=1e-5)


def test_unknown_pooling() -> None:
    with pytest.raises(UsageError, match=r"'mean' is unknown; there are: max, max-average"):
        Model(Settings(pooling="mean"))


def test_what_was_prepared_for_predictions_is_forgotten() -> None:
    """A training step on the CPU writes to the weights' memory, which no version number tells of."""
    network = make(dropout=0.0).eval()
    rows = from_rows(np.random.default_rng(0).integers(0, 5, (20, 40)).astype(np.uint8))
    member_scores(network, rows)
    network.train()
    network.filters.detach().numpy()[:] *= 2
    network.eval()
    twin = copy.deepcopy(network)
    np.testing.assert_array_equal(member_scores(network, rows), member_scores(twin, rows))
    with torch.no_grad():
        network.filters.mul_(2)
    np.testing.assert_array_equal(member_scores(network, rows), member_scores(copy.deepcopy(network), rows))
