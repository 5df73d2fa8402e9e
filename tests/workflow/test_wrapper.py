"""The wrappers: one for each command, each in the layout of snakemake-wrappers, and each run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import yaml

from seqcnn.cli.main import cli
from seqcnn.workflow.project import WRAPPERS
from seqcnn.workflow.wrapper import command_line, run
from tests.workflow.conftest import Snakemake

COMMANDS = set(cli.list_commands(click.Context(cli))) - {"workflow"}
FOLDERS = sorted(path.name for path in WRAPPERS.iterdir() if path.is_dir() and not path.name.startswith("_"))


def test_there_is_one_for_each_command() -> None:
    assert set(FOLDERS) >= COMMANDS


@pytest.mark.parametrize("name", FOLDERS)
def test_layout(name: str) -> None:
    folder = WRAPPERS / name
    assert {path.name for path in folder.iterdir()} - {"__pycache__"} == {
        *("wrapper.py", "meta.yaml", "environment.yaml", "test")
    }
    about = yaml.safe_load((folder / "meta.yaml").read_text())
    assert about["name"].startswith(f"seqcnn {name}")
    assert set(about) == {"name", "description", "url", "authors", "input", "output", "params", "notes"}
    assert (folder / "environment.yaml").read_bytes() == (WRAPPERS / FOLDERS[0] / "environment.yaml").read_bytes()
    named = {next(iter(each)) for each in about["input"]}
    rule = (folder / "test" / "Snakefile").read_text()
    assert f'"{name}"' in rule
    wrapper = (folder / "wrapper.py").read_text()
    arguments = wrapper.partition("arguments=[")[2].partition("]")[0].replace('"', "").split(", ")
    assert set(arguments) <= named


class Named(dict[str, Any]):
    """Files of a rule, by name and by number."""

    def __getitem__(self, key: Any) -> Any:
        return list(self.values())[key] if isinstance(key, int) else super().__getitem__(key)


def rule(
    inputs: Mapping[str, Any], output: str = "out.tsv", log: str | None = None, extra: str = "", threads: int = 3
) -> Any:
    return SimpleNamespace(
        input=Named(inputs),
        output=[output],
        log=[log] if log else [],
        params={"extra": extra} if extra else {},
        threads=threads,
    )


def test_inputs_become_arguments_and_options() -> None:
    made = rule({"model": "m", "sequences": ["a.fa", "b.fa"], "genome": "g.fa"}, extra="--rule 'window'")
    assert command_line(made, "predict", arguments=["model", "sequences"]) == [
        *("seqcnn", "predict", "m", "a.fa", "b.fa", "--genome", "g.fa", "--output", "out.tsv", "--force"),
        *("--threads", "3", "--rule", "window"),
    ]


def test_layouts() -> None:
    made = rule({"data": "x.fa", "known_motifs": []}, output="run/model.safetensors")
    words = command_line(made, "train", arguments=["data"], folder=True, threads=False, again="--resume")
    assert words == ["seqcnn", "train", "x.fa", "--output", "run", "--resume"]
    assert command_line(made, "import deepbind", arguments=["data"], output=False, threads=False) == [
        *("seqcnn", "import", "deepbind", "x.fa")
    ]
    assert command_line(made, "x", arguments=["data"], again="", threads=False)[-2:] == [
        *("--output", "run/model.safetensors")
    ]
    several = rule({"data": "x.fa", "bias": ["a.tsv", "b.tsv"]})
    assert command_line(several, "x", arguments=["data"], output=False, threads=False)[3:] == ["--bias", "a.tsv,b.tsv"]
    of_run = rule({"run": "run/run.json", "motifs": "m/run.json", "evaluation": "e.json", "mutations": []})
    words = command_line(of_run, "report", arguments=["run"], folders=["run", "motifs", "mutations"], threads=False)
    assert words[2:-3] == ["run", "--motifs", "m", "--evaluation", "e.json"]
    with pytest.raises(ValueError, match="seqcnn x: the rule has no input named model"):
        command_line(made, "x", arguments=["model"])


@pytest.mark.parametrize("code", [0, 3])
def test_messages_go_to_the_log_and_results_to_the_output(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "seqcnn"
    program.write_text(f'#!/bin/sh\necho "$@"\necho warned >&2\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    log, out = tmp_path / "x.log", tmp_path / "x.txt"

    def perform(**layout: Any) -> None:
        made = rule({"file": "m"}, str(out), str(log), "--json")
        with nullcontext() if code == 0 else pytest.raises(SystemExit, match=str(code)):
            run(made, "info", arguments=["file"], threads=False, **layout)

    perform(results=True)
    assert (out.read_text(), log.read_text()) == ("info m --json\n", "warned\n")
    perform()
    assert sorted(log.read_text().splitlines()) == sorted([f"info m --output {out} --force --json", "warned"])


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(COMMANDS & set(FOLDERS)))
def test_it_runs(name: str, snakemake: Snakemake, tmp_path: Path) -> None:
    shutil.copytree(WRAPPERS / name / "test", tmp_path / "test")
    snakemake("--cores", 1, "--wrapper-prefix", f"file://{WRAPPERS}/", folder=tmp_path / "test")
