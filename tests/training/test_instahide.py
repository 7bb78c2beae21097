"""InstaHide: mixed photos whose signs say nothing."""

from __future__ import annotations

import torch

from faceveil.training.ahm import Mixing
from faceveil.training.instahide import InstaHide, Signed

FACES = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
PEOPLE = torch.arange(6)


def masking(k: int = 2) -> Signed:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = InstaHide(k=k, draws="seeded").build(8)
    assert isinstance(built, Signed)
    return built


def test_it_is_mixup_with_random_signs() -> None:
    hidden = masking(k=3)
    inputs, labels = hidden.train_mask(FACES, PEOPLE, 1)
    mixed = Mixing.mixed(hidden, hidden.seen(FACES), PEOPLE, 3, 1)
    assert torch.equal(inputs.abs(), mixed.inputs.abs())
    assert torch.equal(labels.weight, mixed.labels.weight)
    signs = inputs * mixed.inputs > 0
    assert abs(float(signs.float().mean()) - 0.5) < 0.1
    assert not torch.equal(signs[0], signs[1])
    other = hidden.train_mask(FACES, PEOPLE, 2)
    assert not torch.equal(other.inputs.sign(), inputs.sign())


def test_queries_are_single_photos_under_one_pattern() -> None:
    hidden = masking()
    seen = hidden(FACES)
    torch.testing.assert_close(seen.abs(), (2 * FACES - 1).abs())
    pattern = seen.sign() * (2 * FACES - 1).sign()
    assert (pattern == pattern[0]).all()
    assert torch.equal(hidden(FACES), seen)
    assert torch.equal(masking()(FACES), seen)
