"""What a process does that a person (Ctrl-C) or a batch system (SIGTERM) tells to stop."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType
from typing import Final

PATIENCE: Final = 3.0
"""Seconds after a signal in which others are passed over: batch systems and hasty people send several."""


def listen() -> None:
    """Have signals end the process in an orderly way, with its temporary files removed."""
    told: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if told and time.monotonic() - told[-1] < PATIENCE:
            return  # one that came while files are removed would leave some
        told.append(time.monotonic())
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup ignores it
        signal.signal(signal.SIGHUP, stop)  # the connection to the machine is lost
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a job in the background ignores it
        signal.signal(signal.SIGINT, stop)
