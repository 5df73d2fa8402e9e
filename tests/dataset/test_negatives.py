from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.dataset.examples import Examples, Origin, join
from seqcnn.dataset.negatives import NegativeOptions, make_negatives
from seqcnn.dataset.overlaps import overlapping
from seqcnn.dataset.sources import ReadOptions, Tally
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.genome import Genome
from seqcnn.sequence.alphabet import N_CODE, reverse_complement
from seqcnn.sequence.ragged import Ragged, decode_all, encode_all, from_text, offsets_of
from seqcnn.sequence.windows import Windows


def random_positives(n, rng, lengths=(30, 41), windows=None, first=0):
    length = rng.choice(lengths, n)
    codes = rng.integers(0, 4, length.sum()).astype(np.uint8)
    names = from_text(f"p{first + i}" for i in range(n))
    targets = np.ones((n, 1), dtype=np.float32)
    return Examples(Ragged(codes, offsets_of(length)), names, targets, np.zeros(n, np.uint8), windows)


def make(chunks, method, n_targets=1, reading=None, peaks=(), **options):
    """The negatives of chunks of positives, and the tally."""
    tally = Tally()
    wanted = NegativeOptions(method, **options)
    made = make_negatives(lambda: chunks, method, wanted, reading or ReadOptions(), tally, n_targets, peaks)
    return join(list(made)), tally


def dinucleotides(row):
    return sorted(zip(row[:-1].tolist(), row[1:].tolist(), strict=True))


@pytest.mark.parametrize(("ratio", "least", "most"), [(0.5, 40, 60), (1, 100, 100), (2.5, 240, 260), (3, 300, 300)])
def test_dinucleotide(ratio, least, most):
    positives = random_positives(100, np.random.default_rng(0))
    made, tally = make([positives], "dinucleotide", 2, ratio=ratio)
    assert least <= len(made) <= most
    assert set(made.origin.tolist()) == {Origin.DINUCLEOTIDE}
    assert made.targets.tolist() == [[0, 0]] * len(made)
    sources = dict(zip(positives.names.decode(), positives.sequences, strict=True))
    times = dict.fromkeys(sources, 0)
    for name, row in zip(made.names.decode(), made.sequences, strict=True):
        source = name.removesuffix("_shuffled")
        times[source] += 1
        assert source + "_shuffled" == name
        assert dinucleotides(row) == dinucleotides(sources[source])
    assert {int(ratio), int(np.ceil(ratio))} == set(times.values())
    assert len(set(decode_all(made.sequences))) == len(made)  # copies differ from one another
    assert not tally.counts


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.sampled_from([0.7, 1, 1.5, 2]))
def test_dinucleotide_does_not_depend_on_chunks(sizes, ratio):
    rng = np.random.default_rng(1)
    chunks = [random_positives(n, rng, first=10 * i) for i, n in enumerate(sizes) if n]
    if not chunks:
        return
    separately = list(
        make_negatives(lambda: chunks, "dinucleotide", NegativeOptions("", ratio), ReadOptions(), Tally(), 1)
    )
    whole = [join(chunks)]
    together = list(
        make_negatives(lambda: whole, "dinucleotide", NegativeOptions("", ratio), ReadOptions(), Tally(), 1)
    )
    for part in (separately, together):
        assert all(map(len, part))
    one, other = ([row for p in part for row in decode_all(p.sequences)] for part in (separately, together))
    assert one == other


def test_dinucleotide_keeps_places_and_parts():
    places = Windows(np.array(["a", "b"], dtype=object), np.arange(2), np.arange(2) + 9)
    split = np.array(["train", "test"], dtype=object)
    positives = Examples(
        encode_all(["ACGTACGTA", "GGTTGGTTA"]), from_text("xy"), None, np.zeros(2, np.uint8), places, split
    )
    made, _ = make([positives], "dinucleotide")
    assert made.windows.chrom.tolist() == ["a", "b"]
    assert made.split.tolist() == ["train", "test"]


def test_shuffles_that_change_nothing_are_counted():
    sequences = ["AAAAAA", "", "ACGTACGTAGCTAGCATCGA", "C", "AC", ""]
    n = len(sequences)
    positives = Examples(encode_all(sequences), from_text("abcdef"), None, np.zeros(n, np.uint8))
    made, tally = make([positives], "dinucleotide")
    assert len(made) == n
    assert list(tally.counts.values()) == [5]


