"""What is wrong is said in one line; nothing is left half written."""

from __future__ import annotations

import errno
import gzip
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.cli.conftest import SMALL, Inputs, Result, Runs, Shell

COMMANDS = ("encode", "train", "evaluate", "predict")
GOOD = "ACGTTGCAACGTTGCAACGTTGCAACGTTGCA"


def refused(done: Result, code: int, *said: str) -> None:
    """Check that a command ended with one line of error, as its last."""
    assert done.code == code, done
    assert done.out == ""
    errors = [line for line in done.err.splitlines() if line.startswith("seqcnn: error: ")]
    assert errors == done.err.splitlines()[-1:]
    assert "Traceback" not in done.err
    assert "defect" not in done.err
    for words in said:
        assert words.lower() in errors[0].lower()


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder, with an eye on what is left there and in the folder for temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    left = [path for path in tmp_path.rglob("*") if path.name.startswith(".")]
    assert left + list(temporary.iterdir()) == []
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())
    assert not (tmp_path / "out.file").exists()


def words(command: str, runs: Runs, *data: object, model: str = "dna") -> list[object]:
    """Return a command line for some data."""
    if command == "train":
        return ["train", *data, "-o", "out", *SMALL]
    first: list[object] = [command] if command == "encode" else [command, getattr(runs, model)]
    return [*first, *data, "-o", "out.file"]


def junk() -> bytes:
    return random.Random(1).randbytes(5000)


