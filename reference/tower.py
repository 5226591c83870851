"""The vision tower in Hugging Face's implementation, for the goldens and for the benchmark."""

import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from transformers import Dinov2Model

from safetensors_file import save

MODELS = Path(__file__).resolve().parent.parent / "models"
WEIGHTS = MODELS / "dinov2-small.safetensors"
PROJECTIONS = {
    "q_proj": "attention.query",
    "k_proj": "attention.key",
    "v_proj": "attention.value",
    "o_proj": "output.dense",
}


def checkpoint_name(parameter: str) -> str:
    """The name in published checkpoints of a parameter of the library's module, which calls the projections otherwise."""
    for ours, theirs in PROJECTIONS.items():
        parameter = parameter.replace(f".attention.{ours}.", f".attention.{theirs}.")
    return parameter


def build(config: dict, weights: dict[str, np.ndarray], attention: str) -> Dinov2Model:
    """A float32 model with exactly these weights; every name must be used and every parameter given."""
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "config.json").write_text(json.dumps(config | {"model_type": "dinov2"}))
        save(Path(directory) / "model.safetensors", weights, {"format": "pt"})
        model, loading = Dinov2Model.from_pretrained(
            directory, attn_implementation=attention, dtype=torch.float32, output_loading_info=True
        )
    problems = {k: v for k, v in loading.items() if v}
    if problems:
        raise SystemExit(f"expected every weight to be used and given, found {problems}")
    return model.eval()


def build_small(attention: str) -> Dinov2Model:
    """The shipped DINOv2 ViT-S/14, its float16 weights widened to float32."""
    config = json.loads((MODELS / "dinov2-small.config.json").read_text())
    return build(config, load_file(WEIGHTS), attention)


def weights_sha256() -> str:
    return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
