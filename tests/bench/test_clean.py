"""Recognisers on clean pictures, and on pairs, against independent counts."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.bench.conftest import made_up, write_people

from faceveil.bench.protocols.clean import Clean, Verification
from faceveil.bench.run import carry_out
from faceveil.core.errors import UsageError


@pytest.mark.parametrize("lost", [(), ("p00/1.png", "p03/0.png", "p03/2.png")])
def test_rank_1_and_tar_equal_an_independent_count(people: Path, lost: tuple[str, ...]) -> None:
    protocol = Clean(data=str(people), people="0:10", victims=("v", "w"), fars=(0.1, 0.01, 1e-4))
    plan = protocol.plan()
    items = made_up(plan, protocol.victims, lost=lost)
    names = [f"p{i:02d}/{k}.png" for i in range(10) for k in range(3)]
    kept = [name for name in names if name not in lost]
    figures = {(one.measure, one.at.get("victim")): one for one in plan.figures(items)}
    found = figures["faces found", None].value
    assert (found.mean, found.n) == (pytest.approx(len(kept) / 30), 30)
    by_name = {item.task.picture.name: item for item in items}
    for victim in protocol.victims:
        rows = np.array(
            [by_name[name].embeddings[victim, "as written"].numpy() for name in kept], float
        )
        cosines = rows @ rows.T
        np.fill_diagonal(cosines, -np.inf)
        has_other = [sum(other[:3] == name[:3] for other in kept) > 1 for name in kept]
        right = [
            kept[row.argmax()][:3] == name[:3] for row, name in zip(cosines, kept, strict=True)
        ]
        rank_1 = figures["Rank-1", victim].value
        assert rank_1.mean == pytest.approx(np.mean(np.array(right)[has_other]))
        assert rank_1.n == sum(has_other) == (30 if not lost else 26)
        pairs = list(combinations(range(len(kept)), 2))
        same = np.array([kept[i][:3] == kept[j][:3] for i, j in pairs])
        values = np.array([cosines[i, j] for i, j in pairs])
        falling = np.sort(values[~same])[::-1]
        for far in (0.1, 0.01):
            tar = figures[f"TAR@{far:g}", victim]
            assert tar.value.mean == pytest.approx(
                np.mean(values[same] > falling[int(far * len(falling) + 1e-9)])
            )
            assert tar.value.n == same.sum()
            assert f"from {len(falling)} impostor pairs" in tar.note
        assert ("TAR@0.0001", victim) not in figures


def test_people_with_one_picture_cannot_be_ranked(tmp_path: Path) -> None:
    write_people(tmp_path, 3, 1)
    with pytest.raises(UsageError, match="nobody has a second picture"):
        Clean(data=str(tmp_path)).plan()


def test_no_face_anywhere_is_a_sentence_and_not_a_crash(people: Path) -> None:
    plan = Clean(data=str(people), victims=("v",)).plan()
    nobody = made_up(plan, ["v"], lost={task.picture.name for task in plan.tasks})
    with pytest.raises(UsageError, match="No picture is left in which a face was found"):
        plan.figures(nobody)


@pytest.fixture
def write_bin(tmp_path: Path) -> Callable[[int], Path]:
    """A .bin set of so many pairs, every other one the same picture twice, a little changed."""

    def write(n_pairs: int) -> Path:
        draw = np.random.default_rng(0)
        encoded, same = [], []
        for i in range(n_pairs):
            first = draw.integers(0, 255, (6, 6, 3))
            second = first + draw.integers(-9, 9, first.shape) if i % 2 else first[::-1]
            same.append(bool(i % 2))
            for blots in (first, second):
                image = Image.fromarray(blots.clip(0, 255).astype(np.uint8))
                stream = BytesIO()
                image.resize((112, 112), Image.Resampling.BICUBIC).save(stream, "JPEG")
                encoded.append(stream.getvalue())
        path = tmp_path / "pairs.bin"
        path.write_bytes(pickle.dumps((encoded, same)))
        return path

    return write


def test_pairs_are_told_apart_fold_by_fold(
    write_bin: Callable[[int], Path], tmp_path: Path, recognisers: tuple[str, ...]
) -> None:
    protocol = Verification(data=str(write_bin(40)), alignment="aligned", victims=recognisers[:2])
    figures = carry_out(
        protocol, protocol.plan(), tmp_path / "run", cache=tmp_path / "cache", n_processes=1
    )
    assert [figure.at["victim"] for figure in figures] == list(recognisers[:2])
    for figure in figures:
        assert figure.value.mean > 0.9
        assert figure.value.n == 40
        assert "0 of 40 pairs left out" in figure.note


def test_accuracy_equals_an_independent_count(write_bin: Callable[[int], Path]) -> None:
    protocol = Verification(data=str(write_bin(50)), alignment="aligned", victims=("v",))
    plan = protocol.plan()
    lost = {"00007", "00020"}
    items = made_up(plan, ["v"], lost=lost)
    (figure,) = plan.figures(items)
    by_name = {item.task.picture.name: item for item in items}
    rows, answers, folds = [], [], []
    for i in range(50):
        ends = [f"{2 * i:05d}", f"{2 * i + 1:05d}"]
        if not lost & set(ends):
            first, second = (by_name[end].embeddings["v", "as written"].numpy() for end in ends)
            rows.append(float(first @ second))
            answers.append(bool(i % 2))
            folds.append(i * 10 // 50)
    cosines, same, fold = np.array(rows), np.array(answers), np.array(folds)
    right = np.zeros(len(cosines), bool)
    for number in range(10):
        others = fold != number
        edges = np.sort(cosines[others])
        middles = [edges[0] - 1, *((edges[1:] + edges[:-1]) / 2), edges[-1] + 1]
        scores = [((cosines[others] >= edge) == same[others]).mean() for edge in middles]
        right[~others] = (cosines[~others] >= middles[int(np.argmax(scores))]) == same[~others]
    assert figure.value.mean == pytest.approx(right.mean())
    assert figure.value.n == 48
    assert "2 of 50 pairs left out" in figure.note


def test_pairs_are_looked_at_as_they_were_made_to_be(write_bin: Callable[[int], Path]) -> None:
    with pytest.raises(UsageError, match="made for alignment=aligned; set that"):
        Verification(data=str(write_bin(10))).plan()
