"""Positions of the patches, and the projection of the tower's tokens, with blocks that see their neighbours."""

import math

import numpy as np
import torch

from conv_block import conv_block
from layers import Weights, linear

FREQUENCIES = 8


def position_features(grid: int, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """[grid * grid, 64] in float64, for the patient whose thorax maps to the square by `model = scale * thorax + shift`.

    Per patch: x and y on the square, then x and y in the thorax; per coordinate: sine, cosine of 8 frequencies, the
    lowest of half a period per unit, each 1.7 times the one before.
    """
    rows = []
    for patch in range(grid * grid):
        on_square = np.array([patch % grid + 0.5, patch // grid + 0.5]) / grid
        in_thorax = (on_square - shift) / scale
        features = []
        for coordinate in [*on_square, *in_thorax]:
            for k in range(FREQUENCIES):
                angle = math.pi * 1.7**k * coordinate
                features += [math.sin(angle), math.cos(angle)]
        rows.append(features)
    return np.array(rows)


def project(weights: Weights, tokens: torch.Tensor, positions: torch.Tensor, blocks: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Values [patches, width], and keys, which also know where they are."""
    values = linear(weights.at("tokens"), tokens)
    for index in range(blocks):
        values = conv_block(weights.at(f"neck.{index}"), values)
    return values, values + linear(weights.at("positions"), positions)
