"""Two processes that torchrun starts learn what one learns."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from faceveil.training import checkpoint, lines
from faceveil.training.checkpoint import CHECKPOINT
from faceveil.training.distributed import SharedBatchNorm, synchronise
from faceveil.training.journal import LOG

ROOT = Path(__file__).resolve().parents[2]

WORKER = """
import sys
from pathlib import Path
import torch
from tests.training.conftest import Tiny, open_loop, run_loop, tiny_recipe
from faceveil.training.margins import AdaFace

torch.set_num_threads(1)
fields = {"backbone": Tiny(dropout=0), "margin": AdaFace(), "log_every": 1, "ema": 0.5}
run_loop(open_loop(tiny_recipe(**fields), Path(sys.argv[1])))
"""


def test_shared_batch_normalisation_is_torchs_where_there_is_one_process() -> None:
    torch.manual_seed(0)
    theirs = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.BatchNorm1d(16))
    ours = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.BatchNorm1d(16))
    ours.load_state_dict(theirs.state_dict())
    synchronise(ours, torch.device("cpu"))
    assert isinstance(ours[1], SharedBatchNorm)
    assert isinstance(ours[3], SharedBatchNorm)
    x = torch.rand(5, 3, 4, 4)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = [str(tmp_path / "worker.py"), str(tmp_path / "two")]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*torchrun, *run], env=environment, check=True, timeout=240)
    subprocess.run(
        [sys.executable, run[0], str(tmp_path / "one")], env=environment, check=True, timeout=120
    )
    one, two = ([record for record in lines.read(tmp_path / name / LOG) if "loss" in record]
                for name in ("one", "two"))  # fmt: skip
    assert len(one) == len(two) == 9
    assert [record["loss"] for record in two] == pytest.approx(
        [record["loss"] for record in one], rel=1e-3
    )
    states = [checkpoint.load(tmp_path / name / CHECKPOINT) for name in ("one", "two")]
    for part in ("learner", "average"):
        torch.testing.assert_close(states[0][part], states[1][part], rtol=1e-2, atol=1e-3)
