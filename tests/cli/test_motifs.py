"""`seqcnn motifs`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import read_motifs, write_motifs
from seqcnn.models import modelfile
from seqcnn.report.motif_table import COLUMNS, MATCH_COLUMNS
from seqcnn.sequence.ragged import decode_all
from tests.cli.conftest import Inputs, Runs, Shell
from tests.interpret.small_networks import collected, detecting, detector, model, planted

MOTIF, OTHER = "TGACTCAT", "CCGGAAGT"
QUICK = ("--logos", "none", "--threads", "1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model of two motifs, and a filter that never fires."""
    filters = [detector(MOTIF), detector(OTHER, at=3), detector("AAAAAAAA", strength=0.1)]
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    modelfile.save(model(detecting(filters, 5.0, [1.0, 0.5, 1.0])), path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write sequences as FASTA with and without labels, as a table, and a database of known motifs."""
    folder = tmp_path_factory.mktemp("data")
    codes, labels = planted([MOTIF, OTHER], n=120)
    rows = list(zip(decode_all(codes), labels.astype(int), strict=True))
    paths = {name: folder / name for name in ("labelled.fa", "plain.fa", "others.fa", "table.tsv", "known.meme")}
    paths["labelled.fa"].write_text("".join(f">s{i} class:{y}\n{s}\n" for i, (s, y) in enumerate(rows)))
    paths["plain.fa"].write_text("".join(f">s{i}\n{s}\n" for i, (s, y) in enumerate(rows) if y))
    paths["others.fa"].write_text("".join(f">s{i}\n{s}\n" for i, (s, y) in enumerate(rows) if not y))
    paths["table.tsv"].write_text("sequence\tt0\tt9\n" + "".join(f"{s}\t{y}\t{1 - y}\n" for s, y in rows))
    rng = np.random.default_rng(0)
    known = [Motif(f"M{i}", rng.dirichlet(np.ones(4), 8).T, f"name{i}", nsites=100) for i in range(60)]
    sharp = np.full((4, 8), 0.02)
    sharp["ACGT".index("T"), 0] = 0.94
    for i, base in enumerate(MOTIF):
        sharp[:, i] = 0.02
        sharp["ACGT".index(base), i] = 0.94
    known.append(Motif("AP1", sharp, "FOS::JUN", nsites=100).reverse_complement())
    write_motifs(known, paths["known.meme"])
    return paths


def table(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of motifs.tsv by name."""
    header, *rows = [line.split("\t") for line in (folder / "motifs.tsv").read_text().splitlines()]
    assert header == list(COLUMNS)
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


LABELS = ("--label-pattern", "class:([01])")


def test_what_is_written(shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path) -> None:
    """The table, motif files, sites, matches, logos and the record."""
    out = tmp_path / "out"
    done = shell(
        "motifs", trained, data["labelled.fa"], *LABELS, "--database", data["known.meme"], "-o", out, "--n-logos", 1
    )
    assert (done.code, done.out) == (0, ""), done.err
    assert "1 dead: listed in motifs.tsv with the reason" in done.err
    assert f"wrote {out}: 2 motifs of positives" in done.err
    assert f"filter_0  {MOTIF}  effect" in done.err
    rows = table(out)
    assert list(rows) == ["filter_0", "filter_1", "filter_2"]
    first = rows["filter_0"]
    assert (first["status"], first["consensus"], first["width"], first["match"]) == ("kept", MOTIF, "8", "AP1")
    assert (first["match_name"], first["offset"], first["strand"]) == ("FOS::JUN", "0", "-")
    assert float(first["p_value"]) < 1e-3
    assert float(first["q_value"]) < 0.05
    assert float(first["e_value"]) == pytest.approx(61 * float(first["p_value"]), rel=1e-3)
    assert float(first["auroc"]) > 0.6
    assert float(first["central_p"]) < 0.01
    assert rows["filter_2"]["status"] == "dead: never fires"
    assert rows["filter_2"]["consensus"] == ""
    for kind in ("meme", "jaspar", "transfac", "homer"):
        motifs = read_motifs(out / f"motifs.{kind}")
        assert [motif.consensus() for motif in motifs] == [MOTIF, OTHER], kind
    assert motifs[0].width == 8
    assert read_motifs(out / "motifs.meme")[0].nsites == float(first["n_sites"])
    matches = [line.split("\t") for line in (out / "matches.tsv").read_text().splitlines()]
    assert matches[0] == list(MATCH_COLUMNS)
    assert matches[1][:3] == ["filter_0", "AP1", "FOS::JUN"]
    assert matches[1][9] == matches[1][10] == MOTIF
    logos = sorted(path.name for path in (out / "logos").iterdir())
    assert logos == ["filter_0.png", "filter_0_rc.png", "sheet.png"]
    record = json.loads((out / "run.json").read_text())
    assert record["counts"] | {"positives": 60, "negatives": 60, "filters": 3, "kept": 2, "dead": 1} == record["counts"]
    assert sum(record["background"]) == pytest.approx(1)
    assert record["labelled"]
    assert {Path(each["path"]).name for each in record["inputs"]} >= {"labelled.fa", "known.meme"}
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["logos", "matches.tsv", "motifs.tsv", "positions.tsv", "run.json", "sites.bed"]
        + [f"motifs.{kind}" for kind in ("meme", "jaspar", "transfac", "homer")]
    )


