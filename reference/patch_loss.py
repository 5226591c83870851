"""What the patches should say; two terms of the criterion.

Scores: in a true box, a patch should score its centredness; elsewhere 0. Sides: in a true box, they should reach its sides.
"""

import math

import criterion
from metrics import giou
from proposals import centre, corners, sigmoid

LEAST_CENTREDNESS = 0.1
SIDES_SHARE = 0.5
# Of a side, for patches that belong to a box without lying in it.
LEAST_SIDE = 2.5e-3


def distances(patch: int, box: list[float], grid: int) -> list[float]:
    """From the centre of the patch to the left, top, right and bottom side; negative beyond a side."""
    x, y = centre(patch, grid)
    return [x - box[0], y - box[1], box[2] - x, box[3] - y]


def centredness(left: float, top: float, right: float, bottom: float) -> float:
    """1 in the middle of a box and least at its rim."""
    across, down = min(left, right) / max(left, right), min(top, bottom) / max(top, bottom)
    return max(math.sqrt(across * down), LEAST_CENTREDNESS)


def area(box: list[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def insiders(boxes: list[list[float]], grid: int) -> tuple[dict[int, tuple[list[float], float]], float]:
    """The box and the centredness of each patch that lies in one, or that is the nearest to a box in which none lies;
    the smallest box wins. Also by how little a patch is in or out, or nearest."""
    won, margin = {}, math.inf
    for patch in range(grid * grid):
        claims = []
        for box in boxes:
            sides = distances(patch, box, grid)
            margin = min(margin, abs(min(sides)))
            if min(sides) > 0:
                claims.append((area(box), centredness(*sides), box))
            elif all(min(distances(other, box, grid)) <= 0 for other in range(grid * grid)):
                nearest, gap = nearest_patch(box, grid)
                margin = min(margin, gap)
                if patch == nearest:
                    claims.append((area(box), 1.0, box))
        if claims:
            _, value, box = min(claims)
            won[patch] = (box, value)
    return won, margin


def nearest_patch(box: list[float], grid: int) -> tuple[int, float]:
    """To the middle of the box, and by how much the second one is farther."""
    middle = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
    (first, patch), (second, _) = sorted((math.dist(centre(p, grid), middle), p) for p in range(grid * grid))[:2]
    return patch, second - first


def loss(logits: list, log_sides: list, targets: list[list[dict | None]]) -> tuple[dict[str, float], float]:
    """`logits`: [batch][phrases][patches]; `log_sides`: [batch][phrases][patches][4]; targets as in `criterion.loss`.

    Both terms are means by the weights of the phrases: scores over all phrases, boxes over those that have boxes. Where a
    phrase is true but unlocated, the scores are asked only whether any patch shows it.
    """
    rows = [(image, phrase, t) for image, row in enumerate(targets) for phrase, t in enumerate(row) if t is not None]
    everything = sum(target["weight"] for *_, target in rows)
    located = sum(target["weight"] for *_, target in rows if target["boxes"])
    terms, margin = {"patch_score": 0.0, "patch_box": 0.0}, math.inf
    for image, phrase, target in rows:
        scores = logits[image][phrase]
        grid = math.isqrt(len(scores))
        inside, narrowest = insiders([criterion.corners(box) for box in target["boxes"]], grid)
        margin = min(margin, narrowest)
        error = pooled_error(scores) if target["is_unlocated"] else score_error(scores, inside)
        terms["patch_score"] += target["weight"] / everything * error
        if inside:
            terms["patch_box"] += target["weight"] / located * box_error(log_sides[image][phrase], inside, grid)
    return terms, margin


def score_error(logits: list[float], inside: dict) -> float:
    """Cross-entropy times squared error, summed over the patches, over the sum of what they should score (at least 1)."""
    total = 0.0
    for patch, logit in enumerate(logits):
        wanted = inside[patch][1] if patch in inside else 0.0
        said = sigmoid(logit)
        entropy = -wanted * math.log(said) - (1 - wanted) * math.log(1 - said)
        total += (said - wanted) ** 2 * entropy
    return total / max(sum(value for _, value in inside.values()), 1.0)


def pooled_error(logits: list[float]) -> float:
    """Cross-entropy of the mean score, in which high scores count more: by their softmax."""
    powers = [math.exp(logit) for logit in logits]
    return -math.log(sigmoid(sum(power * logit for power, logit in zip(powers, logits)) / sum(powers)))


def box_error(log_sides: list[list[float]], inside: dict, grid: int) -> float:
    """1 - GIoU and a share of the error of the logs of the sides: a mean by centredness."""
    total, values = 0.0, 0.0
    for patch, (box, value) in inside.items():
        sides = [math.log(max(side, LEAST_SIDE)) for side in distances(patch, box, grid)]
        off = sum(abs(said - true) for said, true in zip(log_sides[patch], sides)) / 4
        total += value * (1 - float(giou(corners(log_sides[patch], patch, grid), box)) + SIDES_SHARE * off)
        values += value
    return total / values
