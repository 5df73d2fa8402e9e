"""The Python interface: strings in, arrays out, nothing imported before it is used."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import seqcnn
from seqcnn import api
from seqcnn.errors import InputError, ModelFileError, UsageError
from seqcnn.models import modelfile
from seqcnn.sequence.alphabet import decode, encode
from seqcnn.sequence.ragged import decode_all
from seqcnn.version import __version__
from tests.conftest import few_resamples
from tests.interpret.small_networks import collected, detecting, detector, planted
from tests.training.conftest import sites

TINY: dict[str, Any] = {"n_filters": 4, "kernel_size": 10, "hidden": 0, "members": 1, "epochs": 3, "device": "cpu"}


@pytest.fixture(autouse=True, scope="module")
def quick_intervals() -> Iterator[None]:
    """Spare intervals, which take longer than training here."""
    with few_resamples():
        yield


def strings(n: int, seed: int = 0) -> tuple[list[str], list[float]]:
    """Return simulated sequences and targets."""
    examples = sites(n, seed=seed)
    assert examples.targets is not None
    return [decode(row) for row in examples.sequences], examples.targets[:, 0].tolist()


@pytest.fixture(scope="module")
def fitted() -> api.Predictor:
    return seqcnn.fit(*strings(200), **TINY | {"epochs": 40, "n_filters": 16}, valid_fraction=0.2, test_fraction=0.1)


def test_names_are_complete_and_in_order() -> None:
    assert seqcnn.__all__ == sorted(seqcnn.__all__)
    functions = {
        name
        for name, value in vars(api).items()
        if inspect.isfunction(value) and value.__module__.startswith(api.__name__) and not name.startswith("_")
    }
    assert set(seqcnn.__all__) == functions | {"__version__"}
    assert dir(seqcnn) == seqcnn.__all__
    assert seqcnn.__version__ == __version__
    for name in functions:
        assert getattr(seqcnn, name) is getattr(api, name)
        assert inspect.getdoc(getattr(seqcnn, name))


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match=r"module 'seqcnn' has no attribute 'train_all'"):
        seqcnn.train_all  # noqa: B018
    assert not hasattr(seqcnn, "Ragged")


def test_importing_imports_little() -> None:
    code = """
import json, sys, seqcnn
dir(seqcnn), seqcnn.__version__, hasattr(seqcnn, "nothing")
first = [name for name in ("torch", "numpy", "pandas", "h5py", "sklearn") if name in sys.modules]
from seqcnn import *
print(json.dumps([first, fit.__name__, load.__name__, "torch" in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[], "fit", "load", True]


def test_fit_and_predict(fitted: api.Predictor) -> None:
    assert fitted.target_names == ("target_1",)
    assert set(fitted.metrics) == {"valid", "test"}
    sequences, targets = strings(100, seed=9)
    scores = fitted.predict(sequences)
    assert scores.shape == (200, 1)
    assert scores.dtype == np.float32
    assert roc_auc_score(targets, scores[:, 0]) > 0.85
    probability = fitted.predict_probability(sequences)
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-scores.astype(np.float64))))
    assert probability.shape == (200, 1)
    assert probability.dtype == np.float64


def test_predict_reads_any_spelling(fitted: api.Predictor) -> None:
    sequence = strings(1)[0][0]
    rows = [sequence, sequence.lower(), sequence.replace("T", "U"), "", sequence + "N" * 30, "R" + sequence[1:], "A"]
    scores = fitted.predict(rows)[:, 0]
    assert scores[0] == scores[1] == scores[2]
    assert np.isnan(scores).tolist() == [False] * 3 + [True] + [False] * 3
    assert scores[5] == fitted.predict(["N" + sequence[1:]])[0, 0]
    assert np.isnan(fitted.predict_probability(rows)).tolist() == np.isnan(scores)[:, None].tolist()
    assert fitted.predict([]).shape == (0, 1)
    assert fitted.predict(tuple(rows))[0] == scores[0]
    with pytest.raises(ValueError, match="!"):
        fitted.predict(["ACGT", "AC!T"])
    with pytest.raises(TypeError, match="one string; give a list"):
        fitted.predict(sequence)


