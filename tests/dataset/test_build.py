import gc
import gzip

import numpy as np
import pytest

from seqcnn.dataset.build import Built, Memory, collect, load, open_sources
from seqcnn.dataset.examples import Origin, join
from seqcnn.dataset.negatives import NegativeOptions
from seqcnn.dataset.overlaps import overlapping
from seqcnn.dataset.sources import ReadOptions, Tally
from seqcnn.dataset.store import Dataset
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.errors import InputError, SeqcnnError, UsageError
from seqcnn.formats.genome import Genome
from seqcnn.sequence.ragged import decode_all
from seqcnn.sequence.windows import Windows
from tests.dataset.test_examples import rows_of


def put(folder, name, text):
    path = folder / name
    path.write_text(text)
    return str(path)


def random_fasta(n, seed=0, headers=None, width=40):
    rng = np.random.default_rng(seed)
    rows = ("".join(rng.choice(list("ACGT"), width)) for _ in range(n))
    return "".join(
        f">{f'p{i}' if headers is None else headers[i % len(headers)]}\n{row}\n" for i, row in enumerate(rows)
    )


def encode(paths, reading, options, target):
    """Encode as the command does."""
    tally = Tally()
    sources = open_sources(paths, reading, tally, label=1.0)
    with DatasetWriter(target, sources[0].alphabet or "dna", sources[0].target_names) as writer:
        built = collect(sources, reading, options, writer, tally)
        writer.finish({"negatives": built.negatives})
    return built, tally


def same_in_memory_and_encoded(folder, paths, reading, options):
    """Load, and see that encoding and loading the dataset gives the same."""
    tally = Tally()
    examples, built = load(paths, reading, options, tally)
    of_file, tally_of_file = encode(paths, reading, options, folder / "d.h5")
    assert of_file == built
    assert tally_of_file == tally
    again, built_again = load([str(folder / "d.h5")], ReadOptions(), NegativeOptions("none"), Tally())
    assert rows_of(again) == rows_of(examples)
    assert (built_again.target_names, built_again.alphabet) == (built.target_names, built.alphabet)
    return examples, built, tally


@pytest.fixture
def genome(tmp_path):
    rng = np.random.default_rng(1)
    chroms = {name: "".join(rng.choice(list("ACGT"), 20_000)) for name in ("chrI", "chrII", "chrIII")}
    path = put(tmp_path, "g.fa", "".join(f">{name}\n{text}\n" for name, text in chroms.items()))
    Genome(path).close()  # makes the index, which is told only once
    return path


@pytest.fixture
def bed(tmp_path):
    rng = np.random.default_rng(2)
    rows = [(f"chr{rng.integers(1, 4)}", start, rng.choice(list("+-."))) for start in range(100, 15_000, 500)]
    rows.append(("chr1", 0, "-"))
    return put(tmp_path, "p.bed", "".join(f"{c}\t{s}\t{s + 200}\tx\t0\t{strand}\n" for c, s, strand in rows))


def test_sequences_without_negatives_get_shuffles(tmp_path):
    path = put(tmp_path, "x.fa", random_fasta(50))
    examples, built, tally = same_in_memory_and_encoded(tmp_path, [path], ReadOptions(), NegativeOptions())
    assert built == Built(["target"], "dna", "dinucleotide", None, labelled=False)
    assert examples.targets.ravel().tolist() == [1] * 50 + [0] * 50
    assert examples.origin.tolist() == [Origin.GIVEN] * 50 + [Origin.DINUCLEOTIDE] * 50
    assert tally.notes[0].startswith(f"no negatives in {path}: taking a dinucleotide shuffle of each positive")
    assert tally.counts["negatives"] == 50


@pytest.mark.parametrize("ratio", [0.4, 1.5, 2, 3])
def test_several_shuffles_are_all_of_positives(tmp_path, monkeypatch, ratio):
    monkeypatch.setattr("seqcnn.dataset.store_writer.CHUNK", 7)
    path = put(tmp_path, "x.fa", random_fasta(40))
    options = NegativeOptions("dinucleotide", ratio, seed=5)
    examples, _, tally = same_in_memory_and_encoded(tmp_path, [path], ReadOptions(), options)
    n = len(examples) - 40
    assert abs(n - 40 * ratio) <= 8
    assert tally.counts["negatives"] == n
    names = examples.names.decode()
    assert all(name.removesuffix("_shuffled") in names[:40] for name in names[40:])
    assert len({bytes(row) for row in examples.sequences}) == len(examples)


