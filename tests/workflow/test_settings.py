"""A mistake in a project is said with its file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seqcnn.errors import InputError
from seqcnn.workflow.settings import COLUMNS, read

CONFIG = Path("config/config.yaml")
SAMPLES = Path("config/samples.tsv")


def line_of(path: Path, text: str) -> int:
    return next(i for i, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_the_example_is_without_a_mistake(project: Callable[[], Path]) -> None:
    project()
    found = read()
    assert [row["sample"] for row in found.samples] == ["ctcf", "rbfox1", "gabpa"]
    assert all(set(row) == set(COLUMNS) for row in found.samples)
    assert found.genomes == {"toy": "data/genome.fa.gz"}
    own = [given for given in found.options if given.path == SAMPLES]
    assert [(given.command, given.line) for given in own] == [
        *(("encode", 2), ("train", 2), ("encode", 3), ("train", 3), ("encode", 4), ("calibrate", 4))
    ]
    for_all = [given for given in found.options if given.path == CONFIG]
    steps = [*(given.command for given in for_all[:-1]), "hits"]
    assert [given.line for given in for_all] == [line_of(CONFIG, f"  {step}: ") for step in steps]
    assert for_all[-1].command == "scan"


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("best: 10", "bets: 10", "bets", "unknown setting 'bets'; did you mean best?"),
        ("best: 10", "quite_another: 10", "quite", "there are: samples, genomes, variants, best, scan, options"),
        ("best: 10", "best: ten", "best:", "best: 'ten' is not a number"),
        ("best: 10", "best: true", "best:", "best: True is not a number"),
        ("best: 10", "best: 0", "best:", "best: 0 is below 1"),
        ("best: 10", "best: 10\nbest: 11", "best: 11", "best is said a second time, first in line"),
        ("best: 10", "best: [", "", "is not YAML"),
        ("[bw, bed]", "bw", "scan: bw", "scan: 'bw' is not a list of bw, bed"),
        ("[bw, bed]", "[bw, wig]", "scan: [", "scan: 'wig' is neither bw nor bed"),
        ("samples: config/samples.tsv", "samples:", "samples:", "does not say where the table of samples is"),
        ("  toy: data/genome.fa.gz", "  toy: data/genom.fa", "  toy:", "no file data/genom.fa; paths are relative"),
        ("  toy: data/genome.fa.gz", "  toy: 7", "  toy:", "7 is not the path of a file"),
        ("  toy: data/genome.fa.gz", "  my/toy: x", "my/toy", "'my/toy' cannot be a name"),
        ("    genome: toy", "    genome: tyo", "genome: tyo", "'tyo' is not among genomes; did you mean toy?"),
        ("    genome: toy", "    genom: toy", "genom:", "unknown setting 'genom'; there are vcf and genome"),
        ("    genome: toy", "", "toy_variants", "toy_variants lacks genome:"),
        ("    vcf: data/variants.vcf", "    vcf: data/v.vcf", "vcf:", "there is no file data/v.vcf"),
        ("  mutate:", "  mutat:", "mutat:", "options: unknown command 'mutat'; did you mean mutate?"),
        ("  mutate: --deletions", "  mutate: 7", "mutate: 7", "options: mutate: 7 is not text; put it in quotes"),
    ],
)
def test_mistakes_in_the_config(old: str, new: str, at: str, said: str, project: Callable[[], Path]) -> None:
    project()
    text = CONFIG.read_text()
    assert old in text
    CONFIG.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        read()
    number = "" if not at else "1" if new == "samples:" else str(line_of(CONFIG, at))
    assert str(error.value).startswith(f"{CONFIG}:{number}")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file or directory; seqcnn workflow init makes a project"), ("- a\n", "does not hold settings")],
)
def test_no_config(content: str | None, said: str, project: Callable[[], Path]) -> None:
    project()
    CONFIG.unlink() if content is None else CONFIG.write_text(content)
    with pytest.raises(InputError, match=said):
        read()


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("test_chroms", "test_chrom", 1, "unknown column 'test_chrom'; did you mean test_chroms?"),
        ("\tscan", "\tvariants", 1, "column variants is there twice"),
        ("sample\t", "", 1, "lacks the column sample; columns are split by tabs"),
        ("\ttoy\n", "\n", 2, "has 9 columns, but the header 10; columns are split by tabs"),
        ("rbfox1\t", "ctcf\t", 3, "sample ctcf is there already, in line 2"),
        ("rbfox1\t", "rbfox 1\t", 3, "sample: 'rbfox 1' cannot be a name"),
        ("data/ctcf.narrowPeak", "data/ctcf.bed", 2, "data: there is no file data/ctcf.bed"),
        ("\tchr4\t\t", "\tchr4\tdata/rbfox1.test.fa.gz\t", 2, "test_chroms and test_data are both said; say one"),
        ("\ttoy\t--length 101\tchr4", "\t\t--length 101\tchr4", 2, "test_chroms is for regions of a genome"),
        ("data/rbfox1.test.fa.gz", "data/none.fa", 3, "test_data: there is no file data/none.fa"),
        ("calibrate", "calibrated", 4, "method: 'calibrated' is neither train nor calibrate"),
        (
            "\ttoy\t--length",
            "\ttyo\t--length",
            2,
            "genome: 'tyo' is not among genomes in the config; did you mean toy?",
        ),
        ("toy_variants\ttoy", "toy_variants,x\ttoy", 2, "variants: 'x' is not among variants in the config"),
        ("toy_variants\ttoy", "toy_variants\thg38", 2, "scan: 'hg38' is not among genomes in the config"),
    ],
)
def test_mistakes_in_the_samples(old: str, new: str, line: int, said: str, project: Callable[[], Path]) -> None:
    project()
    text = SAMPLES.read_text()
    assert old in text
    SAMPLES.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        read()
    assert str(error.value).startswith(f"{SAMPLES}:{line}: ")
    assert said in str(error.value)


def test_lines_are_those_of_the_file(project: Callable[[], Path]) -> None:
    """With comments and empty lines, and Windows line ends."""
    project()
    lines = SAMPLES.read_text().splitlines()
    SAMPLES.write_text("\r\n".join(["# a comment", lines[0], "", lines[1], lines[1]]) + "\r\n")
    with pytest.raises(InputError, match=rf"^{SAMPLES}:5: sample ctcf is there already, in line 4"):
        read()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty; its columns are sample, data"), (b"sample\tdata\n", "has no samples"), (b"\xff", "is not text")],
)
def test_no_samples(content: bytes, said: str, project: Callable[[], Path]) -> None:
    project()
    SAMPLES.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read()


def test_another_table_and_files_elsewhere(project: Callable[[], Path]) -> None:
    project()
    Path("other.tsv").write_text("sample\tdata\nx\ts3://bucket/peaks.bed\n")
    assert [row["data"] for row in read(samples="other.tsv").samples] == ["s3://bucket/peaks.bed"]
    with pytest.raises(InputError, match=r"nowhere\.tsv: no such file"):
        read(samples="nowhere.tsv")