def test_probabilities_of_extreme_scores(fitted: api.Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.array([[-1e4], [-800], [0], [800], [1e4]], dtype=np.float32)
    monkeypatch.setattr("seqcnn.api.predictor.predict", lambda *_: scores)
    assert fitted.predict_probability(["A"] * 5)[:, 0].tolist() == [0, 0, 0.5, 1, 1]


def test_save_and_load(fitted: api.Predictor, tmp_path: Path) -> None:
    sequences, _ = strings(10)
    fitted.save(tmp_path / "model.safetensors")
    for path in (tmp_path, str(tmp_path / "model.safetensors")):
        loaded = seqcnn.load(path)
        np.testing.assert_array_equal(loaded.predict(sequences), fitted.predict(sequences))
        assert loaded.target_names == fitted.target_names
        assert loaded.metrics == json.loads(json.dumps(fitted.metrics))
        assert loaded.model.training["split"]["test"] == fitted.metrics["test"]["target_1"]["n"]
    with pytest.raises(ModelFileError, match="no such file"):
        seqcnn.load(tmp_path / "other")
    with pytest.raises(UsageError, match="--device tpu"):
        seqcnn.load(tmp_path, device="tpu")


def test_a_model_without_metrics(fitted: api.Predictor) -> None:
    assert api.Predictor(replace(fitted.model, training={})).metrics == {}


def test_a_loaded_network_is_the_one_that_was_fitted(fitted: api.Predictor, tmp_path: Path) -> None:
    modelfile.save(fitted.model, tmp_path / "m")
    ours, theirs = fitted.model.network.state_dict(), modelfile.load(tmp_path / "m").network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_several_targets() -> None:
    sequences, targets = strings(40)
    both = np.column_stack([targets, np.roll(targets, 3)])
    both[:4, 1] = np.nan
    for given_targets in (both, both.tolist()):
        model = seqcnn.fit(sequences, given_targets, **TINY, target_names=["x", "y"])
        assert model.target_names == ("x", "y")
        assert model.predict(sequences).shape == (80, 2)
        assert set(model.metrics["valid"]) == {"x", "y"}


def test_regression_has_no_probabilities() -> None:
    sequences, targets = strings(40)
    model = seqcnn.fit(sequences, np.array(targets) * 5 + 100, **TINY)
    assert model.model.task == "regression"
    assert 95 < model.predict(sequences).mean() < 110
    with pytest.raises(ValueError, match="a regression model predicts no probabilities"):
        model.predict_probability(sequences)


def test_counts() -> None:
    sequences, targets = strings(60)
    counts = np.random.default_rng(0).poisson(1 + 9 * np.array(targets))
    model = seqcnn.fit(sequences, counts, task="poisson", **TINY)
    np.testing.assert_allclose(model.predict_rate(sequences), np.exp(model.predict(sequences).astype(np.float64)))
    assert model.predict_rate(sequences).mean() == pytest.approx(counts.mean(), rel=0.3)
    assert "explained_deviance" in model.metrics["valid"]["target_1"]
    with pytest.raises(ValueError, match="a poisson model predicts no probabilities"):
        model.predict_probability(sequences)
    with pytest.raises(ValueError, match="a multiclass model predicts no rates"):
        seqcnn.fit(sequences, targets, task="multiclass", **TINY).predict_rate(sequences)


@pytest.mark.parametrize("names", [None, ["off", "on", "other"]])
def test_classes(names: list[str] | None) -> None:
    sequences, targets = strings(60)
    words = [["on", "off"][int(target)] for target in targets]
    other: list[Any] = [*words[:-3], pd.NA, None, float("nan")]
    if names is not None:
        other[5] = "other"
        other[70] = "other"
    model = seqcnn.fit(sequences, other, task="multiclass", valid_fraction=0, **TINY, target_names=names)
    assert model.target_names == tuple(names or ["off", "on"])
    probability = model.predict_probability(sequences)
    assert probability.shape == (120, len(model.target_names))
    np.testing.assert_allclose(probability.sum(1), 1)
    assert model.model.training["class_column"] == "class"


def test_classes_by_number() -> None:
    sequences, targets = strings(40)
    numbers = np.where(np.array(targets) == 1, 10, 9)
    for given_numbers in (numbers, numbers.astype(float), [str(number) for number in numbers]):
        model = seqcnn.fit(sequences, given_numbers, task="multiclass", **TINY)
        assert model.target_names == ("9", "10")
    named = seqcnn.fit(sequences, targets, task="multiclass", **TINY, target_names=["no", "yes"])
    assert named.target_names == ("no", "yes")
    np.testing.assert_array_equal(named.predict(sequences), model.predict(sequences))


def test_weights() -> None:
    sequences, targets = strings(60)
    wrong = [1 - target if i % 3 == 0 else target for i, target in enumerate(targets)]
    weights = [0 if i % 3 == 0 else 2 for i in range(120)]
    options = TINY | {"epochs": 20, "n_filters": 12}
    weighted, plain = (seqcnn.fit(sequences, wrong, **options, weights=each) for each in (weights, None))
    assert roc_auc_score(targets, weighted.predict(sequences)) > roc_auc_score(targets, plain.predict(sequences))
    assert weighted.metrics["valid"]["target_1"]["n"] < plain.metrics["valid"]["target_1"]["n"]


def test_rna_is_read_on_one_strand() -> None:
    sequences, targets = strings(20)
    model = seqcnn.fit([s.replace("T", "U") for s in sequences], targets, alphabet="rna", **TINY)
    assert model.model.alphabet == "rna"
    assert not model.model.network.settings.both_strands
    assert seqcnn.fit(sequences, targets, alphabet="rna", strands="both", **TINY).model.network.settings.both_strands


def test_lengths_may_differ_and_a_seed_repeats() -> None:
    sequences, targets = strings(20)
    ragged = [sequence[: 20 + i] for i, sequence in enumerate(sequences)]
    one, same, other = (seqcnn.fit(ragged, targets, **TINY, seed=seed).predict(ragged) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_presets_and_options() -> None:
    sequences, targets = strings(20)
    model = seqcnn.fit(sequences, targets, preset="deepbind", epochs=1, device="cpu", valid_fraction=0)
    about = model.model.training["options"]
    assert (about["optimiser"], about["n_filters"], about["epochs"]) == ("sgd", 16, 1)
    assert model.metrics == {}


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"sequences": ["ACGT"] * 3}, ValueError, r"3 sequences, but targets of shape \(4,\)"),
        ({"sequences": "ACGT"}, TypeError, "one string; give a list"),
        ({"sequences": ["ACGT", "", "ACGT", "A"]}, ValueError, "sequence 2 is empty"),
        ({"sequences": ["ACGT", "ACGT", None, "A"]}, TypeError, "sequence 3 is None, not a string"),
        ({"sequences": pd.DataFrame({"s": ["ACGT"] * 4})}, TypeError, "a table; give its column of sequences"),
        ({"targets": [1, 0, np.inf, 0]}, ValueError, "the target of sequence 3 is not a finite number"),
        ({"targets": [[1, 0], [0, 1], [1, 1], [0, -1e300]]}, ValueError, "the target of sequence 4 is not a finite"),
        ({"sequences": [], "targets": []}, ValueError, "there are no sequences"),
        ({"sequences": ["ACGT", "AC1T", "A", "C"]}, ValueError, "1"),
        ({"targets": [[[1]], [[0]], [[1]], [[0]]]}, ValueError, r"targets of shape \(4, 1, 1\)"),
        ({"targets": 1}, ValueError, "4 sequences, but targets of shape"),
        ({"targets": ["yes", "no", "yes", "no"]}, ValueError, "could not convert"),
        ({"target_names": ["a", "b"]}, ValueError, "1 targets, but 2 names"),
        ({"weights": [1, 1]}, ValueError, r"4 sequences, but weights of shape \(2,\)"),
        ({"weights": [1, 1, -1, 1]}, ValueError, "a weight is -1.0, not a number of 0 or more"),
        ({"weights": [1, 1, np.nan, 1]}, ValueError, "a weight is nan, not a number of 0 or more"),
        ({"task": "multiclass", "targets": [[1], [0], [1], [0]]}, ValueError, "classes are one a sequence"),
        ({"task": "multiclass", "targets": [1, 0.5, 0, 1]}, ValueError, "0.5 is not the number of a class"),
        ({"task": "multiclass", "targets": list("abab"), "target_names": ["a"]}, ValueError, "class 'b' is not"),
        ({"task": "poisson", "targets": [1, 2, -3, 1]}, InputError, "a target is -3, but counts are 0 or more"),
        ({"sequences": ["ACGU" * 5] * 4}, ValueError, "sequence 1 holds U: say alphabet='rna', or alphabet='dna'"),
        ({"targets": np.zeros((4, 2)), "target_names": ["a", "a"]}, ValueError, "two targets are named 'a'"),
        ({"alphabet": "protein"}, ValueError, "unknown alphabet 'protein'; there are: dna, rna"),
        ({"preset": "best"}, ValueError, "unknown preset 'best'; there are: default, deepbind"),
        ({"filters": 3}, TypeError, "unknown option 'filters'; there are: activation, architecture, balance"),
        ({"optimiser": "adam"}, UsageError, "unknown optimiser 'adam'"),
        ({"architecture": "other"}, UsageError, "unknown architecture 'other'"),
        ({"pooling": "min"}, UsageError, "unknown pooling 'min'"),
        ({"device": "tpu"}, UsageError, "--device tpu"),
    ],
)
def test_what_cannot_be_fitted(changes: dict[str, Any], error: type[Exception], said: str) -> None:
    call: dict[str, Any] = {"sequences": ["ACGTACGTACGT", "TTGTACGTTTGT", "CCGTACGAACGT", "GCGTTTGTACGC"]}
    call |= {"targets": [1, 0, 1, 0], "valid_fraction": 0} | TINY | changes
    with pytest.raises(error, match=said):
        seqcnn.fit(call.pop("sequences"), call.pop("targets"), **call)