@pytest.mark.parametrize("ratio", [0, -1, float("nan"), float("inf")])
def test_ratio(ratio):
    with pytest.raises(UsageError, match="ratio of negatives to positives must be above 0"):
        make([random_positives(3, np.random.default_rng(0))], "dinucleotide", ratio=ratio)


SIZES = {"a": 60_000, "b": 30_000}


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("g") / "g.fa"
    with open(path, "w") as file:
        for name, size in SIZES.items():
            gc = 0.45 + 0.2 * np.sin(np.arange(size) / 3000)
            bases = np.where(rng.random(size) < gc, rng.choice(list("GC"), size), rng.choice(list("AT"), size))
            bases[5000:6000] = "N"
            file.write(f">{name}\n{''.join(bases)}\n")
    return str(path)


@pytest.fixture
def peaks(genome):
    """Positives on the genome, the last one beyond an end."""
    rng = np.random.default_rng(6)
    chrom = np.array(["a", "b"], dtype=object)[rng.integers(0, 2, 60)]
    start = rng.integers(6000, 29_000, 60)
    start[-1] = -30
    windows = Windows(chrom, start, start + 101, np.full(60, "+"))
    with Genome(genome) as opened:
        inner = np.maximum(start, 0)
        sequences = opened.extract(chrom, inner, inner + 101)
    names = from_text(map(str, range(60)))
    return Examples(sequences, names, np.ones((60, 1), np.float32), np.zeros(60, np.uint8), windows)


@pytest.mark.parametrize(("method", "origin"), [("gc", Origin.GC), ("flank", Origin.FLANK)])
@pytest.mark.parametrize("ratio", [0.5, 1, 2.5])
def test_windows(genome, peaks, method, origin, ratio):
    chunks = [peaks.take(np.arange(25)), peaks.take(np.arange(25, 60))]
    made, tally = make(chunks, method, reading=ReadOptions(genome=genome), ratio=ratio, seed=3)
    assert abs(len(made) - 60 * ratio) <= 2
    assert set(made.origin.tolist()) == {origin}
    assert not overlapping(made.windows, peaks.windows).any()
    assert set(made.sequences.lengths.tolist()) == {101}  # also that of the peak beyond the end
    assert not (made.sequences.data == N_CODE).any()
    with Genome(genome) as opened:
        windows = made.windows
        assert (opened.extract(windows.chrom, windows.start, windows.end).data == made.sequences.data).all()
    first = made.windows.take(np.arange(1))
    assert made.names.decode()[0] == f"{first.chrom[0]}:{first.start[0]}-{first.end[0]}"
    assert tally.notes[0].startswith(f"--negatives {method}: {len(made)} of ")
    assert tally.counts[f"negatives ({method}): found"] == len(made)
    same, _ = make([peaks], method, reading=ReadOptions(genome=genome), ratio=ratio, seed=3)
    assert same.names.decode() == made.names.decode()
    other, _ = make([peaks], method, reading=ReadOptions(genome=genome), ratio=ratio, seed=4)
    assert other.names.decode() != made.names.decode()


@pytest.mark.parametrize("method", ["gc", "flank"])
def test_windows_are_on_the_strand_of_their_positive(genome, peaks, method):
    """What reads one strand would tell sense from antisense otherwise."""
    plain, _ = make([peaks], method, reading=ReadOptions(genome=genome))
    strand = np.array(["+", "-", "."])[np.arange(len(peaks)) % 3]
    stranded = replace(peaks, windows=replace(peaks.windows, strand=strand))
    made, _ = make(
        [stranded.take(np.arange(25)), stranded.take(np.arange(25, 60))], method, reading=ReadOptions(genome=genome)
    )
    assert made.names.decode() == plain.names.decode()
    assert len(made) == len(peaks)  # one for each, in their order
    assert made.windows.strand.tolist() == np.where(strand == "-", "-", "+").tolist()
    for ours, theirs, its in zip(made.sequences, plain.sequences, strand, strict=True):
        assert np.array_equal(ours, reverse_complement(theirs) if its == "-" else theirs)


def test_windows_match_gc(genome, peaks):
    made, _ = make([peaks], "gc", reading=ReadOptions(genome=genome))
    one, other = (np.sort([np.isin(row, (1, 2)).mean() for row in e.sequences]) for e in (peaks, made))
    np.testing.assert_allclose(one, other, atol=0.05)


