"""A judge finds people in their own photos, nobody in others', and both in known measure."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from tests.conftest import tiny_recogniser

from faceveil.core.errors import UsageError
from faceveil.inversion.judge import MOST_DB, Judge, mean_face, patterns, random_faces
from faceveil.inversion.stage import Faces, Stage
from faceveil.measures.quality import psnr, ssim
from faceveil.ops.srgb import luma

PEOPLE = ("p0", "p1", "p2", "p3")


@pytest.fixture
def judge(scene: Stage) -> Judge:
    return Judge(tiny_recogniser("bob"), scene.private, scene.public)


def test_a_persons_own_photo_is_the_person(judge: Judge, scene: Stage) -> None:
    figures = judge.figures(scene.private.first(PEOPLE), PEOPLE)
    assert figures["Acc@1"].mean == figures["Acc@5"].mean == figures["NN@1"].mean == 1
    assert figures["distance"].mean == pytest.approx(0, abs=2e-3)
    assert figures["SSIM"].mean == pytest.approx(1, abs=1e-5)
    assert figures["PSNR"].mean == MOST_DB
    assert figures["verified"].n == len(scene.private.shown)
    assert all(figure.n == 4 for name, figure in figures.items() if name != "verified")


def test_another_persons_photo_is_not(judge: Judge, scene: Stage) -> None:
    turned = PEOPLE[1:] + PEOPLE[:1]
    figures = judge.figures(scene.private.first(turned), PEOPLE)
    assert figures["Acc@1"].mean == figures["NN@1"].mean == 0
    own = judge.figures(scene.private.first(PEOPLE), PEOPLE)
    assert figures["cosine"].mean < own["cosine"].mean
    assert figures["verified"].mean < own["verified"].mean


def test_figures_are_as_they_are_defined(judge: Judge, scene: Stage) -> None:
    image = scene.public.photos[:1]
    figures = judge.figures(image, ["p2"])
    photos = scene.private.showing(["p2"]).photos
    both = image.expand_as(photos)
    assert figures["PSNR"].mean == pytest.approx(psnr(both, photos).max().item(), abs=1e-4)
    assert figures["SSIM"].mean == pytest.approx(ssim(both, photos).max().item(), abs=1e-5)
    cosines = judge.gallery[8:12] @ judge._see(image)[0]
    assert figures["cosine"].mean == pytest.approx(cosines.mean().item(), abs=1e-5)
    assert figures["distance"].mean == pytest.approx(
        (2 - 2 * cosines.max().item()) ** 0.5, abs=1e-4
    )
    assert figures["verified"].mean == (cosines >= judge.threshold).double().mean().item()


def test_the_threshold_is_that_of_all_real_photos(judge: Judge, scene: Stage) -> None:
    rows = torch.cat((judge.gallery, judge._see(scene.public.photos))).double()
    people = [*scene.private.shown, *(f"public {one}" for one in scene.public.shown)]
    falling = sorted(
        (
            float(rows[i] @ rows[j])
            for i, j in combinations(range(len(people)), 2)
            if people[i] != people[j]
        ),
        reverse=True,
    )
    n_allowed = int(0.01 * len(falling))
    assert falling[n_allowed] - 1e-6 < judge.threshold <= falling[n_allowed - 1] + 1e-6


def test_ranks_are_those_of_each_persons_nearest_photo() -> None:
    draw = torch.Generator().manual_seed(0)
    names = tuple(f"p{i // 2}" for i in range(16))
    private = Faces(torch.rand(16, 3, 16, 16, generator=draw), names)
    public = Faces(torch.rand(8, 3, 16, 16, generator=draw), tuple("abcdefgh"))
    judge, people = Judge(tiny_recogniser("bob"), private, public), tuple(dict.fromkeys(names))
    guesses = torch.rand(8, 3, 16, 16, generator=draw)
    figures = judge.figures(guesses, people)
    cosines = judge._see(guesses) @ judge.gallery.T
    nearest = cosines.view(8, 8, 2).amax(2)
    ranks = (nearest > nearest.diagonal()[:, None]).sum(1)
    for n in (1, 5):
        assert figures[f"Acc@{n}"].mean == (ranks < n).double().mean().item()
    assert figures["Acc@1"].mean < figures["Acc@5"].mean < 1


def test_neighbours_correlate_whatever_their_brightness_and_contrast() -> None:
    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = torch.corrcoef(luma(images).flatten(1))
    torch.testing.assert_close(patterns(images) @ patterns(0.3 + 0.5 * images).T, expected)


def test_floors_are_public_faces_and_the_same_every_time(scene: Stage) -> None:
    public = scene.public.photos
    assert torch.equal(mean_face(public, 3)[2], public.mean(0))
    drawn = random_faces(public, PEOPLE, 0)
    assert torch.equal(drawn[2:], random_faces(public, PEOPLE[2:], 0))
    assert all(any(torch.equal(face, one) for one in public) for face in drawn)


def test_too_few_photos_for_a_threshold_are_refused(scene: Stage) -> None:
    few = Faces(scene.private.photos[:5], scene.private.shown[:5])
    with pytest.raises(UsageError, match="cannot be told from"):
        Judge(tiny_recogniser("bob"), few, Faces(scene.public.photos[:2], ("a", "b")))