def test_what_is_moved_between_parts_is_noted() -> None:
    few = seqcnn.fit(["ACGTTGCAAC", "TTGACGTCCA"] * 2, [1, 0, 1, 0], **TINY)
    assert any("near-duplicates" in note for note in few.notes)
    assert seqcnn.fit(["ACGTTGCAAC", "TTGACGTCCA"], [1, 0], valid_fraction=0, **TINY).notes == []


def test_sequences_and_targets_of_a_table() -> None:
    sequences, targets = strings(20)
    table = pd.DataFrame({"sequence": sequences, "bound": targets, "other": targets}, index=range(100, 140))
    plain = seqcnn.fit(sequences, targets, **TINY)
    model = seqcnn.fit(table["sequence"], table["bound"], **TINY)
    np.testing.assert_array_equal(model.predict(table["sequence"].astype("string")), plain.predict(sequences))
    names = np.array(["a", "b"])
    assert seqcnn.fit(sequences, table[["bound", "other"]], **TINY, target_names=names).target_names == ("a", "b")


def test_one_hot() -> None:
    wanted = [[1, 0, 0, 0, 0.25], [0, 1, 0, 0, 0.25], [0, 0, 1, 0, 0.25], [0, 0, 0, 1, 0.25]]
    for spelt in ("ACGTN", "acguR"):
        hot = seqcnn.one_hot(spelt)
        assert hot.dtype == np.float32
        assert hot.tolist() == wanted
    assert seqcnn.one_hot("N", 0.0).tolist() == [[0]] * 4
    assert seqcnn.one_hot("").shape == (4, 0)
    with pytest.raises(ValueError, match="!"):
        seqcnn.one_hot("AC!")


