"""CUDA graphs: the work of a step recorded once, and then started with one call instead of a hundred.

The launches of a small network's operations take longer than the operations. What is recorded must be work of the
device alone, on tensors that stay where they are; so what differs between steps is copied to fixed places first.

References
----------
PyTorch, "CUDA semantics", section "CUDA Graphs" (docs.pytorch.org/docs/stable/notes/cuda.html): record on a stream that
is not the default one, after some runs on the same stream; what is recorded must not wait for the device.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol

import torch
from torch import Tensor

WARM_UP: Final = 3
"""Runs of a shape before it is recorded: libraries choose their algorithms and get their memory in these."""

MOST: Final = 16
"""Shapes that are recorded; others run as they are."""

LARGE: Final = 1 << 29
"""Bytes that a run may need to be recorded, as a recording keeps them; in larger work launches do not matter."""

Work = Callable[..., Tensor]
Given = tuple[Tensor | None, ...]


class Replayed(Protocol):
    """Work that was recorded."""

    def __call__(self, given: Given) -> Tensor:
        """Do the work on these tensors."""


class Recording:
    """One recording; the current stream must not be the default one.

    Parameters
    ----------
    work : callable
    given : tuple of Tensor or None
        Tell shapes and types.
    pool : object
        From ``torch.cuda.graph_pool_handle``.
    """

    def __init__(self, work: Work, given: Given, pool: Any) -> None:
        self.places = tuple(None if tensor is None else tensor.clone() for tensor in given)
        self.graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        # Other threads may be copying the next examples to the device meanwhile.
        with torch.cuda.graph(self.graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            self.result = work(*self.places)

    def __call__(self, given: Given) -> Tensor:
        """Do the work on these tensors."""
        for place, tensor in zip(self.places, given, strict=True):
            if place is not None and tensor is not None:
                place.copy_(tensor, non_blocking=True)
        self.graph.replay()
        return self.result.clone()


class Graphed:
    """A function of tensors that is recorded for each of their shapes.

    Parameters
    ----------
    work : callable
        Takes tensors, or None in their places, and returns one.

    Attributes
    ----------
    n_recorded : int
        How many shapes have been recorded.
    problem : str
        Why it is not recorded, where that was tried and failed.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self.runs: Counter[Any] = Counter()
        self.recorded: dict[Any, Replayed] = {}
        self.n_recorded = 0
        self.needed = 0
        self.problem = ""
        self._pool: Any = None

    def __call__(self, *given: Tensor | None) -> Tensor:
        """Do the work."""
        shape = tuple(None if tensor is None else (tensor.shape, tensor.dtype) for tensor in given)
        recorded = self.recorded.get(shape)
        if recorded is None:
            self.runs[shape] += 1
            if self.runs[shape] <= WARM_UP or len(self.recorded) == MOST or self.needed > LARGE or self.problem:
                return self._run(given)
            try:
                recorded = self.recorded[shape] = self._record(given)
                self.n_recorded += 1
            except RuntimeError as error:  # of a device or library that cannot; nothing has been done yet
                self.problem = " ".join(str(error).split())[:300]
                return self._run(given)
        return recorded(given)

    def forget(self) -> None:
        """Let go of what was recorded and of its memory; the device must be done with it."""
        self.recorded.clear()
        self.runs.clear()
        self._pool = None

    def _run(self, given: Given) -> Tensor:
        """Do the work as it is, and see how much memory it takes."""
        if not torch.cuda.is_available():
            return self.work(*given)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = self.work(*given)
        self.needed = max(self.needed, torch.cuda.max_memory_allocated() - before)
        return result

    def _record(self, given: Given) -> Replayed:
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        return Recording(self.work, given, self._pool)
