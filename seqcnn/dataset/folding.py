"""Secondary structures of least free energy, by ViennaRNA, in several processes.

Lorenz et al. 2011, doi:10.1186/1748-7188-6-26. The package is an extra; nothing here needs it before something is
folded.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from seqcnn.errors import SeqcnnError
from seqcnn.sequence.contexts import bases_of, contexts_of_pairs, in_context
from seqcnn.sequence.ragged import Ragged, decode_all

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

FEW: Final = 64
"""Sequences for which no other processes are started."""

AT_ONCE: Final = 8
"""Sequences that a process is given at a time."""

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Folding:
    """How sequences are folded.

    Parameters
    ----------
    span : int or None
        Two bases pair only if they are at most so far apart, bp; None for no limit.
    processes : int or None
        That fold side by side; None for as many as there are CPUs.
    """

    span: int | None = None
    processes: int | None = None


def vienna_version() -> str:
    """Return the version of ViennaRNA.

    Raises
    ------
    SeqcnnError
        If the package is not installed.
    """
    return str(_package().__version__)


def pairs_of(sequence: str, span: int | None = None) -> str:
    """Return the structure of least free energy at 37 degrees C, in dot-bracket; N pairs with nothing."""
    package = _package()
    model = package.md()
    if span is not None:
        model.max_bp_span = span
    return str(package.fold_compound(sequence, model).mfe()[0]) if sequence else ""


class Folder:
    """Folds sequences; a context, at whose end its processes are gone.

    Parameters
    ----------
    folding : Folding
    on_folded : callable, optional
        Called with the number of sequences that were folded since.

    Raises
    ------
    SeqcnnError
        If the package is not installed.
    """

    def __init__(self, folding: Folding, on_folded: Callable[[int], object] | None = None) -> None:
        vienna_version()
        self._folding, self._on_folded = folding, on_folded
        self._n = folding.processes or _n_cpus()
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def fold(self, sequences: Ragged) -> Ragged:
        """Return the bases in the contexts of their structures.

        Raises
        ------
        SeqcnnError
            If a process was killed.
        """
        plain = bases_of(sequences)
        work = partial(_contexts, span=self._folding.span)
        texts = decode_all(plain, "rna")
        found = bytearray()
        for contexts in self._mapped(work, texts):
            found += contexts
            if self._on_folded is not None:
                self._on_folded(1)
        return Ragged(in_context(plain.data, np.frombuffer(found, dtype=np.uint8)), plain.offsets)

    def _mapped(self, work: Callable[[str], bytes], texts: list[str]) -> Any:
        """Yield what work gives for each text, in order."""
        if self._executor is None and (self._n == 1 or len(texts) < FEW):
            yield from map(work, texts)
            return
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from concurrent.futures.process import BrokenProcessPool

        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self._n, mp_context=context, initializer=_begin)
        try:
            yield from self._executor.map(work, texts, chunksize=AT_ONCE)
        except BrokenProcessPool:
            raise SeqcnnError("a process that was folding has been killed, perhaps for want of memory") from None


def _n_cpus() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _contexts(sequence: str, span: int | None) -> bytes:
    return contexts_of_pairs(pairs_of(sequence, span)).tobytes()


def _begin() -> None:
    """Set a new process up: deaf to Ctrl-C, and gone when its parent is."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _package() -> Any:
    try:
        import RNA
    except ImportError as error:
        raise SeqcnnError("folding needs the package ViennaRNA: pip install 'seqcnn[rna]'") from error
    return RNA
