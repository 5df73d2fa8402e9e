"""U-Net: scores of bases, and what is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.interpret import mutagenesis
from seqcnn.models import architectures
from seqcnn.models.bases import base_scores, check, member_base_scores
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network, to_tensors
from seqcnn.models.predict import member_scores
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows
from tests.models.test_deep import WAYS, close, make, sequences, without_shortcut


def bases(network: Network, rows: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
    """Return scores of bases, shape (n_members, length, n_targets), of each sequence."""
    found = member_base_scores(network, from_rows(rows))
    return np.split(found, np.cumsum([len(row) for row in rows])[:-1], axis=1)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way['strands']} {way.get('padding', 'N')}")
def test_bases_of_both_strands_and_beside_longer_ones(way: dict[str, Any]) -> None:
    """The reverse complement's bases score the same, backwards; and those of a sequence by itself."""
    network = make("unet", n_levels=2, **way)
    rows = [*sequences([9, 80, 31, 14, 3]), *sequences([25], letters=5)]
    found = bases(network, rows)
    for row, here, back, alone in zip(
        rows,
        found,
        bases(network, [reverse_complement(row) for row in rows]),
        [bases(network, [row])[0] for row in rows],
        strict=True,
    ):
        assert here.shape == (2, len(row), 2)
        close(back[:, ::-1], here)
        close(alone, here)
    assert max(each.std(1).max() for each in found) > 0


@pytest.mark.parametrize("way", [WAYS[0], {"strands": "best", "hidden": 0}, {"strands": "equivariant"}])
def test_a_sequence_scores_as_its_best_base(way: dict[str, Any]) -> None:
    network = make("unet", pooling="max", **way)
    rows = sequences([40, 23, 5])
    close(np.stack([each.max(1) for each in bases(network, rows)], axis=1), member_scores(network, from_rows(rows)))


@pytest.mark.parametrize("pooling", ["max", "average", "both", "attention"])
def test_rescaled_bases_and_sequences(pooling: str) -> None:
    network = make("unet", pooling=pooling, strands="mean")
    rows = from_rows(sequences([40, 23]))
    before = member_scores(network, rows), member_base_scores(network, rows)
    scale, shift = torch.tensor([2.0, 0.5]), torch.tensor([1.0, -3.0])
    if pooling == "attention":
        scale = torch.tensor([2.0, 2.0])  # what weighs bases is a mixture of the targets' scores
    network.rescale(scale, shift)
    for found, was in zip((member_scores(network, rows), member_base_scores(network, rows)), before, strict=True):
        close(found, was * scale.numpy() + shift.numpy())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way['strands']} {way.get('padding', 'N')}")
@pytest.mark.parametrize("n_levels", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_mutate_is_brute_force_in_every_way(way: dict[str, Any], n_levels: int) -> None:
    network = make("unet", n_levels=n_levels, n_targets=1, **way).requires_grad_(False)
    rows = from_rows(sequences([45, 30] if n_levels == 3 else [26], seed=n_levels))
    found, wanted = mutagenesis.substitutions(network, rows), without_shortcut(network, rows)
    scale = float(np.abs(wanted.reference).max())
    np.testing.assert_allclose(found.change, wanted.change, atol=1e-5 * scale, rtol=0)


def test_a_base_sees_no_further_than_its_field() -> None:
    network = make("unet", n_levels=2, both_strands=False, padding="same", batch_norm=False)
    field = network.receptive_field
    assert field is not None
    (row,) = sequences([4 * field])
    other = row.copy()
    other[: 2 * field - field] = 3 - other[: 2 * field - field]
    here, there = bases(network, [row])[0], bases(network, [other])[0]
    np.testing.assert_allclose(here[:, 2 * field :], there[:, 2 * field :], atol=1e-6)
    assert np.abs(here - there)[:, : field + 5].max() > 1e-3


def test_training_gives_the_bases_and_drops_the_same_on_both_strands() -> None:
    network = make("unet", dropout=0.5, n_targets=1)
    inputs = to_tensors(from_rows(sequences([20, 31])), torch.device("cpu"))
    network.per_base = True
    assert network(inputs).shape == (2, 2, 1)
    network.train()
    assert network(inputs).shape == (2, 2, 31)
    network.per_base = False
    assert network(inputs).shape == (2, 2, 1)


def test_means_and_members() -> None:
    network = make("unet", n_members=3)
    rows = from_rows(sequences([20, 31]))
    each = member_base_scores(network, rows)
    np.testing.assert_allclose(base_scores(network, rows), each.mean(0), atol=1e-6)
    np.testing.assert_allclose(member_base_scores(network.members([2]), rows)[0], each[2], atol=1e-5)
    empty = Ragged(rows.data, np.array([0, 0, 20, 20, 51]))
    np.testing.assert_allclose(member_base_scores(network, empty), each, atol=1e-5)


def test_others_have_no_scores_of_bases() -> None:
    network = make("resnet")
    with pytest.raises(UsageError, match="scores whole sequences, not their bases"):
        network.score_bases(None)
    with pytest.raises(UsageError, match="--per-base: m is of the architecture resnet, which scores whole sequences"):
        check(Model(network, "resnet", "dna", "binary", ("a", "b"), None, {}), "m")
    assert [name for name in architectures.names() if architectures.gives_bases(name)] == ["unet"]


def test_even_detectors_have_no_middle_base() -> None:
    with pytest.raises(UsageError, match="unet needs an odd --kernel-size"):
        make("unet", strands="equivariant", kernel_size=8)
    settings = make("unet", kernel_size=8).settings
    assert replace(settings, strands="mean").kernel_size == 8