def test_sites_hold_the_motif(shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path) -> None:
    """BED6 of names where there is no genome: what stands there is the motif, or its reverse complement."""
    assert shell("motifs", trained, data["plain.fa"], "-o", tmp_path / "o", *QUICK).code == 0
    fasta = dict(block.splitlines() for block in data["plain.fa"].read_text().split(">")[1:])
    lines = [line.split("\t") for line in (tmp_path / "o" / "sites.bed").read_text().splitlines()]
    turned = str.maketrans("ACGT", "TGCA")
    right = 0
    for name, start, end, motif, score, strand in lines:
        here = fasta[name][int(start) : int(end)]
        here = here.translate(turned)[::-1] if strand == "-" else here
        right += here == {"filter_0": MOTIF, "filter_1": OTHER}[motif]
        assert float(score) > 0
    assert right / len(lines) > 0.9
    assert len({line[5] for line in lines}) == 2


def test_sites_are_those_that_motifs_are_made_of(
    shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path
) -> None:
    """Of positives, where there are negatives too."""
    out, labels = tmp_path / "o", ["--label-pattern", "class:([01])"]
    assert shell("motifs", trained, data["labelled.fa"], "-o", out, *labels, *QUICK).code == 0
    rows = [line.split("\t") for line in (out / "motifs.tsv").read_text().splitlines()]
    n_sites = {row[0]: int(row[rows[0].index("n_sites")]) for row in rows[1:] if row[rows[0].index("status")] == "kept"}
    sites = [line.split("\t") for line in (out / "sites.bed").read_text().splitlines()]
    places = [line.split("\t") for line in (out / "positions.tsv").read_text().splitlines()[1:]]
    assert n_sites
    for name, n in n_sites.items():
        assert sum(site[3] == name for site in sites) == n
        assert sum(int(count) for motif, _, count in places if motif == name) == n
    positives = {
        line[1:].split()[0] for line in data["labelled.fa"].read_text().splitlines() if line.endswith("class:1")
    }
    assert {site[0] for site in sites} <= positives