@pytest.mark.parametrize("method", ["gc", "flank"])
def test_windows_keep_away_from_whole_peaks(genome, peaks, method):
    wide = Windows(peaks.windows.chrom, np.maximum(peaks.windows.start - 300, 0), peaks.windows.end + 300)
    near, _ = make([peaks], method, reading=ReadOptions(genome=genome), ratio=3)
    assert overlapping(near.windows, wide).any()
    far, _ = make([peaks], method, reading=ReadOptions(genome=genome), ratio=3, peaks=[wide])
    assert not overlapping(far.windows, wide).any()


@pytest.mark.parametrize("method", ["gc", "flank"])
def test_windows_need_places(genome, peaks, method, tmp_path):
    nowhere = random_positives(2, np.random.default_rng(0))
    message = f"--negatives {method} needs regions"
    for chunks, reading in (
        ([nowhere], ReadOptions(genome=genome)),
        ([peaks], ReadOptions()),
        ([peaks, nowhere], ReadOptions(genome=genome)),
        ([join([peaks, nowhere])], ReadOptions(genome=genome)),  # as it comes back from a dataset
    ):
        with pytest.raises(UsageError, match=message):
            make(chunks, method, reading=reading)
    (tmp_path / "o.fa").write_text(">chrX\nACGT\n")
    with pytest.raises(InputError, match=r"o.fa: has no chromosome '[ab]', but examples are on it"):
        make([peaks], method, reading=ReadOptions(genome=str(tmp_path / "o.fa")))


