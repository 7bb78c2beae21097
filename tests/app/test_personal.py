"""Enrol, protect with the mask, reveal: with real models and a mask of a few steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from faceveil.app import album, enrol, personal, receipt
from faceveil.app.engine import Engine
from faceveil.app.key import About, Key
from faceveil.app.replay import replay
from faceveil.app.reveal import reveal
from faceveil.app.settings import Settings
from faceveil.core.budget import Budget
from faceveil.core.errors import NoFaceError, SecretError, UsageError
from faceveil.data.orl import open_orl
from faceveil.io import atomic
from faceveil.io.photo import Photo, decode, read
from faceveil.masks.personal import PersonalMask

QUICK = {"method": {"steps": 12, "alpha": 2.0}, "run": {"surrogates": ["mobilefacenet"]}}
BUDGET = Budget(eps=16, ssim=0.94)


def png(pixels: NDArray[np.uint8], name: str = "photo.png") -> Photo:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return decode(stream.getvalue(), name)


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.load(enrol.settings(QUICK).run, device="cpu")


@pytest.fixture(scope="session")
def portraits(portrait: NDArray[np.uint8]) -> list[Photo]:
    """The portrait as three photos."""
    lights = [portrait, portrait[:, ::-1], (0.8 * portrait).astype(np.uint8)]
    return [
        png(np.ascontiguousarray(light), f"anna{index}.png") for index, light in enumerate(lights)
    ]


@pytest.fixture(scope="session")
def enrolled(portraits: list[Photo], engine: Engine) -> enrol.Enrolled:
    return enrol.enrol("anna", portraits, engine, enrol.settings(QUICK))


@pytest.fixture(scope="session")
def anna(enrolled: enrol.Enrolled) -> Key:
    return enrolled.key


@pytest.fixture(scope="session")
def stranger() -> Photo:
    """A photo of somebody else, as large as the portrait."""
    grey = next(iter(open_orl())).read().pixels
    return png(np.array(Image.fromarray(grey).resize((368, 448), Image.Resampling.BICUBIC)))


@pytest.fixture(scope="session")
def group(portrait: NDArray[np.uint8], stranger: Photo) -> Photo:
    """The person and, to their right, the stranger."""
    canvas = np.full((512, 1040, 3), 90, np.uint8)
    canvas[:, :512] = portrait
    canvas[30:478, 640:1008] = stranger.pixels
    return png(canvas, "group.png")


def settings_with(keys: Sequence[Key], **people: str) -> Settings:
    return Settings.build(
        {
            "method": {"name": "chameleon"},
            "run": {"surrogates": ["mobilefacenet"], "held_out": []},
            "people": {"keys": [key.digest for key in keys], **people},
        }
    )


def protector(keys: Sequence[Key], **people: str) -> personal.PersonalProtector:
    loaded = personal.load(settings_with(keys, **people), keys, device="cpu")
    assert isinstance(loaded, personal.PersonalProtector)
    return loaded


def test_a_key_knows_the_person_and_holds_a_mask_within_the_budget(
    enrolled: enrol.Enrolled,
) -> None:
    key = enrolled.key
    assert key.templates["mobilefacenet"].shape == (3, 192)
    assert 1 / 255 < float(key.mask.pixels.abs().max()) <= 16 / 255 + 1e-4
    assert (key.about.n_photos, key.about.budget) == (3, BUDGET)
    assert all(0 < strength <= 1 for strength in enrolled.strengths)
    assert any("From 3 photos" in note for note in enrolled.notes)


def test_the_order_of_photos_changes_no_random_draw_and_the_same_photos_give_the_same_mask(
    portraits: list[Photo], engine: Engine, anna: Key
) -> None:
    again = enrol.enrol("anna", portraits, engine, enrol.settings(QUICK))
    assert again.key.digest == anna.digest


def test_one_photo_is_enough_and_it_is_said_what_it_lacks(
    portraits: list[Photo], engine: Engine
) -> None:
    values = {**QUICK, "method": {"steps": 1}}
    done = enrol.enrol("anna", portraits[:1], engine, enrol.settings(values))
    assert any(note.startswith("From 1 photo, varied") for note in done.notes)


def test_photos_of_two_people_are_refused_by_name(
    portraits: list[Photo], stranger: Photo, engine: Engine
) -> None:
    odd = replace(stranger, name="bob.png")
    with pytest.raises(UsageError, match=r"bob\.png does not show the person .*mobilefacenet"):
        enrol.enrol("anna", [*portraits[:2], odd], engine, enrol.settings(QUICK))


def test_a_photo_without_a_face_is_refused_by_name(portraits: list[Photo], engine: Engine) -> None:
    empty = png(np.full((200, 200, 3), 120, np.uint8), "sky.png")
    with pytest.raises(NoFaceError, match=r"sky\.png: no face"):
        enrol.enrol("anna", [portraits[0], empty], engine, enrol.settings(QUICK))


def test_enrolling_takes_chameleon_only() -> None:
    with pytest.raises(UsageError, match="made by chameleon"):
        enrol.settings({"method": {"name": "veil"}})
    assert enrol.settings({}).run.surrogates == ("mobilefacenet", "faceres", "dlib")


def test_a_photo_is_veiled_with_the_mask_and_revealed_without_a_trace(
    anna: Key, portraits: list[Photo]
) -> None:
    photo = portraits[0]
    veiler = protector([anna])
    outcome = veiler(photo)
    (face,) = outcome.faces
    assert face.worn is not None
    assert face.worn.key == anna.digest
    change = np.abs(outcome.photo.pixels.astype(int) - photo.pixels)
    assert 0 < change.max() <= 16
    paper = receipt.make(photo, outcome, veiler, Path("a.png"), Path("b.png"))
    revealed = reveal(outcome.photo, anna, veiler.engine.detector, paper)
    assert revealed.exact
    left = np.abs(decode(revealed.data, "r.png").pixels.astype(int) - photo.pixels)
    inner = (outcome.photo.pixels > 0) & (outcome.photo.pixels < 255)
    assert left[inner].max() == 0


def test_without_a_receipt_most_of_the_mask_comes_off(anna: Key, portraits: list[Photo]) -> None:
    photo = portraits[0]
    veiler = protector([anna])
    outcome = veiler(photo)
    revealed = reveal(outcome.photo, anna, veiler.engine.detector)
    assert not revealed.exact
    before = np.abs(outcome.photo.pixels.astype(int) - photo.pixels).sum()
    after = np.abs(decode(revealed.data, "r.png").pixels.astype(int) - photo.pixels).sum()
    assert after < before / 2


def test_the_mask_comes_off_a_smaller_copy_where_the_receipt_says(
    anna: Key, portraits: list[Photo]
) -> None:
    photo = portraits[0]
    veiler = protector([anna])
    outcome = veiler(photo)
    paper = receipt.make(photo, outcome, veiler, Path("a.png"), Path("b.png"))
    half = png(np.array(Image.fromarray(outcome.photo.pixels).resize((256, 256))))
    clean = np.array(Image.fromarray(photo.pixels).resize((256, 256)))
    revealed = reveal(half, anna, veiler.engine.detector, paper)
    assert not revealed.exact
    before = np.abs(half.pixels.astype(int) - clean).sum()
    after = np.abs(decode(revealed.data, "r.png").pixels.astype(int) - clean).sum()
    assert after < before / 2


def test_another_persons_key_reveals_nothing(anna: Key, portraits: list[Photo]) -> None:
    veiler = protector([anna])
    outcome = veiler(portraits[0])
    other = replace(anna, mask=PersonalMask(anna.mask.pixels.flip(-1).roll(9, -2)))
    paper = receipt.make(portraits[0], outcome, veiler, Path("a.png"), Path("b.png"))
    with pytest.raises(SecretError, match="wears no mask of anna"):
        reveal(outcome.photo, other, veiler.engine.detector, paper)
    with pytest.raises(SecretError, match="no face in it wears the mask of anna"):
        reveal(outcome.photo, other, veiler.engine.detector)
    with pytest.raises(SecretError, match="no face in it wears"):
        reveal(portraits[0], anna, veiler.engine.detector)


def test_in_a_group_only_the_enrolled_person_is_veiled(anna: Key, group: Photo) -> None:
    outcome = protector([anna])(group)
    status = {face.box[0] > 560: face for face in outcome.faces}
    assert status[False].worn is not None
    assert (status[True].status, status[True].worn) == ("skipped", None)
    assert "nobody enrolled" in (status[True].why or "")
    np.testing.assert_array_equal(outcome.photo.pixels[:, 560:], group.pixels[:, 560:])
    assert len(outcome.verdict.faces) == 1


def test_strangers_are_blurred_on_request(anna: Key, group: Photo) -> None:
    outcome = protector([anna], strangers="blur")(group)
    assert [face.status for face in outcome.faces] == ["veiled", "veiled"]
    assert sum(face.worn is not None for face in outcome.faces) == 1
    change = np.abs(outcome.photo.pixels.astype(int) - group.pixels)
    assert change[:, :560].max() <= 16 < change[:, 560:].max()


def test_two_enrolled_people_wear_each_their_own(anna: Key, group: Photo, engine: Engine) -> None:
    stranger = png(np.ascontiguousarray(group.pixels[:, 560:]))
    values = {**QUICK, "method": {"steps": 2}}
    bob = enrol.enrol("bob", [stranger], engine, enrol.settings(values)).key
    outcome = protector([anna, bob])(group)
    worn = {face.box[0] > 560: face.worn for face in outcome.faces}
    assert worn[False] is not None
    assert worn[True] is not None
    assert (worn[False].key, worn[True].key) == (anna.digest, bob.digest)


def test_nobody_enrolled_is_a_sentence(anna: Key, stranger: Photo) -> None:
    with pytest.raises(NoFaceError, match=r"anna was not recognised in any of its 1 faces"):
        protector([anna])(stranger)


def test_recognisers_made_against_are_never_called_held_out(anna: Key) -> None:
    settings = Settings.build({"method": {"name": "chameleon"}, "people": {"keys": [anna.digest]}})
    run = personal._run(settings.run, [anna])
    assert run.surrogates == ("mobilefacenet",)
    assert run.held_out == ("faceres", "dlib")


def test_settings_name_their_keys(anna: Key) -> None:
    with pytest.raises(UsageError, match="--person"):
        personal.load(settings_with([anna]), [], device="cpu")
    with pytest.raises(UsageError, match="--person"):
        personal.load(Settings(), [anna], device="cpu")


def test_a_recogniser_that_changed_since_is_told(anna: Key) -> None:
    about = replace(anna.about, recognisers={"mobilefacenet": "0" * 64})
    with pytest.raises(SecretError, match="enrol anna again"):
        protector([replace(anna, about=about)])


def test_a_receipt_is_replayed_with_the_key_and_kept_by_resume(
    anna: Key, portrait_path: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "me.png"
    photo.write_bytes(portrait_path.read_bytes())
    settings = settings_with([anna])
    jobs = album.plan([photo], None)
    (item,) = album.run_jobs(jobs, settings, keys=[anna], device="cpu")
    assert item.output is not None
    paper = receipt.path_of(item.output)
    assert "anna" not in paper.read_text()
    assert replay(paper, keys=[anna], device="cpu").identical
    with pytest.raises(UsageError, match="--person"):
        replay(paper, device="cpu")
    kept, left = album.keep_finished(jobs, settings)
    assert (len(kept), left) == (1, [])


def test_recognition_takes_half_of_those_that_know_the_person(engine: Engine) -> None:
    (one,) = engine.surrogates.members

    def key(name: str, row: torch.Tensor) -> Key:
        about = About(name, "", 1, BUDGET, {one.name: one.card.sha256})
        mask = PersonalMask(torch.full((3, 4, 4), len(name) / 1000))
        return Key(about, mask, {one.name: row[None]})

    axes = torch.eye(192)
    keys = [key("ann", axes[0]), key("bobby", axes[1])]
    faces = torch.stack([axes[0], 0.6 * axes[0] + 0.8 * axes[1], axes[2]])
    known = personal.recognise({one.name: faces}, keys, [one])
    assert [who and who.name for who in known] == ["ann", "bobby", None]
    assert personal.recognise({one.name: faces}, [], [one]) == [None] * 3


def test_read_back_from_a_file(anna: Key, portraits: list[Photo], tmp_path: Path) -> None:
    veiler = protector([anna])
    outcome = veiler(portraits[0])
    path = tmp_path / "veiled.png"
    atomic.write(path, outcome.data, overwrite=False)
    paper = receipt.make(portraits[0], outcome, veiler, tmp_path / "a.png", path)
    atomic.write(receipt.path_of(path), paper.json(), overwrite=False)
    assert receipt.read(receipt.path_of(path)) == paper
    assert reveal(read(path), anna, veiler.engine.detector, paper).exact
