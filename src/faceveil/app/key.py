"""A person's key: their mask, and what it takes to know them in a photo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core import config
from faceveil.core.budget import Budget
from faceveil.core.config import Strict
from faceveil.core.errors import SecretError, UsageError
from faceveil.masks.personal import PersonalMask

_MASK, _ABOUT, _TEMPLATES = "mask", "about", "templates/"


@dataclass(frozen=True)
class About(Strict):
    """What a key says besides its numbers.

    Attributes:
        name: what the person is called.
        made: when, as ISO 8601.
        n_photos: from how many photos.
        budget: within which the mask was made.
        recognisers: SHA-256 of the weights of those it was made against, by name.
    """

    name: str
    made: str
    n_photos: int
    budget: Budget
    recognisers: dict[str, str]


@dataclass(frozen=True, eq=False)
class Key:
    """A person's mask, and their embeddings ``n d`` in the photos it was made from, by recogniser.

    Both are theirs alone: with the one a veil comes off, with the other they are recognised.
    """

    about: About
    mask: PersonalMask
    templates: Mapping[str, Float[Tensor, "n _"]]

    @property
    def name(self) -> str:
        """What the person is called."""
        return self.about.name

    @property
    def digest(self) -> str:
        """The mask's; receipts name keys by it."""
        return self.mask.digest


def to_bytes(key: Key) -> bytes:
    """The key as safetensors, not yet sealed."""
    from safetensors.torch import save

    about = bytearray(json.dumps(config.plain(key.about)).encode())
    tensors = {f"{_TEMPLATES}{name}": rows for name, rows in key.templates.items()}
    tensors[_MASK] = key.mask.pixels.to(torch.float16)
    tensors[_ABOUT] = torch.frombuffer(about, dtype=torch.uint8)
    return save({name: tensor.contiguous() for name, tensor in tensors.items()})


def from_bytes(data: bytes, name: str) -> Key:
    """The key that :func:`to_bytes` wrote, from a file called ``name``.

    Raises:
        SecretError: it is none.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(data)
        about = config.build(About, json.loads(tensors[_ABOUT].numpy().tobytes()), where="key")
        templates = {
            key.removeprefix(_TEMPLATES): rows.float()
            for key, rows in tensors.items()
            if key.startswith(_TEMPLATES)
        }
        if set(templates) != set(about.recognisers):
            raise UsageError("its templates are not those it names")
        return Key(about, PersonalMask(tensors[_MASK]), templates)
    except (SafetensorError, KeyError, ValueError, TypeError, UsageError) as error:
        raise SecretError(f"{name}: opens, but holds no key ({error}).") from None
