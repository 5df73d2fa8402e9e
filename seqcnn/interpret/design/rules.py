"""What a designed sequence must keep: letters that may stand at a place, a number of edits, GC content."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import UsageError

IS_GC: Final = np.array([False, True, True, False])

Codes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules for sequences of one length.

    Parameters
    ----------
    start : ndarray of uint8, shape (n, length)
        Codes 0..3 of the sequences that design began with: edits are the places that differ from them.
    allowed : ndarray of bool, shape (n, length, 4)
        Which bases may stand at each place; that of `start` is one of them.
    edits : int
        Most places that may differ.
    gc : (int, int)
        Least and most bases that are G or C.
    """

    start: Codes
    allowed: Mask
    edits: int
    gc: tuple[int, int]

    def take(self, rows: Rows) -> Rules:
        """Return the rules of these sequences."""
        return Rules(self.start[rows], self.allowed[rows], self.edits, self.gc)

    def n_edits(self, codes: Codes) -> NDArray[np.intp]:
        """Return how many places differ from the start, shape (n,)."""
        n: NDArray[np.intp] = (codes != self.start).sum(1)
        return n

    def excess(self, codes: Codes) -> NDArray[np.intp]:
        """Return how many G and C there are too many, shape (n,), below 0 for too few."""
        count = IS_GC[codes].sum(1)
        excess: NDArray[np.intp] = np.maximum(count - self.gc[1], 0) - np.maximum(self.gc[0] - count, 0)
        return excess

    def kept(self, codes: Codes) -> Mask:
        """Say which sequences keep all rules, shape (n,)."""
        there = np.take_along_axis(self.allowed, codes[:, :, None].astype(np.intp), axis=2)[:, :, 0].all(1)
        kept: Mask = there & (self.n_edits(codes) <= self.edits) & (self.excess(codes) == 0)
        return kept

    def possible(self, codes: Codes) -> Mask:
        """Say which single substitutions may be made, shape (n, length, 4).

        Of a sequence whose GC content is within its bounds those after which all rules are kept; of another those that
        bring it nearer.
        """
        own = codes[:, :, None] == np.arange(4)
        more = (codes == self.start)[:, :, None].astype(np.intp) - (self.start[:, :, None] == np.arange(4))
        after = self.n_edits(codes)[:, None, None] + np.where(own, 0, more)
        before = self.excess(codes)[:, None, None]
        count = IS_GC[codes].sum(1)[:, None, None] + IS_GC.astype(np.intp) - IS_GC[codes][:, :, None]
        now = np.maximum(count - self.gc[1], 0) + np.maximum(self.gc[0] - count, 0)
        mended = np.where(before == 0, now == 0, now < abs(before))
        possible: Mask = self.allowed & ~own & (after <= self.edits) & mended
        return possible

    def check(self, names: list[str]) -> None:
        """Refuse sequences that cannot be brought within the bounds of the GC content.

        Raises
        ------
        UsageError
        """
        excess = self.excess(self.start)
        other = np.where(IS_GC[self.start], self.allowed[:, :, ~IS_GC].any(2), self.allowed[:, :, IS_GC].any(2))
        useful = np.where((excess > 0)[:, None], IS_GC[self.start], ~IS_GC[self.start]) & other
        short = np.flatnonzero(np.minimum(useful.sum(1), self.edits) < abs(excess))
        if len(short):
            row = int(short[0])
            share = IS_GC[self.start[row]].mean()
            raise UsageError(
                f"{names[row]} has a GC content of {share:.2f}: --gc takes {abs(excess[row])} edits, and "
                f"{min(int(useful[row].sum()), self.edits)} are possible by the other rules"
            )

    def project(self, logits: NDArray[Any], otherwise: Codes) -> Codes:
        """Return, for each sequence, letters of high logits that keep the rules.

        The letters that gain most against the start are taken, as many as there may be edits; then those that lose
        least are changed until the GC content is within its bounds.

        Parameters
        ----------
        logits : ndarray, shape (n, length, 4)
        otherwise : ndarray of uint8, shape (n, length)
            What is returned for a sequence where that leads nowhere.
        """
        logits = np.where(self.allowed, logits, -np.inf)
        best = logits.argmax(2).astype(np.uint8)
        gain = logits.max(2) - np.take_along_axis(logits, self.start[:, :, None].astype(np.intp), axis=2)[:, :, 0]
        codes = np.where(gain > 0, best, self.start)
        if self.edits < codes.shape[1]:
            last = np.argsort(-gain, axis=1, kind="stable")[:, self.edits :]
            np.put_along_axis(codes, last, np.take_along_axis(self.start, last, axis=1), axis=1)
        for row in np.flatnonzero(self.excess(codes)):
            self._mend(codes, int(row), logits[row])
        failed = ~self.kept(codes)
        codes[failed] = otherwise[failed]
        return codes

    def _mend(self, codes: Codes, row: int, logits: NDArray[Any]) -> None:
        """Bring the GC content of one sequence within its bounds, if that can be done."""
        rules = self.take(np.array([row]))
        for _ in range(abs(int(self.excess(codes)[row]))):
            possible = rules.possible(codes[row : row + 1])[0]
            if not possible.any():
                return
            own = np.take_along_axis(logits, codes[row][:, None].astype(np.intp), axis=1)
            loss = np.where(possible, own - logits, np.inf)
            place, letter = divmod(int(loss.argmin()), 4)
            codes[row, place] = letter


def gc_bounds(low: float, high: float, length: int) -> tuple[int, int]:
    """Return the least and the most G and C of a sequence whose GC content is from `low` to `high`.

    Raises
    ------
    UsageError
        If no sequence of this length has one.
    """
    least, most = math.ceil(low * length - 1e-9), math.floor(high * length + 1e-9)
    if least > most:
        raise UsageError(f"no sequence of {length} bp has a GC content from {low:g} to {high:g}")
    return least, most
