"""Training as a use-case: from a recipe to a folder with a calibrated recogniser in it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w
from torch import nn

from faceveil.app.verdict import FARS
from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.data.open import open_pairs, open_pictures
from faceveil.data.pictures import Alignment, Picture
from faceveil.faces.detect import Detector
from faceveil.io import atomic
from faceveil.measures.calibration import calibrate
from faceveil.measures.rate import Rate
from faceveil.recognisers.card import Card
from faceveil.recognisers.recogniser import Recogniser
from faceveil.training import export
from faceveil.training.batches import Batches
from faceveil.training.checkpoint import CHECKPOINT
from faceveil.training.crops import Crops, cut, mixed_in
from faceveil.training.distributed import open_fabric
from faceveil.training.evaluate import MOST_PROBES, Examination, Listed, thinned
from faceveil.training.learner import embed
from faceveil.training.loop import Loop
from faceveil.training.recipe import RECIPE, Recipe
from faceveil.training.split import Split, split

NEEDED = ("lightning_fabric", "onnxscript")
"""What training needs beyond faceveil's own needs: to train, and to write the ONNX file."""

FIGURES, LEFT_OUT = "figures.json", "left_out.txt"

Bar = Callable[
    [str, int], AbstractContextManager[tuple[Callable[[float], None], Callable[[str], None]]]
]
"""Opens a bar of a title and a length; gives what advances it and what says a line above it."""


def unseen(title: str, total: int) -> AbstractContextManager[tuple[Any, Any]]:
    """A bar nobody sees."""
    return nullcontext((lambda share: None, lambda line: None))


@dataclass(frozen=True)
class Trained:
    """A recogniser's card, where it lies, and the figures on held-out faces."""

    card: Card
    path: Path
    figures: dict[str, Rate]


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool,
    bar: Bar,
    device: str = "cpu",
    crops_folder: Path | None = None,
) -> Trained | None:
    """Train, or go on training, and leave a recogniser in ``folder``.

    ``folder`` then holds ``recipe.toml``, the crops, ``checkpoint.safetensors``, ``log.jsonl``,
    ``figures.json``, and the recogniser: ``NAME.onnx`` and its card ``NAME.toml``.

    Args:
        recipe: how.
        folder: of the run.
        resume: go on from the run's checkpoint; without it, a folder with one is refused.
        bar: shows how far cutting out faces, and then training, has come.
        device: where to compute.
        crops_folder: where crops are kept, so that runs can share them; in ``folder`` if None.

    Returns:
        What came of it; None on all but the first of several processes.

    Raises:
        UsageError: the folder is another run's, or the data or recipe is unsuitable.
        ModelError: the checkpoint does not fit, or the loss is no longer a number.
        PhotoError: the disk is full.
    """
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise UsageError(f'Training needs {package}: pip install "faceveil[train]".')
    fabric = open_fabric(device, recipe.precision)
    fabric.launch()
    if not fabric.is_global_zero:
        bar = unseen
    with fabric.rank_zero_first():
        if fabric.is_global_zero:
            _claim(folder, recipe, resume=resume)
        found = _load(recipe, crops_folder or folder / "crops", str(fabric.device), bar)
    crops, public, listed = found
    parts = split(
        crops.people,
        held_out_people=recipe.held_out_people,
        held_out_photos=recipe.held_out_photos,
    )
    batches = Batches(recipe, crops, parts, fabric.global_rank, fabric.world_size, public)
    proved = recipe.defence.proved(len(parts.train), recipe.batch, batches.n_steps)
    loop = Loop(recipe, batches, Examination(crops, parts, listed, recipe.seed), folder, fabric)
    with bar("Training", batches.n_steps) as (advance, say):
        if fabric.is_global_zero:
            _report(folder, parts, found, say)
            if proved:
                promise = ", ".join(f"{name} {value:.3g}" for name, value in proved.items())
                say(f"By the end: {promise}.")
        figures = loop.run(advance, say)
        if not fabric.is_global_zero:
            return None
        card, weights = _exported(recipe, loop.network, crops, parts, say)
    path = folder / f"{card.name}.toml"
    atomic.write(folder / card.weights, weights, overwrite=True)
    atomic.write(path, config.write(card).encode(), overwrite=True)
    record = {name: asdict(rate) for name, rate in figures.items()}
    atomic.write(folder / FIGURES, (json.dumps(record, indent=1) + "\n").encode(), overwrite=True)
    return Trained(card, path, figures)


def _claim(folder: Path, recipe: Recipe, *, resume: bool) -> None:
    """Makes ``folder`` this recipe's."""
    path, text = folder / RECIPE, tomli_w.dumps(recipe.plain()).encode()
    if (folder / CHECKPOINT).is_file():
        if not resume:
            raise UsageError(f"{folder} holds a run: go on with --resume, or name a new folder.")
        if not path.is_file() or path.read_bytes() != text:
            raise UsageError(f"{folder} holds a run of another recipe: name a new folder.")
    atomic.clean(folder)
    atomic.write(path, text, overwrite=True)


