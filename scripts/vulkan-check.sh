#!/usr/bin/env bash
# Does a Vulkan device find what the CPU finds? Builds with the feature, grounds the sample's report on both, and teaches the
# shipped decoder two epochs of a made-up corpus on both. Not a step of the tests: the build alone takes half an hour on two cores.
#
#   scripts/vulkan-check.sh [MODEL]
#
# MODEL names another model folder, e.g. one with a language model. Needs a GPU and its driver: of the software drivers, Mesa's
# lavapipe 22.3 crashes and SwiftShader is refused, since it computes something else (docs/devices.md).
set -euo pipefail
cd "$(dirname "$0")/.."

model=${1:-models}
cargo build --release --locked --features vulkan
knowmvg=${CARGO_TARGET_DIR:-target}/release/knowmvg
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for device in cpu vulkan; do
  "$knowmvg" ground samples/rg1.dcm --report samples/rg1-report.txt --model "$model" --device "$device" --json >"$scratch/$device.json"
done
python3 - "$scratch/cpu.json" "$scratch/vulkan.json" <<'PYTHON'
import json, sys

cpu, vulkan = (json.load(open(path)) for path in sys.argv[1:])
assert [f["phrase"]["text"] for f in cpu["findings"]] == [f["phrase"]["text"] for f in vulkan["findings"]], "other phrases"
edges, numbers = [], []
for one, other in zip(cpu["findings"] + cpu["anatomy"], vulkan["findings"] + vulkan["anatomy"]):
    boxes = [found.get("boxes", [found]) for found in (one, other)]
    assert len(boxes[0]) == len(boxes[1]), "another number of boxes"
    for a, b in zip(*boxes):
        edges += [abs(p - q) for p, q in zip(a["box"], b["box"])]
        numbers.append(abs(a["confidence"] - b["confidence"]))
print(f"{len(edges) // 4} boxes: edges differ by {max(edges):.2g} px at most, confidences by {max(numbers):.2g}")
assert max(edges) < 0.5 and max(numbers) < 1e-2
PYTHON

"$knowmvg" synth "$scratch/corpus" --images 8
stage='batch = 4
learning_rate = 1e-4
warmup_steps = 1
weight_decay = 0.01
clip = 1.0
ema = 0.9
validate_every = 1
patience = 2'
for device in cpu vulkan; do
  # From the shipped weights: those of a seed are drawn by the device.
  cat >"$scratch/$device.toml" <<TOML
seed = 1
corpus = "corpus"
tower = "$PWD/models/dinov2-small.safetensors"
tokenizer = "$PWD/models/knowmvg.tokenizer.json"
output = "$device"
cache = "features"
[data]
views = 0
inserted = 0
patch_dropout = 0.0
[anatomy]
epochs = 0
$stage
[findings]
epochs = 0
$stage
[adaptation]
init = "$PWD/models/knowmvg.safetensors"
adapters_rate = 1.0
[adaptation.stage]
epochs = 2
$stage
TOML
  "$knowmvg" train "$scratch/$device.toml" --device "$device"
done
python3 - "$scratch/cpu/log.jsonl" "$scratch/vulkan/log.jsonl" <<'PYTHON'
import json, sys

cpu, vulkan = ([json.loads(line)["loss"]["total"] for line in open(path)] for path in sys.argv[1:])
print("loss of each epoch on the CPU", cpu, "and on Vulkan", vulkan)
assert len(cpu) == len(vulkan) == 2 and all(abs(a - b) < 0.02 * abs(a) for a, b in zip(cpu, vulkan))
PYTHON
