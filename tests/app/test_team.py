from __future__ import annotations

from pathlib import Path

import pytest
import torch

from faceveil.app import team
from faceveil.app.models import People
from faceveil.core.errors import UsageError


def test_teams_are_ranked_on_the_pairs_each_gets_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    draw = torch.Generator().manual_seed(0)
    labels = tuple(f"person{i // 2}" for i in range(40))
    base = torch.randn(20, 6, generator=draw).repeat_interleave(2, 0)

    def rows(noise: float) -> torch.Tensor:
        mixed = base + noise * torch.randn(40, 6, generator=draw)
        return torch.nn.functional.normalize(mixed, dim=1)

    one = rows(0.7)
    embeddings = {"mobilefacenet": one, "faceres": one.clone(), "dlib": rows(0.7)}
    people = People(labels, embeddings, ())
    monkeypatch.setattr(team, "embed_people", lambda *args, **kwargs: people)
    ranked = team.rank(tmp_path, 2)
    assert ranked.n_pairs == 40 * 39 // 2
    assert ranked.n_people == 20
    assert ranked.teams[-1].members == ("mobilefacenet", "faceres")
    assert ranked.teams[-1].diversity == pytest.approx(0)
    assert (ranked.teams[0].diversity or 0) > 0.3


def test_a_pool_too_small_is_refused_before_anything_is_embedded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pool of 1"):
        team.rank(tmp_path, 2, ["mobilefacenet"])
