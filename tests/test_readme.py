"""The README and the pages of docs/: their commands are run, and their tables held against what the program writes."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import h5py
import pytest

from seqcnn.cli.main import CLOSED_PIPE, COMPLETION, cli, run
from seqcnn.training.presets import PRESETS
from tests.conftest import few_resamples

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    *("README.md", "docs/files.md", "docs/training.md", "docs/architectures.md", "docs/installing.md"),
    *("CONTRIBUTING.md", "packaging/README.md"),
)
"""In the order of reading: what one leaves, the next may use. `docs/torch_export.md` has a test of its own."""
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
TEXT = "\n".join(TEXTS.values())
pytestmark = pytest.mark.timeout(600)  # the first test runs all commands
QUICK = ["--epochs", "1", "--members", "1", "--n-filters", "4"]
"""What is added to training."""
QUICK_SEARCH = [
    "--epochs",
    "2",
    "--trial-epochs",
    "1",
    "--trials",
    "3",
    "--folds",
    "2",
    "--best",
    "1",
    "--restarts",
    "1",
]
"""What is added to calibration."""

FENCE = re.compile(
    r"^(?:<!-- data: (?P<data>\w+) -->\n)?```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
PROSE = FENCE.sub("", TEXT)


@dataclass(frozen=True)
class Block:
    """A fenced block; `data` is the folder of published data that it needs, if any."""

    language: str
    body: str
    data: str | None

    @property
    def commands(self) -> list[str]:
        """The lines that a reader types."""
        if self.language == "console":
            return [line.removeprefix("$ ") for line in self.body.splitlines() if line.startswith("$ ")]
        return [line for line in self.body.splitlines() if line.strip() and not line.startswith("#")]


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    command: str
    code: int
    out: str
    err: str


BLOCKS = [Block(m["language"], m["body"], m["data"]) for m in FENCE.finditer(TEXT)]
SHELL = [block for block in BLOCKS if block.language in ("bash", "console")]
PUBLISHED = sorted({block.data for block in SHELL if block.data})
ELSEWHERE = ("make", "pip", "python", ".venv/bin/python", "conda", "docker", "eval", "source", "cd", "snakemake")
"""Commands that are looked up, not run; tests/cli/test_completion.py has those of completion."""


def first_word(command: str) -> str:
    return shlex.split(command)[0]


def is_looked_up(command: str) -> bool:
    return first_word(command) in ELSEWHERE or COMPLETION in command


def quick(command: str) -> str:
    if command.startswith("seqcnn calibrate "):
        return f"{command} {shlex.join(QUICK_SEARCH)}"
    if command.startswith("seqcnn motifs "):
        return f"{command} --n-logos 1"
    kept = ("--members", "--from")  # what has a shape of its own
    more = QUICK[:2] if any(option in command for option in kept) else QUICK
    more = [*more, "--n-blocks", "1"] if "--architecture resnet" in command else more
    return f"{command} {shlex.join(more)}" if command.startswith("seqcnn train ") else command


def in_process(command: str) -> Done:
    """Run seqcnn here, to save the start-up time."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = run(shlex.split(quick(command))[1:])
    return Done(command, code, *(stream.buffer.getvalue().decode() for stream in (out, err)))  # type: ignore[attr-defined]


def in_shell(command: str, tools: Path) -> Done:
    """Run a pipe or another program in a shell that finds this seqcnn."""
    environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    return Done(command, done.returncode, done.stdout, done.stderr)


def perform(command: str, tools: Path) -> Done:
    """Run a command and see that it succeeds."""
    plain = command.startswith("seqcnn ") and not {"|", ">", "<"} & set(shlex.split(command))
    done = in_process(command) if plain else in_shell(command, tools)
    allowed = (0, CLOSED_PIPE) if "| head" in command else (0,)
    assert done.code in allowed, f"{command}\n{done.err}"
    assert "Traceback" not in done.err
    return done


