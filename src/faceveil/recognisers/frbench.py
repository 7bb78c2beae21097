"""Recognisers of the optional package frbench, by name: ``frbench:irse-50/arcface/ms1m``.

Source: https://github.com/HKU-TASR/FRBench (MIT).
"""

from __future__ import annotations

import hashlib

from torch import nn

from faceveil.core.errors import ModelError
from faceveil.recognisers.card import Card, Crop
from faceveil.recognisers.recogniser import Recogniser

PREFIX = "frbench:"


def load(name: str) -> Recogniser:
    """The frbench model ``frbench:BACKBONE/LOSS/DATASET``, aligned the way this house aligns.

    Only its network and its crop are taken: not its detector, not its averaging over mirrored
    faces, and not its look for updates. frbench downloads weights it does not have yet.

    Raises:
        ModelError: the name has another form, frbench is not installed, or it has no such model.
    """
    parts = name.removeprefix(PREFIX).split("/")
    if len(parts) != 3 or not all(parts):
        raise ModelError(
            f"{name}: write frbench models as frbench:BACKBONE/LOSS/DATASET, for example "
            "frbench:irse-50/arcface/ms1m."
        )
    try:
        import frbench
    except (
        ImportError,
        RuntimeError,
    ) as error:  # torchvision built for another torch: RuntimeError
        raise ModelError(
            f"{name}: this needs the package frbench, which cannot be imported ({error}). Install "
            'it with: pip install "faceveil[frbench]"'
        ) from None
    try:
        with frbench.configure_scoped(update_check=False):
            model = frbench.FR(*parts, eager_load=True)
    except frbench.FRBenchError as error:
        raise ModelError(f"{name}: frbench cannot load this model. {error}") from None
    backbone: nn.Module = model.backbone
    (height, width), crop = model.input_size, model.preprocessor
    if height != width:
        raise ModelError(f"{name}: its crops are {width} x {height} px, and only squares are used.")
    card = Card(
        name=name,
        title=f"{parts[0]}, {parts[1]}, trained on {parts[2]}",
        licence="MIT",
        source=f"PyPI frbench {frbench.__version__}",
        weights="",
        sha256=_digest(backbone),
        embedding_size=model.embedding_dim,
        crop=Crop(
            size_px=height,
            template=tuple((x, y) for x, y in crop.template.tolist()),
            channels=crop.channel,
            mean=tuple(255 * crop.mean.flatten()),
            std=tuple(255 * crop.std.flatten()),
        ),
    )
    return Recogniser(card, backbone).eval().requires_grad_(requires_grad=False)


def _digest(network: nn.Module) -> str:
    """SHA-256 of all weights in the order of their names; galleries are told apart by it."""
    digest = hashlib.sha256()
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(key.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
