from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import save_file
from torch.nn.functional import normalize

from faceveil.core.errors import ModelError, UsageError
from faceveil.recognisers import gallery as module
from faceveil.recognisers.card import Card, Crop
from faceveil.recognisers.gallery import Gallery, top_k

CROP = Crop(112, ((0.0, 0.0),) * 5, "rgb", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
CARD = Card("small", "Small", "MIT", "here", "small.onnx", "a" * 64, 16, CROP)


def units(n: int, seed: int = 0) -> torch.Tensor:
    return normalize(torch.randn(n, 16, generator=torch.Generator().manual_seed(seed)), dim=1)


def filled(n: int, *, faiss_rows: int = 10**9, repeats: int = 1) -> Gallery:
    gallery = Gallery(CARD, faiss_rows=faiss_rows)
    gallery.add([str(row) for row in range(n * repeats)], units(n).repeat(repeats, 1))
    return gallery


def test_search_finds_what_sorting_all_similarities_finds() -> None:
    gallery, queries = filled(500), units(40, seed=1)
    found = gallery.search(queries, 7)
    expected = (queries @ gallery.embeddings.T).sort(descending=True, stable=True)
    assert found.labels == tuple(
        tuple(str(i) for i in row) for row in expected.indices[:, :7].tolist()
    )
    torch.testing.assert_close(found.similarities, expected.values[:, :7])


def test_equal_entries_come_in_the_order_they_were_added() -> None:
    found = filled(20, repeats=5).search(units(20), 4)
    assert found.labels == tuple((str(i), str(i + 20), str(i + 40), str(i + 60)) for i in range(20))


def test_small_blocks_give_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, queries = filled(300, repeats=2), units(300, seed=2)
    whole = gallery.search(queries, 50)
    monkeypatch.setattr(module, "_CELLS", 300 * 7)
    blocks = gallery.search(queries, 50)
    torch.testing.assert_close(blocks.similarities, whole.similarities)
    assert blocks.labels == whole.labels


@pytest.mark.parametrize("k", [1, 10, 25, 150])
@pytest.mark.parametrize("repeats", [1, 3])
def test_faiss_and_torch_agree(k: int, repeats: int) -> None:
    pytest.importorskip("faiss")
    queries = units(9, seed=3)
    by_torch = filled(200, repeats=repeats).search(queries, k)
    by_faiss = filled(200, repeats=repeats, faiss_rows=1).search(queries, k)
    assert by_faiss.labels == by_torch.labels
    torch.testing.assert_close(by_faiss.similarities, by_torch.similarities)


def test_without_faiss_a_large_gallery_is_searched_by_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    found = filled(50, faiss_rows=1).search(units(50)[:2], 1)
    assert found.labels == (("0",), ("1",))


def test_more_results_than_entries_are_all_entries() -> None:
    assert len(filled(3).search(units(1), 10).labels[0]) == 3
    assert len(filled(3, faiss_rows=1).search(units(1), 10).labels[0]) == 3


def test_an_empty_gallery_finds_nothing() -> None:
    found = Gallery(CARD).search(units(2), 5)
    assert not found
    assert found.labels == ((), ())
    assert found.similarities.shape == (2, 0)


def test_no_query_finds_nothing() -> None:
    assert not filled(3).search(torch.empty(0, 16), 2)


@pytest.mark.parametrize(
    ("labels", "embeddings", "words"),
    [
        (["a"], units(2), "as many labels"),
        (["a"], torch.ones(1, 16), "unit vectors"),
        (["a"], torch.full((1, 16), torch.nan), "unit vectors"),
        (["a"], torch.ones(1, 8), "16 numbers a face"),
        (["a"], torch.ones(16), "16 numbers a face"),
    ],
)
@pytest.mark.usefixtures("any_shape")
def test_what_does_not_belong_is_refused(
    labels: list[str], embeddings: torch.Tensor, words: str
) -> None:
    gallery = filled(3)
    with pytest.raises(UsageError, match=words):
        gallery.add(labels, embeddings)
    assert len(gallery) == 3


def test_a_search_for_no_result_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        filled(3).search(units(1), 0)


def test_saved_and_loaded_galleries_are_equal(tmp_path: Path) -> None:
    gallery = Gallery(CARD)
    gallery.add(["Zoë", "a/b", ""], units(3))
    gallery.add(["Zoë"], units(1, seed=5))
    gallery.save(tmp_path / "g.safetensors")
    loaded = Gallery.load(tmp_path / "g.safetensors", CARD)
    assert loaded.labels == gallery.labels
    assert len(loaded) == 4
    assert torch.equal(loaded.embeddings, gallery.embeddings)


def test_another_recognisers_gallery_is_refused(tmp_path: Path) -> None:
    filled(3).save(tmp_path / "g.safetensors")
    retrained = Card("small", "Small", "MIT", "here", "small.onnx", "b" * 64, 16, CROP)
    other = Card("other", "Other", "MIT", "here", "other.onnx", "a" * 64, 16, CROP)
    for card in (retrained, other):
        with pytest.raises(ModelError, match="made with the recogniser small"):
            Gallery.load(tmp_path / "g.safetensors", card)


@pytest.mark.parametrize("data", [b"", b"not safetensors", b"\xff" * 100])
def test_a_damaged_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "g.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match=r"g\.safetensors"):
        Gallery.load(tmp_path / "g.safetensors", CARD)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no gallery that can be read"):
        Gallery.load(tmp_path / "g.safetensors", CARD)


def test_a_file_with_too_few_labels_is_refused(tmp_path: Path) -> None:
    labels = torch.frombuffer(bytearray(b'["a"]'), dtype=torch.uint8)
    path = tmp_path / "g.safetensors"
    origin = {"recogniser": "small", "sha256": "a" * 64}
    save_file({"embeddings": units(2), "labels": labels}, path, origin)
    with pytest.raises(ModelError, match="damaged"):
        Gallery.load(path, CARD)


@settings(deadline=None)
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 20)),
        elements=st.sampled_from([-1.0, -0.5, -0.0, 0.0, 1e-30, -1e-30, 0.5, 1.0]),
    ),
    st.data(),
)
def test_top_k_is_a_stable_sort(values: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, values.shape[1]))
    expected = np.argsort(-values, axis=1, kind="stable")[:, :k]
    assert np.array_equal(top_k(torch.from_numpy(values), k).numpy(), expected)
