"""Estimates of what substitutions do to the score, from gradients: one or some backward passes for all of them.

Each method gives a multiplier for every base at every position, and a substitution is taken to change the score by the
multiplier of the new base less that of the old. Contributions are multipliers times the difference between the one-hot
sequence and the baseline, N (0.25) everywhere; where a method is complete they add up to the difference of the scores
of sequence and baseline, and how much is missing is reported.

gradient               at the sequence itself. Simonyan et al. 2013, arXiv:1312.6034.
integrated-gradients   mean over the line from the baseline. Sundararajan et al. 2017, arXiv:1703.01365.
deeplift               rescale rule, of the strand that has the better score. Shrikumar et al. 2017, arXiv:1704.02685.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from seqcnn.errors import SeqcnnError, UsageError
from seqcnn.models import deep
from seqcnn.models.architectures import deepbind
from seqcnn.models.network import Network
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import one_hot
from seqcnn.sequence.ragged import Ragged

METHODS: Final = ("gradient", "integrated-gradients", "deeplift")

STEPS: Final = 64
"""Points on the line that integrated gradients are taken at. With a global maximum the gradient jumps on the way, so
that more points make the sum only slowly more complete."""

LETTERS_AT_ONCE: Final = 1 << 15

_BASELINE: Final = 0.25
_SPOKEN: Final = "Setting forward, backward hooks and attributes on non-linear"


@dataclass(frozen=True, slots=True)
class Attribution:
    """Estimated changes of the score.

    Parameters
    ----------
    reference : ndarray of float32, shape (n, n_targets)
        Scores of the sequences as they are; NaN for one without a letter.
    change : ndarray of float32, shape (total, 4, n_targets)
        As in :class:`seqcnn.interpret.mutagenesis.Substitutions`.
    gap : ndarray of float64, shape (n, n_targets)
        Score less baseline's score, less the sum of contributions: 0 if the method were complete.
    from_baseline : ndarray of float64, shape (n, n_targets)
        Score less that of the baseline.
    """

    reference: NDArray[np.float32]
    change: NDArray[np.float32]
    gap: NDArray[np.float64]
    from_baseline: NDArray[np.float64]


def check(network: Network, method: str) -> None:
    """Raise if there is no such method, it cannot be used with this network, or its library is missing.

    Raises
    ------
    UsageError, SeqcnnError
    """
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}; there are: {', '.join(METHODS)}")
    layered = isinstance(network, deep.Model) and method != "deeplift"
    if type(network) is not deepbind.Model and not layered:
        raise UsageError(f"{method} is not for networks of this architecture; --method saturation is for all")
    if network.rule != "whole":
        raise UsageError(
            f"{method} reads sequences whole, but the model the best window; say --rule whole, or saturation"
        )
    if method != "gradient":
        try:
            import captum.attr  # noqa: F401
        except ImportError as error:
            raise SeqcnnError(f"{method} needs the library captum: pip install 'seqcnn[attribution]'") from error


def attribute(network: Network, sequences: Ragged, method: str) -> Attribution:
    """Estimate the change of the score by every substitution; see the file's head.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    sequences : Ragged
        Codes, of any lengths.
    method : str
        One of :data:`METHODS`.

    Raises
    ------
    UsageError, SeqcnnError
        See :func:`check`.
    """
    check(network, method)
    settings, lengths = network.settings, sequences.lengths
    change = np.zeros((len(sequences.data), 4, settings.n_targets), dtype=np.float32)
    gap = np.full((len(sequences), settings.n_targets), np.nan)
    from_baseline = gap.copy()
    for length in np.unique(lengths[lengths > 0]).tolist():
        rows = np.flatnonzero(lengths == length)
        size = max(1, LETTERS_AT_ONCE // length)
        for some in (rows[first : first + size] for first in range(0, len(rows), size)):
            codes = sequences.take(some).data.reshape(len(some), length)
            x = one_hot(codes).astype(np.float64)
            with torch.backends.cudnn.flags(enabled=False):  # cuDNN's cells have no gradient in evaluation
                multipliers, missing = _multipliers(network, torch.from_numpy(x), method)
            values = multipliers.numpy()
            own = np.einsum("nbl,nblt->nlt", x, values)[:, :, None]
            base = sequences.offsets[some, None] + np.arange(length)
            changed = values.transpose(0, 2, 1, 3) - own
            change[base] = np.where((codes[:, :, None] == np.arange(4))[..., None], 0, changed)
            gap[some], from_baseline[some] = missing
    return Attribution(predict(network, sequences), change, gap, from_baseline)


def _multipliers(
    network: Network, x: Tensor, method: str
) -> tuple[Tensor, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return multipliers, shape (n, 4, length, n_targets), and gap and score from the baseline, (n, n_targets)."""
    members, targets, length = network.settings.n_members, network.settings.n_targets, x.shape[2]
    device = network.output_bias.device
    x = x.to("cpu" if device.type == "mps" else device)  # Apple's GPUs have no double precision
    baseline = torch.full_like(x[:1], _BASELINE)
    total = torch.zeros(*x.shape, targets, dtype=x.dtype, device=x.device)
    difference = torch.zeros(len(x), targets, dtype=x.dtype, device=x.device)
    for member in range(members):
        whole = _member(network, member, length).to(x)
        with torch.no_grad():
            scores = whole(x)
            difference += scores - whole(baseline)
            winner = whole.each(x).argmax(0) if isinstance(whole, _Strands) else None
        for target in range(targets):
            if method == "gradient":
                total[..., target] += _gradient(whole, x, target)
            elif method == "integrated-gradients":
                total[..., target] += _integrated(whole, x, baseline, target)
            elif isinstance(whole, _Strands) and winner is not None:
                for number, strand in enumerate(whole.strands):
                    rows = (winner[:, target] == number).nonzero()[:, 0]
                    if len(rows):
                        total[rows, :, :, target] += _rescaled(strand, x[rows], baseline, target)
    total, difference = total / members, difference / members
    contributions = torch.einsum("nbl,nblt->nt", x - baseline, total)
    return total.cpu(), ((difference - contributions).cpu().numpy(), difference.cpu().numpy())


