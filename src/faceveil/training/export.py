"""A finished network as an ONNX file and a card: a recogniser like any other."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from faceveil.core.seeds import content_hash, generator
from faceveil.data.align import template
from faceveil.recognisers.card import Card, Crop
from faceveil.training.recipe import Recipe

OPSET = 18


def to_onnx(network: nn.Module, size_px: int) -> bytes:
    """The network, inference mask and all, as the bytes of an ONNX file for batches of any size.

    Args:
        network: from aligned crops in [0, 1] to embeddings.
        size_px: the side of the crops.
    """
    network = copy.deepcopy(network).cpu().eval()
    example = torch.rand(2, 3, size_px, size_px, generator=generator(0))
    with _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            input_names=["crops"],
            output_names=["embedding"],
            opset_version=OPSET,
            dynamic_shapes=({0: torch.export.Dim("n")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # noqa: S101  it is only where a file is asked for
    data: bytes = program.model_proto.SerializeToString()
    return data


def card(recipe: Recipe, weights: bytes, n_people: int, n_photos: int) -> Card:
    """The card that goes with these bytes, without thresholds yet."""
    proved = recipe.defence.proved(
        n_photos, recipe.batch, recipe.epochs * (n_photos // recipe.batch)
    )
    defence = "" if recipe.defence.name == "none" else f", defended by {recipe.defence.name}"
    defence += "".join(f", {name} {value:.3g}" for name, value in proved.items())
    return Card(
        name=recipe.name,
        title=f"{recipe.backbone.name}, {recipe.margin.name}, trained on {n_photos} photos of "
        f"{n_people} people{defence}",
        licence=recipe.licence,
        source="faceveil train",
        weights=f"{recipe.name}.onnx",
        sha256=content_hash(weights),
        embedding_size=recipe.backbone.embedding_size,
        crop=Crop(
            size_px=recipe.size_px,
            template=tuple(
                (round(x, 4), round(y, 4)) for x, y in template(recipe.size_px).tolist()
            ),
            channels="rgb",
            mean=(0.0, 0.0, 0.0),
            std=(255.0, 255.0, 255.0),
        ),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of what concerns its authors."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
