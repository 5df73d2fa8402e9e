"""Every architecture through every command that takes one."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import seqcnn.version
from seqcnn.cli.main import ORDER
from seqcnn.models import catalogue
from seqcnn.models.modelfile import load
from tests.cli.conftest import Inputs, Shell

NAMES = catalogue.trainable()
TINY = ["--epochs", "2", "--members", "2", "--n-filters", "4", "--kernel-size", "9", "--hidden", "3", "--threads", "1"]
OWN: dict[str, list[str]] = {
    "basset": ["--activation", "exponential", "--pooling", "both"],
    "danq": ["--cell", "gru", "--n-units", "3", "--padding", "same"],
    "dilated": ["--n-layers", "2", "--batch-norm", "--strands", "equivariant"],
    "inception": ["--n-blocks", "1", "--pooling", "attention"],
    "resnet": ["--n-blocks", "1", "--width", "1.5", "--initialisation", "orthogonal"],
    "unet": ["--n-levels", "1", "--pooling", "average", "--strands", "mean"],
    "vgg": ["--n-blocks", "2", "--no-batch-norm", "--strands", "mean", "--padding", "valid"],
}


@pytest.fixture(scope="module")
def trained(inputs: Inputs, shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Train one small model of each architecture."""
    folder = tmp_path_factory.mktemp("architectures")
    for name in NAMES:
        options = [*TINY, *OWN.get(name, []), "--architecture", name, "--test-fraction", "0.2"]
        done = shell("train", inputs.positives, "--negatives", inputs.negatives, "-o", folder / name, *options)
        assert done.code == 0, done.err
    return {name: folder / name for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_through_every_command(
    name: str, trained: dict[str, Path], inputs: Inputs, shell: Shell, tmp_path: Path
) -> None:
    run = trained[name]
    few = tmp_path / "few.fa"
    few.write_text("".join(inputs.positives.read_text().splitlines(keepends=True)[:4]))
    commands = {
        "info": ["info", run],
        "predict": ["predict", run, inputs.positives],
        "evaluate": ["evaluate", run, inputs.positives, "--negatives", inputs.negatives],
        "mutate": ["mutate", run, few, "--deletions", "--maps", 0, "-o", tmp_path / "mutations"],
        "scan": [
            "scan",
            run,
            inputs.genome,
            "--length",
            "61",
            "--step",
            "500",
            "--threshold",
            "top=5",
            "-o",
            tmp_path / "scan.bed",
        ],
        "export": ["export", run, "--to", "torch", "-o", tmp_path / "weights.pt"],
        "embed": ["embed", run, few, "-o", tmp_path / "features.tsv"],
        "design": ["design", run, "--length", "12", "--n", "1", "--edits", "1", "-o", tmp_path / "designed.fa"],
        "motifs": ["motifs", run, inputs.positives, "--logos", "none", "-o", tmp_path / "motifs"],
    }
    found = {}
    for command, words in commands.items():
        if command in ORDER:
            found[command] = shell(*words)
            assert found[command].code == 0, f"{command}: {found[command].err}"
    assert f"architecture{' ' * 10}" in found["info"].out
    assert name in found["info"].out
    scores = np.array([float(row[1]) for row in found["predict"].rows])
    assert len(scores) == 40
    assert np.isfinite(scores).all()


def test_settings_reach_the_network(trained: dict[str, Path]) -> None:
    settings = {name: load(run).network.settings for name, run in trained.items()}
    assert (settings["basset"].activation, settings["basset"].pooling) == ("exponential", "both")
    assert (settings["danq"].cell, settings["danq"].n_units, settings["danq"].padding) == ("gru", 3, "same")
    assert (settings["dilated"].n_layers, settings["dilated"].batch_norm) == (2, True)
    assert (settings["dilated"].strands, settings["vgg"].strands) == ("equivariant", "mean")
    assert (settings["resnet"].width, settings["resnet"].initialisation) == (1.5, "orthogonal")
    assert (settings["unet"].n_levels, settings["unet"].pooling, settings["unet"].strands) == (1, "average", "mean")
    assert (settings["vgg"].n_blocks, settings["vgg"].batch_norm) == (2, False)
    assert all(each.n_filters == 4 and each.hidden == 3 for each in settings.values())


def test_go_on_from_a_model(trained: dict[str, Path], inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    """Its shape need not be said; another one is refused."""
    data = [inputs.positives, "--negatives", inputs.negatives, "--epochs", "1", "--threads", "1"]
    done = shell("train", *data, "--from", trained["resnet"], "--head-only", "-o", tmp_path / "on")
    assert done.code == 0, done.err
    before, after = (dict(load(run).network.named_parameters()) for run in (trained["resnet"], tmp_path / "on"))
    assert np.array_equal(before["filters"], after["filters"])
    assert not np.array_equal(before["output_weight"], after["output_weight"])
    for words, said in (
        (["--width", "2"], "--width is 2.0, but the model to begin from has 1.5"),
        (["--architecture", "vgg"], "--architecture is vgg, but the model to begin from has resnet"),
    ):
        done = shell("train", *data, "--from", trained["resnet"], *words, "-o", tmp_path / "no")
        assert (done.code, said in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--architecture", "lenet"], "unknown architecture 'lenet'; there are: basset"),
        (["--architecture", "vgg", "--width", "2"], "the architecture vgg has no width; it has: n_filters"),
        (["--padding", "same"], "the architecture deepbind has no padding"),
        (["--pooling", "attention"], "unknown pooling 'attention'; there are: max, max-average"),
        (["--architecture", "basset", "--pooling", "max-average"], "unknown pooling 'max-average'; there are: max, av"),
        (["--architecture", "basset", "--preset", "deepbind"], "--preset deepbind is for the architecture deepbind"),
        (["--strands", "mean"], "has no strands 'mean'"),
    ],
)
def test_what_an_architecture_has_not(
    words: list[str], said: str, inputs: Inputs, shell: Shell, tmp_path: Path
) -> None:
    done = shell("train", inputs.labelled, "--label-pattern", "class:([01])", *words, "-o", tmp_path / "run")
    assert (done.code, len(done.err.splitlines())) == (2, 1), done.err
    assert said in done.err
    assert not (tmp_path / "run").exists()


def test_list_architectures(shell: Shell) -> None:
    done = shell("train", "--list-architectures")
    assert done.code == 0
    rows = {line.split()[0]: line for line in done.out.splitlines()}
    assert set(rows) == {"name", *NAMES}
    assert "WaveNet -> BPNet" in rows["dilated"]
    assert " 145 " in rows["dilated"]
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        (line,) = re.findall(rf"^\| `{name}` \|.*\| ([\d,]+) \| ([\d,]+|all) \|$", readme, re.MULTILINE)
        assert tuple(rows[name].split()[1:3]) == line


def test_calibrate(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    """Settings of any architecture can be searched, and only those it has."""
    few = [*TINY[6:], "--batch-size", "32", "--epochs", "2", "--trial-epochs", "1", "--trials", "2", "--folds", "2"]
    words = ["calibrate", inputs.positives, "--negatives", inputs.negatives, "--architecture", "resnet", *few]
    search = ["--search", "n_blocks=1,2", "--search", "width=0.5..1", "--n-filters", "4", "--restarts", "1"]
    done = shell(*words, *search, "--best", "1", "-o", tmp_path / "run")
    assert done.code == 0, done.err
    header, *trials = [line.split("\t") for line in (tmp_path / "run" / "trials.tsv").read_text().splitlines()]
    assert {row[header.index("n_blocks")] for row in trials} == {"1", "2"}
    done = shell(*words, "--search", "n_layers=1,2", "-o", tmp_path / "no")
    assert (done.code, "--search n-layers: the architecture resnet has no n_layers" in done.err) == (2, True), done.err


NEW = '''"""Twin: two detectors' lengths of my own making."""

from dataclasses import dataclass

from seqcnn.models import deep, settings

LINEAGE = "mine"


@dataclass(frozen=True, slots=True)
class Settings(settings.Deep):
    """A shape of my own.

    Parameters
    ----------
    depth : int, 1 to 5
        Layers on top of each other.
    """

    n_filters: int = 8
    depth: int = 2


class Model(deep.Model):
    """Pooling between layers."""

    def layers(self, make):
        n = self.settings.n_filters
        return [layer for _ in range(self.settings.depth) for layer in (make.pool(n), make.unit(n, n, 5))]
'''

USE = """
import sys
from seqcnn.cli.main import run
positives, negatives, out = sys.argv[1:]
options = ["--depth", "3", "--epochs", "1", "--members", "1", "--threads", "1", "--kernel-size", "9"]
code = run(["train", positives, "--negatives", negatives, "--architecture", "twin", *options, "-o", out])
code = code or run(["predict", out, positives])
code = code or run(["train", "--list-architectures"])
code = code or run(["train", positives, "--architecture", "twin", "--depth", "6", "-o", out + "2"]) != 2
sys.exit(code)
"""


@pytest.mark.slow
def test_a_new_architecture_is_one_file(inputs: Inputs, tmp_path: Path) -> None:
    package = Path(seqcnn.version.__file__).parent
    shutil.copytree(package, tmp_path / "seqcnn", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "seqcnn" / "models" / "architectures" / "twin.py").write_text(NEW)
    assert len(NEW.splitlines()) <= 31
    done = subprocess.run(
        [sys.executable, "-c", USE, inputs.positives, inputs.negatives, tmp_path / "run"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 + 40 + 2 + len(NAMES)
    assert "depth" not in catalogue.options()
    assert "6 is not in the range 1<=x<=5" in done.stderr
    assert importlib.util.find_spec("seqcnn.models.architectures.twin") is None
