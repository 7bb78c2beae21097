"""What else a thief may come by, made from private photos as the recogniser made it."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.core.seeds import derive, generator
from faceveil.training.ahm import Mixing
from faceveil.training.defence import Labels, Masked, Masking
from faceveil.training.finished import Finished
from faceveil.training.learner import AT_ONCE


def masked_inputs(
    run: Finished,
    photos: Float[Tensor, "n 3 s s"],
    people: Int[Tensor, " n"],
    *,
    seed: int,
    mixed_in: Float[Tensor, "m 3 s s"] | None = None,
) -> Masked:
    """One epoch of what the backbone was shown in training, without augmentation, and the labels.

    Batches are as large as in training and their photos shuffled; masks are drawn with the run's
    own key.

    Args:
        run: the recogniser.
        photos: all it was trained on, RGB in [0, 1].
        people: labels.
        seed: of the order, and of the draws that training takes from the number of the step.
        mixed_in: the public photos the run mixed in, if any.
    """
    masking = copy.deepcopy(run.learner.network.masking)
    device = run.learner.head.centres.device
    order = torch.randperm(len(photos), generator=torch.Generator().manual_seed(seed))
    inputs, names, weights = [], [], []
    for step, rows in enumerate(_even(order, run.recipe.batch)):
        shown = photos[rows]
        if mixed_in is not None:
            places = generator(derive(seed, "public", step))
            drawn = torch.randint(len(mixed_in), (len(rows),), generator=places)
            shown = torch.cat((shown, mixed_in[drawn]))
        with torch.no_grad():
            masked = as_in_training(
                masking, shown.to(device), people[rows].to(device), derive(seed, "leak", step)
            )
        inputs.append(masked.inputs.cpu())
        names.append(masked.labels.people.cpu())
        weights.append(masked.labels.weight.cpu())
    return Masked(torch.cat(inputs), Labels(_wide(names), _wide(weights)))


def as_in_training(
    masking: Masking, photos: Float[Tensor, "n 3 s s"], people: Int[Tensor, " b"], seed: int
) -> Masked:
    """The training mask of a batch, whose seed decides also how many faces a strategy mixes.

    In training that is decided anew after so many batches have been learnt from; here none is.
    """
    if isinstance(masking, Mixing):
        masking.n_batches.fill_(masking.every * (seed % 2**31))
    return masking.train_mask(photos, people, seed)


def masked_queries(
    run: Finished, photos: Float[Tensor, "n 3 s s"], people: Int[Tensor, " n"]
) -> Masked:
    """What the backbone is shown when it is asked about these photos."""
    device = run.learner.head.centres.device
    with torch.no_grad():
        rows = [
            run.learner.network.masking(some.to(device)).cpu()
            for some in torch.split(photos, AT_ONCE)
        ]
    return Masked(torch.cat(rows), Labels.hard(people))


def of_person(leak: Masked, person: int) -> Masked:
    """The leaked rows that show one person, whoever else they show.

    Raises:
        UsageError: there is none.
    """
    shows = ((leak.labels.people == person) & (leak.labels.weight > 0)).any(1)
    if not shows.any():
        raise UsageError(f"Nothing that leaked shows the person with label {person}.")
    return Masked(leak.inputs[shows], Labels(leak.labels.people[shows], leak.labels.weight[shows]))


def _even(order: Int[Tensor, " n"], batch: int) -> tuple[Tensor, ...]:
    """Parts of about a batch, none so small that there is nobody to mix with."""
    return order.tensor_split(max(1, len(order) // batch))


def _wide(parts: list[Tensor]) -> Tensor:
    """Rows of several widths below each other; what is missing weighs nothing."""
    width = max(part.shape[1] for part in parts)
    return torch.cat([torch.nn.functional.pad(part, (0, width - part.shape[1])) for part in parts])
