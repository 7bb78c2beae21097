"""Decoys: people to be taken for who do not exist, bundled for every bundled recogniser.

Each is the normalised mean of eight people's embeddings, so a veil that points at it points at
nobody in particular. ``tools/build_decoys.py`` makes them and says from which faces.
"""

from __future__ import annotations

from faceveil.core.errors import ModelError
from faceveil.recognisers.ensemble import Embeddings, Ensemble
from faceveil.recognisers.zoo import BUNDLED


def load(recognisers: Ensemble) -> Embeddings:
    """The decoys of each recogniser: unit vectors ``t d`` by name; row i is always the same mix.

    Raises:
        ModelError: there are none for a recogniser the user has added.
    """
    from safetensors.torch import load_file

    tensors = load_file(BUNDLED / "decoys.safetensors")
    if missing := [name for name in recognisers.names if name not in tensors]:
        raise ModelError(
            f"There are no decoys for {', '.join(missing)}: name a folder of photos of the people "
            "to be taken for (--targets DIR), or only dodge (--goal dodge)."
        )
    return {name: tensors[name].to(recognisers.device) for name in recognisers.names}
