"""The importer against onnxruntime, finite differences and damaged files."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from torch import fx

from faceveil.core.errors import ModelError
from faceveil.recognisers.onnx import importer

ZOO = sorted((Path(inspect.getfile(importer)).parent.parent / "zoo_data").glob("*.onnx"))


@dataclass
class Maker:
    """Writes ONNX files node by node; arrays become initialisers."""

    shape: tuple[Any, ...] = ("batch", 4, 6, 8)
    opset: int = 17
    input_name: str = "x"
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def __call__(self, op_type: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        names = [i if isinstance(i, str) else self.weight(i) for i in inputs]
        output = f"{op_type.lower()}/{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, names, [output], name=output, **attributes))
        return output

    def weight(self, array: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(array), f"w:{len(self.weights)}"))
        return self.weights[-1].name

    def model(self, *outputs: str) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info(self.input_name, TensorProto.FLOAT, self.shape)]
        rows = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "net", inputs, rows, self.weights)
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def module(self, *outputs: str) -> fx.GraphModule:
        return importer.from_bytes(self.model(*outputs).SerializeToString(), "net.onnx")


def oracle(data: bytes, x: np.ndarray) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def positive(*shape: int) -> np.ndarray:
    return np.abs(random(*shape, seed=1)) + np.float32(0.5)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def number(value: float) -> np.ndarray:
    return np.array(value, dtype=np.float32)


def functions(module: fx.GraphModule) -> list[str]:
    return [
        str(getattr(n.target, "__name__", n.target))
        for n in module.graph.nodes
        if n.op == "call_function"
    ]


W = random(6, 4, 3, 3)
STATISTICS = (random(4), random(4), random(4), positive(4))
WINDOW = {"kernel_shape": [3, 3], "strides": [2, 2]}

# Operator, inputs, opset, attributes.
OPERATORS: list[tuple[str, tuple[Any, ...], int, dict[str, Any]]] = [
    ("Conv", ("x", W), 17, {}),
    ("Conv", ("x", W, random(6)), 17, {"pads": [1, 1, 1, 1], "strides": [2, 1]}),
    ("Conv", ("x", W), 17, {"pads": [0, 2, 1, 0], "kernel_shape": [3, 3]}),
    ("Conv", ("x", random(6, 2, 3, 3)), 17, {"group": 2, "dilations": [2, 1]}),
    ("Conv", ("x", random(4, 1, 2, 2)), 17, {"group": 4, "auto_pad": "SAME_UPPER"}),
    ("Conv", ("x", W), 17, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("Conv", ("x", W), 17, {"auto_pad": "SAME_LOWER", "strides": [2, 3]}),
    ("Conv", ("x", W), 7, {"auto_pad": "VALID", "dilations": [1, 2]}),
    ("ConvTranspose", ("x", random(4, 5, 2, 2)), 17, {"strides": [2, 2]}),
    ("ConvTranspose", ("x", random(4, 5, 3, 3), random(5)), 17, {"pads": [1, 1, 1, 1]}),
    (
        "ConvTranspose",
        ("x", random(4, 3, 3, 3), random(6)),
        11,
        {"group": 2, "strides": [2, 2], "pads": [0, 1, 2, 1], "output_padding": [1, 0]},
    ),
    ("BatchNormalization", ("x", *STATISTICS), 17, {"epsilon": 1e-3, "momentum": 0.8}),
    ("BatchNormalization", ("x", *STATISTICS), 7, {"spatial": 1}),
    ("PRelu", ("x", random(4, 1, 1)), 17, {}),
    ("PRelu", ("x", random(1, 4, 1, 1)), 9, {}),
    ("PRelu", ("x", random(1)), 17, {}),
    ("PRelu", ("x", random(4, 6, 8)), 17, {}),
    ("LeakyRelu", ("x",), 17, {"alpha": 0.2}),
    ("Relu", ("x",), 17, {}),
    ("Sigmoid", ("x",), 17, {}),
    ("HardSigmoid", ("x",), 17, {"alpha": 0.3}),
    ("HardSwish", ("x",), 14, {}),
    ("Tanh", ("x",), 17, {}),
    ("Clip", ("x",), 7, {"min": -0.5, "max": 0.7}),
    ("Clip", ("x", number(-0.5)), 17, {}),
    ("Clip", ("x", "", number(0.7)), 17, {}),
    ("Clip", ("x", number(0.0), number(6.0)), 11, {}),
    ("Min", ("x", number(0.3)), 17, {}),
    ("Max", (random(4, 1, 1), "x", number(0.1)), 17, {}),
    ("Abs", ("x",), 17, {}),
    ("Pow", ("x", number(3.0)), 17, {}),
    ("Pow", ("x", ints(2)), 13, {}),
    ("Pow", (positive(4, 1, 1), "x"), 17, {}),
    ("Add", ("x", random(4, 1, 1)), 17, {}),
    ("Sub", (number(1.0), "x"), 17, {}),
    ("Mul", ("x", random(1, 1, 1, 1)), 17, {}),
    ("Div", ("x", positive(8)), 17, {}),
    ("MatMul", ("x", random(8, 3)), 17, {}),
    ("MatMul", (random(5, 6), "x"), 17, {}),
    ("GlobalAveragePool", ("x",), 17, {}),
    ("GlobalMaxPool", ("x",), 17, {}),
    ("AveragePool", ("x",), 17, WINDOW),
    ("AveragePool", ("x",), 17, {**WINDOW, "pads": [1, 1, 1, 1]}),
    ("AveragePool", ("x",), 17, {**WINDOW, "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("AveragePool", ("x",), 17, {**WINDOW, "pads": [0, 1, 1, 0]}),
    ("AveragePool", ("x",), 17, {**WINDOW, "pads": [0, 1, 1, 0], "count_include_pad": 1}),
    ("AveragePool", ("x",), 17, {**WINDOW, "auto_pad": "SAME_UPPER"}),
    ("AveragePool", ("x",), 19, {**WINDOW, "ceil_mode": 1}),
    ("MaxPool", ("x",), 17, {**WINDOW, "ceil_mode": 1}),
    ("MaxPool", ("x",), 17, {**WINDOW, "pads": [1, 1, 1, 1], "storage_order": 0}),
    ("MaxPool", ("x",), 17, {**WINDOW, "pads": [0, 0, 1, 1]}),
    ("MaxPool", ("x",), 17, {"kernel_shape": [2, 2], "dilations": [2, 2]}),
    ("MaxPool", ("x",), 17, {**WINDOW, "auto_pad": "SAME_LOWER"}),
    ("Flatten", ("x",), 17, {}),
    ("Flatten", ("x",), 17, {"axis": -3}),
    ("Reshape", ("x", ints(0, -1)), 17, {}),
    ("Reshape", ("x", ints(-1, 4, 48)), 17, {}),
    ("Reshape", ("x", ints(0, 2, -1, 0)), 17, {}),
    ("Transpose", ("x",), 17, {"perm": [0, 2, 3, 1]}),
    ("Unsqueeze", ("x", ints(1, -1)), 17, {}),
    ("Unsqueeze", ("x",), 11, {"axes": [2]}),
    ("Concat", ("x", "x"), 17, {"axis": 1}),
    ("Slice", ("x", ints(1, -7), ints(2**63 - 1, -1), ints(1, 3), ints(2, 3)), 17, {}),
    ("Slice", ("x", ints(-1), ints(-(2**63)), ints(1), ints(-1)), 17, {}),
    ("Slice", ("x",), 9, {"starts": [1], "ends": [-1], "axes": [2]}),
    ("Pad", ("x", ints(0, 1, 0, 2, 0, 3, 1, 0), number(0.5)), 17, {}),
    ("Pad", ("x", ints(1, 0, -1, 2), "", ints(2, -1)), 18, {"mode": "constant"}),
    ("Pad", ("x", ints(0, 0, 1, 2, 0, 0, 3, 0)), 17, {"mode": "reflect"}),
    ("Pad", ("x", ints(0, 0, 0, 2, 0, 0, 0, 1)), 17, {"mode": "edge"}),
    ("Pad", ("x", ints(0, 0, 1, 2, 0, 0, 2, 1)), 19, {"mode": "wrap"}),
    ("Pad", ("x",), 10, {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "value": 0.5}),
    ("ReduceMean", ("x",), 17, {"axes": [2, 3], "keepdims": 0}),
    ("ReduceMean", ("x", ints(-1)), 18, {}),
    ("ReduceSum", ("x", ints(1)), 17, {"keepdims": 0}),
    ("ReduceL2", ("x",), 17, {"axes": [1]}),
    ("ReduceL2", ("x", ints(1, 2)), 18, {"keepdims": 1}),
    ("LpNormalization", ("x",), 17, {"axis": 1}),
    ("LpNormalization", ("x",), 17, {"axis": -1, "p": 1}),
    ("Softmax", ("x",), 17, {"axis": 1}),
    ("Softmax", ("x",), 17, {}),
    ("Softmax", ("x",), 11, {}),
    ("Dropout", ("x",), 7, {"ratio": 0.3}),
    ("Dropout", ("x", number(0.3), np.array(False)), 17, {"seed": 3}),
    ("Identity", ("x",), 17, {}),
    ("Cast", ("x",), 17, {"to": TensorProto.FLOAT}),
    ("Gather", ("x", ints(2, -1, 0)), 17, {"axis": 1}),
    ("Gather", ("x", np.array(-2)), 17, {"axis": 3}),
    ("Upsample", ("x", np.float32([1, 1, 2, 3])), 9, {"mode": "nearest"}),
    ("Upsample", ("x",), 8, {"scales": [1.0, 1.0, 2.0, 2.0]}),
    ("Resize", ("x", np.float32([1, 1, 2, 2])), 10, {}),
    (
        "Resize",
        ("x", "", np.float32([1, 1, 2, 1.5])),
        13,
        {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    ("Resize", ("x", "", "", ints(3, 4, 9, 5)), 13, {"nearest_mode": "round_prefer_ceil"}),
    ("Resize", ("x", "", np.float32([2, 0.5])), 18, {"mode": "linear", "axes": [2, 3]}),
    (
        "Resize",
        ("x", np.float32([]), np.float32([]), ints(3, 4, 9, 5)),
        11,
        {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
    ),
    (
        "Resize",
        ("x", "", "", ints(3, 4, 9, 5)),
        17,
        {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
    ),
]

# Networks that end in the operator they are called after.
NETWORKS: dict[str, Callable[[Maker], str]] = {
    "Sqrt": lambda net: net("Sqrt", net("Abs", "x")),
    "Div": lambda net: net("Div", number(2.0), net("Add", number(1.0), net("Abs", "x"))),
    "Min": lambda net: net("Min", net("Tanh", "x"), "x", random(4, 1, 1)),
    "Gemm": lambda net: net("Gemm", net("Flatten", "x"), random(192, 5), random(5)),
    "Gemm-scaled": lambda net: net(
        "Gemm", net("Flatten", "x"), random(5, 192), random(1, 5), transB=1, alpha=0.5, beta=2.0
    ),
    "Gemm-transposed": lambda net: net(
        "Transpose", net("Gemm", random(192, 5), net("Flatten", "x"), transA=1, transB=1)
    ),
    "Squeeze": lambda net: net("Squeeze", net("GlobalMaxPool", "x"), ints(2, -1)),
    "Shape": lambda net: net(
        "Reshape", "x", net("Concat", net("Shape", "x", start=0, end=2), ints(-1), axis=0)
    ),
    "Unsqueeze": lambda net: net(
        "Reshape",
        "x",
        net(
            "Concat",
            net("Unsqueeze", net("Gather", net("Shape", "x"), np.array(0)), ints(0)),
            net(
                "Cast", net("Div", net("Slice", net("Shape", "x"), ints(1), ints(2)), ints(2)), to=7
            ),
            ints(-1),
            axis=0,
        ),
    ),
}


def check_against_oracle(model: onnx.ModelProto, x: np.ndarray, atol: float = 1e-5) -> None:
    """The module gives onnxruntime's rows, one by one or together, and the gradient of them."""
    data = model.SerializeToString()
    module = importer.from_bytes(data, "net.onnx")
    expected = torch.from_numpy(oracle(data, x)[0])
    torch.testing.assert_close(module(torch.from_numpy(x)), expected, atol=atol, rtol=1e-5)
    torch.testing.assert_close(module(torch.from_numpy(x[:1])), expected[:1], atol=atol, rtol=1e-5)
    assert module(torch.from_numpy(x[:0])).shape == (0, *expected.shape[1:])
    exact = module.double()
    inputs = torch.from_numpy(x[:1]).double().requires_grad_()
    weights = torch.from_numpy(random(3, expected[:1].numel(), seed=7)).double()
    assert torch.autograd.gradcheck(
        lambda image: weights @ exact(image).flatten(), (inputs,), fast_mode=True
    )


