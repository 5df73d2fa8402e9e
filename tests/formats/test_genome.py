import gzip
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfaidx import Fasta

from seqcnn.errors import InputError
from seqcnn.formats import genome as module
from seqcnn.formats.genome import Genome
from seqcnn.sequence.alphabet import encode, reverse_complement
from seqcnn.sequence.ragged import decode_all


def fasta_text(sequences, line=10, newline="\n"):
    parts = []
    for name, sequence in sequences.items():
        parts.append(f">{name} some description{newline}")
        parts += [sequence[i : i + line] + newline for i in range(0, len(sequence), line)]
    return "".join(parts)


def random_sequence(rng, length, letters="ACGTacgtN"):
    return "".join(rng.choice(list(letters), length))


@pytest.fixture(scope="module", params=[(10, "\n"), (60, "\r\n"), (10**6, "\n")])
def small(request, tmp_path_factory):
    line, newline = request.param
    rng = np.random.default_rng(1)
    sequences = {"chrA": random_sequence(rng, 237), "chrB": random_sequence(rng, 60), "c": random_sequence(rng, 1)}
    path = tmp_path_factory.mktemp("genome") / "small.fa"
    path.write_text(fasta_text(sequences, line, newline), newline="")
    return path, sequences


def cut(genome, intervals):
    chrom, start, end, strand = zip(*intervals, strict=True)
    return genome.extract(np.array(chrom, dtype=object), np.array(start), np.array(end), np.array(strand))


@st.composite
def intervals(draw):
    chrom, size = draw(st.sampled_from([("chrA", 237), ("chrB", 60), ("c", 1)]))
    start = draw(st.integers(0, size - 1))
    return chrom, start, draw(st.integers(start + 1, size)), draw(st.sampled_from("+-."))


@settings(max_examples=60)
@given(st.lists(intervals(), min_size=1, max_size=30))
def test_any_intervals_are_those_of_pyfaidx(small, wanted):
    path, _ = small
    with Genome(path) as genome, Fasta(path, strict_bounds=True, as_raw=True) as oracle:
        found = cut(genome, wanted)
        for row, (chrom, start, end, strand) in zip(found, wanted, strict=True):
            codes = encode(oracle[chrom][start:end])
            np.testing.assert_array_equal(row, reverse_complement(codes) if strand == "-" else codes)


@pytest.mark.parametrize("length", [1, 9, 10, 11, 60, 101])
def test_all_windows_of_one_length(small, length):
    path, sequences = small
    wanted = [("chrA", i, i + length, "+-"[i % 2]) for i in range(237 - length + 1)]
    with Genome(path) as genome:
        found = cut(genome, wanted)
    for row, (chrom, start, end, strand) in zip(found, wanted, strict=True):
        codes = encode(sequences[chrom][start:end])
        np.testing.assert_array_equal(row, reverse_complement(codes) if strand == "-" else codes)


def test_blocks_do_not_show(small, monkeypatch):
    path, _ = small
    rng = np.random.default_rng(2)
    start = rng.integers(0, 200, 500)
    wanted = [("chrA", s, s + w, "+-."[s % 3]) for s, w in zip(start, rng.integers(1, 38, 500), strict=True)]
    with Genome(path) as genome:
        whole = cut(genome, wanted)
        even = cut(genome, [(c, s, s + 5, t) for c, s, _, t in wanted])
        monkeypatch.setattr(module, "_BLOCK_BASES", 40)
        monkeypatch.setattr(module, "_BLOCK_ROWS", 7)
        np.testing.assert_array_equal(cut(genome, wanted).data, whole.data)
        np.testing.assert_array_equal(cut(genome, [(c, s, s + 5, t) for c, s, _, t in wanted]).data, even.data)


def test_chroms_in_file_order_and_no_intervals(small):
    path, sequences = small
    with Genome(path) as genome:
        assert genome.chroms == {name: len(sequence) for name, sequence in sequences.items()}
        assert list(genome.chroms) == list(sequences)
        none = np.array([], dtype=np.int64)
        assert len(genome.extract(np.array([], dtype=object), none, none)) == 0


