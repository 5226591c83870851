"""Writes golden/eval/{regions,heat,ranking,mcnemar}.json: inputs of the evaluator's measures and their values.

    python reference/export_eval_golden.py

Values are those of scikit-learn, SciPy or torchmetrics where these have the measure, else of `eval_measures.py`.
"""

import numpy as np
import torch
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss, roc_auc_score
from torchmetrics.functional.classification import binary_calibration_error
from torchvision.ops import box_iou

import eval_golden_file
import eval_measures

SEED = 20256
SCRIPT = "reference/export_eval_golden.py"
SIZE = (96, 64)
SCALE = 4
GRID = (8, 12)


def raster_box(rng: np.random.Generator, scale: int) -> list[float]:
    """Corners on a raster of 1/scale pixels; sometimes without area."""
    x0, x1 = np.sort(rng.integers(0, SIZE[0] * scale + 1, 2)) / scale
    y0, y1 = np.sort(rng.integers(0, SIZE[1] * scale + 1, 2)) / scale
    return [float(v) for v in (x0, y0, x1, y1)]


def regions(rng: np.random.Generator) -> list[dict]:
    square, half = [0.0, 0.0, 8.0, 8.0], [0.0, 0.0, 4.0, 8.0]
    pairs = [([], []), ([square], []), ([], [square]), ([square], [square]), ([square], [half]), ([square, half], [square])]
    pairs += [([square], [[8.0, 0.0, 16.0, 8.0]]), ([[3.0, 3.0, 3.0, 3.0]], [[3.0, 3.0, 3.0, 3.0]]), ([[0.0, 2.0, 8.0, 2.0]], [square])]
    for count in [1] * 20 + [2, 3, 4, 6] * 10:
        pairs.append(tuple([raster_box(rng, SCALE) for _ in range(count)] for _ in range(2)))
    cases = []
    for a, b in pairs:
        masks = [eval_measures.mask(boxes, SIZE, SCALE) for boxes in (a, b)]
        iou = eval_measures.mask_iou(*masks)
        if len(a) == len(b) == 1 and masks[0].any():
            peer = float(box_iou(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)))
            assert abs(peer - iou) < 1e-12, (a, b, iou, peer)
        cases.append({"a": a, "b": b, "area_a": float(masks[0].sum()) / SCALE**2, "iou": iou})
    return cases


def heats(rng: np.random.Generator) -> list[dict]:
    maps = [np.zeros(GRID, int), np.full(GRID, 255), np.where(np.arange(96).reshape(GRID) == 17, 255, 0)]
    maps += [rng.integers(0, 256, GRID) for _ in range(12)]
    maps += [np.minimum(rng.integers(0, 300, GRID), 255) for _ in range(6)]
    maps += [(255 * rng.uniform(0, 1, GRID) ** 8).astype(int) for _ in range(12)]
    cases = []
    for index, heat in enumerate(maps * 2):
        boxes = [raster_box(rng, 1) for _ in range(1 + index % 3)]
        inside = eval_measures.mask(boxes, SIZE)
        values = eval_measures.heat_on_truth(heat, inside)
        cases.append({"heat": heat.ravel().tolist(), "boxes": boxes} | values)
    whole = [[0.0, 0.0, float(SIZE[0]), float(SIZE[1])]]
    values = eval_measures.heat_on_truth(maps[3], eval_measures.mask(whole, SIZE))
    return cases + [{"heat": maps[3].ravel().tolist(), "boxes": whole} | values]


def ranking_case(kind: str, scores: np.ndarray, truth: np.ndarray, error: np.ndarray) -> dict:
    """One score a row: as a presence, as a confidence of a hit, and as a reason to answer."""
    both = 0 < truth.sum() < len(truth)
    ece = eval_measures.ece(scores, truth)
    if scores.max() < 1:  # torchmetrics gives a confidence of 1 a bin of its own
        peer = float(binary_calibration_error(torch.tensor(scores), torch.tensor(truth.astype(int)), n_bins=15))
        assert abs(peer - ece) < 1e-6, (kind, ece, peer)
    return {
        "kind": kind,
        "scores": scores.tolist(),
        "truth": truth.tolist(),
        "errors": error.tolist(),
        "auroc": float(roc_auc_score(truth, scores)) if both else None,
        "ece": ece,
        "adaptive_ece": eval_measures.adaptive_ece(scores, truth),
        "brier": float(brier_score_loss(truth, scores, labels=[False, True])),
        "risk_coverage": eval_measures.risk_coverage(scores, error),
    }


def rankings(rng: np.random.Generator) -> list[dict]:
    cases = []
    for n in (2, 7, 15, 16, 40, 333):
        for levels in (0, 3, 10):
            scores = rng.uniform(0, 0.999, n)
            scores = np.round(scores * levels) / levels if levels else scores
            truth = rng.uniform(0, 1, n) < 0.3 + 0.4 * scores
            truth[:2] = [True, False]
            cases.append(ranking_case(f"{n} rows, {levels or 'no'} ties", scores, truth, rng.uniform(0, 1, n)))
    ones = np.ones(20, bool)
    cases.append(ranking_case("one score for all", np.full(20, 0.4), rng.uniform(0, 1, 20) < 0.5, rng.uniform(0, 1, 20)))
    cases.append(ranking_case("all present", rng.uniform(0, 1, 20), ones, np.zeros(20)))
    cases.append(ranking_case("all absent", rng.uniform(0, 1, 20), ~ones, np.ones(20)))
    cases.append(ranking_case("perfect", np.repeat([0.0, 1.0], 10), np.repeat([False, True], 10), np.repeat([1.0, 0.0], 10)))
    return cases


def mcnemars(rng: np.random.Generator) -> list[dict]:
    pairs = [(0, 0), (1, 0), (0, 1), (5, 5), (5, 6), (20, 5), (1000, 900), (1500, 1500), (2000, 1700), (3, 4000)]
    pairs += [tuple(int(v) for v in rng.integers(0, 60, 2)) for _ in range(30)]
    p = lambda a, b: float(binomtest(a, a + b).pvalue) if a + b else 1.0
    return [{"only_a": a, "only_b": b, "p": p(a, b)} for a, b in pairs]


def main() -> None:
    rng = np.random.default_rng(SEED)
    head = {"script": SCRIPT, "seed": SEED}
    eval_golden_file.write("regions.json", head | {"tolerance": 1e-12}, ("numpy", "torch", "torchvision"), regions(rng))
    heat_head = head | {"tolerance": 1e-9, "size": SIZE, "cols": GRID[1], "rows": GRID[0]}
    eval_golden_file.write("heat.json", heat_head, ("numpy",), heats(rng))
    packages = ("numpy", "scikit-learn", "torch", "torchmetrics")
    eval_golden_file.write("ranking.json", head | {"tolerance": 1e-12}, packages, rankings(rng))
    eval_golden_file.write("mcnemar.json", head | {"relative_tolerance": 1e-10}, ("scipy",), mcnemars(rng))


if __name__ == "__main__":
    main()
