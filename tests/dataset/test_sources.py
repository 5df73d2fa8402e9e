import gzip
import io
import sys

import h5py
import numpy as np
import pytest

from seqcnn.dataset.class_names import renumber
from seqcnn.dataset.examples import Origin, join
from seqcnn.dataset.sources import ReadOptions, Source, Tally, read_all
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.errors import InputError, SeqcnnError, UsageError
from seqcnn.sequence.alphabet import one_hot
from seqcnn.sequence.ragged import decode_all, encode_all


def read(path, label=1.0, keep_empty=False, **options):
    """Examples, source and tally of one input."""
    tally = Tally()
    source = Source(str(path), ReadOptions(**options), tally, label=label, keep_empty=keep_empty)
    return join(list(source)), source, tally


def put(folder, name, text):
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_text(text)
    return path


def plain(examples):
    return list(zip(examples.names.decode(), decode_all(examples.sequences), strict=True))


FASTA = ">a first\nACG\nTT\n>b\nnnacr\n"
SEQUENCES = [("a", "ACGTT"), ("b", "NNACN")]


@pytest.mark.parametrize("name", ["x.fa", "x.fa.gz", "anything"])
def test_fasta(tmp_path, name):
    path = put(tmp_path, name, FASTA)
    examples, source, tally = read(path)
    assert plain(examples) == SEQUENCES
    assert examples.targets.tolist() == [[1], [1]]
    assert examples.targets.dtype == np.float32
    assert examples.origin.tolist() == [Origin.GIVEN] * 2
    assert (examples.windows, examples.split) == (None, None)
    assert (source.kind, source.target_names, source.labelled, source.alphabet) == ("fasta", ["target"], False, None)
    assert tally.counts == {"ambiguous letters read as N": 1, "N": 2, "U": 0, "T": 2, "sequences read": 2}
    assert tally.notes == []


def test_without_a_label_there_are_no_targets(tmp_path):
    for text in (FASTA, ">1\nAC\n>0\nAC\n", "seq\tBound\nACGT\t1\n"):
        examples, source, _ = read(put(tmp_path, "x", text), label=None)
        assert (examples.targets, source.target_names, source.labelled) == (None, [], False)


def test_label_of_those_that_say_none(tmp_path):
    assert read(put(tmp_path, "x", FASTA), label=0.0)[0].targets.tolist() == [[0], [0]]


def test_fastq(tmp_path):
    path = put(tmp_path, "x.fq.gz", "@a 1\nACGTT\n+\nIIIII\n@b\nNNACR\n+\n!!!!!\n")
    examples, source, _ = read(path)
    assert (plain(examples), source.kind) == (SEQUENCES, "fastq")
    assert read(put(tmp_path, "y", "@1\nACG\n+\nIII\n@0\nACG\n+\nIII\n"))[0].targets.tolist() == [[1], [0]]
    labelled = put(tmp_path, "z", "@a class:3\nACG\n+\nIII\n")
    assert read(labelled, label_pattern="class:(.)")[0].targets.tolist() == [[3]]


def test_standard_input(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(FASTA.encode(), mtime=0))))
    examples, source, _ = read("-")
    assert (plain(examples), source.path) == (SEQUENCES, "stdin")


def test_table(tmp_path):
    text = "FoldID\tEventID\tseq\tBound\nA\te1\tACGT\t1\nA\te2\tTTGC\t0\n"
    examples, source, _ = read(put(tmp_path, "x.seq.gz", text))
    assert plain(examples) == [("e1", "ACGT"), ("e2", "TTGC")]
    assert examples.targets.tolist() == [[1], [0]]
    assert (source.kind, source.target_names, source.labelled) == ("table", ["Bound"], True)


def test_table_columns(tmp_path):
    text = "n,s,u,v,part\nx,ACGT,1.5,NA,train\ny,GGGG,,-2,test\n"
    path = put(tmp_path, "x.csv", text)
    columns = {"sequence_column": "s", "target_columns": ("v", "u"), "name_column": "n", "split_column": "part"}
    examples, source, _ = read(path, **columns)
    assert plain(examples) == [("x", "ACGT"), ("y", "GGGG")]
    np.testing.assert_array_equal(examples.targets, [[np.nan, 1.5], [-2, np.nan]])
    assert examples.split.tolist() == ["train", "test"]
    assert source.target_names == ["v", "u"]
    with pytest.raises(InputError, match="there is no column 'w'"):
        read(path, target_columns=("w",))
    bare = put(tmp_path, "y.txt", "0.5 ACGT\n-1 GGCC\n")
    examples, source, _ = read(bare)
    assert examples.targets.tolist() == [[0.5], [-1]]
    no_targets, source, _ = read(put(tmp_path, "z.txt", "id\tsequence\na\tACGT\n"))
    assert (no_targets.targets.tolist(), source.target_names, source.labelled) == ([[1]], ["target"], False)