def test_regions_without_negatives_get_matched_windows(tmp_path, genome, bed):
    reading = ReadOptions(genome=genome, length=101)
    examples, built, tally = same_in_memory_and_encoded(tmp_path, [bed], reading, NegativeOptions())
    assert built.negatives == "gc"
    assert examples.targets.ravel().tolist() == [1] * 31 + [0] * 31
    assert set(examples.sequences.lengths.tolist()) == {101}
    assert examples.windows.chrom.tolist()[0].startswith("chrI")
    assert "GC-matched windows of the genome (--negatives gc)" in " ".join(tally.notes)


@pytest.mark.parametrize("method", ["gc", "flank"])
def test_windows_keep_away_from_the_rest_of_a_peak(tmp_path, genome, bed, method):
    reading, options = ReadOptions(genome=genome, length=21), NegativeOptions(method, 3)
    examples, _, _ = same_in_memory_and_encoded(tmp_path, [bed], reading, options)
    whole, _ = load([bed], ReadOptions(genome=genome), NegativeOptions("none"), Tally())
    made = examples.windows.take(examples.origin != Origin.GIVEN)
    assert not overlapping(made, Windows(whole.windows.chrom, whole.windows.start, whole.windows.end)).any()


def test_regions_and_shuffles(tmp_path, genome, bed):
    reading, options = ReadOptions(genome=genome), NegativeOptions("dinucleotide")
    examples, _, _ = same_in_memory_and_encoded(tmp_path, [bed], reading, options)
    assert examples.windows.start[:31].tolist() == examples.windows.start[31:].tolist()


def test_file_of_negatives(tmp_path, genome, bed):
    positives = put(tmp_path, "p.fa", random_fasta(20))
    lines = random_fasta(20).splitlines()[:4]
    negatives = put(tmp_path, "n.fa", random_fasta(30, seed=1) + "\n".join(lines) + "\n")
    examples, built, tally = same_in_memory_and_encoded(
        tmp_path, [positives], ReadOptions(), NegativeOptions(negatives)
    )
    assert built.negatives == negatives
    assert examples.targets.ravel().tolist() == [1] * 20 + [0] * 30
    assert tally.counts["negatives left out: same sequence as a positive"] == 2
    other = put(tmp_path, "n.bed", "chrI\t0\t50\nchrI\t300\t400\nchr2\t19000\t19100\n")
    reading = ReadOptions(genome=genome)
    examples, _, tally = same_in_memory_and_encoded(tmp_path, [bed], reading, NegativeOptions(other))
    n_left_out = tally.counts["negatives left out: overlap a positive"]
    assert n_left_out >= 1
    assert len(examples) == 31 + 3 - n_left_out
    # Regions and sequences together: what has no place overlaps nothing.
    examples, _, _ = same_in_memory_and_encoded(tmp_path, [bed], reading, NegativeOptions(negatives))
    assert len(examples) == 31 + 32


def test_tables(tmp_path):
    path = put(tmp_path, "x.tsv", "seq\ta\tb\tpart\n" + "ACGTACGTAA\t0.5\t\ttrain\nGGTTNNACGT\tNA\t-3\ttest\n" * 3)
    reading = ReadOptions(target_columns=("a", "b"), split_column="part")
    examples, built, _ = same_in_memory_and_encoded(tmp_path, [path], reading, NegativeOptions())
    assert built == Built(["a", "b"], "dna", "none", None, labelled=True)
    assert examples.split.tolist() == ["train", "test"] * 3
    with pytest.raises(UsageError, match=r"--negatives dinucleotide makes a 0/1 target, but .*x.tsv has other values"):
        load([path], reading, NegativeOptions("dinucleotide"), Tally())


def test_positives_of_a_table_keep_their_part(tmp_path):
    path = put(tmp_path, "x.tsv", "seq\tBound\tpart\nACGTACGTAA\t1\ttrain\nGGTTCCACGT\t1\ttest\n")
    examples, built, _ = same_in_memory_and_encoded(
        tmp_path, [path], ReadOptions(split_column="part"), NegativeOptions()
    )
    assert built.negatives == "dinucleotide"
    assert examples.split.tolist() == ["train", "test"] * 2
    assert examples.targets.ravel().tolist() == [1, 1, 0, 0]