def perform_python(body: str, names: dict[str, Any]) -> str:
    """Run a block of Python, with the names that earlier ones made; fits in it are small already."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(body, "README.md", "exec"), names)
    return out.getvalue()


def rules(body: str) -> list[dict[str, Any]]:
    """Read a Snakefile of plain rules: output and shell command of each; wrappers only have to be there."""
    found = []
    for text in re.split(r"^rule \w+:\n", body, flags=re.MULTILINE)[1:]:
        if wrapper := re.search(r'wrapper:\n\s+"(.+)"', text):
            assert (ROOT / "seqcnn/workflow/wrappers" / wrapper[1] / "wrapper.py").is_file()
            continue
        output = re.search(r'output:\n\s+"(.+)",', text)
        shell = re.search(r"shell:\n((?:\s+\".*\"\n?)+)", text)
        assert output, text
        assert shell, text
        found.append({"output": output[1], "shell": "".join(re.findall(r'"(.*)"', shell[1]))})
    return found


def filled(rule: dict[str, Any], inputs: dict[str, str]) -> str:
    """Fill in the wildcards of a rule's command as Snakemake would."""
    wildcards = {"tf": "ctcf", "sample": "one"}
    values = inputs | {"threads": "1", "log": "train.log"} | {f"wildcards.{k}": v for k, v in wildcards.items()}
    values["output"] = rule["output"].format(**wildcards)
    command = re.sub(r"\{([\w.]+)\}", lambda m: values[m[1]], rule["shell"])
    return command.removesuffix(" 2> train.log")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `seqcnn` that runs this checkout."""
    folder = tmp_path_factory.mktemp("tools")
    script = folder / "seqcnn"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m seqcnn "$@"\n')
    script.chmod(0o755)
    return folder


@dataclass(frozen=True)
class Session:
    """All that a reader of the README does, in its order."""

    folder: Path
    done: dict[str, Done]
    python: list[str]

    def out(self, start: str) -> str:
        """What the first command that begins so printed."""
        return next(done.out for command, done in self.done.items() if command.startswith(start))


@pytest.fixture(scope="module")
def session(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Go through the README beside a copy of data/."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "data", folder / "data", ignore=shutil.ignore_patterns("__pycache__", "*.fai"))
    done: dict[str, Done] = {}
    python: list[str] = []
    names: dict[str, Any] = {"__name__": "readme"}
    with chdir(folder), few_resamples():
        for block in BLOCKS:
            if block.language == "python":
                python.append(perform_python(block.body, names))
            elif block.language == "snakemake":
                inputs = {
                    "input.peaks": "data/peaks.narrowPeak",
                    "input.genome": "data/genome.fa.gz",
                    "input.model": "models/ctcf/model.safetensors",
                    "input.sequences": "data/probes.tsv",
                }
                for rule in rules(block.body):
                    command = filled(rule, inputs)
                    done[command] = perform(command, tools)
                    assert Path(rule["output"].format(tf="ctcf", sample="one")).is_file()
            elif block.language in ("bash", "console") and block.data is None:
                for command in block.commands:
                    if not is_looked_up(command):
                        done[command] = perform(command, tools)
        yield Session(folder, done, python)


def test_every_command_is_run_or_looked_up(session: Session) -> None:
    assert {block.language for block in BLOCKS} <= {"bash", "console", "python", "snakemake", "zsh", "fish"}
    assert ("\n" + TEXT).count("\n```") == 2 * len(BLOCKS), "a block that cannot be read"
    assert TEXT.count("<!-- data: ") == sum(block.data is not None for block in BLOCKS), "a mark that no block follows"
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} - {"docs/torch_export.md"}
    assert pages <= set(PAGES), "a page that is not tested"
    here = [command for block in SHELL if block.data is None for command in block.commands]
    assert {command for command in here if not is_looked_up(command)} <= session.done.keys()
    assert len([b for b in BLOCKS if b.language == "python"]) == len(session.python) > 0
    assert any(b.language == "snakemake" for b in BLOCKS)
    assert all(len(block.commands) for block in SHELL)


@pytest.mark.parametrize("command", [c for block in SHELL for c in block.commands if is_looked_up(c)])
def test_commands_that_are_not_run_name_what_there_is(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    words = shlex.split(command)
    if words[0] == "make":
        variables = [word.partition("=")[0] for word in words[1:] if "=" in word]
        targets = [word for word in words[1:] if "=" not in word]
        assert targets
        assert all(re.search(rf"^{name} \?=", makefile, re.MULTILINE) for name in variables)
        assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in targets)
    elif words[0] == "python":
        script = ROOT / words[1]
        assert script.is_file()
        options = [word for word in words[2:] if word.startswith("--") and " " not in word]
        assert all(option in script.read_text(encoding="utf-8") for option in options)
    elif words[0] == "cd":
        assert f"seqcnn workflow init {words[1]}\n" in TEXT
    elif words[0] == "snakemake":
        named = [word for word in words if word.startswith("profiles/")]
        assert all((ROOT / "seqcnn/workflow/template" / name).is_dir() for name in named)
    elif words[0] == ".venv/bin/python":
        assert words[1:3] == ["-m", "pytest"]
        assert all((ROOT / word).exists() for word in words[3:] if not word.startswith("-"))
    elif words[0] in ("conda", "docker"):
        assert (ROOT / words[words.index("-f") + 1]).is_file()
    elif words[0] == "pip":
        assert words[1] == "install"
        assert len(words) == 3
        extras = re.fullmatch(r"\.(?:\[(.+)\])?", words[2])
        known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
        assert set((extras[1] or "dev").split(",")) <= set(known) if extras else f"TORCH ?= {words[2]}\n" in makefile
    else:
        assert "seqcnn" in command


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("name", PUBLISHED)
def test_commands_on_published_data(name: str, shared_data: Path, tools: Path, tmp_path: Path) -> None:
    folder = shared_data / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    with chdir(tmp_path):
        for block in SHELL:
            if block.data == name:
                for command in block.commands:
                    perform(command, tools)


def commands() -> dict[str, click.Command]:
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def test_prose_names_commands_and_options_that_there_are() -> None:
    groups = [command for command in commands().values() if isinstance(command, click.Group)]
    every = [cli, *commands().values(), *(each for group in groups for each in group.commands.values())]
    known = {option for command in every for p in command.params for option in p.opts}
    known |= {option for command in commands().values() for p in command.params for option in p.secondary_opts}
    known |= {"--help", "-h"}
    for code in INLINE.findall(PROSE):
        if code.startswith(("snakemake ", "#SBATCH ")):
            continue
        script = re.match(r"python (benchmarks/\w+\.py)", code)
        own = set(OPTION.findall((ROOT / script[1]).read_text(encoding="utf-8"))) if script else set()
        unknown = set(OPTION.findall(code)) - known - own
        assert not unknown, code
        named = re.match(r"seqcnn ([a-z]\w+)", code)
        assert named is None or named[1] in commands(), code
    assert set(commands()) == set(re.findall(r"^\| \[`seqcnn (\w+)`\]", TEXT, re.MULTILINE))
    for target in re.findall(r"`make ([\w-]+)`", PROSE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), target


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    """Return the places in a page that a link may name."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize(
    "page", [*PAGES, "CHANGELOG.md", "docs/torch_export.md", "data/README.md", "benchmarks/README.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    assert links or page not in PAGES[:5]
    for link in links:
        if not link.startswith("https://"):
            to, _, place = link.partition("#")
            target = (path.parent / to).resolve() if to else path
            assert target.exists(), link
            assert not place or place in anchors(target), link


def test_files_named_in_the_prose_exist() -> None:
    roots = ("seqcnn/", "data/", "tests/", "benchmarks/", "docs/", "packaging/")
    named = [code for code in INLINE.findall(PROSE) if code.startswith(roots) and " " not in code]
    assert named
    for code in named:
        assert (ROOT / code).exists(), code


def table(heading: str) -> list[list[str]]:
    """Return the cells below a table's heading line, of which the first cell is given."""
    found = re.search(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert found, heading
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()]


def names_in(heading: str) -> list[str]:
    """Return the words in code type in a table's first column."""
    return [name for row in table(heading) for name in INLINE.findall(row[0])]


def test_the_dataset_has_the_layout_that_is_said(session: Session) -> None:
    with h5py.File(session.folder / "ctcf.h5") as file:
        said = {INLINE.findall(row[0])[0]: row[1] for row in table("in the file")}
        assert set(file) == set(said) - {"split", "split_names", "bound", "weights", "contexts"}
        n = len(file["offsets"]) - 1
        sizes = {"n": n, "n + 1": n + 1, "targets": 1, "4": 4, "length": 101}
        for name in file:
            if said[name] == "text":
                assert h5py.check_string_dtype(file[name].dtype)
                continue
            kind, shape = re.fullmatch(r"(\w+) \((.+)\)", said[name]).groups()  # type: ignore[union-attr]
            assert file[name].dtype == kind, name
            wanted = [sizes.get(size) for size in shape.split(", ")]
            assert [b for a, b in zip(wanted, file[name].shape, strict=True) if a] == [a for a in wanted if a], name
        attributes = re.search(r"Attributes: (.*?)\. To open", TEXT, re.DOTALL)
        assert attributes
        named = [name for name in INLINE.findall(attributes[1]) if name not in ("run.json", "--length")]
        assert sorted(named) == sorted(file.attrs)


def test_a_split_column_is_stored_as_is_said(session: Session) -> None:
    said = {INLINE.findall(row[0])[0]: row[1] for row in table("in the file")}
    assert in_process("seqcnn encode arrays.tsv --split-column part -o arrays.h5").code == 0
    with h5py.File("arrays.h5") as file:
        assert set(file) <= set(said)
        assert file["split"].dtype == said["split"].split()[0]
        assert set(file["split_names"].asstr()[:]) == {"", "train", "test"}


def test_a_run_folder_has_the_files_and_columns_that_are_said(session: Session) -> None:
    folder = session.folder / "ctcf"
    assert sorted(path.name for path in folder.iterdir()) == sorted(names_in("file"))
    header = (folder / "history.tsv").read_text().splitlines()[0].split("\t")
    assert header == names_in("`history.tsv`")
    record = json.loads((folder / "run.json").read_text())
    assert sorted(record) == sorted(names_in("`run.json`"))
    assert set(json.loads((folder / "metrics.json").read_text())) == {"valid", "test"}


def test_metrics_are_those_that_are_said(session: Session) -> None:
    said = {row[0]: set(INLINE.findall(row[1])) for row in table("task")}
    for task, run_folder in (("binary", "ctcf"), ("regression", "gabpa")):
        metrics = json.loads((session.folder / run_folder / "metrics.json").read_text())["test"]
        assert set(next(iter(metrics.values()))) == said[task]
    written = json.loads((session.folder / "ctcf-test.json").read_text())["metrics"]["target"]
    assert set(written["auroc"]) == {"value", "low", "high"}
    assert "auroc" in session.out("seqcnn evaluate ctcf")


def test_scores_have_the_columns_that_are_said(session: Session) -> None:
    lines = (session.folder / "ctcf-scores.tsv").read_text().splitlines()
    assert lines[0].split("\t") == names_in("column")
    peaks = (session.folder / "data" / "peaks.narrowPeak").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines[1:]] == [line.split("\t")[3] for line in peaks]
    header = (session.folder / "rbfox1-scores.tsv").read_text().splitlines()[0]
    assert header.split("\t") == ["name", "score", "probability"]
    assert len(session.out("gzip -dc data/clip.fa.gz | seqcnn predict").splitlines()) == 3


