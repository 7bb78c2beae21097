"""Views: what is drawn, from what, and what it does to photos."""

from __future__ import annotations

import pytest
import torch

from faceveil.core import seeds
from faceveil.core.errors import UsageError
from faceveil.masks.views import View, Views

CPU = torch.device("cpu")


def test_no_treatment_is_the_identity() -> None:
    (view,) = Views().draw([seeds.generator(1)], CPU)
    pixels = torch.rand(1, 3, 8, 8)
    assert view == View()
    assert view(pixels) is pixels


def test_each_face_draws_from_its_own_generator() -> None:
    views = Views(
        per_step=2,
        affine=(0.01, 0.1),
        rotation=(0.01, 0.1),
        shrink=(0.8, 1.0),
        flip=0.5,
        resize=(0.5, 1.0),
        blur=(0.1, 1.0),
        jpeg=(50, 90),
    )
    pair = views.draw([seeds.generator(1), seeds.generator(2)], CPU)
    alone = views.draw([seeds.generator(2)], CPU)
    for together, single in zip(pair, alone, strict=True):
        assert together.jitter is not None
        assert single.jitter is not None
        torch.testing.assert_close(together.jitter[1], single.jitter[0], rtol=0, atol=0)
        assert together.scales is not None
        assert together.scales[1] == single.scales[0]  # type: ignore[index]
        assert together.qualities[1] == single.qualities[0]  # type: ignore[index]
    assert not torch.equal(pair[0].jitter, pair[1].jitter)  # type: ignore[arg-type]


def test_shrunk_crops_stay_within_the_frame() -> None:
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [-1, 1, 1], [1, 1, 1]]).T
    for seed in range(50):
        (view,) = Views(shrink=(0.5, 1.0)).draw([seeds.generator(seed)], CPU)
        assert view.jitter is not None
        moved = view.jitter[0] @ corners
        assert moved.abs().max() <= 1 + 1e-6


def test_a_certain_flip_mirrors_the_crop() -> None:
    (view,) = Views(flip=1.0).draw([seeds.generator(3)], CPU)
    torch.testing.assert_close(view.jitter, torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]))


def test_rotation_keeps_lengths() -> None:
    (view,) = Views(rotation=(0.1, 0.3)).draw([seeds.generator(4)], CPU)
    assert view.jitter is not None
    linear = view.jitter[0, :, :2]
    torch.testing.assert_close(linear @ linear.T, torch.eye(2))
    assert not torch.allclose(linear, torch.eye(2), atol=1e-3)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"per_step": 0}, "per_step"),
        ({"flip": 2}, "flip"),
        ({"jpeg": (90, 50)}, "jpeg"),
        ({"jpeg": (60, 150)}, "jpeg"),
        ({"resize": (0, 1)}, "resize"),
        ({"shrink": (0, 0)}, "shrink"),
    ],
)
def test_senseless_views_are_refused_by_name(bad: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=f"views: {named}"):
        Views(**bad)  # type: ignore[arg-type]
