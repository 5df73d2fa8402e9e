"""A model's metrics on examples, with what cannot be judged left out and said."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from seqcnn.errors import InputError
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import from_rows
from seqcnn.training.evaluate import evaluate, judge
from seqcnn.training.judging import binary_metrics, regression_metrics
from seqcnn.training.train import Trained
from tests.training.conftest import given, sites, train_on

NAN = float("nan")


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


@pytest.fixture(scope="module")
def trained() -> Trained:
    """A small model of two binary targets."""
    examples = sites(60)
    assert examples.targets is not None
    both = np.column_stack([examples.targets, 1 - examples.targets])
    return train_on(examples.with_targets(both), n_filters=4, members=1, epochs=3, target_names=["bound", "not"])


def test_each_target_is_judged_by_its_scores(trained: Trained) -> None:
    examples = sites(40, seed=5)
    assert examples.targets is not None
    truth = np.column_stack([examples.targets, np.roll(examples.targets, 7)])
    truth[:9, 1] = NAN
    metrics = evaluate(trained.model, examples.with_targets(truth))
    scores = predict(trained.model.network, examples.sequences)
    assert list(metrics) == ["bound", "not"]
    assert metrics["bound"]["auroc"]["value"] == pytest.approx(roc_auc_score(truth[:, 0], scores[:, 0]))
    assert metrics["not"]["auroc"]["value"] == pytest.approx(roc_auc_score(truth[9:, 1], scores[9:, 1]))
    assert (metrics["bound"]["n"], metrics["not"]["n"]) == (80, 71)
    assert evaluate(trained.model, examples.with_targets(truth), batch_size=3) == metrics
    assert evaluate(trained.model, examples.with_targets(truth), seed=1) != metrics
    assert "unscored" not in metrics["bound"]


def test_empty_sequences_are_counted(trained: Trained) -> None:
    examples = sites(20, seed=6)
    assert examples.targets is not None
    rows = [row[:0] if i in (3, 8, 30) else row for i, row in enumerate(examples.sequences)]
    truth = np.column_stack([examples.targets, examples.targets])
    truth[8, 1] = NAN
    metrics = evaluate(trained.model, given(rows, truth))
    there = np.array([len(row) > 0 for row in rows])
    wanted = evaluate(trained.model, given([row for row in rows if len(row)], truth[there]))
    assert metrics["bound"] == wanted["bound"] | {"unscored": 3}
    assert metrics["not"] == wanted["not"] | {"unscored": 2}


def test_nothing_has_a_score(trained: Trained) -> None:
    empty = given(from_rows([np.zeros(0, dtype=np.uint8)] * 2), [[0, 0], [1, 1]])
    assert evaluate(trained.model, empty)["bound"] == {"n": 0, "problem": "one class only", "unscored": 2}


def test_targets_that_do_not_fit(trained: Trained) -> None:
    examples = sites(5)
    for other, n in ((examples, "1 target"), (examples.with_targets(None), "0 targets")):
        with pytest.raises(InputError, match=rf"the data have {n}, but the model has 2 \(bound, not\)"):
            evaluate(trained.model, other)
    assert examples.targets is not None
    with pytest.raises(InputError, match="predicts 0 or 1"):
        evaluate(trained.model, examples.with_targets(np.full((10, 2), 0.5, dtype=np.float32)))


def test_judge_leaves_out_what_is_missing() -> None:
    truth, scores = floats(0, 1, NAN, 1, 0, 1), floats(0.1, 0.3, 0.5, NAN, 0.2, -0.2)
    there = np.array([0, 1, 4, 5])
    assert judge("binary", truth, scores, 3) == binary_metrics(truth[there], scores[there], 3) | {"unscored": 1}
    wanted = regression_metrics(truth[there], scores[there], 3) | {"unscored": 1}
    assert judge("regression", truth, scores, 3) == wanted


@pytest.mark.parametrize(
    ("task", "truth", "scores", "said"),
    [
        ("binary", floats(1, 1, NAN), floats(0, 1, 2), {"n": 2, "problem": "one class only"}),
        ("binary", floats(), floats(), {"n": 0, "problem": "one class only"}),
        ("binary", floats(1, 0), floats(0, NAN), {"n": 1, "problem": "one class only", "unscored": 1}),
        ("regression", floats(1.5, NAN), floats(0, 1), {"n": 1, "problem": "fewer than two values"}),
        ("regression", floats(1, 2), floats(NAN, NAN), {"n": 0, "problem": "fewer than two values", "unscored": 2}),
    ],
)
def test_what_cannot_be_judged(
    task: str, truth: NDArray[np.float32], scores: NDArray[np.float32], said: dict[str, object]
) -> None:
    assert judge(task, truth, scores, 0) == said


def test_a_value_of_an_unscored_example_must_fit_too() -> None:
    with pytest.raises(InputError, match="predicts 0 or 1"):
        judge("binary", floats(0, 1, 2), floats(0, 1, NAN), 0)
