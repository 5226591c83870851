"""Writes golden/eval/average_precision.json: detections on images, and their average precision by pycocotools.

    python reference/export_eval_ap_golden.py

Coordinates are multiples of 1/8 and confidences of 1/1024, so that every conversion is exact, in float32 too; torchmetrics must
then find the same, or nothing is written.
"""

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchmetrics.detection import MeanAveragePrecision

import eval_golden_file

SEED = 20255
TOLERANCE = 1e-9
LABELS = ["alpha", "beta", "gamma", "delta"]
AREAS = ["all", "small", "medium", "large"]


def eighths(values: np.ndarray) -> list[float]:
    return [float(v) for v in np.round(values * 8) / 8]


def random_box(rng: np.random.Generator, side: float) -> list[float]:
    width, height = rng.uniform(0.05, 1, 2) * side
    x, y = rng.uniform(0, 500, 2)
    return eighths(np.array([x, y, x + width, y + height]))


def near(rng: np.random.Generator, box: list[float]) -> list[float]:
    x0, y0, x1, y1 = box
    moved = np.array(box) + rng.normal(0, 0.08, 4) * [x1 - x0, y1 - y0, x1 - x0, y1 - y0]
    return eighths(np.array([min(moved[0], moved[2]), min(moved[1], moved[3]), max(moved[0], moved[2]), max(moved[1], moved[3])]))


def confidence(rng: np.random.Generator, levels: int) -> float:
    """Few levels give many ties."""
    return float(rng.integers(0, levels + 1) / levels)


def random_image(rng: np.random.Generator, labels: list[str], levels: int, extra: int) -> dict:
    image = {}
    for label in labels:
        truths = [random_box(rng, rng.choice([30, 90, 400])) for _ in range(rng.integers(0, 4))]
        detections = [near(rng, box) for box in truths if rng.uniform() < 0.8]
        detections += [random_box(rng, rng.choice([30, 90, 400])) for _ in range(rng.integers(0, extra + 1))]
        rng.shuffle(detections)
        if truths or detections:
            image[label] = {"truths": truths, "detections": [[*box, confidence(rng, levels)] for box in detections]}
    return image


def random_case(rng: np.random.Generator, kind: str, images: int, levels: int, extra: int) -> tuple[str, list[dict]]:
    return kind, [random_image(rng, LABELS, levels, extra) for _ in range(images)]


SQUARE = [0.0, 0.0, 40.0, 40.0]
DEGENERATE = [
    ("no detections", [{"alpha": {"truths": [SQUARE], "detections": []}}]),
    ("detections on an image without truth", [
        {"alpha": {"truths": [SQUARE], "detections": [[*SQUARE, 0.5]]}}, {"alpha": {"truths": [], "detections": [[*SQUARE, 0.75]]}}]),
    ("a class without truth", [
        {"alpha": {"truths": [SQUARE], "detections": [[*SQUARE, 0.5]]}, "beta": {"truths": [], "detections": [[*SQUARE, 0.5]]}}]),
    ("a box without area is true", [{"alpha": {"truths": [[5.0, 5.0, 5.0, 5.0]], "detections": [[5.0, 5.0, 5.0, 5.0, 0.5]]}}]),
    ("a line is found", [{"alpha": {"truths": [SQUARE], "detections": [[0.0, 0.0, 0.0, 40.0, 0.5], [*SQUARE, 0.25]]}}]),
    ("touching", [{"alpha": {"truths": [SQUARE], "detections": [[40.0, 0.0, 80.0, 40.0, 0.5]]}}]),
    ("an IoU of exactly one half", [{"alpha": {"truths": [SQUARE], "detections": [[0.0, 0.0, 40.0, 20.0, 0.5]]}}]),
    ("an IoU of exactly three quarters", [{"alpha": {"truths": [SQUARE], "detections": [[0.0, 0.0, 40.0, 30.0, 0.5]]}}]),
    ("duplicates", [{"alpha": {"truths": [SQUARE], "detections": [[*SQUARE, 0.5]] * 3}}]),
    ("two equal truths", [{"alpha": {"truths": [SQUARE, SQUARE], "detections": [[*SQUARE, 0.5], [*SQUARE, 0.5]]}}]),
    ("one confidence for all", [
        {"alpha": {"truths": [SQUARE], "detections": [[100.0, 0.0, 140.0, 40.0, 1.0], [*SQUARE, 1.0]]}},
        {"alpha": {"truths": [SQUARE], "detections": [[*SQUARE, 1.0]]}}]),
    ("areas on the edges of the ranges", [{"alpha": {
        "truths": [[0.0, 0.0, 32.0, 32.0], [100.0, 0.0, 196.0, 96.0]],
        "detections": [[0.0, 0.0, 32.0, 32.0, 0.5], [100.0, 0.0, 196.0, 96.0, 0.25]]}}]),
    ("more than a hundred detections", [{"alpha": {
        "truths": [SQUARE], "detections": [[200.0, 0.0, 240.0, 40.0, 0.75]] * 100 + [[*SQUARE, 0.5]]}}]),
    ("a hundred detections, the last one right", [{"alpha": {
        "truths": [SQUARE], "detections": [[200.0, 0.0, 240.0, 40.0, 0.75]] * 99 + [[*SQUARE, 0.5]]}}]),
    ("an image without anything", [{}, {"beta": {"truths": [SQUARE], "detections": [[*SQUARE, 0.5]]}}]),
]


