"""Which separator, which header, which columns."""

from __future__ import annotations

import pytest

from seqcnn.errors import InputError
from seqcnn.formats.table_layout import Header, Layout, Wanted, find_layout, split_line


def layout(*lines: str, comment: str | None = None, header: Header = "auto", **wanted: object) -> Layout:
    return find_layout(list(enumerate(lines, start=1)), comment, Wanted(**wanted), header, "t.tsv")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "separator", "cells"),
    [
        ("a\tb c\t", "\t", ["a", "b c", ""]),
        ('a,"b,c",d', ",", ["a", "b,c", "d"]),
        ('5" end;"say ""x""";', ";", ['5" end', 'say "x"', ""]),
        (" a   b ", None, ["a", "b"]),
        ('"a b"  "c"', None, ["a b", "c"]),
    ],
)
def test_split_line(line: str, separator: str | None, cells: list[str]) -> None:
    assert split_line(line, separator) == cells


@pytest.mark.parametrize(
    ("lines", "separator"),
    [
        (("name, long\tseq", "a\tACGT"), "\t"),
        (("seq,y", "ACGT,1"), ","),
        (("seq;y", "ACGT;1,5"), ";"),
        (("seq y", "ACGT   1"), None),
        (("chr1,+,5 ACGTACGT", "chr1,6 ACGTACGT"), None),
        (("seq,y", "ACGT,1,2"), ","),
        (("ACGT",), None),
    ],
)
def test_separator(lines: tuple[str, ...], separator: str | None) -> None:
    assert layout(*lines).separator == separator


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("FoldID\tEventID\tseq\tBound", "A\ts1\tACGTACGT\t1"), True),
        (("SEQUENCE,0,1", "ACGT,0.5,3"), True),
        (("probe,GATA", "ACGTACGTAC,5"), True),
        (("strand,batch,chrM", "+,ACGTACGT,1"), True),
        (("seq", "AC"), True),
        (("ACGT\t1", "ACGA\t2"), False),
        (("-0.38 AGAGGACUG", "-0.43 AGAUGUAGG"), False),
        (("ACGTACGTACGT", "AC"), False),
        (("A", "ACGTACGTTAG"), False),
        (("NNN", "ACGTACGTTAG"), False),
        (("id", "ACGTACGTTAG"), True),
        (("ACGTACG1ACGT\t5", "ACGTACGTACGT\t6"), False),
        (("ACGT\t5",), False),
        (("AC\t5", "ACGTACGT\t6"), False),
    ],
)
def test_header(lines: tuple[str, ...], expected: bool) -> None:
    assert layout(*lines, sequence="1").has_header is expected


def test_header_by_order_or_by_a_name_that_is_asked_for() -> None:
    assert layout("ACGT\t1", "ACGA\t2", header=True).column_names == ["ACGT", "1"]
    assert layout("seq\t1", "ACGA\t2", header=False, sequence="1").column_names == ["column_1", "column_2"]
    assert layout("ACGT\t1", "ACGA\t2", targets=["ACGT"], sequence="2").has_header


def test_header_in_a_comment() -> None:
    found = layout("x\tACGT\t1", "y\tACGA\t2", comment="#name\tseq\tBound")
    assert (found.header_is_comment, found.sequence, found.targets, found.name) == (True, 1, [2], 0)
    found = layout("ACGT 1", "ACGA 2", comment="# two words")
    assert (found.has_header, found.targets) == (False, [1])
    assert not layout("seq\ty", "ACGA\t2", comment="#name\ty").header_is_comment


@pytest.mark.parametrize(
    ("lines", "sequence", "targets", "name"),
    [
        (("FoldID\tEventID\tseq\tBound", "A\ts1\tACGTACGT\t1"), 2, [3], 1),
        (("id,Score,Label,Sequence", "a,1,2,ACGT"), 3, [2], 0),
        (("probe,K562", "ACGTACGT,5"), 0, [], None),
        (("ACGTACGT\t1557\t183", "ACGTACGA\t1558\t200"), 0, [1], None),
        (("-0.38 AGAGGACUG", "-0.43 AGAUGUAGG"), 1, [0], None),
        (("7 AGAGGACUG 0.5", "8 AGAUGUAGG NA"), 1, [2], None),
        (("x AGAGGACUG NA", "y AGAUGUAGG 0.5"), 1, [2], None),
        (("AGAGGACUG", "AGAUGUAGG"), 0, [], None),
    ],
)
def test_columns_by_default(lines: tuple[str, ...], sequence: int, targets: list[int], name: int | None) -> None:
    found = layout(*lines)
    assert (found.sequence, found.targets, found.name, found.split) == (sequence, targets, name, None)


