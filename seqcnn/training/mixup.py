"""Mixup: training on mixtures of two examples, with the loss for both targets in the same shares.

Zhang, Cisse, Dauphin and Lopez-Paz 2018, arXiv:1710.09412. What is mixed are the features that are pooled over the
sequence, just before the head (manifold mixup at one layer: Verma et al. 2019, arXiv:1806.05236, equation 1): there
every architecture has a vector for a sequence, of whatever length, and what was scanned by a table of words still is;
a mixture base by base would be no sequence, and the loudest windows of both would compete in its maximum.

The loss of a mixture is the mixture of the losses for both targets, each with its weight. For cross-entropy this is the
loss for the mixed target, for squared error it has the same gradient; and a target that is missing stays missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.models.mixture import swapped
from seqcnn.training.objectives import Array, Objective

AT_ONCE: Final = 256
"""Batches whose shares are drawn at a time."""


def shares(alpha: float, batch_size: int, seed: int, epoch: int, skip: int = 0) -> Iterator[NDArray[np.float32]]:
    """Yield, batch after batch but the first `skip`, how much of each row is in its mixture, shape (batch_size,).

    Drawn from Beta(alpha, alpha), once for a pair of partners.
    """
    n_pairs = -(-batch_size // 2)
    first = skip // AT_ONCE
    skip -= first * AT_ONCE
    while True:
        drawn = np.random.default_rng([seed, epoch, 12, first]).beta(alpha, alpha, (AT_ONCE, n_pairs))
        yield from drawn.astype(np.float32).repeat(2, axis=1)[skip:, :batch_size]
        first, skip = first + 1, 0


@dataclass(frozen=True, slots=True)
class Mixed:
    """The loss of mixtures.

    Parameters
    ----------
    objective : Objective
        Of the examples as they are, with their weights.
    mix : Tensor, shape (n,)
        Each row's share of its mixture.
    """

    objective: Objective
    mix: Tensor

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Return each member's mean loss, shape (n_members,), differentiable."""
        own, partners = self._both()
        return own(scores, targets) + partners(scores, swapped(targets))

    def with_gradient(self, scores: Array, targets: Array) -> tuple[Array, Array]:
        """Return the same, and the gradient by the scores, in NumPy."""
        own, partners = self._both()
        loss, slope = own.with_gradient(scores, targets)
        other, of_other = partners.with_gradient(scores, swapped(targets))
        return loss + other, slope + of_other

    def _both(self) -> tuple[Objective, Objective]:
        """Return the loss for a row's own target, and for its partner's, each in its share."""
        weights = self.objective.weights
        other = 1 - self.mix
        if weights is None:
            return self.objective.weighted(self.mix), self.objective.weighted(other)
        return self.objective.weighted(self.mix * weights), self.objective.weighted(other * swapped(weights))
