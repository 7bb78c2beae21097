"""Search: whom a face looks like, among people in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from faceveil.app import sentences
from faceveil.app.search import Candidate, FaceSearch, Ranking, Search, record, search
from faceveil.core.errors import NoFaceError, UsageError
from faceveil.faces.detect import Detector
from faceveil.io.photo import Photo, read
from faceveil.recognisers import zoo
from faceveil.recognisers.recogniser import Recogniser


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load()


@pytest.fixture(scope="module")
def recognisers() -> list[Recogniser]:
    return [zoo.load("dlib"), zoo.load("mobilefacenet")]


@pytest.fixture
def probe(portrait_path: Path) -> Photo:
    return read(portrait_path)


@pytest.fixture
def people(tmp_path: Path, portrait: NDArray[np.uint8]) -> Path:
    """Two people: the one of the portrait, in two photos, and what is left of her as a stranger."""
    image = Image.fromarray(portrait)
    folder = tmp_path / "people"
    for person in ("her", "stranger"):
        (folder / person).mkdir(parents=True)
    ImageOps.mirror(image).save(folder / "her" / "1.png")
    image.resize((300, 300)).save(folder / "her" / "2.png")
    coarse = image.resize((64, 64), Image.Resampling.BOX).resize((512, 512))
    coarse.save(folder / "stranger" / "1.png")
    return folder


def test_people_are_ranked_each_once(
    probe: Photo, people: Path, detector: Detector, recognisers: list[Recogniser]
) -> None:
    found = search(probe, people, detector, recognisers)
    assert found.n_people == 2
    for ranking in found.faces[0].rankings:
        assert [candidate.label for candidate in ranking.candidates] == ["her", "stranger"]
        assert ranking.matched(ranking.candidates[0])
        assert ranking.candidates[0].similarity > ranking.candidates[1].similarity
    assert not found.nobody
    assert sentences.of_search(found.faces[0]) == "Face 1: dlib and mobilefacenet take it for her."
    only = search(probe, people, detector, recognisers, n_candidates=1)
    assert [len(ranking.candidates) for ranking in only.faces[0].rankings] == [1, 1]


def test_an_answer_is_whom_each_recogniser_takes_it_for() -> None:
    her, stranger = Candidate("her", 0.5), Candidate("stranger", 0.2)
    sure, other = Ranking("a", 0.4, (her, stranger)), Ranking("b", 0.1, (stranger, her))
    unsure, unable = Ranking("c", 0.6, (her,)), Ranking("d", None, (her,))
    assert [one.answer for one in (sure, other, unsure, unable)] == ["her", "stranger", None, None]
    face = FaceSearch(1, (0, 0, 9, 9), (unsure, unable, sure, other))
    assert sentences.of_search(face) == (
        "Face 2: a takes it for her; b takes it for stranger; c takes it for none of them; "
        "d has no calibrated threshold."
    )
    for rankings, nobody in (((unsure,), True), ((unsure, unable), False), ((sure,), False)):
        found = Search("me.png", 2, (FaceSearch(0, (0, 0, 9, 9), rankings),), ())
        assert found.nobody is nobody


def test_in_a_flat_folder_the_file_names_the_person(
    probe: Photo, people: Path, detector: Detector, recognisers: list[Recogniser]
) -> None:
    for path in people.glob("*/*.png"):
        path.rename(people / f"{path.parent.name} {path.name}")
    labels = {
        c.label
        for c in search(probe, people, detector, recognisers).faces[0].rankings[0].candidates
    }
    assert labels == {"her 1", "her 2", "stranger 1"}


def test_what_is_left_out_is_said(
    probe: Photo,
    portrait_path: Path,
    people: Path,
    detector: Detector,
    recognisers: list[Recogniser],
) -> None:
    shutil.copy(portrait_path, people / "her" / "itself.png")
    Image.new("RGB", (200, 200), (90, 140, 200)).save(people / "sky.png")
    (people / "her" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    found = search(probe, people, detector, recognisers)
    itself, torn, sky = sorted(found.notes)
    assert torn.startswith(f"{people / 'her' / 'torn.png'} is damaged")
    assert [itself, sky] == [
        f"{people / 'her' / 'itself.png'} is {portrait_path} itself and was left out.",
        f"{people / 'sky.png'} shows no face and was left out.",
    ]
    assert found.n_people == 2


def test_the_record_keeps_its_shape(
    probe: Photo, people: Path, detector: Detector, recognisers: list[Recogniser]
) -> None:
    values = record(search(probe, people, detector, recognisers))
    assert values.keys() == {"photo", "n_people", "far", "notes", "faces"}
    (face,) = values["faces"]
    assert face.keys() == {"index", "box", "rankings"}
    assert face["rankings"][0].keys() == {"recogniser", "threshold", "candidates"}
    assert face["rankings"][0]["candidates"][0].keys() == {"label", "similarity", "matched"}


def test_galleries_of_nobody_are_refused(
    probe: Photo, tmp_path: Path, detector: Detector, recognisers: list[Recogniser]
) -> None:
    folder = tmp_path / "nobody"
    with pytest.raises(UsageError, match="is not a folder"):
        search(probe, folder, detector, recognisers)
    folder.mkdir()
    with pytest.raises(UsageError, match="there is no photo in this gallery"):
        search(probe, folder, detector, recognisers)
    sky = folder / "sky.png"
    Image.new("RGB", (200, 200), (90, 140, 200)).save(sky)
    with pytest.raises(NoFaceError, match="no photo of this gallery can be used"):
        search(probe, folder, detector, recognisers)
    with pytest.raises(NoFaceError, match="nobody to look for"):
        search(read(sky), folder, detector, recognisers)


@pytest.mark.shared
@pytest.mark.slow
def test_finds_real_people_among_others(
    shared: Path, tmp_path: Path, detector: Detector, recognisers: list[Recogniser]
) -> None:
    people = sorted((shared / "data" / "celebahq-pairs").glob("id*"))[:8]
    probes = []
    for person in people:
        first, second = sorted(person.iterdir())
        (tmp_path / person.name).mkdir()
        shutil.copy(second, tmp_path / person.name)
        probes.append((person.name, first))
    hits = [
        ranking.candidates[0].label == name
        for name, path in probes[:4]
        for face in search(read(path), tmp_path, detector, recognisers).faces[:1]
        for ranking in face.rankings
    ]
    assert np.mean(hits) >= 0.75
