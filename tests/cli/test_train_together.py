"""`torchrun -m seqcnn train`: several processes do one run; the first speaks and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from seqcnn.cli import together
from seqcnn.cli.given import reporter
from seqcnn.cli.main import run
from seqcnn.cli.run_folder import write_run
from tests.cli.conftest import SMALL, Inputs, Shell
from tests.training.test_parallel import TOGETHER, launch

OPTIONS = [*SMALL, "--dropout", "0.3", "--seed", "1", "--test-fraction", "0.2", "--batch-size", "7", "--device", "cpu"]


@pytest.fixture(autouse=True, scope="module")
def quick_intervals() -> None:
    """Leave intervals as they are in processes of their own."""


@pytest.fixture
def follower(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend to be the second of two processes."""
    for name, value in (TOGETHER | {"MASTER_PORT": "29500", "RANK": "1", "LOCAL_RANK": "1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(together, "BEFORE_SPEAKING", 0.0)


@pytest.mark.slow
def test_the_run_is_that_of_one_process(inputs: Inputs, shell: Shell, tmp_path: Path) -> None:
    words = ["train", inputs.positives, *OPTIONS]
    assert shell(*words, "-o", tmp_path / "one").code == 0
    done = launch(2, "-m", "seqcnn", *words, "-o", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("wrote ") == done.stderr.count("epoch   1/2") == 1
    assert "device cpu (1 thread; 2 processes)" in done.stderr
    assert done.stdout == ""
    files = {path.name for path in (tmp_path / "one").iterdir()}
    assert {path.name for path in (tmp_path / "two").iterdir()} == files
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("two", "one"))
    assert ours.keys() == theirs.keys()
    for name, weights in theirs.items():
        torch.testing.assert_close(ours[name], weights, rtol=0, atol=1e-5)
    metrics = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("two", "one")]
    assert metrics[0]["test"]["target"]["auroc"] == metrics[1]["test"]["target"]["auroc"]
    again = launch(2, "-m", "seqcnn", *words, "-o", tmp_path / "two", "--resume")
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("nothing left to do") == 1


@pytest.mark.slow
def test_what_is_wrong_is_said_once(inputs: Inputs, tmp_path: Path) -> None:
    done = launch(2, "-m", "seqcnn", "train", inputs.folder / "nothing.fa", "-o", tmp_path / "run")
    assert done.returncode != 0
    assert done.stderr.count("seqcnn: error:") == 1
    assert "nothing.fa" in done.stderr


@pytest.mark.usefixtures("follower")
def test_who_does_not_speak(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = reporter({"quiet": False, "verbose": True})
    said.say("hello")
    said.detail("more")
    assert capsys.readouterr().err == ""
    monkeypatch.delenv("RANK")
    reporter({"quiet": False, "verbose": False}).say("hello")
    assert capsys.readouterr().err == "hello\n"


@pytest.mark.usefixtures("follower")
def test_who_does_not_write(tmp_path: Path) -> None:
    write_run(tmp_path, None, [], {}, [], None)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("follower")
def test_what_is_wrong_with_one_process_alone_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "nothing.fa", "-o", "nowhere", "--device", "nothing"]) == 2
    assert capsys.readouterr().err == (
        "seqcnn: error: process 1 of 2: --device nothing: say auto, cpu, cuda, cuda:N or mps\n"
    )


def test_standard_input_is_for_one_process(
    follower: None, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        done = shell("train", "-", "-o", tmp_path / "run", "--device", "cpu", "--threads", 1)
        assert done.code == 2
        assert "standard input (-) cannot be read by several processes; give the name of a file" in done.err
    assert not (tmp_path / "run").exists()


def test_the_first_process_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from seqcnn.training import parallel

    cpu = torch.device("cpu")
    assert together.decided(lambda: None, "run", cpu) is None
    assert together.decided(lambda: tmp_path, "run", cpu) == tmp_path
    sent: list[int] = []
    monkeypatch.setattr(parallel, "current", lambda: parallel.Group(0, 2))
    monkeypatch.setattr(parallel.Group, "agree", lambda _, flag: sent.append(int(flag)))
    assert together.decided(lambda: None, "run", cpu) is None
    assert together.decided(lambda: Path("run"), "run", cpu) == Path("run")
    assert sent == [0, 1]

    def never() -> Path:
        raise AssertionError

    for name, value in (TOGETHER | {"MASTER_PORT": "29500", "RANK": "1"}).items():
        monkeypatch.setenv(name, value)
    for answer in (0, 1):
        monkeypatch.setattr(parallel.Group, "agree", lambda _, flag, answer=answer: flag.fill_(answer))
        assert together.decided(never, "run", cpu) == (Path("run") if answer else None)
