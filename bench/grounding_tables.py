"""Prints the tables of README.md and MODEL_CARD.md from the JSON of `knowmvg eval`.

    python3 bench/grounding_tables.py bench/runs/<date>-<cpu>
"""

import json
import sys
from pathlib import Path


def interval(mean: dict) -> str:
    ends = mean.get("interval")
    return f"{mean['value']:.3f}" + (f" [{ends['low']:.3f}-{ends['high']:.3f}]" if ends else "")


def row(name: str, group: dict) -> str:
    model, blind, floor = group["model"], group["prior"], group.get("floor")
    constant = f"{floor['mean_iou']['value']:.3f}" if floor else "–"
    cells = [name, str(group["phrases"]), interval(model["mean_iou"]), interval(model["acc_at_50"]),
             f"{blind['mean_iou']['value']:.3f}", f"{blind['acc_at_50']['value']:.3f}", constant]
    return f"| {' | '.join(cells)} |"


HEAD = "| {} | n | mIoU [95 %] | Acc@0.5 [95 %] | blind mIoU | blind Acc@0.5 | constant mIoU |\n|---|---|---|---|---|---|---|"


def groups(title: str, named: dict) -> None:
    print(f"\n{HEAD.format(title)}")
    for name, group in sorted(named.items()):
        print(row(name, group))


def main() -> None:
    run = Path(sys.argv[1])
    read = {name: json.loads((run / f"{name}.json").read_text()) for name in ("test-class", "test-zone", "research-test")}
    by_class, by_zone, research = read["test-class"], read["test-zone"], read["research-test"]
    print(f"weights {by_class['model']['sha256']}\n\n{HEAD.format('text')}")
    print(row("class name only", by_class["findings"]["overall"]))
    print(row("with side and zone", by_zone["findings"]["overall"]))
    print(row("lungs and heart", by_class["anatomy"]["overall"]))
    for title, report in (("source, class name only", by_class), ("source, side and zone", by_zone)):
        groups(title, report["findings"]["by_source"])
    groups("label, class name only", by_class["findings"]["by_label"])
    groups("label, side and zone", by_zone["findings"]["by_label"])
    groups("size, class name only", by_class["findings"]["by_size"])
    groups("size, side and zone", by_zone["findings"]["by_size"])
    groups("structure, wingspan", by_class["anatomy"]["by_label"])
    groups("anatomy by source, never trained on", research["anatomy"]["by_source"])
    groups("research findings by source, class name only", research["findings"]["by_source"])


if __name__ == "__main__":
    main()
