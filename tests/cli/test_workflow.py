"""`seqcnn workflow`: a project, its check, parts put together."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import numpy as np
import pytest

from seqcnn.formats.bigwig import open_bigwig
from seqcnn.formats.bigwig_runs import BigWigRuns
from seqcnn.workflow.project import TEMPLATE, WRAPPERS
from tests.cli.conftest import Inputs, Runs, Shell

CONFIG, SAMPLES = Path("config/config.yaml"), Path("config/samples.tsv")


@pytest.fixture
def in_project(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project."""
    assert shell("workflow", "init", tmp_path / "p", "--quiet").code == 0
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def test_init(shell: Shell, tmp_path: Path) -> None:
    done = shell("workflow", "init", tmp_path / "p")
    assert (done.code, done.out) == (0, "")
    assert f"to run it: cd {tmp_path / 'p'} && snakemake --cores 2" in done.err
    assert (tmp_path / "p/workflow/Snakefile").read_text() == (TEMPLATE / "workflow/Snakefile").read_text()
    again = shell("workflow", "init", tmp_path / "p")
    assert again.code == 1
    assert "not empty; use --force" in again.err
    assert "rules/train.smk" in shell("workflow", "init", tmp_path / "p", "--force", "-v").err


def test_check(shell: Shell, in_project: Path) -> None:
    done = shell("workflow", "check")
    assert (done.code, done.out) == (0, "")
    assert done.err == "config/config.yaml: no mistake found; samples: 3, genomes: 1, variants: 1\n"
    assert shell("workflow", "check", CONFIG, "--quiet").err == ""
    (in_project / "one.tsv").write_text("sample\tdata\na\tdata/ctcf.narrowPeak\n")
    assert "samples: 1," in shell("workflow", "check", "--samples", "one.tsv").err


@pytest.mark.parametrize(
    ("path", "old", "new", "line", "said"),
    [
        (SAMPLES, "--length 101", "--lenght 101", 2, "options of encode: No such option '--lenght'"),
        (SAMPLES, "--length 101", "--length long", 2, "'--length': 'long' is not a valid integer"),
        (SAMPLES, "--length 101", "--length", 2, "options of encode: Option '--length' requires an argument"),
        (SAMPLES, "--length 101", "101", 2, "options of encode: '101' is no option"),
        (SAMPLES, "([01])'", "([01])", 3, "no closing quotation"),
        (SAMPLES, "--n-filters 16", "--force", 3, "options of train: --force cannot be said; it says so itself"),
        (SAMPLES, "--n-filters 16", "--n-filters 0", 3, "'--n-filters': 0 is not in the range x>=1"),
        (SAMPLES, "--n-filters 16", "--architecture alexnet", 3, "of train: unknown architecture 'alexnet'"),
        (SAMPLES, "--n-filters 16", "--device gpu", 3, "options of train: --device gpu: say auto, cpu, cuda"),
        (CONFIG, "--deletions", "--delete", None, "options of mutate: No such option '--delete'"),
        (CONFIG, "--step 5", "--shard 1/2", None, "--shard cannot be said; --set-scatter of snakemake changes it"),
        (CONFIG, "--step 5", "--threads 2", None, "--threads cannot be said; set-threads in a profile changes it"),
        (CONFIG, "best: 10", "worst: 10", None, "unknown setting 'worst'"),
    ],
)
def test_check_says_where(
    path: Path, old: str, new: str, line: int | None, said: str, shell: Shell, in_project: Path
) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    line = line or next(i for i, each in enumerate(path.read_text().splitlines(), 1) if new in each)
    done = shell("workflow", "check")
    assert done.code == 1
    assert done.err.startswith(f"seqcnn: error: {path}:{line}: ")
    assert said in done.err
    assert done.err.count("\n") == 1


def edit_sample(name: str, **cells: str) -> None:
    lines = [line.split("\t") for line in SAMPLES.read_text().splitlines()]
    row = next(line for line in lines if line[0] == name)
    for column, text in cells.items():
        row[lines[0].index(column)] = text
    SAMPLES.write_text("".join("\t".join(line) + "\n" for line in lines))


ENCODE = "--alphabet rna --label-pattern 'class:([01])'"
"""How the RNA of the example is read."""


