"""Parts of the spectrum, fixed or drawn for every photo."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from faceveil.core.errors import UsageError
from faceveil.training.frequency import subset
from faceveil.training.spectral import Partial, PartialFace, PpfrFd

FACES = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def partial() -> Partial:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        masking = PartialFace().build(16)
    masking.prepare([FACES])
    assert isinstance(masking, Partial)
    return masking


def shown(masking: Partial, inputs: torch.Tensor) -> list[tuple[int, tuple[int, ...]]]:
    """The subset and the order of each photo, found by looking."""
    everything = masking.frequency(FACES)
    found = []
    for row, seen in enumerate(inputs):
        for number, frequencies in enumerate(masking.subsets):
            for order in masking.orders:
                expected = subset(everything[row : row + 1], frequencies[order][None])[0]
                if torch.equal(seen, expected):
                    found.append((number, tuple(order.tolist())))
    return found


def test_ppfr_fd_is_a_fixed_part_of_the_spectrum() -> None:
    masking = PpfrFd(upsampling=2).build(16)
    masking.prepare([FACES])
    channels = masking(FACES)
    assert channels.shape == (12, 36, 4, 4) == (12, masking.n_channels, *2 * [masking.side_px])
    assert torch.equal(masking.train_mask(FACES, torch.arange(12), 0).inputs, channels)
    with pytest.raises(UsageError, match="20 px cannot be cut"):
        PpfrFd().build(20)


def test_partialface_shows_another_subset_of_every_photo() -> None:
    masking = partial()
    people = torch.arange(12)
    inputs, labels = masking.train_mask(FACES, people, 3)
    assert inputs.shape == (12, 27, 2, 2)
    assert torch.equal(labels.people[:, 0], people)
    found = shown(masking, inputs)
    assert len(found) == 12
    assert len({number for number, _ in found}) > 2
    assert len({order for _, order in found}) > 1
    assert torch.equal(masking.train_mask(FACES, people, 3).inputs, inputs)
    assert not torch.equal(masking.train_mask(FACES, people, 4).inputs, inputs)


def test_of_one_person_partialface_shows_three_subsets_at_most() -> None:
    masking = partial()
    numbers: dict[int, set[int]] = {5: set(), 6: set()}
    for seed in range(8):
        for person, seen in numbers.items():
            inputs, _ = masking.train_mask(FACES, torch.full((12,), person), seed)
            seen |= {number for number, _ in shown(masking, inputs)}
    assert len(numbers[5]) == len(numbers[6]) == 3
    assert numbers[5] != numbers[6]


def test_partialface_sees_queries_through_its_first_subset() -> None:
    masking = partial()
    found = shown(masking, masking(FACES))
    assert found == [(0, tuple(np.arange(9)))] * 12
    again = PartialFace().build(16)
    again.load_state_dict(masking.state_dict())
    assert torch.equal(again(FACES), masking(FACES))
