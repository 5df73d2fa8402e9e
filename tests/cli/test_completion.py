"""What the tab key offers, in each shell, and how soon."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from seqcnn.cli.completion import complete_words
from seqcnn.cli.main import COMPLETION, run
from seqcnn.models import catalogue
from tests.cli.test_imports import HEAVY, LOADED

ROOT = Path(__file__).resolve().parent.parent.parent


def ask(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """Return what is offered for the last word, kind and value of each; nothing is typed of it after a space."""
    monkeypatch.setenv(COMPLETION, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    with pytest.raises(SystemExit) as ended:
        run([])
    assert ended.value.code == 0
    return [line.split(",", 1) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("seqcnn tra", ["train"]),
        ("seqcnn import dee", ["deepbind"]),
        ("seqcnn train --n-f", ["--n-filters"]),
        ("seqcnn train --pooling max", ["max", "max-average"]),
        ("seqcnn train --architecture ", list(catalogue.trainable())),
        ("seqcnn predict --device c", ["cpu", "cuda"]),
        ("seqcnn --vers", ["--version"]),
    ],
)
def test_names_are_offered(
    words: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(words, monkeypatch, capsys) == [["plain", word] for word in offered]


@pytest.mark.parametrize(
    "words", ["train pea", "train x.fa -o pea", "predict run/ pea", "train --genome pea", "import deepbind pea"]
)
def test_file_names_are_left_to_the_shell(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(f"seqcnn {words}", monkeypatch, capsys) == [["file", "pea"]]


def test_what_is_not_offered_is_not_refused() -> None:
    """A device may be one that completion does not know; the command says what it makes of it."""

    @click.command()
    @click.option("--device", default="auto")
    def command(device: str) -> None:
        click.echo(device)

    done = CliRunner().invoke(complete_words(command), ["--device", "cuda:1"])
    assert (done.exit_code, done.output) == (0, "cuda:1\n")


@pytest.mark.parametrize(
    ("shell", "switched_on_by"), [("bash", "complete -o nosort"), ("zsh", "#compdef seqcnn"), ("fish", "complete --no")]
)
def test_each_shell_has_a_script(
    shell: str, switched_on_by: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(COMPLETION, f"{shell}_source")
    with pytest.raises(SystemExit):
        run([])
    script = capsys.readouterr().out
    assert switched_on_by in script
    assert f"{COMPLETION}={shell}_complete" in script
    documented = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    assert f"{COMPLETION}={shell}_source seqcnn" in documented


def test_bash_completes_without_large_libraries(tmp_path: Path) -> None:
    """The script that is documented, in a real bash, on a program that says what it has loaded."""
    program = tmp_path / "seqcnn"
    loaded = LOADED.replace("code = run(sys.argv[1:])", "code = None\ntry: run(sys.argv[1:])\nexcept SystemExit: pass")
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(loaded)} "$@"\n')
    program.chmod(0o755)
    lines = [
        f'eval "$({COMPLETION}=bash_source seqcnn 2> /dev/null)"',
        "COMP_WORDS=(seqcnn train --arch) COMP_CWORD=2",
        "_seqcnn_completion seqcnn",
        'echo "${COMPREPLY[@]}"',
    ]
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", "\n".join(lines)], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "--architecture\n"
    assert not HEAVY & set(json.loads(done.stderr)[1])
