"""What ONNX's operators on tensors of any shape compute: arithmetic, reductions, shapes.

The conventions of :mod:`faceveil.recognisers.onnx.layers` hold here too.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.recognisers.onnx.layers import Numbers, find_axis

# ONNX's element types (TensorProto.DataType). Floats of all widths are one type in a module.
FLOATS = frozenset({1, 10, 11})
INTEGERS = frozenset({6, 7})


def leaky_relu(x: Float[Tensor, "..."], *, alpha: float = 0.01) -> Float[Tensor, "..."]:
    """LeakyRelu."""
    return F.leaky_relu(x, alpha)


def hard_sigmoid(
    x: Float[Tensor, "..."], *, alpha: float = 0.2, beta: float = 0.5
) -> Float[Tensor, "..."]:
    """HardSigmoid: alpha x + beta, held in [0, 1]."""
    return F.hardtanh(alpha * x + beta, 0.0, 1.0)


def clip(
    x: Float[Tensor, "..."], min: Tensor | float | None = None, max: Tensor | float | None = None
) -> Float[Tensor, "..."]:
    """Clip; where both bounds are numbers, by the kernel whose gradient is a single pass."""
    if isinstance(min, float | int) and isinstance(max, float | int) and min <= max:
        return F.hardtanh(x, min, max)
    x = x if min is None else torch.clamp(x, min=min)
    return x if max is None else torch.clamp(x, max=max)


def minimum(*xs: Tensor | float) -> Tensor:
    """Min of tensors and numbers."""
    least: Tensor
    least, *others = _tensors_first(xs)
    for x in others:
        least = torch.clamp(least, max=x)
    return least


def maximum(*xs: Tensor | float) -> Tensor:
    """Max of tensors and numbers."""
    most: Tensor
    most, *others = _tensors_first(xs)
    for x in others:
        most = torch.clamp(most, min=x)
    return most


def divide(a: Tensor | float, b: Tensor | float) -> Tensor:
    """Div, which drops the remainder of whole numbers."""
    if isinstance(a, Tensor) and not a.is_floating_point():
        return torch.div(a, b, rounding_mode="trunc")
    quotient: Tensor = operator.truediv(a, b)
    return quotient


def gemm(
    a: Float[Tensor, "m n"],
    b: Float[Tensor, "p q"],
    c: Float[Tensor, "..."] | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803 - ONNX's name
    transB: int = 0,  # noqa: N803
) -> Float[Tensor, "r s"]:
    """Gemm: alpha A B + beta C."""
    if a.dim() != 2 or b.dim() != 2:
        raise ValueError(f"it multiplies matrices, and gets {a.dim()} and {b.dim()} axes")
    a, b = a.t() if transA else a, b if transB else b.t()
    if c is not None and c.dim() == alpha == beta == 1:
        return F.linear(a, b, c)
    product = alpha * F.linear(a, b)
    return product if c is None else product + beta * c


def lp_normalization(
    x: Float[Tensor, "..."], *, axis: int = -1, p: int = 2
) -> Float[Tensor, "..."]:
    """LpNormalization; a zero vector stays zero."""
    return F.normalize(x, float(p), axis)


def softmax(x: Float[Tensor, "..."], *, axis: int = -1) -> Float[Tensor, "..."]:
    """Softmax along one axis."""
    return x.softmax(axis)


def softmax_flattened(x: Float[Tensor, "..."], *, axis: int = 1) -> Float[Tensor, "..."]:
    """Softmax before opset 13: over all axes from ``axis`` on."""
    return x.flatten(axis).softmax(-1).reshape(x.shape)


def reduce_mean(
    x: Float[Tensor, "..."],
    axes: Numbers = (),
    *,
    keepdims: int = 1,
    noop_with_empty_axes: int = 0,
) -> Float[Tensor, "..."]:
    """ReduceMean."""
    return x.mean(_reduced(x, axes, noop_with_empty_axes), keepdim=bool(keepdims))


def reduce_sum(
    x: Float[Tensor, "..."],
    axes: Numbers = (),
    *,
    keepdims: int = 1,
    noop_with_empty_axes: int = 0,
) -> Float[Tensor, "..."]:
    """ReduceSum."""
    return x.sum(_reduced(x, axes, noop_with_empty_axes), keepdim=bool(keepdims))


def reduce_l2(
    x: Float[Tensor, "..."],
    axes: Numbers = (),
    *,
    keepdims: int = 1,
    noop_with_empty_axes: int = 0,
) -> Float[Tensor, "..."]:
    """ReduceL2, whose gradient at zero is zero."""
    dims = _reduced(x, axes, noop_with_empty_axes)
    norm: Tensor = torch.linalg.vector_norm(x, 2, dims, keepdim=bool(keepdims))
    return norm


def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    """Flatten to a matrix."""
    axis = x.dim() if axis == x.dim() else find_axis(axis, x.dim())
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def reshape(x: Tensor, shape: Numbers, *, allowzero: int = 0) -> Tensor:
    """Reshape; while the batch stays first, -1 is worked out per image, so a batch may be empty."""
    sizes = [x.shape[i] if n == 0 and not allowzero else n for i, n in enumerate(_ints(shape))]
    if -1 in sizes[1:] and sizes[0] == x.shape[0]:
        sizes[sizes.index(-1)] = math.prod(x.shape[1:]) // -math.prod(sizes[1:])
    return x.reshape(sizes)


def transpose(x: Tensor, *, perm: Sequence[int] | None = None) -> Tensor:
    """Transpose; without ``perm`` the axes are reversed."""
    return x.permute(list(reversed(range(x.dim()))) if perm is None else list(perm))


def squeeze(x: Tensor, axes: Numbers | None = None) -> Tensor:
    """Squeeze axes that are named: else a batch of one would lose its own."""
    if axes is None:
        raise ValueError("it does not name its axes, so a batch of one image would lose its own")
    if any(x.shape[axis] != 1 for axis in _ints(axes)):
        raise ValueError(f"an axis of {_ints(axes)} in {tuple(x.shape)} is longer than one")
    return x.squeeze(_ints(axes))


def unsqueeze(x: Tensor, axes: Numbers) -> Tensor:
    """Unsqueeze; ``axes`` count in the result."""
    rank = x.dim() + len(axes)
    return functools.reduce(torch.unsqueeze, sorted(find_axis(axis, rank) for axis in axes), x)


def concat(*xs: Tensor | Sequence[int], axis: int) -> Tensor:
    """Concat."""
    return torch.cat([torch.as_tensor(x) for x in xs], axis)


def slice_axes(
    x: Tensor,
    starts: Numbers,
    ends: Numbers,
    axes: Numbers | None = None,
    steps: Numbers | None = None,
) -> Tensor:
    """Slice; a step may be negative, which turns BGR into RGB."""
    begin, end = _ints(starts), _ints(ends)
    dims = list(range(len(begin))) if axes is None else _ints(axes)
    strides = [1] * len(begin) if steps is None else _ints(steps)
    for axis, first, last, step in zip(dims, begin, end, strides, strict=True):
        kept = range(x.shape[axis])[first:last:step]
        x = x.index_select(axis, torch.tensor(kept, dtype=torch.long, device=x.device))
    return x


def gather(x: Tensor, indices: Tensor | int | Sequence[int], *, axis: int = 0) -> Tensor:
    """Gather; negative indices count from the end."""
    index = torch.as_tensor(indices, device=x.device)
    axis = find_axis(axis, x.dim())
    index = torch.where(index < 0, index + x.shape[axis], index)
    shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    return x.index_select(axis, index.flatten()).reshape(shape)


def shape_of(x: Tensor, *, start: int = 0, end: int | None = None) -> Int[Tensor, " axes"]:
    """Shape, kept where sizes live: on the CPU."""
    return torch.tensor(x.shape[start:end])


def constant(
    *,
    value: Tensor | None = None,
    value_float: float | None = None,
    value_floats: Sequence[float] | None = None,
    value_int: int | None = None,
    value_ints: Sequence[int] | None = None,
) -> Tensor:
    """Constant, of numbers."""
    candidates = (value, value_float, value_floats, value_int, value_ints)
    (given,) = (v for v in candidates if v is not None)
    return torch.as_tensor(given)


def constant_of_shape(shape: Tensor, *, value: Tensor | None = None) -> Tensor:
    """ConstantOfShape, of the few numbers that shape arithmetic needs."""
    sizes = _ints(shape)
    if math.prod(sizes) > 1 << 20:
        raise ValueError(f"a constant of shape {sizes} is not shape arithmetic")
    return (torch.zeros(1) if value is None else value).expand(sizes)


def cast(x: Tensor, *, to: int) -> Tensor:
    """Cast within floats or within integers, which are one type each, or to floats."""
    if to in FLOATS:
        return x if x.is_floating_point() else x.float()
    if to in INTEGERS and not x.is_floating_point():
        return x
    raise ValueError(f"it casts {x.dtype} to the ONNX type {to}, through which no gradient flows")


def identity(x: Tensor) -> Tensor:
    """Identity."""
    return x


def dropout(x: Tensor, ratio: Tensor | float = 0.5, training_mode: Tensor | int = 0) -> Tensor:
    """Dropout, which at inference does nothing."""
    if training_mode:
        raise ValueError("it drops at random, as in training")
    return x


def _ints(values: Numbers) -> list[int]:
    return [int(v) for v in values]


def _tensors_first(xs: Iterable[Tensor | float]) -> list[Any]:
    return sorted(xs, key=lambda x: not isinstance(x, Tensor))


def _reduced(x: Tensor, axes: Numbers, noop_with_empty_axes: int) -> list[int]:
    if not len(axes) and noop_with_empty_axes:
        raise ValueError("it reduces no axes (noop_with_empty_axes)")
    return _ints(axes) or list(range(x.dim()))
