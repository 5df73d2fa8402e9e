"""What training begins from: a trained model, known motifs, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.motif import Motif
from seqcnn.models import catalogue
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.models.settings import Settings
from seqcnn.training.options import OFTEN, TrainOptions

CONSENSUS_SCORE: Final = 2.0
"""What a filter made of a motif gives for its best sequence: about what trained filters reach."""

PSEUDOCOUNT: Final = 1.0
"""Sites of background in a motif's log-odds."""


@dataclass(frozen=True, slots=True)
class Start:
    """What the first weights are.

    Parameters
    ----------
    model : Model, optional
        Its weights; a member each for its members, in turn. Where the targets are others, the last layer is new.
    head_only : bool
        Its motif layer stays as it is.
    motifs : list of Motif
        The first filters of every member; the others are drawn as usual.
    other_classes : bool
        The targets are other classes than the model's: its last layer is new, even where there are as many.
    """

    model: Model | None = None
    head_only: bool = False
    motifs: list[Motif] = field(default_factory=list)
    other_classes: bool = False

    def options(self, options: TrainOptions, said: frozenset[str]) -> TrainOptions:
        """Return the options with the model's shape.

        Parameters
        ----------
        options : TrainOptions
        said : frozenset of str
            Options that the user gave; those of the shape must be the model's.

        Raises
        ------
        UsageError
            If another shape is asked for than the model has, or there are more motifs than filters.
        """
        if self.model is not None:
            settings = self.model.network.settings
            shape: dict[str, Any] = {"architecture": self.model.architecture}
            shape |= {name: getattr(settings, name) for name in catalogue.fields(self.model.architecture)}
            shape["strands"] = _strands(settings)
            for name, value in shape.items():
                if name in said and options.get(name) not in (None, value):
                    if name == "strands" and options.strands == "both" and settings.both_strands:
                        continue
                    option = name.replace("_", "-")
                    raise UsageError(f"--{option} is {options.get(name)}, but the model to begin from has {value}")
            shape["members"] = options.members if "members" in said else settings.n_members
            options = replace(options, shape={}).changed(dict.fromkeys(OFTEN) | shape)
        n_filters = options.get("n_filters")
        if self.motifs and n_filters is None:
            raise UsageError(f"--motifs: the architecture {options.architecture} has no detectors to begin as motifs")
        if self.motifs and len(self.motifs) > n_filters:
            raise UsageError(f"there are {len(self.motifs)} motifs for {n_filters} filters; raise --n-filters")
        return options

    def for_classes(self, names: Sequence[str]) -> Start:
        """Return the start of a model of these classes."""
        if self.model is None or self.model.task != "multiclass":
            return self
        return replace(self, other_classes=tuple(names) != self.model.target_names)

    def notes(self, options: TrainOptions) -> list[str]:
        """Say which motifs are wider than the filters that begin as them."""
        size = options.get("kernel_size")
        wide = [motif.name for motif in self.motifs if size is not None and motif.width > size]
        if not wide:
            return []
        named = f"{len(wide):,} motifs, such as {wide[0]}, are" if len(wide) > 1 else f"the motif {wide[0]} is"
        return [f"{named} wider than the filters' {size} bp: they begin as its most informative columns"]

    def check_structure(self, structured: bool) -> None:
        """Refuse a model that reads structures where there are none, or the other way round.

        Raises
        ------
        InputError
        """
        if self.model is not None and bool(self.model.network.settings.contexts) != structured:
            reads, have = ("no structures", "have such") if structured else ("structures", "have none")
            raise InputError(f"the model to begin from reads {reads}, but the sequences {have}", hint="see --structure")

    def check_alphabet(self, alphabet: str) -> None:
        """Refuse a model or motifs of the other alphabet.

        Raises
        ------
        InputError
        """
        alphabets = [self.model.alphabet] if self.model is not None else []
        for other in alphabets + [motif.alphabet for motif in self.motifs]:
            if other != alphabet:
                what = "the model to begin from" if self.model is not None else "a motif"
                raise InputError(f"{what} is of {other.upper()}, but the sequences are {alphabet.upper()}")

    def apply(
        self,
        network: Network,
        task: str,
        *,
        shift: NDArray[Any] | np.float64,
        scale: NDArray[Any] | np.float64,
        positive_weight: Tensor | None,
    ) -> None:
        """Put the first weights into a seeded network.

        Parameters
        ----------
        network : Network
        task : str
        shift, scale : array
            A score of the task is one in training times `scale`, plus `shift` (regression, poisson).
        positive_weight : Tensor or None
            Weight of positives (binary) or classes (multiclass) in training: the model's bias moves to where training
            with it would put it.
        """
        if self.model is not None:
            self._copy(network, task, shift, scale, positive_weight)
        if self.motifs:
            self._plant(network)
        if self.head_only:
            network.frozen = network.motif_parameters

    def _copy(self, network: Network, task: str, shift: Any, scale: Any, positive_weight: Tensor | None) -> None:
        assert self.model is not None
        source = dict(self.model.network.named_parameters())
        members = torch.arange(network.settings.n_members) % self.model.network.settings.n_members
        same_targets = task == self.model.task and network.settings.n_targets == self.model.network.settings.n_targets
        same_targets &= not self.other_classes
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                if same_targets or not name.startswith("output_"):
                    parameter.copy_(source[name][members.to(source[name].device)])
            if same_targets and task in ("regression", "poisson"):
                network.rescale(torch.as_tensor(1 / scale), torch.as_tensor(-shift / scale))
            if same_targets and positive_weight is not None:
                network.output_bias.add_(positive_weight.log().to(network.output_bias))

    def _plant(self, network: Network) -> None:
        filters = dict(network.named_parameters())["filters"]
        planted = np.stack([filter_of(motif, filters.shape[3]) for motif in self.motifs])
        with torch.no_grad():
            filters[:, : len(planted), :4] = torch.from_numpy(planted).to(filters)


def _strands(settings: Settings) -> str:
    """Say which strands a network reads as the option does."""
    usual = "both" if settings.strands == "best" else settings.strands
    return usual if settings.both_strands else "one"


def filter_of(motif: Motif, kernel_size: int) -> NDArray[np.float64]:
    """Return a filter that scores as a motif's log-odds do, shape (4, kernel_size).

    The most informative columns if the motif is wider, zeros on either side if it is narrower. A column's mean is taken
    off, which changes no comparison of bases; the largest score is :data:`CONSENSUS_SCORE`.
    """
    odds = motif.pwm(PSEUDOCOUNT)
    if motif.width > kernel_size:
        information = (motif.ppm * odds).sum(0)
        sums = np.convolve(information, np.ones(kernel_size), mode="valid")
        first = int(sums.argmax())
        odds = odds[:, first : first + kernel_size]
    left = (kernel_size - odds.shape[1]) // 2
    out = np.zeros((4, kernel_size))
    out[:, left : left + odds.shape[1]] = odds - odds.mean(0)
    highest = out.max(0).sum()
    return out * (CONSENSUS_SCORE / highest) if highest > 0 else out