class _Strand(nn.Module):
    """One member read on one strand, from one-hot, with all that DeepLIFT's hooks need.

    Every activation is a module of its own, and a tensor of its own lies between any two: the hooks are on tensors, and
    two on the same one see each other's changes.
    """

    def __init__(self, network: deepbind.Model, member: int, length: int, *, reverse: bool) -> None:
        super().__init__()
        settings = network.settings
        filters = network.filters[member].detach()
        n_windows = length + settings.kernel_size - 1
        self.overhang = settings.kernel_size - 1
        self.convolution = nn.Conv1d(4, settings.n_filters, settings.kernel_size)
        self.convolution.weight = nn.Parameter(filters.flip(1, 2) if reverse else filters)
        self.convolution.bias = nn.Parameter(-network.threshold[member].detach())
        self.maximum, self.rectify = nn.MaxPool1d(n_windows), nn.ReLU()
        self.average = None
        if settings.pooling == "max-average":
            self.average = nn.Sequential(nn.ReLU(), nn.AvgPool1d(n_windows))
        layers: list[nn.Module] = []
        hidden = network.hidden_layer()
        if hidden is not None:
            layers += [_linear(hidden[0][member], hidden[1][member, 0]), nn.ReLU()]
        layers.append(_linear(network.output_weight[member], network.output_bias[member]))
        self.head = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, shape (n, n_targets), of one-hot, shape (n, 4, length)."""
        scores = self.convolution(functional.pad(x, (self.overhang, self.overhang), value=_BASELINE))
        features = self.rectify(self.maximum(scores.clone())[:, :, 0])
        if self.average is not None:
            features = torch.cat([features, self.average(scores.clone())[:, :, 0]], dim=1)
        result: Tensor = self.head(features)
        return result


class _Strands(nn.Module):
    """One member on its strands; the better one's score."""

    def __init__(self, network: deepbind.Model, member: int, length: int) -> None:
        super().__init__()
        ways = (False, True) if network.settings.both_strands else (False,)
        self.strands = nn.ModuleList([_Strand(network, member, length, reverse=way) for way in ways])

    def each(self, x: Tensor) -> Tensor:
        """Return the scores of the strands, shape (n_strands, n, n_targets)."""
        return torch.stack([strand(x) for strand in self.strands])

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, shape (n, n_targets)."""
        return self.each(x).amax(0)


class _Layered(nn.Module):
    """One member of a network of several layers."""

    def __init__(self, network: deep.Model, member: int) -> None:
        super().__init__()
        self.network = network.members([member])

    def forward(self, x: Tensor) -> Tensor:
        """Return scores, shape (n, n_targets)."""
        assert isinstance(self.network, deep.Model)
        return self.network.score_one_hot(x)[0]


def _member(network: Network, member: int, length: int) -> _Strands | _Layered:
    """Return one member as a function of one-hot sequences of this length."""
    if isinstance(network, deep.Model):
        return _Layered(network, member)
    assert isinstance(network, deepbind.Model)
    return _Strands(network, member, length)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(*weight.shape)
    layer.weight, layer.bias = nn.Parameter(weight.detach().T), nn.Parameter(bias.detach())
    return layer


def _gradient(whole: nn.Module, x: Tensor, target: int) -> Tensor:
    with torch.enable_grad():
        x = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(whole(x)[:, target].sum(), x)
    return gradient


def _integrated(whole: nn.Module, x: Tensor, baseline: Tensor, target: int) -> Tensor:
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(whole, multiply_by_inputs=False)
    found: Tensor = method.attribute(x, baseline, target, n_steps=STEPS, internal_batch_size=max(STEPS, len(x)))
    return found.detach()


def _rescaled(strand: nn.Module, x: Tensor, baseline: Tensor, target: int) -> Tensor:
    from captum.attr import DeepLift

    method: Any = DeepLift(strand, multiply_by_inputs=False)
    # For a window that is like the baseline captum takes the gradient of the batch's first sequence. Only those with N
    # have such windows; each goes alone.
    with_n = (x == _BASELINE).any(2).any(1)
    batches = [rows for rows in [(~with_n).nonzero()[:, 0], *with_n.nonzero()] if len(rows)]
    out = torch.empty_like(x)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_SPOKEN)
        for rows in batches:
            out[rows] = method.attribute(x[rows].requires_grad_(), baseline, target).detach()
    return out
