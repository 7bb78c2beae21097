"""Optimisers a recipe can name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from faceveil.core.config import Strict
from faceveil.core.ranges import Decay, NonNegative, Positive


@dataclass(frozen=True)
class Optimiser(Strict, ABC):
    """How weights follow gradients.

    Attributes:
        lr: the learning rate at its highest.
        weight_decay: of matrices and kernels; biases, slopes and normalisations do not decay.
    """

    name: ClassVar[str]

    lr: Positive = 0.1
    weight_decay: NonNegative = 5e-4

    @abstractmethod
    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser of those ``parameters`` that require a gradient."""

    def _groups(self, parameters: Iterable[nn.Parameter]) -> list[dict[str, Any]]:
        free = [parameter for parameter in parameters if parameter.requires_grad]
        return [
            {"params": [p for p in free if p.dim() > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in free if p.dim() <= 1], "weight_decay": 0.0},
        ]


@dataclass(frozen=True)
class Sgd(Optimiser):
    """Stochastic gradient descent with momentum."""

    name: ClassVar[str] = "sgd"

    momentum: Decay = 0.9

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch's."""
        return torch.optim.SGD(self._groups(parameters), lr=self.lr, momentum=self.momentum)


@dataclass(frozen=True)
class AdamW(Optimiser):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    name: ClassVar[str] = "adamw"

    lr: Positive = 1e-3
    weight_decay: NonNegative = 0.05

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """torch's."""
        return torch.optim.AdamW(self._groups(parameters), lr=self.lr)
