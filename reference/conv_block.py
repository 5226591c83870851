"""A residual block over a square grid of cells: layer norm, narrow, look at the eight neighbours, widen."""

import math

import torch
from torch.nn.functional import conv2d

from layers import Weights, gelu, layer_norm, linear


def conv_block(weights: Weights, cells: torch.Tensor) -> torch.Tensor:
    """`cells`: [side * side, width], row by row; beyond the rim there are zeros. The kernel is stored
    [outputs, inputs, rows, columns]."""
    side = math.isqrt(len(cells))
    narrow = gelu(linear(weights.at("narrow"), layer_norm(weights.at("norm"), cells)))
    picture = narrow.reshape(side, side, -1).permute(2, 0, 1)[None]
    seen = conv2d(picture, weights["neighbours.weight"], weights["neighbours.bias"], padding=1)
    mixed = gelu(seen)[0].permute(1, 2, 0).reshape(len(cells), -1)
    return cells + linear(weights.at("widen"), mixed)
