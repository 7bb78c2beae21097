"""FLIP against its authors' package flip-evaluator."""

from __future__ import annotations

import flip_evaluator
import numpy as np
import pytest
import torch

from faceveil.core.errors import UsageError
from faceveil.measures.flip import PIXELS_PER_DEGREE, flip, flip_map


def oracle(
    original: np.ndarray, other: np.ndarray, pixels_per_degree: float
) -> tuple[np.ndarray, float]:
    errors, mean, _ = flip_evaluator.evaluate(
        np.float32(original / 255),
        np.float32(other / 255),
        "LDR",
        applyMagma=False,
        parameters={"ppd": pixels_per_degree},
    )
    return errors[..., 0], mean


def test_it_is_the_authors(original, damaged, batch) -> None:  # type: ignore[no-untyped-def]
    errors, mean = oracle(original, damaged, PIXELS_PER_DEGREE)
    pair = batch(original), batch(damaged)
    np.testing.assert_allclose(flip_map(*pair)[0].numpy(), errors, atol=2e-4)
    assert flip(*pair).item() == pytest.approx(mean, abs=1e-5)


@pytest.mark.parametrize("pixels_per_degree", [10.0, 30.0, 150.0])
@pytest.mark.parametrize("size", [(3, 5), (40, 70)])
def test_other_screens_and_tiny_pictures(size, pixels_per_degree, batch) -> None:  # type: ignore[no-untyped-def]
    draw = np.random.default_rng(0)
    original, other = draw.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    errors, _ = oracle(original, other, pixels_per_degree)
    ours = flip_map(batch(original), batch(other), pixels_per_degree)[0].numpy()
    np.testing.assert_allclose(ours, errors, atol=2e-4)


def test_the_default_screen_is_the_authors() -> None:
    pixels = np.zeros((1, 1, 3), np.float32)
    _, _, parameters = flip_evaluator.evaluate(pixels, pixels, "LDR", applyMagma=False)
    assert pytest.approx(parameters["ppd"]) == PIXELS_PER_DEGREE


def test_equal_pictures_differ_by_0_with_a_finite_gradient(plain: torch.Tensor) -> None:
    other = plain.clone().requires_grad_()
    error = flip(plain, other)
    error.sum().backward()
    assert error.item() == 0
    assert torch.isfinite(other.grad).all()


def test_it_is_symmetric_and_each_picture_of_a_batch_has_its_own_figure(face: torch.Tensor) -> None:
    dark = face / 2
    there, back = flip(torch.cat([face, dark]), torch.cat([dark, face]))
    assert there.item() == pytest.approx(back.item(), abs=1e-6)
    near, far = flip(face.repeat(2, 1, 1, 1), torch.cat([0.99 * face, dark]))
    assert 0 < near < far < 1


def test_gradients() -> None:
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 5, 6, dtype=torch.float64, generator=draw)
    other = torch.rand(1, 3, 5, 6, dtype=torch.float64, generator=draw).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: flip(image, x, 30.0), (other,))


@pytest.mark.usefixtures("any_shape")
def test_what_cannot_be_compared_is_refused(face: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="one shape"):
        flip(face, face[..., 1:])
    with pytest.raises(UsageError, match="above 0, not -1"):
        flip(face, face, -1.0)
