"""Who is private and who is public, and that nobody is both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.conftest import tiny_recogniser
from tests.training.conftest import drawn_crops

from faceveil.core.errors import UsageError
from faceveil.inversion import stage
from faceveil.inversion.stage import Stage
from faceveil.training.batches import fingerprint
from faceveil.training.crops import Crops
from faceveil.training.finished import Finished
from faceveil.training.split import split


@pytest.fixture
def run(scene: Stage) -> Finished:
    assert scene.run is not None
    return scene.run


def test_a_run_tells_its_parts(scene: Stage) -> None:
    assert sorted(set(scene.private.shown)) == ["p0", "p1", "p2", "p3"]
    assert len(scene.private.shown) == 16
    assert len(scene.held_out.shown) == 8
    assert sorted(set(scene.public.shown)) == ["p4", "p5"]
    crops = drawn_crops()
    torch.testing.assert_close(scene.public.photos[0], crops.take([24])[0].float() / 255)
    assert torch.equal(scene.private.first(["p1"])[0], scene.private.photos[4])


def test_public_people_can_be_fewer_or_other_data(run: Finished, tmp_path: object) -> None:
    crops = drawn_crops()
    few = stage.of_run(run, "people", "p5", lambda spec: crops)
    assert set(few.public.shown) == {"p5"}
    other = replace(crops, pixels=255 - crops.pixels)
    asked = []

    def cut(spec: str) -> Crops:
        asked.append(spec)
        return crops if spec == "people" else other

    whole = stage.of_run(run, "people", str(tmp_path), cut)
    assert asked == ["people", str(tmp_path)]
    assert len(whole.public.shown) == 36


def test_a_recogniser_has_everybody_enrolled_who_is_not_public() -> None:
    crops = drawn_crops()
    found = stage.of_recogniser(tiny_recogniser("ada"), "people", "2:6", lambda spec: crops)
    assert found.victim.people == ("p0", "p1")
    assert set(found.public.shown) == {"p2", "p3", "p4", "p5"}
    assert found.held_out.shown == ()


def test_what_does_not_fit_together_gets_a_sentence(run: Finished, tmp_path: object) -> None:
    crops = drawn_crops()
    with pytest.raises(UsageError, match="p1 is known to the recogniser and cannot be public"):
        stage.of_run(run, "people", "1:3", lambda spec: crops)
    with pytest.raises(UsageError, match="names nobody here"):
        stage.of_run(run, "people", "nobody", lambda spec: crops)
    with pytest.raises(UsageError, match="is not what tiny was trained on"):
        stage.of_run(run, "people", "", lambda spec: drawn_crops(7))
    with pytest.raises(UsageError, match="photos more or less of these people"):
        stage.of_run(run, "people", "", lambda spec: drawn_crops(n_photos=7))
    with pytest.raises(UsageError, match=r"not trained to its end \(step 1 of \d+\)"):
        stage.of_run(replace(run, step=1), "people", "", lambda spec: crops)
    everybody = replace(run, recipe=replace(run.recipe, held_out_people=""))
    everyone = split(crops.people, held_out_people="", held_out_photos=2)
    known = fingerprint(crops, everyone)
    everybody = replace(everybody, people=everyone.people, photos=known)
    with pytest.raises(UsageError, match="trained on everybody in people"):
        stage.of_run(everybody, "people", "", lambda spec: crops)
    with pytest.raises(UsageError, match="ada does not tell whom it was not trained on"):
        stage.of_recogniser(tiny_recogniser("ada"), "people", "", lambda spec: crops)
    empty = Crops((), (), np.empty((0, 16, 16, 3), np.uint8), ())
    with pytest.raises(UsageError, match="needs two public faces at least"):
        stage.of_run(run, "people", str(tmp_path), lambda s: crops if s == "people" else empty)


def test_the_same_photo_by_another_name_is_found_out(run: Finished, tmp_path: object) -> None:
    crops = drawn_crops()
    renamed = replace(crops, people=tuple(f"q{name}" for name in crops.people))
    with pytest.raises(UsageError, match=r"p0/0.png, whom the recogniser knows, is among"):
        stage.of_run(run, "people", str(tmp_path), lambda s: crops if s == "people" else renamed)
