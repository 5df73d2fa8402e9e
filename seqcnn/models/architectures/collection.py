"""Many finished DeepBind networks of different shapes in one file: a target for each.

Networks of one shape are the members of one group, so that one pass scores them together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcnn.errors import UsageError
from seqcnn.models import network
from seqcnn.models.architectures import deepbind
from seqcnn.models.detectors import Detectors
from seqcnn.sequence.ragged import Ragged

MOST_MEMBERS: Final = 32
"""Networks in a group: what is held of a batch grows with them."""

_SHAPE: Final = ("both_strands", "n_filters", "kernel_size", "hidden", "pooling")


@dataclasses.dataclass(frozen=True, slots=True)
class Settings(network.Settings):
    """Which networks there are.

    Parameters
    ----------
    groups : list of dict
        For each group: ``targets``, the targets that its networks score, in order; and ``both_strands``, ``n_filters``,
        ``kernel_size``, ``hidden`` and ``pooling``, see :class:`seqcnn.models.architectures.deepbind.Settings`.
    """

    groups: list[Any] = dataclasses.field(default_factory=list)


class Model(network.Network):
    """Groups of DeepBind networks; its one member gives the scores of all."""

    settings: Settings
    groups: nn.ModuleList

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        if not settings.groups:
            raise UsageError("the architecture collection holds finished models: it cannot be trained")
        self.columns = [_checked(group) for group in settings.groups]
        if sorted(chain.from_iterable(self.columns)) != list(range(settings.n_targets)) or settings.n_members != 1:
            raise UsageError(f"the groups of the collection do not have each of {settings.n_targets} targets once")
        self.groups = nn.ModuleList(
            deepbind.Model(deepbind.Settings(n_members=len(targets), **{name: group[name] for name in _SHAPE}))
            for group, targets in zip(settings.groups, self.columns, strict=True)
        )

    @property
    def rule(self) -> str:
        """The rule of all groups."""
        return self.networks[0].rule

    @rule.setter
    def rule(self, rule: str) -> None:
        for each in self.networks:
            each.rule = rule

    @property
    def output_bias(self) -> nn.Parameter:  # type: ignore[override]
        """The bias of the first group: it tells device and number type."""
        return self.networks[0].output_bias

    @property
    def networks(self) -> list[deepbind.Model]:
        """The groups' networks."""
        return [group for group in self.groups if isinstance(group, deepbind.Model)]

    @property
    def detector_length(self) -> int:
        """The longest detectors; each group has windows of its own length."""
        return max(each.detector_length for each in self.networks)

    @property
    def letters_at_once(self) -> int:
        """As many as suit all groups."""
        return min(each.letters_at_once for each in self.networks)

    @property
    def n_parameters(self) -> int:
        """Weights of all networks."""
        return sum(p.numel() for p in self.parameters())

    def initialise(self) -> None:
        """Refuse: the networks are finished."""
        raise UsageError("the architecture collection holds finished models: it cannot be trained")

    def rescale(self, scale: Tensor, shift: Tensor) -> None:
        """Have every score be ``score * scale + shift`` from now on; both of shape (n_targets,), scale positive."""
        with torch.no_grad():
            for each, columns in zip(self.networks, self.columns, strict=True):
                each.output_weight.mul_(scale[columns].to(each.output_weight)[:, None, None])
                each.output_bias.mul_(scale[columns].to(each.output_bias)[:, None])
                each.output_bias.add_(shift[columns].to(each.output_bias)[:, None])

    def prepare(self, codes: Tensor, lengths: Tensor | None, batch_size: int) -> Iterator[list[Any]]:
        """Yield, for each batch, the inputs of every group."""
        for group in zip(*(each.prepare(codes, lengths, batch_size) for each in self.networks), strict=True):
            yield list(group)

    def forward(self, inputs: list[Any]) -> Tensor:
        """Score a batch, shape (1, n, n_targets)."""
        scores = [each(group)[:, :, 0] for each, group in zip(self.networks, inputs, strict=True)]
        out = torch.empty(1, scores[0].shape[1], self.settings.n_targets, device=scores[0].device)
        for part, columns in zip(scores, self.columns, strict=True):
            out[0, :, columns] = part.t().to(out)
        return out

    def score_by_windows(self, sequences: Ragged) -> NDArray[np.float32]:
        """Score sequences by the window rule, each network with windows of its own length, (1, n, n_targets)."""
        out = np.empty((1, len(sequences), self.settings.n_targets), dtype=np.float32)
        for each, columns in zip(self.networks, self.columns, strict=True):
            out[0, :, columns] = each.score_by_windows(sequences)[:, :, 0]
        return out

    def score_windows(
        self, codes: NDArray[np.uint8], starts: NDArray[np.intp], length: int, *, exact: bool = True
    ) -> NDArray[np.float32]:
        """Score windows of one length, each as a sequence of its own, (1, n_windows, n_targets)."""
        out = np.empty((1, len(starts), self.settings.n_targets), dtype=np.float32)
        for each, columns in zip(self.networks, self.columns, strict=True):
            out[0, :, columns] = each.score_windows(codes, starts, length, exact=exact)[:, :, 0]
        return out

    def detectors(self) -> list[Detectors]:
        """Return the filters of each group; the number of a member is that of its target."""
        found = []
        for each, columns in zip(self.networks, self.columns, strict=True):
            (of_group,) = each.detectors()
            found.append(dataclasses.replace(of_group, members=tuple(columns)))
        return found

    def scores_without(
        self, sequences: Ragged, member: int, filters: Sequence[Sequence[int]]
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the scores of one target, shape (n, 1), with filters of its network silenced."""
        yield from self.single(member).scores_without(sequences, 0, filters)

    def take(self, targets: Collection[int]) -> Iterator[tuple[deepbind.Model, list[int]]]:
        """Yield the networks of some targets, those of one shape as members of one, and which targets they are."""
        for each, columns in zip(self.networks, self.columns, strict=True):
            members = [i for i, target in enumerate(columns) if target in targets]
            if members:
                yield _members(each, members), [columns[i] for i in members]

    def single(self, target: int) -> deepbind.Model:
        """Return the network of one target by itself, with one member and one target."""
        return next(network for network, _ in self.take([target]))


def _members(network: deepbind.Model, members: list[int]) -> deepbind.Model:
    """Return some of the members as a network of their own."""
    part = deepbind.Model(dataclasses.replace(network.settings, n_members=len(members)))
    part.load_state_dict({name: values[members] for name, values in network.state_dict().items()})
    part.rule = network.rule
    return part.to(network.output_bias.device).eval().requires_grad_(False)


def _checked(group: Any) -> list[int]:
    """Return the targets of a group; ValueError if it is not as it must be."""
    if not isinstance(group, dict) or set(group) != {"targets", *_SHAPE}:
        raise ValueError(f"a group of the collection must have targets, {', '.join(_SHAPE)}")
    targets, wanted = group["targets"], {"both_strands": bool, "pooling": str}
    if not isinstance(targets, list) or not targets or not all(type(target) is int for target in targets):
        raise ValueError(f"targets is {targets!r}")
    for name in _SHAPE:
        kind = wanted.get(name, int)
        if type(group[name]) is not kind or (kind is int and group[name] < (0 if name == "hidden" else 1)):
            raise ValueError(f"{name} is {group[name]!r}")
    return targets
