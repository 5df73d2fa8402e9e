"""Copies of this process that do pieces of work side by side, with all that is in its memory.

Threads (see :mod:`seqcnn.models.threads`) are enough where each operation takes long. Where many short ones follow each
other, threads wait for Python's lock more than they work: two of them were slower than one.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import torch

from seqcnn.errors import SeqcnnError
from seqcnn.models import threads
from seqcnn.signals import held

Part = TypeVar("Part")
Result = TypeVar("Result")

AHEAD: Final = 2
"""Pieces for each process that are under way at a time."""

_PR_SET_PDEATHSIG: Final = 1

_work: Callable[[Any], Any] | None = None


def stream(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """Yield what `work` returns for each part, in order, from as many processes as PyTorch has threads.

    Parts and results are sent between processes; `work` and what it refers to are not. Where processes cannot be copied
    safely (not Linux) it is threads that work.

    Parameters
    ----------
    work : callable
        Not to use a GPU.
    parts : iterable
        Only a few for each process are taken ahead of the results.

    Raises
    ------
    SeqcnnError
        If a process was killed, as for want of memory.
    """
    n = torch.get_num_threads()
    if n == 1 or not sys.platform.startswith("linux"):
        with threads.taken_over():
            yield from threads.stream(work, parts)
        return
    waiting: deque[Future[Result]] = deque()
    with _executor(work, n) as executor:
        try:
            for part in parts:
                waiting.append(_submit(executor, part))
                if len(waiting) > AHEAD * n:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise SeqcnnError("a process that was helping has been killed, perhaps for want of memory") from None


@contextmanager
def _executor(work: Callable[[Any], Any], n: int) -> Iterator[ProcessPoolExecutor]:
    """Make an executor whose processes have `work` in their memory; at the end nothing goes on."""
    context, others = multiprocessing.get_context("fork"), multiprocessing.active_children()
    executor = ProcessPoolExecutor(n, mp_context=context, initializer=_begin, initargs=(work,))
    try:
        yield executor
    except BaseException:
        # Their work is of no use any more. Were it waited for, a second Ctrl-C could end the waiting before the
        # processes are told to stop, and Python would wait for them for ever.
        for process in multiprocessing.active_children():
            if process not in others:
                process.kill()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _submit(executor: ProcessPoolExecutor, part: Part) -> Future[Any]:
    # An interrupt in what Python and the libraries do when a process is copied would be lost.
    with warnings.catch_warnings(), held():
        # Python 3.12 warns of copying a process with threads. What those of the libraries hold, they let go of then.
        warnings.simplefilter("ignore", DeprecationWarning)
        return executor.submit(_do, part)


def _begin(work: Callable[[Any], Any]) -> None:
    """Set a new process up: what it does, one thread, deaf to Ctrl-C, and gone when its parent is."""
    global _work
    _work = work
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threads.only_one()


def _do(part: Any) -> Any:
    assert _work is not None
    with torch.inference_mode():
        return _work(part)