@pytest.mark.parametrize(
    ("cells", "mutate", "said"),
    [
        (
            {"encode": f"{ENCODE} --structure fold"},
            "--deletions",
            "mutate: --deletions is not for models with structures",
        ),
        ({"encode": f"{ENCODE} --structure fold"}, "--insertions A", "mutate: --insertions is not for models with"),
        ({"train": "--structure fold", "scan": "toy"}, "", "train: --structure: scan reads no models with structures"),
        (
            {"encode": f"{ENCODE} --structure read", "variants": "toy_variants"},
            "",
            "encode: --structure: variants reads no",
        ),
        ({"encode": f"{ENCODE} --structure fold"}, "", ""),
        ({"encode": f"{ENCODE} --structure fold", "train": "--structure none", "scan": "toy"}, "--deletions", ""),
        ({"encode": f"{ENCODE} --structure none", "scan": "toy"}, "--deletions", ""),
    ],
)
def test_models_with_structures_are_not_asked_for_what_they_cannot_do(
    cells: dict[str, str], mutate: str, said: str, shell: Shell, in_project: Path
) -> None:
    edit_sample("rbfox1", **cells)
    config = CONFIG.read_text()
    assert "mutate: --deletions" in config
    CONFIG.write_text(config.replace("mutate: --deletions", f"mutate: {mutate}"))
    done = shell("workflow", "check")
    assert done.code == (1 if said else 0), done.err
    if said:
        assert f": options of {said}" in done.err
        assert done.err.count("\n") == 1


def test_a_sample_may_leave_aside_the_structures_of_all(shell: Shell, in_project: Path) -> None:
    config = CONFIG.read_text()
    assert config.count('encode: ""') == 1
    CONFIG.write_text(config.replace('encode: ""', "encode: --structure fold"))
    done = shell("workflow", "check")
    assert f"{CONFIG}:{config.splitlines().index('options:') + 2}: options of encode: --structure: " in done.err
    for name in ("ctcf", "rbfox1", "gabpa"):
        edit_sample(name, train="--structure none")
    assert shell("workflow", "check").code == 0


def test_wrappers(shell: Shell) -> None:
    assert shell("workflow", "wrappers").out == f"{WRAPPERS}\n"


def test_parts_of_tracks_and_hits(inputs: Inputs, runs: Runs, shell: Shell, tmp_path: Path) -> None:
    reader = pytest.importorskip("pyBigWig")
    more: list[object] = ["--step", 7]
    for kind in ("bw", "bed"):
        words = ["scan", runs.regions, inputs.genome, *more, "--threads", 1]
        assert shell(*words, "-o", tmp_path / f"whole.{kind}").code == 0
        parts = [tmp_path / f"{i}.{kind}" for i in (1, 2, 3, 4, 5)]
        for i, part in enumerate(parts, 1):
            assert shell(*words, "--shard", f"{i}/5", "-o", part).code == 0
        done = shell("workflow", "gather", *parts, "-o", tmp_path / f"joined.{kind}")
        assert done.code == 0, done.err
        assert "of 5 parts" in done.err
        with reader.open(str(tmp_path / "whole.bw")) as whole:
            more = ["--threshold", np.nanquantile(whole.values("chr1", 0, 8000, numpy=True), 0.98)]
    with reader.open(str(tmp_path / "whole.bw")) as whole, reader.open(str(tmp_path / "joined.bw")) as joined:
        assert whole.chroms() == joined.chroms()
        assert {**whole.header(), "sumData": 0, "sumSquared": 0} == {**joined.header(), "sumData": 0, "sumSquared": 0}
        for chrom, size in whole.chroms().items():
            a, b = (file.values(chrom, 0, size, numpy=True) for file in (whole, joined))
            np.testing.assert_allclose(a, b, rtol=1e-5)
            a, b = (np.array(file.stats(chrom, nBins=9, exact=False), float) for file in (whole, joined))
            np.testing.assert_allclose(a, b, rtol=1e-5)
    places = [
        [line.split("\t")[:3] for line in (tmp_path / f"{name}.bed").read_text().splitlines()]
        for name in ("whole", "joined")
    ]
    assert len(places[0]) > 20
    assert places[0] == places[1]


def hits(path: Path, *rows: tuple[str, int, str, float]) -> Path:
    path.write_text("".join(f"{c}\t{a}\t{a + 10}\t{name}\t{score}\t+\n" for c, a, name, score in rows))
    return path