@pytest.mark.parametrize("interval", [("chrA", -1, 5), ("chrA", 230, 238), ("chrA", 5, 5), ("chrZ", 0, 1)])
def test_intervals_outside_are_refused(small, interval):
    path, _ = small
    with Genome(path) as genome, pytest.raises(ValueError, match=r"is empty or not inside"):
        cut(genome, [("chrA", 0, 1, "+"), (*interval, "+")])


def write(folder, text, name="g.fa"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_ambiguity_letters_are_n_and_counted(tmp_path):
    path = write(tmp_path, ">a\nACGTRYKM\nnNacgu\n")
    with Genome(path) as genome:
        assert decode_all(cut(genome, [("a", 0, 14, "+"), ("a", 2, 6, "-")])) == ["ACGTNNNNNNACGT", "NNAC"]
        assert genome.n_ambiguous == 6


def test_letters_that_are_none(tmp_path):
    path = write(tmp_path, ">a\nACGT\nACGT\n>b\nAAAA\nA-AA\n")
    with Genome(path) as genome:
        assert len(cut(genome, [("b", 0, 5, "+")])) == 1
        with pytest.raises(InputError, match=r"g\.fa: '-' at position 6 of b is not a nucleotide letter"):
            cut(genome, [("a", 0, 8, "+"), ("b", 1, 7, "-")])


@pytest.mark.parametrize("suffix", ["fa.gz", "fa.bgz", "fa"])
def test_compressed_genomes(tmp_path, suffix):
    from Bio import bgzf

    sequences = {"chr1": "ACGTTGCA" * 1000, "chr2": "GGGA"}
    path = tmp_path / f"g.{suffix}"
    if suffix == "fa.bgz":
        with bgzf.BgzfWriter(path, "wb") as file:
            file.write(fasta_text(sequences).encode())
    else:
        path.write_bytes(gzip.compress(fasta_text(sequences).encode(), mtime=0))
    with Genome(path) as genome:
        assert decode_all(cut(genome, [("chr2", 0, 4, "-"), ("chr1", 5, 30, "+")])) == [
            "TCCC",
            sequences["chr1"][5:30],
        ]
        assert "unpacked" in genome.notes[0]
    assert os.listdir(tmp_path) == [path.name]


def test_index_is_made_once_and_a_stale_one_anew(tmp_path):
    path = write(tmp_path, ">a\nACGT\nAC\n")
    with Genome(path) as genome:
        assert genome.notes == [f"indexed g.fa ({path}.fai)"]
    with Genome(path) as genome:
        assert genome.notes == []
    assert sorted(os.listdir(tmp_path)) == ["g.fa", "g.fa.fai"]
    write(tmp_path, ">b\nAAAAA\nCCCCC\n")
    os.utime(f"{path}.fai", ns=(0, 0))
    with Genome(path) as genome:
        assert genome.chroms == {"b": 10}
        assert len(genome.notes) == 1


@pytest.mark.parametrize(
    "index",
    ["a\t6\t3\t4\t5\n", "b\t10\t3\t3\t4\n", "b\t10\t30\t5\t6\n", "b\t9\t3\t5\t6\n", "b\t10\t3\t5\n", "", "x\n"],
)
def test_an_index_of_another_file_is_not_believed(tmp_path, index):
    path = write(tmp_path, ">b\nAAAAA\nCCCCC\n")
    fai = write(tmp_path, index, "g.fa.fai")
    os.utime(fai, (2**31, 2**31))
    with Genome(path) as genome:
        assert genome.chroms == {"b": 10}
        assert decode_all(cut(genome, [("b", 3, 8, "+")])) == ["AACCC"]


def test_index_elsewhere_where_the_folder_cannot_be_written(tmp_path):
    path = write(tmp_path, ">b\nAAAAA\nCCCCC\n")
    with Genome(path, tmp_path / "absent") as genome:
        assert "in a temporary folder" in genome.notes[0]
        assert genome.chroms == {"b": 10}
    assert os.listdir(tmp_path) == ["g.fa"]
    (tmp_path / "index").mkdir()
    with Genome(path, tmp_path / "index"):
        assert os.listdir(tmp_path / "index") == ["g.fa.fai"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"ACGT\n", "is not a FASTA file; a FASTA file begins with >name"),
        (bytes(range(256)), "is not a FASTA file"),
        (b">a\n\xff\xfe\n", "is not text"),
        (b">a\nACGT\n>a\nACGT\n", "two sequences are named 'a'"),
        (b">a\nACGT\nAC\nACGT\n", "g.fa:3: the lines of a sequence differ in length"),
        (b">a\nACGT\nACGTACGT\n", "the lines of a sequence differ in length"),
        (b">a\nACGT\nACGTACGT\n>b\nA\n", "the lines of a sequence differ in length"),
        (b">\nACGT\n", "g.fa:1: a sequence has no name"),
        (b">a\nACGT\n\n\n", "has blank lines, or lines that differ in length"),
        (gzip.compress(b">a\nACGT\n" * 500, mtime=0)[:-20], "gzip data end too early"),
    ],
)
def test_files_that_are_no_genome(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        Genome(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["g.fa"]


def test_missing_genome(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        Genome(tmp_path / "none.fa")
    with pytest.raises(InputError, match="is a folder"):
        Genome(tmp_path)


@pytest.mark.parametrize(
    "text", ["> a b\nACGT\n", ">a\tb\r\nACGT\r\n", ">a\nACGT", ">a\nAC\nGT\n\n", ">a\nAC\nGT\n\n>b\n"]
)
def test_odd_but_right_files(tmp_path, text):
    with Genome(write(tmp_path, text)) as genome:
        assert decode_all(cut(genome, [("a", 0, 4, "+"), ("a", 1, 3, "+")])) == ["ACGT", "CG"]


def test_sequences_without_bases(tmp_path):
    path = write(tmp_path, ">a\n>b\nACGT\n>c\n")
    with Genome(path) as genome:
        assert genome.chroms == {"a": 0, "b": 4, "c": 0}
        assert decode_all(cut(genome, [("b", 1, 4, "+")])) == ["CGT"]


def test_memory_stays_small_for_scattered_intervals(tmp_path):
    path = tmp_path / "g.fa"
    with open(path, "w") as file:
        file.write(">a\n" + ("ACGTTGCAAC" * 6 + "\n") * 1_200_000)
    program = textwrap.dedent(
        """
        import resource, sys
        import numpy as np
        from seqcnn.formats.genome import Genome
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with Genome(sys.argv[1]) as genome:
            before = peak()
            start = np.random.default_rng(0).integers(0, 71_999_000, 20_000)
            genome.extract(np.full(20_000, "a", dtype=object), start, start + 101)
            print((peak() - before) / 1024)
        """
    )
    with Genome(path):
        pass
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = [sys.executable, "-c", program, str(path)]
    grown = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    # The file has 73 MB and every page of it is read.
    assert float(grown) < 40


@pytest.mark.realdata
def test_yeast_against_pyfaidx(shared_data, tmp_path):
    packed = shared_data / "yeast_chipexo" / "sacCer3.fa.gz"
    path = tmp_path / "sacCer3.fa"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    sizes = dict(line.split() for line in (packed.parent / "sacCer3.chrom.sizes").read_text().splitlines())
    rng = np.random.default_rng(0)
    with Genome(packed) as genome, Fasta(path, strict_bounds=True, as_raw=True) as oracle:
        assert genome.chroms == {name: int(size) for name, size in sizes.items()} | {}
        for chrom, size in genome.chroms.items():
            start = np.append(rng.integers(0, size - 500, 20), [0, size - 500])
            rows = genome.extract(np.full(22, chrom, dtype=object), start, start + 500)
            for row, s in zip(rows, start.tolist(), strict=True):
                np.testing.assert_array_equal(row, encode(oracle[chrom][s : s + 500]))
