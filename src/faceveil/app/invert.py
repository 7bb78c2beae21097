"""Inversion as a use-case: attack a recogniser, and say what it gave away of whom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.app.train import Bar
from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.data.open import open_pictures
from faceveil.data.pictures import Alignment, select
from faceveil.faces.detect import Detector
from faceveil.inversion import stage
from faceveil.inversion.attack import Attack
from faceveil.inversion.folder import Shelf, claim
from faceveil.inversion.judge import Judge, mean_face, random_faces
from faceveil.inversion.kept import Kept
from faceveil.inversion.membership import Membership
from faceveil.inversion.pose import floor_victim, problems
from faceveil.inversion.problem import Problem
from faceveil.inversion.sheet import sheet
from faceveil.inversion.stage import Stage
from faceveil.inversion.victim import ENROLLED_PX
from faceveil.io import atomic
from faceveil.io.encode import png
from faceveil.measures.rate import Rate
from faceveil.recognisers import zoo
from faceveil.recognisers.card import read_card
from faceveil.training.crops import PUBLIC, Crops, cut, mixed_in
from faceveil.training.finished import read_recipe, read_run

FIGURES, SHEET = "figures.json", "sheet.png"
NETWORKS, UNTRAINED, CROPS = "networks", "untrained", "crops"


@dataclass(frozen=True)
class Request:
    """What is attacked, with what, and who judges.

    Attributes:
        model: the folder of a run of ``faceveil train``, or a recogniser by name or path.
        attacks: in the order they are made.
        people: a selection of those the model knows.
        data: the photos: what a run was trained on unless named, what is enrolled in a recogniser.
        public: a selection of other people of the data, or data of its own; people the run held
            out if empty.
        judge: a recogniser other than the model; the first bundled one that is, if empty.
        alignment: how faces are found for a recogniser that no run tells of.
        untrained: attack a recogniser that has learnt nothing too, for a floor.
        seed: where every random draw begins.
    """

    model: str
    attacks: tuple[Attack | Membership, ...]
    people: str = ":"
    data: str = ""
    public: str = ""
    judge: str = ""
    alignment: Alignment = "detector"
    untrained: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """Figures by name, of an attack on a victim, or of a floor or ceiling that no attack needs."""

    title: str
    victim: str
    threat: str
    figures: dict[str, Rate]


@dataclass(frozen=True)
class Inverted:
    """What came of it.

    Attributes:
        outcomes: each attack, followed by the same on a victim that has learnt nothing; then the
            other floors, and the ceiling: real photos that were held out.
        judge: the recogniser that compared.
        left_out: why attacks cannot be made on this victim, by name.
    """

    outcomes: tuple[Outcome, ...]
    judge: str
    left_out: dict[str, str]


def invert(
    request: Request,
    folder: Path,
    *,
    bar: Bar,
    device: str = "cpu",
    crops_folder: Path | None = None,
    shared: Path | None = None,
) -> Inverted:
    """Attack, or go on attacking, and leave reconstructions, a contact sheet and figures.

    ``folder`` then holds a folder for each attack with PNG files of every person, ``sheet.png``
    with a private photo above what was found of each, and ``figures.json``. Who is finished is not
    attacked again.

    Args:
        request: what to do.
        folder: of this inversion.
        bar: shows how far it has come.
        device: where to compute.
        crops_folder: of the data's crops; the run's own if it has any, else one in ``folder``.
        shared: where the attacker's faces and networks are kept, so that inversions with the same
            public faces can share them; ``folder`` if None.

    Raises:
        UsageError: something asked for does not fit together, or no attack can be made on such a
            model; which and why is said.
        ModelError: the model cannot be read.
    """
    judging = judge_of(request)
    shared = shared or folder
    scene = _staged(
        request, folder, bar, device, crops_folder=crops_folder, public_folder=shared / PUBLIC
    )
    people = select(scene.victim.people, request.people)
    obstacles = {one.name: one.obstacle(scene.victim) for one in request.attacks}
    left_out = {name: obstacle for name, obstacle in obstacles.items() if obstacle is not None}
    if len(left_out) == len(request.attacks):
        raise UsageError(" ".join(left_out.values()))
    recogniser = zoo.load(judging, device=device)
    judge = Judge(recogniser, scene.private, scene.public, seed=request.seed)
    kept = Kept(shared / NETWORKS, request.seed)
    outcomes: list[Outcome] = []
    rows = {"private photo": scene.private.first(people)}
    for attack in (one for one in request.attacks if one.name not in left_out):
        if isinstance(attack, Membership):
            members, others = scene.private.showing(people), scene.held_out.showing(people)
            figures = attack(
                scene.victim, members.photos, members.shown, others.photos, seed=request.seed
            )
            outcomes.append(Outcome(attack.name, scene.victim.name, attack.threat, figures))
            continue
        targets = {scene.victim: folder}
        if request.untrained and (floor := floor_victim(attack, scene)) is not None:
            targets[floor] = folder / UNTRAINED
        for target, place in targets.items():
            given = problems(attack, target, scene, people, kept=kept, seed=request.seed)
            with bar(f"{attack.name}, {target.name}", len(people)) as (advance, _):
                shelf = Shelf(place / attack.name, attack, target, scene.public.photos)
                best = _recovered(attack, given, people, shelf, advance)
            figures = judge.figures(best, people)
            outcomes.append(Outcome(attack.name, target.name, attack.threat, figures))
            if target is scene.victim:
                rows[attack.name] = best
    outcomes += _without_attack(judge, scene, people, request.seed)
    done = Inverted(tuple(outcomes), judge.recogniser.name, left_out)
    atomic.write(folder / SHEET, png(sheet(rows)), overwrite=True)
    _write(folder, request, judge, done)  # last: with its figures it counts as finished
    return done


def judge_of(request: Request) -> str:
    """The recogniser that judges.

    Raises:
        UsageError: it is the victim.
        ModelError: there is no such recogniser.
    """
    victims = _network(request.model)
    if request.judge:
        if _network(request.judge) == victims:
            raise UsageError(
                f"{request.judge} cannot judge what it gave away itself: name another --judge."
            )
        return request.judge
    return next(name for name in zoo.RECOGNISERS if _network(name) != victims)


def _network(model: str) -> str:
    """What tells two networks apart, whatever they are called."""
    if model.startswith("frbench:"):
        return model
    if Path(model).is_dir():
        card = Path(model) / f"{read_recipe(Path(model)).name}.toml"
        return read_card(card).sha256 if card.is_file() else model
    return read_card(zoo.locate(model)).sha256


def _staged(
    request: Request,
    folder: Path,
    bar: Bar,
    device: str,
    *,
    crops_folder: Path | None,
    public_folder: Path,
) -> Stage:
    """Reads the model and cuts out everybody's faces."""
    path = Path(request.model)
    run = read_run(path) if path.is_dir() else None
    data = request.data or ("" if run is None else run.recipe.data)
    if not data:
        raise UsageError(
            f"{request.model} knows nobody yet: say whose photos are enrolled, --data DIR or orl."
        )
    alignment = request.alignment if run is None else run.recipe.alignment
    size_px = ENROLLED_PX if run is None else run.recipe.size_px
    own = path / CROPS
    places = {data: crops_folder or (own if own.is_dir() else folder / CROPS)}
    if run is not None and run.recipe.public:
        places[run.recipe.public] = mixed_in(places[data], run.recipe.public)

    def cut_out(spec: str) -> Crops:
        pictures = list(open_pictures(spec))
        with bar("Cutting out faces", len(pictures)) as (advance, _):
            return cut(
                pictures,
                alignment,
                size_px,
                places.get(spec, public_folder),
                load_detector=partial(Detector.load, device),
                advance=advance,
            )

    claim(
        folder,
        {
            "model": request.model,
            "data": data,
            "public": request.public,
            "seed": request.seed,
        },
    )
    if run is not None:
        run.learner.to(device)
        return stage.of_run(run, data, request.public, cut_out)
    return stage.of_recogniser(
        zoo.load(request.model, device=device), data, request.public, cut_out
    )


