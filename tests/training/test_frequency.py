"""The frequencies of faces: against scipy, back again, standardised, and as an ONNX file."""

from __future__ import annotations

from typing import get_args

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.training.frequency import (
    FREQUENCIES,
    Channels,
    Frequency,
    Spectrum,
    coefficients,
    draw_subsets,
    subset,
)

CHANNELS = get_args(Channels)
UPSAMPLING = (1, 2, 4, 8)


@pytest.fixture(scope="module")
def faces(portrait: NDArray[np.uint8]) -> torch.Tensor:
    """Eight crops of a face at 32 px, b 3 h w in [0, 1]."""
    pixels = torch.from_numpy(portrait.copy()).permute(2, 0, 1).float() / 255
    corners = [(60 + 12 * n, 170 + 8 * n) for n in range(8)]
    return torch.stack([pixels[:, y : y + 32, x : x + 32] for y, x in corners])


def fitted(faces: torch.Tensor, channels: Channels, upsampling: int) -> Frequency:
    frequency = Frequency(
        config.build(Spectrum, {"channels": channels, "upsampling": upsampling}, where="test")
    )
    frequency.fit([faces])
    return frequency


def test_its_colours_are_those_of_jpeg(faces: torch.Tensor) -> None:
    eight_bit = (faces[0].permute(1, 2, 0) * 255).round().byte().numpy()
    expected = np.asarray(Image.fromarray(eight_bit).convert("YCbCr"), dtype=np.float64) - 128
    means = expected.reshape(4, 8, 4, 8, 3).mean((1, 3)) * 8
    seen = coefficients(faces[:1].double(), 1)[0, [0, 64, 128]].permute(1, 2, 0)
    np.testing.assert_allclose(seen.numpy(), means, atol=6)


@pytest.mark.parametrize("upsampling", UPSAMPLING)
def test_a_channel_is_one_frequency_of_every_block(faces: torch.Tensor, upsampling: int) -> None:
    pixels = faces[:1].double()
    larger = torch.nn.functional.interpolate(pixels, scale_factor=upsampling, mode="bilinear")
    red, green, blue = 255 * larger[0].numpy()
    luma = 0.299 * red + 0.587 * green + 0.114 * blue - 128
    seen = coefficients(pixels, upsampling)[0]
    assert seen.shape == (192, 4 * upsampling, 4 * upsampling)
    expected = dctn(luma[8:16, -8:], norm="ortho")
    np.testing.assert_allclose(seen[:64, 1, -1].numpy(), expected.ravel(), atol=1e-9)


@pytest.mark.parametrize("upsampling", UPSAMPLING)
@pytest.mark.parametrize("channels", CHANNELS)
def test_the_convolution_is_the_definition(
    faces: torch.Tensor, channels: Channels, upsampling: int
) -> None:
    frequency = Frequency(Spectrum(channels, upsampling))
    expected = coefficients(faces.double(), upsampling)[:, frequency.spectrum.kept]
    torch.testing.assert_close(frequency(faces).double(), expected, atol=2e-3, rtol=1e-5)


def test_selections() -> None:
    assert {name: len(Spectrum(name).kept) for name in CHANNELS} == {
        "all": 192,
        "no-dc": 189,
        "ppfr-fd": 36,
        "partialface": 162,
    }
    pruned = sorted(set(range(64)) - set(FREQUENCIES["partialface"][0]))
    assert pruned == [0, 1, 2, 3, 8, 9, 10, 16, 17, 24]
    assert FREQUENCIES["ppfr-fd"][1] == [1, 8, 16, 9, 2, 3, 10, 17]
    assert not {0, 64, 128} & set(Spectrum("ppfr-fd").kept)


@pytest.mark.parametrize("upsampling", UPSAMPLING)
def test_all_channels_give_the_photo_back(faces: torch.Tensor, upsampling: int) -> None:
    frequency = fitted(faces, "all", upsampling)
    torch.testing.assert_close(frequency.inverse(frequency(faces)), faces, atol=1e-4, rtol=0)