def test_of_hits_that_overlap_where_parts_meet_the_better_is_kept(shell: Shell, tmp_path: Path) -> None:
    parts = [
        hits(tmp_path / "1.bed", ("c", 0, "a", 9), ("c", 20, "a", 1), ("c", 21, "b", 3)),
        hits(tmp_path / "2.bed"),
        hits(tmp_path / "3.bed", ("c", 25, "a", 2), ("c", 25, "b", 2), ("c", 35, "a", 1)),
        hits(tmp_path / "4.bed", ("d", 36, "a", 1)),
    ]
    kept = "c\t0\t10\ta\t9\t+\nc\t21\t31\tb\t3\t+\nc\t25\t35\ta\t2\t+\nc\t35\t45\ta\t1\t+\nd\t36\t46\ta\t1\t+\n"
    assert shell("workflow", "gather", *parts, "-o", tmp_path / "x.bed").code == 0
    assert (tmp_path / "x.bed").read_text() == kept
    assert shell("workflow", "gather", *parts, "-o", tmp_path / "y.bed", "--overlaps").code == 0
    assert (tmp_path / "y.bed").read_text() == "".join(part.read_text() for part in parts)
    (tmp_path / "4.bed").write_text("d\t1\t2\n")
    done = shell("workflow", "gather", *parts, "-o", tmp_path / "z.bed")
    assert "4.bed:1: is not a line of hits: six columns" in done.err


END_IS = '##INFO=<ID=END,Number=1,Type=Integer,Description="End">'


