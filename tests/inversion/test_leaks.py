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
from faceveil.inversion.pose import problems
from faceveil.inversion.recovery import TrainingRecovery
from faceveil.inversion.stage import Stage
from faceveil.training.ahm import Ahm, Mixing
from faceveil.training.defence import Labels, Masked
from faceveil.training.frequency import Spectrum
from faceveil.training.strategy import StrategySettings


def test_undefended_everything_is_there_as_it_is(scene: Stage) -> None:
    assert scene.run is not None
    photos, labels = scene.private.photos, scene.private.labels(scene.victim.people)
    leaked = leaks.masked_inputs(scene.run, photos, labels, seed=1)
    assert sorted(leaked.labels.people[:, 0].tolist()) == sorted(labels.tolist())
    assert torch.equal(leaked.labels.weight, torch.ones(len(photos), 1))
    known = {row.numpy().tobytes() for row in 2 * photos - 1}
    assert {row.numpy().tobytes() for row in leaked.inputs} == known
    queries = leaks.masked_queries(scene.run, photos, labels)
    torch.testing.assert_close(queries.inputs, 2 * photos - 1)
    mine = leaks.of_person(leaked, 2)
    assert mine.labels.people.unique().tolist() == [2]
    assert len(mine.inputs) == 4


def test_mixes_show_several_people_and_training_goes_on_untouched(tmp_path: Path) -> None:
    crops = drawn_crops()
    run = trained(tmp_path, crops, Ahm(spectrum=Spectrum("ppfr-fd", 4)))
    scene = stage.of_run(run, "people", "", lambda spec: crops)
    masking = run.learner.network.masking
    assert isinstance(masking, Mixing)
    before = {k: v.clone() for k, v in masking.state_dict().items() if torch.is_tensor(v)}
    photos, labels = scene.private.photos, scene.private.labels(scene.victim.people)
    leaked = leaks.masked_inputs(run, photos, labels, seed=1)
    again = leaks.masked_inputs(run, photos, labels, seed=1)
    assert torch.equal(leaked.inputs, again.inputs)
    assert leaked.labels.people.shape[1] >= 2
    torch.testing.assert_close(leaked.labels.weight.sum(1), torch.ones(len(photos)))
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
        leaks.masked_inputs(run, scene.private.photos, labels, seed=1, mixed_in=mixed_in)
        for mixed_in in (scene.mixed_in, None)
    )
    assert len(leaked.inputs) == len(alone.inputs) == len(labels)
    assert leaked.labels.weight.sum(1).min() < 0.9
    torch.testing.assert_close(alone.labels.weight.sum(1), torch.ones(len(labels)))
    problem = next(problems(TrainingRecovery(), scene.victim, scene, ["p1"], kept=Kept(), seed=0))
    assert problem.leaked is not None
    assert problem.leaked.labels.weight.sum(1).min() < 0.9


def test_rows_of_nobody_are_refused() -> None:
    nobody = Masked(torch.zeros(1, 1, 2, 2), Labels(torch.tensor([[0]]), torch.tensor([[0.0]])))
    with pytest.raises(UsageError, match="Nothing that leaked shows"):
        leaks.of_person(nobody, 0)
