"""Measures of the evaluator in a few lines of NumPy each, by the definition and not by the Rust code's way.

Regions and heat maps are rasterised, which is exact because the callers' boxes lie on the raster; the Rust code never rasterises.
"""

import numpy as np


def mask(boxes: list[list[float]], size: tuple[int, int], scale: int = 1) -> np.ndarray:
    """Which pixels of an image of `size` (width, height) the boxes cover; `scale` subdivides pixels."""
    covered = np.zeros((size[1] * scale, size[0] * scale), bool)
    for box in boxes:
        x0, y0, x1, y1 = (int(v * scale) for v in box)
        assert [x0, y0, x1, y1] == [v * scale for v in box], "a box must lie on the raster"
        covered[y0:y1, x0:x1] = True
    return covered


def mask_iou(a: np.ndarray, b: np.ndarray) -> float:
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 0.0


def heat_on_truth(heat: np.ndarray, inside: np.ndarray) -> dict[str, float | None]:
    """`heat` has one value a cell, `inside` one a pixel; each cell covers equally many whole pixels."""
    heat = heat.astype(float) if heat.any() else np.ones(heat.shape)
    side_y, side_x = inside.shape[0] // heat.shape[0], inside.shape[1] // heat.shape[1]
    pixels = np.kron(heat, np.ones((side_y, side_x)))
    centres = inside[side_y // 2 :: side_y, side_x // 2 :: side_x]
    shares = heat.ravel() / heat.sum()
    entropy = -sum(p * np.log(p) for p in shares if p > 0) / np.log(heat.size)
    inner, outer = pixels[inside], pixels[~inside]
    noise = np.sqrt(inner.var() + outer.var()) if inner.size and outer.size else 0.0
    contrast = abs(inner.mean() - outer.mean()) if inner.size and outer.size else None
    uniform = 0.0 if contrast is not None and contrast < 1e-6 else None
    return {
        "pointing": float(centres[heat == heat.max()].mean()),
        "energy_inside": float(pixels[inside].sum() / pixels.sum()),
        "entropy": float(entropy),
        "cnr": float(contrast / noise) if noise > 1e-6 else uniform,
    }


def tied_means(keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Each value replaced by the mean of those with the same key."""
    return np.array([values[keys == key].mean() for key in keys])


def ece(confidence: np.ndarray, hit: np.ndarray, bins: int = 15) -> float:
    """Bins of equal width, closed below; the last one is closed on both sides."""
    total = 0.0
    for i in range(bins):
        above = confidence <= 1 if i == bins - 1 else confidence < (i + 1) / bins
        chosen = (confidence >= i / bins) & above
        if chosen.any():
            total += chosen.mean() * abs(confidence[chosen].mean() - hit[chosen].mean())
    return float(total)


def adaptive_ece(confidence: np.ndarray, hit: np.ndarray, bins: int = 15) -> float:
    """Bins of equally many, as `numpy.array_split` makes them."""
    order = np.argsort(confidence, kind="stable")
    confidence, hit = confidence[order], tied_means(confidence[order], hit[order].astype(float))
    parts = [part for part in np.array_split(np.arange(len(hit)), bins) if len(part)]
    return float(sum(len(p) / len(hit) * abs(confidence[p].mean() - hit[p].mean()) for p in parts))


def risk_coverage(confidence: np.ndarray, error: np.ndarray) -> dict[str, float | None]:
    """Mean error of the k most confident for every k; no answer is a confidence below 0."""
    order = np.argsort(-confidence, kind="stable")
    error = tied_means(confidence[order], error[order])
    n = len(error)
    risks = [error[: k + 1].mean() for k in range(n)]
    at_80 = risks[-(-8 * n // 10) - 1]
    return {
        "full": float(risks[-1]),
        "at_80": float(at_80),
        "relative_at_80": float(at_80 / risks[-1]) if risks[-1] > 0 else None,
        "aurc": float(np.mean(risks)),
    }