def _recovered(
    attack: Attack,
    given: Iterable[Problem],
    people: Sequence[str],
    shelf: Shelf,
    advance: Callable[[float], None],
) -> Float[Tensor, "n 3 s s"]:
    """The picture of each person that the attack trusts most, found now if it is not kept."""
    best = []
    for person, problem in zip(people, given, strict=True):
        found = shelf.get(person)
        if found is None:
            found = attack(problem)
            shelf.put(person, found)
        best.append(found.images[0])
        advance(1)
    return torch.stack(best)


def _without_attack(
    judge: Judge, scene: Stage, people: tuple[str, ...], seed: int
) -> list[Outcome]:
    """Floors of an attacker who does nothing, and the ceiling."""
    faces = {
        "mean public face": mean_face(scene.public.photos, len(people)),
        "random public face": random_faces(scene.public.photos, people, seed),
    }
    outcomes = [Outcome(name, "", "floor", judge.figures(x, people)) for name, x in faces.items()]
    held_out = scene.held_out.showing(people)
    if held_out.shown:
        figures = judge.figures(held_out.photos, held_out.shown)
        outcomes.append(Outcome("held-out photos", "", "ceiling", figures))
    return outcomes


def _write(folder: Path, request: Request, judge: Judge, done: Inverted) -> None:
    record = {
        "judge": judge.recogniser.name,
        "threshold": judge.threshold,
        "attacks": {attack.name: config.plain(attack) for attack in request.attacks},
        "left_out": done.left_out,
        "outcomes": [asdict(outcome) for outcome in done.outcomes],
    }
    text = json.dumps(record, indent=1) + "\n"
    atomic.write(folder / FIGURES, text.encode(), overwrite=True)
