"""Prints, as one line of JSON, what a record needs to be read later: the processor and the versions."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

WIDE = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile")


def main() -> None:
    information = Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line.split(":")[1].split() for line in information if line.startswith("flags")), [])
    environment = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": sys.argv[1],
        "cores": len(os.sched_getaffinity(0)),
        "features": [f for f in WIDE if f in flags],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "transformers", "onnxruntime")},
    }
    print(json.dumps({"environment": environment}))


if __name__ == "__main__":
    main()