def calls(path: Path, n: int, header: str = "##fileformat=VCFv4.2") -> list[str]:
    rng = random.Random(4)
    lines = [f"chr1\t{1 + i * 977 + rng.randrange(900)}\tv{i}\tA\tC\t.\tPASS\tAC=1\n" for i in range(n)]
    lines[n // 2] = lines[n // 2].replace("\tA\tC\t", "\tA\t<DEL>\t").replace("AC=1", f"END={n * 977}")
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    path.write_text("".join([f"{header}\n{END_IS}\n##contig=<ID=chr1,length=900000>\n{columns}\n", *lines]))
    return lines


def test_parts_of_variants(shell: Shell, tmp_path: Path) -> None:
    """The index leads to the same records as bcftools-like reading of the whole."""
    from cyvcf2 import VCF

    from seqcnn.formats.bgzf import END, pack

    lines = calls(tmp_path / "all.vcf", 300)
    head = (tmp_path / "all.vcf").read_text().partition("chr1\t")[0]
    parts = []
    for i, (first, last) in enumerate(((0, 90), (90, 90), (90, 210), (210, 300)), 1):
        parts.append(tmp_path / f"{i}.vcf.gz")
        text = (head + "".join(lines[first:last])).encode()
        parts[-1].write_bytes(b"".join([*pack(text), END]))
    done = shell("workflow", "gather", *parts, "-o", tmp_path / "x.vcf.gz")
    assert (done.code, done.err) == (0, f"wrote {tmp_path / 'x.vcf.gz'}: 300 records, of 4 parts\n")
    assert gzip.decompress((tmp_path / "x.vcf.gz").read_bytes()).decode() == (tmp_path / "all.vcf").read_text()
    whole = [(record.POS, record.end, record.ID) for record in VCF(str(tmp_path / "all.vcf"))]
    for first, last in ((1, 9), (40_000, 90_000), (200_000, 200_100), (290_000, 293_100)):
        found = {record.ID for record in VCF(str(tmp_path / "x.vcf.gz"))(f"chr1:{first}-{last}")}
        assert found == {name for start, end, name in whole if start <= last and end >= first}
    unsorted = shell("workflow", "gather", *parts[::-1], "-o", tmp_path / "x.vcf.gz", "--force")
    assert unsorted.code == 0
    assert not (tmp_path / "x.vcf.gz.tbi").exists()
    plain = [tmp_path / "a.vcf", tmp_path / "b.vcf"]
    for path in plain:
        calls(path, 7)
    assert shell("workflow", "gather", *plain, "-o", tmp_path / "y.vcf").code == 0
    assert (tmp_path / "y.vcf").read_text().count("chr1\t") == 14
    calls(plain[1], 7, header="##fileformat=VCFv4.1")
    done = shell("workflow", "gather", *plain, "-o", tmp_path / "z.vcf")
    assert f"b.vcf: is not of the same run as {plain[0]}; name the parts of one run" in done.err


def test_parts_of_text(shell: Shell, tmp_path: Path) -> None:
    for i, text in enumerate(("id\ta\n1\t2\n", "id\ta\n", "id\ta\n3\t4\n5\t6\n"), 1):
        (tmp_path / f"{i}.tsv").write_text(text)
        (tmp_path / f"{i}.bedgraph").write_text(text.partition("\n")[2])
    for kind, header in (("tsv", "id\ta\n"), ("bedgraph", "")):
        done = shell("workflow", "gather", *sorted(tmp_path.glob(f"?.{kind}")), "-o", tmp_path / f"joined.{kind}")
        assert "3 lines, of 3 parts" in done.err
        assert (tmp_path / f"joined.{kind}").read_text() == f"{header}1\t2\n3\t4\n5\t6\n"
    (tmp_path / "2.tsv").write_text("id\tb\n")
    assert (
        "2.tsv: is not of the same run"
        in shell("workflow", "gather", *sorted(tmp_path.glob("?.tsv")), "-o", tmp_path / "x.tsv").err
    )


@pytest.mark.parametrize(
    ("parts", "output", "code", "said"),
    [
        (["1.bed"], "x.txt", 2, "end it in .vcf.gz, .vcf, .tsv, .bedgraph, .bw, .bed, as the parts"),
        (["1.bed", "2.bw"], "x.bed", 2, "2.bw does not end in .bed, as the output does"),
        (["1.bed", "none.bed"], "x.bed", 1, "none.bed: there is no such file"),
        (["1.bed"], "1.bed", 1, "use --force to replace it"),
        (["2.bw"], "x.bw", 1, "2.bw: is not a bigWig file"),
        (["b.bw", "a.bw"], "x.bw", 1, "a.bw: has values at chr1:0 that come before those of the part named before it"),
        (["a.bw", "c.bw"], "x.bw", 1, "c.bw: is not of the same run as"),
        (["a.bw", "d.bw"], "x.bw", 1, "d.bw: is not of the same run as"),
        (["cut.bw"], "x.bw", 1, "cut.bw: is truncated"),
    ],
)
def test_parts_that_do_not_go_together(
    parts: list[str],
    output: str,
    code: int,
    said: str,
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    hits(Path("1.bed"))
    Path("2.bw").write_text("no")
    for name, start, size, step in (
        ("a", 0, 5000, 1),
        ("b", 3000, 5000, 1),
        ("c", 3000, 6000, 1),
        ("d", 3000, 5000, 2),
    ):
        with open_bigwig(f"{name}.bw", {"chr1": size}, step) as file:
            file.add("chr1", start, np.arange(900, dtype=np.float32))
    Path("cut.bw").write_bytes(Path("a.bw").read_bytes()[:900])
    done = shell("workflow", "gather", *parts, "-o", output)
    assert done.code == code
    assert said in done.err


@pytest.mark.parametrize("step", [1, 3])
def test_values_of_a_bigwig_are_read_back(step: int, tmp_path: Path) -> None:
    """Whatever the runs that they were written in."""
    rng = np.random.default_rng(3)
    sizes = {"chr2": 40_000, "chr1": 9_001, "empty": 10}
    wrote: dict[str, list[tuple[int, np.ndarray]]] = {}
    with open_bigwig(tmp_path / "x.bw", sizes, step) as file:
        for chrom, size in list(sizes.items())[:2]:
            at = 5
            while at < size:
                n = min(int(rng.choice([1, 7, 1023, 1024, 1025, 5000])), -(-(size - at) // step))
                values = rng.normal(size=n).astype(np.float32)
                file.add(chrom, at, values)
                wrote.setdefault(chrom, []).append((at, values))
                at += n * step + int(rng.choice([0, 9]))
    found: dict[str, list[tuple[int, np.ndarray]]] = {}
    with BigWigRuns(tmp_path / "x.bw") as file_read:
        assert list(file_read.sizes.items()) == list(sizes.items())
        for run in file_read:
            assert run.step == step
            found.setdefault(run.chrom, []).append((run.start, run.values))
    for chrom in wrote:
        every = [{s + i * step: v for s, values in runs for i, v in enumerate(values.tolist())}
                 for runs in (wrote[chrom], found[chrom])]  # fmt: skip
        assert every[0] == every[1]
