from __future__ import annotations

import pytest
import torch

from faceveil.marks.carrier import N_SIGNS, SIDE, carrier, read


@pytest.fixture
def words() -> torch.Tensor:
    return torch.randn(3, N_SIGNS, generator=torch.Generator().manual_seed(0)).sign()


def test_what_is_written_is_read(words: torch.Tensor) -> None:
    said = read(carrier(words))
    assert torch.equal(said.sign(), words)
    torch.testing.assert_close(read(3 * carrier(words)), 3 * said)


def test_it_is_nought_outside_the_face_and_about_one_inside(words: torch.Tensor) -> None:
    waves = carrier(words)
    assert not waves[..., 0, :].any()
    assert not waves[..., :, SIDE - 1].any()
    middle = waves[..., 40:90, 40:90].square().mean()
    assert 0.5 < float(middle) < 2


def test_what_all_faces_share_says_nothing() -> None:
    ramp = torch.linspace(-1, 1, SIDE).expand(1, 1, SIDE, SIDE)
    noise = torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    assert read(ramp).abs().mean() < 0.05 * read(noise).abs().mean()


def test_reading_is_differentiable() -> None:
    evidence = torch.zeros(1, 1, SIDE, SIDE, requires_grad=True)
    read(evidence)[0, 5].backward()
    assert evidence.grad is not None
    assert evidence.grad.abs().max() > 0
