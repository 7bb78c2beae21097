from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from faceveil.core.errors import UsageError
from faceveil.faces.detect import MISFIT_PX
from faceveil.faces.face import TEMPLATE
from faceveil.faces.regions import middle, misfit, region, template_px

from .conftest import face_at

SIZE = 112


def landmarks(angle: float = 0.0, size: float = 56.0) -> torch.Tensor:
    return torch.tensor(face_at(SIZE / 2, SIZE / 2, size, angle).landmarks)[None]


@settings(deadline=None)
@given(
    kind=st.sampled_from(["oval", "head", "all"]),
    angle=st.floats(-3.14, 3.14),
    size=st.floats(1, 300),
)
def test_weights_are_in_range_and_smooth(kind: str, angle: float, size: float) -> None:
    weights = region(kind, landmarks(angle, size), SIZE)
    assert weights.shape == (1, 1, SIZE, SIZE)
    assert weights.min() >= 0
    assert weights.max() <= 1
    if size > 50:
        assert weights.diff(dim=-1).abs().max() < 0.3


@pytest.mark.parametrize("kind", ["oval", "head", "all"])
def test_full_on_the_landmarks_and_exactly_zero_outside(kind: str) -> None:
    weights = region(kind, landmarks(), SIZE)[0, 0]
    for x, y in landmarks()[0].round().long().tolist():
        assert weights[y, x] == 1
    border = torch.cat((weights[0], weights[-1], weights[:, 0], weights[:, -1]))
    assert (border == 0).all()


def test_the_oval_lies_within_the_head_and_covers_the_middle_of_the_arcface_crop() -> None:
    points = torch.tensor(TEMPLATE)[None] + 60
    oval, head = (region(kind, points, 232)[0, 0] for kind in ("oval", "head"))
    assert (head >= oval).all()
    assert (oval[60 + 16 : 60 + 100, 60 + 24 : 60 + 88] == 1).float().mean() > 0.95
    assert head.sum() > 1.3 * oval.sum()


@pytest.mark.parametrize("kind", ["oval", "head"])
def test_turns_with_the_face(kind: str) -> None:
    upright = region(kind, landmarks(), SIZE + 1)
    quarter = region(kind, landmarks(np.pi / 2), SIZE + 1)
    torch.testing.assert_close(quarter, upright.rot90(-1, (2, 3)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["oval", "head", "all"])
def test_faces_of_a_batch_do_not_mix(kind: str) -> None:
    both = torch.cat((landmarks(), landmarks(1.0, 40)))
    for i in range(2):
        torch.testing.assert_close(
            region(kind, both, SIZE)[i : i + 1], region(kind, both[i : i + 1], SIZE)
        )


def test_an_unknown_region_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"'ear'; there are oval, head, all"):
        region("ear", landmarks(), SIZE)  # type: ignore[arg-type]


@pytest.mark.parametrize("angle", [0.0, 1.0])
def test_a_face_twice_as_large_has_twice_the_pixels(angle: float) -> None:
    small, large = (template_px(landmarks(angle, size)) for size in (56.0, 112.0))
    torch.testing.assert_close(large, 2 * small)


def test_the_template_itself_has_one_pixel_each() -> None:
    torch.testing.assert_close(template_px(torch.tensor(TEMPLATE)[None]), torch.ones(1))


@settings(deadline=None)
@given(angle=st.floats(-3.14, 3.14), size=st.floats(20, 300))
def test_the_template_fits_itself_however_it_lies(angle: float, size: float) -> None:
    assert float(misfit(landmarks(angle, size))) < 1e-3


def test_misfit_is_how_far_landmarks_stay_from_the_template() -> None:
    template = torch.tensor(TEMPLATE, dtype=torch.float64)
    turned = template.clone()
    turned[2, 0] += 6  # the tip of the nose, to the side
    z, w = (torch.view_as_complex(points) for points in (turned, template))
    design = torch.stack((z, torch.ones_like(z)), dim=1)
    rest = design @ torch.linalg.lstsq(design, w[:, None]).solution[:, 0] - w
    expected = float(rest.abs().square().mean().sqrt())
    assert float(misfit(turned[None])) == pytest.approx(expected, rel=1e-4)
    assert 2 < expected < 3


def test_no_other_points_fit_as_well_as_a_face_does() -> None:
    template = torch.tensor(TEMPLATE)
    narrow = template * torch.tensor([0.4, 1.0])
    mirrored, mixed = template[[1, 0, 2, 4, 3]], template[[2, 0, 3, 1, 4]]
    others = misfit(torch.stack((mirrored, mixed, torch.zeros(5, 2))))
    assert float(misfit(narrow[None])) < MISFIT_PX < float(others.min())


def test_the_middle_holds_the_landmarks_and_no_cheek_beside_them() -> None:
    among = middle(torch.tensor(TEMPLATE)[None], SIZE)[0, 0]
    assert all(among[round(y), round(x)] for x, y in TEMPLATE)
    assert not among[68, :12].any()
    assert not among[:24].any()
