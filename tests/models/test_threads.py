"""Threads that take whole pieces of work."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from seqcnn.models import architectures, forked, threads
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import Ragged, offsets_of


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_operations_run_on_one_thread_inside_and_on_all_again_after() -> None:
    assert threads.count() == 1
    with threads.taken_over() as n:
        assert (n, threads.count(), torch.get_num_threads()) == (2, 2, 1)
        with threads.taken_over() as again:
            assert again == 2
        assert threads.count() == 2
    assert (threads.count(), torch.get_num_threads()) == (1, 2)


def test_parts_are_done_in_several_threads_and_come_back_in_order() -> None:
    meeting = threading.Barrier(2, timeout=20)

    def work(part: int) -> tuple[int, int, str]:
        meeting.wait()  # nobody gets past alone
        return part, torch.get_num_threads(), threading.current_thread().name

    with threads.taken_over():
        done = threads.run(work, [1, 2])
    assert [part for part, _, _ in done] == [1, 2]
    assert {n for _, n, _ in done} == {1}
    assert len({name for _, _, name in done}) == 2
    assert threads.run(lambda part: part * 2, [1, 2, 3]) == [2, 4, 6]


def test_threads_stay_for_the_next_time_so_that_none_is_ending_when_the_process_is_copied() -> None:
    def used() -> set[int]:
        meeting = threading.Barrier(2, timeout=20)

        def work(_: int) -> int:
            meeting.wait()
            return threading.get_ident()

        with threads.taken_over():
            return set(threads.run(work, [1, 2]))

    found = [used() for _ in range(5)]
    assert set.union(*found) <= {each.ident for each in threading.enumerate()}
    assert len(set.union(*found)) <= 3  # this one, and those of the pool


def test_after_an_error_no_part_goes_on() -> None:
    ended = threading.Event()

    def work(part: int) -> None:
        if part == 0:
            raise ZeroDivisionError
        time.sleep(0.2)
        ended.set()

    for do in (lambda: threads.run(work, [1, 0]), lambda: list(threads.stream(work, [0, 1, 1]))):
        ended.clear()
        with pytest.raises(ZeroDivisionError), threads.taken_over():
            do()
        assert ended.is_set()


def test_a_copy_of_the_process_makes_threads_of_its_own() -> None:
    with threads.taken_over():
        threads.run(str, [1, 2])

    def work(_: int) -> list[str]:
        torch.set_num_threads(2)
        with threads.taken_over():
            return threads.run(str, [1, 2])

    assert list(forked.stream(work, [1, 2])) == [["1", "2"], ["1", "2"]]


def test_an_error_in_a_part_comes_through_and_threads_are_given_back() -> None:
    with pytest.raises(ZeroDivisionError), threads.taken_over():
        threads.run(lambda part: 1 / part, [1, 0])
    assert (threads.count(), torch.get_num_threads()) == (1, 2)


def test_predictions_from_several_python_threads() -> None:
    network = architectures.create("deepbind", {})
    network.seed([1])
    network.eval().requires_grad_(False)
    n, length = 6000, 101
    codes = np.random.default_rng(1).integers(0, 4, n * length).astype(np.uint8)
    sequences = Ragged(codes, offsets_of(np.full(n, length)))
    alone = predict(network, sequences)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda _: predict(network, sequences), range(3)))
    assert all(np.array_equal(each, alone) for each in together)
