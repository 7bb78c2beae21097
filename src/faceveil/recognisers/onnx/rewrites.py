"""Rewrites of an imported network into one that computes the same with fewer and faster nodes."""

from __future__ import annotations

import inspect
import math
import operator
import re
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any, TypeGuard

import torch
from torch import Tensor, fx

from faceveil.recognisers.onnx.layers import batch_normalization, conv, p_relu
from faceveil.recognisers.onnx.operators import Function
from faceveil.recognisers.onnx.tensors import clip, divide, maximum, minimum

_AFFINE: tuple[Function, ...] = (
    batch_normalization,
    operator.add,
    operator.sub,
    operator.mul,
    divide,
)


@dataclass
class Network:
    """A graph under construction and the weights that its nodes refer to."""

    graph: fx.Graph = field(default_factory=fx.Graph)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def add_weight(self, name: str, value: Tensor) -> fx.Node:
        """A node holding ``value``; its buffer is called after ``name`` as far as Python allows."""
        target = f"w{len(self.weights)}_{re.sub('[^0-9A-Za-z]+', '_', name).strip('_')}"
        self.weights[target] = value
        return self.graph.get_attr(target)

    def weight(self, argument: object) -> Tensor | None:
        """The weight behind an argument of a node; None if the argument is something else."""
        if isinstance(argument, fx.Node) and argument.op == "get_attr":
            return self.weights[str(argument.target)]
        return None


def simplify(network: Network) -> None:
    """Apply every rewrite, and drop the nodes they leave without use."""
    fold_channel_affine(network)
    fold_prelu(network)
    fold_clamps(network)
    network.graph.eliminate_dead_code()


def fold_channel_affine(network: Network) -> None:
    """Let a convolution do the batch normalisation, scaling or shift of channels after it."""
    for node in network.graph.nodes:
        before = _operand(network, node)
        if not _calls(before, conv) or len(before.users) > 1 or _operand(network, before) is None:
            continue
        x, *weights = before.args
        kernel, bias, *_ = [*map(network.weight, weights), None]
        affine = None if kernel is None else _channel_affine(network, node, kernel.shape[0])
        if kernel is None or affine is None:
            continue
        scale, shift = affine
        kernel = kernel.double() * scale.view(-1, 1, 1, 1)
        bias = shift if bias is None else bias.double() * scale + shift
        with network.graph.inserting_before(node):
            folded = (
                network.add_weight(f"{node.name}_kernel", kernel.float()),
                network.add_weight(f"{node.name}_bias", bias.float()),
            )
            merged = network.graph.call_function(conv, (x, *folded), before.kwargs)
        node.replace_all_uses_with(merged)


def fold_prelu(network: Network) -> None:
    """Undo relu(x) + a (x - |x|), which is how some exporters spell a PRelu of slope 2 a."""
    for node in network.graph.nodes:
        for relu, scaled in permutations(node.args) if _calls(node, operator.add) else ():
            if not _calls(relu, torch.relu) or not _calls(scaled, operator.mul):
                continue
            x = relu.args[0]
            for factor, difference in permutations(scaled.args):
                a = network.weight(factor)
                if a is None or not _calls(difference, operator.sub):
                    continue
                minuend, absolute = difference.args
                if minuend is x and _calls(absolute, torch.abs) and absolute.args[0] is x:
                    with network.graph.inserting_before(node):
                        slope = network.add_weight(f"{node.name}_slope", 2 * a)
                        prelu = network.graph.call_function(p_relu, (x, slope))
                    node.replace_all_uses_with(prelu)


def fold_clamps(network: Network) -> None:
    """Let one Clip do what a chain of Relu, Min, Max and Clip by numbers does."""
    for node in network.graph.nodes:
        outer = _interval(node)
        inner = None if outer is None else _interval(outer[0])
        if outer is None or inner is None:
            continue
        (_, low, high), (x, least, most) = outer, inner
        bounds = (min(max(least, low), high), min(max(most, low), high))
        with network.graph.inserting_before(node):
            numbers = (None if math.isinf(bound) else bound for bound in bounds)
            clamped = network.graph.call_function(clip, (x, *numbers))
        node.replace_all_uses_with(clamped)


def _calls(value: object, function: Function) -> TypeGuard[fx.Node]:
    return isinstance(value, fx.Node) and value.target is function


def _operand(network: Network, node: fx.Node) -> fx.Node | None:
    """The one thing a node computes from besides weights and numbers; None if there are more."""
    operands = [a for a in node.args if isinstance(a, fx.Node) and network.weight(a) is None]
    return operands[0] if len(operands) == 1 else None


def _channel_affine(
    network: Network, node: fx.Node, n_channels: int
) -> tuple[Tensor, Tensor] | None:
    """The scale and shift of each channel, if that is all ``node`` does to an image.

    They are read off its values at 0 and at 1.
    """
    function = next((f for f in _AFFINE if f is node.target), None)
    operand = _operand(network, node)
    if function is None or (function is divide and node.args[0] is not operand):
        return None

    def at(level: float) -> Tensor:
        x = torch.full((1, n_channels, 1, 1), level, dtype=torch.float64)
        weights = [x if a is operand else network.weight(a) for a in node.args]
        args = [a if w is None else w.double() for a, w in zip(node.args, weights, strict=True)]
        result: Tensor = function(*args, **node.kwargs)
        return result

    shift = at(0.0)
    if shift.shape != (1, n_channels, 1, 1):
        return None
    return (at(1.0) - shift).flatten(), shift.flatten()


def _interval(node: object) -> tuple[fx.Node, float, float] | None:
    """What a node clamps and between which numbers, if it does that."""
    given: dict[str, Any] = {}
    if _calls(node, torch.relu):
        given = {"x": node.args[0], "min": 0.0}
    elif _calls(node, clip):
        given = inspect.signature(clip).bind(*node.args, **node.kwargs).arguments
    elif (_calls(node, minimum) or _calls(node, maximum)) and len(node.args) == 2:
        x, bound = sorted(node.args, key=lambda a: not isinstance(a, fx.Node))
        given = {"x": x, "max" if node.target is minimum else "min": bound}
    bounds = (given.get("min"), given.get("max"))
    if not given or any(isinstance(bound, fx.Node) for bound in bounds):
        return None
    low, high = (
        (-math.inf if bounds[0] is None else bounds[0]),
        (math.inf if bounds[1] is None else bounds[1]),
    )
    return (given["x"], low, high) if low <= high else None
