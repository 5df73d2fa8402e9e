"""`seqcnn encode`: what is in the dataset, and that each option matters."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from seqcnn.dataset.store import Dataset
from tests.cli.conftest import PARTS, Inputs, Result, Shell


class Encode:
    """Encodes, and opens what came out."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.shell, self.folder, self.n = shell, folder, 0
        self.done: Result | None = None

    def __call__(self, *words: object, **streams: Any) -> dict[str, Any]:
        self.n += 1
        path = self.folder / f"{self.n}.h5"
        self.done = self.shell("encode", *words, "-o", path, **streams)
        assert self.done.code == 0, self.done.err
        assert self.done.out == ""
        with h5py.File(path) as file:
            content = {name: column[:] for name, column in file.items()}
            content |= {f"@{name}": value for name, value in file.attrs.items()}
        (examples,) = Dataset(path).chunks()
        if examples.windows is not None:
            content |= {"chrom": examples.windows.chrom, "strand": examples.windows.strand}
        return content | {"split": examples.split}


@pytest.fixture
def encode(shell: Shell, tmp_path: Path) -> Encode:
    return Encode(shell, tmp_path)


def rows(content: dict[str, Any]) -> list[str]:
    """Return the sequences as letters."""
    text = np.frombuffer(b"ACGTN", dtype=np.uint8)[content["codes"]].tobytes().decode()
    bounds = content["offsets"].tolist()
    return [text[a:b] for a, b in pairwise(bounds)]


def names(content: dict[str, Any]) -> list[str]:
    text, bounds = content["names"].tobytes(), content["name_offsets"].tolist()
    return [text[a:b].decode() for a, b in pairwise(bounds)]


def lines(path: Path) -> list[str]:
    text = path.read_bytes()
    text = gzip.decompress(text) if path.suffix == ".gz" else text
    return [line for line in text.decode().splitlines() if not line.startswith(">")]


def test_fasta_and_a_file_of_negatives(encode: Encode, inputs: Inputs) -> None:
    found = encode(inputs.positives, "--negatives", inputs.negatives)
    assert rows(found) == lines(inputs.positives) + lines(inputs.negatives)
    assert found["targets"].tolist() == [[1]] * 40 + [[0]] * 40
    assert names(found)[:2] == ["p0", "p1"]
    assert encode.done is not None
    assert "80 examples, DNA, 1 target" in encode.done.err


def test_standard_input_and_several_inputs(encode: Encode, inputs: Inputs) -> None:
    text = inputs.positives.read_bytes()
    whole = encode(inputs.positives, "--negatives", "none")
    for stdin in (text, gzip.compress(text, mtime=0)):
        assert rows(encode("-", "--negatives", "none", stdin=stdin)) == rows(whole)
    twice = encode(inputs.positives, inputs.positives, "--negatives", "none")
    assert rows(twice) == rows(whole) * 2


def test_provenance(encode: Encode, inputs: Inputs) -> None:
    made = json.loads(encode(inputs.positives, "--seed", 7)["@provenance"])
    assert made["command"] == "encode"
    assert made["argv"][:2] == ["seqcnn", "encode"]
    assert made["options"]["seed"] == 7
    assert [entry["path"] for entry in made["inputs"]] == [str(inputs.positives)]
    assert len(made["inputs"][0]["sha256"]) == 64
    assert made["examples"] == 80
    assert made["negatives"] == "dinucleotide"
    assert made["counts"]["sequences read"] == 40
    assert made["seconds"] > 0


def dinucleotides(sequence: str) -> Counter[str]:
    return Counter(a + b for a, b in pairwise(sequence))


def test_negatives_and_their_ratio_and_seed(encode: Encode, inputs: Inputs) -> None:
    found = rows(encode(inputs.positives, "--negatives", "dinucleotide", "--negatives-ratio", 2, "--seed", 1))
    assert len(found) == 120
    for i in range(40):
        assert dinucleotides(found[40 + i]) == dinucleotides(found[i])
    other = rows(encode(inputs.positives, "--negatives-ratio", 2, "--seed", 2))
    assert other[:40] == found[:40]
    assert other != found
    assert rows(encode(inputs.positives, "--negatives-ratio", 2, "--seed", 1)) == found


@pytest.mark.parametrize("method", ["gc", "flank"])
def test_genomic_negatives(method: str, encode: Encode, inputs: Inputs) -> None:
    found = encode(inputs.peaks, "--genome", inputs.genome, "--negatives", method)
    n = int((found["targets"] == 1).sum())
    assert n == 30
    assert 0 < len(found["targets"]) - n <= 30
    assert set(found["origin"].tolist()) == {0, 2 if method == "gc" else 3}
    genome = dict(zip(["chr1", "chr2", "chr3"], lines(inputs.genome), strict=True))
    columns = zip(found["chrom"], found["start"], found["end"], found["strand"], rows(found), strict=True)
    complement = str.maketrans("ACGT", "TGCA")
    for chrom, start, end, strand, sequence in columns:
        cut = genome[chrom][start:end]
        assert sequence == (cut.translate(complement)[::-1] if strand == "-" else cut)