@pytest.mark.parametrize(
    ("op_type", "inputs", "opset", "attributes"),
    OPERATORS,
    ids=[f"{name}-{opset}-{i}" for i, (name, _, opset, _) in enumerate(OPERATORS)],
)
def test_operator_equals_onnxruntime(
    op_type: str, inputs: tuple[Any, ...], opset: int, attributes: dict[str, Any]
) -> None:
    net = Maker(opset=opset)
    model = net.model(net(op_type, *inputs, **attributes))
    check_against_oracle(model, random(3, 4, 6, 8, seed=2))


@pytest.mark.parametrize("name", NETWORKS)
def test_network_equals_onnxruntime(name: str) -> None:
    net = Maker()
    check_against_oracle(net.model(NETWORKS[name](net)), random(3, 4, 6, 8, seed=2))


# --- whole networks -----------------------------------------------------------------------------


@pytest.fixture(
    params=[
        *ZOO,
        pytest.param("mobilefacenet.onnx", marks=pytest.mark.shared),
        pytest.param("faceres.onnx", marks=pytest.mark.shared),
    ],
    ids=[*(path.name for path in ZOO), "source-mobilefacenet", "source-faceres"],
)
def face_network(request: pytest.FixtureRequest) -> Path:
    """The bundled networks, and the two they were made from."""
    if isinstance(request.param, Path):
        return request.param
    shared: Path = request.getfixturevalue("shared")
    return shared / "models" / request.param


