"""How much memory there is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

PER_LETTER: Final = 16
"""Bytes that training needs for each letter of its examples in memory, at most; it is while duplicates are sought."""

PER_EXAMPLE: Final = 200
"""Likewise for each example, with its name and place."""

_GROUPS: Final = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
"""Limit and use of a control group, versions 2 and 1."""


def available_memory() -> int | None:
    """Return the bytes that this process may still take, also by the limits of its control group; None if unknown."""
    found = [_of_machine(), *(_of_group(Path("/sys/fs/cgroup"), *names) for names in _GROUPS)]
    return min((each for each in found if each is not None), default=None)


def _of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2  # macOS: of all there is
    except (ValueError, OSError, AttributeError):
        return None


def _of_group(folder: Path, limit: str, used: str) -> int | None:
    try:
        return max(0, int((folder / limit).read_text()) - int((folder / used).read_text()))
    except (OSError, ValueError):  # not there, or "max"
        return None
