"""Goals against distances worked out by hand."""

from __future__ import annotations

import pytest
import torch

from faceveil.core.goal import Dodge, Impersonate

SOURCE = torch.tensor([[1.0, 0.0]])
VEILED = torch.tensor([[0.6, 0.8]])
PEOPLE = {"ada": torch.tensor([[0.0, 1.0], [-1.0, 0.0]])}


def test_dodge_is_minus_the_squared_distance() -> None:
    losses = Dodge().losses("ada", VEILED, SOURCE)
    torch.testing.assert_close(losses, torch.tensor([[-0.8]]))


def test_impersonate_has_a_column_for_each_target() -> None:
    losses = Impersonate(PEOPLE).losses("ada", VEILED, SOURCE)
    torch.testing.assert_close(losses, torch.tensor([[0.4, 3.2]]))


def test_goals_combine_with_and() -> None:
    both = Dodge() & Impersonate(PEOPLE)
    torch.testing.assert_close(both.losses("ada", VEILED, SOURCE), torch.tensor([[-0.4, 2.4]]))
    assert both.targets is PEOPLE
    assert Dodge().targets is None


def test_losses_take_leading_dimensions() -> None:
    many = VEILED.expand(4, 3, 1, 2)
    assert (Dodge() & Impersonate(PEOPLE)).losses("ada", many, SOURCE).shape == (4, 3, 1, 2)


@pytest.mark.parametrize(
    ("to_source", "to_targets", "dodged", "impersonated"),
    [
        (0.2, 0.7, True, True),
        (0.2, 0.3, True, False),
        (0.6, 0.7, False, True),
        (0.5, None, False, False),
    ],
)
def test_what_meets_a_goal(
    to_source: float, to_targets: float | None, dodged: bool, impersonated: bool
) -> None:
    dodge, impersonate = Dodge(), Impersonate(PEOPLE)
    assert dodge.met(to_source, to_targets, 0.5) is dodged
    assert impersonate.met(to_source, to_targets, 0.5) is impersonated
    assert (dodge & impersonate).met(to_source, to_targets, 0.5) is (dodged and impersonated)
