"""Training on mixes: what the recogniser sees, what the strategy hears, what stays secret."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.recognisers.onnx.importer import from_bytes
from faceveil.training import checkpoint
from faceveil.training.ahm import Ahm, Mixing
from faceveil.training.defence import Masked, Pixels
from faceveil.training.export import to_onnx
from faceveil.training.instahide import InstaHide
from faceveil.training.strategy import CHOICES, Strategy

SIZE = 16
FACES = torch.rand(8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
PEOPLE = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3])


class Heard(Strategy):
    """Says 2, 3, 4 and so on, and keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float, float]] = []

    def choose(self, statistics: torch.Tensor, draw: object) -> int:
        return CHOICES[len(self.told)]

    def learn(self, loss: float, held_out: float) -> None:
        self.told.append((loss, held_out))


def ahm(**fields: object) -> Mixing:
    """A fitted masking of crops of 16 px, the same every time it is asked for the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        defence = config.build(Ahm, {"draws": "seeded", **fields}, where="defence")
        masking = defence.build(SIZE)
    masking.prepare([FACES])
    assert isinstance(masking, Mixing)
    return masking


def live(masking: Mixing, first: int, n: int) -> list[Masked]:
    """``n`` batches, each with a loss that goes with its number."""
    shown = []
    for step in range(first, first + n):
        shown.append(masking.train_mask(FACES, PEOPLE, step))
        masking.learn(torch.full((len(FACES),), float(step)), lambda: 1.0)
    return shown


def test_training_sees_mixes_and_everyone_else_single_faces() -> None:
    masking = ahm()
    inputs, labels = masking.train_mask(FACES, PEOPLE, 7)
    assert inputs.shape == (8, masking.n_channels, masking.side_px, masking.side_px)
    assert (masking.n_channels, masking.side_px) == (36, 2)
    assert labels.people.shape == labels.weight.shape == (8, int(masking.k))
    assert torch.equal(labels.people[:, 0], PEOPLE)
    torch.testing.assert_close(labels.weight.sum(1), torch.ones(8))
    single = masking(FACES)
    assert torch.equal(single, masking.seen(FACES))
    assert float((inputs - single).abs().mean()) > 0.1


def test_in_pixels_it_is_mixup() -> None:
    masking = ahm(domain="pixels", strategy={"mode": "fixed", "k": 2})
    inputs, labels = masking.train_mask(FACES, torch.arange(8), 7)
    by_hand = torch.einsum("nk,nkchw->nchw", labels.weight, (2 * FACES - 1)[labels.people])
    torch.testing.assert_close(inputs, by_hand)


@pytest.mark.parametrize("kind", ["ahm", "instahide"])
def test_public_faces_are_mixed_in_and_take_their_share_of_the_labels(kind: str) -> None:
    public = torch.rand(8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    masking = (
        ahm(domain="pixels", strategy={"mode": "fixed", "k": 3})
        if kind == "ahm"
        else InstaHide(k=3, draws="seeded").build(SIZE)
    )
    inputs, labels = masking.train_mask(torch.cat((FACES, public)), PEOPLE, 7)
    assert len(inputs) == len(labels.people) == len(FACES)
    known = labels.weight.sum(1)
    assert torch.equal(labels.people[:, 0], PEOPLE)
    assert (labels.weight[:, 0] > 0).all()
    assert known.min() < 0.7
    assert known.max() <= 1 + 1e-6
    # Of 15 others 8 are public, and all but the face itself are drawn alike.
    assert 0.3 < float((labels.weight[:, 1:] == 0).float().mean()) < 0.8


def test_a_choice_lasts_and_its_consequences_are_told() -> None:
    strategy = Heard()
    masking = Mixing(Pixels(SIZE, "rgb"), strategy, every=3, key=bytes(32))
    ks = [mask.labels.people.shape[1] for mask in live(masking, 0, 7)]
    assert ks == [2, 2, 2, 3, 3, 3, 4]
    assert strategy.told == [(1.0, 1.0), (4.0, 1.0)]


def test_what_was_chosen_is_counted_and_comes_again_as_often(tmp_path: Path) -> None:
    masking = Mixing(Pixels(SIZE, "rgb"), Heard(), every=1, key=bytes(32))
    live(masking, 0, 3)
    live(masking, 3, 1)
    assert masking.n_choices.tolist() == [0, 0, 1, 1, 1, 1, 0]
    masking.n_choices.copy_(torch.tensor([0, 0, 30, 0, 10, 0, 0]))
    before = {name: value.clone() for name, value in masking.state_dict().items()}
    ks = [
        masking.train_mask_again(FACES, PEOPLE, seed).labels.people.shape[1] for seed in range(200)
    ]
    assert set(ks) == {2, 4}
    assert 0.6 < ks.count(2) / len(ks) < 0.9
    assert all(torch.equal(value, masking.state_dict()[name]) for name, value in before.items())


def test_a_small_batch_is_mixed_whole() -> None:
    masking = ahm(domain="pixels", strategy={"mode": "fixed", "k": 6})
    assert masking.train_mask(FACES[:3], PEOPLE[:3], 0).labels.people.shape == (3, 3)
    assert masking.learn(torch.ones(3), lambda: 1.0)["k"] == 3


def test_a_resumed_run_goes_on_exactly(tmp_path: Path) -> None:
    """The key is part of the checkpoint, so that secret draws go on as they would have."""
    fields = {"draws": "secret", "strategy": {"every": 2}}
    masking, resumed = ahm(**fields), ahm(**fields)
    live(masking, 0, 5)
    checkpoint.save(tmp_path / "state", {"masking": masking.state_dict()})
    checkpoint.restore(resumed, checkpoint.load(tmp_path / "state")["masking"], tmp_path)
    for mask, again in zip(live(masking, 5, 8), live(resumed, 5, 8), strict=True):
        assert torch.equal(mask.inputs, again.inputs)
        assert torch.equal(mask.labels.weight, again.labels.weight)
    assert masking.learn(torch.ones(8), lambda: 1.0) == resumed.learn(torch.ones(8), lambda: 1.0)


def test_secret_draws_differ_between_runs_and_seeded_ones_do_not() -> None:
    for draws, alike in (("secret", False), ("seeded", True)):
        one, other = (ahm(draws=draws, strategy={"mode": "fixed"}) for _ in range(2))
        seen = [masking.train_mask(FACES, PEOPLE, 0).inputs for masking in (one, other)]
        assert torch.equal(*seen) == alike


def test_figures_for_the_log() -> None:
    masking = ahm(strategy={"every": 1})
    masking.train_mask(FACES, PEOPLE, 0)
    figures = masking.learn(torch.ones(8), lambda: 5.0)
    assert figures.keys() == {"k", "held_out_loss", "mu", "entropy"}
    assert figures["held_out_loss"] == 5
    assert figures["k"] in CHOICES
    assert figures["mu"] > 0


def test_nothing_of_it_descends_on_the_recognisers_loss() -> None:
    masking = ahm()
    assert len(list(masking.parameters())) == 4
    live(masking, 0, 12)
    assert not any(parameter.requires_grad for parameter in masking.parameters())


def test_without_held_out_photos_the_strategy_says_what_to_do() -> None:
    masking = ahm(strategy={"every": 1})
    masking.train_mask(FACES, PEOPLE, 0)
    with pytest.raises(UsageError, match="held_out_photos"):
        masking.learn(torch.ones(8), lambda: math.nan)


def test_the_exported_file_is_the_inference_mask_without_the_key() -> None:
    """As a stranger's runtime reads it, and as a recogniser of ours."""
    masking = ahm(draws="secret", spectrum={"upsampling": 2})
    data = to_onnx(masking, SIZE)
    assert bytes(masking.key.tolist()) not in data
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (seen,) = session.run(None, {"crops": FACES.numpy()})
    np.testing.assert_allclose(seen, masking(FACES).numpy(), atol=1e-4)
    imported = from_bytes(data, "ahm")(FACES)
    torch.testing.assert_close(imported, masking(FACES), atol=1e-4, rtol=0)
