"""Writes golden/decoder/: what the grounding decoder and the criterion compute, step by step, in float64.

    python reference/export_decoder_golden.py

The weights and inputs are float32 numbers; results are rounded to float32 when they are stored. The same run in float32
gives `float32_error` in the metadata: what a float32 implementation may differ by without being wrong.
"""

import copy
import json
from pathlib import Path

import numpy as np
import torch

import criterion
import fine_map
import model
import patch_loss
import prior
import visual_tokens
from layers import Weights
from safetensors_file import save

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "decoder"
SEED = 20253
PATCH = 14
NODE_FEATURES = 8
RANDOM_NODES = 8
CONFIG = {
    "model_type": "knowmvg-compact",
    "image_side": 56,
    "token_width": 12,
    "width": 16,
    "heads": 2,
    "layers": 2,
    "queries": 3,
    "prompt_tokens": 2,
    "neck_blocks": 2,
    "proposal_width": 10,
    "fine_width": 8,
    "fine_blocks": 1,
    "window": 4,
    "window_scale": 1.6,
    "vocab_size": 20,
    "max_tokens": 6,
    "text_layers": 1,
    "dropout": 0.0,
    "switches": {"knowledge": "on", "prior": "learned", "local": "on", "start": "proposals"},
}
GRID = CONFIG["image_side"] // PATCH
# Each image's lungs on the square: `model = scale * thorax + shift`, x and y.
MODEL_FROM_THORAX = [[0.7, 0.75, 0.15, 0.1], [0.85, 0.6, 0.05, 0.25]]
# Cells whose pixel patches are stored: the corners and one inside. The others only enter the fine map.
CELLS = [0, 7, 27, 56, 63]
# Per phrase: words, side, zone, linked nodes, link quality, reference box in the thorax frame. None is padding.
PHRASES = [
    [
        ([3, 7, 12, 5, 19], 1, 3, [2, 0, 4], 0.8, [0.55, 0.6, 0.95, 1.02]),
        ([4], 0, 0, [], 0.0, [0.3, 0.3, 0.7, 0.7]),
        ([8, 8, 2], 2, 1, [1, 3], 0.0, [-0.4, -0.1, 0.3, 0.2]),
    ],
    [
        ([11, 6], 4, 2, [3], 0.05, [0.05, 0.4, 0.15, 0.55]),
        ([15, 1, 9, 10], 3, 0, [4, 1, 0, 2], 1.0, [0.4, 0.2, 0.62, 1.3]),
        None,
    ],
]
# Middle and spread: a few patches of each phrase propose something, and boxes are large enough for some to agree.
PROPOSAL_VALUES = {
    "proposal_head.score.bias": (-0.2, 0.0),
    "proposal_head.sides.bias": (1.5, 0.1),
    "proposal_head.sides.weight": (0.0, 0.08),
}
NODE_WORDS = [[2, 5], [13], [17, 3, 1, 14], [6, 18], [9, 9, 16]]
NODE_PLACES = 4
TRACE_ORDER = (
    ["phrase_embeds"]
    + [f"knowledge_prompt.{name}" for name in ("nodes", "pooled", "gate", "embeds")]
    + ["visual_tokens", "fine_map", "patch_boxes.logits", "patch_boxes.log_sides", "start", "first_states"]
)
LAYER_ORDER = ["global_map", "local_map", "gate", "states", "boxes", "presence_logits", "log_spread"]


def linear(name: str, inputs: int, outputs: int) -> dict[str, list[int]]:
    return {f"{name}.weight": [inputs, outputs], f"{name}.bias": [outputs]}


def norm(name: str, width: int) -> dict[str, list[int]]:
    return {f"{name}.gamma": [width], f"{name}.beta": [width]}


def attention(name: str, width: int) -> dict[str, list[int]]:
    parts = [linear(f"{name}.{part}", width, width) for part in ("query", "key", "value", "output")]
    return {key: shape for part in parts for key, shape in part.items()}


def feed_forward(name: str, inputs: int, hidden: int, outputs: int) -> dict[str, list[int]]:
    return linear(f"{name}.inner", inputs, hidden) | linear(f"{name}.outer", hidden, outputs)


