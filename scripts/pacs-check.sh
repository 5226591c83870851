#!/usr/bin/env bash
# The whole way through a real archive, with a process that is killed again and again.
#
#   scripts/pacs-check.sh [knowmvg]
#
# Starts Orthanc with DICOMweb on loopback, runs `knowmvg listen` against it, and checks that every study that went in comes
# back with exactly one structured report. Installs Orthanc and DCMTK from Debian's packages if they are missing.
set -euo pipefail
cd "$(dirname "$0")/.."

program=${1:-${CARGO_TARGET_DIR:-target}/release/knowmvg}
packages=(orthanc orthanc-dicomweb dcmtk openssl)

skip() {
  printf 'SKIPPED: the round trip through Orthanc: %s\n' "$*"
  exit 0
}

is_there() {
  command -v Orthanc >/dev/null && command -v dcmsend >/dev/null && command -v dcmodify >/dev/null && command -v openssl >/dev/null &&
    [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ]
}

install_packages() {
  command -v apt-get >/dev/null || skip "it needs ${packages[*]}, and this is no Debian"
  [ "$(id -u)" = 0 ] || skip "it needs ${packages[*]}; install them, or run this as root"
  # Debian starts services when they are installed; this one is only wanted on loopback, and only now.
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null ||
    skip "${packages[*]} could not be installed"
}

is_there || install_packages
is_there || skip "Orthanc, its DICOMweb plugin or DCMTK are not where they should be"
[ -x "$program" ] || { echo "expected a built program: cargo build --release" >&2; exit 1; }
python3 scripts/pacs_check.py "$program"
