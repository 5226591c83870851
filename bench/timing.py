"""What the timed programs share: their options, the clock, and the line they print."""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

Output = TypeVar("Output")


def add_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--side", type=int, default=448, help="of the image, in pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=2, help="calls that are not timed")
    parser.add_argument("--repeats", type=int, default=10, help="calls that are")
    return parser


def time_calls(call: Callable[[], Output], options: argparse.Namespace) -> tuple[list[float], Output]:
    """Wall-clock milliseconds of each timed call, and the last result."""
    for _ in range(options.warmup):
        call()
    milliseconds = []
    for _ in range(options.repeats):
        start = time.perf_counter()
        result = call()
        milliseconds.append((time.perf_counter() - start) * 1e3)
    return milliseconds, result


def report(implementation: str, version: str, options: argparse.Namespace, milliseconds: list[float], output: np.ndarray) -> None:
    line = {
        "implementation": implementation,
        "version": version,
        "side": options.side,
        "threads": options.threads,
        "milliseconds": [round(m, 2) for m in milliseconds],
        "median_ms": round(statistics.median(milliseconds), 2),
        "class_token": [round(float(v), 5) for v in output[0, 0, :8]],
    }
    print(json.dumps(line))