def test_no_room_for_windows(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(">a\n" + "ACGT" * 10 + "\n")
    windows = Windows(np.array(["a"], dtype=object), np.array([0]), np.array([40]))
    positive = Examples(encode_all(["ACGT" * 10]), from_text("p"), None, np.zeros(1, np.uint8), windows)
    for method in ("gc", "flank"):
        with pytest.raises(InputError, match=rf"g.fa: no negatives found by --negatives {method}: 0 of 1"):
            make([positive], method, reading=ReadOptions(genome=str(path)))


def test_file(tmp_path):
    path = tmp_path / "n.fa"
    path.write_text(">a\nACGTT\n>b\nGGGGG\n>c\n\n>1\nTTTTT\n>d\nacgtt\n")
    positives = Examples(encode_all(["ACGTT", "CCCCC"]), from_text("xy"), None, np.zeros(2, np.uint8))
    # Of DNA the reverse complement of a positive is the same sequence.
    for alphabet, kept in (("dna", ["TTTTT"]), ("rna", ["GGGGG", "TTTTT"])):
        options = ReadOptions(alphabet=alphabet, label_pattern="no", target_columns=("no",))
        made, tally = make([positives], str(path), 3, options)
        assert decode_all(made.sequences) == kept
        assert made.targets.tolist() == [[0, 0, 0]] * len(kept)
        assert made.origin.tolist() == [Origin.GIVEN] * len(kept)
        assert tally.counts["negatives left out: same sequence as a positive"] == 4 - len(kept)
        assert tally.counts["empty sequences left out"] == 1


def test_columns_of_a_file_are_those_of_the_positives(tmp_path):
    path = tmp_path / "n.tsv"
    path.write_text("name\tsequence\tcore\nn1\tAAAAGGGGAA\tGGGG\n")
    positives = Examples(encode_all(["ACGT"]), from_text("x"), None, np.zeros(1, np.uint8))
    for column, kept in ((None, "AAAAGGGGAA"), ("core", "GGGG"), ("3", "GGGG")):
        options = ReadOptions(sequence_column=column, name_column=column and "2")
        made, _ = make([positives], str(path), 1, options)
        assert decode_all(made.sequences) == [kept]
        assert made.names.decode() == ["n1" if column is None else "AAAAGGGGAA"]
    path.write_text("AAAAGGGGAA\t7\nCCCC\t8\n")
    for header, n in ((None, 2), (True, 1)):
        made, _ = make([positives], str(path), 1, ReadOptions(sequence_column="1", header=header))
        assert len(made) == n
    with pytest.raises(
        InputError, match=r"n.tsv: there is no column 'core' \(sequence\); columns are: column_1, column_2"
    ):
        make([positives], str(path), 1, ReadOptions(sequence_column="core"))


def test_file_of_regions(genome, tmp_path):
    rows = [("a", 100, 200), ("a", 199, 250), ("a", 200, 250), ("b", 150, 160), ("a", 50, 101), ("a", -5, 20)]
    path = tmp_path / "n.bed"
    path.write_text("".join(f"{c}\t{max(s, 0)}\t{e}\n" for c, s, e in rows))
    windows = Windows(np.array(["a", "a"], dtype=object), np.array([100, 5]), np.array([200, 9]))
    positives = random_positives(2, np.random.default_rng(0), windows=windows)
    chunks = [positives.take(np.array([0])), positives.take(np.array([1]))]
    made, tally = make(chunks, str(path), reading=ReadOptions(genome=genome))
    assert made.windows.start.tolist() == [200, 150]
    assert tally.counts["negatives left out: overlap a positive"] == 4
    assert tally.counts["negatives left out: same sequence as a positive"] == 0


def test_all_of_a_file_left_out(tmp_path):
    (tmp_path / "n.fa").write_text(">a\nACGTT\n")
    positives = Examples(encode_all(["ACGTT"]), from_text("x"), None, np.zeros(1, np.uint8))
    with pytest.raises(InputError, match=r"n.fa: holds no negatives but such as overlap a positive or are the same"):
        make([positives], str(tmp_path / "n.fa"))


def test_file_of_another_alphabet(tmp_path):
    with DatasetWriter(tmp_path / "n.h5", "rna", []) as writer:
        writer.append(random_positives(2, np.random.default_rng(0)).with_targets(None))
    positives = random_positives(2, np.random.default_rng(1))
    with pytest.raises(InputError, match=r"n.h5: holds rna, but the positives are dna"):
        make([positives], str(tmp_path / "n.h5"))
    assert len(make([positives], str(tmp_path / "n.h5"), reading=ReadOptions(alphabet="rna"))[0]) == 2


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        make([random_positives(2, np.random.default_rng(1))], str(tmp_path / "none.fa"))


def weighted(examples, seed=0):
    weights = np.random.default_rng(seed).integers(1, 1000, len(examples)).astype(np.float32)
    return replace(examples, weights=weights)


def test_a_negative_has_the_weight_of_its_positive(genome, peaks):
    positives = weighted(random_positives(20, np.random.default_rng(0)))
    made, _ = make([positives.take(np.arange(7)), positives.take(np.arange(7, 20))], "dinucleotide", ratio=2)
    assert made.weights.tolist() == positives.weights.tolist() * 2
    positives = weighted(peaks)
    chunks = [positives.take(np.arange(25)), positives.take(np.arange(25, 60))]
    for method in ("gc", "flank"):
        made, _ = make(chunks, method, reading=ReadOptions(genome=genome), seed=3)
        assert (made.weights.dtype, made.weights.tolist()) == (np.float32, positives.weights.tolist())
        partly = [chunks[0], replace(chunks[1], weights=None)]
        made, _ = make(partly, method, reading=ReadOptions(genome=genome), seed=3)
        assert made.weights.tolist() == positives.weights.tolist()[:25] + [1] * 35
        made, _ = make([peaks], method, reading=ReadOptions(genome=genome), seed=3)
        assert made.weights is None


def test_negatives_of_a_file_have_the_mean_weight(tmp_path):
    positives = weighted(random_positives(20, np.random.default_rng(0)))
    path = tmp_path / "n.fa"
    path.write_text(">a\nACGTTTGGAACC\n>b\nTTTGGCCAAACC\n")
    chunks = [positives.take(np.arange(7)), replace(positives.take(np.arange(7, 20)), weights=None)]
    for parts, mean in (([positives], positives.weights.mean()), (chunks, (chunks[0].weights.sum() + 13) / 20)):
        made, _ = make(parts, str(path))
        assert made.weights.tolist() == pytest.approx([mean] * 2, rel=1e-6)
    assert make([replace(positives, weights=None)], str(path))[0].weights is None
    encoded = tmp_path / "n.h5"
    with DatasetWriter(encoded, "dna", []) as writer:
        writer.append(replace(make([positives], str(path))[0], targets=None, weights=np.array([3, 4], np.float32)))
    assert make([positives], str(encoded))[0].weights.tolist() == [3, 4]
