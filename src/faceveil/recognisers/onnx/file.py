"""Reads an ONNX file into plain values and refuses what is damaged or cannot be imported.

No path that a file names is opened, and nothing in it is executed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import helper, numpy_helper
from torch import Tensor

from faceveil.recognisers.onnx.operators import Function, find
from faceveil.recognisers.onnx.tensors import FLOATS, INTEGERS

# The names of ONNX's own operator set, and the versions whose operators mean what ours do.
_DOMAINS = {"", "ai.onnx"}
OPSETS = range(7, 28)

# Attributes that change nothing in what is imported.
_WITHOUT_EFFECT = {
    "cubic_coeff_a",
    "exclude_outside",
    "extrapolation_value",
    "momentum",
    "round_mode",
    "saturate",
    "seed",
    "storage_order",
}

# What protobuf, numpy, onnx and torch raise when a file contradicts itself.
CONTRADICTIONS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    DecodeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    onnx.defs.SchemaError,
)


@dataclass(frozen=True)
class Call:
    """A node: the function that computes it, and what from."""

    title: str
    function: Function
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class File:
    """An ONNX file; ``inputs`` have the sizes of their axes, 0 where the file leaves them open."""

    weights: dict[str, Tensor]
    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]


def read(data: bytes) -> File:
    """The file in ``data``; raises one of ``CONTRADICTIONS`` with the reason."""
    model = onnx.ModelProto.FromString(data)
    graph = model.graph
    if not graph.output:
        raise ValueError("it holds no network")
    if model.functions or model.training_info or graph.sparse_initializer:
        raise ValueError("it has functions of its own, training steps or sparse weights")
    opset = max((o.version for o in model.opset_import if o.domain in _DOMAINS), default=0)
    if opset not in OPSETS:
        raise ValueError(f"it is of opset {opset}")
    weights: dict[str, Tensor] = {}
    for proto in graph.initializer:
        if proto.name in weights:
            raise ValueError(f"it has two weights called {proto.name!r}")
        weights[proto.name] = _tensor(proto)
    return File(
        weights,
        # Up to IR version 3 a file lists its weights among its inputs.
        tuple((i.name, _sizes(i)) for i in graph.input if i.name not in weights),
        tuple(_call(node, opset) for node in graph.node),
        tuple(output.name for output in graph.output),
    )


@contextmanager
def reading(title: str) -> Iterator[None]:
    """Says in errors what of the file was being read."""
    try:
        yield
    except CONTRADICTIONS as error:
        raise ValueError(f"{title}: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """The gist of an error: torch's go on for pages."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".,:") if lines else type(error).__name__


def _sizes(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """The sizes of an input's axes; one that states none takes images."""
    kind = value.type.tensor_type
    stated = kind.shape.dim if kind.HasField("shape") else [onnx.TensorShapeProto.Dimension()] * 4
    if kind.elem_type not in FLOATS or not 1 <= len(stated) <= 4:
        raise ValueError(f"its input {value.name!r} is not an image in floating point")
    return tuple(max(d.dim_value, 0) for d in stated)


def _call(node: onnx.NodeProto, opset: int) -> Call:
    """A node whose inputs and attributes are as ONNX specifies and faceveil supports."""
    title = f"its {node.op_type} node {node.name or ', '.join(node.output)!r}"
    with reading(title):
        function = find(node.op_type, opset) if node.domain in _DOMAINS else None
        if function is None:
            domain = f" of the domain {node.domain!r}" if node.domain else ""
            raise ValueError(f"that operator{domain} is not one that faceveil imports")
        schema = onnx.defs.get_schema(node.op_type, opset, "")
        if not schema.min_input <= len(node.input) <= schema.max_input:
            raise ValueError(f"it cannot have {len(node.input)} inputs")
        for attribute in node.attribute:
            known = schema.attributes.get(attribute.name)
            if known is None or known.type.value != attribute.type:
                raise ValueError(f"ONNX knows no such attribute as its {attribute.name!r}")
            if attribute.name not in _WITHOUT_EFFECT | {*inspect.signature(function).parameters}:
                raise ValueError(f"its attribute {attribute.name!r} is not supported")
        attributes = {
            a.name: _attribute(a) for a in node.attribute if a.name not in _WITHOUT_EFFECT
        }
        return Call(title, function, tuple(node.input), node.output[0], attributes)


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return _tensor(value)
    return value.decode() if isinstance(value, bytes) else value


def _tensor(proto: onnx.TensorProto) -> Tensor:
    """Weights: floating point of any width as float32, whole numbers as int64."""
    with reading(f"its weights {proto.name!r}"):
        # Asked first, because onnx would open the path that the file names.
        if proto.data_location == onnx.TensorProto.EXTERNAL or proto.external_data:
            raise ValueError("they lie in another file")
        if proto.data_type not in FLOATS | INTEGERS | {onnx.TensorProto.BOOL}:
            kind = onnx.TensorProto.DataType.Name(proto.data_type)
            raise ValueError(f"the type {kind} is not supported")
        tensor = torch.tensor(numpy_helper.to_array(proto))
        return tensor.float() if tensor.is_floating_point() else tensor.long()
