"""What every architecture is: codes in, one score per member, sequence and target out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcnn.errors import UsageError
from seqcnn.models import window_rule
from seqcnn.models.detectors import Detectors
from seqcnn.models.dropout import DeviceFactors, host_factors
from seqcnn.models.settings import Settings as Settings  # which modules take from here
from seqcnn.sequence.ragged import Ragged


@dataclass(frozen=True, slots=True)
class Scale:
    """Standard deviations of normal initial weights, in place of an architecture's usual ones.

    Parameters
    ----------
    filters, others : float or None
        None for the usual ones.
    """

    filters: float | None = None
    others: float | None = None


RULES: Final = ("whole", "window")
"""How a sequence is scored: as it is, or as the best of its windows of the detectors' length, see `window_rule`."""


LETTERS_AT_ONCE: Final = 1 << 19
"""Letters scored at a time where an architecture does not say it."""

WINDOW_LETTERS: Final = 1 << 18
"""Letters of windows that are cut out and scored at a time."""


class Loss(Protocol):
    """What a fit minimises, in the two forms that a network may ask for."""

    def __call__(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Return each member's mean loss, shape (n_members,), differentiable by the scores."""

    def with_gradient(
        self, scores: NDArray[np.float32], targets: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return each member's mean loss and its gradient by the scores."""


class Network(nn.Module, ABC):
    """Base of the architectures: a set of members that see the same batches and share nothing else.

    Every parameter has the member axis first, and a member's random numbers come from a generator of its own, so that
    what a member becomes does not depend on who is trained beside it.
    """

    settings: Settings
    output_weight: nn.Parameter
    """Last layer, shape (n_members, n_features, n_targets)."""
    output_bias: nn.Parameter
    """Shape (n_members, n_targets), added to the score of either strand."""
    rule: str = "whole"
    """How predictions score a sequence, one of :data:`RULES`; training scores it whole."""
    precision: str = "float32"
    """What training on a GPU computes in: "float32", or "bf16" where that is enough (autocast)."""
    can_mix: bool = False
    """Whether training heeds :attr:`mix`."""
    mix: Tensor | None = None
    """Each example's share, shape (n,), where a step trains on mixtures of pooled features, see `mixture`."""
    gives_bases: bool = False
    """Whether every base of a sequence can be scored, see :meth:`score_bases`."""
    per_base: bool = False
    """Whether training is on the scores of bases: :meth:`forward` then gives these, (n_members, n, longest)."""
    shared: tuple[int, int] | None = None
    """Where processes share a batch: its number of examples, and the first of ours; dropout is that of the whole."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.generators: list[torch.Generator] = []
        """Of each member's initial weights."""
        self.dropout_generators: list[np.random.Generator] = []
        """Of each member's dropout on the CPU."""
        self.seeds: tuple[int, ...] = ()
        self._factors: DeviceFactors | None = None
        self.dropouts: tuple[float, ...] = (settings.dropout,) * settings.n_members
        self.scales: tuple[Scale | None, ...] = (None,) * settings.n_members
        self.frozen: frozenset[str] = frozenset()
        """Parameters that training leaves as they are."""

    @property
    def on_cpu(self) -> bool:
        """Whether the work is done in the way that suits a CPU: the device's is that of a GPU."""
        return self.output_bias.device.type == "cpu"

    @property
    def threads_itself(self) -> bool:
        """Whether training steps divide their work among threads by themselves, see :mod:`seqcnn.models.threads`."""
        return False

    @property
    def letters_at_once(self) -> int:
        """Letters, with those that fill up short sequences, scored at a time in predictions."""
        return LETTERS_AT_ONCE

    @property
    def receptive_field(self) -> int | None:
        """How many bp what is pooled over the sequence sees; None if that is not limited, or not known."""
        return self.detector_length

    @property
    def detector_length(self) -> int | None:
        """Length of the windows of the window rule, bp; None if the architecture has no such rule."""
        return None

    @abstractmethod
    def initialise(self) -> None:
        """Draw the initial weights of each member from its generator."""

    @abstractmethod
    def prepare(self, codes: Tensor, lengths: Tensor | None, batch_size: int) -> Iterator[Any]:
        """Turn codes, shape (n, length), into the inputs of :meth:`forward`, one for each `batch_size` sequences.

        On a GPU they are tuples of tensors, or None.
        """

    @abstractmethod
    def forward(self, inputs: Any) -> Tensor:
        """Return scores (logits, or the value for regression), shape (n_members, n, n_targets)."""

    def score_bases(self, inputs: Any) -> Tensor:
        """Score every base of a batch, shape (n_members, n, n_targets, longest); anything beyond the ends.

        Raises
        ------
        UsageError
            Unless the architecture :attr:`gives_bases`.
        """
        raise UsageError("this architecture scores whole sequences, not their bases")

    def add_gradients(self, inputs: Any, targets: Tensor, loss: Loss) -> Tensor:
        """Add the gradient of each member's loss to its parameters' gradients; return the losses, (n_members,)."""
        losses = loss(self._training_scores(inputs), targets)
        losses.backward(torch.ones_like(losses))  # type: ignore[no-untyped-call]
        return losses.detach()

    def _training_scores(self, inputs: Any) -> Tensor:
        """Return the scores, computed in the precision that is set; nothing is cached that a next step would take."""
        if self.precision != "bf16":
            scores: Tensor = self(inputs)
            return scores
        with torch.autocast(self.output_bias.device.type, torch.bfloat16, cache_enabled=False):
            scores = self(inputs)
        return scores.float()

    def is_decayed(self, name: str) -> bool:
        """Say whether weight decay pulls this parameter towards 0: weights, not biases and thresholds."""
        return not name.endswith(("bias", "threshold"))

    def is_filter(self, name: str) -> bool:
        """Say whether this parameter holds the motif detectors."""
        return name == "filters"

    @property
    def motif_parameters(self) -> frozenset[str]:
        """Names of the parameters of the motif layer, which a head is put upon."""
        return frozenset({"filters", "threshold"})

    def seed(self, seeds: Sequence[int]) -> None:
        """Give each member its generators and draw its weights; the same on any device."""
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.dropout_generators = [np.random.default_rng([seed, 1]) for seed in seeds]
        self.seeds, self._factors = tuple(seeds), None
        with torch.no_grad():
            self.initialise()

    def draw(self, *shape: int, uniform: bool = True) -> Tensor:
        """Return random numbers in [0, 1) (or standard normal), shape (n_members, *shape)."""
        make = torch.rand if uniform else torch.randn
        drawn = [make(shape, generator=generator, device=generator.device) for generator in self.generators]
        return torch.stack(drawn).to(self.output_bias.device)

    def keep(self, *shape: int) -> Tensor:
        """Return dropout's factors, shape (n_members, *shape): 0 for what is dropped, else 1 / (1 - dropout)."""
        whole, first = self.shared or (shape[0], 0)
        first = min(first, whole - shape[0])
        if not self.on_cpu:
            return self.device_factors.draw(shape, first)
        kept = host_factors(self.dropout_generators, self.dropouts, (whole, *shape[1:]))
        return kept if self.shared is None else kept[:, first : first + shape[0]]

    @property
    def device_factors(self) -> DeviceFactors:
        """What makes dropout's factors on a GPU."""
        if self._factors is None:
            self._factors = DeviceFactors(self.seeds, self.dropouts, self.output_bias.device)
        return self._factors

    @torch.no_grad()
    def rescale(self, scale: Tensor, shift: Tensor) -> None:
        """Have every score be ``score * scale + shift`` from now on.

        Parameters
        ----------
        scale, shift : Tensor, shape (n_targets,) or (n_members, n_targets)
            The scale is positive.
        """
        self.output_weight.mul_(scale.to(self.output_weight)[..., None, :])
        self.output_bias.mul_(scale.to(self.output_bias)).add_(shift.to(self.output_bias))

    def score(self, sequences: Ragged) -> NDArray[np.float32]:
        """Score sequences as they are, shape (n_members, n, n_targets); none is empty."""
        tensors = to_tensors(sequences, self.output_bias.device)
        parts = [self(inputs) for inputs in self.prepare(*tensors, len(sequences))]
        scores: NDArray[np.float32] = torch.cat(parts, dim=1).cpu().numpy()
        return scores

    def strand_features(self, inputs: Any, layer: str) -> tuple[Tensor, Tensor]:
        """Return what a layer is given of each strand, and the strand's scores, for an input of :meth:`forward`.

        Parameters
        ----------
        inputs : object
        layer : str
            One of :data:`seqcnn.models.embedding.LAYERS`.

        Returns
        -------
        features : Tensor, shape (n_members, n, n_strands, n_features)
        scores : Tensor, shape (n_members, n, n_strands, n_targets)

        Raises
        ------
        UsageError
            If the architecture has no such features.
        """
        raise UsageError("this architecture has no features of whole sequences")

    def score_windows(
        self, codes: NDArray[np.uint8], starts: NDArray[np.intp], length: int, *, exact: bool = True
    ) -> NDArray[np.float32]:
        """Score windows, each as a sequence of its own.

        Parameters
        ----------
        codes : ndarray of uint8, shape (n,)
        starts : ndarray of int, shape (n_windows,)
            Ascending.
        length : int
            Of the windows, bp.
        exact : bool
            Not even by rounding may a score depend on what else is scored; else it may differ in the last digits.

        Returns
        -------
        ndarray of float32, shape (n_members, n_windows, n_targets)
        """
        windows = window_rule.cut(codes, starts, length)
        size = max(1, min(self.letters_at_once, WINDOW_LETTERS) // length)
        parts = [self.score(windows.slice(start, start + size)) for start in range(0, len(windows), size)]
        return np.concatenate(parts, axis=1)

    def substitution_scores(self, codes: Tensor) -> Tensor | None:
        """Score sequences of one length, shape (n, length), with each base replaced by each of the four.

        Returns
        -------
        Tensor, shape (n_members, n, length, 4, n_targets), or None
            For the base that is there, the score of the sequence as it is; for an N, nothing that means something. None
            from an architecture that has no quicker way than to score every mutant.
        """
        return None

    def score_by_windows(self, sequences: Ragged) -> NDArray[np.float32]:
        """Score sequences by the window rule, shape (n_members, n, n_targets); none is empty."""
        return window_rule.best_scores(self, sequences)

    def members(self, chosen: Sequence[int]) -> Network:
        """Return a network of these members alone, a copy; for predictions, as it has no generators."""
        network = type(self)(replace(self.settings, n_members=len(chosen)))
        with torch.no_grad():
            for ours, theirs in zip(network.parameters(), self.parameters(), strict=True):
                ours.copy_(theirs[list(chosen)])
        return _finished(network, self)

    def detectors(self) -> list[Detectors]:
        """Return the first layer's filters, for each shape there is; none if it is not one of motif filters.

        Here for networks with parameters `filters`, (n_members, n_filters, n_channels, k), and `threshold`, (n_members,
        n_filters), which is taken from their scores before they are rectified. Others say their own.
        """
        filters, threshold = getattr(self, "filters", None), getattr(self, "threshold", None)
        if not isinstance(filters, Tensor) or not isinstance(threshold, Tensor):
            return []
        members = tuple(range(self.settings.n_members))
        return [Detectors(filters.detach(), threshold.detach(), members, self.settings.both_strands)]

    def scores_without(
        self, sequences: Ragged, member: int, filters: Sequence[Sequence[int]]
    ) -> Iterator[NDArray[np.float32]]:
        """Yield a member's scores, shape (n, n_targets), with filters silenced, set after set: they never fire.

        A silenced filter's feature is 0, what dropout and a sequence without the motif make of it as well; a mean over
        sequences would depend on the set. Here for networks with a `threshold`, see :meth:`detectors`.
        """
        for each in filters:
            silenced = self.members([member])
            threshold = silenced.get_parameter("threshold")
            threshold[0, list(each)] = torch.inf
            yield silenced.score_by_windows(sequences)[0] if self.rule == "window" else silenced.score(sequences)[0]

    @property
    def n_parameters(self) -> int:
        """Weights of one member."""
        return sum(p.numel() for p in self.parameters()) // self.settings.n_members


def join_members(networks: Sequence[Network]) -> Network:
    """Return one network with the members of several of one shape, in order; for predictions."""
    first = networks[0]
    n_members = sum(each.settings.n_members for each in networks)
    joined = type(first)(replace(first.settings, n_members=n_members))
    with torch.no_grad():
        for ours, *theirs in zip(joined.parameters(), *(each.parameters() for each in networks), strict=True):
            ours.copy_(torch.cat(theirs))
    return _finished(joined, first)


def _finished(network: Network, like: Network) -> Network:
    """Return a network that is ready to predict as another does."""
    network.rule, network.per_base = like.rule, like.per_base
    return network.to(like.output_bias.device).eval().requires_grad_(False)


def to_tensors(sequences: Ragged, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Return codes, shape (n, longest), and lengths, shape (n,) (None if all are equal), on the device."""
    lengths = sequences.lengths
    padded = sequences.padded()
    codes = torch.from_numpy(padded if padded.flags.writeable else padded.copy()).to(device)
    if len(lengths) == 0 or lengths.min() == lengths.max():
        return codes, None
    return codes, torch.from_numpy(lengths).to(device)
