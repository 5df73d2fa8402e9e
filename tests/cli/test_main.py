"""The entry point: help, exit codes, streams, signals."""

from __future__ import annotations

import importlib
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import click
import pytest

from seqcnn.cli.main import ORDER
from seqcnn.errors import InputError
from seqcnn.version import __version__
from tests.cli.conftest import SMALL, Inputs, Runs, Shell, draw, fasta
from tests.cli.forked import finish, start

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
@pytest.mark.parametrize("columns", [80, 120])
def test_help_fits_the_terminal(name: str, columns: int, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    done = shell(name, "--help")
    assert done.code == 0
    options = done.out.split("Examples:")[0]
    widest = max(map(len, options.splitlines()))
    assert widest <= min(columns, 110) - 2
    assert columns == 80 or widest > 80 or name == "info"
    assert "(default" not in options
    assert not re.search(r"^ *\S+-\n", done.out, re.MULTILINE)  # no word is cut


@pytest.mark.parametrize("name", list(commands()))
def test_each_option_is_explained(name: str) -> None:
    for parameter in commands()[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith((".", "standard output")), parameter.help
            assert parameter.help[0].isupper() or parameter.name in ("negatives", "device"), parameter.help
            assert len(parameter.help.split()) > 2, parameter.help


UNITS = {
    **{"BP": "bases", "MM": "millimetres", "BITS": "bits", "SECONDS": "seconds", "STEP": "the number of a step"},
    **{"N": "how many", "K": "how many", "M": "how many", "R": "so many for each", "X": "times, or to the power of"},
    **{
        "F": "a share",
        "P": "a share",
        "B": "a share",
        "Q": "a q-value",
        "RATE": "a rate",
        "SD": "a standard deviation",
    },
}
"""What the words for numbers in help mean."""


def leaves() -> dict[str, click.Command]:
    """Return the commands that do something: those of a group in its place."""
    found = {}
    for name, command in commands().items():
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {each}": one for each, one in inner.items()} or {name: command}
    return found


@pytest.mark.parametrize("name", list(leaves()))
def test_each_option_has_a_default_and_a_unit(name: str) -> None:
    command = leaves()[name]
    context = click.Context(command)
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.is_flag:
            said = parameter.get_help_extra(context)
            assert "default" in said or "required" in said, parameter.name
            if isinstance(parameter.type, (click.types.IntParamType, click.types.FloatParamType)):
                assert parameter.metavar in UNITS, f"{parameter.name}: {parameter.metavar} is no unit"


@pytest.mark.parametrize("name", ["", *dict.fromkeys([*commands(), *leaves()])])
def test_each_help_has_examples_that_can_be_run(name: str, shell: Shell) -> None:
    """As far as the words go: the files are not there."""
    shown = shell(*name.split(), "--help").out.partition("\n  Examples:\n")[2].split("\n\n")[0]
    examples = [part.strip() for line in shown.splitlines() for part in line.split(" | ")]
    ours = [shlex.split(part.partition(" > ")[0])[1:] for part in examples if part.startswith("seqcnn ")]
    assert ours
    for words in ours:
        called = next(each for each in leaves() if words[: len(each.split())] == each.split())
        with suppress(InputError):
            leaves()[called].make_context(called, words[len(called.split()) :])


def read_tests(name: str) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob(f"test_{name}*.py"))


@pytest.mark.parametrize("name", list(commands()))
def test_each_option_is_tested(name: str) -> None:
    """By its command's tests, by those of another command that has it too, or by those of what it is about."""
    topics = ("architectures", "prepare", "scoring_rule", "tasks")
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
    """Here as it is called in a shell; the others are forked from a process with the libraries."""
    predict = [*SEQCNN, "predict", str(runs.dna), str(inputs.positives), "-v"]
    done = subprocess.run(predict, capture_output=True, text=True, check=True)
    assert [len(line.split("\t")) for line in done.stdout.splitlines()] == [3] * 41
    assert "device cpu" in done.stderr
    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr
    said = "seqcnn: error: missing.fa: there is no such file\n"
    assert finish(["encode", "missing.fa", "-o", tmp_path / "x.h5"], tmp_path) == (1, "", said)


def test_a_closed_pipe_is_silent(runs: Runs, tmp_path: Path) -> None:
    many = fasta(tmp_path / "many.fa", draw(200, 20) * 100)
    os.mkfifo(tmp_path / "pipe")
    process = start(["predict", runs.dna, many], stdout=tmp_path / "pipe", stderr=tmp_path / "stderr")
    with open(tmp_path / "pipe") as pipe:
        assert pipe.readline() == "name\tscore\tprobability\n"
    process.join(30)
    assert (process.exitcode, (tmp_path / "stderr").read_text()) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_standard_output_is_one_line(inputs: Inputs, runs: Runs, tmp_path: Path) -> None:
    code, _, said = finish(["predict", runs.dna, inputs.positives], tmp_path, stdout="/dev/full")
    assert code == 1
    assert said.startswith("seqcnn: error: output: no space left")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing_but_a_checkpoint(
    sent: signal.Signals, code: int, inputs: Inputs, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log, temporary = tmp_path_factory.mktemp("streams") / "stderr", tmp_path / "tmp"
    temporary.mkdir()
    words = ["train", inputs.positives, "-o", tmp_path / "run", *SMALL, "--epochs", "100000"]
    process = start(words, stdout=os.devnull, stderr=log, temporary=temporary)
    wait_until(lambda: log.exists() and "epoch " in log.read_text(), process)
    os.kill(process.pid or 0, sent)
    process.join(30)
    assert process.exitcode == code
    lines = log.read_text().splitlines()
    assert [line for line in lines if not line.startswith(("device ", "no negatives ", "epoch "))] == lines[-1:]
    assert lines[-1].startswith("seqcnn: interrupted ")
    assert lines[-1].endswith("; the same command with --resume goes on from there")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["checkpoint.safetensors"]


def wait_until(there: Callable[[], bool], process: BaseProcess) -> None:
    while not there():
        assert process.is_alive()
        time.sleep(0.02)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing_half_written(
    sent: signal.Signals, code: int, runs: Runs, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """While it writes the scores of an input without end."""
    streams = tmp_path_factory.mktemp("streams")
    os.mkfifo(streams / "stdin")
    words = ["predict", runs.dna, "-", "-o", tmp_path / "x.tsv"]
    process = start(words, stdin=streams / "stdin", stdout=os.devnull, stderr=streams / "stderr")
    feeder = threading.Thread(target=feed, args=(streams / "stdin",))
    feeder.start()
    wait_until(lambda: bool(list(tmp_path.iterdir())), process)
    os.kill(process.pid or 0, sent)
    process.join(30)
    feeder.join()
    assert process.exitcode == code
    assert (streams / "stderr").read_text() == ("seqcnn: interrupted\n" if sent == signal.SIGINT else "")
    assert list(tmp_path.iterdir()) == []


def feed(path: Path) -> None:
    """Write sequences until nobody reads them."""
    with suppress(BrokenPipeError), open(path, "wb", buffering=0) as stdin:
        while True:
            stdin.write(b">s\nACGTACGTACGTACGT\n" * 10_000)


def test_progress_is_shown_on_a_terminal(inputs: Inputs, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = ["train", inputs.positives, *SMALL, "--epochs", "30", "-o", tmp_path / "a"]
    process = start(words, stdout=tmp_path / "stdout", stderr=os.ttyname(theirs))
    shown = b""
    while b"wrote " not in shown:
        shown += os.read(ours, 65536)
    process.join(30)
    os.close(theirs)
    os.close(ours)
    assert (process.exitcode, (tmp_path / "stdout").read_bytes()) == (0, b"")
    assert re.search(rb"epoch \d+/30, loss 0", shown)
    assert b"\x1b[" in shown
