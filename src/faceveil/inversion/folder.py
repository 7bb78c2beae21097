"""The folder of one inversion: whose it is, and what is finished in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from faceveil.core import config
from faceveil.core.errors import ModelError, UsageError
from faceveil.inversion.attack import Attack, Reconstruction
from faceveil.inversion.problem import fingerprint
from faceveil.inversion.sheet import to_bytes
from faceveil.inversion.victim import Victim
from faceveil.io import atomic
from faceveil.io.encode import png

ORIGIN, SETTINGS = "inversion.toml", "attack.toml"


def claim(folder: Path, origin: Mapping[str, Any]) -> None:
    """Makes ``folder`` the place of an inversion of this origin: victim, data, seed.

    Raises:
        UsageError: something else lies in it; what differs is named.
    """
    path = folder / ORIGIN
    if not path.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds something else already: name a new folder.")
        atomic.write(path, tomli_w.dumps(dict(origin)).encode(), overwrite=True)
        return
    there = config.read(path)
    for name, value in origin.items():
        if there.get(name) != value:
            raise UsageError(
                f"{folder} holds an inversion with another {name} ({there.get(name)}, not {value}):"
                " name a new folder."
            )
    atomic.clean(folder)


class Shelf:
    """The reconstructions of one attack: PNG files and, once they are all there, a record a person.

    Args:
        folder: of the attack.
        attack: whose settings they are by.
        victim: what is attacked.
        public: the attacker's faces.

    Raises:
        UsageError: the folder holds what other settings, another victim or other faces gave.
    """

    def __init__(
        self, folder: Path, attack: Attack, victim: Victim, public: Float[Tensor, "m 3 s s"]
    ):
        self.folder = folder
        origin = {
            "settings": config.plain(attack),
            "victim": victim.fingerprint,
            "public": fingerprint(public),
        }
        path = folder / SETTINGS
        there = config.read(path) if path.is_file() else origin
        for name, value in origin.items():
            if there.get(name) != value:
                raise UsageError(
                    f"{folder} holds what {attack.name} gave with other {name}: name a new folder."
                )
        atomic.write(path, tomli_w.dumps(origin).encode(), overwrite=True)

    def get(self, person: str) -> Reconstruction | None:
        """What was found of a person, if that is finished.

        Raises:
            ModelError: a file is missing or damaged.
        """
        path = self.folder / f"{person}.json"
        if not path.is_file():
            return None
        try:
            confidence = json.loads(path.read_bytes())["confidence"]
            pixels = [
                np.array(Image.open(self._picture(person, i))) for i in range(len(confidence))
            ]
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"{path}: what was found of {person} cannot be read ({error}): delete this file "
                "and it is worked out again."
            ) from error
        images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2) / 255
        return Reconstruction(images, torch.tensor(confidence))

    def put(self, person: str, found: Reconstruction) -> None:
        """Keep what was found."""
        for place, image in enumerate(found.images):
            atomic.write(self._picture(person, place), png(to_bytes(image)), overwrite=True)
        record = json.dumps({"confidence": found.confidence.tolist()}) + "\n"
        atomic.write(self.folder / f"{person}.json", record.encode(), overwrite=True)

    def _picture(self, person: str, place: int) -> Path:
        """The first is the person's; others lie apart, for a person may be called ``NAME.2``."""
        if place == 0:
            return self.folder / f"{person}.png"
        return self.folder / "others" / f"{person}.{place + 1}.png"
