"""One decoder layer on one phrase: self-attention, the whole image, then a window around each query's reference box.

eq. 3: A_g = softmax(Q K' / sqrt(d) + λ log(S_p + ε)), over all patches
eq. 4: O_g = A_g V
eq. 5: O_l = softmax(Q' K_w' / sqrt(d)) V_w, over the samples of a window on the fine map
eq. 6: Z <- Z + η O_l + (1 - η) O_g, η = sigmoid(W [O_g; O_l; Z])

λ is ten times the stored parameter.
"""

import math
from dataclasses import dataclass

import torch

from layers import Weights, attention, feed_forward, layer_norm, linear, sigmoid, softmax
from window import sample, sample_centres, window_box

PRIOR_EPSILON = 1e-2
LOCAL_HEADS = 4
# A uniform distribution is sqrt(12) standard deviations wide.
WIDTH_OVER_DEVIATION = 3.46


@dataclass
class Scene:
    """What the queries of one phrase look at."""

    values: torch.Tensor  # [patches, width]
    keys: torch.Tensor  # [patches, width]
    prior: torch.Tensor  # [patches]
    fine: torch.Tensor  # [cells, cells, fine_width]
    grid: int


def layer(weights: Weights, states, references, scene: Scene, config: dict, trace: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """`states`: [queries + 1 + prompt_tokens, width]; `references`: [queries, 4]. Returns the states after the layer and
    the geometry [queries, 8]."""
    queries = config["queries"]
    normed = layer_norm(weights.at("self_norm"), states)
    context, _ = attention(weights.at("self_attention"), normed, normed, normed, config["heads"])
    states = states + context
    asking, others = states[:queries], states[queries:]

    seen_globally, global_map = look_globally(weights, asking, scene, config["heads"])
    trace["global_map"] = global_map
    geometry = map_geometry(global_map, references, scene.grid)
    if config["switches"]["local"] == "on":
        seen_locally, local_map = look_locally(weights.at("local"), asking, references, scene.fine, config)
        gate = sigmoid(linear(weights.at("fusion"), torch.cat([seen_globally, seen_locally, asking], 1)))
        trace |= {"local_map": local_map, "gate": gate}
        update = gate * seen_locally + (1 - gate) * seen_globally
        local_geometry = window_geometry(local_map, config)
    else:
        update = seen_globally
        local_geometry = torch.zeros_like(geometry)

    states = torch.cat([asking + update, others])
    states = states + feed_forward(weights.at("feed_forward"), layer_norm(weights.at("feed_forward_norm"), states))
    trace["states"] = states
    return states, torch.cat([geometry, local_geometry], 1)


def look_globally(weights: Weights, asking, scene: Scene, heads: int) -> tuple[torch.Tensor, torch.Tensor]:
    """eq. 3 and 4; the map is the mean over heads, [queries, patches]."""
    strength = 10 * weights["prior_weight"]
    bias = strength * torch.log(scene.prior + PRIOR_EPSILON)
    normed = layer_norm(weights.at("global_norm"), asking)
    seen, maps = attention(weights.at("global_attention"), normed, scene.keys, scene.values, heads, bias)
    return seen, maps.mean(0)


def look_locally(weights: Weights, asking, references, fine, config: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """eq. 5, query by query and head by head; keys and values are both the samples plus where they lie in the window."""
    fine_width = fine.shape[2]
    where = linear(weights.at("offsets"), sample_centres(config["window"], fine.dtype))
    projected = linear(weights.at("query"), layer_norm(weights.at("norm"), asking))
    contexts, maps = [], []
    for query, reference in zip(projected, references):
        box = window_box(reference, config["window_scale"], fine.shape[0])
        keys = sample(fine, box, config["window"]) + where
        heads = [softmax(keys @ q / math.sqrt(fine_width)) for q in query.reshape(LOCAL_HEADS, fine_width)]
        contexts.append(torch.cat([head @ keys for head in heads]))
        maps.append(torch.stack(heads).mean(0))
    return linear(weights.at("output"), torch.stack(contexts)), torch.stack(maps)


def moments(map_: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of x and y when `points` [places, 2] are drawn with the probabilities of each row."""
    means, deviations = [], []
    for probabilities in map_:
        mean = (probabilities[:, None] * points).sum(0)
        variance = (probabilities[:, None] * (points - mean) ** 2).sum(0)
        means.append(mean)
        deviations.append(torch.sqrt(torch.clamp(variance, min=1e-5)))
    return torch.stack(means), torch.stack(deviations)


def map_geometry(map_: torch.Tensor, references: torch.Tensor, grid: int) -> torch.Tensor:
    """Shift of the centre in reference sizes and log of the width over the reference size; [queries, 4]."""
    patches = torch.arange(grid * grid)
    points = (torch.stack([patches % grid, patches // grid], 1).to(map_.dtype) + 0.5) / grid
    centre, deviation = moments(map_, points)
    size = torch.clamp(references[:, 2:], min=0.02)
    shift = torch.clamp((centre - references[:, :2]) / size, -4, 4)
    width = torch.clamp(torch.log(WIDTH_OVER_DEVIATION * deviation / size), -3, 3)
    return torch.cat([shift, width], 1)


def window_geometry(map_: torch.Tensor, config: dict) -> torch.Tensor:
    """The same over the samples of the window, whose side counts as `window_scale` reference sizes even where
    `window_box` limited it."""
    centre, deviation = moments(map_, sample_centres(config["window"], map_.dtype))
    scale = config["window_scale"]
    return torch.cat([scale * centre, torch.log(WIDTH_OVER_DEVIATION * scale * deviation)], 1)
