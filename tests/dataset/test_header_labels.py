import numpy as np
import pytest

from seqcnn.dataset.header_labels import compile_pattern, labels_by_pattern, plain_labels
from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.ragged import from_text


def test_plain():
    assert plain_labels(from_text(["1", "0", "1"])).tolist() == [[1], [0], [1]]
    for other in (["1", "2"], ["1", "01"], ["1", ""], ["1", "x"], ["1", "¹"], ["10", ""]):
        assert plain_labels(from_text(other)) is None


def test_by_pattern():
    headers = from_text(["a b class:1", "c class:0.5;x", "class:-2"])
    names, labels = labels_by_pattern(headers, compile_pattern(r"class:([-.\d]+)"), "x.fa")
    assert names.decode() == ["a", "c", "class:-2"]
    assert labels.dtype == np.float32
    assert labels.tolist() == [[1], [0.5], [-2]]


@pytest.mark.parametrize("header", ["", "a", "class:x", "class:", "class:inf", "class:nan", "other"])
def test_a_header_without_a_number(header):
    with pytest.raises(InputError, match=r"x.fa: header '.*' gives no number by --label-pattern '.*class"):
        labels_by_pattern(from_text([header]), compile_pattern("class:(.*)|other"), "x.fa")


def test_classes_by_pattern():
    numbers = {"b": 0.0, "a": 1.0}

    def number(name):
        if name not in numbers:
            raise ValueError(f"class {name!r} is not known")
        return numbers[name]

    pattern = compile_pattern(r"type=(\w*)|x")
    names, labels = labels_by_pattern(from_text(["s1 type=a", "s2 type=b"]), pattern, "x.fa", number)
    assert names.decode() == ["s1", "s2"]
    assert (labels.dtype, labels.tolist()) == (np.float32, [[1], [0]])
    for header, message in (
        ("s3 type=c", "header 's3 type=c': class 'c' is not known"),
        ("s4", "header 's4' gives no class by --label-pattern 'type="),
        ("x", "header 'x' gives no class by"),
    ):
        with pytest.raises(InputError, match=f"^x.fa: {message}"):
            labels_by_pattern(from_text([header]), pattern, "x.fa", number)


def test_patterns():
    with pytest.raises(UsageError, match=r"is not a regular expression: "):
        compile_pattern("(")
    with pytest.raises(UsageError, match="needs a group in parentheses"):
        compile_pattern("class:1")
