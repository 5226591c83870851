"""An image that every language computes alike, and its preparation for the vision tower."""

import numpy as np

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_STD = np.array([0.229, 0.224, 0.225])


def triangle(t: np.ndarray, period: int) -> np.ndarray:
    """0 at odd multiples of `period`, `period` at even ones, linear in between."""
    return np.abs(t % (2 * period) - period)


def synthetic_image(side: int) -> np.ndarray:
    """A grey image [side, side] of integers in 0..=255, from integer arithmetic only, so any language repeats it exactly.

    v(x, y) = tri(3x + y, 100) + tri(2y + 5x, 77) + tri(floor(xy / 64), 78), where tri(t, p) = |t mod 2p - p|.
    """
    y, x = np.mgrid[0:side, 0:side].astype(np.int64)
    grey = triangle(3 * x + y, 100) + triangle(2 * y + 5 * x, 77) + triangle(x * y // 64, 78)
    return grey.astype(np.uint8)


def pixel_values(grey: np.ndarray) -> np.ndarray:
    """[1, 3, side, side] float32: the grey value / 255 in all three channels, by ImageNet's mean and deviation."""
    scaled = grey[None].astype(np.float64) / 255.0
    normalised = (scaled - IMAGENET_MEAN[:, None, None]) / IMAGENET_STD[:, None, None]
    return normalised[None].astype(np.float32)
