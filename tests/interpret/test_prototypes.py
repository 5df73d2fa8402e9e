"""Nearest class means, against their definition written out for one sequence at a time."""

from __future__ import annotations

import numpy as np
import pytest

from seqcnn.errors import SeqcnnError, UsageError
from seqcnn.interpret import prototypes
from seqcnn.interpret.prototypes import Prototypes


def clouds(n: int = 12, n_classes: int = 3, spread: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = np.arange(n) % n_classes
    centres = rng.normal(size=(n_classes, 6))
    return (5 + centres[classes] + spread * rng.normal(size=(n, 6))).astype(np.float32), classes


def unit(row: np.ndarray) -> np.ndarray:
    return row / np.linalg.norm(row)


def by_definition(features: np.ndarray, classes: np.ndarray, query: np.ndarray, metric: str) -> np.ndarray:
    """Return the similarity, or distance, to each class."""
    centre = features.astype(float).mean(0)
    means = [np.mean([unit(x - centre) for x in features[classes == c]], axis=0) for c in range(classes.max() + 1)]
    own = unit(query - centre)
    if metric == "cosine":
        return np.array([own @ unit(mean) for mean in means])
    return np.array([np.linalg.norm(own - mean) for mean in means])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_nearness_is_as_defined(metric: str) -> None:
    features, classes = clouds()
    queries, _ = clouds(seed=1)
    found = Prototypes(features, classes, "abc", metric=metric, temperature=0.3)
    nearness = found.classify(queries)
    wanted = np.stack([by_definition(features, classes, query, metric) for query in queries])
    np.testing.assert_allclose(nearness.values, wanted, atol=1e-9)
    best = wanted.argmax(1) if metric == "cosine" else wanted.argmin(1)
    assert nearness.nearest.tolist() == best.tolist()
    logits = wanted / 0.3 if metric == "cosine" else -(wanted**2) / 0.3
    np.testing.assert_allclose(nearness.probability, np.exp(logits) / np.exp(logits).sum(1, keepdims=True), atol=1e-9)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_one_is_left_out_wholly(metric: str) -> None:
    """The others alone make centre and prototypes."""
    features, classes = clouds(n=9, spread=2.0)
    found = Prototypes(features, classes, "abc", metric=metric).left_out
    for row in range(9):
        others = np.arange(9) != row
        values = by_definition(features[others], classes[others], features[row], metric)
        assert found.called[row] == (values.argmax() if metric == "cosine" else values.argmin())
    assert found.truth.tolist() == classes.tolist()
    assert found.accuracy == pytest.approx((found.called == classes).mean())


def test_classes_apart_are_told_apart() -> None:
    features, classes = clouds(n=30, spread=0.1)
    found = Prototypes(features, classes, "abc")
    assert found.left_out.accuracy == 1
    sure = found.classify(features).probability[np.arange(30), classes]
    assert ((sure > 0.7) & (sure < 1)).all()
    vague = Prototypes(features, classes, "abc", temperature=10).classify(features).probability
    assert vague.max() < 0.5


def test_the_temperature_has_the_least_log_loss() -> None:
    features, classes = clouds(n=60, spread=2.0)
    best = Prototypes(features, classes, "abc").left_out
    agreement = np.array(
        [by_definition(np.delete(features, i, 0), np.delete(classes, i), features[i], "cosine") for i in range(60)]
    )
    truth = np.full((60, 3), 1 / 23)
    truth[np.arange(60), classes] = 21 / 23

    def loss(temperature: float) -> float:
        shares = np.exp(agreement / temperature)
        return float(-(truth * np.log(shares / shares.sum(1, keepdims=True))).sum())

    assert loss(best.temperature) <= min(loss(t) for t in np.geomspace(0.01, 100, 200)) + 1e-3


def test_few_and_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of one sequence is not judged; of very many sequences some are."""
    features, classes = clouds(n=5)
    assert Prototypes(features, classes, "abc").left_out.truth.tolist() == [0, 1, 0, 1]
    alone = Prototypes(features[:2], classes[:2], "ab").left_out
    assert (len(alone.truth), alone.temperature) == (0, 1)
    assert np.isnan(alone.accuracy)
    monkeypatch.setattr(prototypes, "MOST_LEFT_OUT", 7)
    features, classes = clouds(n=40)
    some = Prototypes(features, classes, "abc").left_out
    assert len(some.truth) == 7
    assert set(some.truth.tolist()) == {0, 1, 2}


def test_nothing_is_known_of_missing_features() -> None:
    features, classes = clouds()
    found = Prototypes(features, classes, "abc").classify(np.full((1, 6), np.nan, dtype=np.float32))
    assert found.nearest.tolist() == [-1]
    assert np.isnan(found.values).all()
    assert np.isnan(found.probability).all()
    same = Prototypes(np.ones((4, 3), dtype=np.float32), np.array([0, 0, 1, 1]), "ab").classify(np.ones((1, 3)))
    np.testing.assert_array_equal(same.probability, [[0.5, 0.5]])


def test_what_cannot_be_told_apart() -> None:
    features, classes = clouds()
    with pytest.raises(UsageError, match="unknown metric 'manhattan'; there are: cosine, euclidean"):
        Prototypes(features, classes, "abc", metric="manhattan")
    with pytest.raises(SeqcnnError, match="only one class, 'a'"):
        Prototypes(features, np.zeros(12, dtype=int), "a")
    with pytest.raises(SeqcnnError, match="the class 'd' of the reference has no sequence"):
        Prototypes(features, classes, "abcd")
