"""Saturation mutagenesis of deep networks: mutants a CPU second, seqcnn against tangermeme with the same weights.

    python benchmarks/architectures_mutate.py [NAME...]      basset and dilated, 1,000 bp, one strand, 2 threads

The same network, one member, as a plain PyTorch module of one-hot sequences, is what tangermeme gets; it runs with
fast=True at several batch sizes, and its best counts. What it spends on capturing and checking the model is left out:
the time counted is that of four sequences less that of one. Times are CPU seconds of the process, both in one process.
``--quick`` takes one batch size, for a look.
"""

from __future__ import annotations

import sys
import time

import mutagenesis_peer as peer
import numpy as np
import torch
from torch import Tensor, nn

from seqcnn.interpret.mutagenesis import substitutions
from seqcnn.models import architectures, deep
from seqcnn.models.chains import Residual
from seqcnn.models.layers import Pool, Unit
from seqcnn.sequence.alphabet import one_hot
from seqcnn.sequence.ragged import Ragged, offsets_of

LENGTH, N_OURS, N_THEIRS = 1000, 4, 4
BATCH_SIZES = (64, 256)


def plain_unit(unit: Unit) -> nn.Module:
    """Return convolution, normalisation and ReLU as one writes them."""
    norm = unit.norm
    _, inputs, kernel_size = unit.weight.shape[1:]
    conv = nn.Conv1d(
        inputs, unit.outputs, kernel_size, padding="same", dilation=unit.dilation, bias=unit.bias is not None
    )
    conv.weight = nn.Parameter(unit.weight[0])
    if unit.bias is not None:
        conv.bias = nn.Parameter(unit.bias[0])
    return nn.Sequential(conv, *([] if norm is None else [plain_norm(norm)]), nn.ReLU())


def plain_norm(norm: nn.Module) -> nn.BatchNorm1d:
    out = nn.BatchNorm1d(norm.gain.shape[1])
    out.weight, out.bias = nn.Parameter(norm.gain[0]), nn.Parameter(norm.bias[0])
    out.running_mean.copy_(norm.running_mean[0])
    out.running_var.copy_(norm.running_variance[0])
    return out


class Added(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Plain(nn.Module):
    """A basset or dilated network of one member in plain PyTorch."""

    def __init__(self, network: deep.Model) -> None:
        super().__init__()
        k = network.settings.kernel_size
        first = nn.Conv1d(4, network.settings.n_filters, k, padding=k // 2, bias=network.threshold is not None)
        first.weight = nn.Parameter(network.filters[0])
        if network.threshold is not None:
            first.bias = nn.Parameter(-network.threshold[0])
        layers: list[nn.Module] = [first]
        if network.first_norm is not None:
            layers.append(plain_norm(network.first_norm))
        layers.append(nn.ReLU())
        for layer in network.body.parts:
            if isinstance(layer, Pool):
                layers.append(nn.MaxPool1d(layer.size, ceil_mode=True))
            elif isinstance(layer, Residual):
                layers.append(Added(nn.Sequential(*[plain_unit(unit) for unit in layer.body.parts])))
            else:
                layers.append(plain_unit(layer))
        self.body = nn.Sequential(*layers)
        self.both = network.settings.pooling == "both"
        head: list[nn.Module] = []
        for dense in network.hidden:
            linear = nn.Linear(*dense.weight.shape[1:], bias=dense.bias is not None)
            linear.weight = nn.Parameter(dense.weight[0].t().contiguous())
            head += [linear, *([] if dense.norm is None else [plain_norm(dense.norm)]), nn.ReLU()]
        last = nn.Linear(*network.output_weight.shape[1:])
        last.weight = nn.Parameter(network.output_weight[0].t().contiguous())
        last.bias = nn.Parameter(network.output_bias[0])
        self.head = nn.Sequential(*head, last)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        pooled = torch.cat([x.amax(2), x.mean(2)], dim=1) if self.both else x.amax(2)
        return self.head(pooled)


def compare(name: str, batch_sizes: tuple[int, ...]) -> None:
    options = {"both_strands": False, "padding": "same"}
    network = architectures.create(name, options)
    network.seed([1])
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if key.endswith("running_variance"):
                parameter.copy_(torch.rand_like(parameter) + 0.5)
            elif key.endswith(("running_mean", "norm.bias")):
                parameter.copy_(torch.randn_like(parameter) / 4)
    network.eval().requires_grad_(False)
    model = Plain(network).eval().requires_grad_(False)
    codes = np.random.default_rng(1).integers(0, 4, (max(N_OURS, N_THEIRS), LENGTH), dtype=np.uint8)
    sequences = Ragged(codes[:N_OURS].reshape(-1), offsets_of(np.full(N_OURS, LENGTH)))
    x = torch.from_numpy(one_hot(codes))
    short = torch.from_numpy(one_hot(codes[:1, :200]))
    theirs = peer.changes(model, short)[0].T
    ours = substitutions(network, Ragged(codes[0, :200], np.array([0, 200]))).change[..., 0]
    scale = model(short).abs().max().item()
    print(f"{name}, {LENGTH:,} bp; largest difference {np.abs(ours - theirs).max():.1e} of scores up to {scale:.2g}")
    substitutions(network, Ragged(codes[0, :200], np.array([0, 200])))
    taken = min(peer.seconds(lambda: substitutions(network, sequences), time.process_time) for _ in range(2))
    rate = N_OURS * LENGTH * 3 / taken
    print(f"  {'seqcnn':<40}{rate:>10,.0f} mutants/CPU s", flush=True)
    tried = {}
    for size in batch_sizes:
        tried[size] = peer.rate(model, x, 1, size, fast=True, clock=time.process_time)
        print(f"  {f'tangermeme, fast=True, batch {size}':<40}{tried[size]:>10,.0f} mutants/CPU s", flush=True)
    print(f"  {'seqcnn / tangermeme at its best':<40}{rate / max(tried.values()):>10.2f} x (bar: 1)", flush=True)


def main() -> None:
    peer.set_up()
    names = [word for word in sys.argv[1:] if not word.startswith("-")] or ["basset", "dilated"]
    for name in names:
        compare(name, BATCH_SIZES[-1:] if "--quick" in sys.argv else BATCH_SIZES)


if __name__ == "__main__":
    main()
