"""Query states to boxes, presence and spread.

eq. 7: the centre moves by Δc reference sizes and the size is multiplied by exp(Δs).
"""

import torch

from layers import Weights, feed_forward, layer_norm, linear

MIN_SIDE = 0.008


def head(weights: Weights, states, geometry, references) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Boxes [queries, 4], presence logits [queries, 1], log spread [queries, 4]."""
    normed = layer_norm(weights.at("norm"), states)
    step = feed_forward(weights.at("step"), torch.cat([normed, geometry], 1)) + linear(weights.at("geometry"), geometry)
    presence = linear(weights.at("presence"), normed)
    spread = torch.clamp(linear(weights.at("spread"), normed), -4, 2)
    return refine(references, step), presence, spread


def refine(references: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """eq. 7; a centre moves at most three sizes and stays on the square, a side changes at most e^2.5 times and stays
    between MIN_SIDE and 1."""
    size = torch.clamp(references[:, 2:], min=MIN_SIDE)
    centre = references[:, :2] + size * torch.clamp(step[:, :2], -3, 3)
    size = size * torch.exp(torch.clamp(step[:, 2:], -2.5, 2.5))
    return torch.cat([torch.clamp(centre, 0, 1), torch.clamp(size, MIN_SIDE, 1)], 1)
