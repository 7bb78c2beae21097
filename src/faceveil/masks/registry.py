"""Every method by name. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Sequence

from faceveil.core.errors import UsageError
from faceveil.masks import (
    chameleon,
    face_off,
    fawkes,
    hybrid,
    iterative,
    lowkey,
    makeup,
    obfuscate,
    tip_im,
    veil,
    watermark,
)
from faceveil.masks.method import Method

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        veil.Veil,
        tip_im.TipIm,
        tip_im.CenterOpt,
        iterative.Pgd,
        iterative.Mim,
        iterative.Dim,
        iterative.MtDim,
        fawkes.FawkesLow,
        fawkes.FawkesMid,
        fawkes.FawkesHigh,
        face_off.FaceOff,
        lowkey.LowKey,
        chameleon.Chameleon,
        makeup.Makeup,
        watermark.Watermark,
        hybrid.Hybrid,
        obfuscate.Blur,
        obfuscate.Pixelate,
        obfuscate.Darken,
        obfuscate.Solid,
        obfuscate.Sticker,
        obfuscate.Occlude,
        obfuscate.Inpaint,
    )
}


def method_class(name: str) -> type[Method]:
    """The method called ``name``.

    Raises:
        UsageError: there is none.
    """
    if name not in METHODS:
        raise UsageError(f"There is no method {name!r}; known are {', '.join(METHODS)}.")
    return METHODS[name]


def chosen(names: Sequence[str]) -> list[str]:
    """The methods a list of names means, each once; ``all`` stands for every one there is.

    Raises:
        UsageError: a name is unknown, or there is none.
    """
    every = [one for name in names for one in (METHODS if name == "all" else (name,))]
    for name in every:
        method_class(name)
    if not every:
        raise UsageError(f"Name a method; known are {', '.join(METHODS)}.")
    return list(dict.fromkeys(every))
