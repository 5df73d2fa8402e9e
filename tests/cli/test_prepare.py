"""--prepare, from the data to the metrics."""

from __future__ import annotations

import json
import random

import h5py
import numpy as np
import pytest

from tests.cli.conftest import MOTIF, SMALL, draw, fasta


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    """Two designs of an array, each of two proteins; a probe is brighter the more of the motif it has."""
    folder = tmp_path_factory.mktemp("arrays")
    for number, design in enumerate(("hk", "me")):
        rng = random.Random(number)
        probes = draw(80, 35, MOTIF, seed=10 + number) + draw(160, 35, seed=20 + number)
        bias = [rng.lognormvariate(0, 0.5) for _ in probes]
        for name, level in (("mine", 900), ("other", 20)):
            own = [(40 if name == "mine" and i < 80 else 1) * rng.lognormvariate(0, 0.3) for i in range(len(probes))]
            rows = [f"{p}\t{level * b * o:.1f}\n" for p, b, o in zip(probes, bias, own, strict=True)]
            (folder / f"{name}_{design}.tsv").write_text("sequence\tsignal\n" + "".join(rows))
    return folder


@pytest.fixture(scope="module")
def trained(arrays, shell, tmp_path_factory):
    """Models of the first design, by how their targets were prepared."""
    folder = tmp_path_factory.mktemp("models")
    ways = {
        "pbm": ["--prepare", "pbm"],
        "bias": ["--prepare", "pbm", "--bias", arrays / "other_hk.tsv"],
        "rnacompete": ["--prepare", "rnacompete"],
        "plain": [],
    }
    for name, way in ways.items():
        done = shell("train", arrays / "mine_hk.tsv", *way, "-o", folder / name, *SMALL)
        assert done.code == 0, done.err
    return folder


def evaluated(shell, *arguments):
    folder = arguments[-1]
    done = shell("evaluate", *arguments[:-1], "-o", folder / "judged.json", "--force", "--threads", "1")
    assert done.code == 0, done.err
    return json.loads((folder / "judged.json").read_text()), done


def table(path):
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    return [row[0] for row in rows], np.array([float(row[1]) for row in rows])


def scores(shell, model, path):
    done = shell("predict", model, path, "--threads", "1")
    assert done.code == 0, done.err
    return np.array([float(row[1]) for row in done.rows])


def test_encode_writes_prepared_targets_and_how(arrays, shell, tmp_path):
    done = shell("encode", arrays / "mine_hk.tsv", "--prepare", "rnacompete", "-o", tmp_path / "a.h5", "-v")
    assert done.code == 0, done.err
    _, values = table(arrays / "mine_hk.tsv")
    clamped = np.minimum(values, np.percentile(values, 99.95))
    with h5py.File(tmp_path / "a.h5") as file:
        targets, about = file["targets"][:, 0], json.loads(file.attrs["preparation"])
        record = json.loads(file.attrs["provenance"])
    np.testing.assert_allclose(targets, (clamped - clamped.mean()) / clamped.std(), atol=1e-5)
    assert about["scales"]["signal"]["ceiling"] == pytest.approx(np.percentile(values, 99.95))
    assert record["preparation"] == about
    assert "signal: clamped at " in done.err
    assert "intensities clamped: 1" in done.err
    shown = shell("info", tmp_path / "a.h5")
    assert "rnacompete: signal (mean " in shown.out
    assert ", clamped at " in shown.out


@pytest.mark.parametrize(
    ("way", "power", "divided"), [(["pbm"], 0.5, False), (["pbm", "--power", "0.8"], 0.8, False), (["bias"], 0.5, True)]
)
def test_power_and_bias_matter(arrays, shell, tmp_path, way, power, divided):
    way = ["pbm", "--bias", arrays / "other_hk.tsv", "--bias-slope", "1"] if divided else way
    done = shell("encode", arrays / "mine_hk.tsv", "--prepare", *way, "-o", tmp_path / "a.h5")
    assert done.code == 0, done.err
    _, values = table(arrays / "mine_hk.tsv")
    _, others = table(arrays / "other_hk.tsv")
    changed = (values / (others / np.median(others) if divided else 1)) ** power
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_allclose(file["targets"][:, 0], (changed - changed.mean()) / changed.std(), atol=1e-4)


