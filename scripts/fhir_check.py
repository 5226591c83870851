"""Bundles of `knowmvg ground --fhir` against an independent model of FHIR, and against the JSON result.

    python3 scripts/fhir_check.py target/release/knowmvg

Needs fhir.resources (PyPI). Called by scripts/dicom-check.sh.
"""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from fhir.resources.bundle import Bundle as BundleR5
from fhir.resources.R4B.bundle import Bundle as BundleR4B

ROOT = Path(__file__).resolve().parent.parent
EXTENSION = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ImagingSelection.instance"


def ground(program, folder, version):
    out, fhir = folder / "grounding.json", folder / f"{version}.json"
    command = [program, "ground", str(ROOT / "samples/rg1.dcm"), "--report", str(ROOT / "samples/rg1-report.txt")]
    subprocess.run([*command, "--out", str(out), "--fhir", str(fhir), "--fhir-version", version], check=True, capture_output=True)
    return json.loads(out.read_text()), json.loads(fhir.read_text())


def outline(corners):
    x0, y0, x1, y1 = corners
    return [x0, y0, x1, y0, x1, y1, x0, y1, x0, y0]


def resources(bundle, kind):
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def close(found, expected):
    assert len(found) == len(expected) and all(abs(a - b) < 1e-3 for a, b in zip(found, expected)), (found, expected)


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for version, model in (("r5", BundleR5), ("r4", BundleR4B)):
            grounding, bundle = ground(program, folder, version)
            model.model_validate(bundle)
            shown = [f for f in grounding["findings"] if f["boxes"]]
            observations = resources(bundle, "Observation")
            assert len(observations) == len(shown) > 0
            for finding, observation in zip(shown, observations):
                assert observation["note"][0]["text"] == finding["phrase"]["text"]
                shares = [c["valueQuantity"]["value"] for c in observation["component"]]
                close([s / 100 for s in shares], [b["confidence"] for b in finding["boxes"]])
            if version == "r5":
                places = [s["instance"][0]["imageRegion2D"] for s in resources(bundle, "ImagingSelection")]
                found = [[region["coordinate"] for region in regions] for regions in places]
            else:
                extensions = [o["extension"][0] for o in observations]
                assert all(e["url"] == EXTENSION for e in extensions)
                regions = [[r for r in e["extension"] if r["url"] == "imageRegion2D"] for e in extensions]
                found = [[[c["valueDecimal"] for c in r["extension"] if c["url"] == "coordinate"] for r in rs] for rs in regions]
                for media, finding in zip(resources(bundle, "Media"), shown):
                    svg = ElementTree.fromstring(base64.b64decode(media["content"]["data"]))
                    assert len(svg.findall(".//{*}rect")) == len(finding["boxes"])
            for regions, finding in zip(found, shown):
                for region, box in zip(regions, finding["boxes"], strict=True):
                    close(region, outline(box["box"]))
            print(f"FHIR {version}: {len(bundle['entry'])} resources are valid, {sum(map(len, found))} boxes agree")


main()
