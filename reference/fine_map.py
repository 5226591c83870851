"""The fine map of one image: pixels at half a patch's stride, plus the tokens interpolated to the same cells."""

import numpy as np
import torch
from torch.nn.functional import interpolate

from conv_block import conv_block
from layers import Weights, gelu, linear

CELLS_PER_PATCH = 2


def upsampling(cells: int, grid: int) -> np.ndarray:
    """[cells, grid]: column g is what becomes of a signal that is 1 at patch g and 0 elsewhere."""
    signals = torch.eye(grid, dtype=torch.float64)[:, None, :]
    return interpolate(signals, size=cells, mode="linear", align_corners=False)[:, 0].T.numpy()


def pixel_patches(pixels: np.ndarray, patch: int) -> np.ndarray:
    """[cells * cells, patch * patch] from a square picture in [0, 1]; grey 0 becomes -2 and 1 becomes 2.

    A cell's patch starts floor((patch - stride) / 2) pixels before the cell: with a patch of 14 and a stride of 7 it
    reaches 3 pixels beyond the cell on the left and top, 4 on the right and bottom.
    """
    stride = patch // CELLS_PER_PATCH
    cells = pixels.shape[0] // stride
    before = (patch - stride) // 2
    framed = np.pad(4.0 * pixels - 2.0, (before, patch), mode="edge")
    starts = [stride * i for i in range(cells)]
    return np.stack([framed[y : y + patch, x : x + patch].ravel() for y in starts for x in starts])


def fine_map(weights: Weights, patches: torch.Tensor, tokens: torch.Tensor, grid: int, blocks: int) -> torch.Tensor:
    """`patches`: [cells * cells, patch * patch]; `tokens`: [grid * grid, width]; returns [cells * cells, fine_width]."""
    cells = grid * CELLS_PER_PATCH
    coarse = linear(weights.at("tokens"), tokens)
    picture = coarse.T.reshape(1, -1, grid, grid)
    smooth = interpolate(picture, size=(cells, cells), mode="bilinear", align_corners=False)
    joined = gelu(linear(weights.at("pixels"), patches) + smooth[0].reshape(-1, cells * cells).T)
    mixed = joined + gelu(linear(weights.at("mixed"), joined))
    for index in range(blocks):
        mixed = conv_block(weights.at(f"blocks.{index}"), mixed)
    return mixed
