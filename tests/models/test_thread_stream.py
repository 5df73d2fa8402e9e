"""Parts that come one by one, in several threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from seqcnn.models import threads


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("inside", [False, True])
def test_results_in_order(n_threads: int, inside: bool) -> None:
    torch.set_num_threads(n_threads)
    if not inside:
        assert list(threads.stream(lambda i: i * i, range(50))) == [i * i for i in range(50)]
        return
    with threads.taken_over():
        assert list(threads.stream(lambda i: i * i, range(50))) == [i * i for i in range(50)]


def test_only_a_few_are_under_way() -> None:
    torch.set_num_threads(2)
    taken = 0

    def parts() -> Iterator[int]:
        nonlocal taken
        for i in range(100):
            taken += 1
            yield i

    with threads.taken_over():
        for done, _ in enumerate(threads.stream(lambda i: i, parts()), 1):
            assert taken <= done + 5


def test_errors_end_it() -> None:
    torch.set_num_threads(2)
    gate = threading.Event()

    def work(i: int) -> int:
        gate.wait(0.01)
        if i == 3:
            raise ValueError("three")
        return i

    with threads.taken_over(), pytest.raises(ValueError, match="three"):
        list(threads.stream(work, iter(range(1000))))