def test_sites_of_regions_are_in_the_genome(shell: Shell, trained: Path, inputs: Inputs, tmp_path: Path) -> None:
    """Whatever the strand that a region is read on."""
    out = tmp_path / "o"
    done = shell("motifs", trained, inputs.peaks, "--genome", inputs.genome, "--length", 100, "-o", out, *QUICK)
    assert done.code in (0, 1)
    genome = {
        block.split("\n")[0]: "".join(block.split("\n")[1:]) for block in inputs.genome.read_text().split(">")[1:]
    }
    chrom, at, turned = "chr1", 330, str.maketrans("ACGT", "TGCA")
    letters = list(genome[chrom])
    letters[at : at + 8] = MOTIF
    other = list("".join(letters))
    altered = tmp_path / "genome.fa"
    altered.write_text("".join(f">{name}\n{''.join(other) if name == chrom else s}\n" for name, s in genome.items()))
    for strand in "+-":
        bed = tmp_path / f"one{strand}.bed"
        bed.write_text(f"{chrom}\t300\t360\tpeak\t5\t{strand}\n")
        done = shell("motifs", trained, bed, "--genome", altered, "-o", out, "--force", "--min-sites", 1, *QUICK)
        assert done.code == 0, done.err
        lines = [line.split("\t") for line in (out / "sites.bed").read_text().splitlines()]
        (site,) = [line for line in lines if line[3] == "filter_0"]
        assert site[:3] == [chrom, str(at - 2), str(at + 10)]  # one site: nothing to trim by
        here = "".join(other)[at : at + 8]
        assert (here.translate(turned)[::-1] if site[5] == "-" else here) == MOTIF


def test_options_matter(shell: Shell, data: dict[str, Path], tmp_path: Path) -> None:
    """Every option of extraction changes what comes out as it says."""
    trained = tmp_path / "eager.safetensors"
    modelfile.save(model(detecting([detector(MOTIF), detector(OTHER, at=3)], 2.0, [1.0, 0.5])), trained)

    def run(*words: object) -> dict[str, dict[str, str]]:
        done = shell("motifs", trained, data["table.tsv"], "-o", tmp_path / "o", "--force", *QUICK, *words)
        assert done.code == 0, done.err
        return table(tmp_path / "o")

    default = run()
    first = default["filter_0"]
    assert default["filter_0"]["in_positives"] != ""
    assert int(run("--rule", "fraction", "--fraction", 0.1)["filter_0"]["n_sites"]) != int(first["n_sites"])
    assert int(run("--fraction", 0.9)["filter_0"]["n_sites"]) < int(first["n_sites"])
    assert run("--trim", 0)["filter_0"]["width"] == "12"
    assert float(run("--pseudocount", 50)["filter_0"]["information"]) < float(first["information"])
    weighted = run("--weights", "activation")["filter_0"]
    assert weighted["n_sites"] == first["n_sites"]
    assert float(weighted["information"]) > float(first["information"])
    assert run("--min-sites", 500)["filter_0"]["status"].startswith("weak")
    assert run("--top", 1)["filter_1"]["status"] == "not among the 1 with the largest effects"
    turned = run("--target-column", "t9")
    assert turned["filter_0"]["n_sites"] != first["n_sites"]
    run("--motif-format", "jaspar", "--force")
    assert run("--seed", 3)["filter_0"]["inserted_score"] != ""


def test_merge(shell: Shell, data: dict[str, Path], tmp_path: Path) -> None:
    """The table says which filters became one."""
    path = tmp_path / "twice.safetensors"
    twice = [detector(MOTIF), detector("ATGAGTCA", at=3)]
    modelfile.save(model(detecting(twice, 5.0, [1.0, 0.5])), path)
    assert shell("motifs", path, data["plain.fa"], "--merge", "-o", tmp_path / "o", *QUICK).code == 0
    assert [row["source"] for row in table(tmp_path / "o").values()] == ["2 filters: filter_0 filter_1"]


def test_negatives(shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path) -> None:
    """Sequences without labels are all that motifs are made of; with negatives they are positives."""
    out = tmp_path / "o"
    shell("motifs", trained, data["plain.fa"], "-o", out, *QUICK)
    assert {row["auroc"] for row in table(out).values()} == {""}
    for negatives in ("dinucleotide", data["others.fa"]):
        done = shell("motifs", trained, data["plain.fa"], "--negatives", negatives, "-o", out, "--force", *QUICK)
        assert done.code == 0, done.err
        row = table(out)["filter_0"]
        assert float(row["auroc"]) > 0.6
        assert float(row["in_positives"]) > 0.4 > 0.1 > float(row["in_negatives"])
        assert json.loads((out / "run.json").read_text())["counts"]["negatives"] == 60
    done = shell("motifs", trained, data["labelled.fa"], *LABELS, "--negatives", "dinucleotide", "-o", out, "--force")
    assert done.code == 2
    assert "holds negatives (0) already; leave the option out" in done.err


