"""Signs of life that workers give in a journal, and by which others know who is lost.

Clocks of hosts are not compared: what counts is for how long, by the watcher's own clock, a sign has stayed the same.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from types import TracebackType
from typing import Final, NamedTuple, Self

from seqcnn.training.journal import Journal

PER_LOSS: Final = 4
"""Signs in the time after which a worker without one is lost."""


class _Sign(NamedTuple):
    """A worker's last sign, when it was first seen, and whether there was another one before."""

    number: int
    seen: float
    alive: bool


class Signs:
    """Gives signs of life while it is entered, and watches those of others.

    Parameters
    ----------
    journal : Journal
    lost_after : float
        Seconds without a sign after which a worker is lost.

    Attributes
    ----------
    worker : str
        This worker's name, that no other has: begins with host and process.
    """

    def __init__(self, journal: Journal, lost_after: float) -> None:
        self.journal, self.lost_after = journal, lost_after
        self.worker = f"{socket.gethostname()}:{os.getpid()} {uuid.uuid4().hex[:8]}"
        self._given = 0
        self._seen: dict[str, _Sign] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="signs of life", daemon=True)

    def __enter__(self) -> Self:
        self._give()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def is_alive(self, worker: str) -> bool:
        """Say whether a sign was given while we watched, and not too long ago."""
        sign = self._look().get(worker)
        return sign is not None and sign.alive and not self._is_old(sign)

    def is_lost(self, worker: str) -> bool:
        """Say whether there was no sign for so long that the worker is lost."""
        seen = self._look()
        return self._is_old(seen.setdefault(worker, _Sign(-1, time.monotonic(), False)))

    def wait(self) -> None:
        """Wait until there may be news."""
        self._over.wait(min(self.lost_after / PER_LOSS, 5.0))

    def _is_old(self, sign: _Sign) -> bool:
        return time.monotonic() - sign.seen > self.lost_after

    def _live(self) -> None:
        while not self._over.wait(self.lost_after / PER_LOSS):
            with suppress(OSError):  # what cannot be written is noticed where results are
                self._give()
                self._look()

    def _give(self) -> None:
        self._given += 1
        self.journal.say(f"worker {self.worker}", self._given)

    def _look(self) -> dict[str, _Sign]:
        """Take note of new signs."""
        now = time.monotonic()
        for name, number in self.journal.said().items():
            worker = name.removeprefix("worker ")
            before = self._seen.get(worker)
            if worker != name and (before is None or before.number != number):
                self._seen[worker] = _Sign(number, now, before is not None)
        return self._seen


def shown(worker: str) -> str:
    """Return host and process of a worker."""
    return worker.partition(" ")[0]