TEXT = gzip.compress(f">a\n{GOOD * 40}\n".encode() * 30 + junk().hex().encode(), mtime=0)
FILES: dict[str, tuple[bytes | None, int, tuple[str, ...]]] = {
    "missing": (None, 1, ("bad.fa: there is no such file",)),
    "empty": (b"", 1, ("bad.fa: is empty",)),
    "empty gzip": (gzip.compress(b"", mtime=0), 1, ("bad.fa: is empty",)),
    "binary junk": (junk(), 1, ("bad.fa: is neither text nor an encoded dataset",)),
    "truncated gzip": (TEXT[: len(TEXT) // 2], 1, ("bad.fa: gzip data end too early", "truncated")),
    "damaged gzip": (TEXT[:60] + b"\x00" * 60 + TEXT[120:], 1, ("bad.fa: gzip data are damaged",)),
    "zip": (b"PK\x03\x04" + junk(), 1, ("bad.fa: is a zip archive", "unpack it")),
    "truncated HDF5": (b"\x89HDF\r\n\x1a\n" + junk(), 1, ("bad.fa: is not a whole HDF5 dataset", "encode it again")),
    "digits": (f">a\n{GOOD}\n>b\nACGT12ACGT\n".encode(), 1, ("bad.fa:4: ", "'1'")),
    "protein": (b">a\nMKVLEELAFQ\n", 1, ("bad.fa:2: ", "'L'")),
    "only headers": (b">a\n>b\n", 1, ("bad.fa: ", "no sequence")),
    "U without alphabet": (b">a\nACGUACGUACGUACGU\n", 2, ("bad.fa: ", "--alphabet rna")),
    "regions without a genome": (b"chr1\t10\t60\n", 2, ("bad.fa holds regions", "--genome")),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", list(FILES))
def test_bad_files(kind: str, command: str, work: Path, runs: Runs, shell: Shell) -> None:
    content, code, said = FILES[kind]
    if kind == "only headers" and command == "predict":
        pytest.skip("predict has a row for each record, empty ones too")
    if kind == "U without alphabet" and command in ("evaluate", "predict"):
        pytest.skip("the model says the alphabet")
    if content is not None:
        Path("bad.fa").write_bytes(content)
    refused(shell(*words(command, runs, "bad.fa")), code, *said)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_is_no_input(command: str, work: Path, runs: Runs, shell: Shell) -> None:
    refused(shell(*words(command, runs, work)), 1, f"{work}: is a folder, not a file")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_late_in_the_data_leaves_nothing(
    command: str, work: Path, inputs: Inputs, runs: Runs, shell: Shell
) -> None:
    many = inputs.positives.read_bytes() * 1000  # more than is read at once
    Path("late.fa").write_bytes(many + b">x\nAC!GT\n")
    line = many.count(b"\n") + 2
    refused(shell(*words(command, runs, "late.fa")), 1, f"late.fa:{line}: '!' is not a nucleotide letter")


@pytest.mark.parametrize("command", COMMANDS)
def test_fasta_without_a_header(command: str, work: Path, runs: Runs, shell: Shell) -> None:
    Path("bad.fa").write_text(f"{GOOD}\n{GOOD}\n")
    refused(shell(*words(command, runs, "bad.fa", "--format", "fasta")), 1, "bad.fa:1: FASTA without a header", "'>'")


def test_bare_sequences_are_said_to_be_no_fasta(work: Path, runs: Runs, shell: Shell) -> None:
    Path("bad.fa").write_text("hello world\nthis is text\n")
    refused(shell(*words("predict", runs, "bad.fa")), 1, "bad.fa")


BED: dict[str, tuple[str, tuple[str, ...]]] = {
    "past the end": ("chr1\t10\t60\nchr2\t7990\t8050\n", ("bad.bed:2: ", "past the end of chr2", "8000 bases")),
    "unknown chromosome": ("chrQ\t10\t60\n", ("bad.bed:1: chromosome 'chrQ'", "nearest: chr")),
    "start equals end": ("chr1\t10\t60\nchr1\t60\t60\n", ("bad.bed:2: ", "60")),
    "start after end": ("chr1\t10\t60\nchr1\t70\t60\n", ("bad.bed:2: ", "70")),
    "negative start": ("chr1\t10\t60\nchr1\t-5\t60\n", ("bad.bed:2: ", "-5")),
    "no number": ("chr1\t10\t60\nchr1\tten\t60\n", ("bad.bed:2: ", "'ten'")),
    "two columns": ("chr1\t10\t60\nchr1\t10\n", ("bad.bed:2: ",)),
    "only comments": ("# nothing\n", ("bad.bed",)),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", list(BED))
def test_bad_regions(kind: str, command: str, work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    text, said = BED[kind]
    Path("bad.bed").write_text(text)
    data = ["bad.bed", "--format", "bed", "--genome", inputs.genome]
    refused(shell(*words(command, runs, *data, model="regions")), 1, *said)


def test_the_nearest_chromosome_is_named(work: Path, runs: Runs, shell: Shell) -> None:
    Path("g.fa").write_text(f">1\n{GOOD}\n>Mito\n{GOOD}\n")
    Path("bad.bed").write_text("chr1q\t1\t20\n")
    refused(shell(*words("encode", runs, "bad.bed", "--genome", "g.fa")), 1, "chromosome 'chr1q'", "nearest: 1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "g.fa: there is no such file"),
        (b"", "g.fa: is empty"),
        (junk(), "g.fa: is not a FASTA file"),
        (gzip.compress(f">chr1\n{GOOD * 40}\n".encode(), mtime=0)[:-9], "g.fa: gzip data end too early"),
        (f">chr1\n{GOOD}!{GOOD}\n".encode(), "g.fa: '!' at position 33 of chr1"),
        (f">chr1\n{GOOD}\n>chr1\n{GOOD}\n".encode(), "g.fa"),
        (f">chr1\n{GOOD}\n{GOOD[:5]}\n{GOOD}\n".encode(), "g.fa"),
    ],
)
def test_bad_genomes(content: bytes | None, said: str, work: Path, runs: Runs, shell: Shell) -> None:
    if content is not None:
        Path("g.fa").write_bytes(content)
    Path("a.bed").write_text("chr1\t5\t45\n")
    for command in ("encode", "train", "predict"):
        refused(shell(*words(command, runs, "a.bed", "--genome", "g.fa", model="regions")), 1, said)


TABLES: dict[str, tuple[str, list[str], tuple[str, ...]]] = {
    "no such sequence column": ("sequence\tbound\n{s}\t1\n", ["--sequence-column", "dna"], ("no column 'dna'",)),
    "no such target column": ("sequence\tbound\n{s}\t1\n", ["--target-column", "kd"], ("no column 'kd'", "bound")),
    "no such number": ("sequence\tbound\n{s}\t1\n", ["--target-column", "3"], ("no column '3'",)),
    "no such name column": ("sequence\tbound\n{s}\t1\n", ["--name-column", "x"], ("no column 'x'",)),
    "no such split column": ("sequence\tbound\n{s}\t1\n", ["--split-column", "x"], ("no column 'x'",)),
    "target is no number": ("sequence\tbound\n{s}\t1\n{s}\thigh\n", [], ("bad.tsv:3: 'high'", "not a number")),
    "target is infinite": ("sequence\tbound\n{s}\t1\n{s}\tinf\n", [], ("bad.tsv:3: 'inf'",)),
    "ragged": ("sequence\tbound\n{s}\t1\n{s}\n", [], ("bad.tsv:3: found 1 columns, expected 2",)),
    "no sequence": ("sequence\tbound\n{s}\t1\n\t1\n", [], ("bad.tsv:3: row without a sequence",)),
    "wrong letter": ("sequence\tbound\n{s}\t1\n{s}9\t1\n", [], ("bad.tsv:3: ", "'9'")),
    "header only": ("sequence\tbound\n", [], ("no rows",)),
}


@pytest.mark.parametrize("command", ["encode", "train"])
@pytest.mark.parametrize("kind", list(TABLES))
def test_bad_tables(kind: str, command: str, work: Path, runs: Runs, shell: Shell) -> None:
    text, options, said = TABLES[kind]
    Path("bad.tsv").write_text(text.format(s=GOOD))
    refused(shell(*words(command, runs, "bad.tsv", *options)), 1, "bad.tsv", *said)


def test_tables_without_what_evaluate_and_predict_need(work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    refused(shell(*words("evaluate", runs, inputs.table, "--target-column", "kd")), 1, "no column 'kd'")
    refused(shell(*words("predict", runs, inputs.table, "--sequence-column", "kd")), 1, "no column 'kd'")
    refused(shell(*words("evaluate", runs, inputs.table, "--target-column", "signal")), 1, "0 or 1")
    refused(shell(*words("evaluate", runs, inputs.table, "--target-column", "bound,signal")), 1, "targets")


@pytest.mark.parametrize(
    ("targets", "options", "said"),
    [
        ([1, 1, 1], ["--negatives", "none"], "one class only"),
        ([0, 0, 0], [], "one class only"),
        ([2, 2, 2], [], "one value"),
        (["", "", ""], [], "no value"),
        ([0, 1, 2], ["--task", "binary"], "--task regression"),
    ],
)
def test_targets_that_nothing_can_be_learnt_from(
    targets: list[object], options: list[str], said: str, work: Path, runs: Runs, shell: Shell
) -> None:
    rng = random.Random(3)
    rows = [f"{''.join(rng.choices('ACGT', k=40))}\t{y}\n" for y in targets * 8]
    Path("t.tsv").write_text("sequence\tbound\n" + "".join(rows))
    refused(shell(*words("train", runs, "t.tsv", *options)), 1, said)


def test_one_class_to_evaluate_on(work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    done = shell("evaluate", runs.dna, inputs.positives, "--negatives", "none")
    refused(done, 1, "one class only")


def test_sequences_shorter_than_a_filter(work: Path, runs: Runs, shell: Shell) -> None:
    Path("short.fa").write_text("".join(f">{i}\n{GOOD[:8]}\n" for i in range(20)))
    refused(shell(*words("train", runs, "short.fa")), 1, "longest sequence has 8 bp", "9 bp", "--kernel-size")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--valid-chroms", "chr1"], "needs regions"),
        (["--split-file", "missing.tsv"], "missing.tsv: there is no such file"),
        (["--negatives", "missing.fa"], "missing.fa: there is no such file"),
        (["--negatives", "gc"], "--negatives gc needs regions"),
        (["--architecture", "alexnet"], "alexnet"),
        (["--valid-fraction", "0.9", "--test-fraction", "0.95"], ""),
    ],
)
def test_train_options_that_do_not_fit(
    options: list[str], said: str, work: Path, inputs: Inputs, runs: Runs, shell: Shell
) -> None:
    done = shell(*words("train", runs, inputs.positives, *options))
    refused(done, done.code or 1, said)


def test_unknown_chromosome_to_hold_out(work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    data = [inputs.peaks, "--genome", inputs.genome, "--test-chroms", "chr9"]
    refused(shell(*words("train", runs, *data)), 1, "no example is on chromosome 'chr9'", "there are: chr1, chr2, chr3")
    data[-2:] = ["--chroms", "chr9"]
    refused(shell(*words("evaluate", runs, *data, model="regions")), 1, "'chr9'")


@pytest.mark.parametrize(
    ("pattern", "code", "said"),
    [
        ("class:[01]", 2, "needs a group in parentheses"),
        ("class:([01]", 2, "not a regular expression"),
        ("label=([01])", 1, "'x0 class:1' gives no number"),
        ("(class)", 1, "gives no number"),
    ],
)
def test_label_patterns(
    pattern: str, code: int, said: str, work: Path, inputs: Inputs, runs: Runs, shell: Shell
) -> None:
    refused(shell(*words("train", runs, inputs.labelled, "--label-pattern", pattern)), code, said)


@pytest.mark.parametrize("command", COMMANDS)
def test_stdin_is_read_once_and_not_empty(command: str, work: Path, runs: Runs, shell: Shell) -> None:
    refused(shell(*words(command, runs, "-", "-"), stdin=b">a\nACGT\n"), 2, "standard input (-) can be read only once")
    refused(shell(*words(command, runs, "-")), 1, "stdin: is empty")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_devices_that_are_not_there(command: str, work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    refused(shell(*words(command, runs, inputs.positives, "--device", "cuda")), 1, "no CUDA device")
    refused(shell(*words(command, runs, inputs.positives, "--device", "tpu")), 2, "--device tpu: say auto")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_exists_is_kept(command: str, work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    there = work / "there" / "x"
    there.parent.mkdir()
    there.write_text("precious")
    line = words(command, runs, inputs.positives)
    line[line.index("-o") + 1] = there.parent if command == "train" else there
    refused(shell(*line), 1, "exists", "--force")
    assert there.read_text() == "precious"
    done = shell(*line, "--force")
    assert done.code == 0, done
    assert there.read_text(errors="replace").startswith("precious") == (command == "train")
    line[line.index("-o") + 1] = there if command == "train" else there.parent
    refused(shell(*line, "--force"), 1, "choose another --output")


@pytest.fixture
def read_only(work: Path) -> Iterator[Path]:
    """A folder that cannot be written to, also not by root."""
    folder = work / "read_only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    if not shutil.which("mount") or subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder]).returncode:
        pytest.skip("root may write everywhere, and cannot mount here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_read_only_folder_is_refused_before_any_work(
    command: str, read_only: Path, inputs: Inputs, runs: Runs, shell: Shell
) -> None:
    line = words(command, runs, inputs.positives)
    for output in (read_only / "out", read_only / "new" / "out"):
        line[line.index("-o") + 1] = output
        done = shell(*line)
        refused(done, 1, "cannot write here", "choose another --output")
        assert done.err.count("\n") == 1


def test_an_output_below_a_file_is_refused(work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    line = words("encode", runs, inputs.positives)
    line[-1] = inputs.positives / "x.h5"
    refused(shell(*line), 1, "choose another --output")


@pytest.fixture
def small_disk(work: Path) -> Iterator[Path]:
    """A folder on a disk of 64 kB."""
    folder = work / "small"
    folder.mkdir()
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small disk needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False).returncode:
        pytest.skip("cannot mount here")
    yield folder
    left = list(folder.rglob("*"))
    subprocess.run(["umount", folder], check=True)
    assert [path for path in left if path.is_file()] == []


@pytest.mark.parametrize("command", ["encode", "train", "predict"])
def test_a_full_disk_leaves_nothing(command: str, small_disk: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    many = small_disk.parent / "many.fa"
    many.write_bytes(inputs.positives.read_bytes() * (150 if command != "train" else 1))
    line = words(command, runs, many)
    line[line.index("-o") + 1] = small_disk / "x"
    large = ["--n-filters", 600] if command == "train" else []
    done = shell(*line, *large)
    refused(done, 1, "no space left on the device")
    assert "os error" not in done.err


@pytest.mark.parametrize(
    ("command", "writer"),
    [
        ("encode", "seqcnn.dataset.store_writer.DatasetWriter.append"),
        ("train", "pathlib.Path.write_bytes"),
        ("evaluate", "pathlib.Path.write_text"),
    ],
)
def test_lack_of_space_while_writing(
    command: str, writer: str, work: Path, inputs: Inputs, runs: Runs, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writer, full)
    done = shell(*words(command, runs, inputs.positives))
    assert "no space left on the device" in done.err.splitlines()[-1]
    assert done.code == 1
    shutil.rmtree(work / "out", ignore_errors=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_written_to_and_not_replaced(work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    done = shell("predict", runs.dna, inputs.positives, "-o", "/dev/full", "--force")
    refused(done, 1, "no space left")
    assert Path("/dev/full").is_char_device()
    assert shell("predict", runs.dna, inputs.positives, "-o", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_a_link(work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    target, link = work / "target.tsv", work / "link.tsv"
    target.write_text("old")
    link.symlink_to(target)
    assert shell("predict", runs.dna, inputs.positives, "-o", link, "--force").code == 0
    assert link.is_symlink()
    assert target.read_text().startswith("name\t")


MODELS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda whole: whole[: len(whole) // 2], "truncated"),
    "truncated header": (lambda whole: whole[:100], "truncated"),
    "empty": (lambda whole: b"", "not a seqcnn model"),
    "junk": (lambda whole: junk(), "not a seqcnn model"),
    "FASTA": (lambda whole: b">a\nACGT\n", "not a seqcnn model"),
}


@pytest.mark.parametrize("kind", list(MODELS))
@pytest.mark.parametrize("command", ["evaluate", "predict", "info"])
def test_bad_models(kind: str, command: str, work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    change, said = MODELS[kind]
    if command == "info" and said == "not a seqcnn model":
        said = "neither an encoded dataset nor a seqcnn model"
    Path("m.safetensors").write_bytes(change((runs.dna / "model.safetensors").read_bytes()))
    data = [] if command == "info" else [inputs.positives]
    refused(shell(command, "m.safetensors", *data), 1, "m.safetensors: ", said)


@pytest.mark.parametrize("command", ["evaluate", "predict", "info"])
def test_missing_models(command: str, work: Path, inputs: Inputs, shell: Shell) -> None:
    data = [] if command == "info" else [inputs.positives]
    refused(shell(command, "nowhere", *data), 1, "nowhere: no such file or folder")
    Path("run").mkdir()
    refused(shell(command, "run", *data), 1, "run: is a folder without model.safetensors")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_dataset_of_another_alphabet(
    command: str, work: Path, inputs: Inputs, runs: Runs, shell: Shell, tmp_path_factory: pytest.TempPathFactory
) -> None:
    encoded = tmp_path_factory.mktemp("rna") / "rna.h5"
    assert shell("encode", inputs.rna, "--alphabet", "rna", "-o", encoded).code == 0
    refused(shell(*words(command, runs, encoded)), 1, f"{encoded}: holds RNA", "DNA")
    refused(shell(*words(command, runs, inputs.rna, "--alphabet", "rna")), 2, "the model reads DNA", "--alphabet")


def test_inputs_that_do_not_go_together(work: Path, inputs: Inputs, runs: Runs, shell: Shell) -> None:
    done = shell(*words("encode", runs, inputs.positives, inputs.intensities, "--target-column", "a"))
    refused(done, 1, "targets")
    refused(shell(*words("train", runs, inputs.table, "--negatives", "dinucleotide")), 2, "negatives")
    done = shell(*words("encode", runs, inputs.positives, inputs.rna, "--alphabet", "dna", "--one-hot"))
    assert done.code == 0
    Path("out.file").unlink()
    Path("short.fa").write_text(">a\nACGTACGT\n")
    refused(shell(*words("encode", runs, inputs.positives, "short.fa", "--one-hot")), 1, "one length", "50")
