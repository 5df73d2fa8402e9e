"""References of named classes, as any file has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqcnn.dataset.class_examples import read_classes
from seqcnn.dataset.sources import ReadOptions, Tally
from seqcnn.errors import InputError, SeqcnnError, UsageError


def classes(paths: list[Path], **options: object) -> tuple[list[str], Tally]:
    tally = Tally()
    examples, names = read_classes([str(path) for path in paths], ReadOptions(**options), tally)  # type: ignore[arg-type]
    assert examples.targets is not None
    numbers = examples.targets[:, 0].astype(int)
    return [f"{name}:{names[i]}" for name, i in zip(examples.names.decode(), numbers, strict=True)], tally


def test_a_file_for_each_class(tmp_path: Path) -> None:
    (tmp_path / "TAL1.sites.fa").write_text(">a\nACGT\n>b\nGG\n")
    (tmp_path / "GATA1.fa").write_text(">c\nAC\n")
    found, _ = classes([tmp_path / "TAL1.sites.fa", tmp_path / "GATA1.fa"])
    assert found == ["a:TAL1.sites", "b:TAL1.sites", "c:GATA1"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "GATA1.fasta").write_text(">c\nAC\n")
    with pytest.raises(UsageError, match="are both of the class 'GATA1': rename one"):
        classes([tmp_path / "GATA1.fa", tmp_path / "other" / "GATA1.fasta"])


def test_classes_that_the_file_says(tmp_path: Path) -> None:
    table = tmp_path / "x.tsv"
    table.write_text("name\tsequence\tclass\tother\na\tACGT\tx\tq\nb\tGGTT\ty\tr\nc\tGGTA\t\tr\n")
    found, tally = classes([table])
    assert found == ["a:x", "b:y"]
    assert tally.counts["reference sequences of unknown class left out"] == 1
    assert classes([table], target_columns=("other",))[0] == ["a:q", "b:r", "c:r"]
    headers = tmp_path / "y.fa"
    headers.write_text(">a kind=y\nAC\n>b kind=z\nAC\n")
    assert classes([headers, table], label_pattern="kind=(.)")[0] == ["a:y", "b:z", "a:x", "b:y"]
    ones = tmp_path / "ones.fa"
    ones.write_text(">1\nAC\n>0\nAC\n")
    assert classes([ones])[0] == ["1:1", "0:0"]


def test_what_cannot_be_a_reference(tmp_path: Path) -> None:
    table = tmp_path / "x.tsv"
    table.write_text("name\tsequence\tclass\na\tACGT\tnan\n")
    with pytest.raises(InputError, match="says of no sequence which class it is of"):
        classes([table])
    with pytest.raises(UsageError, match="standard input cannot be the reference"):
        classes([Path("-")])
    with pytest.raises(SeqcnnError, match="there is no such file"):
        classes([tmp_path / "none.fa"])