def test_length_around_the_middle(encode: Encode, inputs: Inputs) -> None:
    found = encode(inputs.peaks, "--genome", inputs.genome, "--negatives", "none", "--length", 20)
    assert (found["end"] - found["start"]).tolist() == [20] * 30
    assert found["start"][0] == 310
    whole = encode(inputs.peaks, "--genome", inputs.genome, "--negatives", "none")
    assert (whole["end"] - whole["start"]).tolist() == [40] * 30


def test_alphabet(encode: Encode, inputs: Inputs) -> None:
    rna = encode(inputs.rna, "--alphabet", "rna", "--negatives", "none")
    assert rna["@alphabet"] == "rna"
    assert rows(rna) == [line.replace("U", "T") for line in lines(inputs.rna)]
    assert encode(inputs.rna, "--alphabet", "dna")["@alphabet"] == "dna"


def test_format(encode: Encode, shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.write_text("ACGTACGTAC 10 60\nACGGACGTAC 10 60\n")
    assert rows(encode(odd, "--format", "table", "--negatives", "none")) == ["ACGTACGTAC", "ACGGACGTAC"]
    assert shell("encode", odd, "--format", "bed", "-o", tmp_path / "x").code == 2
    encoded = tmp_path / "a.h5"
    assert shell("encode", inputs.positives, "-o", encoded).code == 0
    assert len(rows(encode(encoded, "--format", "h5"))) == 80


def test_table_columns(encode: Encode, inputs: Inputs, tmp_path: Path) -> None:
    found = encode(inputs.table)
    assert found["@target_names"] == '["bound"]'
    assert names(found)[:2] == ["row0", "row1"]
    found = encode(inputs.table, "--target-column", "signal,bound", "--split-column", "part")
    assert found["@target_names"] == '["signal", "bound"]'
    assert found["targets"][:2].tolist() == [[1, 1], [np.float32(1.01), 1]]
    assert found["split"][:7].tolist() == ["train"] * 6 + ["valid"]
    assert names(encode(inputs.table, "--name-column", "5"))[5:7] == ["train", "valid"]
    two = tmp_path / "two.tsv"
    two.write_text("left\tright\tbound\nACGTACGTAC\tGGGGGGGGGG\t1\nACGTACGTAA\tGGGGGGGGGA\t0\n")
    for column in ("right", "2"):
        assert rows(encode(two, "--sequence-column", column)) == ["GGGGGGGGGG", "GGGGGGGGGA"]


def test_weights(encode: Encode, inputs: Inputs) -> None:
    found = encode(inputs.table, "--weight-column", "signal")
    assert found["weights"].tolist() == pytest.approx([(i < 40) + i / 100 for i in range(80)])
    assert "weights" not in encode(inputs.table)
    assert encode.done is not None
    assert encode.done.err.count("examples count") == 0


def test_what_the_targets_are(encode: Encode, inputs: Inputs) -> None:
    several = encode(inputs.table, "--task", "multiclass", "--target-column", "part")
    assert json.loads(several["@class_names"]) == ["test", "train", "valid"]
    assert several["@task"] == "multiclass"
    assert [["test", "train", "valid"][int(number)] for number in several["targets"][:10, 0]] == PARTS
    assert encode(inputs.positives, "--task", "regression")["targets"].tolist() == [[1]] * 40
    assert "@task" not in encode(inputs.table)


def test_header(encode: Encode, tmp_path: Path) -> None:
    table = tmp_path / "t.tsv"
    table.write_text("ACGTACGTAC\t3\nACGTACGTAA\t5\n")
    assert len(rows(encode(table))) == 2
    assert len(rows(encode(table, "--no-header"))) == 2
    assert rows(encode(table, "--header", "--sequence-column", "1", "--target-column", "2")) == ["ACGTACGTAA"]


def test_labels_from_headers(encode: Encode, inputs: Inputs, tmp_path: Path) -> None:
    found = encode(inputs.labelled, "--label-pattern", "class:([01])")
    assert found["targets"].ravel().tolist() == [1] * 40 + [0] * 40
    plain = tmp_path / "plain.fa"
    plain.write_text(">1\nACGTACGT\n>0\nACGGACGT\n>1\nACGTACCC\n")
    assert encode(plain)["targets"].ravel().tolist() == [1, 0, 1]


def test_one_hot(encode: Encode, inputs: Inputs) -> None:
    found = encode(inputs.positives, "--negatives", "none", "--one-hot")
    assert found["one_hot"].shape == (40, 4, 50)
    assert (found["one_hot"].argmax(1) == found["codes"].reshape(40, 50)).all()
    assert "one_hot" not in encode(inputs.positives)


def test_what_is_said(encode: Encode, inputs: Inputs) -> None:
    said = []
    for extra in (["--quiet"], [], ["--negatives", "none"], ["--verbose"]):
        encode(inputs.positives, *extra)
        assert encode.done is not None
        said.append(encode.done.err)
    assert said[0] == ""
    assert "no negatives in" in said[1]
    assert "no negatives in" not in said[2]
    assert "sequences read: 40" in said[3]
    assert "sequences read" not in said[1]
    assert "\x1b" not in "".join(said)


def test_force(shell: Shell, inputs: Inputs, tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    assert shell("encode", inputs.positives, "-o", path).code == 0
    before = path.read_bytes()
    assert shell("encode", inputs.table, "-o", path).code == 1
    assert path.read_bytes() == before
    assert shell("encode", inputs.table, "-o", path, "--force").code == 0
    assert path.read_bytes() != before
