import numpy as np
import pytest

from seqcnn.dataset.chromosomes import inside, to_genome_names
from seqcnn.dataset.genomic_negatives import flanking, gc_matched
from seqcnn.dataset.overlaps import overlapping
from seqcnn.formats.bed import read_bed
from seqcnn.formats.genome import Genome
from seqcnn.formats.stream import open_input
from seqcnn.sequence.alphabet import N_CODE
from seqcnn.sequence.windows import Windows, centred_windows


def write_genome(path, sizes, seed=0, letters=None):
    """A genome whose GC content wanders, with N runs."""
    rng = np.random.default_rng(seed)
    with open(path, "w") as file:
        for name, size in sizes.items():
            gc = 0.45 + 0.2 * np.sin(np.arange(size) / 3000)
            bases = np.where(rng.random(size) < gc, rng.choice(list("GC"), size), rng.choice(list("AT"), size))
            for start in range(5000, size, 20_000):
                bases[start : start + 1000] = "N"
            text = letters[name] if letters else "".join(bases)
            file.write(f">{name}\n" + "\n".join(text[i : i + 60] for i in range(0, size, 60)) + "\n")
    return path


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    path = write_genome(tmp_path_factory.mktemp("g") / "g.fa", {"a": 200_000, "b": 90_000, "c": 50_000})
    with Genome(path) as opened:
        yield opened


def make_positives(genome, n, rng, lengths, chroms=("a", "b")):
    chrom = rng.choice(np.array(chroms, dtype=object), n)
    length = rng.choice(lengths, n)
    sizes = np.array([genome.chroms[name] for name in chrom])
    start = np.floor(rng.random(n) * (sizes - length + 1)).astype(np.int64)
    free = [N_CODE not in row for row in genome.extract(chrom, start, start + length)]
    return Windows(chrom, start, start + length).take(np.array(free))


def gc_of(genome, windows):
    return np.array([np.isin(row, (1, 2)).mean() for row in genome.extract(windows.chrom, windows.start, windows.end)])


def wider(windows, by=60):
    return Windows(windows.chrom, np.maximum(windows.start - by, 0), windows.end + by)


def check_always(genome, positives, avoid, negatives):
    """What holds for every set of negatives."""
    assert (negatives.end - negatives.start).tolist() == (positives.end - positives.start)[negatives.positive].tolist()
    assert not overlapping(negatives, positives).any()
    assert not overlapping(negatives, avoid).any()
    assert inside(negatives, genome.chroms).all()
    assert (np.diff(negatives.positive) >= 0).all()
    assert set(negatives.strand.tolist()) <= {"+"}
    assert not (genome.extract(negatives.chrom, negatives.start, negatives.end).data == N_CODE).any()
    assert negatives.counts["found"] == len(negatives)
    windows = set(zip(negatives.chrom, negatives.start.tolist(), negatives.end.tolist(), strict=True))
    assert len(windows) == len(negatives)


def overlaps_itself(windows):
    order = np.lexsort((windows.start, windows.chrom))
    chrom, start, end = windows.chrom[order], windows.start[order], windows.end[order]
    return ((chrom[1:] == chrom[:-1]) & (start[1:] < end[:-1])).any()


@pytest.mark.parametrize("draw", [gc_matched, flanking])
@pytest.mark.parametrize(("lengths", "ratio"), [([101], 1), ([101], 2.5), ([30, 101, 205], 1), (range(20, 90), 3)])
def test_properties(genome, draw, lengths, ratio):
    positives = make_positives(genome, 150, np.random.default_rng(3), lengths)
    avoid = wider(positives)
    before = genome.n_ambiguous
    negatives = draw(genome, positives, avoid, ratio, np.random.default_rng(4))
    check_always(genome, positives, avoid, negatives)
    assert genome.n_ambiguous == before
    assert negatives.counts["asked"] == int(ratio) * len(positives) + round(ratio % 1 * len(positives))
    assert len(negatives) >= 0.97 * negatives.counts["asked"]
    assert (np.bincount(negatives.positive, minlength=len(positives)) <= np.ceil(ratio)).all()
    if not any("overlap a negative" in name for name in negatives.counts):
        assert not overlaps_itself(negatives)
    again = draw(genome, positives, avoid, ratio, np.random.default_rng(4))
    assert again.start.tolist() == negatives.start.tolist()
    assert again.counts == negatives.counts
    other = draw(genome, positives, avoid, ratio, np.random.default_rng(5))
    assert other.start.tolist() != negatives.start.tolist()


def test_gc_and_chromosomes_follow_the_positives(genome):
    positives = make_positives(genome, 300, np.random.default_rng(0), [101])
    negatives = gc_matched(genome, positives, None, 1, np.random.default_rng(1))
    wanted, found = gc_of(genome, positives)[negatives.positive], gc_of(genome, negatives)
    n_compromises = sum(n for name, n in negatives.counts.items() if name.startswith(("GC", "any", "may")))
    assert np.count_nonzero(np.abs(wanted - found) > 0.02 + 1e-9) <= n_compromises
    assert n_compromises < 10
    assert abs(wanted.mean() - found.mean()) < 0.002
    assert np.count_nonzero(negatives.chrom != positives.chrom[negatives.positive]) <= n_compromises


