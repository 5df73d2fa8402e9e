"""Targets that stand in the headers of FASTA and FASTQ."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.ragged import Ragged, from_text


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a --label-pattern.

    Raises
    ------
    UsageError
        If it is not a regular expression or has no group.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"--label-pattern {pattern!r} is not a regular expression: {error}") from error
    if not compiled.groups:
        raise UsageError(
            f"--label-pattern {pattern!r} needs a group in parentheses around the label, as in 'class:([01])'"
        )
    return compiled


def plain_labels(names: Ragged) -> NDArray[np.float32] | None:
    """Return the labels, shape (n, 1), of headers that are all 1 or 0; None if one is something else."""
    labels = names.data.astype(np.int64) - ord("0")
    if (names.lengths == 1).all() and ((labels == 0) | (labels == 1)).all():
        return labels[:, None].astype(np.float32)
    return None


def labels_by_pattern(
    headers: Ragged, pattern: re.Pattern[str], path: str, class_number: Callable[[str], float] | None = None
) -> tuple[Ragged, NDArray[np.float32]]:
    """Return the first word of each header, and the labels, shape (n, 1), that the pattern's first group finds.

    Parameters
    ----------
    headers : Ragged
    pattern : re.Pattern
    path : str
        For messages.
    class_number : callable, optional
        Gives the number of a class by its name, where labels are such; its ValueError is reported with the header.

    Raises
    ------
    InputError
        If a header gives no finite number, or no class.
    """
    lines = headers.decode()
    labels = np.empty((len(lines), 1), dtype=np.float32)
    for i, header in enumerate(lines):
        found = pattern.search(header)
        text = found.group(1) if found else None
        if class_number is None:
            labels[i] = _number(text, header, pattern, path)
            continue
        if text is None:
            raise InputError(f"header {header!r} gives no class by --label-pattern {pattern.pattern!r}", path)
        try:
            labels[i] = class_number(text)
        except ValueError as error:
            raise InputError(f"header {header!r}: {error}", path) from error
    return from_text((line.split(None, 1) or [""])[0] for line in lines), labels


def _number(text: str | None, header: str, pattern: re.Pattern[str], path: str) -> float:
    try:
        label = float(text or "")
    except ValueError:
        label = math.inf
    if not math.isfinite(label):
        raise InputError(f"header {header!r} gives no number by --label-pattern {pattern.pattern!r}", path)
    return label
