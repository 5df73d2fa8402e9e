"""Features of sequences: the last layer makes the score of them, on any strand, by any rule, of any architecture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcnn.api.predictor import Predictor
from seqcnn.errors import UsageError
from seqcnn.models import architectures, catalogue
from seqcnn.models.embedding import embed, feature_names, joined
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.sequence.alphabet import reverse_complement
from seqcnn.sequence.ragged import Ragged, encode_all, from_rows

NAMES = catalogue.trainable()


def network(name: str, seed: int = 0, **settings: object) -> Network:
    shape = {"n_members": 2, "n_filters": 4, "kernel_size": 5, "hidden": 3, **settings}
    made = architectures.create(name, shape)
    made.seed(range(seed, seed + made.settings.n_members))
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in (made.output_weight, made.output_bias):
            parameter.copy_(torch.randn(parameter.shape))
    return made.eval().requires_grad_(False)


def sequences(lengths: list[int], seed: int = 0) -> Ragged:
    rng = np.random.default_rng(seed)
    return from_rows([rng.integers(0, 5, length, dtype=np.uint8) for length in lengths])


def last_layer(made: Network, features: np.ndarray, member: int) -> np.ndarray:
    weight, bias = made.output_weight[member].numpy(), made.output_bias[member].numpy()
    return features @ weight + bias


@pytest.mark.parametrize("strands", ["best", "mean", "equivariant"])
@pytest.mark.parametrize("name", NAMES)
def test_the_last_layer_makes_the_score_of_them(name: str, strands: str) -> None:
    if name == "deepbind" and strands != "best":
        pytest.skip("deepbind takes the better strand")
    made = network(name, strands=strands)
    given = sequences([30, 12, 30, 25])
    parts = embed(made, given)
    scores = member_scores(made, given)
    for member, features in enumerate(parts):
        assert features.shape == (4, made.output_weight.shape[1])
        np.testing.assert_allclose(last_layer(made, features, member), scores[member], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_both_strands_have_the_same_and_batches_do_not_matter(name: str) -> None:
    made = network(name, strands="best", n_targets=2)
    given = sequences([20, 33, 20, 41])
    other = from_rows([reverse_complement(row) for row in given])
    for layer in ("last", "pooled"):
        one = np.stack(embed(made, given, layer))
        np.testing.assert_allclose(np.stack(embed(made, other, layer)), one, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(np.stack(embed(made, given, layer, batch_size=1)), one, rtol=1e-4, atol=1e-5)
        assert one.std() > 0


def test_pooled_features_are_the_activations() -> None:
    made = network("deepbind", both_strands=False, n_members=1, pooling="max-average")
    given = sequences([40])
    (features,) = embed(made, given, "pooled")
    codes = np.concatenate([np.full(4, 4), given[0], np.full(4, 4)])
    hot = np.where(codes == 4, 0.25, codes == np.arange(4)[:, None])
    windows = np.lib.stride_tricks.sliding_window_view(hot, 5, axis=1)  # (4, n_windows, k)
    active = np.einsum("fbk,bwk->fw", made.filters[0].numpy(), windows) - made.threshold[0].numpy()[:, None]
    active = np.maximum(active, 0)
    np.testing.assert_allclose(features[0], np.concatenate([active.max(1), active.mean(1)]), rtol=1e-5, atol=1e-6)


def test_without_a_hidden_layer_both_layers_are_one() -> None:
    made = network("deepbind", hidden=0)
    given = sequences([30, 9])
    np.testing.assert_allclose(embed(made, given, "last"), embed(made, given, "pooled"), rtol=1e-6)


def test_the_window_rule_takes_the_best_window() -> None:
    """Each member has a window of its own; a shorter sequence is taken whole."""
    made = network("deepbind", kernel_size=7)
    given = sequences([30, 5, 22, 7])
    given.data[given.data == 4] = 0
    made.rule = "window"
    parts = embed(made, given)
    scores = member_scores(made, given)
    for member, features in enumerate(parts):
        np.testing.assert_allclose(last_layer(made, features, member), scores[member], rtol=1e-4, atol=1e-5)
    made.rule = "whole"
    windows = from_rows([given[0][i : i + 7] for i in range(24)])
    of_windows = embed(made, windows)
    for member in range(2):
        best = member_scores(made, windows)[member, :, 0].argmax()
        np.testing.assert_allclose(parts[member][0], of_windows[member][best], rtol=1e-5, atol=1e-6)


def collection() -> Network:
    shapes = [{"n_filters": 4, "kernel_size": 5, "hidden": 0}, {"n_filters": 2, "kernel_size": 7, "hidden": 3}]
    groups = [
        {"targets": targets, "both_strands": True, "pooling": "max", **shape}
        for targets, shape in zip(([0, 2], [1]), shapes, strict=True)
    ]
    made = architectures.create("collection", {"n_targets": 3, "groups": groups})
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return made.eval().requires_grad_(False)


@pytest.mark.parametrize("rule", ["whole", "window"])
def test_networks_of_a_collection_stand_side_by_side(rule: str) -> None:
    made = collection()
    made.rule = rule
    given = sequences([30, 21])
    parts = embed(made, given)
    assert [part.shape[1] for part in parts] == [4, 3, 4]
    for target in range(3):
        (own,) = embed(made.single(target), given)
        np.testing.assert_allclose(parts[target], own, rtol=1e-5, atol=1e-6)
    model = Model(made, "collection", "dna", "binary", ("A", "B", "C"), None, {})
    assert feature_names(model, parts, "concatenate")[3:6] == ["A_f3", "B_f0", "B_f1"]
    with pytest.raises(UsageError, match="different shapes have no mean"):
        joined(parts, "mean")


def test_members_are_joined() -> None:
    made = network("deepbind")
    parts = embed(made, sequences([30, 21]))
    model = Model(made, "deepbind", "dna", "binary", ("t",), None, {})
    assert joined(parts, "concatenate").shape == (2, 6)
    np.testing.assert_allclose(joined(parts, "mean"), (parts[0] + parts[1]) / 2, rtol=1e-6)
    assert feature_names(model, parts, "concatenate") == ["m0_f0", "m0_f1", "m0_f2", "m1_f0", "m1_f1", "m1_f2"]
    assert feature_names(model, parts, "mean") == ["f0", "f1", "f2"]


def test_from_python() -> None:
    made = network("deepbind")
    predictor = Predictor(Model(made, "deepbind", "dna", "binary", ("t",), None, {}))
    wanted = embed(made, encode_all(["ACGTAGGA", "", "GATTACA"]), "pooled")
    found = predictor.embed(["acgtagga", "", "GATTACA"], layer="pooled", ensemble="mean")
    np.testing.assert_array_equal(found, joined(wanted, "mean"))
    assert predictor.embed(["GATTACA"]).shape == (1, 6)
    with pytest.raises(TypeError, match="sequences is one string"):
        predictor.embed("GATTACA")


def test_sequences_without_a_letter() -> None:
    made = network("deepbind")
    parts = embed(made, sequences([0, 21, 0]))
    assert np.isnan(parts[1][[0, 2]]).all()
    assert not np.isnan(parts[1][1]).any()
    assert np.isnan(embed(made, sequences([0]))[0]).all()
    assert embed(made, sequences([]))[0].shape == (0, 3)


def test_what_is_not_there() -> None:
    made = network("deepbind")
    with pytest.raises(UsageError, match="unknown layer 'first'; there are: last, pooled"):
        embed(made, sequences([20]), "first")
    with pytest.raises(UsageError, match="unknown way 'sum'"):
        joined(embed(made, sequences([20])), "sum")
    with pytest.raises(UsageError, match="no features of whole sequences"):
        Network.strand_features(made, None, "last")
