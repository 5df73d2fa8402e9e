"""`seqcnn train` from a model or from motifs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import write_motifs
from seqcnn.models.modelfile import load
from tests.cli.conftest import SMALL, Inputs, Runs, Shell

ONE = ["--epochs", "1", "--threads", "1"]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def parameters(run: Path) -> dict[str, torch.Tensor]:
    return dict(load(run).network.named_parameters())


@pytest.mark.parametrize("head_only", [False, True])
def test_from_a_model(head_only: bool, inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    """It has the model's shape, and with --head-only its motif layer too."""
    more = ["--head-only"] if head_only else []
    done = shell("train", inputs.positives, "-o", tmp_path / "run", "--from", runs.dna, *ONE, *more)
    assert done.code == 0, done.err
    before, after = parameters(runs.dna), parameters(tmp_path / "run")
    assert {name: value.shape for name, value in before.items()} == {name: value.shape for name, value in after.items()}
    for name, value in before.items():
        stays = head_only and name in ("filters", "threshold")
        assert torch.equal(value, after[name]) is stays, name
    assert read_json(tmp_path / "run" / "run.json")["options"]["from_"] == str(runs.dna)


def test_other_targets(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    done = shell(
        "train", inputs.intensities, "-o", tmp_path / "run", "--from", runs.dna, "--head-only", *ONE,
        "--target-column", "a,b",
    )  # fmt: skip
    assert done.code == 0, done.err
    model = load(tmp_path / "run")
    assert model.target_names == ("a", "b")
    assert torch.equal(dict(model.network.named_parameters())["filters"], parameters(runs.dna)["filters"])


def test_from_motifs(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    """With steps that are next to nothing, the first filter is still the motif, and the others are not."""
    motif = Motif.from_counts("m", np.eye(4)[:, [3, 2, 0, 1, 3, 1, 0, 3, 1]] * 50, pseudocount=1.0)
    write_motifs([motif], tmp_path / "m.meme")
    still = ["--learning-rate", "1e-12"]
    done = shell("train", inputs.positives, "-o", tmp_path / "run", "--motifs", tmp_path / "m.meme", *SMALL, *still)
    assert done.code == 0, done.err
    filters = parameters(tmp_path / "run")["filters"][0]
    assert filters[0].argmax(0).tolist() == [3, 2, 0, 1, 3, 1, 0, 3, 1]
    assert filters[1].argmax(0).tolist() != [3, 2, 0, 1, 3, 1, 0, 3, 1]
    assert str(tmp_path / "m.meme") in [each["path"] for each in read_json(tmp_path / "run" / "run.json")["inputs"]]


def test_motifs_wider_than_the_filters_are_named(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    wide = [Motif.from_counts(name, np.eye(4)[:, [3, 2, 0, 1] * 6] * 50, pseudocount=1.0) for name in ("w1", "w2")]
    narrow = Motif.from_counts("n", np.eye(4)[:, [3, 2, 0]] * 50, pseudocount=1.0)
    for motifs, message in (([*wide, narrow], "2 motifs, such as w1, are wider"), ([narrow], None)):
        write_motifs(motifs, tmp_path / "m.meme")
        words = ["-o", tmp_path / "run", "--force", "--motifs", tmp_path / "m.meme", *SMALL, *ONE]
        done = shell("train", inputs.positives, *words)
        assert done.code == 0, done.err
        notes = "\n".join(read_json(tmp_path / "run" / "run.json")["notes"])
        assert ("wider than the filters'" in notes) is (message is not None)
        assert message is None or message in done.err


def test_resume_sees_another_model_under_the_same_name(
    inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    shutil.copytree(runs.dna, first)
    words = ["train", inputs.positives, "-o", tmp_path / "run", "--from", first, *ONE]
    assert shell(*words).code == 0
    inputs_of = read_json(tmp_path / "run" / "run.json")["inputs"]
    assert [each["path"] for each in inputs_of if each["sha256"] is None] == []
    assert str(first) in [each["path"] for each in inputs_of]
    assert "nothing left to do" in shell(*words, "--resume").err
    again = shell("train", inputs.positives, "-o", first, "--force", "--from", runs.dna, *ONE)
    assert again.code == 0, again.err
    done = shell(*words, "--resume")
    assert done.code == 2
    assert "holds another run, finished (other input files" in done.err


def test_what_does_not_fit(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    out = ["-o", tmp_path / "run"]
    cases = {
        "--head-only needs a model to begin from (--from)": ["--head-only"],
        "--head-only leaves the detectors as they are, and --motifs sets some": [
            *("--from", runs.dna, "--head-only", "--motifs", tmp_path / "none.meme")
        ],
        "--n-filters is 99, but the model to begin from has 4": ["--from", runs.dna, "--n-filters", "99"],
        "the model to begin from is of RNA, but the sequences are DNA": ["--from", runs.rna],
        "no such file or folder": ["--from", tmp_path / "none"],
        "--filter-scale has no use here: the filters begin as those of --from": [
            *("--from", runs.dna, "--filter-scale", "0.1")
        ],
    }
    for message, options in cases.items():
        done = shell("train", inputs.positives, *out, *options, *ONE)
        assert done.code in (1, 2)
        assert done.err.splitlines()[-1].startswith("seqcnn: error: ")
        assert message in done.err
        assert not (tmp_path / "run").exists() or not any((tmp_path / "run").iterdir())
