"""Writes golden/eval/items.json: invented items and predictions, and their means overall, by class, source and size.

    python reference/export_eval_items_golden.py

IoU is torchvision's, unions are rasterised, and phrases are matched by taking the best pair again and again.
"""

import re
from collections import Counter, defaultdict

import numpy as np
import torch
from torchvision.ops import box_iou

import eval_golden_file
import eval_measures

SEED = 20257
TOLERANCE = 1e-12
SIZE = (96, 64)
LABELS = ["Effusion", "Mass", "Nodule", "Lung opacity"]
WORDS = ["small", "left", "right", "basal", "effusion", "mass", "nodule", "opacity", "Patchy", "dense"]


def random_box(rng: np.random.Generator) -> list[float]:
    width, height = rng.integers(2, SIZE[0] // 2), rng.integers(2, SIZE[1] // 2)
    x, y = rng.integers(0, SIZE[0] - width), rng.integers(0, SIZE[1] - height)
    return [float(v) for v in (x, y, x + width, y + height)]


def near(rng: np.random.Generator, box: list[float]) -> list[float]:
    x0, y0, x1, y1 = (int(v) + int(rng.integers(-3, 4)) for v in box)
    x0, x1 = sorted((min(max(x0, 0), SIZE[0]), min(max(x1, 0), SIZE[0])))
    y0, y1 = sorted((min(max(y0, 0), SIZE[1]), min(max(y1, 0), SIZE[1])))
    return [float(v) for v in (x0, y0, x1, y1)]


def phrase(rng: np.random.Generator) -> str:
    return " ".join(str(word) for word in rng.choice(WORDS, rng.integers(1, 5)))


def answered_boxes(rng: np.random.Generator, truth: list[list[float]]) -> list[dict]:
    boxes = [near(rng, box) if rng.uniform() < 0.7 else random_box(rng) for box in truth or [random_box(rng)]]
    boxes = boxes[: rng.integers(0, len(boxes) + 1)] if rng.uniform() < 0.2 else boxes
    return [{"box": box, "confidence": float(rng.uniform())} for box in boxes]


def target(rng: np.random.Generator, most: int) -> dict:
    count = int(rng.choice([0, 1, 1, 1, 1, 2, 3]))
    return {"label": str(rng.choice(LABELS)), "text": phrase(rng), "boxes": [random_box(rng) for _ in range(min(count, most))]}


def item(rng: np.random.Generator, task: str, index: int, targets: list[dict]) -> dict:
    patient = int(rng.integers(0, 40))
    named = {"id": f"{task}-{index:03}", "image": f"image-{patient}", "patient": f"patient-{patient}"}
    return named | {"source": f"source-{patient % 3}", "size": SIZE, "task": task, "text": "invented", "targets": targets}


def found(rng: np.random.Generator, of: dict) -> dict:
    """A finding for a statement of the truth, its words and class not always right."""
    words = of["text"] if rng.uniform() < 0.4 else f"{of['text']} {phrase(rng)}" if rng.uniform() < 0.7 else phrase(rng)
    answer = {"text": words, "boxes": answered_boxes(rng, of["boxes"])}
    if rng.uniform() < 0.6:
        answer["label"] = (of["label"] if rng.uniform() < 0.8 else str(rng.choice(LABELS))).lower()
    return answer


def inputs(rng: np.random.Generator) -> tuple[list[dict], list[dict]]:
    items, predictions = [], []
    for index in range(150):
        items.append(item(rng, "phrase", index, [target(rng, 3)]))
    for index in range(60):
        items.append(item(rng, "report", index, [target(rng, 3) for _ in range(rng.integers(0, 6))]))
    for one in items:
        findings = [found(rng, of) for of in one["targets"] if rng.uniform() < 0.85]
        if one["task"] == "report":
            findings += [found(rng, target(rng, 1)) for _ in range(rng.integers(0, 3))]
            rng.shuffle(findings)
        if rng.uniform() < 0.95:
            predictions.append({"item": one["id"], "findings": findings})
    return items, predictions


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def overlap(a: list[str], b: list[str]) -> float:
    shared = (Counter(a) & Counter(b)).total()
    return 2 * shared / (len(a) + len(b)) if shared else 0.0


def match(targets: list[dict], findings: list[dict], by_label: bool) -> dict[int, int]:
    pairs = {}
    for t, of in enumerate(targets):
        for f, answer in enumerate(findings):
            same = by_label and words(of["label"]) == words(answer.get("label", ""))
            shared = overlap(words(of["text"]), words(answer["text"]))
            first = answer["boxes"][0]["confidence"] if answer["boxes"] else 0.0
            if same or shared >= 0.5:
                pairs[t, f] = (same, shared, -t, first, -f)
    matched = {}
    while pairs:
        t, f = max(pairs, key=pairs.get)
        matched[t] = f
        pairs = {pair: rank for pair, rank in pairs.items() if pair[0] != t and pair[1] != f}
    return matched


def values(of: dict, answer: dict | None) -> dict[str, float]:
    """Of one statement that the image shows; `None` if the system said nothing of it."""
    boxes = [b["box"] for b in answer["boxes"]] if answer else []
    measured = {"union_iou": eval_measures.mask_iou(eval_measures.mask(boxes, SIZE), eval_measures.mask(of["boxes"], SIZE))}
    if len(of["boxes"]) == 1:
        sides = [torch.tensor(rows, dtype=torch.float64) for rows in (boxes[:1], of["boxes"])]
        iou = float(box_iou(*sides)) if boxes else 0.0
        measured |= {"mean_iou": iou} | {f"accuracy{round(t * 100)}": float(iou >= t) for t in (0.1, 0.3, 0.5)}
    return measured


def means(rows: list[dict]) -> dict[str, list[float]]:
    """Mean and number of each measure."""
    measures = sorted({measure for row in rows for measure in row["values"]})
    of = {m: [row["values"][m] for row in rows if m in row["values"]] for m in measures}
    return {m: [float(np.mean(v)), len(v)] for m, v in of.items()}


def size_bin(of: dict) -> str:
    share = eval_measures.mask(of["boxes"], SIZE).mean()
    return "<2 %" if share < 0.02 else "2-10 %" if share <= 0.1 else ">10 %"


def groups(rows: list[dict]) -> dict[str, dict]:
    named = {"overall": means(rows)}
    for kind in ("label", "source", "size"):
        parts = defaultdict(list)
        for row in rows:
            parts[row[kind]].append(row)
        named |= {f"{kind}:{name}": means(part) for name, part in parts.items()}
    by_class = [scores for name, scores in named.items() if name.startswith("label:")]
    macro = {m: [scores[m][0] for scores in by_class if m in scores] for m in named["overall"]}
    return named | {"macro": {m: [float(np.mean(v)), len(v)] for m, v in macro.items()}}


def share(part: int, whole: int) -> list[float]:
    return [part / whole, whole]


def identification(right: int, found_count: int, truth: int) -> dict:
    return {"precision": share(right, found_count), "recall": share(right, truth), "f1": share(2 * right, found_count + truth)}


def scored(items: list[dict], answers: dict[str, list[dict]], task: str) -> dict:
    rows, matched_rows, counts, false_phrases = [], [], Counter(), []
    for one in (i for i in items if i["task"] == task):
        targets, findings = one["targets"], answers.get(one["id"], [])
        only = {0: 0} if findings else {}
        pairs = match(targets, findings, True) if task == "report" else only
        present = [t for t in targets if t["boxes"]]
        counts["truth"] += len(present)
        counts["found"] += len(findings)
        counts["matched"] += sum(1 for t in pairs if targets[t]["boxes"])
        counts["overlap"] += len(match(present, findings, False))
        texts = [Counter(tuple(words(s["text"])) for s in statements) for statements in (present, findings)]
        counts["exact"] += (texts[0] & texts[1]).total()
        false_phrases.append(len(findings) - sum(1 for t in pairs if targets[t]["boxes"]))
        for t, of in enumerate(targets):
            if of["boxes"]:
                answer = findings[pairs[t]] if t in pairs else None
                row = {"label": of["label"], "source": one["source"], "size": size_bin(of), "values": values(of, answer)}
                rows.append(row)
                matched_rows += [row] if answer else []
    result = {"task": task, "missing": sum(1 for i in items if i["task"] == task and i["id"] not in answers), "groups": groups(rows)}
    if task == "report":
        kinds = ("exact", "overlap", "matched")
        result |= {kind: identification(counts[kind], counts["found"], counts["truth"]) for kind in kinds}
        result |= {"false_phrases": [float(np.mean(false_phrases)), len(false_phrases)], "boxes_of_matched": means(matched_rows)}
    return result


def main() -> None:
    items, predictions = inputs(np.random.default_rng(SEED))
    answers = {prediction["item"]: prediction["findings"] for prediction in predictions}
    head = {"script": "reference/export_eval_items_golden.py", "seed": SEED, "tolerance": TOLERANCE}
    head["parts"] = [scored(items, answers, task) for task in ("report", "phrase")]
    cases = [{"item": one, "prediction": next((p for p in predictions if p["item"] == one["id"]), None)} for one in items]
    eval_golden_file.write("items.json", head, ("numpy", "torch", "torchvision"), cases)


if __name__ == "__main__":
    main()
