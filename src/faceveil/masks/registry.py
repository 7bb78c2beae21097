"""Every method by name. A new one is one file and one line here."""

from __future__ import annotations

from faceveil.core.errors import UsageError
from faceveil.masks import iterative, obfuscate, tip_im
from faceveil.masks.method import Method

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        tip_im.TipIm,
        iterative.Pgd,
        iterative.Mim,
        iterative.Dim,
        iterative.MtDim,
        obfuscate.Blur,
        obfuscate.Pixelate,
        obfuscate.Darken,
        obfuscate.Solid,
        obfuscate.Sticker,
        obfuscate.Occlude,
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
