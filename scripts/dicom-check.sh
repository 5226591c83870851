#!/usr/bin/env bash
# Writes the DICOM objects and FHIR bundles of the sample, and lets programs that others wrote read and judge them.
#
#   scripts/dicom-check.sh [FOLDER]
#
# Needs the built binary (cargo build --release). What else is missing is installed: dcmtk and dicom3tools by apt, where this is Debian
# and run by root, and pydicom, highdicom, fhir.resources and the tables of dicom-anonymizer by pip into an environment of their own in the target folder. What cannot be installed is
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
  "$venv/bin/python" -c 'import fhir.resources, highdicom, importlib.util, pydicom; assert importlib.util.find_spec("dicomanonymizer")' 2>/dev/null && return
  # Debian keeps the module that makes environments in a package of its own.
  python3 -m venv --clear "$venv" 2>/dev/null || { have_apt python3-venv && python3 -m venv --clear "$venv"; } || return 1
  "$venv/bin/pip" install --quiet --disable-pip-version-check pydicom==3.0.2 highdicom==0.28.2 fhir.resources==8.3.0 &&
    # Only its tables are read, so what it would need to run is left out.
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps dicom-anonymizer==2.1.0
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

# no_new_errors <original> <file>: dciodvfy finds no error in the file that the original has not.
no_new_errors() {
  local before after
  before=$(dciodvfy "$1" 2>&1 | grep '^Error' | sort -u || true)
  after=$(dciodvfy "$2" 2>&1 | grep '^Error' | sort -u || true)
  local new
  new=$(comm -13 <(printf '%s\n' "$before") <(printf '%s\n' "$after"))
  # The other lines say what kind of object it took the file for.
  [ "$(dciodvfy "$1" 2>&1 | grep -Ev '^(Error|Warning)')" = "$(dciodvfy "$2" 2>&1 | grep -Ev '^(Error|Warning)')" ] ||
    die "dciodvfy takes the de-identified ${1##*/} for another kind of object"
  [ -z "$new" ] || die "dciodvfy finds in the de-identified ${1##*/}: $new"
  printf '%s: %s errors before, none new\n' "${1##*/}" "$(grep -c . <<<"$before" || true)"
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

printf '\n=== de-identify\n'
outgoing=$folder/outgoing
rm -rf "$outgoing"
mkdir -p "$outgoing"
rm -f "$folder/key"
# The capture says that text is burned in, which is our own.
"$knowmvg" deidentify samples/rg1.dcm "$folder"/{sr,sr-comprehensive,gsps,sc}.dcm --out "$outgoing" --key "$folder/key" --new-key \
  --clean-structured-content --allow-burned-in --json >"$outgoing/listed.json"
boxes() { "$knowmvg" sr --json "$1" | python3 -c 'import json, sys; print([group["boxes"] for group in json.load(sys.stdin)])'; }
# outgoing_of <name>: the de-identified file of an original.
outgoing_of() {
  python3 -c 'import json, sys; print(*(f["out"] for f in json.load(open(sys.argv[1]))["files"] if f["file"].endswith("/" + sys.argv[2])))' \
    "$outgoing/listed.json" "$1"
}
[ "$(boxes "$folder/sr.dcm")" = "$(boxes "$(outgoing_of sr.dcm)")" ] || die "the de-identified report has other boxes"

printf '\n=== dcmtk, dicom3tools\n'
if have_tools; then
  for name in sr sr-comprehensive gsps sc; do judged "$folder/$name.dcm"; done
  printf -- '--- dciodvfy, de-identified\n'
  no_new_errors samples/rg1.dcm "$(outgoing_of rg1.dcm)"
  for name in sr sr-comprehensive gsps sc; do no_new_errors "$folder/$name.dcm" "$(outgoing_of "$name.dcm")"; done
  dsrdump "$(outgoing_of sr.dcm)" >/dev/null
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

printf '\n=== pydicom, highdicom, fhir.resources\n'
if have_python; then
  "$venv/bin/python" scripts/dicom_check.py "$knowmvg" "$folder"
  "$venv/bin/python" scripts/fhir_check.py "$knowmvg"
  "$venv/bin/python" scripts/deidentify_check.py "$outgoing" crates/knowmvg-dicom/src/deidentify/table.txt
else
  skip "pydicom, highdicom, fhir.resources (no Python environment can be made, or pip reaches no registry)"
fi

printf '\n'
[ ${#skipped[@]} = 0 ] && printf 'Everything agrees.\n' || printf 'What was checked agrees; skipped: %s\n' "${skipped[@]}"
