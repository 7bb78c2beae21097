from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates
from skimage.transform import SimilarityTransform

from faceveil.ops import warp


def random_points(seed: int, batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, 5, 2, generator=torch.Generator().manual_seed(seed)) * 30 + 50


def turn(angle: float, scale: float, x: float, y: float) -> torch.Tensor:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return torch.tensor([[[c, -s, x], [s, c, y]]], dtype=torch.float32)


def apply(matrix: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    return points @ matrix[..., :2].mT + matrix[..., 2][..., None, :]


@settings(deadline=None)
@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.05, 20),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
    seed=st.integers(0, 99),
)
def test_similarity_recovers_a_known_transform(
    angle: float, scale: float, x: float, y: float, seed: int
) -> None:
    points, matrix = random_points(seed, batch=1).double(), turn(angle, scale, x, y).double()
    torch.testing.assert_close(warp.similarity(points, apply(matrix, points)), matrix)


def test_similarity_is_umeyamas_on_points_that_do_not_fit() -> None:
    source, target = random_points(0), random_points(1)
    ours = warp.similarity(source, target)
    for row in range(3):
        fitted = SimilarityTransform.from_estimate(source[row].numpy(), target[row].numpy())
        np.testing.assert_allclose(ours[row], fitted.params[:2], rtol=1e-4, atol=1e-4)


def test_similarity_takes_one_target_for_all_and_never_reflects() -> None:
    source, target = random_points(2), random_points(3)[0] * torch.tensor([-1.0, 1.0])
    matrix = warp.similarity(source, target)
    torch.testing.assert_close(matrix, warp.similarity(source, target.expand(3, 5, 2)))
    assert (torch.linalg.det(matrix[..., :2]) > 0).all()


def test_similarity_of_coinciding_points_is_a_translation_with_finite_gradient() -> None:
    source = torch.full((1, 5, 2), 7.0, requires_grad=True)
    matrix = warp.similarity(source, random_points(4)[:1])
    torch.testing.assert_close(matrix[..., :2], torch.eye(2)[None])
    matrix.sum().backward()
    assert source.grad is not None
    assert torch.isfinite(source.grad).all()


def test_similarity_gradient() -> None:
    source, target = random_points(5).double(), random_points(6).double()
    assert torch.autograd.gradcheck(
        warp.similarity, (source.requires_grad_(), target.requires_grad_())
    )


@pytest.mark.parametrize(
    ("angle", "scale", "x", "y", "size_px"),
    [(0.0, 1.0, 0.0, 0.0, 40), (0.4, 1.7, -13.2, 5.0, 56), (-2.0, 0.6, 30.0, 41.5, 33)],
)
def test_sample_is_bilinear_interpolation_at_the_inverse(
    angle: float, scale: float, x: float, y: float, size_px: int
) -> None:
    image = torch.rand(1, 2, 40, 31, generator=torch.Generator().manual_seed(0))
    matrix = turn(angle, scale, x, y)
    ours = warp.sample(image, matrix, size_px)

    rows, columns = np.mgrid[:size_px, :size_px]
    out = torch.tensor(np.stack((columns, rows), -1).reshape(1, -1, 2), dtype=torch.float32)
    where = apply(warp.invert(matrix), out)[0].numpy()
    for channel in range(2):
        expected = map_coordinates(
            image[0, channel].numpy(), where[:, ::-1].T, order=1, mode="grid-constant"
        ).reshape(size_px, size_px)
        np.testing.assert_allclose(ours[0, channel], expected, atol=2e-4)


def test_sample_gradient() -> None:
    image = torch.rand(1, 1, 6, 5, dtype=torch.float64, requires_grad=True)
    matrix = turn(0.3, 1.1, 0.37, 0.21).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda i, m: warp.sample(i, m, 5), (image, matrix))


def test_sample_keeps_half_precision_images_in_place() -> None:
    image = torch.rand(1, 1, 600, 600, generator=torch.Generator().manual_seed(0))
    still = turn(0, 1, -500, -500)
    half = warp.sample(image.half(), still.half(), 100)
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), image[..., 500:, 500:], atol=1e-3, rtol=0)


@settings(deadline=None)
@given(seed=st.integers(0, 99), angle=st.floats(-3, 3), scale=st.floats(0.1, 10))
def test_invert_and_compose_undo_each_other(seed: int, angle: float, scale: float) -> None:
    matrix, other = turn(angle, scale, 12, -7).double(), turn(0.5, 2, 3, 4).double()
    points = random_points(seed, batch=1).double()
    torch.testing.assert_close(
        apply(warp.compose(other, matrix), points), apply(other, apply(matrix, points))
    )
    identity = turn(0, 1, 0, 0).double()
    torch.testing.assert_close(warp.compose(warp.invert(matrix), matrix), identity)


def test_resize_averages_where_it_shrinks() -> None:
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    small = warp.resize(board[None, None].float(), 16)
    assert small.shape == (1, 1, 16, 16)
    torch.testing.assert_close(small, torch.full_like(small, 0.5), atol=0.05, rtol=0)


def test_shifted_takes_each_pixel_from_where_its_flow_points() -> None:
    generator = torch.Generator().manual_seed(5)
    images = torch.rand(2, 3, 20, 31, generator=generator)
    flow = torch.zeros(2, 2, 20, 31)
    flow[0, 0], flow[1, 1] = 4, -3
    shifted = warp.shifted(images, flow)
    torch.testing.assert_close(shifted[0, :, :, :27], images[0, :, :, 4:], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(shifted[1, :, 3:], images[1, :, :-3], atol=1e-5, rtol=1e-4)


def test_shifted_by_parts_of_a_pixel_keeps_straight_slopes() -> None:
    slope = torch.arange(24.0).expand(1, 1, 24, 24)
    flow = torch.zeros(1, 2, 24, 24)
    flow[:, 0] = 0.3
    inside = (..., slice(4, -4))
    torch.testing.assert_close(
        warp.shifted(slope, flow)[inside], slope[inside] + 0.3, atol=0.06, rtol=0
    )
