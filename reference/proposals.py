"""What every patch says about one phrase, and the boxes on which patches agree.

eq. 8: h = gelu((W_k k) (1 + W_s e) + W_b e), s = w h + λ log(S_p + ε), sides = exp(W h)

λ is ten times the stored parameter; scores start 3 below and the logs of the sides 2.3 below what the maps give.
"""

import math
from dataclasses import dataclass

import torch

from global_local import PRIOR_EPSILON
from layers import Weights, gelu, linear

LEAST_LOGIT = -3.0
AGREEMENT = 0.6
SAME = 0.5


@dataclass
class Vote:
    """The proposals of one phrase, best first."""

    boxes: list[list[float]]  # corners
    logits: list[float]  # of the best patch of each
    voters: list[int]  # patches whose boxes each is a mean of
    margin: float  # narrowest distance of a comparison from turning out otherwise

    def compare(self, value: float, limit: float) -> bool:
        self.margin = min(self.margin, abs(value - limit))
        return value >= limit


def patch_boxes(weights: Weights, told, keys, prior) -> tuple[torch.Tensor, torch.Tensor]:
    """eq. 8. `told`: [width], the phrase with the mean of its knowledge prompt; `keys`: [patches, width];
    `prior`: [patches]. Returns logits [patches] and logs of the distances to the sides [patches, 4]: left, top, right,
    bottom."""
    scale, shift = linear(weights.at("scale"), told), linear(weights.at("shift"), told)
    hidden = gelu(linear(weights.at("patch"), keys) * (1 + scale) + shift)
    strength = 10 * weights["prior_weight"]
    logits = linear(weights.at("score"), hidden)[:, 0] - 3 + strength * torch.log(prior + PRIOR_EPSILON)
    return logits, torch.clamp(linear(weights.at("sides"), hidden) - 2.3, -6, 0)


def centre(patch: int, grid: int) -> tuple[float, float]:
    return (patch % grid + 0.5) / grid, (patch // grid + 0.5) / grid


def corners(log_sides: list[float], patch: int, grid: int) -> list[float]:
    """The box that a patch says it lies in."""
    x, y = centre(patch, grid)
    left, top, right, bottom = (math.exp(side) for side in log_sides)
    return [x - left, y - top, x + right, y + bottom]


def on_square(box: list[float]) -> list[float]:
    return [min(max(value, 0.0), 1.0) for value in box]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def iou(a: list[float], b: list[float]) -> float:
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def vote(logits: list[float], boxes: list[list[float]], count: int) -> Vote:
    """Up to `count` proposals. `boxes` are corners on the square.

    Patches below the least score have no say. The best patch calls the vote; those left that agree with its box answer
    with their own, and count by their squared probabilities. Then the best patch and all that the outcome covers go.
    """
    found = Vote([], [], [], math.inf)
    left = [patch for patch, logit in enumerate(logits) if found.compare(logit, LEAST_LOGIT)]
    while left and len(found.boxes) < count:
        best, *others = sorted(left, key=lambda patch: -logits[patch])
        if others:
            found.compare(logits[best], logits[others[0]])
        voters = [best] + [patch for patch in others if found.compare(iou(boxes[patch], boxes[best]), AGREEMENT)]
        weights = [sigmoid(logits[patch]) ** 2 for patch in voters]
        total = sum(weights)
        box = [sum(w * boxes[patch][side] for w, patch in zip(weights, voters)) / total for side in range(4)]
        found.boxes.append(box)
        found.logits.append(logits[best])
        found.voters.append(len(voters))
        if len(found.boxes) < count:
            left = [patch for patch in others if not found.compare(iou(boxes[patch], box), SAME)]
    return found


def propose(logits: torch.Tensor, log_sides: torch.Tensor, count: int) -> Vote:
    """From what the patches of one phrase say."""
    grid = math.isqrt(len(logits))
    boxes = [on_square(corners(sides, patch, grid)) for patch, sides in enumerate(log_sides.tolist())]
    return vote(logits.tolist(), boxes, count)
