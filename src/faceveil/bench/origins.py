"""What a result comes from besides its picture: weights, our code, the libraries under it."""

from __future__ import annotations

import functools
from importlib.metadata import version
from typing import Any

from faceveil.app.receipt import reference_of
from faceveil.bench.fingerprint import fingerprint
from faceveil.bench.task import Victim
from faceveil.core import config
from faceveil.masks.method import Method
from faceveil.recognisers import zoo
from faceveil.recognisers.card import Card, read_card

LIBRARIES = ("torch", "numpy", "pillow", "kornia")
"""What figures are computed with; another version of one begins anew."""


@functools.cache
def card_of(recogniser: str) -> Card:
    """The card of the recogniser of that name; those of frbench have it only once loaded."""
    if recogniser.startswith("frbench:"):
        return zoo.load(recogniser).card
    return read_card(zoo.locate(recogniser))


def same_network(one: str, other: str) -> bool:
    """Whether two recognisers hold the same weights, whatever they are called."""
    return one == other or card_of(one).sha256 == card_of(other).sha256


def identity(recogniser: str) -> dict[str, Any]:
    """All of a recogniser that its embeddings depend on."""
    card = card_of(recogniser)
    return {"network": card.sha256, "crop": config.plain(card.crop)}


def seen_by(victim: Victim) -> dict[str, Any]:
    """Likewise of a victim, which may have learnt weights of its own since."""
    learnt = {"weights": victim.weights} if victim.weights else {}
    return identity(victim.recogniser) | learnt


@functools.cache
def detector() -> str:
    """The bundled detector's weights."""
    return str(config.read(zoo.BUNDLED / "centerface.toml")["sha256"])


@functools.cache
def code(*names: str) -> str:
    """What our code and the libraries under it are, of these modules and functions."""
    return " ".join([fingerprint(*names), *(f"{name} {version(name)}" for name in LIBRARIES)])


def veiling_code(method: type[Method]) -> str:
    """Of the method and of everything between a photo and the veiled file."""
    parents = [kind.__module__ for kind in method.__mro__ if issubclass(kind, Method)]
    return code(
        *parents,
        "faceveil.app.embed",
        "faceveil.app.engine:goal_of",
        "faceveil.app.protect:Protector.propose",
        "faceveil.app.protect:Protector.written",
        "faceveil.data.align",
        "faceveil.bench.models:Models",
        "faceveil.core.goal",
        "faceveil.faces.patch",
        "faceveil.io.encode",
        "faceveil.io.photo",
        "faceveil.recognisers.decoys",
    )


def reference(method: Method) -> dict[str, str]:
    """The content of the picture a method works after, where it does."""
    sha256 = reference_of(method)
    return {"reference": sha256} if sha256 else {}


def embedding_code() -> str:
    """Of everything between a written file and an embedding."""
    return code(
        "faceveil.app.embed",
        "faceveil.app.treatment",
        "faceveil.data.align",
        "faceveil.bench.work:Worker._seen",
        "faceveil.faces.place",
        "faceveil.io.photo",
    )


def learning_code(adaptation: type) -> str:
    """Of everything between veiled files and the weights that are learnt from them."""
    return code(
        f"{adaptation.__module__}:{adaptation.__name__}",
        "faceveil.bench.learning",
        "faceveil.bench.lessons:Tutor",
        "faceveil.bench.lessons:_crop",
        "faceveil.bench.work:Worker._seen",
        "faceveil.data.align",
        "faceveil.faces.patch",
        "faceveil.io.photo",
    )