CELLS = "s\tkind\tw\nACGT\tglia\t2\nGGGG\tneuron\t0\nTTTT\tNA\t1\nCCCC\tglia\t1.5\n"


def test_classes(tmp_path):
    path = put(tmp_path, "x.tsv", CELLS)
    examples, source, _ = read(path, target_columns=("kind",), task="multiclass")
    np.testing.assert_array_equal(examples.targets[:, 0], [0, 1, np.nan, 0])
    assert examples.targets.dtype == np.float32
    assert (source.target_names, source.has_classes, source.classes.order()[0]) == (["kind"], True, ["glia", "neuron"])
    known = {"target_columns": ("kind",), "task": "multiclass"}
    examples, _, _ = read(path, classes=("neuron", "glia", "other"), **known)
    np.testing.assert_array_equal(examples.targets[:, 0], [1, 0, np.nan, 1])
    message = r"x.tsv:3: column 'kind': class 'neuron' is not one of the model's: glia, other"
    with pytest.raises(InputError, match=message):
        read(path, classes=("glia", "other"), **known)
    with pytest.raises(InputError, match=r"x.tsv:2: 'glia' in column 'kind' is not a number; .*--task multiclass"):
        read(path, target_columns=("kind",))
    examples, source, _ = read(path, label=None, task="multiclass")
    assert (examples.targets, source.has_classes) == (None, False)


def test_inputs_that_say_no_class(tmp_path):
    table, plain_fasta = put(tmp_path, "x.tsv", CELLS), put(tmp_path, "x.fa", FASTA)
    genome = str(put(tmp_path, "g.fa", GENOME))
    bed = put(tmp_path, "p.bed", "chr1\t0\t4\n")
    for path in (table, plain_fasta, bed, dataset(tmp_path / "n.h5", names=())):
        with pytest.raises(InputError, match=r"holds no classes, but the task is multiclass; see --target-column"):
            read(path, task="multiclass", genome=genome)
    with pytest.raises(UsageError, match=r"x.tsv: the class of an example is in one column, not in kind, w"):
        read(table, target_columns=("kind", "w"), task="multiclass")


def test_classes_in_headers(tmp_path):
    path = put(tmp_path, "x.fa", ">a type=T\nACG\n>b type=B\nCCC\n")
    examples, source, _ = read(path, label_pattern=r"type=(\w)", task="multiclass")
    assert (examples.targets.tolist(), source.classes.order()[0]) == ([[0], [1]], ["B", "T"])
    assert source.target_names == ["target"]


def encoded_classes(path, names, numbers):
    with DatasetWriter(path, "dna", ["kind"]) as writer:
        writer.append(join([_given(["ACGT"] * len(numbers), 1)]).with_targets(np.array(numbers, np.float32)[:, None]))
        writer.finish({}, class_names=names)
    return path


def test_encoded_classes(tmp_path):
    path = encoded_classes(tmp_path / "d.h5", ["x", "y"], [1, 0])
    examples, source, _ = read(path)
    assert (source.has_classes, source.classes.order()[0]) == (True, ["x", "y"])
    assert renumber(examples.targets, source.classes.order()[1]).tolist() == [[1], [0]]
    examples, _, _ = read(path, task="multiclass", classes=("y", "z", "x"))
    assert examples.targets.tolist() == [[0], [2]]
    with pytest.raises(InputError, match=r"d.h5: class 'x' is not one of the model's: y, z"):
        read(path, task="multiclass", classes=("y", "z"))
    with pytest.raises(InputError, match=r"d.h5: the targets are 2 classes \(x, y\), not those of a binary task"):
        read(path, task="binary")
    examples, source, _ = read(path, label=None, task="binary")
    assert (examples.targets, source.has_classes) == (None, False)
    with pytest.raises(InputError, match=r"w.h5: the target 2 is not the number of a class"):
        read(encoded_classes(tmp_path / "w.h5", ["x", "y"], [1, 2]))
    numbers = dataset(tmp_path / "n.h5", sequences=["ACGT"] * 2)
    examples, source, _ = read(numbers, task="multiclass")
    assert (examples.targets[:, 0].tolist(), source.classes.order()[0]) == ([0, 1], ["0", "1"])


