"""faceveil: veils over the faces in photos, proved on recognisers that never saw them.

    import faceveil

    faceveil.protect("me.jpg")                              # writes me.veiled.jpg
    veiled = faceveil.protect(pixels)                       # uint8 h w 3 in, uint8 h w 3 out
    recogniser = faceveil.load_recogniser("mobilefacenet")  # a differentiable torch module

Names are looked up when they are first used, so the import itself is quick.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceveil.app.api import protect, trace
    from faceveil.app.check import compare
    from faceveil.app.protect import Outcome, Protector
    from faceveil.app.settings import Settings
    from faceveil.app.trace import Trace
    from faceveil.app.verdict import Verdict
    from faceveil.core.budget import Budget
    from faceveil.core.errors import (
        FaceveilError,
        ModelError,
        NoFaceError,
        PhotoError,
        UsageError,
    )
    from faceveil.core.goal import Dodge, Goal, Impersonate
    from faceveil.faces.detect import Detector
    from faceveil.faces.face import Face
    from faceveil.faces.patch import Patch, extract, paste
    from faceveil.io.photo import Photo
    from faceveil.io.photo import read as read_photo
    from faceveil.masks.method import Method
    from faceveil.masks.registry import METHODS
    from faceveil.masks.views import Views
    from faceveil.recognisers.card import Card
    from faceveil.recognisers.ensemble import Ensemble
    from faceveil.recognisers.gallery import Gallery
    from faceveil.recognisers.recogniser import Recogniser
    from faceveil.recognisers.zoo import load as load_recogniser

# Unless told so, Intel's matrix library picks its code by where the data happen to lie, and the
# last bits of a veil differ from run to run. It reads this when it is first used.
os.environ.setdefault("MKL_CBWR", "AVX2,STRICT")

_HOMES = {
    "protect": "app.api",
    "compare": "app.check",
    "Outcome": "app.protect",
    "Protector": "app.protect",
    "Settings": "app.settings",
    "Trace": "app.trace",
    "trace": "app.api",
    "Verdict": "app.verdict",
    "Budget": "core.budget",
    "FaceveilError": "core.errors",
    "ModelError": "core.errors",
    "NoFaceError": "core.errors",
    "PhotoError": "core.errors",
    "UsageError": "core.errors",
    "Dodge": "core.goal",
    "Goal": "core.goal",
    "Impersonate": "core.goal",
    "Detector": "faces.detect",
    "Face": "faces.face",
    "Patch": "faces.patch",
    "extract": "faces.patch",
    "paste": "faces.patch",
    "Photo": "io.photo",
    "read_photo": "io.photo:read",
    "Method": "masks.method",
    "METHODS": "masks.registry",
    "Views": "masks.views",
    "Card": "recognisers.card",
    "Ensemble": "recognisers.ensemble",
    "Gallery": "recognisers.gallery",
    "Recogniser": "recognisers.recogniser",
    "load_recogniser": "recognisers.zoo:load",
}

__all__ = [
    "METHODS",
    "Budget",
    "Card",
    "Detector",
    "Dodge",
    "Ensemble",
    "Face",
    "FaceveilError",
    "Gallery",
    "Goal",
    "Impersonate",
    "Method",
    "ModelError",
    "NoFaceError",
    "Outcome",
    "Patch",
    "Photo",
    "PhotoError",
    "Protector",
    "Recogniser",
    "Settings",
    "Trace",
    "UsageError",
    "Verdict",
    "Views",
    "compare",
    "extract",
    "load_recogniser",
    "paste",
    "protect",
    "read_photo",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'faceveil' has no attribute {name!r}")
    room, _, own_name = _HOMES[name].partition(":")
    value = getattr(importlib.import_module(f"faceveil.{room}"), own_name or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
