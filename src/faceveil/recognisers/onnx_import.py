"""Turns a face network in an ONNX file into a differentiable torch.fx module.

Nothing in a file is executed: each ONNX node becomes a call of one of our functions or of torch's.
What depends on constants alone is computed at once, and what does not fit is found by passing a
batch of no images through every node as it is added.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
from pathlib import Path
from typing import Any, TypeAlias

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper
from torch import Tensor, fx

from faceveil.core.errors import ModelError
from faceveil.recognisers.onnx_operators import CONFIGURED, ELEMENTWISE, Function, find
from faceveil.recognisers.onnx_rewrites import Network, simplify
from faceveil.recognisers.onnx_tensors import FLOATS, INTEGERS, reshape

# A value of the file: a constant, or the node that computes it.
Value: TypeAlias = Tensor | fx.Node

_OPSETS = range(7, 28)

# Sides tried where a file leaves height and width open, those of the field's crops. A detector that
# halves the image five times takes 160.
_SIDES_PX = (112, 160, 224, 128, 96)

# Attributes that change nothing in what is imported.
_WITHOUT_EFFECT = frozenset(
    "cubic_coeff_a exclude_outside extrapolation_value momentum round_mode saturate seed "
    "storage_order".split()
)

# What protobuf, numpy, onnx and torch raise when a file contradicts itself.
_CONTRADICTIONS = (
    ArithmeticError,
    AttributeError,
    DecodeError,
    LookupError,
    MemoryError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
    onnx.defs.SchemaError,
)


def load(path: Path) -> fx.GraphModule:
    """The network in an ONNX file; see :func:`from_bytes`.

    Raises:
        ModelError: the file cannot be read or imported.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; give the path of an ONNX file.") from error
    return from_bytes(data, str(path))


def from_bytes(data: bytes, name: str) -> fx.GraphModule:
    """The network in the bytes of an ONNX file, as a module for inference.

    It takes the file's inputs by their names and returns its output, or a tuple of its outputs.
    The first axis of each is the batch, of any length even where the file fixes one. Weights are
    float32 buffers whatever the file stores, and follow ``.to(device or dtype)``.

    Args:
        data: the whole file.
        name: what errors call the file.

    Raises:
        ModelError: the file is damaged, keeps weights in other files, or uses an operator,
            attribute or mode that has no counterpart here.
    """
    try:
        return _import(onnx.ModelProto.FromString(data))
    except _CONTRADICTIONS as error:
        raise ModelError(
            f"{name} cannot be imported: {_first_line(error)}. Download it again if it may be "
            "damaged; otherwise export the network again, for inference, with its weights inside "
            f"the file and in standard operators of opset {_OPSETS[0]} to {_OPSETS[-1]}."
        ) from error


def _import(model: onnx.ModelProto) -> fx.GraphModule:
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise ValueError("it has functions of its own, training steps or sparse weights")
    opset = {o.domain: o.version for o in model.opset_import}.get("", 0)
    if opset not in _OPSETS:
        raise ValueError(f"it is of opset {opset}")
    constants: dict[str, Tensor] = {}
    for proto in model.graph.initializer:
        if proto.name in constants:
            raise ValueError(f"it has two weights called {proto.name!r}")
        constants[proto.name] = _tensor(proto)
    # Up to IR version 3 a file lists its weights among its inputs.
    inputs = {v.name: _sizes(v) for v in model.graph.input if v.name not in constants}
    is_open = any(0 in sizes[2:] for sizes in inputs.values())
    failures = []
    for side_px in _SIDES_PX if is_open else _SIDES_PX[:1]:
        importer = _Importer(opset, constants)
        try:
            for name, sizes in inputs.items():
                importer.add_input(name, sizes, side_px)
            for node in model.graph.node:
                importer.add_node(node)
            return importer.finish([value.name for value in model.graph.output])
        except _CONTRADICTIONS as error:
            failures.append(error)
    raise failures[0]


class _Importer:
    """Adds a file's nodes to a network one by one."""

    def __init__(self, opset: int, constants: dict[str, Tensor]):
        self.opset = opset
        self.network = Network()
        self.values: dict[str, Value] = dict(constants)
        self.weights: dict[str, fx.Node] = {}
        # What each node gives for a batch of no images; that takes no time and no memory.
        self.examples: dict[fx.Node, Tensor] = {}
        self.fixed_batches: set[int] = set()

    def add_input(self, name: str, sizes: list[int], side_px: int) -> None:
        """An input; axes left open (0) are those of an RGB image of that side."""
        batch, *others = sizes
        usual = (3, side_px, side_px)
        node = self.network.graph.placeholder("self_" if name == "self" else name)
        node.target = _parameter_name(name, node)
        self.fixed_batches.add(batch)
        self.examples[node] = torch.zeros(0, *(n or m for n, m in zip(others, usual, strict=False)))
        self.define(name, node)

    def add_node(self, node: onnx.NodeProto) -> None:
        """What a node computes; errors say which node it is."""
        try:
            function = _function(node, self.opset)
            operands = [self.operand(name) for name in node.input]
            attributes = {
                a.name: _attribute(a) for a in node.attribute if a.name not in _WITHOUT_EFFECT
            }
            if any(isinstance(operand, fx.Node) for operand in operands):
                names = list(node.input)
                self.define(node.output[0], self.call(function, names, operands, attributes))
            else:
                self.define(node.output[0], function(*operands, **attributes))
        except _CONTRADICTIONS as error:
            label = node.name or next(iter(node.output), "")
            reason = _first_line(error)
            raise ValueError(f"its {node.op_type} node {label!r} fails: {reason}") from error

    def finish(self, outputs: list[str]) -> fx.GraphModule:
        """The module, once all nodes are there."""
        nodes = []
        for name in outputs:
            node = self.operand(name)
            if not isinstance(node, fx.Node) or self.examples[node].shape[:1] != (0,):
                raise ValueError(f"its output {name!r} does not hold one row for each image")
            nodes.append(node)
        graph = self.network.graph
        graph.output(nodes[0] if len(nodes) == 1 else tuple(nodes))
        simplify(self.network)
        graph.lint()
        return fx.GraphModule(self.network.weights, graph).eval()

    def define(self, name: str, value: Value) -> None:
        """Let ``name`` stand for ``value``."""
        if name in self.values:
            raise ValueError(f"the name {name!r} stands for two values")
        self.values[name] = value

    def operand(self, name: str) -> Value | None:
        """What ``name`` stands for; None for the empty name of an input that is left out."""
        if name and name not in self.values:
            raise ValueError(f"nothing before it computes {name!r}")
        return self.values[name] if name else None

    def call(
        self,
        function: Function,
        names: list[str],
        operands: list[Value | None],
        attributes: dict[str, Any],
    ) -> fx.Node:
        """A new node, or the operand itself where the function hands it back."""
        if any(isinstance(value, Tensor) for value in attributes.values()):
            raise ValueError("the shape of a constant depends on the input")
        if function is reshape and isinstance(operands[1], Tensor):
            operands[1] = self.with_open_batch(operands[1])
        rank = min(self.examples[o].dim() for o in operands if isinstance(o, fx.Node))
        args = [
            self.argument(name, operand, function, rank) if isinstance(operand, Tensor) else operand
            for name, operand in zip(names, operands, strict=True)
        ]
        example = function(*map(self.example, args), **attributes)
        if example is self.example(args[0]):
            return args[0]
        node = self.network.graph.call_function(function, tuple(args), attributes)
        self.examples[node] = example
        return node