def test_gc_match_is_needed_to_pass(genome):
    """Random windows would fail the test above: the positives here lie where GC is high."""
    positives = make_positives(genome, 2000, np.random.default_rng(0), [101])
    rich = positives.take(np.argsort(gc_of(genome, positives))[-100:])
    negatives = gc_matched(genome, rich, None, 1, np.random.default_rng(1))
    assert gc_of(genome, rich).mean() > 0.65
    assert abs(gc_of(genome, rich).mean() - gc_of(genome, negatives).mean()) < 0.01


def test_flanks_are_near(genome):
    positives = make_positives(genome, 100, np.random.default_rng(0), [101])
    negatives = flanking(genome, positives, None, 1, np.random.default_rng(1))
    assert (negatives.chrom == positives.chrom[negatives.positive]).all()
    away = np.abs(negatives.start - positives.start[negatives.positive])
    assert away.min() >= 101
    assert np.count_nonzero(away > 4 * 101) == negatives.counts.get("farther away", 0)
    assert away.max() <= 16 * 101
    upstream = np.count_nonzero(negatives.start < positives.start[negatives.positive])
    assert 30 <= upstream <= 70


@pytest.mark.parametrize("draw", [gc_matched, flanking])
def test_too_little_room_says_why(tmp_path, draw):
    text = {"a": "ACGT" * 150 + "N" * 400}
    with Genome(write_genome(tmp_path / "g.fa", {"a": 1000}, letters=text)) as genome:
        positives = Windows(np.array(["a", "a"], dtype=object), np.array([100, 300]), np.array([200, 400]))
        avoid = wider(positives)
        negatives = draw(genome, positives, avoid, 50, np.random.default_rng(0))
        check_always(genome, positives, avoid, negatives)
    assert 0 < len(negatives) < 100
    assert negatives.counts["asked"] == 100
    text = negatives.describe()
    assert text.startswith(f"{len(negatives)} of 100 negatives found (")
    for reason in ("overlaps a peak", "contains N", "may overlap a negative"):
        assert reason in text
    missing = 100 - len(negatives)
    assert f"no GC match: {missing}" in text or f"no place beside the peak: {missing}" in text


def test_small_chromosome_borrows_from_the_others(tmp_path):
    rng = np.random.default_rng(0)
    letters = {"a": "".join(rng.choice(list("ACGT"), 100_000)), "b": "".join(rng.choice(list("ACGT"), 400))}
    letters["c"] = letters["a"]
    with Genome(write_genome(tmp_path / "g.fa", {"a": 100_000, "b": 400, "c": 100_000}, letters=letters)) as genome:
        chrom = np.array(["a"] * 5 + ["b"] * 3, dtype=object)
        start = np.array([0, 1000, 2000, 3000, 4000, 0, 120, 299])
        positives = Windows(chrom, start, start + 101)
        negatives = gc_matched(genome, positives, None, 1, np.random.default_rng(1))
    assert negatives.counts["found"] == 8
    assert set(negatives.chrom.tolist()) == {"a"}
    assert negatives.counts["any chromosome"] == 3


def test_no_positives_and_ratio_nought(genome):
    none = np.zeros(0, dtype=np.int64)
    empty = Windows(np.zeros(0, dtype=object), none, none)
    positives = make_positives(genome, 5, np.random.default_rng(0), [50])
    for draw in (gc_matched, flanking):
        assert len(draw(genome, empty, None, 1, np.random.default_rng(0))) == 0
        assert len(draw(genome, positives, empty, 0, np.random.default_rng(0))) == 0


@pytest.mark.parametrize(("max_n", "n_found"), [(0.0, 0), (0.1, 20)])
def test_some_n_may_be_allowed(tmp_path, max_n, n_found):
    letters = {"a": ("ACGT" * 12 + "NN") * 400}
    with Genome(write_genome(tmp_path / "g.fa", {"a": 20_000}, letters=letters)) as genome:
        positives = Windows(np.array(["a"] * 20, dtype=object), np.arange(20) * 100, np.arange(20) * 100 + 100)
        negatives = gc_matched(genome, positives, None, 1, np.random.default_rng(0), max_n=max_n)
        rows = genome.extract(negatives.chrom, negatives.start, negatives.end)
    assert len(negatives) == n_found
    assert all(0 < (row == N_CODE).mean() <= max_n for row in rows)
    assert ("removed: contains N" in negatives.counts) == (n_found == 0)


@pytest.mark.realdata
@pytest.mark.parametrize("draw", [gc_matched, flanking])
def test_real_yeast_peaks(shared_data, draw):
    folder = shared_data / "yeast_chipexo"
    path = folder / "peaks" / "Reb1_CX.bed"
    with open_input(path) as stream:
        peaks = read_bed(stream, path)
    with Genome(folder / "sacCer3.fa.gz") as genome:
        peaks, _ = to_genome_names(peaks, genome.chroms, path, "sacCer3.fa.gz")
        start, end = centred_windows(peaks.start, peaks.end, peaks.summit, 101)
        windows = Windows(peaks.chrom, start, end)
        windows = windows.take(inside(windows, genome.chroms))
        negatives = draw(genome, windows, peaks, 1, np.random.default_rng(0))
        check_always(genome, windows, peaks, negatives)
        assert len(negatives) >= 0.99 * len(windows)
        if draw is gc_matched:
            assert abs(gc_of(genome, windows).mean() - gc_of(genome, negatives).mean()) < 0.003