def test_columns_that_are_asked_for() -> None:
    lines = ("a\tb\t1\tfold", "ACGTACGT\tACGTACGT\t3\tx")
    found = layout(*lines, sequence="b", targets=["1", "4"], name="a", split="fold")
    assert (found.sequence, found.targets, found.name, found.split) == (1, [2, 3], 0, 3)
    assert layout("seq\tBound", "ACGT\t1", targets=[]).targets == []


@pytest.mark.parametrize(
    ("lines", "wanted", "message"),
    [
        (
            ("seq\ty", "ACGT\t1"),
            {"targets": ["z"]},
            r"t\.tsv:1: there is no column 'z' \(target\); columns are: seq, y$",
        ),
        (("seq\ty", "ACGT\t1"), {"split": "3"}, r"t\.tsv:1: there is no column '3' \(split\)"),
        (
            ("ACGT\t1", "ACGA\t1"),
            {"name": "id"},
            r"t\.tsv: there is no column 'id' \(name\); columns are: column_1, col",
        ),
        (
            ("seq\ty\ty", "ACGT\t1\t2"),
            {"targets": ["y"]},
            r"t\.tsv:1: 2 columns are called 'y'; say which one by its n",
        ),
        (("a\tb", "ACGT\tACGT"), {}, r"t\.tsv:1: several columns look like sequences; .*; columns are: a, b$"),
        (("a\tb", "x\t1"), {}, r"t\.tsv:1: no column is called or looks like a sequence; "),
        (("seq\ty",), {}, r"t\.tsv: table holds no rows; the only line is a header$"),
        (('seq\t"y', "ACGT\t1"), {}, r"t\.tsv:1: quotation mark that is not closed"),
    ],
)
def test_bad_tables(lines: tuple[str, ...], wanted: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}") as caught:
        layout(*lines, **wanted)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("lines", "targets"),
    [
        (("seq,b,score,a", "ACGT,1,2,3"), [3, 1]),
        (("seq,b,score", "ACGT,1,2"), [2]),
        (("seq,a,b,b", "ACGT,1,2,3"), []),
        (("a,b,probe", "1,2,ACGTACGTACGT"), [0, 1]),
    ],
)
def test_likely_targets(lines: tuple[str, ...], targets: list[int]) -> None:
    """All of them or none, in the order in which they are likely; what is asked for goes before."""
    assert layout(*lines, likely=["a", "b"]).targets == targets
    assert layout(*lines, likely=["a", "b"], targets=()).targets == []
    assert layout("seq,b,score,a", "ACGT,1,2,3", likely=["a", "b"], targets=["score"]).targets == [2]


def test_likely_targets_without_a_header() -> None:
    """A model trained on such a table calls its target by the number of the column."""
    assert layout("ACGTACGTACGT\t1\t2", "ACGTACGTACGT\t1\t2", likely=["column_3"]).targets == [2]


def test_the_column_of_weights_is_no_target() -> None:
    found = layout("seq\tscore\tvalue", "ACGT\t1\t2", weight="score")
    assert (found.weight, found.targets) == (1, [2])
    assert layout("seq\tscore", "ACGT\t1", weight="score").targets == []
    bare = layout("ACGTACGTACGT\t1\t2", "ACGTACGTACGA\t3\t4", weight="2")
    assert (bare.weight, bare.targets) == (1, [2])
    assert layout("seq\tscore", "ACGT\t1").weight is None
    assert layout("weight\tACGT", "1\tACGA", weight="weight").has_header
    with pytest.raises(InputError, match=r"there is no column 'w' \(weight\); columns are: seq, score"):
        layout("seq\tscore", "ACGT\t1", weight="w")
