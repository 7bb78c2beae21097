"""``faceveil protect`` through the real command line, on the real portrait, with real models."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.cli.conftest import Run

from faceveil.app.pool import n_cores

QUICK = ("--set", "method.steps=2", "--surrogate", "mobilefacenet", "--held-out", "dlib")
"""Two steps against one surrogate: enough to change the face, not to hide it."""


@pytest.fixture
def album(tmp_path: Path, portrait_path: Path) -> Path:
    """A folder with a portrait, a landscape without anybody, and a file that is no photo."""
    folder = tmp_path / "album"
    (folder / "inner").mkdir(parents=True)
    shutil.copy(portrait_path, folder / "a.png")
    Image.fromarray(pixels(portrait_path)).save(folder / "inner" / "b.jpg", quality=95)
    Image.new("RGB", (320, 240), (90, 140, 200)).save(folder / "sky.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a photo")
    return folder


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.array(image)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_portrait_is_veiled_beside_the_original(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    photo = tmp_path / "me.png"
    shutil.copy(portrait_path, photo)
    before = sha256(photo)
    done = faceveil("protect", "me.png", *QUICK)
    assert done.returncode in (0, 5), done.stderr.decode()
    assert b"me.veiled.png: 1 of 1 faces veiled" in done.stderr
    assert b"dlib" in done.stderr
    assert sha256(photo) == before
    was, now = pixels(photo), pixels(tmp_path / "me.veiled.png")
    changed = np.argwhere((was != now).any(axis=2))
    assert 500 < len(changed) < 30_000
    assert np.abs(was.astype(int) - now).max() <= 32
    paper = json.loads((tmp_path / "me.veiled.png.veil.json").read_text())
    assert paper["input"] == {"path": "me.png", "sha256": before}
    assert paper["output"]["sha256"] == sha256(tmp_path / "me.veiled.png")
    assert paper["surrogates"] == ["mobilefacenet"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    for out, seed in (("one.png", 3), ("two.png", 3), ("three.png", 4)):
        faceveil("protect", portrait_path, "-o", out, "--seed", str(seed), *QUICK)
    assert sha256(tmp_path / "one.png") == sha256(tmp_path / "two.png")
    assert sha256(tmp_path / "one.png") != sha256(tmp_path / "three.png")


@pytest.mark.slow
def test_a_time_budget_chooses_the_steps_and_the_receipt_says_how_many(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    done = faceveil("protect", portrait_path, "-o", "one.png", "--time-budget", "1000s", *QUICK)
    assert b"method.steps=2 a face." in done.stderr
    paper = json.loads((tmp_path / "one.png.veil.json").read_text())
    assert paper["settings"]["method"]["steps"] == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--time-budget", "soon"), b"write seconds, such as 5s"),
        (("--time-budget", "5s", "--resume"), b"write --set method.steps=N instead"),
    ],
    ids=str,
)
def test_a_time_budget_that_cannot_be_kept_is_refused(
    faceveil: Run, portrait_path: Path, options: tuple[str, ...], sentence: bytes
) -> None:
    done = faceveil("protect", portrait_path, *options)
    assert done.returncode == 2
    assert sentence in b" ".join(done.stderr.split())


@pytest.mark.slow
def test_a_receipt_is_replayed_byte_for_byte(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    faceveil("protect", portrait_path, "-o", "one.png", *QUICK)
    done = faceveil("protect", "--replay", "one.png.veil.json", "-o", "again.png")
    assert done.returncode == 0, done.stderr.decode()
    assert b"the same bytes" in done.stderr
    assert b"Nothing was written" not in done.stderr
    assert b"Nothing was written" in faceveil("protect", "--replay", "one.png.veil.json").stderr
    kept = faceveil("protect", portrait_path, "-o", "one.png", "--resume", *QUICK)
    assert b"faces veiled (finished by an earlier run)" in kept.stderr
    again = faceveil("protect", "one.png", *QUICK)
    assert again.returncode == 3
    assert b"one.png is veiled already" in again.stderr
    swapped = faceveil("check", "one.png", portrait_path)
    assert (swapped.returncode, b"one.png is the veiled one" in swapped.stderr) == (2, True)
    assert sha256(tmp_path / "one.png") == sha256(tmp_path / "again.png")


def test_a_changed_original_is_not_replayed(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    shutil.copy(portrait_path, tmp_path / "me.png")
    faceveil("protect", "me.png", *QUICK)
    Image.new("RGB", (9, 9)).save(tmp_path / "me.png")
    done = faceveil("protect", "--replay", "me.veiled.png.veil.json")
    assert done.returncode == 3
    assert b"me.png: has changed since" in done.stderr


def test_an_album_keeps_its_tree_and_one_bad_file_stops_nothing(
    faceveil: Run, tmp_path: Path, album: Path
) -> None:
    done = faceveil("protect", "album", "-o", "out", "--recursive", "--json", *QUICK)
    assert done.returncode == 3, done.stderr.decode()
    status = {
        Path(photo["original"]).name: photo["status"] for photo in json.loads(done.stdout)["photos"]
    }
    assert status == {
        "a.png": "veiled",
        "b.jpg": "veiled",
        "sky.png": "no face",
        "broken.jpg": "failed",
    }
    assert (tmp_path / "out" / "a.png").exists()
    assert (tmp_path / "out" / "inner" / "b.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    assert not (tmp_path / "out" / "sky.png").exists()
    assert b"Traceback" not in done.stderr
    assert b"sky.png: no face found" in done.stderr
    assert b"broken.jpg" in done.stderr


@pytest.mark.slow
def test_the_order_of_photos_and_the_number_of_processes_change_no_byte(
    faceveil: Run, tmp_path: Path, album: Path
) -> None:
    for out, order in (("one", ("a.png", "inner/b.jpg")), ("two", ("inner/b.jpg", "a.png"))):
        faceveil("protect", *(album / name for name in order), "-o", out, *QUICK)
    for name in ("a.png", "b.jpg"):
        assert sha256(tmp_path / "one" / name) == sha256(tmp_path / "two" / name)
    done = faceveil(
        "protect", album / "a.png", album / "inner/b.jpg", "-o", "jobs", "--jobs", "2", *QUICK
    )
    assert b"2 veiled" in done.stderr, done.stderr.decode()
    for name in ("a.png.veil.json", "b.jpg.veil.json"):
        one, jobs = (json.loads((tmp_path / out / name).read_text()) for out in ("one", "jobs"))
        assert jobs["settings"] == one["settings"]
        assert jobs["threads"] == max(1, n_cores() // 2)


@pytest.mark.slow
def test_resume_keeps_what_is_finished_and_redoes_what_is_damaged(
    faceveil: Run, tmp_path: Path, album: Path
) -> None:
    paths = (album / "a.png", album / "inner" / "b.jpg")
    faceveil("protect", *paths, "-o", "out", *QUICK)
    whole = tmp_path / "out" / "a.png"
    stamp = whole.stat().st_mtime_ns
    (tmp_path / "out" / "b.jpg").write_bytes(b"half")
    refused = faceveil("protect", *paths, "-o", "out", *QUICK)
    assert refused.returncode == 3
    assert b"--resume" in refused.stderr
    done = faceveil("protect", *paths, "-o", "out", "--resume", *QUICK)
    assert b"1 veiled, 1 kept" in done.stderr, done.stderr.decode()
    assert whole.stat().st_mtime_ns == stamp
    assert pixels(tmp_path / "out" / "b.jpg").shape == (512, 512, 3)
    other = faceveil("protect", paths[0], "-o", "out", "--resume", "--seed", "9", *QUICK)
    assert b"1 of 1 faces veiled" in other.stderr
    assert whole.stat().st_mtime_ns != stamp


@pytest.mark.slow
def test_in_place_needs_the_words_and_backup_keeps_the_original(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    photo = tmp_path / "me.png"
    shutil.copy(portrait_path, photo)
    before = sha256(photo)
    assert faceveil("protect", "me.png", "--backup", *QUICK).returncode == 2
    assert faceveil("protect", "me.png", "-o", "me.png", *QUICK).returncode == 2
    assert sha256(photo) == before
    done = faceveil("protect", "me.png", "--in-place", "--backup", *QUICK)
    assert done.returncode in (0, 5), done.stderr.decode()
    assert sha256(photo) != before
    assert sha256(tmp_path / "me.original.png") == before
    again = faceveil(
        "protect", "me.png", "--in-place", "--backup", "--resume", "--json", "--report", "r.html",
        *QUICK,
    )  # fmt: skip
    assert json.loads(again.stdout)["photos"][0]["status"] == "kept"
    assert "me.original.png" in (tmp_path / "r.html").read_text()


def test_standard_input_to_standard_output(faceveil: Run, portrait_path: Path) -> None:
    done = faceveil("protect", "-", *QUICK, stdin=portrait_path.read_bytes())
    assert done.returncode == (0 if b"Not recognised" in done.stderr else 5), done.stderr.decode()
    assert done.stdout.startswith(b"\x89PNG")
    data = portrait_path.read_bytes()
    for overwrite, code in ((), (0, 5)), (("--overwrite",), (0, 5)), ((), (3,)):
        done = faceveil("protect", "-", "-o", "me.png", *overwrite, *QUICK, stdin=data)
        assert done.returncode in code, done.stderr.decode()


def test_a_report_shows_the_photo(faceveil: Run, tmp_path: Path, portrait_path: Path) -> None:
    faceveil("protect", portrait_path, "-o", "me.png", "--report", "report.html", *QUICK)
    html = (tmp_path / "report.html").read_text()
    assert "data:image" in html
    assert "dlib" in html


def test_settings_come_from_a_file_then_options_then_set(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    (tmp_path / "veil.toml").write_text(
        '[method]\nname = "mim"\nsteps = 9\n[budget]\neps = 3\n[run]\nseed = 8\n'
        'surrogates = ["mobilefacenet"]\n'
    )
    done = faceveil(
        "protect", portrait_path, "-o", "me.png", "--config", "veil.toml", "--eps", "2",
        "--set", "method.steps=1", "--json",
    )  # fmt: skip
    settings = json.loads(done.stdout)["settings"]
    assert settings["method"] == {"name": "mim", "steps": 1, "alpha": 1.5, "momentum": 1.0}
    assert settings["budget"]["eps"] == 2
    assert settings["run"]["seed"] == 8


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("protect",), 2, b"Name the photos"),
        (("protect", "gone.jpg"), 2, b"gone.jpg"),
        (("protect", "sky.png"), 4, b"sky.png: no face found"),
        (("protect", "empty.jpg"), 3, b"empty.jpg"),
        (("protect", "sky.png", "--method", "magic"), 2, b"no method 'magic'"),
        (("protect", "sky.png", "--eps", "-3"), 2, b"budget: eps must be in (0, 255]"),
        (("protect", "sky.png", "--set", "method.stepz=3"), 2, b"stepz"),
        (("protect", "sky.png", "--device", "abacus"), 2, b"abacus"),
        (("protect", "sky.png", "--surrogate", "nobody"), 3, b"nobody"),
        (("protect", "sky.png", "--faces", "most"), 2, b"faces"),
        (("protect", "sky.png", "--strength", "huge"), 2, b"low, medium, high"),
        (("protect", "sky.png", "--max-damage", "0"), 2, b"damage must lie in"),
        (("protect", "sky.png", "--strength", "low", "--max-damage", "9"), 2, b"one of them"),
        (("protect", "sky.png", "--in-place", "-o", "x"), 2, b"contradict"),
        (("protect", "--replay", "gone.json"), 2, b"gone.json"),
        (("protect", "--replay", "gone.json", "--seed", "0"), 2, b"leave out --seed."),
        (("protect", "--replay", "gone.json", "sky.png"), 2, b"leave out PATHS."),
        (("protect", "sky.png", "--report", "empty.jpg"), 2, b"call it empty.html"),
        (("protect", "sky.png", "--in-place", "--report", "a.html"), 2, b"--backup"),
        (("protect", "-", "--json"), 2, b"- stands alone"),
        (("protect", "-", "-o", "sky.png"), 3, b"sky.png exists already"),
        (("protect", "sky.png", "--targets", "void"), 2, b"void"),
        (("protect", "sky.png", "--config", "gone.toml"), 2, b"gone.toml"),
    ],
)
def test_bad_input_gets_a_sentence_and_an_exit_code(
    faceveil: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, said: bytes
) -> None:
    Image.new("RGB", (64, 64), (80, 120, 160)).save(tmp_path / "sky.png")
    (tmp_path / "empty.jpg").touch()
    done = faceveil(*arguments)
    assert done.returncode == code, done.stderr.decode()
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("asked", "floor"), [((), 70), (("--strength", "low"), 80), (("--max-damage", "60"), 40)]
)
def test_strength_is_how_much_may_be_seen(
    faceveil: Run, portrait_path: Path, tmp_path: Path, asked: tuple[str, ...], floor: float
) -> None:
    done = faceveil("protect", portrait_path, "-o", "me.png", "--json", *asked, *QUICK)
    record = json.loads(done.stdout)
    budget = record["settings"]["budget"]
    assert budget["ssimulacra2"] == floor
    assert budget["flip"] == pytest.approx((100 - floor) / 1000)
    matched = record["photos"][0]["verdict"]["outcome"] in ("recognised", "fragile")
    advised = b"--strength high protects more" in done.stderr
    assert advised == (matched and floor > 50)


def test_the_strength_of_makeup_is_that_of_its_veil(
    faceveil: Run, portrait_path: Path, tmp_path: Path
) -> None:
    done = faceveil(
        "protect", portrait_path, "-o", "me.png", "--json", "--reference", "plum",
        "--strength", "high", "--set", "method.steps=1", "--set", "method.fitting=1",
    )  # fmt: skip
    settings = json.loads(done.stdout)["settings"]
    assert settings["method"]["damage"] == 50
    assert settings["budget"]["ssimulacra2"] is None


def test_targets_are_taken_from_photos(faceveil: Run, tmp_path: Path, portrait_path: Path) -> None:
    (tmp_path / "people").mkdir()
    shutil.copy(portrait_path, tmp_path / "people" / "eileen.png")
    done = faceveil(
        "protect", portrait_path, "-o", "me.png", "--targets", "people", "--goal", "impersonate",
        *QUICK,
    )  # fmt: skip
    assert b"1 of 1 faces veiled" in done.stderr, done.stderr.decode()


@pytest.mark.usefixtures("interruptible")
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_keeps_what_is_finished_and_resume_does_the_rest(
    faceveil: Run, tmp_path: Path, album: Path, portrait_path: Path
) -> None:
    for i in range(6):
        Image.fromarray(pixels(portrait_path)).rotate(i).save(album / f"p{i}.png")
    paths = [str(path) for path in sorted(album.glob("p*.png"))]
    command = [sys.executable, "-m", "faceveil", "protect", *paths, "-o", "out", *QUICK]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (tmp_path / "out" / "p0.png").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr.decode()
    assert b"--resume does the rest" in stderr
    assert b"Traceback" not in stderr
    n_kept = len(list((tmp_path / "out").glob("*.png")))
    done = faceveil("protect", *paths, "-o", "out", "--resume", *QUICK)
    assert f"{n_kept} kept".encode() in done.stderr, done.stderr.decode()
    assert len(list((tmp_path / "out").glob("*.png"))) == 6


def test_what_recognisers_go_by_is_drawn_and_nothing_veiled(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    shutil.copy(portrait_path, tmp_path / "me.png")
    asked = ("protect", "me.png", *QUICK, "--show-sensitivity", "map.png")
    done = faceveil(*asked)
    assert done.returncode == 0, done.stderr.decode()
    assert b"dlib and mobilefacenet: rank correlation" in done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["map.png", "me.png"]
    assert pixels(tmp_path / "map.png").shape[0] > 300
    again = faceveil(*asked)
    assert again.returncode == 3
    assert b"map.png" in again.stderr
    both = faceveil("protect", "me.png", "--in-place", "--show-sensitivity", "map.png")
    assert both.returncode == 2
    assert b"veils nothing" in both.stderr
    wrong = faceveil("protect", "me.png", "--show-sensitivity", "map.jpg")
    assert wrong.returncode == 2
    assert b"call it map.png" in wrong.stderr
