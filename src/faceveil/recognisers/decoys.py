"""Decoys: people to be taken for who do not exist, bundled for every bundled recogniser.

Each is the mean of eight people's embeddings, moved as far from the mean of all as one person is,
so a veil that points at it points at nobody in particular. ``tools/build_decoys.py`` makes them and
says from which faces.
"""

from __future__ import annotations

from faceveil.core.errors import ModelError
from faceveil.recognisers.card import read_weights
from faceveil.recognisers.ensemble import Embeddings, Ensemble
from faceveil.recognisers.zoo import BUNDLED

SHA256 = "cbeabaf3d43fbaca000fe4f601436b467e854f5fe0fcea7cb829754624736a10"
"""Of the bundled file."""


def load(recognisers: Ensemble) -> Embeddings:
    """The decoys of each recogniser: unit vectors ``t d`` by name; row i is always the same mix.

    Raises:
        ModelError: there are none for a recogniser the user has added, or the file is altered.
    """
    from safetensors.torch import load as parse

    tensors = parse(read_weights(BUNDLED / "decoys.safetensors", SHA256))
    if missing := [name for name in recognisers.names if name not in tensors]:
        raise ModelError(
            f"There are no decoys for {', '.join(missing)}: name a folder of photos of the people "
            "to be taken for (--targets DIR), or only dodge (--goal dodge)."
        )
    return {name: tensors[name].to(recognisers.device) for name in recognisers.names}