def test_weights_of_a_table(tmp_path):
    path = put(tmp_path, "x.tsv", CELLS)
    for column in ("w", "3"):
        examples, source, _ = read(path, target_columns=("w",), weight_column=column)
        assert (examples.weights.dtype, examples.weights.tolist()) == (np.float32, [2, 0, 1, 1.5])
        assert source.weighted
    examples, source, _ = read(path, target_columns=("w",))
    assert (examples.weights, source.weighted) == (None, False)
    assert read(path, label=None, weight_column="w")[0].weights is None
    bad = put(tmp_path, "y.tsv", CELLS.replace("1.5", "-1.5"))
    with pytest.raises(InputError, match=r"y.tsv:5: '-1.5' in column 'w' is not a weight; weights are numbers of 0 or"):
        read(bad, target_columns=("w",), weight_column="w")
    with pytest.raises(InputError, match=r"there is no column 'v' \(weight\)"):
        read(path, weight_column="v")


def test_weights_of_regions(tmp_path):
    genome = str(put(tmp_path, "g.fa", GENOME))
    bed = put(tmp_path, "p.bed", "chr1\t0\t4\ta\t3\nchr1\t4\t8\tb\t0.5\nchr2\t0\t4\tc\t0\n")
    examples, source, _ = read(bed, genome=genome, weight_column="score")
    assert (examples.weights.dtype, examples.weights.tolist()) == (np.float32, [3, 0.5, 0])
    assert source.weighted
    assert read(bed, genome=genome)[0].weights is None
    assert read(bed, genome=genome, label=None, weight_column="score")[0].weights is None
    for value, found in (("-2", "-2"), (".", "no number"), ("inf", "inf")):
        wrong = put(tmp_path, "w.bed", f"# x\nchr1\t0\t4\ta\t3\nchr1\t4\t8\tb\t{value}\n")
        message = f"w.bed:3: column 'score' holds {found}, but a weight is a number of 0 or more"
        with pytest.raises(InputError, match=message):
            read(wrong, genome=genome, weight_column="score")


def test_headers_of_ones_and_zeros(tmp_path):
    examples, source, tally = read(put(tmp_path, "x", ">1\nACG\n>0 \nAAA\n>1\nCC\n"))
    assert examples.targets.tolist() == [[1], [0], [1]]
    assert (source.labelled, source.target_names) == (True, ["target"])
    assert tally.notes == [f"{source.path}: labels are the headers >1 and >0"]


def test_whether_headers_are_labels_is_decided_at_the_beginning(tmp_path):
    many = "".join(f">{i % 2}\n{'ACGT' * 250}\n" for i in range(1500))  # more than one chunk
    examples, source, tally = read(put(tmp_path, "x", ">first\nAC\n" * 1100 + many))
    assert set(examples.targets.ravel().tolist()) == {1}
    assert (source.labelled, tally.notes) == (False, [])
    examples, source, tally = read(put(tmp_path, "z", many))
    assert examples.targets.ravel().tolist() == [0, 1] * 750
    assert len(tally.notes) == 1
    with pytest.raises(InputError, match=r"y: header 'last' is neither 1 nor 0, as those before it are"):
        read(put(tmp_path, "y", many + ">last\nAC\n"))


def test_label_pattern(tmp_path):
    path = put(tmp_path, "x", "> chr1,+,5,9; class:0\nACG\n> chr2,-,5,9; class:1\nACG\n")
    examples, source, _ = read(path, label_pattern="class:([01])")
    assert examples.targets.tolist() == [[0], [1]]
    assert examples.names.decode() == ["chr1,+,5,9;", "chr2,-,5,9;"]
    assert source.labelled
    assert plain(read(path, label=None, label_pattern="class:([01])")[0]) == plain(examples)  # one name everywhere
    with pytest.raises(InputError, match=r"header 'chr1.*' gives no number by --label-pattern 'klass"):
        read(path, label_pattern="klass:(.)")
    for wrong in ("(", "class:1"):
        with pytest.raises(UsageError, match="--label-pattern"):
            Source(str(path), ReadOptions(label_pattern=wrong), Tally(), label=1.0)


