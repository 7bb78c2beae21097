"""As many steps as fit the time there is: tried out on a face of the photos, on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from faceveil.app.protect import Protector
from faceveil.app.settings import Settings
from faceveil.core.errors import PhotoError, UsageError
from faceveil.faces.face import Face
from faceveil.io.photo import Photo, read

TRIAL = 4
"""Steps whose time is taken, besides the first."""


def within(
    settings: Settings, seconds: float, photos: Iterable[Path], *, device: str = "auto"
) -> Settings:
    """``settings`` with as many steps a face as ``seconds`` leave time for, at most their own.

    The largest face of the first photo that shows one is veiled three times, for a moment.

    Args:
        settings: of a method that works in steps.
        seconds: veiling a photo's face and coding its file may take; finding it and the verdict
            come on top.
        photos: what is to be veiled; read until one shows a face.
        device: where.

    Returns:
        The settings; as they were if no photo shows a face.

    Raises:
        UsageError: it is no time, the method has no steps, or not even one fits.
        ModelError: the models cannot be loaded.
    """
    if not 0 < seconds < math.inf:
        raise UsageError(f"A time budget is a number of seconds above 0, not {seconds:g}.")
    steps: int | None = getattr(settings.method, "steps", None)
    if steps is None or settings.people is not None:
        what = settings.method.name if settings.people is None else "laying a mask"
        raise UsageError(f"A time budget chooses how many steps are made, and {what} makes none.")
    protector = Protector.load(settings, device=device)
    found = _first_face(photos, protector)
    if found is None:
        return settings

    def time_of(n_steps: int) -> float:
        trial = Protector(_with_steps(settings, n_steps), protector.engine)
        return _seconds(lambda: trial.veil(found[0], [found[1]]))

    time_of(1)  # what is built on first use
    first, more = time_of(1), time_of(1 + TRIAL)
    fitting = fit(seconds, first, (more - first) / TRIAL)
    if fitting < 1:
        raise UsageError(
            f"One step takes {first:.1f} s a face here: allow more than {seconds:g} s, "
            "or name fewer surrogates."
        )
    return _with_steps(settings, min(steps, fitting))


def fit(seconds: float, first: float, each: float) -> int:
    """Steps that fit ``seconds``, if one takes ``first`` and every further one ``each``."""
    return 1 + math.floor((seconds - first) / max(each, 1e-9))


def _with_steps(settings: Settings, n_steps: int) -> Settings:
    return replace(settings, method=replace(cast(Any, settings.method), steps=n_steps))


def _first_face(photos: Iterable[Path], protector: Protector) -> tuple[Photo, Face] | None:
    for path in photos:
        try:
            photo = read(path)
        except PhotoError:
            continue  # told in its turn
        if faces := protector.engine.detector(photo.pixels):
            return photo, faces[0]
    return None


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
