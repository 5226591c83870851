#!/usr/bin/env bash
# Writes the DICOM objects of the sample, and lets programs that others wrote read and judge them.
#
#   scripts/dicom-check.sh [FOLDER]
#
# Needs the built binary (cargo build --release). What else is missing is installed: dcmtk and dicom3tools by apt, where this is Debian
# and run by root, and pydicom and highdicom by pip into an environment of their own in the target folder. What cannot be installed is
# skipped, by name. The files stay in FOLDER (by default in the target folder). Ends with 1 if anything is wrong.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
knowmvg=$target/release/knowmvg
folder=${1:-$target/dicom-check}
venv=$target/dicom-check-venv
# One moment for all runs, so that the files are the same.
moment=2026-01-02T03:04:05-04:00

die() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

skipped=()
skip() {
  skipped+=("$*")
  printf 'SKIPPED: %s\n' "$*"
}

# have_apt <package...>: installs Debian packages, if that is possible here.
have_apt() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

have_tools() {
  command -v dciodvfy >/dev/null && command -v dsrdump >/dev/null && return
  have_apt dcmtk dicom3tools && command -v dciodvfy >/dev/null && command -v dsrdump >/dev/null
}

have_python() {
  "$venv/bin/python" -c 'import highdicom, pydicom' 2>/dev/null && return
  # Debian keeps the module that makes environments in a package of its own.
  python3 -m venv --clear "$venv" 2>/dev/null || { have_apt python3-venv && python3 -m venv --clear "$venv"; } || return 1
  "$venv/bin/pip" install --quiet --disable-pip-version-check pydicom==3.0.2 highdicom==0.28.2
}

# judged <file>: dciodvfy finds no error.
judged() {
  local said
  said=$(dciodvfy "$1" 2>&1 || true)
  # The same warning is given for each of many codes.
  printf -- '--- dciodvfy %s\n%s\n' "${1##*/}" "$(sort <<<"$said" | uniq -c)"
  ! grep -q '^Error' <<<"$said" || die "dciodvfy found errors in $1"
  # It names the kind of object that it took the file for; without that it has judged nothing.
  grep -Eq '^(Comprehensive3DSR|ComprehensiveSR|GrayscaleSoftcopyPresentationState|SCImage)$' <<<"$said" ||
    die "dciodvfy does not know what $1 is"
}

[ -x "$knowmvg" ] || die "$knowmvg is missing; run: cargo build --release"
mkdir -p "$folder"
ground() {
  "$knowmvg" ground samples/rg1.dcm --report samples/rg1-report.txt --content-time "$moment" --model models "$@" 2>/dev/null
}
printf '=== write\n'
ground --json --sr "$folder/sr.dcm" --gsps "$folder/gsps.dcm" --sc "$folder/sc.dcm" >"$folder/grounding.json"
ground --sr "$folder/sr-comprehensive.dcm" --sr-class comprehensive >/dev/null
ground --sr "$folder/again.dcm" >/dev/null
cmp "$folder/sr.dcm" "$folder/again.dcm" || die "the same input gave other bytes"
"$knowmvg" sr "$folder/sr.dcm"

printf '\n=== dcmtk, dicom3tools\n'
if have_tools; then
  for name in sr sr-comprehensive gsps sc; do judged "$folder/$name.dcm"; done
  printf -- '--- dsrdump\n'
  dsrdump +Pl +Pc "$folder/sr.dcm" >"$folder/dsrdump.txt"
  dsrdump "$folder/sr-comprehensive.dcm" >/dev/null
  printf '%s content items, of these %s regions\n' "$(grep -c '<' "$folder/dsrdump.txt")" "$(grep -c '<.*SCOORD' "$folder/dsrdump.txt")"
  printf -- '--- dcmpschk\n'
  dcmpschk "$folder/gsps.dcm" 2>&1 | tee "$folder/dcmpschk.txt"
  grep -q 'Test passed' "$folder/dcmpschk.txt" || die "dcmpschk finds the presentation state wrong"
else
  skip "dciodvfy, dsrdump (dcmtk and dicom3tools are not installed, and there is no apt-get, or this is not root)"
fi

printf '\n=== pydicom, highdicom\n'
if have_python; then
  "$venv/bin/python" scripts/dicom_check.py "$knowmvg" "$folder"
else
  skip "pydicom, highdicom (no Python environment can be made, or pip reaches no registry)"
fi

printf '\n'
[ ${#skipped[@]} = 0 ] && printf 'Everything agrees.\n' || printf 'What was checked agrees; skipped: %s\n' "${skipped[@]}"
