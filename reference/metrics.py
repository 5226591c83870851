"""Exact IoU and GIoU of axis-aligned boxes: the oracle of `Box2::iou` and `Box2::giou`.

A float64 coordinate is a rational number, so both measures are computed without rounding and rounded once, at the end.
Boxes are corners `[x0, y0, x1, y1]` of continuous coordinates: a width is `x1 - x0`, never `+ 1`.
"""

from fractions import Fraction

Box = list[float]


def area(box: list[Fraction]) -> Fraction:
    x0, y0, x1, y1 = box
    return (x1 - x0) * (y1 - y0)


def intersection_and_union(a: list[Fraction], b: list[Fraction]) -> tuple[Fraction, Fraction]:
    width = max(min(a[2], b[2]) - max(a[0], b[0]), Fraction(0))
    height = max(min(a[3], b[3]) - max(a[1], b[1]), Fraction(0))
    return width * height, area(a) + area(b) - width * height


def exact(a: Box, b: Box) -> tuple[list[Fraction], list[Fraction]]:
    return [Fraction(v) for v in a], [Fraction(v) for v in b]


def iou_exact(a: list[Fraction], b: list[Fraction]) -> Fraction:
    """0 where neither box has an area: no overlap was shown."""
    intersection, union = intersection_and_union(a, b)
    return intersection / union if union else Fraction(0)


def iou(a: Box, b: Box) -> float:
    return float(iou_exact(*exact(a, b)))


def giou(a: Box, b: Box) -> float:
    """IoU less the share of the enclosing box outside of the union; the IoU itself where that box has no area."""
    a, b = exact(a, b)
    _, union = intersection_and_union(a, b)
    hull = area([min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])])
    return float(iou_exact(a, b) - (hull - union) / hull if hull else iou_exact(a, b))
