"""CIEDE2000 against its authors' table and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, rgb2lab

from faceveil.core.errors import UsageError
from faceveil.measures.ciede2000 import ciede2000, lab_difference

# Pairs 1 to 21 of Sharma, Wu and Dalal (2005, table 1): greys, blues, hues on either side of 180
# and of 360 degrees, large and just visible differences.
TABLE = (
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 2.8361, -74.0200), (50, 0, -82.7485), 3.4412),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, -1.1848, -84.8006), (50, 0, -82.7485), 1.0000),
    ((50, -0.9009, -85.5211), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, -1, 2), (50, 0, 0), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0010), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.49, -0.001), (50, -2.49, 0.0012), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0010, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((50, 2.5, 0), (50, 3.1736, 0.5854), 1.0000),
)


def test_the_authors_table() -> None:
    colours, others, expected = (
        torch.tensor(column, dtype=torch.float64) for column in zip(*TABLE, strict=True)
    )
    ours = lab_difference(colours.T[None, :, None], others.T[None, :, None])[0, 0]
    torch.testing.assert_close(ours, expected, atol=5e-5, rtol=0)


def test_colours_of_all_kinds_are_scikit_images() -> None:
    labs = np.random.default_rng(0).uniform((0, -100, -100), (100, 100, 100), (2, 1, 9999, 3))
    ours = lab_difference(*(torch.from_numpy(lab).permute(2, 0, 1)[None] for lab in labs))
    np.testing.assert_allclose(ours[0].numpy(), deltaE_ciede2000(*labs), atol=1e-9)


def test_pictures_are_scikit_images(original, damaged, batch) -> None:  # type: ignore[no-untyped-def]
    ours = ciede2000(batch(original), batch(damaged))[0].numpy()
    theirs = deltaE_ciede2000(rgb2lab(original), rgb2lab(damaged))
    # Its matrix for XYZ is rounded to six digits, and near grey the formula jumps with the hue:
    # single pixels may differ, the figures do not.
    assert ours.mean() == pytest.approx(theirs.mean(), abs=1e-3)
    assert np.quantile(ours, 0.95) == pytest.approx(np.quantile(theirs, 0.95), abs=2e-3)


def test_equal_pictures_differ_by_0_with_a_finite_gradient(plain: torch.Tensor) -> None:
    other = plain.clone().requires_grad_()
    difference = ciede2000(plain, other)
    difference.sum().backward()
    assert difference.max() == 0
    assert torch.isfinite(other.grad).all()


def test_the_gradient_is_finite_between_greys_and_colours(plain: torch.Tensor) -> None:
    other = (plain * 0.9 + 0.02).requires_grad_()
    for image in (plain, plain.flip(1), plain.mean(1, keepdim=True).expand_as(plain)):
        other.grad = None
        ciede2000(image, other).sum().backward()
        assert torch.isfinite(other.grad).all()
        assert other.grad.abs().max() > 0


def test_it_is_symmetric(face: torch.Tensor) -> None:
    torch.testing.assert_close(ciede2000(face, face.flip(1)), ciede2000(face.flip(1), face))


def test_gradients() -> None:
    draw = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=draw)
    other = torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=draw).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ciede2000(image, x), (other,))


@pytest.mark.usefixtures("any_shape")
def test_unlike_pictures_are_refused(face: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="one shape"):
        ciede2000(face, face[..., 1:])
