"""What the first layer of a network looks for, whatever the architecture keeps it as."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Detectors:
    """The motif filters of a network's first layer, for members of one shape.

    A filter fires at a window, which may reach up to k - 1 N beyond either end, where its score is above its threshold.

    Parameters
    ----------
    filters : Tensor, shape (n_members, n_filters, 4, k)
        Rows A C G T/U; whatever scales the scores before they are rectified is in them.
    threshold : Tensor, shape (n_members, n_filters)
        The activation is the score less this.
    members : tuple of int
        Which members of the network, or networks of a collection, these are.
    both_strands : bool
        They are held against the reverse complement too.
    """

    filters: Tensor
    threshold: Tensor
    members: tuple[int, ...]
    both_strands: bool
