"""What processes that train together share: means over all of them, and batch normalisation."""

from __future__ import annotations

import atexit
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
"""Of the computations, by Fabric's names."""


def n_processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def mean_over_processes(values: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The mean of every process's ``values``; the gradient goes back to all of them."""
    return _Mean.apply(values) if n_processes() > 1 else values  # type: ignore[no-untyped-call]


def synchronise(module: nn.Module, device: torch.device) -> None:
    """Let every batch normalisation in ``module`` take its statistics over all processes.

    On accelerators torch's own does that; on the processor it refuses to.
    """
    if device.type != "cpu":
        nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return
    for name, child in module.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm):
            shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
            shared.weight, shared.bias = child.weight, child.bias
            shared.load_state_dict(child.state_dict())
            setattr(module, name, shared)
        else:
            synchronise(child, device)


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation over the batches of all processes, which are equally large."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def _check_input_dim(self, input: Tensor) -> None:
        """Images and vectors alike."""

    def forward(self, input: Float[Tensor, "b c *n"]) -> Float[Tensor, "b c *n"]:
        """As torch's; the running variance is the unbiased one of all rows."""
        if not self.training:
            return super().forward(input)
        values = input.float()
        axes = [0, *range(2, values.dim())]
        moments = torch.stack((values.mean(axes), values.square().mean(axes)))
        mean, square = mean_over_processes(moments)
        variance = (square - mean.square()).clamp_min(0)
        n = n_processes() * values.numel() // values.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / max(n - 1, 1), self.momentum)
            self.num_batches_tracked.add_(1)
        shape = (1, -1, *[1] * (values.dim() - 2))
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (values * scale.view(shape) + shift.view(shape)).to(input.dtype)


class _Mean(torch.autograd.Function):
    """Mean forward, and mean backward: each process's loss is a mean over its own rows only."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return _mean(values)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _mean(gradient)


def _mean(values: Tensor) -> Tensor:
    total = values.clone()
    distributed.all_reduce(total)
    return total / n_processes()


def open_fabric(device: str, precision: Precision) -> Fabric:
    """The processes that train together: this one alone, or those that ``torchrun`` started.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        precision: of the computations.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.strategies import DDPStrategy

    kind, _, number = device.partition(":")
    n_all = int(os.environ.get("WORLD_SIZE", "1"))
    if n_all == 1:
        return Fabric(accelerator=kind, devices=[int(number)] if number else 1, precision=precision)
    n_here = int(os.environ["LOCAL_WORLD_SIZE"])
    atexit.register(_part)
    # One process cuts out the faces and evaluates while the others wait, however long.
    strategy = DDPStrategy(timeout=timedelta(days=7))
    return Fabric(
        accelerator=kind,
        devices=n_here,
        num_nodes=n_all // n_here,
        strategy=strategy,
        precision=precision,
    )


def _part() -> None:
    """End the connection: threads of gloo that outlive it abort a process that is done."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