def test_presets_are_those_that_are_said() -> None:
    rows = {row[0]: row[1:] for row in table("preset")}
    order = ("default", "deepbind")
    said = {
        "motif detectors, length": lambda p: f"{p['n_filters']}, {p['kernel_size']} bp",
        "hidden units, pooling, dropout": lambda p: f"{p['hidden']}, {p['pooling']}, {p['dropout']:g}",
        "networks trained side by side and averaged": lambda p: str(p["members"]),
        "learning rate, weight decay, momentum": lambda p: (
            f"{p['learning_rate']:g}, {p['weight_decay']:g}, {p['momentum']:g}"
        ),
        "batch": lambda p: str(p["batch_size"]),
    }
    for name, text in said.items():
        assert [cell.replace("1e-6", "1e-06").strip() for cell in rows[name]] == [text(PRESETS[o]) for o in order], name


def test_the_demo_prints_what_is_quoted(session: Session) -> None:
    """Compare the parts that do not depend on training with what the same command said here."""
    block = next(block for block in BLOCKS if block.language == "console")
    trained = next(done for command, done in session.done.items() if command.startswith("seqcnn train data/peaks"))
    quoted = block.body.splitlines()[1:]
    fixed = [line for line in quoted if line.startswith(("no negatives", "--negatives", "test ("))]
    assert len(fixed) == 3
    assert all(line in trained.err.splitlines() for line in fixed)
    counts = next(line for line in quoted if line.startswith("device")).partition("; ")[2]
    assert counts in trained.err


def test_points_where_figures_go_come_in_pairs() -> None:
    for name in ("encode10", "yeast", "speed", "memory"):
        assert TEXT.count(f"<!-- {name} -->") == TEXT.count(f"<!-- /{name} -->") == 1
        assert TEXT.index(f"<!-- {name} -->") < TEXT.index(f"<!-- /{name} -->")