CELLS = "name\tsequence\tcell\tw\na\tACGTACGT\tglia\t2\nb\tGGTTCCAA\tbrain\t0\nc\tACGGGCGT\tNA\t1\n"
CELLS += "d\tTTTTACGT\tneuron\t1\n"
MULTICLASS = ReadOptions(task="multiclass", target_columns=("cell",))


def encode_classes(path, target, **options):
    """Encode a table of classes as the command does."""
    sources = open_sources([path], ReadOptions(task="multiclass", **options), Tally(), label=1.0)
    with DatasetWriter(target, "dna", sources[0].target_names) as writer:
        built = collect(sources, sources[0].options, NegativeOptions(), writer, Tally())
        writer.finish({}, task=built.task, class_names=built.class_names)
    return str(target)


def test_classes_are_numbered_in_their_order(tmp_path):
    path = put(tmp_path, "x.tsv", CELLS)
    examples, built, _ = same_in_memory_and_encoded(tmp_path, [path], MULTICLASS, NegativeOptions())
    assert (built.task, built.class_names) == ("multiclass", ("brain", "glia", "neuron"))
    assert (built.target_names, built.negatives, built.labelled) == (["cell"], "none", True)
    np.testing.assert_array_equal(examples.targets[:, 0], [1, 0, np.nan, 2])
    again, built = load(
        [encode_classes(path, tmp_path / "c.h5", target_columns=("cell",))], ReadOptions(), NegativeOptions(), Tally()
    )
    assert (built.task, built.class_names) == ("multiclass", ("brain", "glia", "neuron"))
    np.testing.assert_array_equal(again.targets, examples.targets)


def test_classes_of_several_inputs(tmp_path):
    one, two = put(tmp_path, "x.tsv", CELLS), put(tmp_path, "y.tsv", CELLS.replace("glia", "axon"))
    encoded = encode_classes(two, tmp_path / "two.h5", target_columns=("cell",))
    for paths in ([one, two], [one, encoded]):
        examples, built = load(paths, MULTICLASS, NegativeOptions(), Tally())
        assert built.class_names == ("axon", "brain", "glia", "neuron")
        np.testing.assert_array_equal(examples.targets[:, 0], [2, 1, np.nan, 3, 0, 1, np.nan, 3])
    plain = put(tmp_path, "z.tsv", "sequence\tcell\nACGT\t1\n")
    numbers = str(tmp_path / "n.h5")
    encode([plain], ReadOptions(target_columns=("cell",)), NegativeOptions("none"), numbers)
    with pytest.raises(InputError, match=r"n.h5: holds no names of classes, but .*two.h5 does"):
        load([encoded, numbers], ReadOptions(), NegativeOptions(), Tally())
    examples, built = load([encoded, numbers], ReadOptions(task="multiclass"), NegativeOptions(), Tally())
    assert built.class_names == ("1", "axon", "brain", "neuron")


def test_known_classes(tmp_path):
    path = put(tmp_path, "x.tsv", CELLS)
    known = ReadOptions(task="multiclass", target_columns=("cell",), classes=("neuron", "x", "glia", "brain"))
    examples, built = load([path], known, NegativeOptions(), Tally())
    assert built.class_names == ("neuron", "x", "glia", "brain")
    np.testing.assert_array_equal(examples.targets[:, 0], [2, 3, np.nan, 0])


@pytest.mark.parametrize("task", ["multiclass", "poisson", "regression"])
def test_no_negatives_by_themselves_but_for_classes_of_two(tmp_path, task):
    path = put(tmp_path, "x.tsv", "sequence\ty\nACGTACGT\t1\nGGTTCCAA\t1\n")
    reading = ReadOptions(task=task, target_columns=("y",))
    examples, built = load([path], reading, NegativeOptions(), Tally())
    assert (built.negatives, built.task, len(examples)) == ("none", task, 2)
    assert load([path], ReadOptions(target_columns=("y",)), NegativeOptions(), Tally())[1].negatives == "dinucleotide"
    if task == "multiclass":
        with pytest.raises(UsageError, match=r"--negatives dinucleotide makes a 0/1 target, but .*x.tsv has classes"):
            load([path], reading, NegativeOptions("dinucleotide"), Tally())