def xywh(box: list[float]) -> list[float]:
    x0, y0, x1, y1 = box
    return [x0, y0, x1 - x0, y1 - y0]


def coco(images: list[dict], key: str, labels: list[str]) -> COCO:
    """Built by hand, since `loadRes` refuses an empty list."""
    annotations = []
    for image_id, image in enumerate(images):
        for label in (label for label in labels if label in image):
            for box in image[label][key]:
                size = xywh(box[:4])
                annotation = {"id": len(annotations) + 1, "image_id": image_id, "category_id": labels.index(label), "iscrowd": 0}
                annotation |= {"bbox": size, "area": size[2] * size[3]}
                annotations.append(annotation | ({"score": box[4]} if key == "detections" else {}))
    built = COCO()
    built.dataset = {
        "images": [{"id": i} for i in range(len(images))],
        "categories": [{"id": i, "name": label} for i, label in enumerate(labels)],
        "annotations": annotations,
    }
    built.createIndex()
    return built


def mean_of(precision: np.ndarray) -> float | None:
    valid = precision[precision > -1]
    return float(valid.mean()) if valid.size else None


def evaluate(images: list[dict], labels: list[str], use_categories: bool) -> np.ndarray:
    """Precision by threshold, recall, class and area, with at most 100 detections."""
    evaluator = COCOeval(coco(images, "truths", labels), coco(images, "detections", labels), "bbox")
    evaluator.params.useCats = int(use_categories)
    evaluator.evaluate()
    evaluator.accumulate()
    return evaluator.eval["precision"][..., -1]


def summary(precision: np.ndarray) -> dict[str, float | None]:
    by_area = {name: mean_of(precision[..., area]) for area, name in enumerate(AREAS)}
    every = precision[..., 0]
    return {"ap": by_area.pop("all"), "ap50": mean_of(every[0]), "ap75": mean_of(every[5])} | by_area


def expected(images: list[dict]) -> dict:
    labels = sorted({label for image in images for label in image})
    precision = evaluate(images, labels, True)
    classes = {label: summary(precision[:, :, k]) for k, label in enumerate(labels)}
    return {
        "mean": summary(precision),
        "pooled": summary(evaluate(images, labels, False)),
        "labels": {label: scores for label, scores in classes.items() if scores["ap"] is not None},
    }


def check_torchmetrics(kind: str, images: list[dict], scores: dict) -> None:
    # Its own thresholds are float32, and a recall of 1/10 lies below the float32 nearest to 0.1.
    thresholds = {"iou_thresholds": np.linspace(0.5, 0.95, 10).tolist(), "rec_thresholds": np.linspace(0, 1, 101).tolist()}
    metric = MeanAveragePrecision(box_format="xyxy", iou_type="bbox", backend="pycocotools", **thresholds)
    labels = sorted({label for image in images for label in image})
    predictions, truths = [], []
    for image in images:
        rows = [(labels.index(label), box) for label in labels if label in image for box in image[label]["detections"]]
        true = [(labels.index(label), box) for label in labels if label in image for box in image[label]["truths"]]
        boxes = torch.tensor([box[:4] for _, box in rows]).reshape(-1, 4)
        scores_of = torch.tensor([box[4] for _, box in rows])
        predictions.append({"boxes": boxes, "scores": scores_of, "labels": torch.tensor([k for k, _ in rows]).long()})
        truths.append({"boxes": torch.tensor([b for _, b in true]).reshape(-1, 4), "labels": torch.tensor([k for k, _ in true]).long()})
    metric.update(predictions, truths)
    found = metric.compute()
    pairs = {"ap": "map", "ap50": "map_50", "ap75": "map_75", "small": "map_small", "medium": "map_medium", "large": "map_large"}
    for ours, theirs in pairs.items():
        value, peer = scores["mean"][ours], float(found[theirs])
        if abs((-1.0 if value is None else value) - peer) > 1e-6:
            raise SystemExit(f"{kind}, {ours}: expected {value}, found {peer} in torchmetrics")


def main() -> None:
    rng = np.random.default_rng(SEED)
    cases = [random_case(rng, "random", 12, 1024, 3) for _ in range(8)]
    cases += [random_case(rng, "many ties", 12, 4, 3) for _ in range(6)]
    cases += [random_case(rng, "many detections", 3, 64, 140) for _ in range(2)]
    written = []
    for kind, images in cases + DEGENERATE:
        scores = expected(images)
        check_torchmetrics(kind, images, scores)
        written.append({"kind": kind, "images": images, "expected": scores})
    head = {"script": "reference/export_eval_ap_golden.py", "seed": SEED, "tolerance": TOLERANCE}
    eval_golden_file.write("average_precision.json", head, ("numpy", "pycocotools", "torchmetrics", "torch"), written)


if __name__ == "__main__":
    main()