@pytest.mark.parametrize("name", ["pbm", "rnacompete"])
def test_a_model_is_judged_on_the_scale_of_the_assay(arrays, shell, trained, tmp_path, name):
    model, test = trained / name, arrays / "mine_me.tsv"
    judged, done = evaluated(shell, model, test, tmp_path)
    _, truth = table(test)
    scale = json.loads((model / "run.json").read_text())["preparation"]["scales"]["signal"]
    predicted = scores(shell, model, test) * scale["deviation"] + scale["mean"]
    predicted = np.sign(predicted) * np.abs(predicted) ** (1 / scale["power"])
    metrics = judged["metrics"]["signal"]
    assert metrics["pearson"]["value"] == pytest.approx(np.corrcoef(predicted, truth)[0, 1], abs=1e-4)
    assert "metrics are on the scale of the data: predictions are brought back to intensities" in done.err
    assert judged["preparation"] == json.loads((model / "run.json").read_text())["preparation"]


def test_bias_of_the_other_design_is_multiplied_back(arrays, shell, trained, tmp_path):
    model, test = trained / "bias", arrays / "mine_me.tsv"
    without, _ = evaluated(shell, model, test, tmp_path)
    judged, done = evaluated(shell, model, test, "--bias", arrays / "other_me.tsv", tmp_path)
    _, truth = table(test)
    _, others = table(arrays / "other_me.tsv")
    scale = json.loads((model / "run.json").read_text())["preparation"]["scales"]["signal"]
    predicted = scores(shell, model, test) * scale["deviation"] + scale["mean"]
    predicted = np.sign(predicted) * np.square(predicted) * (others / np.median(others)) ** scale["slope"]
    value = judged["metrics"]["signal"]["pearson"]["value"]
    assert value == pytest.approx(np.corrcoef(predicted, truth)[0, 1], abs=1e-3)
    assert value > without["metrics"]["signal"]["pearson"]["value"]
    assert 0.3 < scale["slope"] < 1
    assert "times the bias of the probe" in done.err


def test_prepared_data_are_judged_on_the_prepared_scale(arrays, shell, trained, tmp_path):
    encoded = tmp_path / "me.h5"
    shell("encode", arrays / "mine_me.tsv", "--prepare", "pbm", "-o", encoded)
    for data in ([encoded], [arrays / "mine_me.tsv", "--prepare", "pbm"]):
        judged, done = evaluated(shell, trained / "pbm", *data, tmp_path)
        with h5py.File(encoded) as file:
            truth = file["targets"][:, 0]
        predicted = scores(shell, trained / "pbm", arrays / "mine_me.tsv")
        expected = np.corrcoef(predicted, truth)[0, 1]
        assert judged["metrics"]["signal"]["pearson"]["value"] == pytest.approx(expected, abs=1e-4)
        assert "metrics are on the scale that --prepare pbm made" in done.err


def test_training_on_an_encoded_set_is_training_on_the_table(arrays, shell, trained, tmp_path):
    shell("encode", arrays / "mine_hk.tsv", "--prepare", "pbm", "-o", tmp_path / "hk.h5")
    done = shell("train", tmp_path / "hk.h5", "-o", tmp_path / "run", *SMALL)
    assert done.code == 0, done.err
    for data in (arrays / "mine_me.tsv", arrays / "mine_hk.tsv"):
        np.testing.assert_array_equal(scores(shell, tmp_path / "run", data), scores(shell, trained / "pbm", data))
    judged = [
        evaluated(shell, model, arrays / "mine_me.tsv", tmp_path)[0] for model in (tmp_path / "run", trained / "pbm")
    ]
    assert judged[0]["metrics"] == judged[1]["metrics"]
    assert "targets prepared" in shell("info", tmp_path / "run").out


def test_folds_and_calibration_keep_what_was_done(arrays, shell, tmp_path):
    data = [arrays / "mine_hk.tsv", "--prepare", "pbm"]
    small = [*SMALL[:2], *SMALL[4:]]
    for command in (
        ["train", "--folds", 2, "--members", 1],
        ["calibrate", "--trials", 2, "--folds", 2, "--restarts", 1],
    ):
        done = shell(command[0], *data, *command[1:], "-o", tmp_path / command[0], *small)
        assert done.code == 0, done.err
        _, done = evaluated(shell, tmp_path / command[0], arrays / "mine_me.tsv", tmp_path)
        assert "predictions are brought back to intensities" in done.err


