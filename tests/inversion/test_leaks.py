"""What leaks is what the recogniser was shown, drawn with its own key."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.inversion.conftest import trained
from tests.training.conftest import drawn_crops

from faceveil.core.errors import UsageError
from faceveil.inversion import leaks, stage
from faceveil.inversion.kept import Kept
from faceveil.inversion.pairing import Pairing
from faceveil.inversion.pose import problems
from faceveil.inversion.stage import Stage
from faceveil.training.ahm import Ahm, Mixing
from faceveil.training.defence import Labels, Masked
from faceveil.training.frequency import Spectrum
from faceveil.training.strategy import StrategySettings

EPOCHS = 6
"""Of :func:`~tests.inversion.conftest.trained`."""


def test_undefended_everything_is_there_as_it_is_in_every_epoch(scene: Stage) -> None:
    assert scene.run is not None
    photos, labels = scene.private.photos, scene.private.labels(scene.victim.people)
    leaked = leaks.whole(leaks.masked_inputs(scene.run, photos, labels, seed=1))
    assert sorted(leaked.labels.people[:, 0].tolist()) == sorted(EPOCHS * labels.tolist())
    assert torch.equal(leaked.labels.weight, torch.ones(EPOCHS * len(photos), 1))
    known = {row.numpy().tobytes() for row in 2 * photos - 1}
    for epoch in leaked.inputs.split(len(photos)):
        assert {row.numpy().tobytes() for row in epoch} == known
    queries = leaks.whole(leaks.masked_queries(scene.run, photos, labels))
    torch.testing.assert_close(queries.inputs, 2 * photos - 1)
    assert torch.equal(queries.labels.people[:, 0], labels)


def test_mixes_show_several_people_and_training_goes_on_untouched(tmp_path: Path) -> None:
    crops = drawn_crops()
    run = trained(tmp_path, crops, Ahm(spectrum=Spectrum("ppfr-fd", 4)))
    scene = stage.of_run(run, "people", "", lambda spec: crops)
    masking = run.learner.network.masking
    assert isinstance(masking, Mixing)
    before = {k: v.clone() for k, v in masking.state_dict().items() if torch.is_tensor(v)}
    photos, labels = scene.private.photos, scene.private.labels(scene.victim.people)
    leaked, again = (
        leaks.whole(leaks.masked_inputs(run, photos, labels, seed=1)) for _ in range(2)
    )
    assert torch.equal(leaked.inputs, again.inputs)
    assert len(leaked.inputs.unique(dim=0)) == EPOCHS * len(photos)
    used = {int(n) for n in (leaked.labels.weight > 0).sum(1)}
    assert used <= set(masking.n_choices.nonzero().flatten().tolist())
    torch.testing.assert_close(leaked.labels.weight.sum(1), torch.ones(EPOCHS * len(photos)))
    after = masking.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_what_a_run_mixed_in_is_in_its_leak_without_a_label(tmp_path: Path) -> None:
    crops, public = drawn_crops(), drawn_crops(8)
    mixes = Ahm(domain="pixels", strategy=StrategySettings("fixed", k=3))
    run = trained(tmp_path, crops, mixes, public="others")
    scene = stage.of_run(run, "people", "", lambda spec: public if spec == "others" else crops)
    assert scene.mixed_in is not None
    assert len(scene.mixed_in) == len(public.names)
    assert len(scene.public.photos) < len(public.names)
    labels = scene.private.labels(scene.victim.people)
    leaked, alone = (
        leaks.whole(
            leaks.masked_inputs(run, scene.private.photos, labels, seed=1, mixed_in=mixed_in)
        )
        for mixed_in in (scene.mixed_in, None)
    )
    assert len(leaked.inputs) == len(alone.inputs) == EPOCHS * len(labels)
    assert leaked.labels.weight.sum(1).min() < 0.9
    torch.testing.assert_close(alone.labels.weight.sum(1), torch.ones(EPOCHS * len(labels)))
    problem = next(problems(Pairing(), scene.victim, scene, ["p1"], kept=Kept(), seed=0))
    assert problem.leaked is not None
    assert problem.leaked.labels.weight.sum(1).min() < 0.9


def row(value: float, **shares: float) -> Masked:
    """A leaked face of that value, and whose it is: ``p0=0.6, p2=0.4``."""
    people = torch.tensor([[int(name[1:]) for name in shares]])
    return Masked(
        torch.full((1, 1, 2, 2), value), Labels(people, torch.tensor([[*shares.values()]]))
    )


def test_of_each_person_the_plainest_rows_are_kept() -> None:
    rows = [
        row(1, p0=0.6, p1=0.4),
        row(2, p0=0.7, p1=0.2, p2=0.1),
        row(3, p1=0.9, p2=0.0),
        row(4, p0=0.7, p3=0.3),
        row(5, p2=0.05, p0=0.5),
    ]
    one = leaks.plainest(rows, 1)
    assert sorted(one.inputs[:, 0, 0, 0].tolist()) == [2, 2, 3, 4]
    assert leaks.shares_of(one, 1).max() == pytest.approx(0.9)
    two = leaks.plainest(rows, 2)
    for person, best in ((0, [0.7, 0.7]), (1, [0.9, 0.4]), (2, [0.1, 0.05]), (3, [0.3])):
        shares = leaks.shares_of(two, person).unique().sort(descending=True).values
        assert set(best) <= {round(share, 4) for share in shares.tolist()}
    with pytest.raises(UsageError, match="Nothing that leaked shows the person with label 4"):
        leaks.shares_of(one, 4)