def images(path: Path, n: int, seed: int) -> np.ndarray:
    """Noise of the size and about the range the network takes."""
    sizes = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    height, width = (d.dim_value or 96 for d in sizes[2:])
    scale = 50 if "faceres" in path.name or "centerface" in path.name else 1
    return scale * random(n, 3, height, width, seed=seed)


def rows(outputs: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    """All outputs of an image in one row."""
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return torch.cat([output.flatten(1) for output in outputs], dim=1)


def test_face_network_equals_onnxruntime_image_by_image(face_network: Path) -> None:
    module = importer.load(face_network)
    x = images(face_network, 3, seed=3)
    outputs = module(torch.from_numpy(x))
    expected = oracle(face_network.read_bytes(), x)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    assert len(outputs) == len(expected)
    for output, truth in zip(outputs, map(torch.from_numpy, expected), strict=True):
        assert output.shape == truth.shape
        cosine = torch.cosine_similarity(output.flatten(1), truth.flatten(1))
        assert cosine.min() >= 0.999999
    alone = torch.cat([rows(module(torch.from_numpy(x[i : i + 1]))) for i in range(3)])
    scale = alone.abs().max()
    torch.testing.assert_close(alone / scale, rows(outputs) / scale, atol=1e-5, rtol=0)


def test_face_network_gradient_equals_finite_difference(face_network: Path) -> None:
    module = importer.load(face_network).double()
    x = torch.from_numpy(images(face_network, 1, seed=4)).double().requires_grad_()
    y = rows(module(x))
    weights = torch.from_numpy(random(*y.shape, seed=5)).double()
    (gradient,) = torch.autograd.grad((weights * y).sum(), x)
    # Half along the gradient, so that the slope is no small difference of large terms.
    aside = torch.from_numpy(random(*x.shape, seed=6)).double()
    direction = gradient / gradient.norm() + aside / aside.norm()
    h = 1e-6
    with torch.no_grad():
        change = (
            weights * (rows(module(x + h * direction)) - rows(module(x - h * direction)))
        ).sum()
    slope = (gradient * direction).sum()
    assert slope > 0
    assert abs(change / (2 * h) - slope) <= 1e-4 * slope


def test_face_network_has_no_node_left_to_fold(face_network: Path) -> None:
    names = set(functions(importer.load(face_network)))
    assert not names & {"cast", "batch_normalization", "mul", "sub", "abs", "minimum", "maximum"}


def test_module_is_frozen_movable_and_copyable() -> None:
    net = Maker()
    weight = random(6, 4, 3, 3).astype(np.float16)
    y = net("Conv", "x", net("Cast", weight, to=TensorProto.FLOAT))
    module = net.module(net("BatchNormalization", y, *(positive(6) for _ in range(4))))
    assert not list(module.parameters())
    assert {b.dtype for b in module.buffers()} == {torch.float32}
    assert not module.training
    x = torch.from_numpy(random(2, 4, 6, 8))
    twin = copy.deepcopy(module).double()
    assert {b.dtype for b in twin.buffers()} == {torch.float64}
    torch.testing.assert_close(twin(x.double()).float(), module(x))


def test_several_outputs_are_a_tuple_in_the_order_of_the_file() -> None:
    net = Maker()
    pooled, mean = net("GlobalMaxPool", "x"), net("ReduceMean", "x", axes=[1])
    x = torch.from_numpy(random(2, 4, 6, 8))
    first, second = net.module(mean, pooled)(x)
    torch.testing.assert_close(first, x.mean(1, keepdim=True))
    torch.testing.assert_close(second, x.amax((2, 3), keepdim=True))


@pytest.mark.parametrize("name", ["input", "data", "image_1"])
def test_inputs_keep_their_names(name: str) -> None:
    net = Maker(input_name=name)
    module = net.module(net("Relu", name))
    assert module(**{name: torch.full((1, 4, 6, 8), -1.0)}).max() == 0


@pytest.mark.parametrize(
    "name", ["self", "758", "class", "torch", "__debug__", "x):\n  import os #", "é"]
)
def test_names_python_forbids_are_changed(name: str) -> None:
    net = Maker(input_name=name)
    module = net.module(net("Conv", net("Relu", name), W))
    assert module(torch.zeros(1, 4, 6, 8)).shape == (1, 6, 4, 6)


@pytest.mark.parametrize("allowzero", [0, 1])
def test_batch_the_file_fixes_is_opened(allowzero: int) -> None:
    net = Maker(shape=(1, 4, 6, 8))
    y = net("Reshape", "x", ints(1, -1), allowzero=allowzero)
    model = net.model(net("Gemm", y, random(192, 5)))
    x = random(3, 4, 6, 8)
    expected = [oracle(model.SerializeToString(), x[i : i + 1])[0] for i in range(3)]
    module = importer.from_bytes(model.SerializeToString(), "net.onnx")
    np.testing.assert_allclose(module(torch.from_numpy(x)), np.concatenate(expected), atol=1e-4)


def test_height_and_width_left_open_are_found_by_trying() -> None:
    net = Maker(shape=("batch", 3, "height", "width"))
    y = net("Conv", "x", random(2, 3, 16, 16), strides=[16, 16])
    module = net.module(net("Gemm", net("Flatten", y), random(2 * 14 * 14, 5)))
    assert module(torch.zeros(2, 3, 224, 224)).shape == (2, 5)


# --- rewrites -----------------------------------------------------------------------------------


def test_constants_are_computed_once() -> None:
    net = Maker()
    scale = net("Mul", net("Constant", value_float=2.0), net("Sqrt", positive(4, 1, 1)))
    zero = net("ConstantOfShape", ints(1), value=numpy_helper.from_array(ints(0)))
    sizes = net("Concat", zero, net("Constant", value_ints=[4, -1]), axis=0)
    module = net.module(net("Reshape", net("Mul", "x", scale), sizes))
    assert functions(module) == ["mul", "reshape"]


@pytest.mark.parametrize("bias", [(), (random(6),)], ids=["without-bias", "with-bias"])
@pytest.mark.parametrize(
    ("op_type", "operands"),
    [
        ("BatchNormalization", ("y", random(6), random(6), random(6), positive(6))),
        ("Mul", ("y", random(1, 6, 1, 1))),
        ("Mul", (number(3.0), "y")),
        ("Add", (random(6, 1, 1), "y")),
        ("Sub", (random(6, 1, 1), "y")),
        ("Sub", ("y", random(1))),
        ("Div", ("y", positive(6, 1, 1))),
    ],
)
def test_convolution_takes_in_what_scales_its_channels(
    op_type: str, operands: tuple[Any, ...], bias: tuple[np.ndarray, ...]
) -> None:
    net = Maker()
    y = net("Conv", "x", W, *bias, pads=[0, 0, 1, 1])
    model = net.model(net(op_type, *(y if isinstance(o, str) else o for o in operands)))
    assert functions(importer.from_bytes(model.SerializeToString(), "net")) == ["conv"]
    check_against_oracle(model, random(3, 4, 6, 8))


def test_convolution_keeps_what_it_cannot_take_in() -> None:
    net = Maker()
    y = net("Conv", "x", W)
    by_pixel = net("Mul", net("Conv", "x", W), random(4, 6))
    inverse = net("Div", number(1.0), net("Conv", "x", W))
    square = net("Conv", "x", W)
    outputs = (net("Add", y, number(1.0)), y, by_pixel, inverse, net("Mul", square, square))
    module = net.module(*outputs)
    assert functions(module).count("conv") == 4
    x = random(2, 4, 6, 8)
    for mine, truth in zip(
        module(torch.from_numpy(x)), oracle(net.model(*outputs).SerializeToString(), x), strict=True
    ):
        torch.testing.assert_close(mine, torch.from_numpy(truth), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("swapped", [False, True])
def test_prelu_spelt_out_is_folded(swapped: bool) -> None:
    net = Maker()
    difference = net("Sub", "x", net("Abs", "x"))
    slope = net("Reshape", random(4), ints(1, 4, 1, 1))
    parts = [
        net("Relu", "x"),
        net("Mul", *([difference, slope] if swapped else [slope, difference])),
    ]
    model = net.model(net("Add", *(reversed(parts) if swapped else parts)))
    assert functions(importer.from_bytes(model.SerializeToString(), "net")) == ["p_relu"]
    check_against_oracle(model, random(3, 4, 6, 8))


def test_what_only_resembles_a_prelu_is_left() -> None:
    net = Maker()
    difference = net("Sub", net("Abs", "x"), "x")
    model = net.model(net("Add", net("Relu", "x"), net("Mul", random(4, 1, 1), difference)))
    assert "p_relu" not in functions(importer.from_bytes(model.SerializeToString(), "net"))
    check_against_oracle(model, random(3, 4, 6, 8))


def test_chain_of_clamps_is_one() -> None:
    net = Maker()
    y = net("Min", net("Relu", "x"), np.float32([1.5]))
    y = net("Max", np.float32([0.0]), y)
    model = net.model(net("Clip", y, number(-1.0), number(1.0)))
    assert functions(importer.from_bytes(model.SerializeToString(), "net")) == ["clip"]
    check_against_oracle(model, random(3, 4, 6, 8))


def test_clamps_that_exclude_each_other_give_the_last() -> None:
    net = Maker()
    model = net.model(net("Max", net("Min", "x", number(-1.0)), number(2.0)))
    x = random(2, 4, 6, 8)
    y = importer.from_bytes(model.SerializeToString(), "net")(torch.from_numpy(x))
    assert (y == 2).all()


# --- refusals -----------------------------------------------------------------------------------


def edited(change: Callable[[onnx.ModelProto], object]) -> Callable[[], onnx.ModelProto]:
    """A valid model with one thing changed."""

    def make() -> onnx.ModelProto:
        net = Maker()
        model = net.model(net("Relu", net("Conv", "x", W)))
        change(model)
        return model

    return make


def network(*args: Any, **attributes: Any) -> Callable[[], onnx.ModelProto]:
    """A model of one node."""
    opset = attributes.pop("opset", 17)

    def make() -> onnx.ModelProto:
        net = Maker(opset=opset)
        return net.model(net(*args, **attributes))

    return make


def outside(model: onnx.ModelProto) -> None:
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")


def training(model: onnx.ModelProto) -> None:
    model.training_info.add().algorithm.node.add(op_type="Relu")


def branch() -> onnx.GraphProto:
    return Maker().model().graph


def by_image() -> onnx.ModelProto:
    net = Maker()
    zero = numpy_helper.from_array(np.zeros(1, np.float32))
    return net.model(net("ConstantOfShape", net("Shape", "x"), value=zero))


REFUSALS: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "operator": (network("Erf", "x"), "Erf node 'erf/0'.*operator is not one"),
    "control flow": (
        network("If", np.array(True), then_branch=branch(), else_branch=branch()),
        "If node 'if/0'.*operator is not one",
    ),
    "domain": (network("Relu", "x", domain="com.microsoft"), "domain 'com.microsoft'"),
    "too young": (network("HardSwish", "x", opset=13), "HardSwish"),
    "old opset": (edited(lambda m: setattr(m.opset_import[0], "version", 6)), "opset 6"),
    "new opset": (edited(lambda m: setattr(m.opset_import[0], "version", 99)), "opset 99"),
    "functions": (edited(lambda m: m.functions.add(name="f", domain="d")), "functions"),
    "training": (edited(training), "training"),
    "weights outside": (edited(outside), "'w:0': they lie in another file"),
    "weight type": (edited(lambda m: setattr(m.graph.initializer[0], "data_type", 8)), "STRING"),
    "lost weight": (
        edited(lambda m: m.graph.initializer.pop()),
        "nothing before it computes 'w:0'",
    ),
    "two weights": (
        edited(lambda m: m.graph.initializer.append(m.graph.initializer[0])),
        "two weights called 'w:0'",
    ),
    "two values": (
        edited(lambda m: m.graph.node.append(m.graph.node[0])),
        "the name 'conv/0' stands for two values",
    ),
    "cycle": (
        edited(lambda m: m.graph.node[0].input.__setitem__(0, "relu/1")),
        "nothing before it computes 'relu/1'",
    ),
    "lost output": (edited(lambda m: m.graph.output.pop()), "no network"),
    "output of nothing": (edited(lambda m: setattr(m.graph.output[0], "name", "y")), "'y'"),
    "integer image": (
        edited(lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 2)),
        "not an image in floating point",
    ),
    "weight shape": (
        edited(lambda m: m.graph.initializer[0].dims.__setitem__(0, 7)),
        "weights 'w:0'",
    ),
    "channels": (network("Conv", "x", random(6, 5, 3, 3)), "Conv node 'conv/0'"),
    "kernel_shape": (network("Conv", "x", W, kernel_shape=[5, 5]), "kernel_shape"),
    "statistics": (network("BatchNormalization", "x", *[positive(5)] * 4), "4 channels"),
    "slopes": (network("PRelu", "x", random(3, 1, 4, 6, 8)), "do not fit"),
    "training mode": (
        network("BatchNormalization", "x", *STATISTICS, training_mode=1),
        "stored statistics",
    ),
    "dropping": (network("Dropout", "x", number(0.5), np.array(True)), "as in training"),
    "attribute": (network("Relu", "x", alpha=1.0), "'alpha'"),
    "attribute type": (network("LeakyRelu", "x", alpha=1), "'alpha'"),
    "unsupported attribute": (
        network("ConvTranspose", "x", random(4, 2, 2, 2), output_shape=[9, 9]),
        "attribute 'output_shape' is not supported",
    ),
    "auto_pad": (network("Conv", "x", W, auto_pad="SAME"), "auto_pad 'SAME'"),
    "cubic": (network("Resize", "x", "", np.float32([1, 1, 2, 2]), mode="cubic"), "cubic"),
    "default nearest": (network("Resize", "x", "", np.float32([1, 1, 2, 2])), "no exact counter"),
    "resized channels": (
        network("Resize", "x", "", np.float32([1, 2, 2, 2]), mode="linear"),
        "more than two sides",
    ),
    "open size": (
        network("ConvTranspose", "x", random(4, 2, 2, 2), auto_pad="SAME_UPPER"),
        "leaves its size open",
    ),
    "dilated average": (
        network("AveragePool", "x", kernel_shape=[2, 2], dilations=[2, 2], opset=19),
        "dilated window",
    ),
    "uneven average": (
        network("AveragePool", "x", kernel_shape=[2, 2], pads=[0, 0, 1, 1], ceil_mode=1),
        "uneven pads and ceil_mode",
    ),
    "uneven maximum": (
        network("MaxPool", "x", kernel_shape=[2, 2], pads=[0, 0, 1, 1], ceil_mode=1),
        "uneven pads and ceil_mode",
    ),
    "mirrored channels": (
        network("Pad", "x", ints(0, 1, 0, 0, 0, 0, 0, 0), mode="reflect"),
        "only the sides of an image",
    ),
    "one pixel": (
        network(
            "Resize",
            "x",
            "",
            "",
            ints(1, 4, 1, 8),
            mode="linear",
            coordinate_transformation_mode="pytorch_half_pixel",
        ),
        "one pixel",
    ),
    "no matrix": (network("Gemm", "x", random(8, 3)), "multiplies matrices"),
    "no image to pool": (
        edited(lambda m: m.graph.input[0].type.tensor_type.shape.dim.pop()),
        "four axes",
    ),
    "axis": (network("Flatten", "x", axis=5), "out of range"),
    "long axis": (network("Squeeze", "x", ints(2)), "longer than one"),
    "no axes": (network("ReduceSum", "x", noop_with_empty_axes=1), "reduces no axes"),
    "vast constant": (network("ConstantOfShape", ints(2**20, 2**20)), "not shape arithmetic"),
    "constant by image": (by_image, "depends on the image"),
    "enormous": (
        network("Resize", "x", "", "", ints(1, 4, 2**31, 8), mode="linear"),
        "more than 64 times",
    ),
    "endless pads": (network("Pad", "x", ints(0, 0, 2**31, 0, 0, 0, 0, 0)), "more than 4096 px"),
    "pad mode": (network("Pad", "x", ints(*[0] * 8), mode="mirror"), "mode 'mirror'"),
    "cast": (network("Cast", "x", to=TensorProto.INT64), "no gradient"),
    "squeeze": (network("Squeeze", "x"), "does not name its axes"),
    "inputs": (network("Relu", "x", "x"), "cannot have 2 inputs"),
    "mixed batch": (network("Reshape", "x", ints(1, -1)), "one row for each image"),
    "batch last": (network("Transpose", "x"), "one row for each image"),
    "no image": (network("Relu", random(2, 2)), "one row for each image"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_say_what_and_where(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, reason = REFUSALS[case]
    data = make().SerializeToString()

    def no_file(*args: object, **kwargs: object) -> None:
        pytest.fail("a file was opened")

    monkeypatch.setattr("builtins.open", no_file)
    with pytest.raises(ModelError, match=rf"^net\.onnx cannot be imported: .*{reason}") as refusal:
        importer.from_bytes(data, "net.onnx")
    assert "export the network again" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_unreadable_paths_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.onnx"):
        with pytest.raises(ModelError, match=str(path)):
            importer.load(path)
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(ModelError, match=r"text\.onnx"):
        importer.load(tmp_path / "text.onnx")


def small_file() -> bytes:
    net = Maker(shape=(1, 4, 6, 8))
    y = net("BatchNormalization", net("Conv", "x", W[:2], pads=[0, 0, 1, 1]), *[positive(2)] * 4)
    y = net("AveragePool", net("PRelu", y, random(2, 1, 1)), kernel_shape=[2, 2], strides=[2, 2])
    y = net("Clip", net("Pad", y, ints(0, 0, 0, 1, 0, 0, 0, 0)), number(-1.0), number(1.0))
    y = net("Reshape", y, net("Constant", value_ints=[1, -1]))
    return net.model(net("Gemm", y, random(3, 18), transB=1)).SerializeToString()


SMALL_FILE = small_file()


@hypothesis_settings(deadline=None, max_examples=150)
@given(
    end=st.integers(0, len(SMALL_FILE)) | st.just(len(SMALL_FILE)),
    flips=st.lists(st.integers(0, 8 * len(SMALL_FILE) - 1), max_size=4),
)
def test_damaged_files_are_imported_or_refused(end: int, flips: list[int]) -> None:
    damaged = bytearray(SMALL_FILE)
    for bit in flips:
        damaged[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(ModelError):
        importer.from_bytes(bytes(damaged[:end]), "damaged.onnx")
