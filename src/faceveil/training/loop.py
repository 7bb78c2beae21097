"""The training loop: steps that can be stopped anywhere and gone on with as if they had not been.

Everything random in a step follows from the seed and the step's number, so a checkpoint needs no
state of any generator, nor of the sampler: which photos come next follows from the step too.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from faceveil.core.errors import ModelError
from faceveil.core.seeds import derive
from faceveil.measures.rate import Rate
from faceveil.training import checkpoint
from faceveil.training.average import moving_average
from faceveil.training.batches import Batches, Part, fingerprint
from faceveil.training.checkpoint import CHECKPOINT
from faceveil.training.distributed import mean_over_processes, synchronise
from faceveil.training.evaluate import Examination
from faceveil.training.journal import Journal
from faceveil.training.learner import Learner, embed
from faceveil.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PREPARED = 20_000
"""Photos a defence looks at before training, at most."""
HELD_OUT_AT_ONCE = 64
"""Photos whose loss a defence can ask for at a time."""


class Loop:
    """One run of training, from its first step or from its last checkpoint.

    Args:
        recipe: how to train.
        batches: what on.
        examination: what is asked in between and at the end.
        folder: where the checkpoint and the log lie.
        fabric: the processes and devices, launched.

    Raises:
        ModelError: the checkpoint is damaged, or of another recipe or other people.
    """

    def __init__(
        self,
        recipe: Recipe,
        batches: Batches,
        examination: Examination,
        folder: Path,
        fabric: Fabric,
    ):
        self.recipe, self.batches, self.examination = recipe, batches, examination
        self._path = folder / CHECKPOINT
        self._folder, self._fabric = folder, fabric
        self._learner = Learner(recipe, len(batches.split.people)).to(fabric.device)
        self.step = 0
        self._total = torch.zeros((), device=fabric.device)
        self._n_since = 0
        state = checkpoint.load(self._path) if self._path.is_file() else None
        if state is None:
            self._prepare()
        if batches.n_processes > 1:
            synchronise(self._learner, fabric.device)
        self._average = moving_average(self._learner.network, recipe.ema)
        self._optimiser = recipe.optimiser.build(self._learner.parameters())
        self._module, self._stepper = fabric.setup(self._learner, self._optimiser)
        if state is not None:
            self._restore(state)

    @property
    def network(self) -> nn.Module:
        """The network as it would be exported now: the average, if there is one."""
        return self._learner.network if self._average is None else self._average.module

    def run(self, advance: Callable[[float], None], say: Callable[[str], None]) -> dict[str, Rate]:
        """Train to the end; the figures of the finished network, on the first process.

        Args:
            advance: called with the number of steps done since its last call.
            say: called with a line now and then.

        Raises:
            ModelError: the loss is no longer a number; the last checkpoint stays.
            PhotoError: the disk is full; so it does then.
        """
        first = self._fabric.is_global_zero
        journal = Journal(self._folder, self.step) if first else None
        advance(self.step)
        figures: dict[str, Rate] = {}
        self._began = time.perf_counter()
        try:
            with _repeatable(self._fabric.device):
                for parts in self.batches.from_step(self.step):
                    noted = self._step(parts)
                    if self._due(self.recipe.log_every):
                        noted = self._since() | noted
                        if journal is not None:
                            journal.note(self.step, noted)
                    if self._due(self.recipe.evaluate_every) and journal is not None:
                        figures = self._examine()
                        means = {name: rate.mean for name, rate in figures.items()}
                        journal.note(self.step, means)
                        say(f"step {self.step}: {_shown(means)}")
                    if self._due(self.recipe.checkpoint_every):
                        self.save()
                    advance(1)
            if first and not figures:
                figures = self._examine()
        finally:
            if journal is not None:
                journal.close()
        return figures

    def save(self) -> None:
        """Write the checkpoint, on the first process."""
        self._check([self._total, *self._learner.parameters()])
        self._total = mean_over_processes(self._total)
        if not self._fabric.is_global_zero:
            return
        average = None if self._average is None else self._average.state_dict()
        checkpoint.save(
            self._path,
            {
                "step": self.step,
                "people": self.batches.split.people,
                "photos": fingerprint(self.batches.crops, self.batches.split),
                "learner": self._learner.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "average": average,
                "precision": self._fabric.strategy.precision.state_dict(),
                "loss": self._total,
                "n_since": self._n_since,
            },
        )

    def _prepare(self) -> None:
        """Let the defence look at training photos, taken evenly from all of them."""
        crops, train = self.batches.crops, self.batches.split.train
        indices = train[:: math.ceil(len(train) / PREPARED)]
        chosen = (
            crops.take(indices[at : at + 256]).to(self._fabric.device).float() / 255
            for at in range(0, len(indices), 256)
        )
        self._learner.network.masking.prepare(chosen)

    def _restore(self, state: dict[str, Any]) -> None:
        crops, split = self.batches.crops, self.batches.split
        same_people = state["people"] == list(split.people)
        if not same_people or state.get("photos") != fingerprint(crops, split):
            raise ModelError(
                f"{self._path} is of a recogniser of other {'photos' if same_people else 'people'}:"
                " go on with the data it was trained on, or train into a new folder."
            )
        checkpoint.restore(self._learner, state["learner"], self._path)
        if self._average is not None:
            checkpoint.restore(self._average, state["average"] or {}, self._path)
        self._optimiser.load_state_dict(state["optimiser"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        self.step, self._n_since = state["step"], state["n_since"]
        self._total = state["loss"].to(self._total)

    def _step(self, parts: list[Part]) -> dict[str, float]:
        recipe, fabric, masking = self.recipe, self._fabric, self._learner.network.masking
        seed = derive(recipe.seed, "step", self.step, fabric.global_rank)
        torch.manual_seed(seed)  # for what draws from no generator: dropout
        for group in self._optimiser.param_groups:
            group["lr"] = recipe.optimiser.lr * recipe.schedule.factor(
                self.step, self.batches.n_steps
            )
        noted: dict[str, float] = {}
        self._module.train()
        for number, part in enumerate(parts):
            pixels = recipe.augment(part.pixels.to(fabric.device), part.seeds)
            people = part.people.to(fabric.device)
            with fabric.no_backward_sync(self._module, enabled=number < len(parts) - 1):
                losses, penalty = self._module(pixels, people, derive(seed, number))
                fabric.backward((losses.mean() + penalty) / len(parts))
            noted = masking.learn(losses.detach(), self._held_out_loss)
            self._total = self._total + losses.detach().mean() / len(parts)
        fabric.clip_gradients(
            self._module, self._stepper, max_norm=recipe.clip_norm, error_if_nonfinite=False
        )
        self._stepper.step()
        self._optimiser.zero_grad()
        if self._average is not None:
            self._average.update_parameters(self._learner.network)
        self.step += 1
        self._n_since += 1
        return noted

    def _since(self) -> dict[str, float]:
        """The mean loss since the last time, the learning rate now, and the speed."""
        n, began = self._n_since, self._began
        loss = mean_over_processes(self._total / n)
        self._check([loss])
        self._total, self._n_since = torch.zeros_like(self._total), 0
        self._began = time.perf_counter()
        recipe, n_photos = self.recipe, len(self.batches.split.train)
        return recipe.defence.proved(n_photos, recipe.batch, self.step) | {
            "loss": float(loss),
            "lr": self._optimiser.param_groups[0]["lr"],
            "photos_per_s": n * recipe.batch / (self._began - began),
        }

    def _held_out_loss(self) -> float:
        """The mean loss of the next few held-out photos of people trained on."""
        split, crops = self.batches.split, self.batches.crops
        if not split.photos:
            return math.nan
        first = self.step * HELD_OUT_AT_ONCE
        chosen = [
            split.photos[(first + i) % len(split.photos)]
            for i in range(min(HELD_OUT_AT_ONCE, len(split.photos)))
        ]
        pixels, people = crops.take(chosen), self.batches.labels(chosen)
        return self._learner.loss_of(pixels.to(self._fabric.device), people.to(self._fabric.device))

    def _examine(self) -> dict[str, Rate]:
        network = self.network.eval()
        return self.examination(partial(embed, network, self._fabric.device))

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.batches.n_steps

    def _check(self, values: Iterable[Tensor]) -> None:
        if all(bool(value.isfinite().all()) for value in values):
            return
        kept = (
            f"{self._path} is as it was at the last checkpoint"
            if self._path.is_file()
            else "no checkpoint had been written yet"
        )
        raise ModelError(
            f"By step {self.step} the loss was no longer a number; {kept}. Train with a lower "
            "optimiser.lr or a longer schedule.warm_up."
        )


def _shown(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """The same machine computes the same; torch's own generators are left as they were found."""
    devices = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        yield
