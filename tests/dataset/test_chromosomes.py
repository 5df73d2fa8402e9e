import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.dataset.chromosomes import check_bounds, inside, reconcile, to_genome_names
from seqcnn.errors import InputError
from seqcnn.formats.bed import read_bed
from seqcnn.formats.stream import open_input
from seqcnn.sequence.windows import Windows

ROMAN = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"]
ARABIC = [str(i) for i in range(1, 17)]
MAN = [*(f"chr{i}" for i in range(1, 23)), "chrX", "chrY", "chrM"]
WORM = ["I", "II", "III", "IV", "V", "X", "MtDNA"]


def sizes(names):
    return dict.fromkeys(names, 1000)


def chr_(names):
    return [f"chr{name}" for name in names]


@pytest.mark.parametrize("genome", [ROMAN, chr_(ROMAN), ARABIC, chr_(ARABIC)], ids=["I", "chrI", "1", "chr1"])
@pytest.mark.parametrize("peaks", [ROMAN, chr_(ROMAN), ARABIC, chr_(ARABIC)], ids=["I", "chrI", "1", "chr1"])
def test_every_pair_of_yeast_names(peaks, genome):
    names, message = reconcile(peaks, sizes(genome))
    assert names == dict(zip(peaks, genome, strict=True))
    if peaks == genome:
        assert message is None
    else:
        expected = f"chromosome names: {peaks[0]} in the peaks is {genome[0]} in the genome (16 names matched)"
        assert message == expected


@pytest.mark.parametrize(
    ("peaks", "genome", "expected"),
    [
        (["1", "X", "MT"], MAN, {"1": "chr1", "X": "chrX", "MT": "chrM"}),
        (["chrX"], MAN, {"chrX": "chrX"}),
        (["I", "V"], MAN, {}),
        (["chr1", "chrX", "chr10", "chrM"], WORM, {"chr1": "I", "chrX": "X", "chrM": "MtDNA"}),
        (["chrX", "chrM"], chr_([*ROMAN, "M"]), {"chrX": "chrX", "chrM": "chrM"}),
        (["Mito"], chr_([*ROMAN, "M"]), {"Mito": "chrM"}),
        (["MT"], ["chrM", "chrMT"], {"MT": "chrMT"}),
        (["Mito"], ["chrM", "chrMT"], {}),
        (["Chr1", "CHR2"], ["chr1", "chr2"], {"Chr1": "chr1", "CHR2": "chr2"}),
        (["Chr1"], ["chr1", "1"], {}),
        (["chr01", "chr10"], ["chr1", "chr10"], {"chr01": "chr1", "chr10": "chr10"}),
        (["10", "X"], chr_(ROMAN), {}),
        (["1", "chr1"], ["chr1"], {"chr1": "chr1"}),
        (["2L", "X"], ["chr2L", "chrX", "chr4"], {"2L": "chr2L", "X": "chrX"}),
        (["chr17"], chr_(ROMAN), {}),
        (["4"], ["I", "IV"], {}),
        (["X"], ARABIC, {}),
        (["chrII", "chrX"], ARABIC, {"chrII": "2", "chrX": "10"}),
    ],
)
def test_what_is_ambiguous_is_left(peaks, genome, expected):
    assert reconcile(peaks, sizes(genome))[0] == expected


@given(
    st.lists(st.sampled_from([*ROMAN, *ARABIC, *MAN, *WORM, "Mito", "chr01"]), min_size=1, max_size=30),
    st.lists(st.sampled_from([*ROMAN, *ARABIC, *MAN, *WORM, "Mito", "chr01"]), min_size=1, max_size=30, unique=True),
)
def test_never_two_names_to_one_and_own_names_are_kept(peaks, genome):
    names, message = reconcile(peaks, sizes(genome))
    assert set(names) <= set(peaks)
    assert set(names.values()) <= set(genome)
    assert len(set(names.values())) == len(names)
    assert all(names[name] == name for name in peaks if name in genome)
    assert (message is None) == all(a == b for a, b in names.items())


def regions(text):
    return read_bed(io.BytesIO(text.encode()), "p.bed")


def test_regions_get_the_genomes_names():
    renamed, message = to_genome_names(regions("1\t0\t5\nII\t1\t2\n".replace("II", "2")), sizes(ROMAN), "p.bed", "g.fa")
    assert renamed.chrom.tolist() == ["I", "II"]
    assert "1 in the peaks is I" in message


def test_unknown_chromosome_names_line_and_nearest():
    with pytest.raises(InputError) as caught:
        to_genome_names(regions("#\nchrI\t0\t5\nchr99\t0\t5\n"), sizes(chr_(ROMAN)), "p.bed", "g.fa")
    assert str(caught.value).startswith("p.bed:3: chromosome 'chr99' is not in the genome g.fa; nearest: chr")
    with pytest.raises(InputError, match=r"nearest: chrX$"):
        to_genome_names(regions("xchrX\t0\t5\n"), sizes(MAN), "p.bed", "g.fa")


def test_region_past_the_end():
    good = regions("chrI\t995\t1000\n")
    check_bounds(good, {"chrI": 1000}, "p.bed")
    with pytest.raises(InputError, match=r"p\.bed:2: region chrI:995-1001 runs past the end of chrI, which has 1000"):
        check_bounds(regions("chrI\t995\t1000\nchrI\t995\t1001\n"), {"chrI": 1000}, "p.bed")


def test_inside():
    windows = Windows(np.array(["a", "a", "b", "b"], dtype=object), np.array([-1, 0, 5, 5]), np.array([3, 9, 9, 10]))
    assert inside(windows, {"a": 9, "b": 9}).tolist() == [False, True, True, False]


@pytest.mark.realdata
@pytest.mark.parametrize("factor", ["Reb1", "Abf1", "Mcm1", "Tbf1", "Cin5"])
def test_real_yeast_peaks(shared_data, factor):
    folder = shared_data / "yeast_chipexo"
    lengths = {a: int(b) for a, b in map(str.split, (folder / "sacCer3.chrom.sizes").read_text().splitlines())}
    path = folder / "peaks" / f"{factor}_CX.bed"
    with open_input(path) as stream:
        peaks = read_bed(stream, path)
    renamed, message = to_genome_names(peaks, lengths, path, "sacCer3.fa.gz")
    roman = dict(zip(chr_(ARABIC), chr_(ROMAN), strict=True))
    assert renamed.chrom.tolist() == [roman[name] for name in peaks.chrom.tolist()]
    assert "(16 names matched)" in message
