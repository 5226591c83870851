#!/usr/bin/env bash
# Every check of this repository, cheapest first; stops at the first that fails.
#
#   scripts/test.sh
#
# Needs Rust 1.95 or later with rustfmt and clippy, and Python 3.11 or later for the licences. No system libraries. What the tests
# need beside that, PostgreSQL, Orthanc and validators of DICOM and FHIR, is installed where that is possible (Debian, root), and what is
# skipped where it is not is said.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

# step <what> <command...>: a heading, the command, and how long it took.
step() {
  local what=$1 started=$SECONDS
  shift
  printf '\n=== %s: %s\n' "$what" "$*"
  "$@" || die "FAILED after $((SECONDS - started)) s: $what ($*)"
  printf -- '--- %s: %s s\n' "$what" "$((SECONDS - started))"
}

# A toolchain may come without rustfmt or clippy; rustup can add them.
require_component() {
  local component=$1 program=$2
  cargo "$program" --version >/dev/null 2>&1 && return
  command -v rustup >/dev/null || die "cargo $program is missing; install the component $component of your Rust toolchain"
  step "install $component" rustup component add "$component"
}

require_python() {
  python3 -c 'import tomllib' 2>/dev/null || die "python3 3.11 or later is missing; scripts/licences.py needs it"
}

command -v cargo >/dev/null || die "cargo is missing; install Rust 1.95 or later from https://rustup.rs"
require_component rustfmt fmt
require_component clippy clippy
require_python

step format cargo fmt --all --check
step "format of fuzz targets" cargo fmt --manifest-path fuzz/Cargo.toml --check
step "licence rules" python3 -m doctest scripts/licences.py
step licences python3 scripts/licences.py
step lint cargo clippy --workspace --all-targets --release --locked -- -D warnings
# The binary has the library's name, so only one of them can have pages: the library.
RUSTDOCFLAGS="-D warnings" step documentation cargo doc --workspace --lib --no-deps --release --locked
step build cargo build --workspace --release --locked
step "database for the tests" scripts/postgres.sh
step tests cargo test --workspace --release --locked --no-fail-fast
step "round trip through an archive" scripts/pacs-check.sh
step "DICOM objects" scripts/dicom-check.sh

printf '\nAll checks passed in %s s.\n' "$SECONDS"