def test_empty_sequences(tmp_path):
    path = put(tmp_path, "x", ">1\n>0\nAC\n>1\n\n>1\nG\n")
    examples, _, tally = read(path)
    assert (plain(examples), examples.targets.tolist()) == ([("0", "AC"), ("1", "G")], [[0], [1]])
    assert tally.counts["empty sequences left out"] == 2
    assert tally.counts["sequences read"] == 4
    examples, _, tally = read(path, keep_empty=True)
    assert decode_all(examples.sequences) == ["", "AC", "", "G"]
    assert "empty sequences left out" not in tally.counts
    assert list(Source(str(put(tmp_path, "y", ">a\n>b\n")), ReadOptions(), Tally())) == []


def test_alphabet(tmp_path):
    rna, both, dna = (
        put(tmp_path, name, f">x\n{text}\n") for name, text in (("r", "ACGU"), ("b", "UT"), ("d", "ACGT"))
    )
    message = r"r: sequences hold U: say --alphabet rna \(one strand\), or --alphabet dna to read U as T"
    with pytest.raises(UsageError, match=message):
        read(rna)
    for alphabet in ("rna", "dna"):
        examples, source, tally = read(rna, alphabet=alphabet)
        assert (plain(examples), source.alphabet, tally.notes) == ([("x", "ACGT")], alphabet, [])
        assert (tally.counts["U"], tally.counts["T"]) == (1, 0)
        tally = read(both, alphabet=alphabet)[2]
        assert tally.notes == [f"{both}: both T and U occur; they are read as the same base"]
    tally, options = Tally(), ReadOptions(alphabet="rna")
    assert len(list(read_all([Source(str(path), options, tally, label=1.0) for path in (rna, dna)]))) == 2
    assert tally.notes == []  # in each file there is but one of them
    assert read(put(tmp_path, "t", "seq\ty\nACGU\t1\n"), alphabet="rna")[1].alphabet == "rna"
    with pytest.raises(UsageError, match="sequences hold U"):
        read(put(tmp_path, "t", "seq\ty\nACGU\t1\n"))


GENOME = ">chr1\nACGTACGTTGCANNRA\n>chr2\nGGGGGCCCCC\n"


def test_bed(tmp_path):
    genome = str(put(tmp_path, "g.fa", GENOME))
    bed = put(tmp_path, "p.bed", "chr1\t0\t4\tp1\t0\t+\nchr1\t8\t12\tp2\t0\t-\nchr2\t3\t7\n")
    examples, source, tally = read(bed, genome=genome)
    assert plain(examples) == [("p1", "ACGT"), ("p2", "TGCA"), ("chr2:3-7", "GGCC")]
    assert examples.windows.strand.tolist() == ["+", "-", "."]
    assert examples.windows.chrom.tolist() == ["chr1", "chr1", "chr2"]
    assert examples.targets.tolist() == [[1]] * 3
    assert (source.kind, source.peaks, source.labelled) == ("bed", None, False)
    assert tally.counts["windows filled up with N beyond a chromosome end"] == 0
    with pytest.raises(UsageError, match=r"p.bed holds regions: say which genome they are of with --genome FASTA"):
        read(bed)


def test_bed_windows(tmp_path):
    genome = str(put(tmp_path, "g.fa", GENOME))
    bed = put(tmp_path, "p.bed", "1\t0\t2\ta\t0\t+\n1\t0\t2\tb\t0\t-\n1\t13\t16\tc\t0\t.\n")
    examples, source, tally = read(bed, genome=genome, length=5)
    assert [text for _, text in plain(examples)] == ["NACGT", "ACGTN", "NNNAN"]
    assert examples.windows.start.tolist() == [-1, -1, 12]
    assert examples.windows.end.tolist() == [4, 4, 17]
    assert (source.peaks.chrom.tolist(), source.peaks.start.tolist()) == (["chr1"] * 3, [0, 0, 13])
    assert tally.counts["windows filled up with N beyond a chromosome end"] == 3
    assert tally.counts["ambiguous letters read as N"] == 1
    assert tally.counts["N"] == 5
    assert any("1 in the peaks is chr1 in the genome" in note for note in tally.notes)


