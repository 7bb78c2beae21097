"""Turns a face network in an ONNX file into a differentiable torch.fx module.

Each ONNX node becomes a call of one of our functions or of torch's. What depends on weights alone
is computed at once, and what does not fit is found by passing a batch of no images, which costs
neither time nor memory, through every node as it is added.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx

from faceveil.core.errors import ModelError
from faceveil.recognisers.onnx import file as onnx_file
from faceveil.recognisers.onnx.file import Call, File
from faceveil.recognisers.onnx.operators import CONFIGURED, ELEMENTWISE, Function
from faceveil.recognisers.onnx.rewrites import Network, simplify
from faceveil.recognisers.onnx.tensors import reshape

# What a name in the file stands for: a constant, or the node that computes it.
Value: TypeAlias = Tensor | fx.Node

# Sides tried where a file leaves height and width open, those of the field's crops. A detector that
# halves the image five times takes 160.
_SIDES_PX = (112, 160, 224, 128, 96)


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
        file = onnx_file.read(data)
        is_open = any(0 in sizes[1:] for _, sizes in file.inputs)
        failures = []
        for side_px in _SIDES_PX if is_open else _SIDES_PX[:1]:
            try:
                return _build(file, side_px)
            except onnx_file.CONTRADICTIONS as error:
                failures.append(error)
        raise failures[0]
    except onnx_file.CONTRADICTIONS as error:
        raise ModelError(
            f"{name} cannot be imported: {onnx_file.first_line(error)}. Download it again if it "
            "may be damaged; otherwise export the network again, for inference, with its weights "
            "inside the file and in standard operators of opset "
            f"{onnx_file.OPSETS[0]} to {onnx_file.OPSETS[-1]}."
        ) from error


def _build(file: File, side_px: int) -> fx.GraphModule:
    """The network of a file whose open axes are those of an RGB image of the side ``side_px``."""
    builder = _Builder(file.weights)
    for name, sizes in file.inputs:
        builder.add_input(name, sizes, side_px)
    for call in file.calls:
        with onnx_file.reading(call.title):
            builder.add_call(call)
    return builder.finish(file.outputs)


class _Builder:
    """Adds a file's nodes to a network one by one."""

    def __init__(self, weights: dict[str, Tensor]):
        self.network = Network()
        self.values: dict[str, Value] = dict(weights)
        self.weights: dict[str, fx.Node] = {}
        # What each node gives for a batch of no images.
        self.examples: dict[fx.Node, Tensor] = {}
        self.fixed_batches: set[int] = set()

    def add_input(self, name: str, sizes: Sequence[int], side_px: int) -> None:
        """A placeholder, named as in the file where Python allows it."""
        node = self.network.graph.placeholder("self_" if name == "self" else name)
        # fx renames what shadows a builtin such as ``input``, but generated code calls none.
        shadows = name in vars(builtins) and not keyword.iskeyword(name) and name[0] != "_"
        node.target = name if shadows else node.name
        batch, *others = sizes
        image = (3, side_px, side_px)
        self.fixed_batches.add(batch)
        self.examples[node] = torch.zeros(0, *(n or m for n, m in zip(others, image, strict=False)))
        self.define(name, node)

    def add_call(self, call: Call) -> None:
        """What ``call`` gives: a constant, the operand itself if handed back, or a new node."""
        operands = [self.operand(name) for name in call.inputs]
        ranks = [self.examples[o].dim() for o in operands if isinstance(o, fx.Node)]
        if not ranks:
            self.define(call.output, call.function(*operands, **call.attributes))
            return
        attributes = call.attributes
        if any(isinstance(value, Tensor) for value in attributes.values()):
            raise ValueError("the shape of a constant depends on the image")
        shape = operands[1] if call.function is reshape else None
        if isinstance(shape, Tensor) and self.fixes_batch(shape):
            operands[1] = torch.cat([shape.new_zeros(1), shape[1:]])
            attributes = {"allowzero": 0}
        args: list[Any] = [
            self.argument(name, o, call.function, min(ranks)) if isinstance(o, Tensor) else o
            for name, o in zip(call.inputs, operands, strict=True)
        ]
        examples = [self.examples[a] if isinstance(a, fx.Node) else a for a in args]
        example = call.function(*examples, **attributes)
        if example is examples[0]:
            self.define(call.output, args[0])
            return
        node = self.network.graph.call_function(call.function, tuple(args), attributes)
        self.examples[node] = example
        self.define(call.output, node)

    def finish(self, outputs: Sequence[str]) -> fx.GraphModule:
        """The module, once all nodes are there."""
        nodes = []
        for name in outputs:
            node = self.operand(name)
            if not isinstance(node, fx.Node) or self.examples[node].shape[:1] != (0,):
                raise ValueError(f"its output {name!r} does not hold one row for each image")
            nodes.append(node)
        self.network.graph.output(nodes[0] if len(nodes) == 1 else tuple(nodes))
        simplify(self.network)
        self.network.graph.lint()
        return fx.GraphModule(self.network.weights, self.network.graph).eval()

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

    def argument(self, name: str, value: Tensor, function: Function, rank: int) -> Any:
        """A constant as a node takes it: settings and numbers as they are, weights as a buffer."""
        if function in ELEMENTWISE and value.numel() == 1 and value.dim() <= rank:
            return value.item()
        if function in CONFIGURED or not value.is_floating_point():
            return value.tolist()
        if name not in self.weights:
            self.weights[name] = self.network.add_weight(name, value)
            self.examples[self.weights[name]] = value
        return self.weights[name]

    def fixes_batch(self, shape: Tensor) -> bool:
        """Whether a Reshape's target begins with the batch that the file fixed for its input."""
        return shape.dim() == 1 and shape.numel() > 0 and int(shape[0]) in self.fixed_batches
