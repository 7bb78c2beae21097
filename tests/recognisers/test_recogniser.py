from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from skimage.transform import SimilarityTransform
from torch import nn

from faceveil.core.errors import ModelError
from faceveil.recognisers.card import read_card
from faceveil.recognisers.recogniser import Recogniser


@pytest.fixture
def recogniser(tiny_pair: Path) -> Recogniser:
    return Recogniser.load(tiny_pair)


def faces(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches of smooth noise, and landmarks of upright faces somewhere inside."""
    draw = torch.Generator().manual_seed(seed)
    patches = nn.functional.interpolate(
        torch.rand(n, 3, 9, 8, generator=draw), (72, 64), mode="bicubic", align_corners=True
    ).clamp(0, 1)
    upright = torch.tensor([(20.0, 25.0), (42, 24), (31, 37), (23, 50), (40, 51)])
    return patches, upright + 3 * torch.rand(n, 5, 2, generator=draw)


def shift(n: int, x: float, y: float) -> torch.Tensor:
    return torch.tensor([[1.0, 0.0, x], [0.0, 1.0, y]]).expand(n, 2, 3)


def test_a_crop_is_the_patch_with_its_landmarks_on_the_template(recogniser: Recogniser) -> None:
    patches, landmarks = faces(2)
    crops = recogniser.align(patches, landmarks)
    size_px = recogniser.card.crop.size_px
    rows, columns = np.mgrid[:size_px, :size_px]
    points = np.stack((columns, rows), -1).reshape(-1, 2)
    for index in range(2):
        fitted = SimilarityTransform.from_estimate(
            landmarks[index].double().numpy(), np.array(recogniser.card.crop.template)
        )
        where = fitted.inverse(points)[:, ::-1].T
        for channel in range(3):
            plane = patches[index, channel].numpy()
            expected = map_coordinates(plane, where, order=1, mode="grid-constant")
            ours = crops[index, channel].flatten()
            np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_embeddings_are_the_networks_on_prepared_crops(recogniser: Recogniser) -> None:
    crops = torch.rand(3, 3, 24, 24)
    raw = recogniser.network((255 * crops - 127.5) / 128)
    embeddings = recogniser.embed(crops)
    torch.testing.assert_close(embeddings, raw / raw.norm(dim=1, keepdim=True))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))


def test_channels_mean_and_scale_follow_the_card(recogniser: Recogniser) -> None:
    crop = replace(
        recogniser.card.crop, channels="bgr", mean=(10.0, 20.0, 30.0), std=(1.0, 2.0, 4.0)
    )
    other = Recogniser(replace(recogniser.card, crop=crop), recogniser.network)
    crops = torch.rand(2, 3, 24, 24)
    red, green, blue = (255 * crops).unbind(1)
    raw = recogniser.network(torch.stack([blue - 10, (green - 20) / 2, (red - 30) / 4], dim=1))
    torch.testing.assert_close(other.embed(crops), nn.functional.normalize(raw, dim=1))


def test_calling_is_aligning_then_embedding(recogniser: Recogniser) -> None:
    patches, landmarks = faces(2)
    aligned = recogniser.align(patches, landmarks)
    assert torch.equal(recogniser(patches, landmarks), recogniser.embed(aligned))


def test_a_batch_gives_what_each_face_gives_alone(recogniser: Recogniser) -> None:
    patches, landmarks = faces(5)
    together = recogniser(patches, landmarks)
    alone = [recogniser(patches[i : i + 1], landmarks[i : i + 1]) for i in range(5)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_the_identity_jitter_is_no_jitter(recogniser: Recogniser) -> None:
    patches, landmarks = faces(3)
    torch.testing.assert_close(
        recogniser.align(patches, landmarks, shift(3, 0, 0)), recogniser.align(patches, landmarks)
    )


def test_a_jitter_moves_the_crop_in_units_of_half_its_side(recogniser: Recogniser) -> None:
    patches, landmarks = faces(3)
    still = recogniser.align(patches, landmarks)
    moved = recogniser.align(patches, landmarks, shift(3, 2 / 24, -2 * 3 / 24))
    torch.testing.assert_close(moved[:, :, :-3, 1:], still[:, :, 3:, :-1], atol=1e-4, rtol=0)


def test_a_jitter_turns_the_crop_about_its_centre(recogniser: Recogniser) -> None:
    patches, landmarks = faces(2)
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]).expand(2, 2, 3)
    turned = recogniser.align(patches, landmarks, quarter)
    still = recogniser.align(patches, landmarks)
    torch.testing.assert_close(turned, torch.rot90(still, -1, (2, 3)), atol=1e-4, rtol=0)


def test_each_face_has_its_own_jitter(recogniser: Recogniser) -> None:
    patches, landmarks = faces(2)
    jitter = torch.cat([shift(1, 0, 0), shift(1, 0.5, 0)])
    crops = recogniser.align(patches, landmarks, jitter)
    assert torch.allclose(crops[0], recogniser.align(patches, landmarks)[0])
    assert not torch.allclose(crops[1], recogniser.align(patches, landmarks)[1])


def test_gradients_by_finite_differences(recogniser: Recogniser) -> None:
    """In float64, of patches, landmarks and jitter, off the kinks of bilinear sampling."""
    exact = recogniser.double()
    patches, landmarks = faces(1)
    direction = nn.functional.normalize(torch.ones(8, dtype=torch.float64), dim=0)
    inputs = [patches.double(), landmarks.double(), shift(1, 0.03, 0.01).double()]
    steps = [torch.randn(x.shape, generator=torch.Generator().manual_seed(1)) for x in inputs]
    leaves = [x.clone().requires_grad_() for x in inputs]
    (exact(*leaves) @ direction).sum().backward()
    for index, (leaf, step) in enumerate(zip(leaves, steps, strict=True)):
        h = 1e-7
        sides = [
            exact(*(x + s * h * step if i == index else x for i, x in enumerate(inputs)))
            for s in (1, -1)
        ]
        slope = ((sides[0] - sides[1]) @ direction).item() / (2 * h)
        assert leaf.grad is not None
        assert (leaf.grad * step).sum().item() == pytest.approx(slope, rel=1e-4, abs=1e-8)
        assert slope != 0


def test_weights_do_not_ask_for_gradients(recogniser: Recogniser) -> None:
    assert not any(parameter.requires_grad for parameter in recogniser.parameters())
    assert not recogniser.training


def test_dtype_and_device_follow_the_module(recogniser: Recogniser) -> None:
    patches, landmarks = faces(2)
    single = recogniser(patches.double(), landmarks.double())
    assert single.dtype == torch.float32
    double = recogniser.double()(patches, landmarks)
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, atol=1e-4, rtol=0)
    assert recogniser.device == torch.device("cpu")


def test_threads_may_share_one_recogniser(recogniser: Recogniser) -> None:
    batches = [faces(3, seed) for seed in range(24)]
    alone = [recogniser(*batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda batch: recogniser(*batch), batches))
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other)


def test_a_call_changes_neither_its_input_nor_the_module(recogniser: Recogniser) -> None:
    patches, landmarks = faces(2)
    copies = patches.clone(), landmarks.clone()
    before = {name: tensor.clone() for name, tensor in recogniser.state_dict().items()}
    recogniser(patches, landmarks, shift(2, 0.1, 0.1))
    assert torch.equal(patches, copies[0])
    assert torch.equal(landmarks, copies[1])
    assert all(torch.equal(before[name], t) for name, t in recogniser.state_dict().items())


def test_black_and_white_faces_embed(recogniser: Recogniser) -> None:
    patches, landmarks = faces(2)
    grey = patches.mean(1, keepdim=True).expand_as(patches)
    embeddings = recogniser(torch.cat([grey, torch.zeros_like(grey)]), landmarks.repeat(2, 1, 1))
    assert torch.isfinite(embeddings).all()
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(4))


def test_landmarks_at_one_point_give_finite_gradients(recogniser: Recogniser) -> None:
    patches, _ = faces(1)
    landmarks = torch.full((1, 5, 2), 30.0, requires_grad=True)
    recogniser(patches.requires_grad_(), landmarks).sum().backward()
    assert patches.grad is not None
    assert landmarks.grad is not None
    assert torch.isfinite(patches.grad).all()
    assert torch.isfinite(landmarks.grad).all()


def test_a_card_that_promises_another_size_is_refused(tiny_pair: Path) -> None:
    text = tiny_pair.read_text().replace("embedding_size = 8", "embedding_size = 16")
    tiny_pair.write_text(text)
    with pytest.raises(ModelError, match=r"tiny\.onnx: two crops give \(2, 8\).*promises 16"):
        Recogniser.load(tiny_pair)


def test_a_card_with_other_crops_is_refused(tiny_pair: Path) -> None:
    tiny_pair.write_text(tiny_pair.read_text().replace("size_px = 24", "size_px = 32"))
    with pytest.raises(ModelError, match=r"tiny\.onnx: .*two crops of 32 px"):
        Recogniser.load(tiny_pair)


def test_a_network_that_sees_nothing_is_refused(
    tiny_pair: Path, onnx_file: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blind(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(x), 8)

    monkeypatch.setattr("faceveil.recognisers.onnx.importer.from_bytes", lambda *_: Blind())
    with pytest.raises(ModelError, match="does not tell two crops of noise apart"):
        Recogniser.from_bytes(read_card(tiny_pair), onnx_file(), "blind.onnx")


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"", lambda data: b"no"])
def test_damaged_weights_are_refused(tiny_pair: Path, damage: Callable[[bytes], bytes]) -> None:
    data = damage(tiny_pair.with_suffix(".onnx").read_bytes())
    tiny_pair.with_suffix(".onnx").write_bytes(data)
    with pytest.raises(ModelError, match="not the file its card was written for"):
        Recogniser.load(tiny_pair)
    with pytest.raises(ModelError, match=r"tiny\.onnx"):
        Recogniser.from_bytes(read_card(tiny_pair), data, "tiny.onnx")