def test_selex_rounds_from_reads_to_a_model(shell, tmp_path):
    background = draw(60, 20, seed=1)
    fasta(tmp_path / "round0.fa.gz", background + background[:5], "a")
    fasta(tmp_path / "round3.fa", draw(60, 20, MOTIF, seed=2) * 2 + background[:5], "b")
    rounds = [tmp_path / "round0.fa.gz", tmp_path / "round3.fa"]
    done = shell("train", *rounds, "--prepare", "selex", "-o", tmp_path / "run", *SMALL[2:], "--epochs", 8)
    assert done.code == 0, done.err
    assert "reads of each round: round0 65, round3 125; 120 different sequences" in done.err
    judged, _ = evaluated(shell, tmp_path / "run", *rounds, "--prepare", "selex", tmp_path)
    assert set(judged["metrics"]) == {"round0", "round3"}
    assert judged["metrics"]["round3"]["auroc"]["value"] > 0.8
    assert "round3" in shell("predict", tmp_path / "run", rounds[1]).header
    assert "65 reads of round0, 125 reads of round3" in shell("info", tmp_path / "run").out
    done = shell("encode", *rounds, "--prepare", "selex", "--rounds", "order", "-o", tmp_path / "a.h5")
    assert done.code == 0, done.err
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["targets"].shape == (120, 1)
        np.testing.assert_array_equal(np.unique(file["weights"][:]), [1, 2, 3])
        assert (file["targets"][60:, 0] == 1).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bias", "x.tsv"], "--bias goes with --prepare pbm"),
        (["--power", "0.5"], "--power goes with --prepare rnacompete or pbm"),
        (["--rounds", "each"], "--rounds goes with --prepare selex"),
        (["--prepare", "rnacompete", "--bias", "x.tsv"], "--bias goes with --prepare pbm"),
        (["--prepare", "selex", "--power", "0.5"], "--power goes with --prepare rnacompete or pbm"),
        (["--prepare", "pbm", "--bias-slope", "0.5"], "--bias-slope goes with --bias"),
        (["--prepare", "pbm", "--rounds", "order"], "--rounds goes with --prepare selex"),
        (["--prepare", "selex"], "two rounds or more"),
    ],
)
def test_options_without_a_use_are_refused(arrays, shell, tmp_path, arguments, said):
    done = shell("encode", arrays / "mine_hk.tsv", *arguments, "-o", tmp_path / "a.h5")
    assert done.code == 2
    assert said in done.err


def test_what_is_prepared_is_not_prepared_again(arrays, shell, tmp_path):
    shell("encode", arrays / "mine_hk.tsv", "--prepare", "pbm", "-o", tmp_path / "a.h5")
    done = shell("train", tmp_path / "a.h5", "--prepare", "pbm", "-o", tmp_path / "run", *SMALL)
    assert done.code == 2
    assert "is prepared already (pbm)" in done.err


def test_sets_that_were_prepared_apart_do_not_go_together(arrays, shell, tmp_path):
    for design in ("hk", "me"):
        shell("encode", arrays / f"mine_{design}.tsv", "--prepare", "pbm", "-o", tmp_path / f"{design}.h5")
    done = shell("train", tmp_path / "hk.h5", tmp_path / "me.h5", "-o", tmp_path / "run", *SMALL)
    assert done.code == 1
    assert "me.h5: its targets are not prepared as those of" in done.err


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ("plain", "mine_me.tsv", "but the model was not trained so"),
        ("pbm", "mine_me.tsv", "the model was trained on intensities that no bias was divided out of"),
        ("bias", "me.h5", "but the targets are prepared already"),
    ],
)
def test_bias_that_nothing_is_multiplied_by_is_refused(arrays, shell, trained, tmp_path, model, data, said):
    shell("encode", arrays / "mine_me.tsv", "--prepare", "pbm", "-o", tmp_path / "me.h5")
    path = tmp_path / data if data.endswith("h5") else arrays / data
    done = shell("evaluate", trained / model, path, "--bias", arrays / "other_me.tsv")
    assert done.code == 2
    assert said in done.err


def test_classes_are_not_prepared(arrays, shell, tmp_path):
    done = shell("train", arrays / "mine_hk.tsv", "--prepare", "pbm", "--task", "binary", "-o", tmp_path / "r", *SMALL)
    assert done.code == 1
    assert "targets are not all 0 or 1" in done.err


def test_a_prepared_set_is_read_in_blocks_with_what_was_done_to_it(arrays, shell, tmp_path):
    shell("encode", arrays / "mine_hk.tsv", "--prepare", "pbm", "-o", tmp_path / "hk.h5")
    done = shell("train", tmp_path / "hk.h5", "--stream", "-o", tmp_path / "run", *SMALL)
    assert done.code == 0, done.err
    _, done = evaluated(shell, tmp_path / "run", arrays / "mine_me.tsv", tmp_path)
    assert "predictions are brought back to intensities" in done.err


def test_preparing_needs_all_in_memory(arrays, shell, tmp_path):
    shell("encode", arrays / "mine_hk.tsv", "-o", tmp_path / "hk.h5")
    done = shell("train", tmp_path / "hk.h5", "--stream", "--prepare", "pbm", "-o", tmp_path / "run", *SMALL)
    assert done.code == 2
    assert "--stream goes with none of --folds, --negatives and --prepare" in done.err