def test_pictures(shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path) -> None:
    """As many motifs, and in such formats, as is said; those of an earlier run go, what is not of seqcnn stays."""
    out = tmp_path / "o"
    former = [
        "logos/filter_1.png",
        "logos/filter_1_rc.svg",
        "motifs.jaspar",
        "matches.tsv",
        "logos/notes.txt",
        "a.png",
    ]
    (out / "logos").mkdir(parents=True)
    for name in former:
        (out / name).write_text("former")
    words = ["--logos", "svg", "--n-logos", 1, "--motif-format", "meme", "-o", out, "-q", "--force"]
    done = shell("motifs", trained, data["plain.fa"], *words)
    assert (done.code, done.err) == (0, "")
    assert {p.name for p in (out / "logos").iterdir()} == {"filter_0.svg", "filter_0_rc.svg", "sheet.svg", "notes.txt"}
    assert {name for name in former if (out / name).exists()} == {"logos/notes.txt", "a.png"}


def test_several_targets(shell: Shell, data: dict[str, Path], tmp_path: Path) -> None:
    """Effects are those on the target that is named; labels are of its column."""
    path = tmp_path / "two.safetensors"
    net = detecting([detector(MOTIF), detector(OTHER)], 5.0, [1.0, 0.5])
    made = (
        type(net)(type(net.settings)(n_filters=2, kernel_size=12, hidden=0, n_targets=2)).eval().requires_grad_(False)
    )
    for name, value in net.state_dict().items():
        ours = made.get_parameter(name)
        ours.copy_(value if ours.shape == value.shape else value.repeat_interleave(2, -1))
    made.output_weight[0, :, 1] = made.output_weight.new_tensor([0.1, 2.0])
    modelfile.save(model(made), path)
    first = {}
    for target in ("t0", "t1"):
        words = ["--target", target, "-o", tmp_path / target, *QUICK]
        assert shell("motifs", path, data["plain.fa"], *words).code == 0
        first[target] = next(iter(table(tmp_path / target)))
    assert first == {"t0": "filter_0", "t1": "filter_1"}
    done = shell("motifs", path, data["plain.fa"], "--target", "x", "-o", tmp_path / "x")
    assert (done.code, done.err) == (2, "seqcnn: error: --target x: the model has no such target; it has t0, t1\n")


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two models as they are imported, together and each by itself."""
    folder = tmp_path_factory.mktemp("collection")
    nets = [detecting([detector(MOTIF)], 5.0, [1.0]), detecting([detector(OTHER, kernel_size=14)], 5.0, [2.0])]
    modelfile.save(collected(nets, "window"), folder / "all")
    for name, net in zip(("t0", "t1"), nets, strict=True):
        net.rule = "window"
        modelfile.save(model(net), folder / name)
    return folder


def renamed(rows: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """Return rows without what tells which of several models they are of."""
    return [{**row, "name": "", "source": row["source"].partition(" of ")[0]} for row in rows.values()]


@pytest.mark.parametrize("method", ["filters", "contributions"])
def test_targets_of_a_collection(
    method: str, of_two: Path, shell: Shell, data: dict[str, Path], tmp_path: Path
) -> None:
    """A target has the motifs of its own model, as from a file of that alone; the source says whose they are."""
    words = [data["labelled.fa"], *LABELS, "--method", method, *QUICK, "-o"]
    for target in ("t0", "t1"):
        done = shell("motifs", of_two / "all", *words, tmp_path / target, "--target", target)
        assert done.code == 0, done.err
        assert shell("motifs", of_two / target, *words, tmp_path / f"{target}-alone").code == 0
        rows = table(tmp_path / target)
        assert {row["source"].partition(" of ")[2] for row in rows.values()} == {target}
        assert renamed(rows) == renamed(table(tmp_path / f"{target}-alone"))
    done = shell("motifs", of_two / "all", *words, tmp_path / "all")
    assert done.code == 0, done.err
    whose = {row["source"].partition(" of ")[2] for row in table(tmp_path / "all").values()}
    assert whose == ({"t0", "t1"} if method == "filters" else {"t0"})


def test_contributions_of_a_collection_with_shuffles(
    of_two: Path, shell: Shell, data: dict[str, Path], tmp_path: Path
) -> None:
    """Motifs are found and put in with the network of the target, where no labels are known too."""
    words = ["--method", "contributions", "--negatives", "dinucleotide", "--target", "t1", "-o", tmp_path / "o"]
    done = shell("motifs", of_two / "all", data["plain.fa"], *words, *QUICK)
    assert done.code == 0, done.err
    assert float(next(iter(table(tmp_path / "o").values()))["inserted_score"]) > 0


def test_classes(shell: Shell, data: dict[str, Path], tmp_path: Path) -> None:
    """The positives are those of the class that is named."""
    sequences = tmp_path / "classes.fa"
    lines = data["labelled.fa"].read_text().replace("class:1", "class:ap1").replace("class:0", "class:none")
    sequences.write_text(lines)
    run = tmp_path / "run"
    words = ["--task", "multiclass", "--label-pattern", "class:(\\w+)", "--epochs", 2, "--members", 1]
    done = shell("train", sequences, *words, "--n-filters", 4, "--kernel-size", 9, "-o", run, "-q")
    assert done.code == 0, done.err
    words = ["--target", "ap1", "--label-pattern", "class:(\\w+)", "--min-sites", 1]
    done = shell("motifs", run, sequences, *words, "-o", tmp_path / "o", *QUICK)
    assert done.code == 0, done.err
    counts = json.loads((tmp_path / "o" / "run.json").read_text())["counts"]
    assert (counts["positives"], counts["negatives"]) == (60, 60)
    assert shell("motifs", run, data["plain.fa"], "-o", tmp_path / "p", *QUICK).code == 0


def test_rna(shell: Shell, runs: Runs, inputs: Inputs, tmp_path: Path) -> None:
    """Motifs have U, sites one strand."""
    done = shell("motifs", runs.rna, inputs.rna, "-o", tmp_path / "o", "--min-sites", 1, "--trim", 0, *QUICK)
    assert done.code == 0, done.err
    assert {motif.alphabet for motif in read_motifs(tmp_path / "o" / "motifs.meme")} == {"rna"}
    assert {line.split("\t")[5] for line in (tmp_path / "o" / "sites.bed").read_text().splitlines()} == {"+"}


def test_contributions(shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path) -> None:
    """The other way comes out in the same files."""
    words = ["--method", "contributions", "--database", data["known.meme"], "-o", tmp_path / "o", *QUICK]
    done = shell("motifs", trained, data["labelled.fa"], *LABELS, *words)
    assert done.code == 0, done.err
    kept = [row for row in table(tmp_path / "o").values() if row["status"] == "kept"]
    assert any(MOTIF in row["consensus"] or "ATGAGTCA" in row["consensus"] for row in kept)
    # Of the positives that were looked at; in negatives no sites are looked for.
    assert {row["in_negatives"] for row in kept} == {""}
    assert float(kept[0]["in_positives"]) > 0.4
    assert (tmp_path / "o" / "sites.bed").read_text().count("\n") >= 20
    top = shell("motifs", trained, data["labelled.fa"], *LABELS, *words, "--top", 1, "--force")
    assert top.code == 0
    assert sum(row["status"] == "kept" for row in table(tmp_path / "o").values()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--motif-format", "xml"], "unknown format 'xml'; there are: meme, jaspar, transfac, homer"),
        (["--logos", "gif"], "unknown format 'gif'; there are: png, svg, pdf"),
        (["--n-logos", "0"], "'0' is neither a number from 1 on nor all"),
        (["--alphabet", "rna"], "the model reads DNA, but --alphabet says rna"),
        (["--target-column", "x"], "--target-column is for tables"),
        *(
            (["--method", "contributions", *words], f"{words[0]} is for motifs of filters; leave it out with --method")
            for words in (["--merge"], ["--rule", "fraction"], ["--fraction", "0.1"], ["--weights", "activation"])
        ),
    ],
)
def test_wrong_usage(
    words: list[str], said: str, shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path
) -> None:
    """One line, before anything is scanned."""
    done = shell("motifs", trained, data["plain.fa"], "-o", tmp_path / "o", *words)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_bad_databases(shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path) -> None:
    """Each with its file and line: empty, without motifs, damaged, of the other alphabet."""

    def said(text: str) -> str:
        path = tmp_path / "bad.meme"
        path.write_text(text)
        done = shell("motifs", trained, data["plain.fa"], "--database", path, "-o", tmp_path / "o", *QUICK)
        assert done.code == 1
        assert done.err.count("\n") == 1
        return done.err.replace(str(path), "bad.meme").removeprefix("seqcnn: error: ")

    assert said("") == "bad.meme: is empty\n"
    assert said("\n\n") == "bad.meme: holds no motifs: every line is blank\n"
    assert said("MEME version 4\n\nALPHABET= ACGT\n").startswith("bad.meme: holds no motifs")
    head = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF x\nletter-probability matrix: alength= 4 w= 2\n"
    assert said(head + "0.2 0.3 0.5 0\n0.2 0.3 x 0.5\n").startswith("bad.meme:8: ")
    assert "holds RNA motifs (x), but the model reads DNA" in said(
        head.replace("ACGT", "ACGU") + "0.2 0.3 0.5 0\n0.2 0.3 0 0.5\n"
    )


def test_a_small_database_is_said_to_be_rough(
    shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path
) -> None:
    """P-values rest on its columns."""
    few = tmp_path / "few.meme"
    write_motifs(read_motifs(data["known.meme"])[-5:], few)
    words = ["--database", few, "--q-value", 1, "-o", tmp_path / "o", *QUICK]
    done = shell("motifs", trained, data["plain.fa"], *words)
    assert "only 5 known motifs: p-values are rough" in done.err
    assert len((tmp_path / "o" / "matches.tsv").read_text().splitlines()) == 1 + 2 * 5


def test_sequences_that_no_filter_fires_in(shell: Shell, trained: Path, tmp_path: Path) -> None:
    """One line, and no table."""
    fasta = tmp_path / "n.fa"
    fasta.write_text(">a\nNNNNNNNNNNNN\n>b\nAAAAAAAAAAAAAAAA\n")
    done = shell("motifs", trained, fasta, "-o", tmp_path / "o")
    assert done.code == 1
    assert f"{fasta}: no filter fires in any of 2 sequences; are they the kind of sequences" in done.err
    assert not list((tmp_path / "o").iterdir())


def test_rna_sequences_for_a_dna_model(shell: Shell, trained: Path, inputs: Inputs, tmp_path: Path) -> None:
    """An encoded dataset says its alphabet; U in text is read as T, and said."""
    encoded = tmp_path / "rna.h5"
    assert shell("encode", inputs.rna, "--alphabet", "rna", "--negatives", "none", "-o", encoded).code == 0
    done = shell("motifs", trained, encoded, "-o", tmp_path / "o")
    assert done.code == 1
    assert "holds RNA, but is to be read as DNA (by --alphabet, or as the model says)" in done.err


def test_an_output_that_exists(shell: Shell, trained: Path, data: dict[str, Path], tmp_path: Path) -> None:
    """Is kept without --force."""
    (tmp_path / "file").write_text("mine")
    done = shell("motifs", trained, data["plain.fa"], "-o", tmp_path)
    assert done.code == 1
    assert "output folder exists and is not empty; use --force" in done.err
