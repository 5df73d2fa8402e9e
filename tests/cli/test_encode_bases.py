"""Which bases are bound, from encode to train, evaluate and info."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seqcnn.models.modelfile import load
from seqcnn.training import judging
from tests.cli.conftest import Inputs, Shell


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "N_BOOTSTRAP", 50)


TINY = ["--architecture", "unet", "--n-levels", "1", "--n-filters", "4", "--kernel-size", "9", "--members", "1"]
SHORT = ["--epochs", "1", "--threads", "1"]


@pytest.fixture(scope="module")
def encoded(inputs: Inputs, shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bases") / "d.h5"
    where = [inputs.peaks, "--genome", inputs.genome, "--length", "121"]
    done = shell("encode", *where, "--bound-bases", "peaks", "-o", path)
    assert done.code == 0, done.err
    assert "1,200 of 7," in done.err
    assert "are in bound parts" in done.err
    return path


def test_width_is_around_midpoints(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    where = [inputs.peaks, "--genome", inputs.genome, "--length", "121", "--negatives", "none"]
    done = shell("encode", *where, "--bound-bases", "11", "-o", tmp_path / "d.h5")
    assert done.code == 0, done.err
    about = json.loads(shell("info", tmp_path / "d.h5", "--json").out)
    assert about["bound bases"] == f"{30 * 11} of {30 * 121:,}, 0 unknown"


def test_trained_on_bases(encoded: Path, shell: Shell, tmp_path: Path) -> None:
    """In memory or from disk; judged by bases too, also where all sequences are of one class."""
    for how in ("--in-memory", "--stream"):
        run = tmp_path / how
        done = shell("train", encoded, *TINY, *SHORT, how, "--test-fraction", "0.3", "-o", run)
        assert done.code == 0, done.err
        assert "trained on bases: " in done.err
        metrics = json.loads((run / "metrics.json").read_text())["test"]["target"]
        assert metrics["bases_prevalence"] < metrics["prevalence"]
        assert 0 <= metrics["bases_auroc"]["value"] <= 1
        assert "bases_auprc" in done.err
        assert "bases_auprc" in shell("evaluate", run, encoded).out
        about = shell("info", run).out
        assert "trained on bases" in about
        assert "bases_auprc" in about
    assert load(run).training["bases"]["bound"] > 0


def test_evaluated_on_peaks_alone(encoded: Path, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    done = shell("train", encoded, *TINY, *SHORT, "-o", tmp_path / "run")
    assert done.code == 0, done.err
    where = [inputs.peaks, "--genome", inputs.genome, "--negatives", "none", "--threads", "1"]
    done = shell("evaluate", tmp_path / "run", *where, "--bound-bases", "21")
    assert done.code == 0, done.err
    assert "bases_bound       630" in done.out
    assert shell("evaluate", tmp_path / "run", *where).code == 1


def test_folds_and_resuming(encoded: Path, shell: Shell, tmp_path: Path) -> None:
    done = shell("train", encoded, *TINY, *SHORT, "--folds", "2", "-o", tmp_path / "folds")
    assert done.code == 0, done.err
    assert "bases_auprc" in done.err


def test_what_is_said_where_bases_are_not_used(encoded: Path, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    done = shell("train", encoded, *SHORT, "--n-filters", "4", "--kernel-size", "9", "-o", tmp_path / "deepbind")
    assert done.code == 0, done.err
    assert "which bases are bound is not used: deepbind scores whole sequences" in done.err
    labels = [inputs.positives, "--negatives", inputs.negatives]
    done = shell("train", *labels, *TINY, *SHORT, "-o", tmp_path / "unet")
    assert done.code == 0, done.err
    assert "trained on the scores of sequences, as the data do not say which bases are bound" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bound-bases", "many"], "'many' is neither 'peaks' nor a number of bp"),
        (["--bound-bases", "0"], "'0' is neither 'peaks' nor a number of bp"),
        (["--bound-bases", "peaks"], "--bound-bases peaks needs --length"),
    ],
)
def test_wrong_words(words: list[str], said: str, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    done = shell("encode", inputs.peaks, "--genome", inputs.genome, *words, "-o", tmp_path / "d.h5")
    assert (done.code, said in done.err) == (2, True), done.err
    done = shell("encode", inputs.positives, "--bound-bases", "5", "-o", tmp_path / "d.h5")
    assert (done.code, "is for regions (BED, narrowPeak), but" in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--shift", 3], "--shift does not go with training on bases"),
        (["train", "--shift", 3, "--stream"], "--shift does not go with training on bases"),
        (["calibrate", "--loss", "hinge"], "--loss hinge does not go with training on bases"),
        (["calibrate", "--search", "shift=0..5"], "--search shift=0..5: --shift does not go with training on bases"),
        (["calibrate", "--search", "loss=cross-entropy,hinge"], "--search loss=cross-entropy,hinge: --loss hinge"),
    ],
)
def test_tools_that_bases_do_not_go_with(
    words: list[Any], said: str, encoded: Path, shell: Shell, tmp_path: Path
) -> None:
    """Before anything is trained."""
    ended = shell(words[0], encoded, "--architecture", "unet", *words[1:], "-o", tmp_path / "run")
    assert (ended.code, said in ended.err, "epoch" in ended.err, "fit" in ended.err) == (2, True, False, False)
