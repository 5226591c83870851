"""Writes golden/tower/: what Hugging Face's Dinov2Model computes, step by step, in float32 on a CPU.

    python reference/export_tower_golden.py

Every case also runs in float64, and the largest difference between the two is stored as `float32_error` in the file's
metadata: what a float32 implementation may differ by without being wrong.
"""

import copy
import json
from pathlib import Path

import numpy as np
import torch
import transformers

import synthetic
import tower
from safetensors_file import save

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "tower"
SEED = 20251
TINY_CONFIG = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "mlp_ratio": 4,
    "patch_size": 14,
    "image_size": 70,
    "num_channels": 3,
    "layer_norm_eps": 1e-6,
    "hidden_act": "gelu",
    "qkv_bias": True,
    "layerscale_value": 1.0,
    "use_mask_token": False,
    "use_swiglu_ffn": False,
}
# The class token, the four corners of the 32 x 32 grid, and 27 patches that visit every column.
POSITIONS = [0, 1, 32, 993, 1024] + [1 + 37 * i for i in range(1, 28)]


def tiny_weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random values of a size at which each parameter, a bias or a layer scale too, moves the output visibly."""
    parameters = transformers.Dinov2Model(transformers.Dinov2Config(**TINY_CONFIG)).state_dict()
    shapes = {tower.checkpoint_name(k): v.shape for k, v in parameters.items()}
    weights = {}
    for name in sorted(shapes):
        noise = rng.standard_normal(shapes[name])
        if name.endswith(("norm1.weight", "norm2.weight", "layernorm.weight", "lambda1")):
            value = 1.0 + 0.3 * noise
        elif name.endswith(".weight"):
            value = noise * 1.5 / np.sqrt(np.prod(shapes[name][1:]))
        else:
            value = 0.3 * noise
        weights[name] = value.astype(np.float32)
    return weights


def trace(model: transformers.Dinov2Model, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Runs `model` and keeps what leaves the embeddings, each layer (before the final norm) and the final norm."""
    kept: dict[str, np.ndarray] = {}

    def keep(name: str):
        def hook(_module, _inputs, output):
            tensor = output[0] if isinstance(output, tuple) else output
            kept[name] = tensor.detach().numpy().copy()

        return hook

    handles = [model.embeddings.register_forward_hook(keep("trace.embeddings"))]
    for index, layer in enumerate(model.encoder.layer):
        handles.append(layer.register_forward_hook(keep(f"trace.layer.{index}")))
    dtype = next(model.parameters()).dtype
    with torch.inference_mode():
        kept["output.last_hidden_state"] = model(torch.from_numpy(pixels).to(dtype)).last_hidden_state.numpy()
    for handle in handles:
        handle.remove()
    return kept


def float32_error(single: dict[str, np.ndarray], double: dict[str, np.ndarray], names: list[str]) -> str:
    return f"{max(float(np.abs(single[n] - double[n]).max()) for n in names):.1e}"


def common_metadata() -> dict[str, str]:
    return {
        "script": "reference/export_tower_golden.py",
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "numpy": np.__version__,
        "attention": "eager",
    }


def double_copy(model: transformers.Dinov2Model) -> transformers.Dinov2Model:
    """The same weights in float64. Position embeddings are still resampled in float32, as the library does."""
    return copy.deepcopy(model).double()


def export_tiny() -> None:
    rng = np.random.default_rng(SEED)
    weights = tiny_weights(rng)
    model = tower.build(TINY_CONFIG, weights, "eager")
    double = double_copy(model)
    tensors = {f"weight.{k}": v for k, v in weights.items()}
    errors = []
    for side in (70, 98):
        pixels = rng.standard_normal((1, 3, side, side)).astype(np.float32)
        tensors[f"input.pixel_values_{side}"] = pixels
        kept = trace(model, pixels)
        tensors |= {f"{name}_{side}": value for name, value in kept.items()}
        errors.append(float32_error(kept, trace(double, pixels), list(kept)))
    metadata = common_metadata() | {
        "seed": str(SEED),
        "config": json.dumps(TINY_CONFIG, sort_keys=True),
        "float32_error": max(errors, key=float),
    }
    report(GOLDEN / "tiny.safetensors", tensors, metadata)


def export_small() -> None:
    grey = synthetic.synthetic_image(448)
    pixels = synthetic.pixel_values(grey)
    model = tower.build_small("eager")
    kept = trace(model, pixels)
    names = ["trace.layer.7", "output.last_hidden_state"]
    tensors = {name: kept[name][0, POSITIONS] for name in names}
    tensors |= {"input.image": grey, "input.positions": np.array(POSITIONS, dtype=np.int64)}
    metadata = common_metadata() | {
        "weights": f"models/dinov2-small.safetensors sha256 {tower.weights_sha256()}",
        "float32_error": float32_error(kept, trace(double_copy(model), pixels), names),
        "largest": f"{max(float(np.abs(tensors[n]).max()) for n in names):.1f}",
    }
    report(GOLDEN / "small_448.safetensors", tensors, metadata)


def report(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, tensors, metadata)
    print(f"{path.name}: {path.stat().st_size} bytes, {metadata}")
    for name, value in sorted(tensors.items()):
        if not name.startswith("weight."):
            print(f"  {name} {value.dtype} {value.shape} rms {np.sqrt((value.astype(float) ** 2).mean()):.3f}")


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    export_tiny()
    export_small()