def test_the_task_is_what_a_dataset_says(tmp_path):
    path = put(tmp_path, "x.tsv", "sequence\ty\nACGTACGT\t1\nGGTTCCAA\t3\n")
    encoded = tmp_path / "d.h5"
    sources = open_sources([path], ReadOptions(task="poisson"), Tally(), label=1.0)
    with DatasetWriter(encoded, "dna", ["y"]) as writer:
        assert collect(sources, ReadOptions(task="poisson"), NegativeOptions(), writer, Tally()).task == "poisson"
        writer.finish({}, task="poisson")
    for paths, said, task in (
        ([encoded], None, "poisson"),
        ([encoded], "regression", "regression"),
        ([encoded, path], None, None),
        ([path], None, None),
    ):
        reading = ReadOptions(task=said, target_columns=("y",) if path in paths else None)
        assert load(list(map(str, paths)), reading, NegativeOptions("none"), Tally())[1].task == task


def test_weights(tmp_path):
    path = put(tmp_path, "x.tsv", CELLS)
    reading = ReadOptions(target_columns=("cell",), task="multiclass", weight_column="w")
    tally = Tally()
    examples, _ = load([path], reading, NegativeOptions(), tally)
    assert examples.names.decode() == ["a", "c", "d"]
    assert examples.weights.tolist() == [2, 1, 1]
    assert tally.counts["examples of weight 0 left out"] == 1
    assert tally.notes == [f"{path}: examples count by column 'w'"]
    encoded = encode_classes(path, tmp_path / "c.h5", target_columns=("cell",), weight_column="w")
    assert len(Dataset(encoded)) == 4
    again, _ = load([encoded], ReadOptions(), NegativeOptions(), Tally())
    assert rows_of(again) == rows_of(examples)
    zeros = put(tmp_path, "z.tsv", CELLS.replace("\t1\n", "\t0\n").replace("\t2\n", "\t0\n"))
    with pytest.raises(InputError, match=r"z.tsv: all weights are 0"):
        load([zeros], reading, NegativeOptions(), Tally())


def test_what_has_no_weights(tmp_path, genome, bed):
    """Counts 1, which is said; an option without a use is refused."""
    table = put(tmp_path, "x.tsv", "sequence\tw\ty\nACGTACGTAC\t3\t1\nGGTTCCAACC\t4\t0\n")
    encoded = str(tmp_path / "w.h5")
    reading = ReadOptions(target_columns=("y",), weight_column="w")
    encode([table], reading, NegativeOptions(), encoded)
    plain = put(tmp_path, "y.tsv", "sequence\ty\nACGTTTGTAC\t1\n")
    tally = Tally()
    examples, _ = load([encoded, plain], ReadOptions(target_columns=("y",)), NegativeOptions(), tally)
    assert examples.weights.tolist() == [3, 4, 1]
    assert tally.notes == [
        f"{encoded}: examples count as encoded",
        f"{plain}: examples count alike, with a weight of 1",
    ]
    fasta = put(tmp_path, "x.fa", random_fasta(4))
    with pytest.raises(UsageError, match=r"--weight-column is for tables and regions, but .*x.fa is FASTA"):
        load([fasta], ReadOptions(weight_column="w"), NegativeOptions(), Tally())
    reading = ReadOptions(genome=genome, weight_column="score")
    with pytest.raises(InputError, match=r"p.bed: all weights are 0"):
        load([bed], reading, NegativeOptions("none"), Tally())


def test_given_negatives_are_enough(tmp_path):
    path = put(tmp_path, "x.fa", random_fasta(10, headers=["1", "0"]))
    examples, built, tally = same_in_memory_and_encoded(tmp_path, [path], ReadOptions(), NegativeOptions())
    assert (len(examples), built.negatives) == (10, "none")
    assert len(tally.notes) == 1
    other = put(tmp_path, "n.fa", random_fasta(3, seed=4))
    for method, message in (("dinucleotide", "holds negatives [(]0[)] already; leave"), (other, "negatives already")):
        with pytest.raises(UsageError, match=f"--negatives {method}: {path} .*{message}"):
            load([path], ReadOptions(), NegativeOptions(method), Tally())
    zeros = put(tmp_path, "z.fa", random_fasta(4, headers=["0"]))
    assert load([zeros], ReadOptions(), NegativeOptions(), Tally())[1].negatives == "none"


