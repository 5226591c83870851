"""Prints the table of a record that bench/tower.sh wrote.

    python bench/tower_report.py bench/runs/<date>-<cpu>/tower.jsonl

A ratio is taken within a round, where the programs ran one after the other, and its median over the rounds is printed with
the extremes: what else the machine did changes between rounds more than within one.
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

OURS = "knowmvg"


def gigaflops_needed(side: int, width: int = 384, layers: int = 12, patch: int = 14) -> float:
    """Multiplications and additions of the matrix products alone."""
    patches = (side // patch) ** 2
    tokens = patches + 1
    layer = 2 * tokens * 12 * width**2 + 2 * 2 * tokens**2 * width
    return (layers * layer + 2 * patches * 3 * patch**2 * width) / 1e9


def ratios(ours: dict[int, float], theirs: dict[int, float]) -> str:
    values = [theirs[r] / ours[r] for r in sorted(ours.keys() & theirs.keys())]
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})" if values else "-"


def difference(line: dict, reference: dict | None) -> str:
    if not reference or "class_token" not in line:
        return "-"
    pairs = zip(line["class_token"], reference["class_token"], strict=True)
    return f"{max(abs(a - b) for a, b in pairs):.0e}"


def main() -> None:
    lines = [json.loads(text) for text in Path(sys.argv[1]).read_text().splitlines()]
    runs = defaultdict(list)
    for line in lines:
        if "implementation" in line:
            runs[line["implementation"]].append(line)
    medians = {name: {run["round"]: run["median_ms"] for run in of_name} for name, of_name in runs.items()}
    reference = runs.get("torch-eager", [None])[0]
    print("| implementation | version | median ms | GFLOP/s | its time over ours | peak MiB | output differs by |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for name, of_name in runs.items():
        first = of_name[0]
        median = statistics.median(m for run in of_name for m in run["milliseconds"])
        speed = gigaflops_needed(first["side"]) / median * 1e3
        peak = max(run["peak_rss_mib"] for run in of_name)
        ratio = ratios(medians.get(OURS, {}), medians[name])
        cells = [name, first["version"], f"{median:.0f}", f"{speed:.0f}", ratio, f"{peak:.0f}", difference(first, reference)]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
