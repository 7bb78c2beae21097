"""What a recipe can name. A new defence, margin or backbone is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.training.ahm import Ahm
from faceveil.training.backbones.backbone import Backbone
from faceveil.training.backbones.ir import Ir18, Ir50
from faceveil.training.backbones.mobilefacenet import MobileFaceNet
from faceveil.training.bido import Bido
from faceveil.training.dctdp import Dctdp
from faceveil.training.defence import Defence, Undefended
from faceveil.training.dp_sgd import DpSgd
from faceveil.training.instahide import InstaHide
from faceveil.training.margins import AdaFace, ArcFace, CosFace, Margin, SphereFace
from faceveil.training.mid import Mid
from faceveil.training.optimisers import AdamW, Optimiser, Sgd
from faceveil.training.schedules import Cosine, Schedule, Steps
from faceveil.training.spectral import PartialFace, PpfrFd

DEFENCES: dict[str, type[Defence]] = {
    kind.name: kind
    for kind in (Undefended, Ahm, PpfrFd, PartialFace, Dctdp, InstaHide, Mid, Bido, DpSgd)
}
MARGINS: dict[str, type[Margin]] = {
    kind.name: kind for kind in (ArcFace, CosFace, SphereFace, AdaFace)
}
BACKBONES: dict[str, type[Backbone]] = {kind.name: kind for kind in (MobileFaceNet, Ir18, Ir50)}
OPTIMISERS: dict[str, type[Optimiser]] = {kind.name: kind for kind in (Sgd, AdamW)}
SCHEDULES: dict[str, type[Schedule]] = {kind.name: kind for kind in (Cosine, Steps)}


T = TypeVar("T")


def choose(kinds: Mapping[str, type[T]], table: Any, default: str, *, where: str) -> T:
    """The configuration a recipe's table asks for: ``name`` chooses it, the rest are its fields.

    Args:
        kinds: by name.
        table: as TOML gives it; or the name alone.
        default: the name, where the table has none.
        where: what the table is called.

    Raises:
        UsageError: the name or a field is unknown, or a value unsuitable.
    """
    fields = {"name": table} if isinstance(table, str) else table
    if not isinstance(fields, Mapping):
        raise UsageError(f"{where} is a table: write {where}.FIELD=VALUE.")
    name = fields.get("name", default)
    if name not in kinds:
        raise UsageError(f"There is no {where} {name!r}; there are {', '.join(kinds)}.")
    values = {key: value for key, value in fields.items() if key != "name"}
    return config.build(kinds[name], values, where=where)
