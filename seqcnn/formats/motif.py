"""The record of a motif: what any motif file says of it, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqcnn.sequence.alphabet import LETTERS

Array = NDArray[np.float64]

IUPAC: Final = "-ACMGRSVTWYHKDBN"
"""Letter of a set of bases, which is the sum of 1 for A, 2 for C, 4 for G, 8 for T."""


def uniform() -> Array:
    """Return the background in which all four bases are equally frequent."""
    return np.full(4, 0.25)


@dataclass(frozen=True, slots=True, eq=False)
class Motif:
    """A motif as base probabilities by position.

    Parameters
    ----------
    name : str
        First name: accession or identifier; one word in most formats.
    ppm : array_like of float, shape (4, width)
        Probability of each base at each position: rows A C G T/U, columns sum to 1.
    alternate : str
        Second name: that of the protein, where `name` is an accession.
    alphabet : {"dna", "rna"}
    counts : array_like of float, shape (4, width), optional
        The counts (pfm) that `ppm` was made of, where they are known; weights need not be whole.
    nsites : float, optional
        Sites the motif was made of, where it is known.
    background : array_like of float, shape (4,)
        Frequency of A C G T/U in the sequences the motif is from; uniform where it is not known.
    evalue : float, optional
        E-value of the motif among the sequences it was found in.
    threshold : float, optional
        Score at which a site counts as one, in nats against a uniform background (HOMER).
    url : str

    Raises
    ------
    ValueError
        If an array has another shape, or is not made of probabilities.
    """

    name: str
    ppm: Array
    alternate: str = ""
    alphabet: str = "dna"
    counts: Array | None = None
    nsites: float | None = None
    background: Array = field(default_factory=uniform)
    evalue: float | None = None
    threshold: float | None = None
    url: str = ""

    def __post_init__(self) -> None:
        if self.alphabet not in LETTERS:
            raise ValueError(f"alphabet is {self.alphabet!r}, not 'dna' or 'rna'")
        for name, shape in (("ppm", (4, -1)), ("counts", (4, -1)), ("background", (4,))):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _checked(value, shape, f"{name} of {self.name}"))
        if np.abs(self.ppm.sum(axis=0) - 1).max() > 1e-3 or abs(self.background.sum() - 1) > 1e-3:
            raise ValueError(f"the probabilities of {self.name} do not sum to 1")
        if self.counts is not None and self.counts.shape != self.ppm.shape:
            raise ValueError(f"counts and ppm of {self.name} differ in width")

    @classmethod
    def from_counts(
        cls,
        name: str,
        counts: ArrayLike,
        *,
        pseudocount: float = 0.0,
        background: ArrayLike | None = None,
        alternate: str = "",
        alphabet: str = "dna",
        nsites: float | None = None,
        evalue: float | None = None,
    ) -> Self:
        """Make a motif of counts: ppm = (counts + pseudocount * background) / (their sum + pseudocount).

        Parameters
        ----------
        name, background, alternate, alphabet, nsites, evalue
            As in :class:`Motif`; nsites is by default the largest sum of a column.
        counts : array_like of float, shape (4, width)
            Rows A C G T/U.
        pseudocount : float
            Sum of what is added to the four counts of a column.

        Raises
        ------
        ValueError
            If a column holds no counts and there is no pseudocount, or a count is negative.
        """
        table = np.asarray(counts, dtype=np.float64)
        base = uniform() if background is None else np.asarray(background, dtype=np.float64)
        filled = table + pseudocount * base[:, None]
        totals = filled.sum(axis=0)
        if (totals <= 0).any():
            raise ValueError(f"column {int((totals <= 0).argmax()) + 1} of {name} holds no counts")
        sites = float(table.sum(axis=0).max()) if nsites is None else nsites
        return cls(name, filled / totals, alternate, alphabet, table, sites, base, evalue)

    @property
    def width(self) -> int:
        """Positions, in bp."""
        return int(self.ppm.shape[1])

    @property
    def pfm(self) -> Array:
        """Counts, shape (4, width); where none are known, probabilities times the number of sites (20, as in MEME)."""
        if self.counts is not None:
            return self.counts
        return self.ppm * (20.0 if self.nsites is None else self.nsites)

    def pwm(self, pseudocount: float = 0.0, background: ArrayLike | None = None) -> Array:
        """Return log-odds in bits against a background (by default the motif's own), shape (4, width).

        Parameters
        ----------
        pseudocount : float
            Added to the counts as in :meth:`from_counts`; 0 makes a base that never occurs minus infinity.
        background : array_like of float, shape (4,), optional
        """
        base = self.background if background is None else np.asarray(background, dtype=np.float64)
        sites = float(self.pfm.sum(axis=0).max())
        ppm = (self.ppm * sites + pseudocount * base[:, None]) / (sites + pseudocount)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log2(ppm / base[:, None]))

    def information(self, background: ArrayLike | None = None) -> Array:
        """Return the information of each position in bits, shape (width,): sum of p log2(p / background).

        With the uniform background, the default, it is 2 - entropy (Schneider et al. 1986,
        doi:10.1016/0022-2836(86)90165-8, without the correction for small samples).
        """
        base = uniform() if background is None else np.asarray(background, dtype=np.float64)
        logs = np.log2(self.ppm / base[:, None], out=np.zeros_like(self.ppm), where=self.ppm > 0)
        return np.asarray((self.ppm * logs).sum(axis=0))

    def consensus(self) -> str:
        """Return one IUPAC letter a position.

        A base that has over half and over twice the next; else the two that have over three quarters; else the
        three where the fourth never occurs; else N (Cavener 1987, doi:10.1093/nar/15.4.1353, as TRANSFAC does).
        """
        order = np.argsort(-self.ppm, axis=0, kind="stable")
        first, second, _, fourth = np.take_along_axis(self.ppm, order, axis=0)
        one = (first > 0.5) & (first > 2 * second)
        n_bases = np.where(one, 1, np.where(first + second > 0.75, 2, np.where(fourth == 0, 3, 4)))
        sets = np.where(np.arange(4)[:, None] < n_bases, 1 << order, 0).sum(axis=0)
        letters = "".join(IUPAC[chosen] for chosen in sets.tolist())
        return letters.replace("T", "U") if self.alphabet == "rna" else letters

    def reverse_complement(self) -> Self:
        """Return the motif of the other strand, under the same name."""
        counts = None if self.counts is None else self.counts[::-1, ::-1]
        return replace(self, ppm=self.ppm[::-1, ::-1], counts=counts, background=self.background[::-1])

    def shown_name(self) -> str:
        """Return both names as one text, or the one there is."""
        return f"{self.name} {self.alternate}" if self.alternate and self.alternate != self.name else self.name


def _checked(value: ArrayLike, shape: tuple[int, ...], what: str) -> Array:
    array = np.ascontiguousarray(value, dtype=np.float64)
    if array.ndim != len(shape) or array.shape[0] != 4 or 0 in array.shape:
        wanted = "(4, width)" if len(shape) == 2 else "(4,)"
        raise ValueError(f"{what} has shape {array.shape}, not {wanted}")
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(f"{what} holds a number that is negative or not finite")
    return array