def test_without_dc_every_block_comes_back_grey(faces: torch.Tensor) -> None:
    frequency = fitted(faces, "no-dc", 1)
    back = frequency.inverse(frequency(faces))
    means = torch.nn.functional.avg_pool2d(back, 8)
    torch.testing.assert_close(means, torch.full_like(means, 128 / 255), atol=1e-4, rtol=0)
    edges, seen_edges = (x[..., 1:8] - x[..., :7] for x in (faces, back))
    torch.testing.assert_close(seen_edges, edges, atol=1e-4, rtol=0)


def test_statistics_are_those_of_all_photos_together(faces: torch.Tensor) -> None:
    frequency = Frequency(Spectrum("no-dc", 2))
    frequency.fit([faces[:1], faces[1:6], faces[6:]])
    seen = coefficients(faces.double(), 2)[:, frequency.spectrum.kept].transpose(0, 1).flatten(1)
    torch.testing.assert_close(frequency.mean.double(), seen.mean(1), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(
        frequency.std.double(), seen.std(1, correction=0), atol=1e-3, rtol=1e-3
    )
    channels = frequency(faces).transpose(0, 1).flatten(1)
    assert channels.mean(1).abs().max() < 1e-3
    assert (channels.std(1, correction=0) - 1).abs().max() < 1e-3
    refitted = Frequency(Spectrum("no-dc", 2))
    refitted.load_state_dict(frequency.state_dict())
    assert torch.equal(refitted(faces), frequency(faces))


def test_a_grey_photo_has_no_colour_rather_than_noise(faces: torch.Tensor) -> None:
    grey = faces.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    frequency = fitted(grey, "all", 1)
    assert frequency(grey)[:, 64:].abs().max() < 0.01
    assert frequency(grey)[:, :64].std() > 0.5


def test_gradients_reach_the_photo(faces: torch.Tensor) -> None:
    frequency = Frequency(Spectrum("ppfr-fd", 2)).double()
    pixels = faces[:1, :, :8, :8].double().requires_grad_()

    def loss(x: torch.Tensor) -> torch.Tensor:
        return coefficients(x, 2)[:, frequency.spectrum.kept].square().sum()

    (expected,) = torch.autograd.grad(loss(pixels), pixels)
    (gradient,) = torch.autograd.grad(frequency(pixels).square().sum(), pixels)
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-2)


def test_subsets_share_nothing() -> None:
    dealt = draw_subsets(54, 9, torch.Generator().manual_seed(1))
    assert dealt.shape == (6, 9)
    assert sorted(dealt.flatten().tolist()) == list(range(54))


def test_a_subset_is_taken_of_every_colour(faces: torch.Tensor) -> None:
    channels = Frequency(Spectrum("partialface"))(faces[:2])
    frequencies = torch.tensor([[5, 0], [53, 2]])
    seen = subset(channels, frequencies)
    assert seen.shape == (2, 6, 4, 4)
    assert torch.equal(seen[0], channels[0, [5, 0, 59, 54, 113, 108]])
    assert torch.equal(seen[1], channels[1, [53, 2, 107, 56, 161, 110]])


def test_a_photo_is_cut_into_whole_blocks_or_refused() -> None:
    assert [Spectrum(upsampling=r).cells(112) for r in UPSAMPLING] == [14, 28, 56, 112]  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="30 px cannot be cut into blocks of 4 px"):
        Spectrum(upsampling=2).cells(30)


def test_statistics_of_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="no photos"):
        Frequency(Spectrum()).fit([])


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's exporter warns of itself
@pytest.mark.parametrize("upsampling", [1, 2])
def test_onnxruntime_sees_the_same(faces: torch.Tensor, upsampling: int) -> None:
    frequency = fitted(faces, "no-dc", upsampling).eval()
    program = torch.onnx.export(
        frequency, (faces[:2],), dynamic_shapes=({0: "n"},), dynamo=True, verbose=False
    )
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    (seen,) = session.run(None, {session.get_inputs()[0].name: faces.numpy()})
    np.testing.assert_allclose(seen, frequency(faces).numpy(), atol=1e-4)
