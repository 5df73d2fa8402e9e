"""Scores of many sequences do not depend on how they are brought together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqcnn.models import architectures, scan
from seqcnn.models import network as network_module
from seqcnn.models import predict as predict_module
from seqcnn.models.network import Network, to_tensors
from seqcnn.models.predict import member_scores, predict
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows


def random_sequences(seed: int, lengths: NDArray[np.integer] | list[int]) -> Ragged:
    rng = np.random.default_rng(seed)
    return from_rows(rng.choice(5, length, p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8) for length in lengths)


@pytest.fixture(params=["max", "max-average"])
def network(request: pytest.FixtureRequest) -> Network:
    options = {"n_members": 3, "n_targets": 2, "n_filters": 6, "kernel_size": 10, "pooling": request.param}
    network = architectures.create("deepbind", options)
    network.seed([1, 2, 3])
    return network.eval()


@pytest.mark.parametrize("ragged", [False, True])
def test_batch_size_does_not_matter(network: Network, ragged: bool) -> None:
    """Bit for bit."""
    lengths = np.random.default_rng(0).integers(1, 90, 530) if ragged else np.full(530, 80)
    sequences = random_sequences(0, lengths)
    scores = member_scores(network, sequences)
    assert scores.shape == (3, 530, 2)
    assert scores.dtype == np.float32
    for size in (1, 7, 512):
        np.testing.assert_array_equal(member_scores(network, sequences, size), scores)


def test_order_does_not_matter(network: Network) -> None:
    sequences = random_sequences(1, np.random.default_rng(1).integers(1, 60, 50))
    order = np.random.default_rng(2).permutation(50)
    np.testing.assert_array_equal(
        member_scores(network, sequences.take(order), 8), member_scores(network, sequences, 8)[:, order]
    )


def test_threads_do_not_matter(network: Network) -> None:
    sequences = random_sequences(8, np.random.default_rng(1).integers(1, 60, 200))
    wanted = member_scores(network, sequences, 8)
    torch.set_num_threads(2)
    np.testing.assert_array_equal(member_scores(network, sequences, 8), wanted)
    assert torch.get_num_threads() == 2


def test_neighbours_do_not_matter(network: Network) -> None:
    """Not even a very long one."""
    sequences = random_sequences(9, [30, 7, 5000, 12])
    alone = [member_scores(network, sequences.slice(i, i + 1)) for i in range(4)]
    np.testing.assert_array_equal(member_scores(network, sequences), np.concatenate(alone, axis=1))


def test_both_strands_give_one_score(network: Network) -> None:
    sequences = random_sequences(3, [30, 50, 12, 1])
    other = from_rows(reverse_complement(row) for row in sequences)
    np.testing.assert_allclose(member_scores(network, sequences), member_scores(network, other), atol=1e-6)


def test_the_mean_over_members(network: Network) -> None:
    sequences = random_sequences(4, [30, 50, 12])
    np.testing.assert_allclose(predict(network, sequences), member_scores(network, sequences).mean(0), atol=1e-6)


def test_a_sequence_without_a_letter_has_no_score(network: Network) -> None:
    sequences = random_sequences(4, [30, 0, 50, 12, 0])
    scores = predict(network, sequences)
    assert np.isnan(scores).all(1).tolist() == [False, True, False, False, True]
    there = sequences.take(np.array([0, 2, 3]))
    np.testing.assert_allclose(scores[[0, 2, 3]], predict(network, there), atol=1e-6)
    assert np.isnan(predict(network, random_sequences(0, [0, 0]))).all()


def test_empty_sequences_are_refused_where_every_row_needs_a_score(network: Network) -> None:
    for lengths in ([30, 0, 50], [0, 0]):
        with pytest.raises(ValueError, match=f"sequence {lengths.index(0) + 1} is empty"):
            member_scores(network, random_sequences(0, lengths))


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("lengths", [[40] * 300, [1, 700, 3, 40, 40, 40, 900, 2] * 20])
def test_every_row_is_in_one_batch(
    network: Network, lengths: list[int], n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few letters a batch may have."""
    sequences = random_sequences(2, lengths)
    wanted = member_scores(network, sequences)
    torch.set_num_threads(n_threads)
    for letters in (1, 100, 1000):
        monkeypatch.setattr(network_module, "LETTERS_AT_ONCE", letters)
        batches = list(predict_module.batches_of(sequences.lengths, None, letters))
        rows = [np.arange(len(lengths))[rows] for rows in batches]
        assert sorted(np.concatenate(rows).tolist()) == list(range(len(lengths)))
        assert all(len(part) == 1 or len(part) * sequences.lengths[part].max() <= letters for part in rows)
        np.testing.assert_array_equal(member_scores(network, sequences), wanted)


def test_a_gpu_scores_fewer_of_wider_networks_at_a_time() -> None:
    """It holds the scores of all windows of a batch at once."""
    usual = network_module.LETTERS_AT_ONCE
    for n_members, n_filters in ((1, 16), (4, 64), (30, 64)):
        network = architectures.create("deepbind", {"n_members": n_members, "n_filters": n_filters})
        assert network.letters_at_once == usual
        width = 2 * n_members * n_filters
        assert network.to("meta").letters_at_once == min(usual, (1 << 28) // (4 * width))
    assert network.letters_at_once < usual


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 9, 10, 11, 59, 60, 61, 1000])
def test_threads_get_equally_many_batches(n: int, n_threads: int) -> None:
    torch.set_num_threads(n_threads)
    lengths = np.full(n, 10)
    letters = predict_module._even_share(lengths, 100)
    sizes = [len(lengths[rows]) for rows in predict_module.batches_of(lengths, None, letters)]
    assert sum(sizes) == n
    assert max(sizes) <= 10
    if n > 10:
        busiest = max(sum(sizes[thread::n_threads]) for thread in range(n_threads))
        assert busiest <= n / n_threads + 10


def test_an_error_in_a_thread_is_raised(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("too long")

    monkeypatch.setattr(type(network), "score", fail)
    torch.set_num_threads(2)
    with pytest.raises(MemoryError, match="too long"):
        member_scores(network, random_sequences(0, [30] * 20), 4)
    assert torch.get_num_threads() == 2


def test_no_sequences(network: Network) -> None:
    assert member_scores(network, from_rows([])).shape == (3, 0, 2)
    assert predict(network, from_rows([])).shape == (0, 2)


def test_predicting_first_does_not_spoil_training(network: Network) -> None:
    """What predictions leave in a cache can be trained with."""
    sequences = random_sequences(5, [40] * 8)
    scan.words.cache_clear()
    member_scores(network, sequences)
    for inputs in network.prepare(*to_tensors(sequences, torch.device("cpu")), 8):
        network(inputs).sum().backward()
    assert network.output_bias.grad is not None


@pytest.mark.parametrize("lengths", [[40] * 8, [40, 3, 20]])
def test_sequences_that_cannot_be_written_to(network: Network, lengths: list[int]) -> None:
    """Codes straight from a file's bytes; the library warns of such arrays."""
    sequences = random_sequences(6, lengths)
    wanted = member_scores(network, sequences)
    sequences.data.flags.writeable = False
    np.testing.assert_array_equal(member_scores(network, sequences), wanted)


def test_scores_do_not_learn(network: Network) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    member_scores(network, random_sequences(7, [30, 30]))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
