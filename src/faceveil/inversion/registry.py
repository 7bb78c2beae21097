"""Every attack by name. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Sequence

from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.inversion.attack import Attack
from faceveil.inversion.brep_mi import BrepMi
from faceveil.inversion.cgan_recovery import CganRecovery
from faceveil.inversion.eigenfaces import Eigenfaces
from faceveil.inversion.embedding import CentreInversion, TemplateInversion
from faceveil.inversion.gmi import Gmi
from faceveil.inversion.ked_mi import KedMi
from faceveil.inversion.lomma import Lomma
from faceveil.inversion.membership import BatchNormDistance, Membership
from faceveil.inversion.mi_face import MiFace
from faceveil.inversion.nes import Nes
from faceveil.inversion.pairing import Pairing
from faceveil.inversion.pixel_prior import PixelPrior
from faceveil.inversion.plg_mi import PlgMi
from faceveil.inversion.recovery import QueryRecovery, TrainingRecovery

ATTACKS: dict[str, type[Attack]] = {
    kind.name: kind
    for kind in (
        Eigenfaces,
        PixelPrior,
        MiFace,
        Gmi,
        KedMi,
        Lomma,
        PlgMi,
        BrepMi,
        Nes,
        CentreInversion,
        TemplateInversion,
        TrainingRecovery,
        CganRecovery,
        Pairing,
        QueryRecovery,
    )
}
"""Those that give back faces."""

MEMBERSHIP: dict[str, type[Membership]] = {kind.name: kind for kind in (BatchNormDistance,)}
"""Those that tell training photos from others."""


def chosen(names: Sequence[str], settings: Sequence[str]) -> tuple[Attack | Membership, ...]:
    """The attacks a list of names means, each once; ``all`` stands for every one there is.

    Args:
        names: at least one.
        settings: ``NAME.FIELD=VALUE``, see :func:`faceveil.core.config.assign`.

    Raises:
        UsageError: a name or field is unknown, or a value unsuitable.
    """
    kinds: dict[str, type[Attack] | type[Membership]] = {**ATTACKS, **MEMBERSHIP}
    wanted = dict.fromkeys(one for name in names for one in (kinds if name == "all" else (name,)))
    tables = config.assign({}, settings)
    for name in (*wanted, *tables):
        if name not in kinds:
            raise UsageError(f"There is no attack {name!r}; there are {', '.join(kinds)}.")
    if idle := tables.keys() - wanted.keys():
        raise UsageError(
            f"--set {min(idle)}...: this attack is not made; add --attack {min(idle)}."
        )
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(f"--set {name}={table}: write {name}.FIELD=VALUE.")
    return tuple(config.build(kinds[name], tables.get(name, {}), where=name) for name in wanted)
