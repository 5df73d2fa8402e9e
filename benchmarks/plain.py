"""The peer of training.py and prediction.py: DeepBind as one would write it in plain PyTorch with ``conv1d``."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_BASES = torch.cat([torch.eye(4), torch.full((1, 4), 0.25)])


def one_hot(codes: Tensor) -> Tensor:
    """Return one-hot, shape (n, 4, length), N = 0.25."""
    return _BASES[codes.long()].transpose(1, 2).contiguous()


class PlainDeepBind(nn.Module):
    """Convolution, ReLU, global maximum, hidden layer; the better of both strands."""

    def __init__(self, n_filters: int = 16, kernel_size: int = 24, hidden: int = 32, dropout: float = 0.25) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.conv = nn.Conv1d(4, n_filters, kernel_size)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(n_filters, hidden)
        self.output = nn.Linear(hidden, 1)

    def strand(self, x: Tensor) -> Tensor:
        pooled = functional.relu(self.conv(x)).amax(2)
        return self.output(functional.relu(self.hidden(self.dropout(pooled))))[:, 0]

    def forward(self, x: Tensor) -> Tensor:
        x = functional.pad(x, (self.kernel_size - 1, self.kernel_size - 1), value=0.25)
        return torch.maximum(self.strand(x), self.strand(x.flip(1, 2)))
