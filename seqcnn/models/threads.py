"""CPU threads that are given whole pieces of work, instead of a share of every small operation.

The threads of OpenMP and of BLAS libraries meet at the end of every operation and wait there busily. Where others use
the machine too, one that is kept from running costs a time slice, some milliseconds, at each of thousands of
operations.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Part = TypeVar("Part")
Result = TypeVar("Result")

_pool: ThreadPoolExecutor | None = None
_workers = 1
_lock = threading.RLock()
_kept: dict[int, ThreadPoolExecutor] = {}
"""Threads by their number. They are not ended after use: a thread that ends holds locks of the mathematical library for
a moment, after all others think that it is gone, and a copy of the process made in that moment waits for them forever.
"""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.clear)  # threads are not copied


def _threads(n: int) -> ThreadPoolExecutor:
    if n not in _kept:
        _kept[n] = ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(1,))
    return _kept[n]


@cache
def _libraries() -> ThreadpoolController:
    """Find the libraries that have threads of their own, which takes a millisecond."""
    return ThreadpoolController()


@contextmanager
def taken_over() -> Iterator[int]:
    """Let operations run on one thread each, and give the threads they would have used to :func:`run`.

    Yields
    ------
    int
        The number of threads: :func:`torch.get_num_threads` outside the block.
    """
    global _pool, _workers
    with ExitStack() as stack:
        stack.enter_context(_lock)  # another Python thread that wants them waits; the same one goes on
        if _pool is not None:
            yield _workers
            return
        n_threads = torch.get_num_threads()
        stack.enter_context(_libraries().limit(limits=1))
        _workers = n_threads
        _pool = _threads(n_threads)
        torch.set_num_threads(1)
        try:
            yield n_threads
        finally:
            _pool, _workers = None, 1
            torch.set_num_threads(n_threads)


def only_one() -> None:
    """Let operations of this process run on one thread each, from now on."""
    torch.set_num_threads(1)
    _libraries().limit(limits=1)


def count() -> int:
    """Return how many threads :func:`run` uses now."""
    return _workers


def run(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Do work on each part, in the threads of :func:`taken_over` if inside of it; return the results in order.

    This thread is one of them: to wake another takes as long as a small piece of work.
    """
    if _pool is None or _workers == 1 or len(parts) == 1:
        return [work(part) for part in parts]
    results: dict[int, Result] = {}
    left = iter(range(len(parts)))

    def do() -> None:
        try:
            for i in left:
                results[i] = work(parts[i])
        except BaseException:
            deque(left, maxlen=0)  # nobody is to begin another
            raise

    futures = [_pool.submit(do) for _ in range(min(_workers, len(parts)) - 1)]
    try:
        do()
    finally:
        _end(futures)
    for future in futures:
        if not future.cancelled():
            future.result()
    return [results[i] for i in range(len(parts))]


def stream(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Do what :func:`run` does with parts that come one by one; only a few for each thread are under way at a time."""
    if _pool is None or _workers == 1:
        yield from map(work, parts)
        return
    waiting: deque[Future[Result]] = deque()
    try:
        for part in parts:
            waiting.append(_pool.submit(work, part))
            if len(waiting) > 2 * _workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        _end(waiting)


def _end(futures: Iterable[Future[Result]]) -> None:
    """Let no work go on, as after an error."""
    wait([future for future in futures if not future.cancel()])
