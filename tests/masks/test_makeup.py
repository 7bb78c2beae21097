"""Makeup looks like its reference, keeps structure and goes on from frame to frame."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from faceveil.core import seeds
from faceveil.core.errors import UsageError
from faceveil.core.goal import Dodge
from faceveil.faces.features import features
from faceveil.masks.glaze import GLAZES, STYLES, films, relative, style_of
from faceveil.masks.makeup import ROOM, Makeup, _Canvas
from faceveil.masks.painter import Painter
from faceveil.masks.problem import Problem
from faceveil.measures.quality import ssim
from faceveil.measures.ssimulacra2 import enlarged, ssimulacra2
from faceveil.ops.srgb import luma
from faceveil.ops.treat import blur

NAMES = sorted(path.stem for path in STYLES.glob("*.png"))


@pytest.fixture
def dodging(problem: Problem) -> Problem:
    return dataclasses.replace(problem, goal=Dodge(), budget=Makeup.default_budget)


def fresh(problem: Problem) -> Problem:
    return dataclasses.replace(problem, generators=[seeds.generator(5)])


def test_lips_take_the_references_colour(dodging: Problem) -> None:
    mask = Makeup(steps=1, fitting=25, damage=0).masks(fresh(dodging))
    here = features(dodging.pixels, dodging.landmarks)
    lips = here.lips / here.lips.sum()

    def apart(pixels: torch.Tensor) -> float:
        mean = (lips * relative(pixels, here)).sum((2, 3))[0]
        return float((mean - style_of("rose")["lips"].mean(1)).abs().mean())

    assert apart(dodging.veiled(mask)) < 0.5 * apart(dodging.pixels)


def test_highlights_burn_no_holes_into_pale_skin(dodging: Problem) -> None:
    pale = dataclasses.replace(dodging, pixels=0.55 + 0.4 * dodging.pixels)
    canvas = _Canvas(pale, style_of("rose"))
    brightest = Painter(torch.zeros(1), (torch.zeros(1),))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Painter, "__call__", lambda _: torch.full((1, len(GLAZES), 144, 144), -9.0))
        mask = canvas.mask([brightest])
    inside = (dodging.region > 0).expand_as(luma(mask))
    before, after = luma(pale.pixels), luma(pale.veiled(mask))
    assert float((after - before)[inside].amax()) > 0.05, "it does brighten"
    assert float(after[inside].amax()) < float(before[inside].amax()) + ROOM + 1e-3


def test_styles_differ(dodging: Problem) -> None:
    assert len(NAMES) >= 3
    lips = [style_of(name)["lips"].mean(1) for name in NAMES]
    lids = [style_of(name)["lids"].mean(1) for name in NAMES]
    for i in range(len(NAMES)):
        for j in range(i):
            apart = (lips[i] - lips[j]).abs().max() + (lids[i] - lids[j]).abs().max()
            assert apart > 0.1, (NAMES[i], NAMES[j])


def test_a_veil_over_it_moves_recognisers_further_and_changes_no_more_than_it_may(
    dodging: Problem,
) -> None:
    alone, both = (
        Makeup(steps=4, fitting=2, damage=damage).masks(fresh(dodging)) for damage in (0, 30)
    )
    seen = [dodging.embed(mask) for mask in (alone, both)]
    for name, source in dodging.source.items():
        before, after = (float((one[name] * source).sum()) for one in seen)
        assert after < before - 0.1
    rows, columns = dodging.face_crops[0]
    crops = [dodging.veiled(mask)[..., rows, columns] for mask in (alone, both)]
    assert 65 < float(ssimulacra2(*(enlarged(crop) for crop in crops))) < 90


def test_it_is_painted_against_recognisers_and_keeps_the_faces_structure(dodging: Problem) -> None:
    blind, mask = (
        Makeup(steps=16, damage=0, identity=weight).masks(fresh(dodging)) for weight in (0, 1)
    )
    assert float(dodging.losses(mask).mean()) < float(dodging.losses(blind).mean()) - 0.02
    assert float(ssim(dodging.pixels, dodging.veiled(mask))) > 0.85


def test_it_holds_nothing_but_glaze(dodging: Problem) -> None:
    """What it changes in the logarithm is smooth wherever only skin is."""
    mask = Makeup(steps=6, damage=0).masks(fresh(dodging))
    here = features(dodging.pixels, dodging.landmarks)
    film = (dodging.veiled(mask).clamp_min(1 / 255) / dodging.pixels.clamp_min(1 / 255)).log()
    inside = (here.skin > 0.95) & (dodging.region > 0.9) & (here.lids < 0.01)
    rough = (film - blur(film, [2.0])).abs()[inside.expand_as(film)]
    assert rough.mean() < 0.02


def test_the_next_frame_is_an_eighth_of_the_work_and_as_good(dodging: Problem) -> None:
    method = Makeup(steps=24, fitting=8)
    began = time.process_time()
    first, painters = method.painted(fresh(dodging))
    whole = time.process_time() - began
    shifted = dataclasses.replace(fresh(dodging), pixels=(dodging.pixels + 2 / 255).clamp(0, 1))
    began = time.process_time()
    second, _ = method.painted(shifted, painters)
    assert time.process_time() - began < whole / 8
    assert float(shifted.losses(second).mean()) < 0.9 * float(dodging.losses(first).mean())


def test_a_painter_begins_with_nothing_and_goes_on_from_what_it_was() -> None:
    painter = Painter.untrained(len(GLAZES), seeds.generator(1), torch.device("cpu"))
    assert not painter().any()
    copy = painter.fresh()
    with torch.no_grad():
        copy.weights[-1].add_(1)
    assert not painter().any()
    assert copy().any()


def test_a_glaze_at_full_opacity_has_the_references_mean(dodging: Problem) -> None:
    here = features(dodging.pixels, dodging.landmarks)
    film = films(here, dodging.pixels, style_of("plum"))[:, 0]
    lips = here.lips / here.lips.sum()
    own = (lips * relative(dodging.pixels, here)).sum((2, 3))
    wanted = style_of("plum")["lips"].mean(1)
    full = film[0, :, here.lips[0, 0] > 0.99].mean(1)
    assert torch.allclose(full, (wanted - own[0]).clamp(-1.2, 1.2), atol=0.05)


def test_a_reference_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    sky, broken = tmp_path / "sky.png", tmp_path / "broken.png"
    Image.new("RGB", (200, 200), (90, 140, 200)).save(sky)
    broken.write_bytes(b"\x89PNG not a picture")
    for reference, said in (
        (str(sky), "no face found in the reference .*sky.png"),
        (str(broken), "broken.png"),
        (str(tmp_path), "cannot be read"),
        ("roze", "'roze' cannot be read .* coral, plum, rose, smoky"),
    ):
        with pytest.raises(UsageError, match=said):
            Makeup(reference=reference)