def test_none(tmp_path):
    path = put(tmp_path, "x.fa", random_fasta(10))
    examples, built, _ = same_in_memory_and_encoded(tmp_path, [path], ReadOptions(), NegativeOptions("none"))
    assert (len(examples), built.negatives) == (10, "none")


def test_several_inputs(tmp_path, genome, bed):
    one, two = (put(tmp_path, name, random_fasta(12, seed)) for seed, name in enumerate(("a.fa", "b.fa")))
    examples, _, tally = same_in_memory_and_encoded(tmp_path, [one, two], ReadOptions(), NegativeOptions())
    assert len(examples) == 48
    assert tally.counts["sequences read"] == 24
    # Regions before or after sequences: places of those that have some are kept.
    reading = ReadOptions(genome=genome)
    for paths in ([one, bed], [bed, one], [one, bed, two]):
        examples, built, _ = same_in_memory_and_encoded(tmp_path, paths, reading, NegativeOptions())
        assert built.negatives == "dinucleotide"
        assert np.count_nonzero(examples.windows.chrom != "") == 62
        for method in ("gc", "flank"):
            with pytest.raises(UsageError, match=f"--negatives {method} needs regions"):
                load(paths, reading, NegativeOptions(method), Tally())
            with pytest.raises(UsageError, match=f"--negatives {method} needs regions"):
                encode(paths, reading, NegativeOptions(method), tmp_path / "e.h5")


def test_rna(tmp_path):
    path = put(tmp_path, "x.fa", ">a\nACGUACGUUA\n>b\nGGUUAACCGU\n")
    _, built, _ = same_in_memory_and_encoded(tmp_path, [path], ReadOptions(alphabet="rna"), NegativeOptions())
    assert built.alphabet == "rna"
    dna = put(tmp_path, "n.fa", ">a\nTTTGGGAACC\n")
    encoded = str(tmp_path / "d.h5")
    encode([path], ReadOptions(alphabet="rna"), NegativeOptions("none"), encoded)
    (tmp_path / "e").mkdir()
    _, built, _ = same_in_memory_and_encoded(tmp_path / "e", [encoded], ReadOptions(), NegativeOptions())
    assert built.alphabet == "rna"
    with pytest.raises(InputError, match=r"d.h5: holds rna, but the positives are dna"):
        load([dna], ReadOptions(), NegativeOptions(encoded), Tally())


def test_seed(tmp_path, genome, bed):
    fasta = put(tmp_path, "x.fa", random_fasta(20))
    for path, method in ((fasta, "dinucleotide"), (bed, "gc"), (bed, "flank")):
        one, same, other = (
            load([path], ReadOptions(genome=genome), NegativeOptions(method, 1.5, seed), Tally())[0]
            for seed in (1, 1, 2)
        )
        assert rows_of(one) == rows_of(same)
        assert rows_of(one) != rows_of(other)


def test_nothing_with_a_letter(tmp_path):
    path = put(tmp_path, "x.fa", ">a\n>b\n")
    for method in (None, "none", "dinucleotide", "gc"):
        with pytest.raises(InputError, match=r"x.fa: holds no sequence with a letter in it"):
            load([path], ReadOptions(), NegativeOptions(method), Tally())
        with pytest.raises(InputError, match=r"x.fa \(and 1 more\): holds no sequence with a letter in it"):
            encode([path, path], ReadOptions(), NegativeOptions(method), tmp_path / "d.h5")


