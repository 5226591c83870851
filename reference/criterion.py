"""What training minimises, without the contrast's random negatives and without what the patches say (`patch_loss.py`).

Boxes are plain lists of floats; every sum is written out.
"""

import itertools
import math

from metrics import giou


def corners(box) -> list[float]:
    cx, cy, width, height = (float(value) for value in box)
    return [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def l1(a, b) -> float:
    return sum(abs(float(p) - float(q)) for p, q in zip(a, b))


# Most phrases have one box, and the first query should be the one that finds it.
LATER_QUERY = 1.0


def cost(predicted, logit: float, true) -> float:
    """Of answering the true box by this query; boxes by centre and size."""
    return 5 * l1(predicted, true) + 2 * (1 - float(giou(corners(predicted), corners(true)))) - sigmoid(logit)


def match(boxes, logits, truth) -> tuple[list[int], float]:
    """The query of each true box by trying all assignments, and by how much the second-best assignment is worse."""
    truth = truth[: len(boxes)]
    ways = itertools.permutations(range(len(boxes)), len(truth))
    ranked = sorted((sum(q * LATER_QUERY + cost(boxes[q], logits[q], t) for q, t in zip(way, truth)), way) for way in ways)
    margin = ranked[1][0] - ranked[0][0] if len(ranked) > 1 else math.inf
    return list(ranked[0][1]), margin


def box_share(box, grid: int) -> list[float]:
    """Which share of the box lies in each patch; sums to 1."""
    x0, y0, x1, y1 = (c * grid for c in corners(box))
    shares = []
    for patch in range(grid * grid):
        col, row = patch % grid, patch // grid
        width = max(0.0, min(x1, col + 1) - max(x0, col))
        height = max(0.0, min(y1, row + 1) - max(y0, row))
        shares.append(width * height)
    return [share / sum(shares) for share in shares]


def loss(layers: list[dict], targets: list[list[dict | None]], queries: int) -> tuple[dict[str, float], list, float]:
    """The terms, each the mean over layers; the assignment; and the narrowest margin of an assignment.

    `layers`: per layer `boxes` [batch][phrases * queries][4], `presence_logits`, `log_spread` and `global_map` alike.
    `targets`: per image and phrase None, or `boxes` (centre and size), `weight` and `is_unlocated`. The assignment of the
    last layer counts for all. L1, GIoU, spread and attention are means over assigned pairs, presence is a mean over phrases,
    both by the weights of the phrases. Of a phrase that nobody located, the query that the last layer is surest of counts.
    """
    last = layers[-1]
    pairs, margins = [], []
    for image, row in enumerate(targets):
        for phrase, target in enumerate(row):
            if target is not None and target["boxes"]:
                own = slice(phrase * queries, (phrase + 1) * queries)
                logits = [float(logit[0]) for logit in last["presence_logits"][image][own]]
                chosen, margin = match(last["boxes"][image][own], logits, target["boxes"])
                margins.append(margin)
                pairs += [(image, phrase * queries + q, t, target["weight"]) for q, t in zip(chosen, target["boxes"])]
    terms = dict.fromkeys(["l1", "giou", "presence", "attention", "spread"], 0.0)
    expected = expected_presence(last["presence_logits"], pairs, targets, queries)
    for layer in layers:
        for name, value in layer_terms(layer, pairs, expected).items():
            terms[name] += value / len(layers)
    return terms, pairs, min(margins)


def layer_terms(layer: dict, pairs: list, expected: list) -> dict[str, float]:
    sums = dict.fromkeys(["l1", "giou", "attention", "spread"], 0.0)
    total = sum(weight for *_, weight in pairs)
    for image, query, true, weight in pairs:
        box = layer["boxes"][image][query]
        sums["l1"] += weight / total * l1(box, true)
        sums["giou"] += weight / total * (1 - float(giou(corners(box), corners(true))))
        sums["spread"] += weight / total * laplace(box, true, layer["log_spread"][image][query])
        attention = layer["global_map"][image][query]
        inside = box_share(true, math.isqrt(len(attention)))
        sums["attention"] -= weight / total * sum(s * math.log(float(a) + 1e-6) for s, a in zip(inside, attention))
    return sums | {"presence": presence(layer["presence_logits"], expected)}


def laplace(box, true, log_spread) -> float:
    """Mean over the four numbers of |error| / scale + log scale, the error in sizes of the predicted box."""
    sizes = [max(float(box[2]), 0.01), max(float(box[3]), 0.01)] * 2
    terms = [abs(float(p) - t) / size / math.exp(s) + float(s) for p, t, size, s in zip(box, true, sizes, log_spread)]
    return sum(terms) / 4


def expected_presence(logits, pairs: list, targets: list, queries: int) -> list:
    """`(image, query, is_present, weight)` of every query that is asked anything."""
    present = {(image, query) for image, query, *_ in pairs}
    expected = []
    for image, row in enumerate(targets):
        for phrase, target in enumerate(row):
            if target is None:
                continue
            own = range(phrase * queries, (phrase + 1) * queries)
            if target["is_unlocated"]:
                surest = max(own, key=lambda query: float(logits[image][query][0]))
                expected.append((image, surest, True, target["weight"]))
            else:
                expected += [(image, query, (image, query) in present, target["weight"]) for query in own]
    weight = sum(target["weight"] for row in targets for target in row if target is not None)
    return [(image, query, is_present, own / weight) for image, query, is_present, own in expected]


def presence(logits, expected: list) -> float:
    """Cross-entropy, summed over the queries of a phrase."""
    total = 0.0
    for image, query, is_present, weight in expected:
        probability = sigmoid(float(logits[image][query][0]))
        total -= weight * math.log(probability if is_present else 1 - probability)
    return total
