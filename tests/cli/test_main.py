"""The entry point: help, exit codes, streams, signals."""

from __future__ import annotations

import importlib
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import click
import pytest

from seqcnn.cli.main import ORDER
from seqcnn.version import __version__
from tests.cli.conftest import SMALL, Inputs, Runs, Shell, draw, fasta

SEQCNN = [sys.executable, "-m", "seqcnn"]


def commands() -> dict[str, click.Command]:
    return {name: importlib.import_module(f"seqcnn.cli.commands.{name}").command for name in ORDER}


def test_version_and_help(shell: Shell) -> None:
    assert shell("--version").out == f"seqcnn, version {__version__}\n"
    done = shell("-h")
    assert (done.code, done.err) == (0, "")
    places = [done.out.index(f"\n  {name} ") for name in ORDER]
    assert places == sorted(places)


def test_without_a_command_help_goes_to_stderr(shell: Shell) -> None:
    done = shell()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: seqcnn")


@pytest.mark.parametrize("name", list(commands()))
@pytest.mark.parametrize("columns", [80, 110, 200])
def test_help_fits_the_terminal(name: str, columns: int, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = shell(name, "--help")
    assert done.code == 0
    options = done.out.split("Examples:")[0]
    widest = max(map(len, options.splitlines()))
    assert widest <= min(columns, 110) - 2
    assert columns == 80 or widest > 80 or name == "info"
    assert "(default" not in options


@pytest.mark.parametrize("name", list(commands()))
def test_each_option_is_explained(name: str) -> None:
    for parameter in commands()[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith((".", "standard output")), parameter.help
            assert parameter.help[0].isupper() or parameter.name in ("negatives", "device"), parameter.help


def read_tests(name: str) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob(f"test_{name}*.py"))


@pytest.mark.parametrize("name", list(commands()))
def test_each_option_is_tested(name: str) -> None:
    """By its command's tests, by those of another command that has it too, or by those of what it is about."""
    topics = ("architectures", "prepare", "scoring_rule", "structure", "tasks")
    every = {other: read_tests(other) for other in (*commands(), *topics)}
    for parameter in commands()[name].params:
        sharing = [other for other, command in commands().items() if parameter.name in {p.name for p in command.params}]
        tests = "".join(every[other] for other in (*sharing, *topics))
        for spelling in parameter.opts + parameter.secondary_opts:
            if spelling.startswith("--") and spelling not in ("--output", "--debug"):
                assert f'"{spelling}"' in tests, spelling


def test_the_same_option_is_said_the_same_way_everywhere() -> None:
    spellings: dict[str, set[tuple[str, ...]]] = {}
    for command in commands().values():
        for parameter in command.params:
            if not isinstance(parameter, click.Option):
                continue
            spellings.setdefault(str(parameter.name), set()).add(tuple(parameter.opts))
    assert {name: ways for name, ways in spellings.items() if len(ways) > 1} == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["train"], "Missing argument 'DATA...'"),
        (["train", "x.fa"], "Missing option '-o'"),
        (["train", "x.fa", "-o", "y", "--pooling", "mean"], "'mean' is not one of 'max', 'max-average'"),
        (["train", "x.fa", "-o", "y", "--epochs", "0"], "0 is not in the range x>=1"),
        (["train", "x.fa", "-o", "y", "--bogus"], "No such option '--bogus'"),
        (["train", "x.fa", "-o", "y", "--target-column", ","], "is empty"),
        (["encode", "x.fa", "-o", "y", "--length", "0"], "0 is not in the range x>=1"),
        (["--debug", "predict", "m"], "Missing argument 'SEQUENCES...'"),
        (["predict", "m", "x.fa", "--batch-size", "ten"], "'ten' is not a valid integer"),
    ],
)
def test_wrong_usage_is_one_line_and_2(words: list[str], said: str, shell: Shell) -> None:
    done = shell(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("seqcnn: error: ")
    assert done.err.count("\n") == 1
    assert said in done.err
    assert "--help" in done.err


def test_a_defect_is_one_line_unless_debug_is_asked_for(
    inputs: Inputs, tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("seqcnn.dataset.build.open_sources", fail)
    done = shell("encode", inputs.positives, "-o", tmp_path / "x.h5")
    assert done.code == 1
    assert done.err.startswith("seqcnn: error: a defect in seqcnn: RuntimeError: two lines; please report")
    assert done.err.count("\n") == 1
    with pytest.raises(RuntimeError):
        shell("--debug", "encode", inputs.positives, "-o", tmp_path / "x.h5")


def test_lack_of_memory_is_one_line(inputs: Inputs, runs: Runs, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("seqcnn.models.predict.mean_and_spread", fail)
    done = shell("predict", runs.dna, inputs.positives)
    assert done.code == 1
    assert done.err.startswith("seqcnn: error: not enough memory")


def test_results_and_messages_are_apart_and_exit_codes_real(inputs: Inputs, runs: Runs, tmp_path: Path) -> None:
    predict = [*SEQCNN, "predict", str(runs.dna), str(inputs.positives), "-v"]
    done = subprocess.run(predict, capture_output=True, text=True, check=True)
    assert [len(line.split("\t")) for line in done.stdout.splitlines()] == [3] * 41
    assert "device cpu" in done.stderr
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    missing = [*SEQCNN, "encode", "missing.fa", "-o", str(tmp_path / "x.h5")]
    done = subprocess.run(missing, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "seqcnn: error: missing.fa: there is no such file\n"


def test_a_closed_pipe_is_silent(runs: Runs, tmp_path: Path) -> None:
    many = fasta(tmp_path / "many.fa", draw(200, 20) * 100)
    with subprocess.Popen(
        [*SEQCNN, "predict", str(runs.dna), str(many)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "name\tscore\tprobability\n"
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(30) == 141
    assert said == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_standard_output_is_one_line(inputs: Inputs, runs: Runs) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*SEQCNN, "predict", str(runs.dna), str(inputs.positives)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("seqcnn: error: output: no space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing_but_a_checkpoint(
    sent: signal.Signals, code: int, inputs: Inputs, tmp_path: Path
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    words = ["train", str(inputs.positives), "-o", str(tmp_path / "run"), *SMALL, "--epochs", "100000"]
    with subprocess.Popen(
        [*SEQCNN, *words],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs are born deaf to it
    ) as process:
        assert process.stderr is not None
        while "epoch " not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(sent)
        said = process.stderr.read().splitlines()
        assert process.wait(30) == code
    said = [line for line in said if not line.startswith("epoch ")]
    assert len(said) == 1
    assert said[0].startswith("seqcnn: interrupted ")
    assert said[0].endswith("; the same command with --resume goes on from there")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["checkpoint.safetensors"]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing_half_written(sent: signal.Signals, code: int, runs: Runs, tmp_path: Path) -> None:
    """While it writes the scores of an input without end."""
    with subprocess.Popen(
        [*SEQCNN, "predict", str(runs.dna), "-", "-o", str(tmp_path / "x.tsv")],
        bufsize=0,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs are born deaf to it
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        feeder = threading.Thread(target=feed, args=(process.stdin,))
        feeder.start()
        while not list(tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(sent)
        assert process.wait(30) == code
        said = process.stderr.read()
        feeder.join()
    assert said == (b"seqcnn: interrupted\n" if sent == signal.SIGINT else b"")
    assert list(tmp_path.iterdir()) == []


def feed(stdin: IO[bytes]) -> None:
    """Write sequences until nobody reads them."""
    with suppress(BrokenPipeError):
        while True:
            stdin.write(b">s\nACGTACGTACGTACGT\n" * 10_000)


def test_progress_is_shown_on_a_terminal(inputs: Inputs, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = ["train", str(inputs.positives), *SMALL, "--epochs", "30"]
    process = subprocess.Popen([*SEQCNN, *words, "-o", str(tmp_path / "a")], stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # said once the other side has closed the terminal
        while read := os.read(ours, 65536):
            shown += read
    out, _ = process.communicate(timeout=30)
    os.close(ours)
    assert (process.returncode, out) == (0, b"")
    assert re.search(rb"epoch \d+/30, loss 0", shown)
    assert b"\x1b[" in shown


def test_the_shell_can_complete_words() -> None:
    asked = {"_SEQCNN_COMPLETE": "bash_complete", "COMP_WORDS": "seqcnn tra", "COMP_CWORD": "1"}
    program = Path(sys.executable).with_name("seqcnn")
    done = subprocess.run([program], env=os.environ | asked, capture_output=True, text=True, check=False)
    assert "train" in done.stdout