def conv_block(name: str, width: int, inner: int) -> dict[str, list[int]]:
    shapes = norm(f"{name}.norm", width) | linear(f"{name}.narrow", width, inner) | linear(f"{name}.widen", inner, width)
    return shapes | {f"{name}.neighbours.weight": [inner, inner, 3, 3], f"{name}.neighbours.bias": [inner]}


def parameter_shapes(config: dict) -> dict[str, list[int]]:
    """Every parameter of the model, `[inputs, outputs]` for linear maps and `[outputs, inputs, 3, 3]` for convolutions."""
    width, fine, local = config["width"], config["fine_width"], 4 * config["fine_width"]
    shapes = {
        "phrase_encoder.tokens.weight": [config["vocab_size"], width],
        "phrase_encoder.positions": [config["max_tokens"], width],
        "sides.weight": [5, width],
        "zones.weight": [4, width],
        "knowledge_prompt.queries": [config["prompt_tokens"], width],
        "knowledge_prompt.null": [config["prompt_tokens"], width],
        "random_nodes": [RANDOM_NODES, width],
        "queries": [config["queries"], width],
        "query_offsets": [config["queries"], 4],
    }
    for index in range(config["text_layers"]):
        name = f"phrase_encoder.layers.{index}"
        shapes |= norm(f"{name}.norm1", width) | attention(f"{name}.attention", width)
        shapes |= norm(f"{name}.norm2", width) | feed_forward(f"{name}.feed_forward", width, 2 * width, width)
    shapes |= norm("phrase_encoder.norm", width)
    shapes |= linear("knowledge_prompt.node_text", width, width)
    shapes |= linear("knowledge_prompt.node_features", NODE_FEATURES, width)
    shapes |= norm("knowledge_prompt.node_norm", width) | linear("knowledge_prompt.from_phrase", width, width)
    shapes |= attention("knowledge_prompt.attention", width) | norm("knowledge_prompt.norm", width)
    shapes |= linear("knowledge_prompt.gate", 2 * width + 1, 1)
    shapes |= linear("visual_projection.tokens", config["token_width"], width)
    shapes |= linear("visual_projection.positions", visual_tokens.FREQUENCIES * 8, width)
    for index in range(config["neck_blocks"]):
        shapes |= conv_block(f"visual_projection.neck.{index}", width, width // 2)
    proposal = config["proposal_width"]
    for part in ("patch", "scale", "shift"):
        shapes |= linear(f"proposal_head.{part}", width, proposal)
    shapes |= linear("proposal_head.score", proposal, 1) | linear("proposal_head.sides", proposal, 4)
    shapes |= {"proposal_head.prior_weight": [1]}
    shapes |= linear("fine_map.pixels", PATCH**2, fine) | linear("fine_map.tokens", width, fine)
    shapes |= linear("fine_map.mixed", fine, fine)
    for index in range(config["fine_blocks"]):
        shapes |= conv_block(f"fine_map.blocks.{index}", fine, fine)
    shapes |= linear("from_phrase", width, width) | linear("from_prior", 4, width) | linear("from_start", 5, width)
    shapes |= linear("region", width, width) | linear("region_phrase", width, width)
    for index in range(config["layers"]):
        name = f"layers.{index}"
        shapes |= norm(f"{name}.self_norm", width) | attention(f"{name}.self_attention", width)
        shapes |= norm(f"{name}.global_norm", width) | attention(f"{name}.global_attention", width)
        shapes |= {f"{name}.prior_weight": [1]} | norm(f"{name}.local.norm", width)
        shapes |= linear(f"{name}.local.query", width, local) | linear(f"{name}.local.offsets", 2, fine)
        shapes |= linear(f"{name}.local.output", local, width) | linear(f"{name}.fusion", 3 * width, width)
        shapes |= norm(f"{name}.feed_forward_norm", width)
        shapes |= feed_forward(f"{name}.feed_forward", width, 4 * width, width)
        name = f"heads.{index}"
        shapes |= norm(f"{name}.norm", width) | feed_forward(f"{name}.step", width + 8, width, 4)
        shapes |= linear(f"{name}.geometry", 8, 4) | linear(f"{name}.presence", width, 1) | linear(f"{name}.spread", width, 4)
    return shapes


def random_weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Values of a size at which each parameter moves the output visibly and boxes still move by parts of their size; the
    scores of the patches lie around the least one that proposes."""
    weights = {}
    for name, shape in sorted(parameter_shapes(CONFIG).items()):
        noise = rng.standard_normal(shape)
        if name.endswith(".gamma"):
            value = 1.0 + 0.3 * noise
        elif name.endswith("prior_weight"):
            value = 0.05 + 0.02 * noise
        elif len(shape) == 4:
            value = 1.2 * noise / np.sqrt(9 * shape[1])
        elif name in PROPOSAL_VALUES:
            middle, spread = PROPOSAL_VALUES[name]
            value = middle + spread * noise
        elif ".step.outer." in name or name.startswith("heads.") and ".geometry." in name:
            value = 0.12 * noise
        elif name.endswith(".weight") and name not in ("sides.weight", "zones.weight", "phrase_encoder.tokens.weight"):
            value = 1.2 * noise / np.sqrt(shape[0])
        elif name == "query_offsets":
            value = 0.2 * noise
        else:
            value = 0.4 * noise
        weights[name] = value.astype(np.float32)
    return weights


def padded(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    longest = max(map(len, rows))
    ids = [row + [0] * (longest - len(row)) for row in rows]
    real = [[1.0] * len(row) + [0.0] * (longest - len(row)) for row in rows]
    return np.array(ids, dtype=np.int64), np.array(real, dtype=np.float32)


def text_inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Padding phrases have one word, no node and a closed gate."""
    flat = [phrase or ([0], 0, 0, [], 0.0, None) for row in PHRASES for phrase in row]
    token_ids, is_word = padded([phrase[0] for phrase in flat])
    node_token_ids, node_is_word = padded(NODE_WORDS)
    node_features = np.zeros((len(flat), NODE_PLACES, NODE_FEATURES), dtype=np.float32)
    is_node = np.zeros((len(flat), NODE_PLACES), dtype=np.float32)
    node_index = np.zeros((len(flat), NODE_PLACES), dtype=np.int64)
    for row, phrase in enumerate(flat):
        for place, node in enumerate(phrase[3]):
            is_node[row, place] = 1
            node_index[row, place] = node
            corners = np.sort(rng.uniform(-0.1, 1.1, (2, 2)), axis=0).ravel()
            node_features[row, place] = [*corners, 1, node < 3, node >= 3, 0]
    return {
        "token_ids": token_ids,
        "is_word": is_word,
        "sides": np.array([[phrase[1]] for phrase in flat], dtype=np.int64),
        "zones": np.array([[phrase[2]] for phrase in flat], dtype=np.int64),
        "node_token_ids": node_token_ids,
        "node_is_word": node_is_word,
        "node_index": node_index.ravel(),
        "node_features": node_features,
        "is_node": is_node,
        "link_quality": np.array([[phrase[4]] for phrase in flat], dtype=np.float32),
    }


def prior_inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The priors in the thorax frame and what the images see of them; padding phrases have a flat one."""
    maps = rng.uniform(0, 1, (2, 3, prior.MAP_SIDE, prior.MAP_SIDE)).astype(np.float32)
    seen, boxes, references = np.ones((2, 3, GRID**2)), np.zeros((2, 3, 4)), np.zeros((2, 3, 4))
    for image, row in enumerate(PHRASES):
        scale, shift = np.split(np.array(MODEL_FROM_THORAX[image]), 2)
        for phrase, told in enumerate(row):
            if told is None:
                boxes[image, phrase] = [0.5, 0.5, 0.4, 0.4]
            else:
                references[image, phrase] = told[5]
                seen[image, phrase], boxes[image, phrase] = prior.on_image(maps[image, phrase], told[5], scale, shift, GRID)
    return {
        "prior_maps": maps,
        "prior_references": references,
        "prior": seen.astype(np.float32),
        "prior_boxes": boxes.astype(np.float32),
    }


def image_inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Pixels are multiples of 1/256, so that their patches are exact."""
    side = CONFIG["image_side"]
    pixels = rng.integers(0, 257, (2, side, side)) / 256
    maps = [np.split(np.array(row), 2) for row in MODEL_FROM_THORAX]
    patches = np.stack([fine_map.pixel_patches(p, PATCH) for p in pixels])
    return {
        "pixels": pixels.astype(np.float32),
        "pixel_patches": patches.astype(np.float32),
        "upsample": fine_map.upsampling(GRID * fine_map.CELLS_PER_PATCH, GRID).astype(np.float32),
        "model_from_thorax": np.array(MODEL_FROM_THORAX),
        "positions": np.stack([visual_tokens.position_features(GRID, *m) for m in maps]).astype(np.float32),
        "tokens": rng.standard_normal((2, GRID**2, CONFIG["token_width"])).astype(np.float32),
    }


def run(weights: dict, inputs: dict, config: dict, dtype: torch.dtype) -> dict[str, np.ndarray]:
    def tensor(array: np.ndarray) -> torch.Tensor:
        read = torch.from_numpy(array)
        return read.to(dtype) if read.is_floating_point() else read

    found = model.forward(
        Weights({name: tensor(value) for name, value in weights.items()}),
        {name: tensor(value) for name, value in inputs.items()},
        config,
    )
    return {name: value.numpy() for name, value in found.items()}


def trace_order(config: dict) -> list[str]:
    """As the steps follow each other."""
    skipped = ("local_map", "gate") if config["switches"]["local"] == "off" else ()
    layers = [f"layers.{i}.{name}" for i in range(config["layers"]) for name in LAYER_ORDER if name not in skipped]
    return TRACE_ORDER + layers


def with_switch(name: str, value: str) -> dict:
    config = copy.deepcopy(CONFIG)
    config["switches"][name] = value
    return config


def metadata() -> dict[str, str]:
    return {
        "script": "reference/export_decoder_golden.py",
        "seed": str(SEED),
        "torch": torch.__version__.split("+")[0],
        "numpy": np.__version__,
    }


def difference(exact: np.ndarray, found: np.ndarray) -> float:
    """Absolute below 1 and relative above, as the tests compare."""
    assert (np.isnan(exact) == np.isnan(found)).all()
    return float(np.nanmax(np.abs(exact - found) / np.maximum(np.abs(exact), 1)))


def export_model() -> None:
    rng = np.random.default_rng(SEED)
    weights = random_weights(rng)
    inputs = text_inputs(rng) | prior_inputs(rng) | image_inputs(rng)
    tensors = {f"weight.{name}": value for name, value in weights.items()}
    stored = inputs | {"pixel_patches": inputs["pixel_patches"][:, CELLS]}
    tensors |= {f"input.{name}": value for name, value in stored.items()}
    variants = {
        "": CONFIG,
        "local_off.": with_switch("local", "off"),
        "knowledge_random.": with_switch("knowledge", "random"),
        "start_prior.": with_switch("start", "prior"),
    }
    errors, margins, about, plain = [], [], metadata(), {}
    for prefix, config in variants.items():
        double = run(weights, inputs, config, torch.float64)
        single = run(weights, inputs, config, torch.float32)
        order = trace_order(config)
        margins.append(double.pop("vote.margin").min())
        voters = double.pop("vote.voters")
        assert (voters == single.pop("vote.voters")).all(), "rounding changes what is proposed"
        about[f"{prefix}voters"] = " ".join("".join(map(str, row)) for row in voters)
        assert sorted(order) == sorted(n.removeprefix("trace.") for n in double if n.startswith("trace."))
        errors += [difference(double[name], single[name]) for name in double]
        changed = {n: v for n, v in double.items() if n not in plain or not np.array_equal(v, plain[n], equal_nan=True)}
        tensors |= {prefix + name: value.astype(np.float32) for name, value in changed.items()}
        plain = plain or double
        about |= {f"{prefix}config": json.dumps(config), f"{prefix}trace_order": "\n".join(order)}
    about |= {"float32_error": f"{max(errors):.1e}", "vote_margin": f"{min(margins):.4f}"}
    assert min(margins) > 1e-3, "rounding might change what is proposed"
    report(GOLDEN / "tiny.safetensors", tensors, about)


def export_criterion() -> None:
    """Two images, four phrases, four queries, two layers; boxes near and far, in order and out of order."""
    rng = np.random.default_rng(SEED + 1)
    batch, phrases, queries, layers, grid = 2, 4, 4, 2, 4
    rows = phrases * queries
    tensors: dict[str, np.ndarray] = {}
    for index in range(layers):
        powers = np.exp(rng.standard_normal((batch, rows, grid * grid)))
        boxes = np.concatenate([rng.uniform(0, 1, (batch, rows, 2)), rng.uniform(0.008, 0.6, (batch, rows, 2))], 2)
        tensors |= {
            f"input.layers.{index}.boxes": boxes.astype(np.float32),
            f"input.layers.{index}.presence_logits": (3 * rng.standard_normal((batch, rows, 1))).astype(np.float32),
            f"input.layers.{index}.log_spread": rng.uniform(-4, 2, (batch, rows, 4)).astype(np.float32),
            f"input.layers.{index}.global_map": (powers / powers.sum(2, keepdims=True)).astype(np.float32),
        }
    said = (batch, phrases, grid * grid)
    tensors |= {
        "input.patch_boxes.logits": (2 * rng.standard_normal(said)).astype(np.float32),
        "input.patch_boxes.log_sides": rng.uniform(-5, 0, (*said, 4)).astype(np.float32),
    }
    tensors |= true_boxes(rng, phrases)

    names = ("boxes", "presence_logits", "log_spread", "global_map")
    per_layer = [{name: tensors[f"input.layers.{i}.{name}"].tolist() for name in names} for i in range(layers)]
    targets = [[target(tensors, image, phrase) for phrase in range(phrases)] for image in range(batch)]
    terms, pairs, margin = criterion.loss(per_layer, targets, queries)
    patches = [tensors[f"input.patch_boxes.{name}"].tolist() for name in ("logits", "log_sides")]
    patch_terms, patch_margin = patch_loss.loss(*patches, targets)
    assert patch_margin > 1e-3, "rounding might change which patches lie in a box"
    tensors |= {f"output.{name}": np.array([value]) for name, value in (terms | patch_terms).items()}
    about = metadata() | {"seed": str(SEED + 1), "queries": str(queries)}
    about |= {"margin": f"{margin:.3f}", "patch_margin": f"{patch_margin:.4f}"}
    about["assigned"] = " ".join(f"{image}.{query}" for image, query, *_ in pairs)
    report(GOLDEN / "criterion.safetensors", tensors, about)


def true_boxes(rng: np.random.Generator, phrases: int) -> dict[str, np.ndarray]:
    """Boxes per phrase: -1 is a phrase that is padding, 0 one that is false of the image or that nobody located, 5 more
    than there are queries."""
    counts = np.array([[1, 3, 0, 2], [2, 5, 0, -1]], dtype=np.int64)
    size = rng.uniform(0.05, 0.4, (2, phrases, 5, 2))
    low = rng.uniform(0, 1, size.shape) * (1 - size)
    truth = np.concatenate([low, low + size], 3)
    # One in the other, before it and after it; one between the centres of the patches, in another and alone.
    truth[0, 1] = [[0.3, 0.3, 0.7, 0.55], [0.05, 0.1, 0.93, 0.81], [0.68, 0.66, 0.78, 0.74], *truth[0, 1, 3:]]
    truth[0, 3, 0] = [0.27, 0.19, 0.34, 0.35]
    return {
        "input.counts": counts,
        "input.is_unlocated": np.array([[0, 0, 0, 0], [0, 0, 1, 0]], dtype=np.int64),
        "input.weights": np.array([[1.0, 0.5, 2.0, 0.75], [0.25, 1.5, 0.6, 0.0]], dtype=np.float32),
        "input.truth": truth,
    }


def target(tensors: dict[str, np.ndarray], image: int, phrase: int) -> dict | None:
    count, weight, unlocated, truth = (
        tensors[f"input.{name}"][image, phrase] for name in ("counts", "weights", "is_unlocated", "truth")
    )
    if count < 0:
        return None
    boxes = [[(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0] for x0, y0, x1, y1 in truth[:count].tolist()]
    return {"boxes": boxes, "weight": float(weight), "is_unlocated": bool(unlocated)}


def report(path: Path, tensors: dict[str, np.ndarray], about: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, tensors, about)
    print(f"{path.name}: {path.stat().st_size} bytes, {about}")
    for name, value in tensors.items():
        if not name.startswith("weight."):
            print(f"  {name} {value.dtype} {value.shape} range {np.nanmin(value):.3f} .. {np.nanmax(value):.3f}")


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    export_model()
    export_criterion()
