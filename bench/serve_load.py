"""How `knowmvg serve` behaves at and past its limit: a closed loop of clients, each sends its next request when it has the answer.

    python3 bench/serve_load.py target/release/knowmvg bench/runs/DATE-CPU/serve.jsonl

Starts a server of its own on loopback. Two kinds of requests: a phrase on an encoded image (a session), and an image with its report.
For each number of clients, so many seconds: answers a second, their latency, and what the others were told. Every request must be
answered; one that is not ends the run with an error.
"""

import http.client
import json
import os
import platform
import re
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 20
CLIENTS = [1, 2, 4, 8, 16, 32, 64]
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


def measure(address, name, path, body, kind, clients):
    tally = Tally()
    start = time.monotonic()
    end = start + SECONDS
    threads = [threading.Thread(target=client, args=(address, path, body, kind, end, tally)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - start
    answered = tally.latencies.get(200, [])
    row = {
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


def main():
    program, out = sys.argv[1], Path(sys.argv[2])
    server = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = re.match(r"http://(\S+)", server.stdout.readline()).group(1)
        image = (ROOT / "samples/rg1.dcm").read_bytes()
        body, kind = form([("image", image)])
        deadline = time.monotonic() + 60
        while True:
            status, headers, answer = post(address, "/v1/sessions", body, kind)
            if status == 201 or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        session = json.loads(answer)["id"]
        kinds = [
            ("phrase in a session", f"/v1/sessions/{session}/ground", *form([("phrase", "mass in the right mid zone")])),
            ("image and report", "/v1/ground", *form([("image", image), ("report", WORDS)])),
        ]
        facts = machine()
        rows = [measure(address, name, path, body, kind, n) for name, path, body, kind in kinds for n in CLIENTS]
    finally:
        server.terminate()
        server.wait()
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out, "w") as file:
        for row in [facts, *rows]:
            file.write(json.dumps(row) + "\n")


main()
