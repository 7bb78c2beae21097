"""Covering a cell changes what recognisers see of it, and nothing else."""

from __future__ import annotations

import torch

from faceveil.faces.face import TEMPLATE
from faceveil.masks.problem import Problem
from faceveil.masks.sensitivity import CELLS, laid, sensitivities
from faceveil.recognisers.ensemble import Ensemble


class Corner:
    """A recogniser that looks at one cell of the aligned face and nowhere else."""

    name = "corner"

    def __init__(self, row: int, column: int):
        self.place = (row, column)

    def __call__(
        self, patches: torch.Tensor, landmarks: torch.Tensor, jitter: torch.Tensor | None = None
    ) -> torch.Tensor:
        cell = torch.zeros(1, CELLS, CELLS)
        cell[0, self.place[0], self.place[1]] = 1
        seen = patches * laid(cell, landmarks, patches.shape[-1])
        return torch.nn.functional.normalize(
            torch.stack((seen.std((1, 2, 3)), seen.mean((1, 2, 3))), 1), dim=1
        )


def test_a_recogniser_minds_the_only_cell_it_looks_at(problem: Problem) -> None:
    corner = Corner(3, 2)
    surrogates = Ensemble([corner])  # type: ignore[list-item]
    (minded,) = sensitivities(surrogates, problem.pixels, problem.landmarks).values()
    assert minded.shape == (len(problem.pixels), CELLS, CELLS)
    assert minded[0].argmax() == 3 * CELLS + 2
    others = minded[0].flatten().sort().values[:-5]
    assert others.max() < 0.1 * minded[0].max()


def test_cells_lie_on_the_face(problem: Problem) -> None:
    side = problem.pixels.shape[-1]
    nose_row, nose_column = (int(TEMPLATE[2][axis] // 16) for axis in (1, 0))
    cell = torch.zeros(1, CELLS, CELLS)
    cell[0, nose_row, nose_column] = 1
    x, y = problem.landmarks[0, 2].round().long().tolist()
    assert laid(cell, problem.landmarks, side)[0, 0, y, x] > 0.5
    assert laid(torch.ones(1, CELLS, CELLS), problem.landmarks, side)[0, 0, 0, 0] == 0