@given(st.lists(st.text("ACGTN", max_size=40), max_size=6), st.integers(0, 1000))
def test_dinucleotide_shuffle(sequences: list[str], seed: int) -> None:
    shuffled = seqcnn.dinucleotide_shuffle(sequences, seed)
    assert shuffled == seqcnn.dinucleotide_shuffle(sequences, seed)
    assert len(shuffled) == len(sequences)
    for one, other in zip(sequences, shuffled, strict=True):
        assert Counter(pairwise(one)) == Counter(pairwise(other))
        assert (one[:1], one[-1:]) == (other[:1], other[-1:])
        assert len(encode(other)) == len(one)


def test_motifs(fitted: api.Predictor) -> None:
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 40)) for _ in range(60)]
    labels = [1, 0] * 30
    found = fitted.motifs(sequences, labels, min_sites=1, trim=0)
    assert {each.detectors[0] for each in found} == {
        (member, f)
        for member in range(fitted.model.network.settings.n_members)
        for f in range(fitted.model.network.settings.n_filters)
    }
    kept = [each for each in found if each.kept]
    assert kept
    assert [each.effect for each in kept] == sorted((each.effect for each in kept), reverse=True)
    assert all(0 <= each.measures.auroc <= 1 for each in kept)
    assert sum(each.kept for each in fitted.motifs(sequences, min_sites=1, trim=0, top=1)) == 1
    assert kept[0].motif.width > fitted.motifs(sequences, labels, min_sites=1, trim=0.5)[0].motif.width - 1
    with pytest.raises(ValueError, match=r"60 sequences, but labels of shape \(2,\)"):
        fitted.motifs(sequences, [0, 1])
    with pytest.raises(ValueError, match="there is no target 'x'"):
        fitted.motifs(sequences, target="x")
    with pytest.raises(ValueError, match="sequence 2 is empty"):
        fitted.motifs(["ACGT", ""])
    with pytest.raises(TypeError):
        fitted.motifs("ACGT")  # type: ignore[arg-type]


def test_motifs_of_a_collection() -> None:
    """Those of all its models, or of the one whose target is named."""
    nets = [detecting([detector(motif)], 5.0, [1.0]) for motif in ("TGACTCAT", "CCGGAAGT")]
    predictor = api.Predictor(collected(nets))
    codes, labels = planted(["TGACTCAT", "CCGGAAGT"])
    for target, wanted in ((None, {(0, 0), (1, 0)}), ("t0", {(0, 0)}), ("t1", {(1, 0)})):
        found = predictor.motifs(decode_all(codes), labels, target=target)
        assert {detector for each in found for detector in each.detectors} == wanted
