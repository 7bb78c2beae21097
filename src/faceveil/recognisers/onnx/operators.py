"""The ONNX operators that face networks use, each with the function that computes it.

An operator is added by writing its function in :mod:`faceveil.recognisers.onnx.layers` or
:mod:`faceveil.recognisers.onnx.tensors` and one line of the table here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from faceveil.recognisers.onnx import layers, tensors

Function: TypeAlias = Callable[..., Tensor]


def find(op_type: str, opset: int) -> Function | None:
    """What computes ``op_type`` of ONNX's operator set ``opset``; None where nothing does."""
    changed_at, before = _CHANGED.get(op_type, (0, None))
    return before if opset < changed_at else _OPERATORS.get(op_type)


_OPERATORS: dict[str, Function] = {
    "Abs": torch.abs,
    "Add": operator.add,
    "AveragePool": layers.average_pool,
    "BatchNormalization": layers.batch_normalization,
    "Cast": tensors.cast,
    "Clip": tensors.clip,
    "Concat": tensors.concat,
    "Constant": tensors.constant,
    "ConstantOfShape": tensors.constant_of_shape,
    "Conv": layers.conv,
    "ConvTranspose": layers.conv_transpose,
    "Div": tensors.divide,
    "Dropout": tensors.dropout,
    "Flatten": tensors.flatten,
    "Gather": tensors.gather,
    "Gemm": tensors.gemm,
    "GlobalAveragePool": layers.global_average_pool,
    "GlobalMaxPool": layers.global_max_pool,
    "HardSigmoid": tensors.hard_sigmoid,
    "HardSwish": F.hardswish,
    "Identity": tensors.identity,
    "LeakyRelu": tensors.leaky_relu,
    "LpNormalization": tensors.lp_normalization,
    "MatMul": operator.matmul,
    "Max": tensors.maximum,
    "MaxPool": layers.max_pool,
    "Min": tensors.minimum,
    "Mul": operator.mul,
    "PRelu": layers.p_relu,
    "Pad": layers.pad,
    "Pow": operator.pow,
    "ReduceL2": tensors.reduce_l2,
    "ReduceMean": tensors.reduce_mean,
    "ReduceSum": tensors.reduce_sum,
    "Relu": torch.relu,
    "Reshape": tensors.reshape,
    "Resize": layers.resize,
    "Shape": tensors.shape_of,
    "Sigmoid": torch.sigmoid,
    "Slice": tensors.slice_axes,
    "Softmax": tensors.softmax,
    "Sqrt": torch.sqrt,
    "Squeeze": tensors.squeeze,
    "Sub": operator.sub,
    "Tanh": torch.tanh,
    "Transpose": tensors.transpose,
    "Unsqueeze": tensors.unsqueeze,
    "Upsample": layers.upsample,
}

# Operators that changed their meaning: in which operator set, and what computed them before.
_CHANGED: dict[str, tuple[int, Function]] = {
    "Resize": (11, layers.upsample),
    "Softmax": (13, tensors.softmax_flattened),
}

# Functions that take numbers where they take tensors.
ELEMENTWISE: tuple[Function, ...] = (
    operator.add,
    operator.mul,
    operator.pow,
    operator.sub,
    tensors.clip,
    tensors.divide,
    tensors.maximum,
    tensors.minimum,
)

# Functions whose constant inputs are settings, not weights.
CONFIGURED: tuple[Function, ...] = (
    layers.pad,
    layers.resize,
    layers.upsample,
    tensors.dropout,
)
