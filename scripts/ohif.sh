#!/usr/bin/env bash
# Shows the structured report of the sample in OHIF, a viewer that others wrote: Orthanc as archive, OHIF in Chromium. Takes a picture, moves a
# box there, and reads the report that OHIF then saves.
#
#   scripts/ohif.sh [PICTURE]
#
# Needs the built binary (cargo build --release), Node 20 with npm, curl, and, on Debian: apt-get install orthanc orthanc-dicomweb dcmtk chromium.
# OHIF (50 MB) and playwright-core come from npm into the target folder. Everything listens on this machine only. Not part of
# scripts/test.sh. The picture is docs/ohif.png unless another is named.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$(realpath "${CARGO_TARGET_DIR:-target}")
knowmvg=$target/release/knowmvg
work=$target/ohif
picture=$(realpath "${1:-docs/ohif.png}")
plugin=/usr/share/orthanc/plugins/libOrthancDicomWeb.so
archive=http://127.0.0.1:18042

die() {
  printf '%s\n' "$*" >&2
  exit 1
}
orthanc=$(command -v Orthanc || echo /usr/sbin/Orthanc)
[ -x "$knowmvg" ] || die "$knowmvg is missing; run: cargo build --release"
[ -x "$orthanc" ] && [ -f "$plugin" ] || die "Orthanc is missing; run: apt-get install orthanc orthanc-dicomweb"

mkdir -p "$work"
cp scripts/browser/package.json "$work/"
[ -d "$work/node_modules/playwright-core" ] || (cd "$work" && npm install --no-save --no-audit --no-fund --silent)
if [ ! -f "$work/package/dist/index.html" ]; then
  (cd "$work" && npm pack --silent @ohif/app@3.13.2 && tar xzf ohif-app-3.13.2.tgz && rm ohif-app-3.13.2.tgz)
fi

# The sample says that its pixels are 0 mm wide, and OHIF believes it: it shows nothing. Without the attribute it counts pixels.
command -v dcmodify >/dev/null || die "dcmodify is missing; run: apt-get install dcmtk"
cp samples/rg1.dcm "$work/image.dcm"
dcmodify --no-backup --erase '(0028,0030)' "$work/image.dcm"
"$knowmvg" ground "$work/image.dcm" --report samples/rg1-report.txt --model models --sr "$work/sr.dcm" >"$work/table.txt"

# Orthanc reads its dictionary from DCMTK's folder, whose name has a version on Debian.
dictionaries=(/usr/share/libdcmtk*)
export DCMDICTPATH=${DCMDICTPATH:-${dictionaries[0]}/dicom.dic}
storage=$(mktemp -d)
cat >"$storage/orthanc.json" <<JSON
{
  "Locale": "C", "Name": "knowmvg-check", "StorageDirectory": "$storage/db", "IndexDirectory": "$storage/db",
  "Plugins": ["$plugin"],
  "HttpPort": 18042, "HttpBindAddresses": ["127.0.0.1"], "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
  "DicomServerEnabled": false,
  "DicomWeb": {"Enable": true, "Root": "/dicom-web/", "EnableWado": true, "Ssl": false}
}
JSON
"$orthanc" "$storage/orthanc.json" >"$work/orthanc.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -r "$storage"' EXIT
until curl -sf "$archive/system" >/dev/null; do
  kill -0 "$server" 2>/dev/null || die "Orthanc did not start; see $work/orthanc.log"
  sleep 0.2
done
for file in "$work/image.dcm" "$work/sr.dcm"; do
  curl -sf --data-binary "@$file" "$archive/instances" >/dev/null || die "Orthanc refuses $file"
done

cp scripts/browser/ohif.mjs "$work/"
node "$work/ohif.mjs" "$work/package/dist" "$archive" "$knowmvg" "$work/sr.dcm" "$picture"