def test_narrow_peak(tmp_path):
    genome = str(put(tmp_path, "g.fa", GENOME))
    line = "chr1\t2\t10\t{}\t0\t{}\t5\t2\t1\t{}\n"
    peaks = line.format("a", "+", 1) + line.format("b", "-", 1) + line.format("c", ".", -1)
    examples, _, _ = read(put(tmp_path, "p.narrowPeak.gz", peaks), genome=genome, length=3)
    assert plain(examples) == [("a", "GTA"), ("b", "TAC"), ("c", "CGT")]
    assert examples.windows.start.tolist() == [2, 2, 5]
    examples, _, _ = read(put(tmp_path, "p.narrowPeak.gz", peaks), genome=genome)
    assert plain(examples)[0] == ("a", "GTACGTTG")


def dataset(path, alphabet="dna", names=("t",), sequences=("ACGTT", "NNACN")):
    examples = join([_given(sequences, len(names))])
    with DatasetWriter(path, alphabet, list(names)) as writer:
        writer.append(examples if names else examples.with_targets(None))
        writer.finish({})
    return path


def _given(sequences, n_targets):
    from seqcnn.dataset.examples import Examples
    from seqcnn.sequence.ragged import from_text

    n = len(sequences)
    targets = np.arange(n * n_targets, dtype=np.float32).reshape(n, n_targets)
    return Examples(encode_all(sequences), from_text("ab"[:n]), targets, np.zeros(n, np.uint8))


def test_encoded(tmp_path):
    path = dataset(tmp_path / "d.h5", "rna")
    examples, source, tally = read(path)
    assert plain(examples) == SEQUENCES
    assert examples.targets.tolist() == [[0], [1]]
    assert (source.kind, source.alphabet, source.target_names, source.labelled) == ("h5", "rna", ["t"], True)
    assert tally.counts["sequences read"] == 2
    assert read(path, label=None)[0].targets is None
    assert read(path, alphabet="rna", format="h5")[1].kind == "h5"
    with pytest.raises(InputError, match="holds RNA, but is to be read as DNA"):
        read(path, alphabet="dna")
    examples, source, _ = read(dataset(tmp_path / "n.h5", names=()))
    assert (examples.targets.tolist(), source.target_names, source.labelled) == ([[1], [1]], ["target"], False)
    gap = dataset(tmp_path / "gap.h5", sequences=["ACG", ""])
    assert len(read(gap)[0]) == 1
    assert len(read(gap, keep_empty=True)[0]) == 2


