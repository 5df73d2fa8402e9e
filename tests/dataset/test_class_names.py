import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcnn.dataset.class_names import MOST, ClassNames, renumber

names = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=4))


@given(names)
def test_every_name_keeps_its_class(given_names):
    classes = ClassNames()
    numbers = np.array([classes.number(name) for name in given_names], dtype=np.float32)
    ordered, places = classes.order()
    assert len(ordered) == len(set(ordered)) == len(places)
    again = renumber(numbers, places)
    missing = {"", ".", "na", "n/a", "nan", "null"}
    for name, number in zip(given_names, again.tolist(), strict=True):
        assert math.isnan(number) == (name.strip().lower() in missing)
        assert math.isnan(number) or ordered[int(number)] == name.strip()


@pytest.mark.parametrize(
    ("met", "ordered"),
    [
        (["b", "a", "B"], ["B", "a", "b"]),
        (["10", "9", "-1", "2.5"], ["-1", "2.5", "9", "10"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["1e999", "2", "10"], ["10", "1e999", "2"]),
        (["none", "None"], ["None", "none"]),
        ([], []),
    ],
)
def test_order(met, ordered):
    classes = ClassNames()
    for name in met:
        classes.number(name)
    assert classes.order()[0] == ordered


def test_known_classes():
    classes = ClassNames(["z", "a"])
    assert [classes.number(name) for name in ("a", " z ", "a")] == [1, 0, 1]
    assert math.isnan(classes.number("NA"))
    assert classes.order()[0] == ["z", "a"]
    with pytest.raises(ValueError, match=r"class 'b' is not one of the model's: z, a"):
        classes.number("b")


def test_known_classes_may_be_called_as_what_is_missing():
    assert ClassNames(["NA", "K"]).number("NA") == 0


def test_too_many_classes():
    classes = ClassNames()
    for i in range(MOST):
        classes.number(f"row_{i}")
    assert classes.number("row_5") == 5
    with pytest.raises(ValueError, match="more than 1,000 classes; is it the name of a class"):
        classes.number("other")


def test_numbers_of_another_set():
    classes = ClassNames()
    classes.number("b")
    targets = np.array([[1], [0], [np.nan], [1]], dtype=np.float32)
    np.testing.assert_array_equal(classes.adopt(targets, ["b", "a"]), [[1], [0], [np.nan], [1]])
    np.testing.assert_array_equal(classes.adopt(targets, ["a", "b"]), [[0], [1], [np.nan], [0]])
    assert targets.tolist()[0] == [1]
    assert classes.order()[0] == ["a", "b"]


def test_numbers_that_are_their_own_names():
    classes = ClassNames()
    targets = np.array([7, -1, np.nan, 7], dtype=np.float32)
    np.testing.assert_array_equal(renumber(classes.adopt(targets, []), classes.order()[1]), [1, 0, np.nan, 1])
    assert classes.order()[0] == ["-1", "7"]


@pytest.mark.parametrize(("value", "known"), [(0.5, []), (np.inf, []), (2, ["a", "b"]), (-1, ["a", "b"])])
def test_what_is_no_number_of_a_class(value, known):
    with pytest.raises(ValueError, match="is not the number of a class"):
        ClassNames().adopt(np.array([0, value], dtype=np.float32), known)
