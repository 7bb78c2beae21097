"""What a problem says of its targets."""

from __future__ import annotations

import torch

from faceveil.masks.problem import Problem


def test_the_nearest_and_farthest_target_are_those_of_least_and_greatest_loss(
    problem: Problem,
) -> None:
    still = torch.zeros_like(problem.pixels)
    losses = problem.losses(still)
    assert losses.shape == (1, 4)
    torch.testing.assert_close(
        problem.towards_nearest().losses(still), losses.min(dim=1, keepdim=True).values
    )
    torch.testing.assert_close(
        problem.towards_farthest().losses(still), losses.max(dim=1, keepdim=True).values
    )
