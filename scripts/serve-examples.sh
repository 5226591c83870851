#!/usr/bin/env bash
# Runs the commands of docs/serve.md against a server of its own; fails if one of them fails.
#
#   scripts/serve-examples.sh [knowmvg]
#
# Needs curl and Python 3. The program is target/release/knowmvg unless another is named.
set -euo pipefail
program=$(realpath "${1:-target/release/knowmvg}")
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
"$program" serve --listen 127.0.0.1:0 >"$folder/address" 2>"$folder/log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -r "$folder"' EXIT
until [ -s "$folder/address" ]; do
  kill -0 "$server" || { cat "$folder/log"; exit 1; }
  sleep 0.1
done
address=$(cat "$folder/address")

# All blocks but those that start a server, as one script, with this server's address and an answer that must be one.
python3 - "$address" >"$folder/examples.sh" <<'PYTHON'
import re, sys
page = open("docs/serve.md").read()
blocks = [block for block in re.findall(r"```sh\n(.*?)```", page, re.S) if "knowmvg serve" not in block]
print("set -euo pipefail")
print("curl() { command curl --fail-with-body --silent --show-error \"$@\"; }")
print("".join(blocks).replace("http://127.0.0.1:8017", sys.argv[1]).replace("-o ", "-o \"$1\"/"))
PYTHON
bash "$folder/examples.sh" "$folder" >"$folder/out" || { cat "$folder/out" "$folder/log"; exit 1; }
printf '%s bytes of answers; %s requests in the log\n' "$(wc -c <"$folder/out")" "$(wc -l <"$folder/log")"
kill "$server"
wait "$server"