@pytest.mark.parametrize(
    ("paths", "reading", "method", "kind", "message"),
    [
        (["-", "-"], {}, None, UsageError, r"standard input \(-\) can be read only once"),
        (["fa"], {"length": 0}, None, UsageError, "--length must be at least 1 bp, not 0"),
        (["fa", "none"], {}, None, InputError, "none: there is no such file"),
        (["fa", "bed"], {}, None, UsageError, "bed holds regions: say which genome they are of with --genome FASTA"),
        (["fa", "tsv"], {}, None, InputError, "tsv: has the targets Bound; .*fa has target"),
        (["fa", "tsv"], {"label_pattern": "(1)"}, None, UsageError, "--label-pattern is for headers .* tsv is neither"),
        (["fa"], {"label_pattern": "("}, None, UsageError, "is not a regular expression"),
        (["fa"], {}, "gc", UsageError, "--negatives gc needs regions"),
        (["fa"], {}, "none.fa", InputError, "none.fa: there is no such file"),
    ],
)
def test_errors(tmp_path, monkeypatch, paths, reading, method, kind, message):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "fa", random_fasta(4))
    put(tmp_path, "bed", "chr1\t0\t9\n")
    put(tmp_path, "tsv", "seq\tBound\nACGT\t1\n")
    with pytest.raises(SeqcnnError, match=message) as caught:
        load(paths, ReadOptions(**reading), NegativeOptions(method), Tally())
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    del caught
    gc.collect()  # a file that is still open would be told, which is an error here


def test_standard_input_for_positives_and_negatives(monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b">a\nACGT\n")))
    with pytest.raises(UsageError, match=r"standard input \(-\) can be read only once"):
        load(["-"], ReadOptions(), NegativeOptions("-"), Tally())


def test_memory_gives_back_what_was_in_it_when_asked(tmp_path):
    memory, tally = Memory(), Tally()
    collect(open_sources([put(tmp_path, "x.fa", random_fasta(3))], ReadOptions(), tally, label=1.0), ReadOptions(),
            NegativeOptions("none"), memory, tally)  # fmt: skip
    for chunk in memory.read_back():
        memory.append(chunk)
    assert len(join(memory.parts)) == 6


@pytest.mark.realdata
def test_positives_of_chip_seq(shared_data, tmp_path):
    (path,) = (shared_data / "deepbind_encode10").glob("ELK1*_AC.seq.gz")
    examples, built, _ = same_in_memory_and_encoded(tmp_path, [str(path)], ReadOptions(), NegativeOptions())
    with gzip.open(path, "rt") as file:
        n = sum(1 for _ in file) - 1
    assert built == Built(["Bound"], "dna", "dinucleotide", None, labelled=True)
    assert examples.targets.ravel().tolist() == [1] * n + [0] * n
    assert (np.bincount(examples.sequences.data[: n * 101]) == np.bincount(examples.sequences.data[n * 101 :])).all()


@pytest.mark.realdata
def test_yeast_peaks(shared_data, tmp_path):
    folder = shared_data / "yeast_chipexo"
    (peaks,) = (folder / "peaks").glob("*Mcm1*")
    reading = ReadOptions(genome=str(folder / "sacCer3.fa.gz"), length=101)
    tally = Tally()
    examples, built = load([str(peaks)], reading, NegativeOptions("gc"), tally)
    n = int(np.count_nonzero(examples.targets))
    assert (n, built.negatives) == (412, "gc")
    assert len(examples) >= 2 * n - 2
    assert any("chr1 in the peaks is chrI in the genome" in note or "matched" in note for note in tally.notes)
    content = [np.isin(examples.sequences.slice(a, b).data, (1, 2)).mean() for a, b in ((0, n), (n, len(examples)))]
    assert abs(content[0] - content[1]) < 0.01


@pytest.mark.realdata
def test_clip_and_repeated_headers(shared_data, tmp_path):
    clip = [str(shared_data / "clip" / f"QKI.{part}.fa.gz") for part in ("train", "test")]
    reading = ReadOptions(alphabet="rna", label_pattern="class:([01])")
    encode(clip, reading, NegativeOptions(), tmp_path / "q.h5")
    dataset = Dataset(tmp_path / "q.h5")
    assert (len(dataset), dataset.alphabet) == (40_000, "rna")
    assert sum(float(chunk.targets.sum()) for chunk in dataset.chunks()) == 8000
    ep300 = str(shared_data / "fastsk_tfbs" / "EP300.train.fasta.gz")
    examples, built = load([ep300], ReadOptions(), NegativeOptions(), Tally())
    assert (built.negatives, float(examples.targets.mean())) == ("none", 0.5)
    assert set(decode_all(examples.sequences.slice(0, 1))[0]) <= set("ACGTN")
