"""The loop: stopped anywhere, killed, out of numbers, out of disk, and what it then still has."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.conftest import Tiny, drawn_crops, open_loop, run_loop, tiny_recipe
from tests.training.test_augment import NOTHING

from faceveil.core.errors import ModelError, PhotoError
from faceveil.training import checkpoint, lines
from faceveil.training.checkpoint import CHECKPOINT
from faceveil.training.journal import LOG
from faceveil.training.loop import _repeatable
from faceveil.training.optimisers import AdamW, Sgd

ROOT = Path(__file__).resolve().parents[2]
HARD: dict[str, Any] = {"ema": 0.9, "accumulate": 2, "optimiser": AdamW(lr=0.01)}


def final(folder: Path) -> bytes:
    """Weights, average, optimiser and all, as they lie on the disk."""
    return (folder / CHECKPOINT).read_bytes()


def noted(folder: Path) -> list[dict[str, float]]:
    """The log, without what depends on the machine's load."""
    records = lines.read(folder / LOG)
    return [{k: v for k, v in record.items() if k != "photos_per_s"} for record in records]


def test_a_run_learns_and_notes_what_it_does(tmp_path: Path) -> None:
    recipe = tiny_recipe(epochs=15, evaluate_every=20, augment=NOTHING)
    loop = run_loop(open_loop(recipe, tmp_path))
    assert loop.step == 45
    losses = [record["loss"] for record in noted(tmp_path) if "loss" in record]
    assert len(losses) == 45 // 2 + 1
    assert losses[-1] < losses[0] / 2
    examined = [record for record in noted(tmp_path) if "photos/rank-1" in record]
    assert [record["step"] for record in examined] == [20, 40, 45]
    assert examined[-1]["photos/rank-1"] > 0.8


