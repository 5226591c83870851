"""A prior in the thorax frame, seen on one patient's image."""

import numpy as np

MAP_SIDE = 24
MAP_BOUNDS = (-0.25, -0.25, 1.25, 1.35)


def on_image(map_: np.ndarray, reference, scale, shift, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """`map_`: [24, 24] over MAP_BOUNDS; `reference`: corners in the thorax frame; `model = scale * thorax + shift`.
    Returns the map [grid * grid] at the patch centres, and the box by centre and size, cut to the square."""
    seen = np.zeros(grid * grid)
    for patch in range(grid * grid):
        on_square = np.array([patch % grid + 0.5, patch // grid + 0.5]) / grid
        seen[patch] = bilinear(map_, (on_square - shift) / scale)
    low = np.clip(scale * np.array(reference[:2]) + shift, 0, 1)
    high = np.clip(scale * np.array(reference[2:]) + shift, 0, 1)
    return seen, np.concatenate([(low + high) / 2, high - low])


def bilinear(map_: np.ndarray, point: np.ndarray) -> float:
    """Values lie at the centres of the cells; beyond the outermost centres the map is constant, out of bounds it is 0."""
    low, high = np.array(MAP_BOUNDS[:2]), np.array(MAP_BOUNDS[2:])
    if (point < low).any() or (point >= high).any():
        return 0.0
    x, y = (point - low) / (high - low) * MAP_SIDE - 0.5
    total = 0.0
    for row in range(int(np.floor(y)), int(np.floor(y)) + 2):
        for col in range(int(np.floor(x)), int(np.floor(x)) + 2):
            share = (1 - abs(x - col)) * (1 - abs(y - row))
            total += share * map_[np.clip(row, 0, MAP_SIDE - 1), np.clip(col, 0, MAP_SIDE - 1)]
    return total
