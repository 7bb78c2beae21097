"""What ONNX's operators on images compute: convolution, normalisation, pooling, padding, resizing.

A function's parameters are the operator's inputs and then its attributes, by their ONNX names and
with their ONNX defaults; what ONNX turned from an attribute into an input keeps its name, so one
parameter serves old and new files. Every function also takes a batch of no images, and raises
``ValueError`` with a reason where torch has no exact counterpart.
Source: https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

# Settings are lists in a graph, and tensors while constants are folded.
Numbers: TypeAlias = Sequence[int] | Sequence[float] | Tensor

_PAD_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}

# Damaged numbers would fill the memory: no network pads or enlarges an image by more.
_MAX_PAD_PX = 4096
_MAX_SCALE = 64

# (mode, coordinate_transformation_mode, nearest_mode) to torch's (mode, align_corners).
_RESIZE_MODES = {
    ("nearest", "asymmetric", "floor"): ("nearest", None),
    ("nearest", "half_pixel", "round_prefer_ceil"): ("nearest-exact", None),
    ("linear", "half_pixel", None): ("bilinear", False),
    ("linear", "pytorch_half_pixel", None): ("bilinear", False),
    ("linear", "align_corners", None): ("bilinear", True),
}


def conv(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "k c_group m n"],
    bias: Float[Tensor, " k"] | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (1, 1),
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] = (0, 0, 0, 0),
    strides: Sequence[int] = (1, 1),
) -> Float[Tensor, "b k p q"]:
    """Conv, padded evenly or not."""
    kernel = _kernel(weight, kernel_shape)
    pads = _resolve_pads(x, kernel, auto_pad, dilations=dilations, pads=pads, strides=strides)
    x, padding = _pad_unevenly(x, pads)
    return F.conv2d(x, weight, bias, list(strides), padding, list(dilations), group)


def conv_transpose(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "c k_group m n"],
    bias: Float[Tensor, " k"] | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] = (1, 1),
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    output_padding: Sequence[int] = (0, 0),
    pads: Sequence[int] = (0, 0, 0, 0),
    strides: Sequence[int] = (1, 1),
) -> Float[Tensor, "b k p q"]:
    """ConvTranspose; its pads crop what was made."""
    _kernel(weight, kernel_shape)
    if auto_pad != "NOTSET":
        raise ValueError(f"auto_pad {auto_pad!r} leaves its size open; give its pads")
    x, step = _images(x), list(strides)
    y = F.conv_transpose2d(x, weight, bias, step, 0, list(output_padding), group, list(dilations))
    return _pad_image(y, [-n for n in pads])


def batch_normalization(
    x: Float[Tensor, "b c ..."],
    scale: Float[Tensor, " c"],
    bias: Float[Tensor, " c"],
    mean: Float[Tensor, " c"],
    var: Float[Tensor, " c"],
    *,
    epsilon: float = 1e-5,
    spatial: int = 1,
    training_mode: int = 0,
) -> Float[Tensor, "b c ..."]:
    """BatchNormalization by the statistics that training left."""
    if training_mode or not spatial:
        raise ValueError("it normalises by the batch or by the pixel, not by stored statistics")
    if any(t.shape != x.shape[1:2] for t in (scale, bias, mean, var)):
        raise ValueError(f"its statistics do not fit {x.shape[1]} channels")
    return F.batch_norm(x, mean, var, scale, bias, False, 0.0, epsilon)


def p_relu(x: Float[Tensor, "b ..."], slope: Float[Tensor, "..."]) -> Float[Tensor, "b ..."]:
    """PRelu: relu(x) + slope (x - relu(x)).

    The backward of ``F.prelu`` is slower: it also makes the gradient of the slope.
    """
    y = torch.lerp(torch.relu(x), x, slope)
    if y.shape != x.shape:
        raise ValueError(f"its slopes {tuple(slope.shape)} do not fit {tuple(x.shape)}")
    return y


def global_average_pool(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 1 1"]:
    """GlobalAveragePool."""
    return _images(x).mean((2, 3), keepdim=True)


def global_max_pool(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 1 1"]:
    """GlobalMaxPool."""
    return _images(x).amax((2, 3), keepdim=True)


def average_pool(
    x: Float[Tensor, "b c h w"],
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    strides: Sequence[int] = (1, 1),
) -> Float[Tensor, "b c p q"]:
    """AveragePool; unless ``count_include_pad``, over what of a window lies in the image."""
    if set(dilations) != {1}:
        raise ValueError("torch cannot average over a dilated window")
    pads = _resolve_pads(x, kernel_shape, auto_pad, dilations=dilations, pads=pads, strides=strides)
    padded, padding = _pad_unevenly(x, pads)
    if padded is not x and ceil_mode:
        raise ValueError("torch cannot pool with both uneven pads and ceil_mode")
    kernel, step = list(kernel_shape), list(strides)
    means = F.avg_pool2d(padded, kernel, step, padding, bool(ceil_mode), bool(count_include_pad))
    if padded is x or count_include_pad:
        return means
    inside = _pad_image(torch.ones_like(x[:, :1]), pads)
    return means / F.avg_pool2d(inside, kernel, step)


def max_pool(
    x: Float[Tensor, "b c h w"],
    *,
    kernel_shape: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    strides: Sequence[int] = (1, 1),
) -> Float[Tensor, "b c p q"]:
    """MaxPool, without its indices."""
    pads = _resolve_pads(x, kernel_shape, auto_pad, dilations=dilations, pads=pads, strides=strides)
    padded, padding = _pad_unevenly(x, pads, -math.inf)
    if padded is not x and ceil_mode:
        raise ValueError("torch cannot pool with both uneven pads and ceil_mode")
    kernel, step = list(kernel_shape), list(strides)
    return F.max_pool2d(padded, kernel, step, padding, list(dilations), bool(ceil_mode))


def pad(
    x: Float[Tensor, "..."],
    pads: Numbers,
    constant_value: Tensor | float | None = None,
    axes: Numbers | None = None,
    *,
    mode: str = "constant",
    value: float = 0.0,
) -> Float[Tensor, "..."]:
    """Pad with a constant on any axis, or with its own pixels at the sides of an image."""
    if mode not in _PAD_MODES:
        raise ValueError(f"the mode {mode!r} is not known")
    begin, end = _halves([int(n) for n in pads])
    if max(map(abs, (*begin, *end)), default=0) > _MAX_PAD_PX:
        raise ValueError(f"it pads by more than {_MAX_PAD_PX} px")
    padded_axes = [find_axis(axis, x.dim()) for axis in (range(x.dim()) if axes is None else axes)]
    by_axis = dict(zip(padded_axes, zip(begin, end, strict=True), strict=True))
    last_axis_first = [n for axis in reversed(range(x.dim())) for n in by_axis.get(axis, (0, 0))]
    if mode == "constant":
        fill = value if constant_value is None else float(constant_value)
        return F.pad(x, last_axis_first, value=fill)
    if any(last_axis_first[4:]):
        raise ValueError(f"in the mode {mode!r} only the sides of an image can be padded")
    return F.pad(_images(x), last_axis_first[:4], _PAD_MODES[mode])


def resize(
    x: Float[Tensor, "b c h w"],
    roi: Numbers | None = None,
    scales: Numbers | None = None,
    sizes: Numbers | None = None,
    *,
    antialias: int = 0,
    axes: Sequence[int] = (0, 1, 2, 3),
    coordinate_transformation_mode: str = "half_pixel",
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Float[Tensor, "b c p q"]:
    """Resize in the modes that torch has exactly; none of them looks at ``roi``."""
    rule = nearest_mode if mode == "nearest" else None
    torch_mode = _RESIZE_MODES.get((mode, coordinate_transformation_mode, rule))
    if torch_mode is None or antialias or keep_aspect_ratio_policy != "stretch":
        asked = ", ".join(filter(None, (mode, coordinate_transformation_mode, rule)))
        raise ValueError(f"its mode ({asked}) has no exact counterpart in torch")
    axes = [find_axis(axis, 4) for axis in axes]
    sides, factors = None, None
    if sizes is not None and len(sizes):
        size = dict(zip(axes, map(int, sizes), strict=True))
        sides = [size.get(axis, x.shape[axis]) for axis in (2, 3)]
        factor = {axis: n / x.shape[axis] for axis, n in size.items() if axis > 0}
    else:
        factor = dict(zip(axes, map(float, () if scales is None else scales), strict=True))
        factors = [factor.get(axis, 1.0) for axis in (2, 3)]
    if factor.get(0, 1.0) != 1 or factor.get(1, 1.0) != 1 or max(factor.values()) > _MAX_SCALE:
        raise ValueError(f"it resizes more than two sides, or to more than {_MAX_SCALE} times")
    resized = F.interpolate(_images(x), sides, factors, *torch_mode)
    if coordinate_transformation_mode == "pytorch_half_pixel" and 1 in resized.shape[2:]:
        raise ValueError("torch resizes to one pixel otherwise than pytorch_half_pixel says")
    return resized


def upsample(
    x: Float[Tensor, "b c h w"], scales: Numbers, *, mode: str = "nearest"
) -> Float[Tensor, "b c p q"]:
    """Upsample, and Resize before opset 11: both repeat pixels."""
    if mode != "nearest" or any(float(scale) < 1 for scale in scales):
        raise ValueError("only enlarging by repeating pixels has an exact counterpart in torch")
    return resize(
        x, None, scales, coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )


def find_axis(axis: int | float | Tensor, rank: int) -> int:
    """An axis counted from the front; the last of ``rank`` axes may be given as -1."""
    return range(rank)[int(axis)]


def _images(x: Tensor) -> Tensor:
    if x.dim() != 4:
        raise ValueError(f"it needs four axes (b c h w), and gets {x.dim()}")
    return x


def _halves(pads: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    return pads[: len(pads) // 2], pads[len(pads) // 2 :]


def _kernel(weight: Tensor, declared: Sequence[int] | None) -> Sequence[int]:
    kernel = list(_images(weight).shape[2:])
    if declared is not None and list(declared) != kernel:
        raise ValueError(f"its kernel_shape {list(declared)} is not that of its weights, {kernel}")
    return kernel


def _resolve_pads(
    x: Tensor,
    kernel: Sequence[int],
    auto_pad: str,
    *,
    dilations: Sequence[int],
    pads: Sequence[int],
    strides: Sequence[int],
) -> Sequence[int]:
    """Top, left, bottom, right; SAME makes ceil(side / stride) outputs whatever the kernel."""
    if auto_pad == "NOTSET":
        return pads
    if auto_pad == "VALID":
        return [0, 0, 0, 0]
    if auto_pad not in {"SAME_UPPER", "SAME_LOWER"}:
        raise ValueError(f"the auto_pad {auto_pad!r} is not known")
    sides = zip(_images(x).shape[2:], kernel, strides, dilations, strict=True)
    total = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in sides]
    smaller, larger = [n // 2 for n in total], [n - n // 2 for n in total]
    return smaller + larger if auto_pad == "SAME_UPPER" else larger + smaller


def _pad_unevenly(x: Tensor, pads: Sequence[int], value: float = 0.0) -> tuple[Tensor, list[int]]:
    """The image and the padding still to come, since torch's own operators pad evenly only."""
    begin, end = _halves(pads)
    if list(begin) == list(end):
        return _images(x), list(begin)
    return _pad_image(x, pads, value), [0, 0]


def _pad_image(x: Tensor, pads: Sequence[int], value: float = 0.0) -> Tensor:
    top, left, bottom, right = pads
    return F.pad(_images(x), [left, right, top, bottom], value=value) if any(pads) else _images(x)
