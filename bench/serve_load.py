"""How `knowmvg serve` behaves at and past its limit: a closed loop of clients, each sends its next request when it has the answer.

    python3 bench/serve_load.py target/release/knowmvg bench/runs/DATE-CPU/serve.jsonl
    python3 bench/serve_load.py target/release/knowmvg bench/runs/DATE-CPU/serve-batching.jsonl --seconds 10 --clients 1 4 16 \
        --arm "alone=" --arm "together=--batch-phrases 32"

Starts servers of its own on loopback, one for each arm, with the arguments of the arm; for each kind of request and number of clients the
arms take turns, so that whatever else the machine does falls on all of them. Three kinds of requests: a phrase on an encoded image that all
clients ask about, a phrase on an image of each client's own, and an image with its report. For each number of clients, so many seconds:
answers a second, their latency, and what the others were told. Every request must be answered; one that is not ends the run with an error.
"""

import argparse
import http.client
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# As many as a server keeps.
SESSIONS = 16
WORDS = "Large mass in the right mid zone. Left pleural effusion. No pneumothorax."


def form(fields):
    boundary = uuid.uuid4().hex
    parts = []
    for name, value in fields:
        file = '; filename="x"' if isinstance(value, bytes) else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        parts.append(head.encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def post(address, path, body, kind):
    connection = http.client.HTTPConnection(address, timeout=300)
    try:
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def machine():
    name = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    return {"environment": {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": name,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
    }}


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.latencies = {}
        self.lost = []
        self.without_hint = 0

    def add(self, status, headers, milliseconds):
        with self.lock:
            self.latencies.setdefault(status, []).append(milliseconds)
            self.without_hint += status in (429, 503) and "retry-after" not in headers

    def lose(self, error):
        with self.lock:
            self.lost.append(repr(error))


def client(address, path, body, kind, end, tally):
    while time.monotonic() < end:
        start = time.monotonic()
        try:
            status, headers, answer = post(address, path, body, kind)
            json.loads(answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            tally.lose(error)
            continue
        tally.add(status, headers, (time.monotonic() - start) * 1e3)
        if status != 200:
            # A client that heeds Retry-After would wait for seconds; this one is impatient.
            time.sleep(0.1)


def percentile(values, share):
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) if ordered else None


def measure(arm, name, paths, body, kind, clients, seconds):
    tally = Tally()
    start = time.monotonic()
    end = start + seconds
    of = [(arm.address, paths[n % len(paths)], body, kind, end, tally) for n in range(clients)]
    threads = [threading.Thread(target=client, args=args) for args in of]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - start
    answered = tally.latencies.get(200, [])
    row = {
        "arm": arm.name,
        "arguments": arm.arguments,
        "request": name,
        "clients": clients,
        "seconds": round(took, 2),
        "answered": len(answered),
        "per_second": round(len(answered) / took, 2),
        "p50_ms": percentile(answered, 0.5),
        "p99_ms": percentile(answered, 0.99),
        "refused": {str(status): len(times) for status, times in sorted(tally.latencies.items()) if status != 200},
        "refused_p99_ms": percentile([t for s, ts in tally.latencies.items() if s != 200 for t in ts], 0.99),
        "refused_without_retry_after": tally.without_hint,
        "lost": len(tally.lost),
    }
    print(json.dumps(row), flush=True)
    if tally.lost or tally.without_hint:
        raise SystemExit(f"FAILED: {tally.lost[:3]} {tally.without_hint}")
    return row


class Arm:
    """A server with its arguments, and sessions on it."""

    def __init__(self, program, name, arguments):
        self.name, self.arguments = name, arguments
        command = [program, "serve", "--listen", "127.0.0.1:0", *shlex.split(arguments)]
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = re.match(r"http://(\S+)", self.server.stdout.readline()).group(1)
        self.sessions = []

    def open(self, image):
        body, kind = form([("image", image)])
        deadline = time.monotonic() + 60
        while True:
            status, headers, answer = post(self.address, "/v1/sessions", body, kind)
            if status == 201 or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        self.sessions.append(f"/v1/sessions/{json.loads(answer)['id']}/ground")

    def close(self):
        self.server.terminate()
        self.server.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("out", type=Path)
    parser.add_argument("--arm", action="append", help="NAME=ARGUMENTS of a server")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    image = (ROOT / "samples/rg1.dcm").read_bytes()
    phrase = form([("phrase", "mass in the right mid zone")])
    kinds = [
        ("phrase in a session", lambda arm: arm.sessions[:1], *phrase),
        ("phrase in sessions of their own", lambda arm: arm.sessions, *phrase),
        ("image and report", lambda arm: ["/v1/ground"], *form([("image", image), ("report", WORDS)])),
    ]
    arms, rows = [], []
    try:
        for arm in args.arm or ["default="]:
            arms.append(Arm(args.program, *arm.split("=", 1)))
            for _ in range(SESSIONS):
                arms[-1].open(image)
        facts = machine()
        for name, paths, body, kind in kinds:
            for n in args.clients:
                rows += [measure(arm, name, paths(arm), body, kind, n, args.seconds) for arm in arms]
    finally:
        for arm in arms:
            arm.close()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with open(args.out, "w") as file:
        for row in [facts, *rows]:
            file.write(json.dumps(row) + "\n")


main()