@pytest.mark.parametrize("fields", [{}, HARD], ids=["sgd", "adamw, average, parts"])
def test_stopped_at_any_step_it_ends_where_it_would_have_ended(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    recipe = tiny_recipe(**fields)
    run_loop(open_loop(recipe, tmp_path / "whole"))
    for step in range(1, 9):
        folder = tmp_path / f"stopped {step}"
        run_loop(open_loop(recipe, folder), stop_at=step)
        again = open_loop(recipe, folder)
        assert again.step == step // 3 * 3
        run_loop(again)
        assert final(folder) == final(tmp_path / "whole")
        assert noted(folder) == noted(tmp_path / "whole")


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from tests.training.conftest import open_loop, tiny_recipe
from tests.training.test_loop import HARD

torch.set_num_threads(1)
loop = open_loop(tiny_recipe(**HARD), Path(sys.argv[1]))

def advance(n):
    if loop.step == 5:
        os.kill(os.getpid(), signal.SIGKILL)

loop.run(advance, print)
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_killed_in_the_middle_it_ends_where_it_would_have_ended(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    run_loop(open_loop(tiny_recipe(**HARD), tmp_path / "whole"))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed")], cwd=ROOT, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    again = open_loop(tiny_recipe(**HARD), tmp_path / "killed")
    assert again.step == 3
    run_loop(again)
    assert final(tmp_path / "killed") == final(tmp_path / "whole")
    assert noted(tmp_path / "killed") == noted(tmp_path / "whole")


def test_repeatable_does_not_mean_slow() -> None:
    """cudnn's flags turn it off unless they are told not to."""
    with _repeatable(torch.device("cpu")):
        flags = torch.backends.cudnn
        assert (flags.enabled, flags.deterministic, flags.benchmark) == (True, True, False)


def test_photos_that_came_or_went_are_no_data_to_go_on_with(tmp_path: Path) -> None:
    run_loop(open_loop(tiny_recipe(), tmp_path), stop_at=4)
    with pytest.raises(ModelError, match="of a recogniser of other photos"):
        open_loop(tiny_recipe(), tmp_path, drawn_crops(n_photos=7))


def test_finished_there_is_nothing_more_to_do(tmp_path: Path) -> None:
    run_loop(open_loop(tiny_recipe(), tmp_path))
    before = final(tmp_path), noted(tmp_path)
    figures = open_loop(tiny_recipe(), tmp_path).run(lambda n: None, lambda line: None)
    assert figures["photos/rank-1"].mean == noted(tmp_path)[-1]["photos/rank-1"]
    assert (final(tmp_path), noted(tmp_path)) == before


def test_the_average_follows_the_weights_and_keeps_counts_whole(tmp_path: Path) -> None:
    recipe = tiny_recipe(ema=0.75, epochs=1)
    loop = open_loop(recipe, tmp_path)
    name, expected = "backbone.0.weight", None

    def advance(n: float) -> None:
        nonlocal expected
        weight = loop._learner.network.state_dict()[name].clone()
        if loop.step:
            expected = weight if expected is None else 0.75 * expected + 0.25 * weight

    loop.run(advance, lambda line: None)
    state = loop.network.state_dict()
    torch.testing.assert_close(state[name], expected)
    assert state["backbone.1.num_batches_tracked"] == 3


def test_parts_of_a_batch_add_up_to_it(tmp_path: Path) -> None:
    plain = {"backbone": Tiny(dropout=0, norm=False)}
    run_loop(open_loop(tiny_recipe(**plain), tmp_path / "whole"))
    run_loop(open_loop(tiny_recipe(**plain, accumulate=4), tmp_path / "parts"))
    one, other = (
        {name: value for name, value in state["learner"].items() if "norm" not in name}
        for state in (checkpoint.load(tmp_path / name / CHECKPOINT) for name in ("whole", "parts"))
    )
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    loop = open_loop(tiny_recipe(log_every=1), tmp_path)

    def advance(n: float) -> None:
        if loop.step == 4:
            next(loop.network.parameters()).data.fill_(torch.nan)

    with pytest.raises(ModelError, match=r"By step 5 the loss .* last checkpoint.*lower"):
        loop.run(advance, lambda line: None)
    state = checkpoint.load(tmp_path / CHECKPOINT)
    assert state["step"] == 3
    assert all(value.isfinite().all() for value in state["learner"].values())
    assert [record["step"] for record in noted(tmp_path) if "loss" in record] == [1, 2, 3, 4]


def test_weights_that_are_no_numbers_are_never_kept(tmp_path: Path) -> None:
    loop = open_loop(tiny_recipe(log_every=9, checkpoint_every=1), tmp_path)
    next(loop.network.parameters()).data.fill_(torch.nan)
    with pytest.raises(ModelError, match="no checkpoint had been written yet"):
        run_loop(loop)
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_full_disk_stops_and_the_run_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_loop(open_loop(tiny_recipe(), tmp_path / "whole"))
    loop, folder = open_loop(tiny_recipe(), tmp_path / "full"), tmp_path / "full"

    def full(handle: int) -> None:
        if loop.step == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(PhotoError, match="the disk is full: make room"):
            run_loop(loop)
    assert checkpoint.load(folder / CHECKPOINT)["step"] == 3
    run_loop(open_loop(tiny_recipe(), folder))
    assert final(folder) == final(tmp_path / "whole")


def test_a_checkpoint_of_another_network_or_other_people_is_refused(tmp_path: Path) -> None:
    run_loop(open_loop(tiny_recipe(), tmp_path))
    before = final(tmp_path)
    with pytest.raises(ModelError, match="made with other settings or other people: network"):
        open_loop(tiny_recipe(backbone=Tiny(embedding_size=9)), tmp_path)
    with pytest.raises(ModelError, match="of a recogniser of other people"):
        open_loop(tiny_recipe(), tmp_path, drawn_crops(7))
    assert final(tmp_path) == before


def test_torn_lines_of_the_log_are_dropped(tmp_path: Path) -> None:
    run_loop(open_loop(tiny_recipe(), tmp_path / "whole"))
    run_loop(open_loop(tiny_recipe(), tmp_path / "torn"), stop_at=5)
    with (tmp_path / "torn" / LOG).open("ab") as file:
        file.write(json.dumps({"step": 5})[:-3].encode())
    run_loop(open_loop(tiny_recipe(), tmp_path / "torn"))
    assert noted(tmp_path / "torn") == noted(tmp_path / "whole")


def test_the_caller_keeps_its_random_numbers(tmp_path: Path) -> None:
    loop = open_loop(tiny_recipe(), tmp_path)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    run_loop(loop)
    assert torch.equal(torch.rand(2), expected)


def test_mixed_precision_learns_too(tmp_path: Path) -> None:
    recipe = tiny_recipe(precision="bf16-mixed", epochs=15, evaluate_every=100)
    run_loop(open_loop(recipe, tmp_path))
    losses = [record["loss"] for record in noted(tmp_path) if "loss" in record]
    assert losses[-1] < losses[0]
    weights = checkpoint.load(tmp_path / CHECKPOINT)["learner"]
    assert weights["head.centres"].dtype == torch.float32


def test_the_learning_rate_follows_the_schedule(tmp_path: Path) -> None:
    recipe = tiny_recipe(log_every=1, optimiser=Sgd(lr=0.02))
    run_loop(open_loop(recipe, tmp_path))
    rates = [record["lr"] for record in noted(tmp_path) if "lr" in record]
    assert rates == [0.02 * recipe.schedule.factor(step, 9) for step in range(9)]
