"""Times the language model of the small VLM in several programs on this machine, interleaved, and prints the table.

    python bench/vlm_speed.py language.gguf [--rounds 5]

Each program runs in a process of its own, with the same file, prompt and threads, and continues the prompt with the likeliest
token each time. Beside the time by the wall stands that of the processor, which other programs on the machine change less.
Environment: SPEED, our program (target/release/examples/generate_speed). What a Python lacks (torch and transformers, or
xllamacpp) is named and left out.
"""

import argparse
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from measure import peak_of

HERE = Path(__file__).resolve().parent
OURS = "knowmvg-stored"


def environment(threads: int) -> dict:
    information = Path("/proc/cpuinfo").read_text()
    field = lambda name: re.search(rf"^{name}\s*: (.*)$", information, re.M).group(1)  # noqa: E731
    wide = [f for f in ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8") if f in field("flags").split()]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": field("model name"),
        "cores": len(os.sched_getaffinity(0)),
        "features": wide,
        "threads": threads,
    }


def commands(options: argparse.Namespace, words: list[int]) -> dict[str, list[str]]:
    ours = os.environ.get("SPEED", "target/release/examples/generate_speed")
    sizes = [str(options.prompt), str(options.new)]
    others = [str(options.gguf), ",".join(map(str, words)), *sizes, str(options.threads)]
    found = {f"knowmvg-{w}": [ours, str(options.gguf), w, *sizes] for w in ("full", "stored")}
    for name, program, module in (("transformers", "vlm_transformers.py", "transformers"), ("llama.cpp", "vlm_llama.py", "xllamacpp")):
        if importlib.util.find_spec(module):
            found[name] = [sys.executable, str(HERE / program), *others]
        else:
            print(f"SKIPPED {name}: no module {module}", file=sys.stderr)
    return found


def measure(command: list[str], number: int) -> dict:
    load = os.getloadavg()[0]
    result, peak = peak_of(command)
    line = result | {"round": number, "peak_rss_mib": round(peak, 1), "load_before": round(load, 2)}
    print(f"round {number}  {line['implementation']:<15} {line['prompt_tokens_per_s']:8.1f} {line['new_tokens_per_s']:8.1f} tokens/s", file=sys.stderr)
    return line


def agreeing(line: dict, reference: dict) -> str:
    """What comes before the first difference: tokens, or letters where a program does not tell its tokens."""
    key = "ids" if "ids" in line and "ids" in reference else "text"
    pairs = list(zip(line[key], reference[key], strict=False))
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
    return f"{same} of {len(reference[key])} {'tokens' if key == 'ids' else 'letters'}"


def table(lines: list[dict]) -> str:
    runs = defaultdict(list)
    for line in lines:
        runs[line["implementation"]].append(line)
    ours = {line["round"]: line for line in runs[OURS]}
    reference = runs.get("knowmvg-full", runs[OURS])[0]
    heads = [f"{part} {measure}" for part in ("prompt", "new") for measure in ("tokens/s", "CPU ms a token", "its CPU time over ours")]
    rows = ["| implementation | " + " | ".join(heads) + " | peak MiB | as ours in full |", "|---|" + "---:|" * (len(heads) + 2)]
    for name, of_name in runs.items():
        cells = [name]
        for part in ("prompt", "new"):
            cells.append(f"{statistics.median(line[f'{part}_tokens_per_s'] for line in of_name):.1f}")
            key = f"{part}_cpu_ms"
            cells.append(f"{statistics.median(line[key] for line in of_name):.1f}")
            ratios = [line[key] / ours[line["round"]][key] for line in of_name]
            cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")
        peak = max(line["peak_rss_mib"] for line in of_name)
        cells += [f"{peak:.0f}", agreeing(of_name[0], reference)]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=256, help="tokens that are read")
    parser.add_argument("--new", type=int, default=64, help="tokens that are written")
    parser.add_argument("--skip", action="append", default=[], help="a program to leave out")
    parser.add_argument("--out", type=Path, help="folder of the record; by default bench/runs/<date>-<cpu>")
    options = parser.parse_args()
    os.environ |= {"RAYON_NUM_THREADS": str(options.threads), "OMP_NUM_THREADS": str(options.threads)}
    facts = environment(options.threads)
    slug = re.sub(r"[^a-z0-9]+", "-", facts["cpu"].lower()).strip("-")
    folder = options.out or HERE / "runs" / f"{facts['date'][:10]}-{slug}"
    folder.mkdir(parents=True, exist_ok=True)

    ours = os.environ.get("SPEED", "target/release/examples/generate_speed")
    first = subprocess.run([ours, options.gguf, "stored", "16", "1"], capture_output=True, text=True, check=True)
    programs = commands(options, json.loads(first.stdout)["words"])
    programs = {name: command for name, command in programs.items() if name not in options.skip}
    lines = []
    name = f"vlm-speed-{options.threads}-threads"
    with (folder / f"{name}.jsonl").open("w") as record:
        record.write(json.dumps({"environment": facts}) + "\n")
        for number in range(1, options.rounds + 1):
            for command in programs.values():
                lines.append(measure(command, number))
                record.write(json.dumps(lines[-1]) + "\n")
                record.flush()
    (folder / f"{name}.md").write_text(table(lines) + "\n")
    print(table(lines))


if __name__ == "__main__":
    main()
