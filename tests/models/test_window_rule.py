"""The window rule against its definition, and through predictions and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seqcnn.errors import ModelFileError
from seqcnn.models import modelfile
from seqcnn.models.modelfile import Model
from seqcnn.models.predict import member_scores, predict
from seqcnn.sequence.ragged import from_rows
from tests.models.test_deepbind import make, random_rows

LENGTHS = [1, 3, 6, 7, 8, 20, 57, 7, 120]


@pytest.mark.parametrize("pooling", ["max", "max-average"])
@pytest.mark.parametrize("both_strands", [True, False])
def test_definition(pooling: str, both_strands: bool) -> None:
    k = 7
    network = make(n_members=2, n_targets=2, kernel_size=k, pooling=pooling, both_strands=both_strands).eval()
    rows = random_rows(0, LENGTHS)
    windows = [[row[i : i + k] for i in range(max(1, len(row) - k + 1))] for row in rows]
    wanted = [member_scores(network, from_rows(cut)).max(1) for cut in windows]
    network.rule = "window"
    np.testing.assert_allclose(member_scores(network, from_rows(rows)), np.stack(wanted, axis=1), atol=1e-5)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_score_does_not_depend_on_its_batch(n_threads: int) -> None:
    network = make(n_members=2, kernel_size=5, hidden=8).eval()
    network.rule = "window"
    rows = random_rows(1, LENGTHS * 40)
    torch.set_num_threads(n_threads)
    together = predict(network, from_rows(rows))
    np.testing.assert_array_equal(together, predict(network, from_rows(rows), batch_size=3))
    np.testing.assert_array_equal(together[:9], predict(network, from_rows(rows[:9])))


def test_the_rule_is_stored(tmp_path: Path) -> None:
    network = make(kernel_size=5).eval()
    network.rule = "window"
    model = Model(network, "deepbind", "dna", "binary", ("a",), None, {})
    modelfile.save(model, tmp_path / "m.safetensors")
    again = modelfile.load(tmp_path / "m.safetensors")
    assert again.network.rule == "window"
    rows = from_rows(random_rows(2, LENGTHS))
    np.testing.assert_array_equal(predict(again.network, rows), predict(network, rows))
    assert np.abs(predict(network, rows) - predict(make(kernel_size=5).eval(), rows)).max() > 1e-3


def test_no_such_rule(tmp_path: Path) -> None:
    network = make(kernel_size=5).eval()
    network.rule = "best"
    modelfile.save(Model(network, "deepbind", "dna", "binary", ("a",), None, {}), tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError, match="rule is 'best'"):
        modelfile.load(tmp_path / "m.safetensors")


def test_files_without_a_rule_are_scored_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = make(kernel_size=5).eval()
    dumps = modelfile.json.dumps
    monkeypatch.setattr(modelfile.json, "dumps", lambda about: dumps({k: v for k, v in about.items() if k != "rule"}))
    modelfile.save(Model(network, "deepbind", "dna", "binary", ("a",), None, {}), tmp_path / "m.safetensors")
    assert modelfile.load(tmp_path / "m.safetensors").network.rule == "whole"
