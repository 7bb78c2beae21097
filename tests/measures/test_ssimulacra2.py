"""SSIMULACRA2 against the PyPI package of that name."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from faceveil.core.errors import UsageError
from faceveil.measures.ssimulacra2 import Ssimulacra2, enlarged, ssimulacra2


def oracle(original: np.ndarray, other: np.ndarray) -> float:
    files = BytesIO(), BytesIO()
    for pixels, file in zip((original, other), files, strict=True):
        Image.fromarray(pixels).save(file, "PNG")
    return compute_ssimulacra2(*files)


def test_it_is_the_packages(original, damaged, batch) -> None:  # type: ignore[no-untyped-def]
    ours = ssimulacra2(batch(original), batch(damaged)).item()
    assert ours == pytest.approx(oracle(original, damaged), abs=0.02)


@pytest.mark.parametrize("size", [(8, 8), (14, 40), (15, 15), (113, 97)])
def test_sizes_at_which_a_scale_comes_or_goes(size, batch) -> None:  # type: ignore[no-untyped-def]
    draw = np.random.default_rng(0)
    original = draw.integers(0, 256, (*size, 3), dtype=np.uint8)
    other = original // 2 + draw.integers(0, 128, original.shape, dtype=np.uint8)
    ours = ssimulacra2(batch(original).double(), batch(other).double()).item()
    assert ours == pytest.approx(oracle(original, other), abs=1e-4)


def test_equal_pictures_score_100_with_a_finite_gradient(plain: torch.Tensor) -> None:
    other = plain.clone().requires_grad_()
    score = ssimulacra2(plain, other)
    score.sum().backward()
    assert score.item() == 100
    assert torch.isfinite(other.grad).all()


def test_the_gradient_is_finite_at_the_least_change(face: torch.Tensor) -> None:
    for change in (1e-7, 1e-6, 1e-4):
        other = (face + change).requires_grad_()
        ssimulacra2(face, other).sum().backward()
        assert torch.isfinite(other.grad).all()


def test_a_step_along_the_gradient_mends(face: torch.Tensor) -> None:
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(face.shape, generator=draw)
    for amount in (1e-3, 0.05):
        other = (face + amount * noise).clamp(0, 1).requires_grad_()
        before = ssimulacra2(face, other)
        before.sum().backward()
        step = 0.01 * amount * other.grad / other.grad.abs().amax()
        assert ssimulacra2(face, (other + step).detach()) > before


def test_gradients() -> None:
    draw = torch.Generator().manual_seed(0)
    original = torch.rand(1, 3, 9, 15, dtype=torch.float64, generator=draw)
    other = torch.rand(1, 3, 9, 15, dtype=torch.float64, generator=draw).requires_grad_()
    assert torch.autograd.gradcheck(Ssimulacra2(original), (other,))


def test_the_original_comes_first(face: torch.Tensor) -> None:
    large = F.interpolate(face, size=(256, 256))
    smooth = F.avg_pool2d(large, 9, 1, 4, count_include_pad=False)
    assert (ssimulacra2(large, smooth) - ssimulacra2(smooth, large)).abs() > 1


def test_fixed_originals_serve_many_candidates(face: torch.Tensor) -> None:
    measure = Ssimulacra2(torch.cat([face, face.flip(3)]))
    draw = torch.Generator().manual_seed(0)
    for amount in (0.01, 0.1):
        others = face + amount * torch.rand(2, *face.shape[1:], generator=draw)
        others = others.clamp(0, 1)
        alone = [ssimulacra2(face, others[:1]), ssimulacra2(face.flip(3), others[1:])]
        torch.testing.assert_close(measure(others), torch.cat(alone), atol=1e-3, rtol=0)


@pytest.mark.usefixtures("any_shape")
def test_small_or_unlike_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match=r"at least 8 px a side, these are 50 x 7\."):
        Ssimulacra2(torch.zeros(1, 3, 7, 50))
    with pytest.raises(UsageError, match="one shape"):
        ssimulacra2(torch.zeros(1, 3, 20, 20), torch.zeros(2, 3, 20, 20))


def test_small_pictures_are_enlarged_to_six_scales_and_others_stay() -> None:
    small = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    assert enlarged(small).shape == (1, 3, 225, 300)
    large = torch.rand(1, 3, 225, 300)
    assert enlarged(large) is large
