"""Runs one program and appends the JSON line it prints, with its peak memory, to a file.

    python bench/measure.py runs.jsonl --round 1 -- program --its options

The last line on the program's standard output is its result. The peak resident set is the kernel's count for the whole
process, interpreter and libraries included, the same way for every program.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path


def peak_of(command: list[str]) -> tuple[dict, float]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not lines:
        raise SystemExit(f"{Path(command[0]).name} {' '.join(command[1:])}: exit status {process.returncode}, {len(lines)} lines")
    return json.loads(lines[-1]), usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("record", type=Path)
    parser.add_argument("--round", type=int, required=True)
    split = sys.argv.index("--")
    options = parser.parse_args(sys.argv[1:split])
    load = os.getloadavg()[0]
    result, peak = peak_of(sys.argv[split + 1 :])
    line = result | {"round": options.round, "peak_rss_mib": round(peak, 1), "load_before": round(load, 2)}
    with options.record.open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(f"round {options.round}  {line['implementation']:<14} {line['median_ms']:8.1f} ms  {peak:7.0f} MiB", file=sys.stderr)


if __name__ == "__main__":
    main()
