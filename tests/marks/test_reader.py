from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.marks.conftest import Stamp

from faceveil.core.errors import UsageError
from faceveil.faces.face import Face
from faceveil.faces.patch import extract
from faceveil.faces.place import resized
from faceveil.marks import code
from faceveil.marks.reader import RARE, Mark, look, mark_in, payload_of, said, words

OWNER, OTHER = "2a5c3f1e9b7d1", "0123456789abc"


def seen(pixels: NDArray[np.uint8], face: Face, owners: tuple[str, ...] = ()) -> Mark | None:
    return look(extract(pixels, face), owners)


def test_a_mark_is_read_and_how_surely_is_said(stamp: Stamp, portrait_face: Face) -> None:
    mark = seen(stamp(OWNER), portrait_face)
    assert mark is not None
    assert (mark.owner, mark.chance < RARE) == (OWNER, True)


def test_what_wears_no_mark_says_so(portrait: NDArray[np.uint8], portrait_face: Face) -> None:
    assert seen(portrait, portrait_face) is None
    assert seen(portrait, portrait_face, (OWNER, OTHER)) is None


def test_an_owner_who_is_looked_for_is_surer(stamp: Stamp, portrait_face: Face) -> None:
    pixels = stamp(OWNER)
    anybody, known = seen(pixels, portrait_face), seen(pixels, portrait_face, (OTHER, OWNER))
    assert anybody is not None
    assert known is not None
    assert known.owner == OWNER
    assert known.chance < anybody.chance
    foreign = seen(pixels, portrait_face, (OTHER,))
    assert foreign is not None
    assert foreign.owner == OWNER


def test_a_face_is_asked_from_several_places_and_all_of_them_count(
    stamp: Stamp, portrait_face: Face
) -> None:
    patch = extract(stamp(OWNER), portrait_face)
    heard = words(patch)
    word = list(code.encode(payload_of(OWNER)))
    assert len(heard) == 4
    noise = [1 - bit for bit in word[:40]] + word[40:]  # the clearest place need not be right
    damaged = [1 - bit for bit in word[:3]] + word[3:]
    said_so = [noise, noise, damaged, noise]
    assert mark_in(said_so) == Mark(OWNER, 3, code.chance(3, n_said=4))
    owned = code.chance(3, n_words=2, n_said=4)
    assert mark_in(said_so, (OTHER, OWNER)) == Mark(OWNER, 3, owned)
    assert mark_in([noise] * 4) is None


def test_it_survives_resizing_jpeg_and_landmarks_beside_their_place(
    stamp: Stamp, portrait_face: Face
) -> None:
    image = Image.fromarray(stamp(OWNER))
    file = BytesIO()
    image.resize((384, 384), Image.Resampling.LANCZOS).save(file, "JPEG", quality=75)
    there = resized(portrait_face, 0.75, 0.75)
    off = Face(there.box, there.landmarks + np.array((0.6, -0.5), np.float32), 1.0)
    mark = seen(np.array(Image.open(file)), off)
    assert mark is not None
    assert mark.owner == OWNER


def test_the_size_of_a_photo_does_not_matter(stamp: Stamp, portrait_face: Face) -> None:
    large = Image.fromarray(stamp(OWNER)).resize((1536, 1536), Image.Resampling.BICUBIC)
    mark = seen(np.array(large), resized(portrait_face, 3, 3))
    assert mark is not None
    assert mark.owner == OWNER


def test_reading_is_differentiable(portrait: NDArray[np.uint8], portrait_face: Face) -> None:
    patch = extract(portrait, portrait_face)
    pixels = patch.pixels[None].requires_grad_()
    signs = said(pixels, patch.landmarks[None])
    assert signs.shape == (1, 152)
    (gradient,) = torch.autograd.grad(signs[0, 3], pixels)
    assert gradient.abs().max() > 0


def test_what_is_no_owner_is_refused(portrait: NDArray[np.uint8], portrait_face: Face) -> None:
    with pytest.raises(UsageError, match="'me' is no owner's id"):
        seen(portrait, portrait_face, ("me",))
