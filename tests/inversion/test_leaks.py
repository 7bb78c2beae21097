"""What leaks is what the recogniser was shown, drawn with its own key."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.inversion.conftest import trained
from tests.training.conftest import drawn_crops

from faceveil.core.errors import UsageError
from faceveil.inversion import leaks, stage
from faceveil.inversion.stage import Stage
from faceveil.training.ahm import Ahm, Mixing
from faceveil.training.defence import Labels, Masked
from faceveil.training.frequency import Spectrum


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


def test_rows_of_nobody_are_refused() -> None:
    nobody = Masked(torch.zeros(1, 1, 2, 2), Labels(torch.tensor([[0]]), torch.tensor([[0.0]])))
    with pytest.raises(UsageError, match="Nothing that leaked shows"):
        leaks.of_person(nobody, 0)
