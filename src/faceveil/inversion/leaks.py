"""What else a thief may come by, made from private photos as the recogniser made it."""

from __future__ import annotations

import copy
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

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
) -> Iterator[Masked]:
    """What the backbone was shown in all epochs of training, without augmentation, and the labels.

    Batches are as large as in training and their photos shuffled; masks are drawn with the run's
    own key. Whoever holds many epochs finds masks among them that hide little.

    Args:
        run: the recogniser.
        photos: all it was trained on, RGB in [0, 1].
        people: labels.
        seed: of the order, and of the draws that training takes from the number of the step.
        mixed_in: the public photos the run mixed in, if any.

    Returns:
        Batch by batch, on the CPU.
    """
    masking = copy.deepcopy(run.learner.network.masking)
    device = run.learner.head.centres.device
    for epoch in range(run.recipe.epochs):
        order = torch.randperm(len(photos), generator=generator(derive(seed, "order", epoch)))
        for step, rows in enumerate(_even(order, run.recipe.batch)):
            shown = photos[rows]
            if mixed_in is not None:
                places = generator(derive(seed, "public", epoch, step))
                drawn = torch.randint(len(mixed_in), (len(rows),), generator=places)
                shown = torch.cat((shown, mixed_in[drawn]))
            own = derive(seed, "leak", epoch, step)
            with torch.no_grad():
                masked = as_in_training(masking, shown.to(device), people[rows].to(device), own)
            labels = Labels(masked.labels.people.cpu(), masked.labels.weight.cpu())
            yield Masked(masked.inputs.cpu(), labels)


def as_in_training(
    masking: Masking, photos: Float[Tensor, "n 3 s s"], people: Int[Tensor, " b"], seed: int
) -> Masked:
    """The training mask of a batch; of mixes, as of some batch that was trained on."""
    mask = masking.train_mask_again if isinstance(masking, Mixing) else masking.train_mask
    return mask(photos, people, seed)


def masked_queries(
    run: Finished, photos: Float[Tensor, "n 3 s s"], people: Int[Tensor, " n"]
) -> Iterator[Masked]:
    """What the backbone is shown when it is asked about these photos, batch by batch."""
    masking, device = run.learner.network.masking, run.learner.head.centres.device
    for some, whose in zip(*(torch.split(each, AT_ONCE) for each in (photos, people)), strict=True):
        with torch.no_grad():
            yield Masked(masking(some.to(device)).cpu(), Labels.hard(whose))


def whole(leak: Iterable[Masked]) -> Masked:
    """All rows that leaked, one below the other."""
    inputs, labels = zip(*leak, strict=True)
    names, weights = zip(*labels, strict=True)
    return Masked(torch.cat(inputs), Labels(_wide(names), _wide(weights)))


def plainest(leak: Iterable[Masked], n: int) -> Masked:
    """Of each person the ``n`` rows in which they have the largest shares."""
    best: dict[int, list[tuple[float, int, Masked]]] = {}
    count = 0
    for inputs, labels in leak:
        for row, pairs in enumerate(zip(*map(Tensor.tolist, labels), strict=True)):
            shares: Counter[int] = Counter()
            for person, weight in zip(*pairs, strict=True):
                shares[person] += weight
            for person, share in shares.items():
                kept = best.setdefault(person, [])
                if share <= 0 or (len(kept) == n and share <= kept[0][0]):
                    continue
                count += 1  # of equal ones the first stays
                own = slice(row, row + 1)
                one = Masked(inputs[own].clone(), Labels(*(each[own] for each in labels)))
                heapq.heappush(kept, (share, -count, one))
                if len(kept) > n:
                    heapq.heappop(kept)
    return whole(one for kept in best.values() for _, _, one in sorted(kept, reverse=True))


def shares_of(leak: Masked, person: int) -> Float[Tensor, " n"]:
    """How much of each row one person is.

    Raises:
        UsageError: of none anything.
    """
    shares = (leak.labels.weight * (leak.labels.people == person)).sum(1)
    if not (shares > 0).any():
        raise UsageError(f"Nothing that leaked shows the person with label {person}.")
    return shares


def _even(order: Int[Tensor, " n"], batch: int) -> tuple[Tensor, ...]:
    """Parts of about a batch, none so small that there is nobody to mix with."""
    return order.tensor_split(max(1, len(order) // batch))


def _wide(parts: Sequence[Tensor]) -> Tensor:
    """Rows of several widths below each other; what is missing weighs nothing."""
    width = max(part.shape[1] for part in parts)
    return torch.cat([torch.nn.functional.pad(part, (0, width - part.shape[1])) for part in parts])
