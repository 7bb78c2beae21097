"""Networks an attacker trains once and uses for many people: decoders, U-Nets, generators."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from faceveil.core.seeds import derive
from faceveil.io import atomic

Network = TypeVar("Network", bound=nn.Module)


class Kept:
    """Trained networks by what they came from; in memory, and in a folder if there is one.

    What depends on the public faces alone, such as a GAN's generator, is trained once for all
    attacks and victims that name the same origin.

    Args:
        folder: where they are kept.
        seed: where the draws of their training begin.
    """

    def __init__(self, folder: Path | None = None, seed: int = 0):
        self._folder, self._seed = folder, seed
        self._weights: dict[int, bytes] = {}

    def trained(
        self,
        build: Callable[[], Network],
        train: Callable[[Network, int], None],
        *origin: str | int | bytes,
    ) -> Network:
        """A network in evaluation mode, trained now unless one of this origin is kept.

        Args:
            build: gives it untrained, its weights drawn from torch's generator.
            train: trains it in place, its draws from a seed.
            origin: everything that decides what comes out, the data included.
        """
        seed = derive(self._seed, *origin)
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            network = build()
        path = None if self._folder is None else self._folder / f"{seed:016x}.safetensors"
        if seed not in self._weights and path is not None and path.is_file():
            with suppress(SafetensorError):  # a damaged one is trained anew
                load(data := path.read_bytes())
                self._weights[seed] = data
        if seed not in self._weights:
            train(network.train(), seed)
            state = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
            self._weights[seed] = save(state)
            if path is not None:
                atomic.write(path, self._weights[seed], overwrite=True)
        network.load_state_dict(load(self._weights[seed]))
        return network.eval().requires_grad_(requires_grad=False)
