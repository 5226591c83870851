"""Writes golden/metrics/iou.json: pairs of boxes with their exact IoU and GIoU.

    python reference/export_metrics_golden.py

Where torchvision and pycocotools define the value, they must agree with it, or nothing is written. They are not asked about
pairs without area, where torchvision divides zero by zero.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from pycocotools import mask
from torchvision.ops import box_iou, generalized_box_iou

import metrics

SEED = 20252
TOLERANCE = 1e-12
TARGET = Path(__file__).resolve().parent.parent / "golden" / "metrics" / "iou.json"


def random_box(rng: np.random.Generator, scale: float) -> list[float]:
    x0, x1 = np.sort(rng.uniform(0, scale, 2))
    y0, y1 = np.sort(rng.uniform(0, scale, 2))
    return [float(v) for v in (x0, y0, x1, y1)]


def near(rng: np.random.Generator, box: list[float], scale: float) -> list[float]:
    """A box like a good prediction of `box`, so that high overlaps are among the cases."""
    moved = np.array(box) + rng.normal(0, 0.03 * scale, 4)
    return [float(v) for v in (min(moved[0], moved[2]), min(moved[1], moved[3]), max(moved[0], moved[2]), max(moved[1], moved[3]))]


def random_cases(rng: np.random.Generator) -> list[tuple[str, list[float], list[float]]]:
    cases = []
    for kind, scale in (("fraction", 1.0), ("pixel", 4096.0), ("integer", 64.0)):
        for index in range(100):
            a = random_box(rng, scale)
            b = near(rng, a, scale) if index % 2 else random_box(rng, scale)
            if kind == "integer":
                a, b = [float(round(v)) for v in a], [float(round(v)) for v in b]
            cases.append((kind, a, b))
    return cases


DEGENERATE = [
    ("same point", [3.0, 4.0, 3.0, 4.0], [3.0, 4.0, 3.0, 4.0]),
    ("two points", [0.0, 0.0, 0.0, 0.0], [2.0, 5.0, 2.0, 5.0]),
    ("two points on one row", [0.0, 1.0, 0.0, 1.0], [4.0, 1.0, 4.0, 1.0]),
    ("same vertical line", [2.0, 0.0, 2.0, 9.0], [2.0, 0.0, 2.0, 9.0]),
    ("crossing lines", [0.0, 5.0, 10.0, 5.0], [5.0, 0.0, 5.0, 10.0]),
    ("line inside a box", [2.0, 2.0, 2.0, 8.0], [0.0, 0.0, 10.0, 10.0]),
    ("line on the edge of a box", [0.0, 0.0, 0.0, 10.0], [0.0, 0.0, 10.0, 10.0]),
    ("point inside a box", [5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 10.0, 10.0]),
    ("point outside of a box", [20.0, 5.0, 20.0, 5.0], [0.0, 0.0, 10.0, 10.0]),
    ("identical", [0.1, 0.2, 0.7, 0.9], [0.1, 0.2, 0.7, 0.9]),
    ("nested", [0.0, 0.0, 10.0, 10.0], [4.0, 4.0, 5.0, 6.0]),
    ("shared edge", [0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 2.0, 1.0]),
    ("shared corner", [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 2.0, 2.0]),
    ("disjoint on one axis", [0.0, 0.0, 1.0, 1.0], [5.0, 0.0, 6.0, 1.0]),
    ("disjoint on both axes", [0.0, 0.0, 1.0, 1.0], [5.0, 7.0, 6.0, 8.0]),
    ("far apart", [0.0, 0.0, 1.0, 1.0], [1e6, 1e6, 1e6 + 1.0, 1e6 + 1.0]),
    ("negative coordinates", [-5.0, -5.0, -1.0, -1.0], [-3.0, -4.0, 2.0, 3.0]),
    ("cross", [0.0, 4.0, 10.0, 6.0], [4.0, 0.0, 6.0, 10.0]),
    ("a thousandth of a pixel", [1000.0, 1000.0, 1000.001, 1000.001], [1000.0005, 1000.0, 1000.0015, 1000.001]),
    ("smallest usual fraction", [0.5, 0.5, 0.5 + 2**-40, 0.5 + 2**-40], [0.5, 0.5, 0.5 + 2**-41, 0.5 + 2**-40]),
]


def check_peers(a: list[float], b: list[float], iou: float, giou: float) -> None:
    left, right = torch.tensor([a], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)
    found = [(iou, float(box_iou(left, right))), (giou, float(generalized_box_iou(left, right)))]
    sizes = [np.array([[x0, y0, x1 - x0, y1 - y0]]) for x0, y0, x1, y1 in (a, b)]
    found.append((iou, float(mask.iou(*sizes, [0])[0, 0])))
    for expected, value in found:
        # Peers subtract rounded sums; their own error on large coordinates is what the bound allows for.
        if abs(expected - value) > 1e-9:
            raise SystemExit(f"boxes {a} {b}: expected {expected}, found {value} in a peer")


def main() -> None:
    cases = []
    checked = 0
    for kind, a, b in random_cases(np.random.default_rng(SEED)) + DEGENERATE:
        iou, giou = metrics.iou(a, b), metrics.giou(a, b)
        if (a[2] - a[0]) * (a[3] - a[1]) > 0 and (b[2] - b[0]) * (b[3] - b[1]) > 0:
            check_peers(a, b, iou, giou)
            checked += 1
        cases.append({"kind": kind, "a": a, "b": b, "iou": iou, "giou": giou})
    head = {
        "script": "reference/export_metrics_golden.py",
        "seed": SEED,
        "versions": {name: version(name).split("+")[0] for name in ("numpy", "torch", "torchvision", "pycocotools")},
        "checked_against_peers": checked,
        "tolerance": TOLERANCE,
    }
    lines = ",\n".join(json.dumps(case) for case in cases)
    TARGET.write_text(json.dumps(head, indent=2)[:-2] + f',\n  "cases": [\n{lines}\n  ]\n}}\n')
    print(f"{TARGET.name}: {len(cases)} cases, {checked} of them checked against torchvision and pycocotools")


if __name__ == "__main__":
    main()
