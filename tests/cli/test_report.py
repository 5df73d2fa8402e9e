"""seqcnn report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqcnn.report.run_files import read_run
from seqcnn.training.metrics import auroc
from tests.cli.conftest import SMALL, Inputs, Shell


@pytest.fixture(scope="module")
def run(inputs: Inputs, shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with motifs, mutations and an evaluation beside it."""
    folder = tmp_path_factory.mktemp("report") / "run"
    words = [inputs.labelled, "--test-fraction", 0.3, "--seed", 1]
    assert shell("train", *SMALL, *words, "-o", folder).code == 0
    assert shell("motifs", folder, inputs.labelled, "-o", folder.parent / "motifs", "--logos", "none").code == 0
    assert shell("mutate", folder, inputs.positives, "-o", folder.parent / "maps", "--maps", 0, "--no-table").code == 0
    assert shell("evaluate", folder, inputs.labelled, "-o", folder.parent / "all.json").code == 0
    return folder


def test_what_is_given_is_shown(run: Path, shell: Shell, tmp_path: Path) -> None:
    around = run.parent
    given = {"--motifs": around / "motifs", "--mutations": around / "maps", "--evaluation": around / "all.json"}
    bare = shell("report", run, "-o", tmp_path / "bare.html")
    assert (bare.code, bare.out) == (0, "")
    assert "bare.html: 0." in bare.err
    plain = (tmp_path / "bare.html").read_text()
    for option, section in (("--motifs", "motifs"), ("--mutations", "mutations"), ("--evaluation", "others")):
        assert shell("report", run, option, given[option], "-o", tmp_path / "one.html", "--force").code == 0
        assert f'<section id="{section}">' in (tmp_path / "one.html").read_text()
        assert f'<section id="{section}">' not in plain


def test_what_lies_in_the_run_is_found(run: Path, shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    for path in run.iterdir():
        (folder / path.name).symlink_to(path)
    for name, path in (("motifs", "motifs"), ("mutations", "maps"), ("evaluation_2.json", "all.json")):
        (folder / name).symlink_to(run.parent / path)
    done = shell("report", folder, "-o", tmp_path / "page.html")
    assert done.code == 0
    text = (tmp_path / "page.html").read_text()
    assert all(f'<section id="{section}">' in text for section in ("motifs", "mutations", "others"))
    assert "maps of 10 of 40 sequences are shown" in done.err


def test_the_scores_are_those_of_the_metrics(run: Path) -> None:
    found = read_run(run)
    for part in ("valid", "test"):
        own = found.held_out[part]
        value = found.metrics[part][found.columns[0]]["auroc"]["value"]
        assert auroc(own.truth[:, 0], own.scores[:, 0]) == pytest.approx(value, abs=1e-6)
        assert len(np.unique(own.names)) == len(own.names)


def test_title(run: Path, shell: Shell, tmp_path: Path) -> None:
    assert shell("report", run, "--title", "GABPA, K562", "-o", tmp_path / "page.html", "-q").code == 0
    text = (tmp_path / "page.html").read_text()
    assert "<h1>GABPA, K562</h1>" in text
    assert f"<h1>{run.name}</h1>" not in text


def test_several_runs(run: Path, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    done = shell("report", run, run, "-o", tmp_path / "page.html", "-q")
    assert (done.code, done.err) == (0, "")
    assert "2 runs compared" in (tmp_path / "page.html").read_text()
    for option in ("--motifs", "--mutations", "--evaluation", "--title"):
        done = shell("report", run, run, option, "x", "-o", tmp_path / "other.html")
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert f"{option} goes with one RUN, not with 2" in done.err
    done = shell("report", *[run] * 21, "-o", tmp_path / "other.html")
    assert "21 runs are too many for one page; give at most 20" in done.err


def test_wrong_inputs(run: Path, inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    done = shell("report", tmp_path, "-o", tmp_path / "x.html")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "is no folder that train or calibrate has written" in done.err
    (tmp_path / "there.html").write_text("mine")
    assert "use --force" in shell("report", run, "-o", tmp_path / "there.html").err
    assert (tmp_path / "there.html").read_text() == "mine"


def test_folds_regression_and_classes(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    """All kinds of held-out scores that train writes can be read."""
    kinds = {
        "folds": [inputs.labelled, "--folds", 2],
        "two": [inputs.intensities, "--target-column", "a,b", "--task", "regression", "--test-fraction", 0.2],
        "classes": [inputs.table, "--target-column", "part", "--task", "multiclass", "--test-fraction", 0.2],
    }
    for name, words in kinds.items():
        done = shell("train", *SMALL, "--epochs", 1, *words, "-o", tmp_path / name)
        assert done.code == 0, done.err
        assert shell("report", tmp_path / name, "-o", tmp_path / f"{name}.html").code == 0
        assert "<figure>" in (tmp_path / f"{name}.html").read_text()
    folds = read_run(tmp_path / "folds")
    assert list(folds.held_out) == ["fold 1", "fold 2"]
    counts = [next(iter(fold.values()))["n"] for fold in folds.metrics["folds"]]
    assert [len(part.names) for part in folds.held_out.values()] == counts