def test_one_hot_only(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["one_hot"] = one_hot(encode_all(["ACGN", "TTTT"]).padded())
    examples, source, _ = read(tmp_path / "d.h5")
    assert plain(examples) == [("row_1", "ACGN"), ("row_2", "TTTT")]
    assert (examples.targets.tolist(), source.labelled) == ([[1], [1]], False)


def test_empty_dataset(tmp_path):
    with DatasetWriter(tmp_path / "d.h5", "dna", []):
        pass
    with pytest.raises(InputError, match="holds no sequences"):
        read(tmp_path / "d.h5")


def test_forced_format(tmp_path):
    table = put(tmp_path, "x.txt", "chr1 5 9\n")  # looks like BED
    with pytest.raises(UsageError, match="--genome"):
        read(table)
    with pytest.raises(InputError, match="sequence"):
        read(table, format="table")
    with pytest.raises(InputError, match="FASTA without a header"):
        read(table, format="fasta")


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda p: None, {}, "x: there is no such file"),
        (lambda p: None, {"format": "h5"}, "x: there is no such file"),
        (lambda p: p.mkdir(), {}, "x: is a folder, not a file"),
        (lambda p: p.write_bytes(b""), {}, "x: is empty"),
        (lambda p: p.write_bytes(bytes(range(256)) * 9), {}, "x: is neither text nor an encoded dataset; FASTA, FASTQ"),
        (lambda p: p.write_bytes(gzip.compress(FASTA.encode() * 99, mtime=0)[:-9]), {}, "x: gzip data end too early"),
        (lambda p: p.write_text("\n\n"), {"format": "fasta"}, "x: holds no sequences"),
        (lambda p: p.write_text(">a\nACGT1\n"), {}, "x:2: '1' is not a nucleotide letter"),
        (lambda p: p.write_text(FASTA), {"format": "h5"}, "x: is not an HDF5 file"),
        (dataset, {"format": "fasta"}, "x: is an encoded dataset (HDF5), not fasta"),
        (
            lambda p: p.write_bytes(gzip.compress(dataset(p).read_bytes(), mtime=0)),
            {},
            "x: an encoded dataset cannot be read from a stream; give the name of an HDF5 file that is not compressed",
        ),
    ],
)
def test_what_cannot_be_read(tmp_path, make, options, message):
    make(tmp_path / "x")
    with pytest.raises(SeqcnnError) as caught:
        read(tmp_path / "x", **options)
    assert type(caught.value) is InputError
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["text", "hdf5"])
def test_no_dataset_from_standard_input(tmp_path, monkeypatch, kind):
    content = FASTA.encode() if kind == "text" else dataset(tmp_path / "d.h5").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(InputError, match="stdin: an encoded dataset cannot be read from a stream"):
        read("-", format="h5" if kind == "text" else "auto")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t0\t99", r"p.bed:1: region chr1:0-99 runs past the end of chr1, which has 16 bases"),
        ("chrZ\t0\t9", r"p.bed:1: chromosome 'chrZ' is not in the genome .*; nearest: chr"),
        ("chr1\t9\t9", r"p.bed:1: "),
    ],
)
def test_wrong_regions(tmp_path, line, message):
    genome = str(put(tmp_path, "g.fa", GENOME))
    with pytest.raises(InputError, match=message):
        read(put(tmp_path, "p.bed", line + "\n"), genome=genome)


def test_no_genome(tmp_path):
    with pytest.raises(InputError, match=r"none.fa: there is no such file"):
        read(put(tmp_path, "p.bed", "chr1\t0\t9\n"), genome=str(tmp_path / "none.fa"))


def test_several(tmp_path):
    paths = [put(tmp_path, "x", FASTA), dataset(tmp_path / "d.h5", names=())]
    sources = [Source(str(path), ReadOptions(), Tally(), label=1.0) for path in paths]
    assert plain(join(list(read_all(sources)))) == SEQUENCES * 2


def test_several_must_go_together(tmp_path):
    first, other = put(tmp_path, "x", FASTA), dataset(tmp_path / "d.h5")
    rna = dataset(tmp_path / "r.h5", "rna", names=())
    for second, message in ((other, r"d.h5: has the targets t; .*x has target"), (rna, r"r.h5: holds rna, but .*x")):
        sources = [Source(str(path), ReadOptions(), Tally(), label=1.0) for path in (first, second)]
        with pytest.raises(InputError, match=message):
            list(read_all(sources))
        for source in sources:
            source.close()


def test_large_windows_come_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("seqcnn.dataset.cutting._BASES_AT_ONCE", 10)
    genome = str(put(tmp_path, "g.fa", GENOME))
    bed = put(tmp_path, "p.bed", "chr1\t0\t4\n" * 5)
    source = Source(str(bed), ReadOptions(genome=genome), Tally(), label=1.0)
    chunks = list(source)
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]
    assert [text for _, text in plain(join(chunks))] == ["ACGT"] * 5


@pytest.mark.realdata
def test_clip_headers(shared_data):
    examples, source, _ = read(shared_data / "clip" / "QKI.test.fa.gz", alphabet="rna", label_pattern="class:([01])")
    assert len(examples) == 10_000
    assert examples.targets.mean() == pytest.approx(0.2)
    assert source.labelled


@pytest.mark.realdata
def test_repeated_headers(shared_data):
    examples, _, tally = read(shared_data / "fastsk_tfbs" / "EP300.test.fasta.gz")
    assert len(examples) == 2000
    assert examples.targets.mean() == 0.5
    assert "headers >1 and >0" in tally.notes[0]


@pytest.mark.realdata
def test_probes(shared_data):
    examples, source, _ = read(shared_data / "dream5_pbm" / "Foxo1_HK.txt.gz", target_columns=("2",))
    assert len(examples) > 37_000
    assert len(source.target_names) == 1
    assert set(examples.sequences.lengths.tolist()) == {35}
