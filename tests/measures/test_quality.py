from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from faceveil.core.errors import UsageError
from faceveil.measures.quality import ms_ssim, psnr, ssim


def portrait(noise: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    image = torch.from_numpy(astronaut()[:120, 150:280].copy()).permute(2, 0, 1)[None] / 255
    noise_like = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return image, (image + noise * noise_like).clamp(0, 1)


def hwc(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).double().numpy()


@pytest.mark.parametrize("noise", [0.003, 0.03, 0.3])
def test_psnr_is_scikit_images(noise: float) -> None:
    image, other = portrait(noise)
    expected = peak_signal_noise_ratio(hwc(image), hwc(other), data_range=1)
    assert psnr(image, other).item() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("noise", [0.003, 0.03, 0.3])
def test_ssim_is_scikit_images(noise: float) -> None:
    image, other = portrait(noise)
    expected = structural_similarity(
        hwc(image),
        hwc(other),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
        data_range=1,
    )
    assert ssim(image, other).item() == pytest.approx(expected, abs=1e-4)


def test_ssim_of_flat_dark_pictures_is_scikit_images() -> None:
    image, other = portrait(0.01)
    expected = structural_similarity(
        hwc(image / 50),
        hwc(other / 50),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
        data_range=1,
    )
    assert ssim(image / 50, other / 50).item() == pytest.approx(expected, abs=1e-4)


def reference_ms_ssim(image: np.ndarray, other: np.ndarray) -> float:
    """Wang, Simoncelli and Bovik (2003) for one channel, on scipy."""

    def mean(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, 1.5, radius=5)[5:-5, 5:-5]

    def halved(x: np.ndarray) -> np.ndarray:
        x = np.pad(x, [(0, side % 2) for side in x.shape], mode="edge")
        return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4

    result = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mx, my = mean(image), mean(other)
        vx, vy = mean(image**2) - mx**2, mean(other**2) - my**2
        term = (2 * (mean(image * other) - mx * my) + 0.0009) / (vx + vy + 0.0009)
        if scale == 4:
            term = term * (2 * mx * my + 0.0001) / (mx**2 + my**2 + 0.0001)
        result *= max(term.mean(), 0) ** weight
        image, other = halved(image), halved(other)
    return result


@pytest.mark.parametrize("size", [(161, 175), (192, 208)])
@pytest.mark.parametrize("noise", [0.003, 0.03, 0.3])
def test_ms_ssim_is_that_of_the_paper(noise: float, size: tuple[int, int]) -> None:
    height, width = size
    image = torch.from_numpy(astronaut()[:height, 150 : 150 + width].copy()).permute(2, 0, 1) / 255
    draw = torch.Generator().manual_seed(0)
    other = (image + noise * torch.randn(image.shape, generator=draw)).clamp(0, 1)
    pairs = zip(image.double().numpy(), other.double().numpy(), strict=True)
    expected = np.mean([reference_ms_ssim(*pair) for pair in pairs])
    assert ms_ssim(image[None], other[None]).item() == pytest.approx(expected, abs=1e-4)


def test_ms_ssim_of_opposites_is_0_with_a_finite_gradient() -> None:
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 161, 161, generator=draw)
    other = (1 - image).requires_grad_()
    similarity = ms_ssim(image, other)
    similarity.sum().backward()
    assert similarity.item() == 0
    assert torch.isfinite(other.grad).all()


def test_gradients_of_ms_ssim() -> None:
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(2, 1, 161, 162, dtype=torch.float64, generator=draw)
    other = (0.7 * image + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ms_ssim(image, x), (other,), fast_mode=True)
    equal = image.clone().requires_grad_()
    similarity = ms_ssim(image, equal)
    similarity.sum().backward()
    torch.testing.assert_close(similarity, torch.ones(2, dtype=torch.float64))
    assert torch.isfinite(equal.grad).all()


def test_equal_pictures() -> None:
    image, _ = portrait(0)
    assert psnr(image, image).item() == math.inf
    assert ssim(image, image).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_each_picture_of_a_batch_has_its_own_figure(measure) -> None:  # type: ignore[no-untyped-def]
    image, near = portrait(0.01)
    _, far = portrait(0.2, seed=1)
    batch = measure(image.repeat(2, 1, 1, 1), torch.cat([near, far]))
    assert batch.shape == (2,)
    torch.testing.assert_close(batch, torch.cat([measure(image, near), measure(image, far)]))


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_gradients(measure) -> None:  # type: ignore[no-untyped-def]
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(2, 2, 13, 12, dtype=torch.float64, generator=draw)
    other = torch.rand(2, 2, 13, 12, dtype=torch.float64, generator=draw).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: measure(image, x), (other,))


def test_the_gradient_of_ssim_is_finite_between_equal_pictures() -> None:
    image, _ = portrait(0)
    other = image.clone().requires_grad_()
    ssim(image, other).sum().backward()
    assert torch.isfinite(other.grad).all()


@pytest.mark.usefixtures("any_shape")
def test_small_or_unlike_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match="at least 11 px"):
        ssim(torch.zeros(1, 3, 10, 50), torch.zeros(1, 3, 10, 50))
    with pytest.raises(UsageError, match=r"MS-SSIM .* at least 161 px a side, these are 160 x 300"):
        ms_ssim(torch.zeros(1, 3, 300, 160), torch.zeros(1, 3, 300, 160))
    for measure in (psnr, ssim, ms_ssim):
        with pytest.raises(UsageError, match="one shape"):
            measure(torch.zeros(1, 3, 20, 20), torch.zeros(2, 3, 20, 20))