class _Cut(NamedTuple):
    """The faces of the recipe's data, of its public data, and of its verification pairs."""

    crops: Crops
    public: Crops | None
    listed: Listed | None


def _load(recipe: Recipe, folder: Path, device: str, bar: Bar) -> _Cut:
    """Everybody's faces, in ``folder`` once cut out."""

    def faces(
        what: str, pictures: Sequence[Picture], alignment: Alignment, place: Path, /
    ) -> Crops:
        with bar(f"Cutting out {what}", len(pictures)) as (advance, _):
            return cut(
                pictures,
                alignment,
                recipe.size_px,
                place,
                load_detector=partial(Detector.load, device),
                advance=advance,
            )

    crops = faces("faces", list(open_pictures(recipe.data)), recipe.alignment, folder)
    public = None
    if recipe.public:
        others = list(open_pictures(recipe.public))
        public = faces("public faces", others, recipe.alignment, mixed_in(folder, recipe.public))
        if not public.names:
            raise UsageError(f"{recipe.public}: no public face was found to mix in.")
        name_by_hash = dict(zip(crops.hashes(), crops.names, strict=True))
        if both := name_by_hash.keys() & set(public.hashes()):
            raise UsageError(
                f"{recipe.public}: {min(map(name_by_hash.__getitem__, both))}, of {recipe.data}, "
                "is among the public photos: leave it out of one of them."
            )
    if not recipe.pairs:
        return _Cut(crops, public, None)
    found = open_pairs(recipe.pairs)
    shown = faces("pairs", found.pictures, found.alignment, folder / found.name)
    place = {name: index for index, name in enumerate(shown.names)}
    ends = (
        (found.pictures[pair.first].name, found.pictures[pair.second].name, pair)
        for pair in found.pairs
    )
    pairs = [
        (place[first], place[second], pair.same, pair.fold)
        for first, second, pair in ends
        if first in place and second in place
    ]
    if not pairs:
        raise UsageError(f"{recipe.pairs}: no pair of which both faces are found.")
    return _Cut(crops, public, Listed(found.name, shown, pairs, len(found.pairs)))


def _report(folder: Path, parts: Split, found: _Cut, say: Callable[[str], None]) -> None:
    """Says what is trained on, and what is not."""
    crops, public, listed = found
    cut_out = (crops, public, None if listed is None else listed.crops)
    left_out = [fault for some in cut_out if some is not None for fault in some.left_out]
    text = "".join(f"{fault}\n" for fault in left_out)
    atomic.write(folder / LEFT_OUT, text.encode(), overwrite=True)
    say(
        f"{len(parts.train)} photos of {len(parts.people)} people to train on; held out are "
        f"{len(parts.photos)} photos of them and {len(parts.strangers)} of others."
    )
    if public is not None:
        say(f"{len(public.names)} public photos are mixed in without a label.")
    if listed is not None and len(listed.pairs) < listed.n_listed:
        say(
            f"{listed.name}: {len(listed.pairs)} of {listed.n_listed} pairs are judged; of the "
            "others a face was not found."
        )
    if left_out:
        say(f"Left out, see {LEFT_OUT}: {len(left_out)} photos, first {left_out[0]}")
    if parts.single:
        alone = next(
            name
            for name, person in zip(crops.names, crops.people, strict=True)
            if person == parts.single[0]
        )
        say(
            f"{len(parts.single)} people have one photo only, first {alone}: they are trained on, "
            "and nothing is tested with them."
        )


def _exported(
    recipe: Recipe, network: nn.Module, crops: Crops, parts: Split, say: Callable[[str], None]
) -> tuple[Card, bytes]:
    """The card, calibrated on held-out faces as the exported file sees them, and the file."""
    weights = export.to_onnx(network, recipe.size_px)
    card = export.card(recipe, weights, len(parts.people), len(parts.train))
    recogniser = Recogniser.from_bytes(card, weights, card.weights)
    whose = "people not trained on" if parts.strangers else "held-out photos of people trained on"
    held_out = thinned(crops.people, parts.strangers or parts.photos, MOST_PROBES)
    people = [crops.people[index] for index in held_out]
    try:
        if not held_out:
            raise UsageError("nothing is held out.")
        calibration = calibrate(
            embed(recogniser.embed, recogniser.device, crops, held_out),
            people,
            FARS,
            data=f"{Path(recipe.data).name}, {whose}",
            detector="centerface" if recipe.alignment == "detector" else "none",
        )
    except UsageError as error:
        say(f"No thresholds yet: {error} `faceveil models calibrate` finds them on other data.")
        return card, weights
    return replace(card, calibration=calibration), weights
